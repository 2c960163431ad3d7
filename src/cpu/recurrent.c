/* recurrent and recurrent_grad on f32: a step is one product with the packed weights and a loop over the gates. Other dtypes go by
 * their references, so that they are never unrolled. */
#include "op/scheme/recurrent.h"
#include "cpu/core/gemm.h"
#include "cpu/core/kernels.h"
#include "cpu/core/par.h"
#include "cpu/core/recurrent_one.h"

#include <string.h>

enum { CHUNK = 1 << 12 /* numbers of a state */ };

extern const cpu_recurrent_fns cpu_recurrent_fns_portable, cpu_recurrent_fns_avx2, cpu_recurrent_fns_avx512;

const cpu_recurrent_fns *cpu_recurrent_fns_of(cpu_isa isa)
{
    return CPU_OF_ISA(isa, &cpu_recurrent_fns);
}

typedef struct plan {
    const cpu_recurrent_fns *fns;
    cpu_gemm product;
    cpu_gemm narrow; /* through r, where there is one: m is 0 else */
    cpu_one one;     /* n is 0 unless there is one sequence, of full length, without r and peepholes */
    int threads, kind, gates;
    bool peeps;
    bool reverse, wide, kept; /* wide: lengths are i64; kept: the weights come packed, once for many runs */
    int64_t steps, batch, n, per_chunk, chunks;
    size_t packed, packed_r, gemm, seen; /* bytes of the packed weights, of the products' scratch, of r h or du w */
} plan;

typedef struct job {
    const plan *p;
    const float *x, *b, *peep, *h0, *c0, *y, *gates, *cells, *dy, *dgates, *dcells;
    const void *lengths;
    float *out_y, *h, *c, *out_gates, *out_cells, *dx, *u; /* h, c: the state, or what arrives at it */
    int64_t t;
} job;

/* ---- steps ----------------------------------------------------------------------------------------------------------- */

static int64_t length_of(const job *j, int64_t row)
{
    const plan *p = j->p;
    if (!j->lengths)
        return p->steps;
    int64_t n = p->wide ? ((const int64_t *)j->lengths)[row] : ((const int32_t *)j->lengths)[row];
    return n < 0 ? 0 : n > p->steps ? p->steps : n;
}

static int64_t end_of(const plan *p, int64_t chunk)
{
    return (chunk + 1) * p->per_chunk < p->batch ? (chunk + 1) * p->per_chunk : p->batch;
}

/* The gates of a step; their sums with x (of gru: u alone) are there. */
static void forward_chunk(void *arg, int64_t chunk, int thread)
{
    const job *j = arg;
    const plan *p = j->p;
    int64_t n = p->n;
    (void)thread;
    for (int64_t r = chunk * p->per_chunk; r < end_of(p, chunk); r++) {
        int64_t at = j->t * p->batch + r;
        float *y = j->out_y + at * n, *h = j->h + r * n;
        float *c = j->c ? j->c + r * n : NULL, *gates = j->out_gates ? j->out_gates + at * 4 * n : NULL;
        bool on = j->t < length_of(j, r), lstm = p->kind == OP_REC_LSTM;
        if (!on) {
            memset(y, 0, (size_t)n * sizeof *y);
            if (lstm || p->kind == OP_REC_GRU)
                memset(gates, 0, (size_t)(4 * n) * sizeof *gates);
        } else if (lstm) {
            p->fns->lstm(n, j->peep, gates, c, c, y);
        } else if (p->kind == OP_REC_GRU) {
            p->fns->gru(n, j->x + at * 3 * n, j->u + r * 3 * n, h, gates, y);
        } else {
            p->fns->act(n, p->kind == OP_REC_RELU, y);
        }
        if (on)
            memcpy(h, y, (size_t)n * sizeof *h);
        if (lstm)
            memcpy(j->out_cells + at * n, c, (size_t)n * sizeof *c);
    }
}

