/* cross_entropy and its gradient on f32, of rows x[N, C] (or one row) and class numbers: softmax is never stored forward, and
 * the gradient is made in the pass that recomputes it. Class weights and smoothed labels are lowered. */
#include "cpu/core/kernels.h"
#include "cpu/core/par.h"
#include "cpu/core/softmax.h"
#include "op/scheme/loss.h"

#include <math.h>
#include <string.h>

enum {
    CHUNK = 1 << 13, /* numbers of a chunk */
    ROW = 24,        /* how many of them a row costs besides its own */
    MOST = CPU_SOFTMAX_MOST_LANES
};

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
    p->per_chunk = CHUNK / (p->size + ROW);
    p->per_chunk = p->per_chunk > MOST ? p->per_chunk / MOST * MOST : p->per_chunk > 1 ? p->per_chunk : 1;
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

/* Whether rows are short enough to stand side by side. */
static bool short_rows(const plan *p)
{
    return p->size > 0 && p->size <= p->fns->lanes;
}

/* The losses of rows from..end, which are no more than there are lanes. */
static void losses_of_few(const job *j, int64_t from, int64_t end, double *losses)
{
    const plan *p = j->p;
    float top[MOST], sum[MOST];
    p->fns->few(j->x + from * p->size, end - from, p->size, top, sum, NULL, NULL);
    for (int64_t r = from; r < end; r++) {
        const bool real = counts(p, j->target[r]);
        losses[r - from] =
            real ? log((double)sum[r - from]) - (double)(j->x[r * p->size + j->target[r]] - top[r - from]) : 0;
    }
}

static double loss_of_row(const job *j, int64_t r)
{
    const plan *p = j->p;
    const float *x = j->x + r * p->size;
    if (!counts(p, j->target[r]))
        return 0;
    const float top = p->fns->top(x, p->size);
    return log(p->fns->exps(x, p->size, top, NULL)) - (double)(x[j->target[r]] - top);
}

static void loss_chunk(void *arg, int64_t chunk, int thread)
{
    const job *j = arg;
    const plan *p = j->p;
    const int64_t most = short_rows(p) ? p->fns->lanes : 1, end = end_of(p, chunk);
    double sum = 0, losses[MOST];
    (void)thread;
    for (int64_t r = chunk * p->per_chunk, to; r < end; r = to) {
        to = r + most < end ? r + most : end;
        if (short_rows(p))
            losses_of_few(j, r, to, losses);
        else
            losses[0] = loss_of_row(j, r);
        for (int64_t i = 0; i < to - r; i++) {
            sum += losses[i];
            if (p->how == OP_REDUCE_NONE)
                j->y[r + i] = (float)losses[i];
        }
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

/* What a row's gradient is multiplied by. */
static double share_of(const job *j, int64_t r)
{
    return (double)j->dloss[j->p->how == OP_REDUCE_NONE ? r : 0] / j->counts;
}

static void grad_of_few(const job *j, int64_t from, int64_t end)
{
    const plan *p = j->p;
    float top[MOST], sum[MOST], share[MOST] = {0};
    for (int64_t r = from; r < end; r++)
        share[r - from] = (float)share_of(j, r);
    p->fns->few(j->x + from * p->size, end - from, p->size, top, sum, share, j->y + from * p->size);
}

static void grad_of_row(const job *j, int64_t r)
{
    const plan *p = j->p;
    const float *x = j->x + r * p->size;
    float *dx = j->y + r * p->size;
    const double sum = p->fns->exps(x, p->size, p->fns->top(x, p->size), dx);
    p->fns->scale(dx, p->size, (float)(share_of(j, r) / sum), dx);
}

static void grad_chunk(void *arg, int64_t chunk, int thread)
{
    const job *j = arg;
    const plan *p = j->p;
    const int64_t most = short_rows(p) ? p->fns->lanes : 1, end = end_of(p, chunk);
    (void)thread;
    for (int64_t from = chunk * p->per_chunk, to; from < end; from = to) {
        to = from + most < end ? from + most : end;
        if (short_rows(p))
            grad_of_few(j, from, to);
        for (int64_t r = from; r < to; r++) {
            const bool real = counts(p, j->target[r]);
            if (real && !short_rows(p))
                grad_of_row(j, r);
            if (real)
                j->y[r * p->size + j->target[r]] -= (float)share_of(j, r);
            else
                memset(j->y + r * p->size, 0, (size_t)p->size * sizeof *j->y);
        }
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
     .run = run_grad,
     .in_place = true}, /* each number is read before it is written; rows of a language model are where memory peaks */
    {0}};
