/* spmm and edge_dot of f32 and f64: rows of the dense matrix are read where they lie (core/bag.h). spmm's work is cut where rows of y begin so
 * that all pieces have as many elements and rows; each row is summed by one thread, in the order of its elements. */
#include "cpu/core/bag.h"
#include "cpu/core/index.h"
#include "cpu/core/par.h"

#include <math.h>
#include <string.h>

enum { X, INDPTR, INDICES, ORDER, WEIGHT };
enum { SUM, MAX, MIN };
enum { MOST = 128 /* elements of a row that are put together at once */, CHUNK = 1 << 14 /* multiplications, about */ };

typedef struct plan {
    cpu_bag_fn put;
    double (*dot)(const void *, const void *, int64_t);
    int64_t bytes;                         /* of an element */
    int64_t rows, elements, nodes, others; /* of y; of the matrix; of x (a); of b */
    int64_t groups, features;              /* of a row of x: weights, and what each holds */
    int64_t chunks;
    bool wide[ORDER + 1]; /* by input: i64 */
    bool indexed, ordered, weighed;
    int threads;
} plan;

typedef struct job {
    const plan *p;
    const kernel_call *c;
    cpu_index bad; /* notes faults */
} job;

static int64_t number(const job *j, int input, int64_t i)
{
    return j->p->wide[input] ? ((const int64_t *)j->c->in[input])[i] : ((const int32_t *)j->c->in[input])[i];
}

static void note(const job *j, const char *what, int input, int64_t bad)
{
    if (bad >= 0 && !j->c->fault->what)
        *j->c->fault = (kernel_fault){what, bad, (double)number(j, input, bad)};
}

/* ---- f64 --------------------------------------------------------------------------------------------------------- */

static void sum_f64(const void *const *row, int64_t at, const void *weight, int64_t n, int64_t features, void *to)
{
    double *y = to;
    for (int64_t i = 0; i < features; i++) {
        double total = 0;
        for (int64_t k = 0; k < n; k++)
            total += ((const double *)row[k])[at + i] * (weight ? ((const double *)weight)[k] : 1);
        y[i] = total;
    }
}

static void extreme_f64(const void *const *row, int64_t at, const double *weight, int64_t n, int64_t features,
                        double *y, bool largest)
{
    for (int64_t i = 0; i < features; i++) {
        double most = 0;
        for (int64_t k = 0; k < n; k++) {
            double v = ((const double *)row[k])[at + i] * (weight ? weight[k] : 1);
            most = k == 0 || isnan(v) || (largest ? v > most : v < most) ? v : most;
        }
        y[i] = most;
    }
}
static void max_f64(const void *const *row, int64_t at, const void *weight, int64_t n, int64_t features, void *y)
{
    extreme_f64(row, at, weight, n, features, y, true);
}
static void min_f64(const void *const *row, int64_t at, const void *weight, int64_t n, int64_t features, void *y)
{
    extreme_f64(row, at, weight, n, features, y, false);
}

static double dot_f64(const void *x, const void *y, int64_t features)
{
    const double *a = x, *b = y;
    double total = 0;
    for (int64_t i = 0; i < features; i++)
        total += a[i] * b[i];
    return total;
}

static const cpu_bag *loops_of(const kernel_bind *b)
{
    static const cpu_bag f64 = {sum_f64, max_f64, min_f64, dot_f64};
    return b->out[0].dtype == TN_F64 ? &f64 : cpu_bag_of((cpu_isa)b->isa);
}

static bool keeps(const graph_node *node, bool training)
{
    (void)training;
    return node->out[0].type.dtype == TN_F32 || node->out[0].type.dtype == TN_F64;
}

/* ---- spmm -------------------------------------------------------------------------------------------------------- */

static tn_status spmm_prepare(kernel_bind *b)
{
    const kernel_operand *x = &b->in[X], *weight = &b->in[WEIGHT];
    const cpu_bag *loops = loops_of(b);
    int64_t mode = cpu_arg_int(b->node, "mode");
    plan *p = BASE_NEW(b->arena, plan);
    if (!p)
        return base_no_memory(b->error, "preparing a kernel");
    *p = (plan){.rows = b->out[0].dims[0], .nodes = x->dims[0], .groups = 1, .features = 1, .threads = b->threads};
    p->bytes = (int64_t)tn_dtype_size(x->dtype);
    p->put = mode == SUM ? loops->sum : mode == MAX ? loops->max : loops->min;
    p->indexed = b->n_in > INDICES && b->in[INDICES].dtype != TN_NONE;
    p->elements = p->indexed ? b->in[INDICES].dims[0] : p->nodes;
    p->ordered = b->n_in > ORDER && b->in[ORDER].dtype != TN_NONE;
    p->weighed = b->n_in > WEIGHT && weight->dtype != TN_NONE;
    for (int k = 1; k < x->rank; k++)
        *(p->weighed && k < weight->rank ? &p->groups : &p->features) *= x->dims[k];
    for (int i = INDPTR; i <= ORDER && i < b->n_in; i++)
        p->wide[i] = b->in[i].dtype == TN_I64;
    p->chunks = (p->elements + p->rows) * (p->groups * p->features + 16) / CHUNK + 1;
    p->chunks = p->chunks > p->rows ? p->rows : p->chunks;
    b->plan = p;
    return TN_OK;
}

