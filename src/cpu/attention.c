/* attention and attention_grad on f32 without a matrix of weights: blocks of queries against blocks of keys, whose scores stay in
 * the second cache, with a running maximum and sum (Dao et al. 2022; Milakov, Gimelshein 2018). Products are the register tiles of
 * gemm.h on packed blocks; where bf16 is asked for and the processor has matrix registers, theirs, of operands that are rounded when
 * they are packed. Blocks that no query sees are passed over. For a few queries, a token behind those that were kept, keys and values
 * are read as they lie.
 *
 * Forward, a chunk is a block of queries of one head. Backward it is one head of keys with all queries that read it, if there are
 * heads enough; else first a block of keys (dk, dv), then a block of queries (dq), each of which makes the weights again. Which way
 * depends on the shape alone. Dropout's factors are made again by their numbers. */
#include "cpu/core/elem_tile.h"
#include "cpu/core/gemm_kernels.h"
#include "cpu/core/kernels.h"
#include "cpu/core/par.h"
#include "cpu/core/softmax.h"

#include "base/philox.h"

#include <math.h>
#include <string.h>

enum { ROWS = 64, KEYS = 64, MANY_HEADS = 8, FEW = 4 };

extern void cpu_elem_dropout_portable(cpu_elem_call *t);
#if CPU_X86
extern void cpu_elem_dropout_avx2(cpu_elem_call *t), cpu_elem_dropout_avx512(cpu_elem_call *t);
#endif

/* Rows of an operand: of each head, and from one to the next. */
typedef struct rows {
    const int64_t *head;
    int64_t row;
} rows;

typedef struct plan {
    const gemm_kernels *gemm, *whole; /* whole: of the matrix registers, or NULL */
    const cpu_softmax_fns *fns;
    cpu_elem_tile dropout;
    int threads;
    int64_t heads, groups, l, s, e, f; /* heads of q */
    int64_t block;                     /* queries in a block */
    int64_t width_e, width_f;          /* e and f up to whole tiles */
    rows q, k, v, dy, y, mask, out;
    int64_t mask_col;
    tn_dtype mask_dtype; /* TN_NONE: no mask */
    bool causal, split;  /* split: backward in two goes */
    bool few; /* forward: so few queries that packing keys for them takes longer than reading these as they lie */
    int64_t window, shift, stream;
    float scale;
    double p;
    int64_t room,
        space; /* floats of scratch for a thread; where in it `whole` packs a block of rows and leaves a tile */
} plan;

typedef struct job {
    const plan *p;
    const float *q, *k, *v, *dy, *y, *lse, *dlse;
    const void *mask;
    float *out, *out_lse, *dq, *dk, *dv;
    float *scratch, *all; /* all: what is taken from d, by query row */
    uint64_t key, step;
} job;

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* ---- pieces -------------------------------------------------------------------------------------------------------- */

static int64_t round_up(int64_t n, int64_t unit)
{
    return (n + unit - 1) / unit * unit;
}

/* Floats from a packed panel of k rows to the next. */
static int64_t panel(const plan *p, int64_t k)
{
    const gemm_kernels *w = p->whole;
    return w ? round_up(k, w->k_unit) * w->nr * w->packed / (int64_t)sizeof(float) : p->gemm->nr * k;
}

/* The matrix registers want rows packed too, and leave whole tiles, which are finished from there. */
static void multiply_whole(const plan *p, float *space, int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row,
                           int64_t a_col, const float *b, const gemm_finish *end)
{
    const gemm_kernels *g = p->whole;
    const int64_t step = panel(p, k), side = g->nr;
    float *tile = space, *packed = tile + side * side;
    const gemm_end plain = {.alpha = 1};
    for (int64_t i = 0; i < m; i += side)
        g->pack_a(packed + i / side * step, side, a + i * a_row, TN_F32, a_row, a_col, least(side, m - i), k);
    for (int64_t j = 0; j < n; j += side)
        for (int64_t i = 0; i < m; i += side) {
            gemm_finish f = *end;
            f.from = tile;
            f.from_row = side;
            f.m = least(side, m - i);
            f.n = least(side, n - j);
            f.c = (float *)end->c + i * end->c_row + j;
            g->tile(f.m, f.n, round_up(k, g->k_unit), packed + i / side * step, 1, side, b + j / side * step, side,
                    tile, side, &plain);
            p->gemm->finish(&f);
        }
}

