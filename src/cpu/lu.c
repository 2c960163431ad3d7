/* lu.c: lu on f32 and f64, a matrix a chunk: elimination row by row with the largest pivots, whose inner loops are rows. */
#include "cpu/core/kernels.h"
#include "cpu/core/matrix.h"
#include "cpu/core/par.h"

#include <string.h>

typedef struct plan {
    int64_t count, m, n, least;
    size_t size;
    tn_dtype dtype;
    int threads;
} plan;

typedef struct job {
    const plan *p;
    const char *x;
    char *y;
    int64_t *order, *pivots;
} job;

static tn_status prepare(kernel_bind *b)
{
    const kernel_operand *x = &b->in[0];
    plan *p = BASE_NEW(b->arena, plan);
    if (!p)
        return base_no_memory(b->error, "preparing a kernel");
    *p = (plan){.count = 1,
                .m = x->dims[x->rank - 2],
                .n = x->dims[x->rank - 1],
                .size = tn_dtype_size(x->dtype),
                .dtype = x->dtype,
                .threads = b->threads};
    p->least = p->m < p->n ? p->m : p->n;
    for (int k = 0; k < x->rank - 2; k++)
        p->count *= x->dims[k];
    b->plan = p;
    return TN_OK;
}

/* y[m, n] becomes its triangles; rows of y and the numbers in order change places. */
#define ELIMINATE(name, type, size_of)                                                                                 \
    static void name(const plan *p, type *y, int64_t *order, int64_t *pivots)                                          \
    {                                                                                                                  \
        const int64_t m = p->m, n = p->n;                                                                              \
        for (int64_t c = 0; c < p->least; c++) {                                                                       \
            int64_t best = c, row = order[c];                                                                          \
            for (int64_t i = c + 1; i < m; i++)                                                                        \
                best = size_of(y[i * n + c]) > size_of(y[best * n + c]) ? i : best;                                    \
            for (int64_t j = 0; j < n && best != c; j++) {                                                             \
                const type t = y[c * n + j];                                                                           \
                y[c * n + j] = y[best * n + j];                                                                        \
                y[best * n + j] = t;                                                                                   \
            }                                                                                                          \
            order[c] = order[best];                                                                                    \
            order[best] = row;                                                                                         \
            pivots[c] = best;                                                                                          \
            const type *from = y + c * n;                                                                              \
            for (int64_t i = c + 1; i < m && from[c] != 0; i++) { /* NOLINT */                                         \
                type *to = y + i * n;                                                                                  \
                const type part = to[c] /= from[c];                                                                    \
                for (int64_t j = c + 1; j < n; j++)                                                                    \
                    to[j] -= part * from[j];                                                                           \
            }                                                                                                          \
        }                                                                                                              \
    }
ELIMINATE(eliminate_f32, float, fabsf)
ELIMINATE(eliminate_f64, double, fabs)

static void run_chunk(void *arg, int64_t chunk, int thread)
{
    const job *j = arg;
    const plan *p = j->p;
    const int64_t elements = p->m * p->n;
    char *y = j->y + chunk * elements * (int64_t)p->size;
    int64_t *order = j->order + chunk * p->m, *pivots = j->pivots + chunk * p->least;
    (void)thread;
    for (int64_t i = 0; i < p->m; i++)
        order[i] = i;
    for (int64_t i = 0; i < p->least; i++)
        pivots[i] = i;
    memcpy(y, j->x + chunk * elements * (int64_t)p->size, (size_t)elements * p->size);
    if (!cpu_all_finite(p->dtype, y, elements))
        cpu_fill_nan(p->dtype, y, elements);
    else if (p->dtype == TN_F64)
        eliminate_f64(p, (double *)(void *)y, order, pivots);
    else
        eliminate_f32(p, (float *)(void *)y, order, pivots);
}

static void run(const kernel_call *c)
{
    const plan *p = c->plan;
    job j = {.p = p, .x = c->in[0], .y = c->out[0], .order = c->out[1], .pivots = c->out[2]};
    cpu_parallel(p->threads, p->count, run_chunk, &j);
}

const kernel cpu_kernels_lu[] = {{.op = "lu", .name = "lu/rows", .prepare = prepare, .run = run}, {0}};