/* Elements k to end of a row, as pointers to rows of x, behind the n that there are. Returns how many there are then. wide: all numbers are
 * i64, as they are in most graphs; what does not change is read once then. */
static inline int64_t collect_as(const job *j, int64_t *first, int64_t end, const void **row, int64_t *element,
                                 int64_t n, const bool wide)
{
    const plan *p = j->p;
    const int64_t bytes = p->groups * p->features * p->bytes, elements = p->elements, nodes = p->nodes;
    const int64_t *order = p->ordered ? j->c->in[ORDER] : NULL, *index = p->indexed ? j->c->in[INDICES] : NULL;
    const char *x = j->c->in[X];
    int64_t k = *first;
    for (; k < end && n < MOST; k++) {
        int64_t e = !order ? k : wide ? order[k] : number(j, ORDER, k), from = -1;
        if ((uint64_t)e < (uint64_t)elements)
            from = !index ? e : wide ? index[e] : number(j, INDICES, e);
        if ((uint64_t)from >= (uint64_t)nodes) {
            cpu_index_bad(&j->bad, k);
            continue;
        }
        row[n] = x + from * bytes;
        element[n++] = e;
    }
    *first = k;
    return n;
}

static int64_t collect(const job *j, int64_t *first, int64_t end, const void **row, int64_t *element, int64_t n)
{
    const plan *p = j->p;
    const bool wide = (p->wide[ORDER] || !p->ordered) && (p->wide[INDICES] || !p->indexed);
    return wide ? collect_as(j, first, end, row, element, n, true) : collect_as(j, first, end, row, element, n, false);
}

typedef union weights {
    float f32[MOST];
    double f64[MOST];
} weights;

/* The weights of group g; -1 is no element but what there is so far. */
static const void *weights_of(const job *j, const int64_t *element, int64_t n, int64_t g, weights *room)
{
    const plan *p = j->p;
    const void *weight = j->c->in[WEIGHT];
    for (int64_t i = 0; i < n; i++) {
        int64_t at = element[i] * p->groups + g;
        if (p->bytes == sizeof(double))
            room->f64[i] = element[i] < 0 ? 1 : ((const double *)weight)[at];
        else
            room->f32[i] = element[i] < 0 ? 1 : ((const float *)weight)[at];
    }
    return room;
}

static void one_row(const job *j, int64_t r)
{
    const plan *p = j->p;
    const void *row[MOST];
    char *y = (char *)j->c->out[0] + r * p->groups * p->features * p->bytes;
    weights room;
    int64_t element[MOST], k = number(j, INDPTR, r), end = number(j, INDPTR, r + 1), n;
    bool first = true;
    do {
        row[0] = y;
        element[0] = -1;
        n = collect(j, &k, end, row, element, first ? 0 : 1);
        for (int64_t g = 0; g < p->groups; g++)
            p->put(row, g * p->features, p->weighed ? weights_of(j, element, n, g, &room) : NULL, n, p->features,
                   y + g * p->features * p->bytes);
        first = n == 0;
    } while (k < end);
}