/* c[m][n] (+)= alpha * a b, b packed in panels of the tile's width, each of k rows. */
static void multiply(const plan *p, float *space, int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row,
                     int64_t a_col, const float *b, float *c, int64_t c_row, float alpha, bool add)
{
    const gemm_kernels *g = p->gemm;
    const gemm_end end = {.alpha = (double)alpha, .add = add};
    if (p->whole) {
        const gemm_finish f = {.c = c, .c_row = c_row, .c_col = 1, .c_dtype = TN_F32, .end = end};
        multiply_whole(p, space, m, n, k, a, a_row, a_col, b, &f);
        return;
    }
    for (int64_t j = 0; j < n; j += g->nr)
        for (int64_t i = 0; i < m; i += g->mr)
            g->tile(least(g->mr, m - i), least(g->nr, n - j), k, a + i * a_row, a_row, a_col, b + j * k, g->nr,
                    c + i * c_row + j, c_row, &end);
}

/* The columns of x[m][n] as panels with m rows; the rows as panels with n rows. */
static void pack_columns(const plan *p, float *to, const float *x, int64_t row, int64_t m, int64_t n)
{
    const gemm_kernels *g = p->whole ? p->whole : p->gemm;
    for (int64_t j = 0; j < n; j += g->nr)
        g->pack_b(to + j / g->nr * panel(p, m), g->nr, x + j, TN_F32, 1, row, least(g->nr, n - j), m);
}

static void pack_rows(const plan *p, float *to, const float *x, int64_t row, int64_t m, int64_t n)
{
    const gemm_kernels *g = p->whole ? p->whole : p->gemm;
    for (int64_t i = 0; i < m; i += g->nr)
        g->pack_b(to + i / g->nr * panel(p, n), g->nr, x + i * row, TN_F32, row, 1, least(g->nr, m - i), n);
}

static void enter(const plan *p)
{
    if (p->whole)
        p->whole->enter();
}

static void leave(const plan *p)
{
    if (p->whole)
        p->whole->leave();
}

/* The keys that query i may see: from *low up to *high. */
static void sight(const plan *p, int64_t i, int64_t *low, int64_t *high)
{
    int64_t at = i + p->shift;
    *low = p->window && at - p->window >= 0 ? at - p->window + 1 : 0;
    *high = p->causal ? at + 1 : p->window ? at + p->window : p->s;
    *low = least(*low, p->s);
    *high = *high < *low ? *low : least(*high, p->s);
}

/* Whether any of these queries sees any of these keys: both ends of what is seen rise with the query. */
static bool meets(const plan *p, int64_t i, int64_t m, int64_t j, int64_t n)
{
    int64_t low, high, none;
    sight(p, i, &low, &none);
    sight(p, i + m - 1, &none, &high);
    return j < high && j + n > low;
}

static void mask_row(const job *t, int64_t head, int64_t i, int64_t j, int64_t n, float *s)
{
    const plan *p = t->p;
    int64_t low, high, at = p->mask_dtype ? p->mask.head[head] + i * p->mask.row + j * p->mask_col : 0;
    const float *add = p->mask_dtype == TN_F32 ? (const float *)t->mask + at : NULL;
    const uint8_t *sees = p->mask_dtype == TN_BOOL ? (const uint8_t *)t->mask + at : NULL;
    for (int64_t k = 0; add && k < n; k++)
        s[k] += add[k * p->mask_col];
    for (int64_t k = 0; sees && k < n; k++)
        s[k] = sees[k * p->mask_col] ? s[k] : -INFINITY;
    if (!p->causal && !p->window)
        return;
    sight(p, i, &low, &high);
    for (int64_t k = 0; k < n && j + k < low; k++)
        s[k] = -INFINITY;
    for (int64_t k = high > j ? high - j : 0; k < n; k++)
        s[k] = -INFINITY;
}

