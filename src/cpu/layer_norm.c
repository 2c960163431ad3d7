/* layer_norm, rms_norm and their gradients on f32: one pass of rows, each of which stays in the first cache from its sums to its
 * result. Gradients measure the rows again rather than keep what was measured. Weights' gradients are summed in chunks of rows, cut
 * by shape alone, and these in order. */
#include "cpu/core/kernels.h"
#include "cpu/core/norm.h"
#include "cpu/core/par.h"

#include <math.h>
#include <string.h>

enum { CHUNK = 1 << 14 /* numbers */, MOST_CHUNKS = 64 };

extern const cpu_norm_fns cpu_norm_fns_portable, cpu_norm_fns_avx2, cpu_norm_fns_avx512;

const cpu_norm_fns *cpu_norm_fns_of(cpu_isa isa)
{
    return CPU_OF_ISA(isa, &cpu_norm_fns);
}

typedef struct plan {
    const cpu_norm_fns *fns;
    int threads;
    bool center;
    double eps;
    int64_t rows, size, per_chunk, chunks;
} plan;

typedef struct job {
    const plan *p;
    const float *dy, *x, *w, *b;
    float *y, *sums; /* sums: dw and db of every chunk */
} job;

static bool keeps(const graph_node *node, bool training)
{
    (void)training;
    for (int i = 0; i < node->n_in; i++)
        if (node->in[i] && node->in[i]->type.dtype != TN_F32)
            return false;
    return true;
}

static tn_status prepare_rows(kernel_bind *b, const kernel_operand *x)
{
    plan *p = BASE_NEW(b->arena, plan);
    if (!p)
        return base_no_memory(b->error, "preparing a kernel");
    *p = (plan){.fns = cpu_norm_fns_of((cpu_isa)b->isa),
                .threads = b->threads,
                .center = b->node->def->name[0] == 'l',
                .eps = cpu_arg_float(b->node, "eps"),
                .size = 1};
    for (int64_t k = x->rank - cpu_arg_int(b->node, "axes"); k < x->rank; k++)
        p->size *= x->dims[k];
    p->rows = p->size ? kernel_count(x) / p->size : 0;
    p->per_chunk = p->size < CHUNK ? CHUNK / (p->size ? p->size : 1) : 1;
    b->plan = p;
    b->path = "rows";
    return TN_OK;
}

static tn_status prepare(kernel_bind *b)
{
    BASE_TRY(prepare_rows(b, &b->in[0]));
    plan *p = b->plan;
    p->chunks = (p->rows + p->per_chunk - 1) / p->per_chunk;
    return TN_OK;
}

static tn_status prepare_grad(kernel_bind *b)
{
    BASE_TRY(prepare_rows(b, &b->in[1]));
    plan *p = b->plan;
    if (p->rows > MOST_CHUNKS * p->per_chunk)
        p->per_chunk = (p->rows + MOST_CHUNKS - 1) / MOST_CHUNKS;
    p->chunks = (p->rows + p->per_chunk - 1) / p->per_chunk;
    b->scratch = (size_t)(2 * p->chunks * p->size) * sizeof(float);
    return TN_OK;
}

static void measure(const plan *p, const float *x, float *mean, float *rstd)
{
    double n = (double)p->size;
    *mean = p->center ? (float)(p->fns->sum(x, p->size) / n) : 0;
    *rstd = (float)(1 / sqrt(p->fns->square(x, p->size, *mean) / n + p->eps));
}

static int64_t end_of(const plan *p, int64_t chunk)
{
    return (chunk + 1) * p->per_chunk < p->rows ? (chunk + 1) * p->per_chunk : p->rows;
}

static void run_chunk(void *arg, int64_t chunk, int thread)
{
    const job *j = arg;
    const plan *p = j->p;
    (void)thread;
    for (int64_t r = chunk * p->per_chunk; r < end_of(p, chunk); r++) {
        float mean, rstd;
        measure(p, j->x + r * p->size, &mean, &rstd);
        p->fns->apply(j->x + r * p->size, p->size, mean, rstd, j->w, j->b, j->y + r * p->size);
    }
}

static void run_norm(const kernel_call *c, const void *bias)
{
    const plan *p = c->plan;
    job j = {.p = p, .x = c->in[0], .w = c->in[1], .b = bias, .y = c->out[0]};
    cpu_parallel(p->threads, p->chunks, run_chunk, &j);
}

static void run_layer(const kernel_call *c)
{
    run_norm(c, c->in[2]);
}

static void run_rms(const kernel_call *c)
{
    run_norm(c, NULL);
}

static void grad_chunk(void *arg, int64_t chunk, int thread)
{
    const job *j = arg;
    const plan *p = j->p;
    float *dw = j->sums + 2 * chunk * p->size, *db = p->center ? dw + p->size : NULL;
    double n = (double)p->size;
    (void)thread;
    memset(dw, 0, (size_t)(2 * p->size) * sizeof *dw);
    for (int64_t r = chunk * p->per_chunk; r < end_of(p, chunk); r++) {
        const float *x = j->x + r * p->size, *dy = j->dy + r * p->size;
        float mean, rstd;
        double sums[2];
        measure(p, x, &mean, &rstd);
        p->fns->dots(dy, x, j->w, p->size, mean, sums);
        double c = sums[1] / n * (double)rstd * (double)rstd * (double)rstd;
        const float by[4] = {mean, rstd, p->center ? (float)(sums[0] / n) : 0, (float)c};
        p->fns->grad(dy, x, j->w, p->size, by, j->y + r * p->size, dw, db);
    }
}

static void run_grad(const kernel_call *c)
{
    const plan *p = c->plan;
    job j = {.p = p, .dy = c->in[0], .x = c->in[1], .w = c->in[2], .y = c->out[0], .sums = c->scratch};
    cpu_parallel(p->threads, p->chunks, grad_chunk, &j);
    for (int which = 0; which < (p->center ? 2 : 1); which++) {
        float *to = c->out[1 + which];
        if (!to)
            continue;
        memset(to, 0, (size_t)p->size * sizeof *to);
        for (int64_t k = 0; k < p->chunks; k++)
            for (int64_t i = 0; i < p->size; i++)
                to[i] += j.sums[(2 * k + which) * p->size + i];
    }
}

const kernel cpu_kernels_layer_norm[] = {
    {.op = "layer_norm", .name = "layer_norm/rows", .keeps = keeps, .prepare = prepare, .run = run_layer},
    {.op = "rms_norm", .name = "rms_norm/rows", .keeps = keeps, .prepare = prepare, .run = run_rms},
    {.op = "layer_norm_grad", .name = "layer_norm_grad/rows", .keeps = keeps, .prepare = prepare_grad, .run = run_grad},
    {.op = "rms_norm_grad", .name = "rms_norm_grad/rows", .keeps = keeps, .prepare = prepare_grad, .run = run_grad},
    {0}};
