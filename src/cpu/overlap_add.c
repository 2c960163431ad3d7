/* overlap_add.c: overlap_add on f32 and f64. Chunks are pieces of the result, each of which adds the frames that reach it in their
 * order. */
#include "cpu/core/kernels.h"
#include "cpu/core/par.h"

#include <string.h>

enum { PIECE = 1 << 13 /* elements */ };

typedef struct plan {
    int64_t rows, count, size, step, length, pieces;
    int threads;
    bool f64;
} plan;

typedef struct job {
    const plan *p;
    const void *x;
    void *y;
} job;

static bool keeps(const graph_node *node, bool training)
{
    tn_dtype d = node->in[0]->type.dtype;
    (void)training;
    return d == TN_F32 || d == TN_F64;
}

static tn_status prepare(kernel_bind *b)
{
    const kernel_operand *x = &b->in[0], *y = &b->out[0];
    plan *p = BASE_NEW(b->arena, plan);
    if (!p)
        return base_no_memory(b->error, "preparing a kernel");
    *p = (plan){.rows = 1,
                .count = x->dims[x->rank - 2],
                .size = x->dims[x->rank - 1],
                .step = cpu_arg_int(b->node, "step"),
                .length = y->dims[y->rank - 1],
                .threads = b->threads,
                .f64 = x->dtype == TN_F64};
    for (int k = 0; k < y->rank - 1; k++)
        p->rows *= y->dims[k];
    p->pieces = (p->length + PIECE - 1) / PIECE;
    b->plan = p;
    return TN_OK;
}

#define ADD(name, type)                                                                                                \
    static void name(const plan *p, const type *x, type *y, int64_t from, int64_t end)                                 \
    {                                                                                                                  \
        int64_t frame = from < p->size ? 0 : (from - p->size) / p->step + 1;                                           \
        memset(y + from, 0, (size_t)(end - from) * sizeof *y);                                                         \
        for (; frame < p->count && frame * p->step < end; frame++) {                                                   \
            const int64_t at = frame * p->step, first = at > from ? at : from,                                         \
                          last = at + p->size < end ? at + p->size : end;                                              \
            const type *source = x + frame * p->size - at;                                                             \
            for (int64_t i = first; i < last; i++)                                                                     \
                y[i] += source[i];                                                                                     \
        }                                                                                                              \
    }
ADD(add_f32, float)
ADD(add_f64, double)

static void run_chunk(void *arg, int64_t chunk, int thread)
{
    const job *j = arg;
    const plan *p = j->p;
    int64_t row = chunk / p->pieces, from = chunk % p->pieces * PIECE;
    int64_t end = from + PIECE < p->length ? from + PIECE : p->length;
    int64_t in = row * p->count * p->size, out = row * p->length;
    (void)thread;
    if (p->f64)
        add_f64(p, (const double *)j->x + in, (double *)j->y + out, from, end);
    else
        add_f32(p, (const float *)j->x + in, (float *)j->y + out, from, end);
}

static void run(const kernel_call *c)
{
    const plan *p = c->plan;
    job j = {p, c->in[0], c->out[0]};
    cpu_parallel(p->threads, p->rows * p->pieces, run_chunk, &j);
}

const kernel cpu_kernels_overlap_add[] = {
    {.op = "overlap_add", .name = "overlap_add/frames", .keeps = keeps, .prepare = prepare, .run = run}, {0}};