/* Dropout's factors of n weights of a row. */
static void factors(const job *t, int64_t head, int64_t i, int64_t j, int64_t n, float *to)
{
    const plan *p = t->p;
    cpu_elem_call c = {.dst = to,
                       .n = n,
                       .arg = &p->p,
                       .key = t->key,
                       .step = t->step,
                       .index = (head * p->l + i) * p->s + j,
                       .stride = 1};
    p->dropout(&c);
}

static void drop(const job *t, int64_t head, int64_t i, int64_t j, int64_t n, const float *from, float *to)
{
    float f[KEYS];
    factors(t, head, i, j, n, f);
    for (int64_t k = 0; k < n; k++)
        to[k] = from[k] * f[k];
}

/* ---- forward ------------------------------------------------------------------------------------------------------- */

/* A row of scores becomes weights under the new maximum; what was summed before is brought to it. */
static void weigh(const plan *p, float *s, int64_t n, float *most, double *sum, float *y)
{
    float top = p->fns->top(s, n), now = top > *most ? top : *most;
    if (now == -INFINITY) {
        bool nothing = true;
        for (int64_t k = 0; k < n; k++)
            nothing &= s[k] == -INFINITY;
        for (int64_t k = 0; nothing && k < n; k++)
            s[k] = 0;
        if (nothing)
            return;
    }
    if (now != *most && *sum != 0) {
        float by = expf(*most - now);
        *sum *= (double)by;
        p->fns->scale(y, p->f, by, y);
    }
    *most = now;
    *sum += p->fns->exps(s, n, now, s);
}

/* s[m][n] of n keys; kt: room for these, packed. */
static void scores(const plan *p, float *space, int64_t m, int64_t n, const float *q, const float *k, float *kt,
                   float *s)
{
    if (!p->few) {
        pack_rows(p, kt, k, p->k.row, n, p->e);
        multiply(p, space, m, n, p->e, q, p->q.row, 1, kt, s, KEYS, p->scale, false);
        return;
    }
    p->gemm->dot(m, n, p->e, q, p->q.row, k, TN_F32, p->k.row, s, KEYS);
    for (int64_t i = 0; i < m; i++)
        p->fns->scale(s + i * KEYS, n, p->scale, s + i * KEYS);
}

/* y[m] += s[m][n] times n rows of v; vp: room for these, packed. */
static void add_values(const plan *p, float *space, int64_t m, int64_t n, const float *s, const float *v, float *vp,
                       float *y)
{
    if (!p->few) {
        pack_columns(p, vp, v, p->v.row, n, p->f);
        multiply(p, space, m, p->f, n, s, KEYS, 1, vp, y, p->out.row, 1, true);
        return;
    }
    for (int64_t i = 0; i < m; i++) {
        p->gemm->row(p->f, n, s + i * KEYS, v, TN_F32, p->v.row, vp);
        for (int64_t c = 0; c < p->f; c++)
            y[i * p->out.row + c] += vp[c];
    }
}

static void forward_chunk(void *arg, int64_t chunk, int thread)
{
    const job *t = arg;
    const plan *p = t->p;
    int64_t blocks = (p->l + p->block - 1) / p->block, head = chunk / blocks, i0 = chunk % blocks * p->block;
    int64_t m = least(p->block, p->l - i0);
    float *s = t->scratch + thread * p->room, *space = s + p->space, *kt = s + ROWS * KEYS, *vp = kt + KEYS * p->e;
    float most[ROWS];
    const float *q = t->q + p->q.head[head] + i0 * p->q.row, *k = t->k + p->k.head[head / p->groups],
                *v = t->v + p->v.head[head / p->groups];
    float *y = t->out + p->out.head[head] + i0 * p->out.row;
    double sum[ROWS] = {0};
    enter(p);
    for (int64_t i = 0; i < m; i++) {
        memset(y + i * p->out.row, 0, (size_t)p->f * sizeof *y);
        most[i] = -INFINITY;
    }
    for (int64_t j = 0; j < p->s; j += KEYS) {
        int64_t n = least(KEYS, p->s - j);
        if (!meets(p, i0, m, j, n))
            continue;
        scores(p, space, m, n, q, k + j * p->k.row, kt, s);
        for (int64_t i = 0; i < m; i++) {
            mask_row(t, head, i0 + i, j, n, s + i * KEYS);
            weigh(p, s + i * KEYS, n, &most[i], &sum[i], y + i * p->out.row);
            if (p->p > 0)
                drop(t, head, i0 + i, j, n, s + i * KEYS, s + i * KEYS);
        }
        add_values(p, space, m, n, s, v + j * p->v.row, vp, y);
    }
    leave(p);
    for (int64_t i = 0; i < m; i++) {
        t->out_lse[head * p->l + i0 + i] = sum[i] == 0 ? -INFINITY : (float)((double)most[i] + log(sum[i]));
        if (sum[i] != 0)
            p->fns->scale(y + i * p->out.row, p->f, (float)(1 / sum[i]), y + i * p->out.row);
    }
}