/* dx of a step, and du in j->u; h becomes what goes on past the gates, c what goes on. */
static void backward_chunk(void *arg, int64_t chunk, int thread)
{
    const job *j = arg;
    const plan *p = j->p;
    int64_t n = p->n, width = p->gates * n, back = (p->reverse ? p->batch : -p->batch) * n;
    (void)thread;
    for (int64_t r = chunk * p->per_chunk; r < end_of(p, chunk); r++) {
        int64_t at = j->t * p->batch + r, length = length_of(j, r);
        float *d = j->h + r * n, *dc = j->c ? j->c + r * n : NULL, *dx = j->dx + at * width, *u = j->u + r * width;
        bool lstm = p->kind == OP_REC_LSTM;
        for (int64_t i = 0; lstm && j->dcells && i < n; i++)
            dc[i] += j->dcells[at * n + i];
        if (j->t >= length) {
            memset(dx, 0, (size_t)width * sizeof *dx);
            memset(u, 0, (size_t)width * sizeof *u);
            continue;
        }
        for (int64_t i = 0; j->dy && i < n; i++)
            d[i] += j->dy[at * n + i];
        const float *more = j->dgates ? j->dgates + at * 4 * n : NULL;
        if (p->kind == OP_REC_GRU) {
            bool first = j->t == (p->reverse ? length - 1 : 0);
            p->fns->gru_grad(n, j->gates + at * 4 * n, first ? j->h0 + r * n : j->y + at * n + back, more, d, dx, u);
            continue;
        }
        if (lstm) {
            bool first = j->t == (p->reverse ? p->steps - 1 : 0);
            const float *c = j->cells + at * n, *c0 = first ? j->c0 + r * n : c + back;
            p->fns->lstm_grad(n, j->peep, j->gates + at * 4 * n, c0, c, d, more, dc, dx);
        } else {
            p->fns->act_grad(n, p->kind == OP_REC_RELU, j->y + at * n, d, dx);
        }
        memcpy(u, dx, (size_t)width * sizeof *u);
        memset(d, 0, (size_t)n * sizeof *d);
    }
}

/* ---- runs ------------------------------------------------------------------------------------------------------------ */

static char *room(void *scratch, size_t bytes)
{
    return (char *)scratch + (bytes + 63) / 64 * 64;
}

static void copy_or_zero(float *to, const float *from, int64_t n)
{
    if (from)
        memcpy(to, from, (size_t)n * sizeof *to);
    else
        memset(to, 0, (size_t)n * sizeof *to);
}

static void run_one(const kernel_call *c)
{
    const plan *p = c->plan;
    const bool lstm = p->kind == OP_REC_LSTM;
    const float *packed = p->kept ? c->in[3] : c->scratch;
    if (!p->kept)
        cpu_one_pack(&p->one, false, c->in[3], c->scratch);
    if (lstm)
        copy_or_zero(c->out[3], c->in[1], p->n);
    cpu_one_run(&p->one, &(cpu_one_forward){.packed = packed,
                                            .x = c->in[2],
                                            .b = c->in[4],
                                            .h0 = c->in[0],
                                            .y = c->out[0],
                                            .h = c->out[1],
                                            .gates = lstm || p->kind == OP_REC_GRU ? c->out[2] : NULL,
                                            .c = lstm ? c->out[3] : NULL,
                                            .cells = lstm ? c->out[4] : NULL});
}

static void run(const kernel_call *c)
{
    const plan *p = c->plan;
    int64_t n = p->batch * p->n;
    if (p->one.n) {
        run_one(c);
        return;
    }
    bool lstm = p->kind == OP_REC_LSTM, gru = p->kind == OP_REC_GRU;
    char *packed_r = room(c->scratch, p->packed), *seen = room(packed_r, p->packed_r), *u = room(seen, p->seen);
    char *gemm = room(u, gru ? 3 * (size_t)n * sizeof(float) : 0);
    job j = {.p = p,
             .x = c->in[2],
             .b = c->in[4],
             .lengths = c->in[5],
             .peep = p->peeps ? c->in[7] : NULL,
             .out_y = c->out[0],
             .h = c->out[1],
             .u = (float *)(void *)u};
    copy_or_zero(j.h, c->in[0], n);
    if (lstm || gru)
        j.out_gates = c->out[2];
    if (lstm) {
        j.c = c->out[3];
        j.out_cells = c->out[4];
        copy_or_zero(j.c, c->in[1], n);
    }
    const void *packed = p->kept ? c->in[3] : c->scratch;
    if (!p->kept)
        cpu_gemm_pack_b(&p->product, c->in[3], c->scratch);
    if (p->narrow.m)
        cpu_gemm_pack_b(&p->narrow, c->in[6], packed_r);
    for (int64_t s = 0; s < p->steps; s++) {
        j.t = p->reverse ? p->steps - 1 - s : s;
        float *to = gru ? j.u : lstm ? j.out_gates + j.t * 4 * n : j.out_y + j.t * n;
        if (!gru)
            memcpy(to, j.x + j.t * p->gates * n, (size_t)(p->gates * n) * sizeof *to);
        if (p->narrow.m)
            cpu_gemm_run(&p->narrow, j.h, packed_r, seen, NULL, gemm);
        cpu_gemm_run(&p->product, p->narrow.m ? (const void *)seen : j.h, packed, to, j.b, gemm);
        cpu_parallel(p->threads, p->chunks, forward_chunk, &j);
    }
}