/* The first row of a piece. */
static int64_t begin(const job *j, int64_t chunk)
{
    const plan *p = j->p;
    int64_t goal = (p->elements + p->rows) / p->chunks * chunk, low = 0, high = p->rows;
    if (chunk == p->chunks)
        return p->rows;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (number(j, INDPTR, middle) + middle < goal)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void spmm_chunk(void *arg, int64_t chunk, int thread)
{
    const job *j = arg;
    (void)thread;
    for (int64_t r = begin(j, chunk), end = begin(j, chunk + 1); r < end; r++)
        one_row(j, r);
}

/* Whether the row pointers do, all at once. */
static bool rises(const job *j)
{
    const int64_t rows = j->p->rows, *wide = j->c->in[INDPTR];
    const int32_t *narrow = j->c->in[INDPTR];
    int falls = 0;
    if (j->p->wide[INDPTR])
        for (int64_t r = 0; r < rows; r++)
            falls |= wide[r] > wide[r + 1];
    else
        for (int64_t r = 0; r < rows; r++)
            falls |= narrow[r] > narrow[r + 1];
    return !falls;
}

static void spmm_run(const kernel_call *c)
{
    const plan *p = c->plan;
    int64_t bad = -1, wrong = -1;
    const job j = {p, c, {.bad = &bad}};
    if (number(&j, INDPTR, 0) != 0 || number(&j, INDPTR, p->rows) != p->elements)
        wrong = p->rows;
    if (!rises(&j))
        for (int64_t r = p->rows - 1; r >= 0; r--)
            wrong = number(&j, INDPTR, r) > number(&j, INDPTR, r + 1) ? r : wrong;
    if (wrong >= 0) {
        note(&j, "the row pointers of spmm do not rise from 0 to the number of indices", INDPTR, wrong);
        memset(c->out[0], 0, (size_t)(p->rows * p->groups * p->features * p->bytes));
        return;
    }
    cpu_parallel(p->threads, p->chunks, spmm_chunk, (void *)(uintptr_t)&j);
    if (bad >= 0) { /* the place of an element among all */
        int64_t e = p->ordered ? number(&j, ORDER, bad) : bad;
        bool known = (uint64_t)e < (uint64_t)p->elements;
        note(&j, "an index of spmm is out of range", known ? INDICES : ORDER, known ? e : bad);
    }
}

/* ---- edge_dot ---------------------------------------------------------------------------------------------------- */

enum { A, B, I, J, EDGES = 256 /* of a chunk, at least */ };

static tn_status edge_dot_prepare(kernel_bind *b)
{
    const kernel_operand *a = &b->in[A];
    int64_t groups = cpu_arg_int(b->node, "groups");
    plan *p = BASE_NEW(b->arena, plan);
    if (!p)
        return base_no_memory(b->error, "preparing a kernel");
    *p = (plan){.dot = loops_of(b)->dot, .groups = 1, .features = 1, .threads = b->threads};
    p->bytes = (int64_t)tn_dtype_size(a->dtype);
    p->nodes = a->dims[0];
    p->others = b->in[B].dims[0];
    p->elements = b->in[I].dims[0];
    for (int k = 1; k < a->rank; k++)
        *(k <= groups ? &p->groups : &p->features) *= a->dims[k];
    p->wide[I] = b->in[I].dtype == TN_I64;
    p->wide[J] = b->in[J].dtype == TN_I64;
    p->rows = EDGES + CHUNK / (p->groups * p->features + 1);
    p->chunks = (p->elements + p->rows - 1) / p->rows;
    b->plan = p;
    return TN_OK;
}

static void edge_dot_chunk(void *arg, int64_t chunk, int thread)
{
    const job *j = arg;
    const plan *p = j->p;
    int64_t from = chunk * p->rows, to = from + p->rows < p->elements ? from + p->rows : p->elements;
    const int64_t group = p->features * p->bytes, width = p->groups * group;
    (void)thread;
    for (int64_t e = from; e < to; e++) {
        int64_t i = number(j, I, e), k = number(j, J, e);
        bool good = (uint64_t)i < (uint64_t)p->nodes && (uint64_t)k < (uint64_t)p->others;
        const char *a = (const char *)j->c->in[A] + (good ? i * width : 0);
        const char *b = (const char *)j->c->in[B] + (good ? k * width : 0);
        for (int64_t g = 0; g < p->groups; g++) {
            double v = good ? p->dot(a + g * group, b + g * group, p->features) : 0;
            if (p->bytes == sizeof(double))
                ((double *)j->c->out[0])[e * p->groups + g] = v;
            else
                ((float *)j->c->out[0])[e * p->groups + g] = (float)v;
        }
        if (!good)
            cpu_index_bad(&j->bad, e);
    }
}

static void edge_dot_run(const kernel_call *c)
{
    const plan *p = c->plan;
    int64_t bad = -1;
    const job j = {p, c, {.bad = &bad}};
    cpu_parallel(p->threads, p->chunks, edge_dot_chunk, (void *)(uintptr_t)&j);
    note(&j, "an index of edge_dot is out of range",
         bad >= 0 && (uint64_t)number(&j, I, bad) < (uint64_t)p->nodes ? J : I, bad);
}

const kernel cpu_kernels_spmm[] = {
    {.op = "spmm", .name = "spmm/rows", .keeps = keeps, .prepare = spmm_prepare, .run = spmm_run},
    {.op = "edge_dot", .name = "edge_dot/rows", .keeps = keeps, .prepare = edge_dot_prepare, .run = edge_dot_run},
    {0}};
