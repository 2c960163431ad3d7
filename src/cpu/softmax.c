/* softmax, log_softmax and their gradients along the last axis of f32: a row stays in the caches from its first reading to
 * its result. Along other axes they are lowered. */
#include "cpu/core/softmax.h"
#include "cpu/core/kernels.h"
#include "cpu/core/par.h"

#include <math.h>
#include <string.h>

enum { CHUNK = 1 << 14 }; /* numbers */

extern const cpu_softmax_fns cpu_softmax_fns_portable, cpu_softmax_fns_avx2, cpu_softmax_fns_avx512;

const cpu_softmax_fns *cpu_softmax_fns_of(cpu_isa isa)
{
    return CPU_OF_ISA(isa, &cpu_softmax_fns);
}

typedef struct plan plan;
typedef void (*row_fn)(const plan *p, const float *x, const float *other, float *y);
struct plan {
    const cpu_softmax_fns *fns;
    row_fn row;
    int threads;
    int64_t rows, size, per_chunk;
};

typedef struct job {
    const plan *p;
    const float *x, *other;
    float *y;
} job;

static void softmax_row(const plan *p, const float *x, const float *other, float *y)
{
    (void)other;
    double sum = p->fns->exps(x, p->size, p->fns->top(x, p->size), y);
    p->fns->scale(y, p->size, (float)(1 / sum), y);
}

static void log_softmax_row(const plan *p, const float *x, const float *other, float *y)
{
    (void)other;
    float top = p->fns->top(x, p->size);
    p->fns->shift(x, p->size, top, y); /* first, since the logarithm may be small beside the numbers */
    p->fns->shift(y, p->size, (float)log(p->fns->exps(y, p->size, 0, NULL)), y);
}

static void softmax_grad_row(const plan *p, const float *dy, const float *y, float *dx)
{
    p->fns->grad(y, dy, p->size, (float)p->fns->dot(y, dy, p->size), dx);
}

static void log_softmax_grad_row(const plan *p, const float *dy, const float *y, float *dx)
{
    p->fns->log_grad(y, dy, p->size, (float)p->fns->dot(dy, NULL, p->size), dx);
}

static bool keeps(const graph_node *node, bool training)
{
    (void)training;
    int64_t axis = cpu_arg_int(node, "axis"), rank = node->out[0].type.rank;
    return node->out[0].type.dtype == TN_F32 && (axis < 0 ? axis + rank : axis) == rank - 1;
}

static tn_status prepare(kernel_bind *b)
{
    static const struct {
        const char *op;
        row_fn row;
    } rows[] = {{"softmax", softmax_row},
                {"log_softmax", log_softmax_row},
                {"softmax_grad", softmax_grad_row},
                {"log_softmax_grad", log_softmax_grad_row}};
    plan *p = BASE_NEW(b->arena, plan);
    if (!p)
        return base_no_memory(b->error, "preparing a kernel");
    *p = (plan){.fns = cpu_softmax_fns_of((cpu_isa)b->isa), .threads = b->threads};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].op, b->node->def->name) == 0)
            p->row = rows[i].row;
    p->size = b->in[0].dims[b->in[0].rank - 1];
    p->rows = p->size ? kernel_count(&b->in[0]) / p->size : 0;
    p->per_chunk = p->size < CHUNK ? CHUNK / (p->size ? p->size : 1) : 1;
    b->plan = p;
    b->path = "rows";
    return TN_OK;
}

static void run_chunk(void *arg, int64_t chunk, int thread)
{
    const job *j = arg;
    const plan *p = j->p;
    int64_t to = (chunk + 1) * p->per_chunk < p->rows ? (chunk + 1) * p->per_chunk : p->rows;
    (void)thread;
    for (int64_t r = chunk * p->per_chunk; r < to; r++)
        p->row(p, j->x + r * p->size, j->other ? j->other + r * p->size : NULL, j->y + r * p->size);
}

static void run_one(const kernel_call *c)
{
    const plan *p = c->plan;
    job j = {p, c->in[0], NULL, c->out[0]};
    cpu_parallel(p->threads, (p->rows + p->per_chunk - 1) / p->per_chunk, run_chunk, &j);
}

static void run_grad(const kernel_call *c)
{
    const plan *p = c->plan;
    job j = {p, c->in[0], c->in[1], c->out[0]};
    cpu_parallel(p->threads, (p->rows + p->per_chunk - 1) / p->per_chunk, run_chunk, &j);
}

#define ROW(text, function)                                                                                            \
    {                                                                                                                  \
        .op = text, .name = text "/rows", .keeps = keeps, .prepare = prepare, .run = function, .in_place = true        \
    }
const kernel cpu_kernels_softmax[] = {ROW("softmax", run_one),
                                      ROW("log_softmax", run_one),
                                      ROW("softmax_grad", run_grad),
                                      ROW("log_softmax_grad", run_grad),
                                      {0}};