/* ---- backward ------------------------------------------------------------------------------------------------------ */

/* A thread's scratch. */
typedef struct desk {
    float *s, *d, *dropped;      /* [ROWS][KEYS] */
    float *kt, *vt, *k, *q, *dy; /* packed */
    float *space;
} desk;

static desk desk_of(const job *t, int thread)
{
    const plan *p = t->p;
    desk k = {.s = t->scratch + thread * p->room};
    k.d = k.s + ROWS * KEYS;
    k.dropped = k.d + ROWS * KEYS;
    k.kt = k.dropped + ROWS * KEYS;
    k.vt = k.kt + KEYS * p->e;
    k.k = k.vt + KEYS * p->f;
    k.q = k.k + KEYS * p->width_e;
    k.dy = k.q + ROWS * p->width_e;
    k.space = k.s + p->space;
    return k;
}

static void pack_keys(const job *t, const desk *w, int64_t head, int64_t j, int64_t n, bool dq)
{
    const plan *p = t->p;
    const float *k = t->k + p->k.head[head] + j * p->k.row, *v = t->v + p->v.head[head] + j * p->v.row;
    pack_rows(p, w->kt, k, p->k.row, n, p->e);
    pack_rows(p, w->vt, v, p->v.row, n, p->f);
    if (dq)
        pack_columns(p, w->k, k, p->k.row, n, p->e);
}

/* Weights (dropped: with dropout) and slopes of a block, in w->s (w->dropped) and w->d. */
static const float *slopes(const job *t, const desk *w, int64_t head, int64_t i0, int64_t m, int64_t j, int64_t n)
{
    const plan *p = t->p;
    multiply(p, w->space, m, n, p->e, t->q + p->q.head[head] + i0 * p->q.row, p->q.row, 1, w->kt, w->s, KEYS, p->scale,
             false);
    multiply(p, w->space, m, n, p->f, t->dy + p->dy.head[head] + i0 * p->dy.row, p->dy.row, 1, w->vt, w->d, KEYS, 1,
             false);
    for (int64_t i = 0; i < m; i++) {
        float *s = w->s + i * KEYS, *d = w->d + i * KEYS, lse = t->lse[head * p->l + i0 + i];
        mask_row(t, head, i0 + i, j, n, s);
        p->fns->exps(s, n, lse == -INFINITY ? 0 : lse, s);
        if (p->p > 0) {
            drop(t, head, i0 + i, j, n, s, w->dropped + i * KEYS);
            drop(t, head, i0 + i, j, n, d, d);
        }
        p->fns->grad(s, d, n, t->all[head * p->l + i0 + i], d);
    }
    return p->p > 0 ? w->dropped : w->s;
}

/* All of one block of keys: dk and dv from every query that reads them, and dq if it is wanted. */
static void keys_block(const job *t, const desk *w, int64_t key_head, int64_t j, bool dq)
{
    const plan *p = t->p;
    int64_t n = least(KEYS, p->s - j);
    float *dk = t->dk + (key_head * p->s + j) * p->e, *dv = t->dv + (key_head * p->s + j) * p->f;
    memset(dk, 0, (size_t)(n * p->e) * sizeof *dk);
    memset(dv, 0, (size_t)(n * p->f) * sizeof *dv);
    pack_keys(t, w, key_head, j, n, dq);
    for (int64_t head = key_head * p->groups; head < (key_head + 1) * p->groups; head++)
        for (int64_t i = 0; i < p->l; i += p->block) {
            int64_t m = least(p->block, p->l - i);
            if (!meets(p, i, m, j, n))
                continue;
            const float *weights = slopes(t, w, head, i, m, j, n);
            pack_columns(p, w->dy, t->dy + p->dy.head[head] + i * p->dy.row, p->dy.row, m, p->f);
            multiply(p, w->space, n, p->f, m, weights, 1, KEYS, w->dy, dv, p->f, 1, true);
            pack_columns(p, w->q, t->q + p->q.head[head] + i * p->q.row, p->q.row, m, p->e);
            multiply(p, w->space, n, p->e, m, w->d, 1, KEYS, w->q, dk, p->e, p->scale, true);
            if (dq)
                multiply(p, w->space, m, p->e, n, w->d, KEYS, 1, w->k, t->dq + (head * p->l + i) * p->e, p->e, p->scale,
                         true);
        }
}