static void run_grad_one(const kernel_call *c)
{
    const plan *p = c->plan;
    cpu_one_pack(&p->one, true, c->in[5], c->scratch);
    copy_or_zero(c->out[1], c->in[8], p->n);
    if (p->kind == OP_REC_LSTM)
        copy_or_zero(c->out[2], c->in[9], p->n);
    cpu_one_grad(&p->one, &(cpu_one_backward){.packed = c->scratch,
                                              .h0 = c->in[0],
                                              .c0 = c->in[1],
                                              .y = c->in[2],
                                              .gates = c->in[3],
                                              .cells = c->in[4],
                                              .dy = c->in[7],
                                              .dgates = c->in[10],
                                              .dcells = c->in[11],
                                              .dx = c->out[0],
                                              .h = c->out[1],
                                              .c = p->kind == OP_REC_LSTM ? c->out[2] : NULL,
                                              .u = (float *)(void *)room(c->scratch, p->packed)});
}

static void run_grad(const kernel_call *c)
{
    const plan *p = c->plan;
    int64_t n = p->batch * p->n;
    if (p->one.n) {
        run_grad_one(c);
        return;
    }
    bool lstm = p->kind == OP_REC_LSTM;
    char *packed = c->scratch, *packed_r = room(packed, p->packed), *seen = room(packed_r, p->packed_r);
    char *u = room(seen, p->seen), *gemm = room(u, (size_t)(p->gates * n) * sizeof(float));
    job j = {.p = p,
             .h0 = c->in[0],
             .c0 = c->in[1],
             .y = c->in[2],
             .gates = c->in[3],
             .cells = c->in[4],
             .lengths = c->in[6],
             .peep = p->peeps ? c->in[13] : NULL,
             .dy = c->in[7],
             .dgates = c->in[10],
             .dcells = c->in[11],
             .dx = c->out[0],
             .h = c->out[1],
             .c = lstm ? c->out[2] : NULL,
             .u = (float *)(void *)u};
    copy_or_zero(j.h, c->in[8], n);
    if (lstm)
        copy_or_zero(j.c, c->in[9], n);
    cpu_gemm_pack_b(&p->product, c->in[5], packed);
    if (p->narrow.m)
        cpu_gemm_pack_b(&p->narrow, c->in[12], packed_r);
    for (int64_t s = p->steps - 1; s >= 0; s--) {
        j.t = p->reverse ? p->steps - 1 - s : s;
        cpu_parallel(p->threads, p->chunks, backward_chunk, &j);
        cpu_gemm_run(&p->product, j.u, packed, p->narrow.m ? (void *)seen : j.h, NULL, gemm);
        if (p->narrow.m)
            cpu_gemm_run(&p->narrow, seen, packed_r, j.h, NULL, gemm);
    }
}

/* ---- binding --------------------------------------------------------------------------------------------------------- */

static bool keeps(const graph_node *node, bool training)
{
    (void)training;
    return node->out[0].type.dtype == TN_F32;
}

static bool accepts(const kernel_bind *b)
{
    return kernel_count(&b->in[0]) > 0 && b->out[0].dims[0] > 0;
}

/* lengths, r, peep: numbers of these inputs. */
static plan *plan_of(kernel_bind *b, int lengths, int r, int peep)
{
    const bool goes_narrow = r < b->n_in && b->in[r].dtype != TN_NONE;
    plan *p = BASE_NEW(b->arena, plan);
    if (!p)
        return NULL;
    *p = (plan){.fns = cpu_recurrent_fns_of((cpu_isa)b->isa),
                .threads = b->threads,
                .kind = (int)cpu_arg_int(b->node, "kind"),
                .reverse = cpu_arg_int(b->node, "reverse") != 0,
                .wide = b->in[lengths].dtype == TN_I64,
                .peeps = peep < b->n_in && b->in[peep].dtype != TN_NONE,
                .steps = b->out[0].dims[0],
                .batch = b->in[0].dims[0],
                .n = b->in[0].dims[1]};
    p->gates = op_rec_gates(p->kind);
    p->per_chunk = p->n < CHUNK ? CHUNK / p->n : 1;
    p->chunks = (p->batch + p->per_chunk - 1) / p->per_chunk;
    p->product = (cpu_gemm){.isa = (cpu_isa)b->isa,
                            .threads = b->threads,
                            .dtype = TN_F32,
                            .narrow = b->precision == TN_PRECISION_BF16,
                            .m = p->batch,
                            .accumulate = true,
                            .b_packed = true};
    if (goes_narrow) {
        p->narrow = p->product;
        p->seen = (size_t)(p->batch * b->in[r].dims[0]) * sizeof(float);
    }
    if (p->batch == 1 && !goes_narrow && !p->peeps && b->in[lengths].dtype == TN_NONE)
        p->one = (cpu_one){(cpu_isa)b->isa, b->threads, p->kind, p->gates, p->reverse, p->steps, p->n};
    b->plan = p;
    b->path = goes_narrow ? "narrow steps" : p->one.n ? "steps of one" : "steps";
    return p;
}

