/* cross_entropy and its gradient on f32, of rows x[N, C] (or one row) and class numbers: softmax is never stored forward, and
 * the gradient is made in the pass that recomputes it. Class weights and smoothed labels are lowered. */
#include "cpu/core/kernels.h"
#include "cpu/core/par.h"
#include "cpu/core/softmax.h"
#include "op/scheme/loss.h"

#include <math.h>

enum { CHUNK = 1 << 13 }; /* numbers */

typedef struct plan {
    const cpu_softmax_fns *fns;
    int threads;
    int64_t rows, size, per_chunk, chunks, ignore, how;
} plan;

typedef struct job {
    const plan *p;
    const float *x, *dloss;
    const int64_t *target;
    float *y;      /* losses of rows, or the gradient */
    double *sums;  /* of losses, one a chunk */
    double counts; /* rows that count, if the mean is taken; else 1 */
} job;

static bool keeps(const graph_node *node, bool training)
{
    (void)training;
    bool grad = node->n_in == 4;
    const tn_tensor *x = node->in[grad], *target = node->in[grad + 1];
    return x->type.dtype == TN_F32 && x->type.rank <= 2 && target->type.dtype == TN_I64 && !node->in[grad + 2] &&
           cpu_arg_float(node, "label_smoothing") == 0;
}

static tn_status prepare_rows(kernel_bind *b, const kernel_operand *x)
{
    plan *p = BASE_NEW(b->arena, plan);
    if (!p)
        return base_no_memory(b->error, "preparing a kernel");
    *p = (plan){.fns = cpu_softmax_fns_of((cpu_isa)b->isa),
                .threads = b->threads,
                .size = x->dims[x->rank - 1],
                .rows = x->rank == 2 ? x->dims[0] : 1,
                .ignore = cpu_arg_int(b->node, "ignore_index"),
                .how = cpu_arg_int(b->node, "reduction")};
    p->per_chunk = p->size < CHUNK ? CHUNK / (p->size ? p->size : 1) : 1;
    p->chunks = (p->rows + p->per_chunk - 1) / p->per_chunk;
    b->plan = p;
    b->scratch = (size_t)p->chunks * sizeof(double);
    b->path = "rows";
    return TN_OK;
}

static tn_status prepare(kernel_bind *b)
{
    return prepare_rows(b, &b->in[0]);
}

static tn_status prepare_grad(kernel_bind *b)
{
    return prepare_rows(b, &b->in[1]);
}

static bool counts(const plan *p, int64_t class)
{
    return class != p->ignore && class >= 0 && class < p->size;
}

/* Rows that count; the first target that is no class is a fault. */
static double count_rows(const plan *p, const int64_t *target, kernel_fault *fault)
{
    int64_t n = 0;
    for (int64_t r = 0; r < p->rows; r++) {
        n += counts(p, target[r]);
        if (target[r] != p->ignore && !counts(p, target[r]) && !fault->what)
            *fault = (kernel_fault){"a target is not a class: its number is out of range", r, (double)target[r]};
    }
    return p->how == OP_REDUCE_MEAN ? (double)n : 1;
}

static int64_t end_of(const plan *p, int64_t chunk)
{
    return (chunk + 1) * p->per_chunk < p->rows ? (chunk + 1) * p->per_chunk : p->rows;
}

static void loss_chunk(void *arg, int64_t chunk, int thread)
{
    const job *j = arg;
    const plan *p = j->p;
    double sum = 0;
    (void)thread;
    for (int64_t r = chunk * p->per_chunk; r < end_of(p, chunk); r++) {
        const float *x = j->x + r * p->size;
        double loss = 0;
        if (counts(p, j->target[r])) {
            float top = p->fns->top(x, p->size);
            loss = log(p->fns->exps(x, p->size, top, NULL)) - (double)(x[j->target[r]] - top);
        }
        sum += loss;
        if (p->how == OP_REDUCE_NONE)
            j->y[r] = (float)loss;
    }
    j->sums[chunk] = sum;
}

static void run(const kernel_call *c)
{
    const plan *p = c->plan;
    job j = {.p = p, .x = c->in[0], .target = c->in[1], .y = c->out[0], .sums = c->scratch};
    j.counts = count_rows(p, j.target, c->fault);
    cpu_parallel(p->threads, p->chunks, loss_chunk, &j);
    if (p->how == OP_REDUCE_NONE)
        return;
    double sum = 0;
    for (int64_t i = 0; i < p->chunks; i++)
        sum += j.sums[i];
    *j.y = (float)(sum / j.counts);
}

static void grad_chunk(void *arg, int64_t chunk, int thread)
{
    const job *j = arg;
    const plan *p = j->p;
    (void)thread;
    for (int64_t r = chunk * p->per_chunk; r < end_of(p, chunk); r++) {
        const float *x = j->x + r * p->size;
        float *dx = j->y + r * p->size;
        if (!counts(p, j->target[r])) {
            for (int64_t i = 0; i < p->size; i++)
                dx[i] = 0;
            continue;
        }
        double share = (double)j->dloss[p->how == OP_REDUCE_NONE ? r : 0] / j->counts;
        double sum = p->fns->exps(x, p->size, p->fns->top(x, p->size), dx);
        p->fns->scale(dx, p->size, (float)(share / sum), dx);
        dx[j->target[r]] -= (float)share;
    }
}

static void run_grad(const kernel_call *c)
{
    const plan *p = c->plan;
    job j = {.p = p, .dloss = c->in[0], .x = c->in[1], .target = c->in[2], .y = c->out[0]};
    j.counts = count_rows(p, j.target, c->fault);
    cpu_parallel(p->threads, p->chunks, grad_chunk, &j);
}

const kernel cpu_kernels_cross_entropy[] = {
    {.op = "cross_entropy", .name = "cross_entropy/rows", .keeps = keeps, .prepare = prepare, .run = run},
    {.op = "cross_entropy_grad",
     .name = "cross_entropy_grad/rows",
     .keeps = keeps,
     .prepare = prepare_grad,
     .run = run_grad},
    {0}};