static void head_chunk(void *arg, int64_t chunk, int thread)
{
    const job *t = arg;
    const plan *p = t->p;
    desk w = desk_of(t, thread);
    memset(t->dq + chunk * p->groups * p->l * p->e, 0, (size_t)(p->groups * p->l * p->e) * sizeof *t->dq);
    enter(p);
    for (int64_t j = 0; j < p->s; j += KEYS)
        keys_block(t, &w, chunk, j, true);
    leave(p);
}

static void keys_chunk(void *arg, int64_t chunk, int thread)
{
    const job *t = arg;
    desk w = desk_of(t, thread);
    int64_t blocks = (t->p->s + KEYS - 1) / KEYS;
    enter(t->p);
    keys_block(t, &w, chunk / blocks, chunk % blocks * KEYS, false);
    leave(t->p);
}

static void queries_chunk(void *arg, int64_t chunk, int thread)
{
    const job *t = arg;
    const plan *p = t->p;
    desk w = desk_of(t, thread);
    int64_t blocks = (p->l + p->block - 1) / p->block, head = chunk / blocks, i = chunk % blocks * p->block;
    int64_t m = least(p->block, p->l - i);
    float *dq = t->dq + (head * p->l + i) * p->e;
    memset(dq, 0, (size_t)(m * p->e) * sizeof *dq);
    enter(p);
    for (int64_t j = 0; j < p->s; j += KEYS) {
        int64_t n = least(KEYS, p->s - j);
        if (!meets(p, i, m, j, n))
            continue;
        pack_keys(t, &w, head / p->groups, j, n, true);
        slopes(t, &w, head, i, m, j, n);
        multiply(p, w.space, m, p->e, n, w.d, KEYS, 1, w.k, dq, p->e, p->scale, true);
    }
    leave(p);
}

/* sum(dy * y) - dlse of every query row of a head. */
static void sums_chunk(void *arg, int64_t head, int thread)
{
    const job *t = arg;
    const plan *p = t->p;
    (void)thread;
    for (int64_t i = 0; i < p->l; i++) {
        double sum = p->fns->dot(t->dy + p->dy.head[head] + i * p->dy.row, t->y + p->y.head[head] + i * p->y.row, p->f);
        t->all[head * p->l + i] = (float)sum - (t->dlse ? t->dlse[head * p->l + i] : 0);
    }
}

/* ---- binding ------------------------------------------------------------------------------------------------------- */

static bool keeps(const graph_node *node, bool training)
{
    (void)training;
    for (int i = 0; i < node->n_in; i++)
        if (node->in[i] && node->in[i]->type.dtype != TN_F32 && node->in[i]->type.dtype != TN_BOOL)
            return false;
    return true;
}

static bool accepts(const kernel_bind *b)
{
    for (int i = 0; i < b->n_in; i++)
        if (b->in[i].dtype && b->in[i].rank >= 2 && kernel_count(&b->in[i]) == 0)
            return false;
    return true;
}

/* Rows as they lie, if their elements are neighbours; a mask in any way. */
static kernel_layout want(const kernel_bind *b, int i)
{
    const kernel_operand *x = &b->in[i];
    bool grad = b->n_out == 3;
    if (i == (grad ? 4 : 3))
        return KERNEL_ANY;
    if (grad && i >= 6)
        return KERNEL_ROW_MAJOR;
    return x->rank && (x->strides[x->rank - 1] == 1 || x->dims[x->rank - 1] == 1) ? KERNEL_ANY : KERNEL_ROW_MAJOR;
}