static void make_room_for_one(kernel_bind *b, plan *p, bool backward)
{
    p->packed = cpu_one_packed(&p->one, backward);
    b->scratch = p->packed + 64 + (backward ? 2 * (size_t)(p->gates * p->n) * sizeof(float) : 0);
}

static void make_room(kernel_bind *b, plan *p, size_t u)
{
    const bool narrow = p->narrow.m > 0;
    size_t more = narrow ? cpu_gemm_scratch(&p->narrow) : 0;
    p->packed = cpu_gemm_packed_size(&p->product);
    p->packed_r = narrow ? cpu_gemm_packed_size(&p->narrow) : 0;
    p->gemm = cpu_gemm_scratch(&p->product);
    p->gemm = more > p->gemm ? more : p->gemm;
    b->scratch = p->gemm + 64;
    for (size_t i = 0; i < 4; i++)
        b->scratch += ((const size_t[]){p->packed, p->packed_r, p->seen, u}[i] + 63) / 64 * 64;
}

static tn_status prepare(kernel_bind *b)
{
    plan *p = plan_of(b, 5, 6, 7);
    if (!p)
        return base_no_memory(b->error, "preparing a kernel");
    cpu_gemm *g = &p->product, *r = &p->narrow; /* h[batch, n], or r h, times w transposed */
    g->n = g->c_row = p->gates * p->n;
    g->k = g->a_row = g->b_col = b->in[3].dims[1];
    g->a_col = g->b_row = g->c_col = 1;
    r->n = r->c_row = b->in[3].dims[1];
    r->k = r->a_row = r->b_col = p->n;
    r->a_col = r->b_row = r->c_col = 1;
    r->accumulate = false;
    g->bias = b->in[4].dtype ? CPU_BIAS_COLUMN : CPU_BIAS_NONE;
    g->accumulate = p->kind != OP_REC_GRU;
    if (p->one.n)
        make_room_for_one(b, p, false);
    else
        make_room(b, p, p->kind == OP_REC_GRU ? (size_t)(3 * p->batch * p->n) * sizeof(float) : 0);
    if (b->fixed && b->fixed[3]) { /* its room in the scratch stays: small beside the rest */
        b->pack = (kernel_pack){3, p->packed, {g->narrow, p->one.n > 0}};
        p->kept = true;
    }
    return TN_OK;
}

static tn_status prepare_grad(kernel_bind *b)
{
    plan *p = plan_of(b, 6, 12, 13);
    if (!p)
        return base_no_memory(b->error, "preparing a kernel");
    cpu_gemm *g = &p->product, *r = &p->narrow; /* du[batch, gates n] times w, and times r */
    g->k = g->a_row = p->gates * p->n;
    g->n = g->c_row = g->b_row = b->in[5].dims[1];
    g->a_col = g->b_col = g->c_col = 1;
    g->accumulate = r->m == 0;
    r->k = r->a_row = b->in[5].dims[1];
    r->n = r->c_row = r->b_row = p->n;
    r->a_col = r->b_col = r->c_col = 1;
    if (p->one.n)
        make_room_for_one(b, p, true);
    else
        make_room(b, p, (size_t)(p->gates * p->batch * p->n) * sizeof(float));
    return TN_OK;
}

static void pack(const void *plan_, const void *from, void *to)
{
    const plan *p = plan_;
    if (p->one.n)
        cpu_one_pack(&p->one, false, from, to);
    else
        cpu_gemm_pack_b(&p->product, from, to);
}

static kernel_layout want_any(const kernel_bind *b, int i)
{
    return cpu_reference.want(b, i);
}

static tn_status prepare_reference(kernel_bind *b)
{
    return cpu_reference.prepare(b);
}

static void run_reference(const kernel_call *c)
{
    cpu_reference.run(c);
}

#define STEPS(name_, prepare_, run_, pack_)                                                                            \
    {                                                                                                                  \
        .op = name_, .name = name_ "/steps", .keeps = keeps, .accepts = accepts, .prepare = prepare_, .run = run_,     \
        .pack = pack_                                                                                                  \
    }
#define REFERENCE(name_)                                                                                               \
    {                                                                                                                  \
        .op = name_, .name = name_ "/reference", .want = want_any, .prepare = prepare_reference, .run = run_reference  \
    }
const kernel cpu_kernels_recurrent[] = {STEPS("recurrent", prepare, run, pack),
                                        REFERENCE("recurrent"),
                                        STEPS("recurrent_grad", prepare_grad, run_grad, NULL),
                                        REFERENCE("recurrent_grad"),
                                        {0}};