/* Where the heads of x begin, its leading axes being broadcast to those of q. */
static bool find_rows(kernel_bind *b, const kernel_operand *x, const kernel_operand *q, int64_t heads, rows *r)
{
    int64_t *head = BASE_ARRAY(b->arena, int64_t, heads + 1);
    int back = q->rank - x->rank;
    for (int64_t h = 0; head && h < heads; h++) {
        int64_t rest = h;
        for (int a = q->rank - 3; a >= 0; a--) {
            int64_t at = rest % q->dims[a];
            rest /= q->dims[a];
            if (a - back >= 0 && x->dims[a - back] != 1)
                head[h] += at * x->strides[a - back];
        }
    }
    bool many = x->rank > 1 && x->dims[x->rank - 2] != 1;
    *r = (rows){head, many ? x->strides[x->rank - 2] : 0};
    return head;
}

static void choose(plan *p, cpu_isa isa, bool narrow)
{
    p->gemm = CPU_OF_ISA(isa, &gemm_f32);
#if CPU_X86
    enum { LEAST = 64 }; /* shorter rows are packed longer than they are multiplied */
    p->whole = narrow && isa >= CPU_AVX512_BF16 && p->e >= LEAST && p->f >= LEAST ? CPU_OF_AMX(isa, &gemm_bf16) : NULL;
#else
    (void)narrow;
#endif
    p->dropout = CPU_OF_ISA(isa, cpu_elem_dropout);
    p->fns = cpu_softmax_fns_of(isa);
}

static const char *whole_name(const kernel_bind *b)
{
    return (cpu_isa)b->isa < CPU_AMX_PAIRS ? "bf16" : "amx";
}

static plan *plan_of(kernel_bind *b, const kernel_operand *q, const kernel_operand *k, const kernel_operand *v,
                     const kernel_operand *mask)
{
    plan *p = BASE_NEW(b->arena, plan);
    int r = q->rank;
    if (!p)
        return NULL;
    const double scale = cpu_arg_float(b->node, "scale");
    *p = (plan){.threads = b->threads,
                .heads = 1,
                .groups = r > 2 ? q->dims[r - 3] / k->dims[r - 3] : 1,
                .l = q->dims[r - 2],
                .s = k->dims[r - 2],
                .e = q->dims[r - 1],
                .f = v->dims[r - 1],
                .causal = cpu_arg_int(b->node, "causal") != 0,
                .window = cpu_arg_int(b->node, "window"),
                .stream = cpu_arg_int(b->node, "stream"),
                .p = b->training ? cpu_arg_float(b->node, "p") : 0,
                .mask_dtype = mask->dtype};
    for (int a = 0; a < r - 2; a++)
        p->heads *= q->dims[a];
    choose(p, (cpu_isa)b->isa, b->precision == TN_PRECISION_BF16);
    p->scale = (float)(scale != 0 ? scale : 1 / sqrt((double)p->e));
    p->shift = cpu_arg_int(b->node, "from_end") ? p->s - p->l : 0;
    int64_t blocks = (p->l + ROWS - 1) / ROWS;
    p->block = (p->l + blocks - 1) / blocks;
    p->width_e = (p->e + p->gemm->nr - 1) / p->gemm->nr * p->gemm->nr;
    p->width_f = (p->f + p->gemm->nr - 1) / p->gemm->nr * p->gemm->nr;
    bool good = find_rows(b, q, q, p->heads, &p->q) && find_rows(b, k, k, p->heads / p->groups, &p->k) &&
                find_rows(b, v, v, p->heads / p->groups, &p->v);
    if (mask->dtype) {
        good = good && find_rows(b, mask, q, p->heads, &p->mask);
        p->mask_col = mask->rank && mask->dims[mask->rank - 1] != 1 ? mask->strides[mask->rank - 1] : 0;
    }
    return good ? p : NULL;
}

static size_t room_for(plan *p, int64_t floats)
{
    const int64_t longest = p->e > p->f ? p->e : p->f;
    p->space = round_up(floats, 16);
    p->room = p->space;
    if (p->whole) {
        const int64_t side = p->whole->nr;
        p->room += side * side + ROWS / side * panel(p, longest > ROWS ? longest : ROWS);
    }
    return (size_t)(p->room * (p->threads > 1 ? p->threads : 1)) * sizeof(float);
}

static tn_status prepare(kernel_bind *b)
{
    plan *p = plan_of(b, &b->in[0], &b->in[1], &b->in[2], &b->in[3]);
    kernel_operand *y = &b->out[0];
    int r = y->rank;
    if (r > 2) { /* heads side by side in a row, as the layer behind wants them */
        y->strides[r - 3] = y->dims[r - 1];
        y->strides[r - 2] = y->dims[r - 1] * y->dims[r - 3];
    }
    if (!p || !find_rows(b, y, y, p->heads, &p->out))
        return base_no_memory(b->error, "preparing a kernel");
    p->few = p->l <= FEW && !(p->whole && b->training); /* gradients round as the forward pass did */
    p->whole = p->few ? NULL : p->whole;
    b->scratch = room_for(p, ROWS * KEYS + KEYS * (p->e + p->width_f));
    b->plan = p;
    b->path = p->few ? "rows" : p->whole ? whole_name(b) : "blocks";
    return TN_OK;
}

static tn_status prepare_grad(kernel_bind *b)
{
    plan *p = plan_of(b, &b->in[1], &b->in[2], &b->in[3], &b->in[4]);
    if (!p || !find_rows(b, &b->in[0], &b->in[0], p->heads, &p->dy) ||
        !find_rows(b, &b->in[5], &b->in[5], p->heads, &p->y))
        return base_no_memory(b->error, "preparing a kernel");
    p->split = p->heads / p->groups < MANY_HEADS;
    b->scratch = room_for(p, 3 * ROWS * KEYS + KEYS * (p->e + p->f + p->width_e) + ROWS * (p->width_e + p->width_f));
    b->scratch += (size_t)(p->heads * p->l) * sizeof(float);
    b->plan = p;
    b->path = p->whole ? whole_name(b) : p->split ? "blocks" : "heads";
    return TN_OK;
}

static void run(const kernel_call *c)
{
    const plan *p = c->plan;
    job t = {.p = p,
             .q = c->in[0],
             .k = c->in[1],
             .v = c->in[2],
             .mask = c->in[3],
             .out = c->out[0],
             .out_lse = c->out[1],
             .scratch = c->scratch,
             .key = base_philox_key(c->seed, (uint64_t)p->stream),
             .step = c->step};
    cpu_parallel(p->threads, p->heads * ((p->l + p->block - 1) / p->block), forward_chunk, &t);
}

static void run_grad(const kernel_call *c)
{
    const plan *p = c->plan;
    int64_t keys = (p->s + KEYS - 1) / KEYS, queries = (p->l + p->block - 1) / p->block;
    job t = {.p = p,
             .dy = c->in[0],
             .q = c->in[1],
             .k = c->in[2],
             .v = c->in[3],
             .mask = c->in[4],
             .y = c->in[5],
             .lse = c->in[6],
             .dlse = c->in[7],
             .dq = c->out[0],
             .dk = c->out[1],
             .dv = c->out[2],
             .scratch = c->scratch,
             .key = base_philox_key(c->seed, (uint64_t)p->stream),
             .step = c->step};
    t.all = t.scratch + p->room * (p->threads > 1 ? p->threads : 1);
    cpu_parallel(p->threads, p->heads, sums_chunk, &t);
    if (!p->split) {
        cpu_parallel(p->threads, p->heads / p->groups, head_chunk, &t);
        return;
    }
    cpu_parallel(p->threads, p->heads / p->groups * keys, keys_chunk, &t);
    cpu_parallel(p->threads, p->heads * queries, queries_chunk, &t);
}

const kernel cpu_kernels_attention[] = {{.op = "attention",
                                         .name = "attention/blocks",
                                         .keeps = keeps,
                                         .accepts = accepts,
                                         .want = want,
                                         .prepare = prepare,
                                         .run = run},
                                        {.op = "attention_grad",
                                         .name = "attention_grad/blocks",
                                         .keeps = keeps,
                                         .accepts = accepts,
                                         .want = want,
                                         .prepare = prepare_grad,
                                         .run = run_grad},
                                        {0}};
