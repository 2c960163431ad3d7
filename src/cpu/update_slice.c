/* update_slice of any dtype: x is copied, but where the result takes its place, and rows are put there. */
#include <string.h>

#include "cpu/core/kernels.h"
#include "cpu/core/par.h"

enum { PART = 1 << 18 /* bytes that a thread copies at a time */ };

typedef struct plan {
    int64_t outer, size, n, bytes; /* x is [outer, size] rows of so many bytes, source [outer, n] */
    int64_t all;                   /* bytes of x */
    int threads;
    bool wide;
} plan;

typedef struct copying {
    const char *from;
    char *to;
    int64_t bytes;
} copying;

/* Sources as long as x may not take its place: see `run`. */
static bool accepts(const kernel_bind *b)
{
    int64_t axis = cpu_arg_int(b->node, "axis");
    axis = axis < 0 ? axis + b->in[0].rank : axis;
    return b->in[0].dims[axis] != b->in[1].dims[axis];
}

static tn_status prepare(kernel_bind *b)
{
    const kernel_operand *x = &b->in[0];
    int64_t axis = cpu_arg_int(b->node, "axis");
    plan *p = BASE_NEW(b->arena, plan);
    if (!p)
        return base_no_memory(b->error, "preparing a kernel");
    axis = axis < 0 ? axis + x->rank : axis;
    *p = (plan){.outer = 1,
                .size = x->dims[axis],
                .n = b->in[1].dims[axis],
                .bytes = (int64_t)tn_dtype_size(x->dtype),
                .threads = b->threads,
                .wide = b->in[2].dtype == TN_I64};
    for (int k = 0; k < x->rank; k++)
        *(k < axis ? &p->outer : &p->bytes) *= k == axis ? 1 : x->dims[k];
    p->all = p->outer * p->size * p->bytes;
    b->plan = p;
    return TN_OK;
}

static void copy_part(void *arg, int64_t part, int thread)
{
    const copying *c = arg;
    const int64_t at = part * PART, left = c->bytes - at;
    (void)thread;
    memcpy(c->to + at, c->from + at, (size_t)(left < PART ? left : PART));
}

/* Of the inputs x alone may lie where the result does: source has another size. */
static void run(const kernel_call *c)
{
    const plan *p = c->plan;
    const char *source = c->in[1];
    char *y = c->out[0];
    const int64_t start = p->wide ? *(const int64_t *)c->in[2] : *(const int32_t *)c->in[2];
    if (y != (const char *)c->in[0])
        cpu_parallel(p->threads, (p->all + PART - 1) / PART, copy_part, &(copying){c->in[0], y, p->all});
    if (start >= p->size || start <= -p->n || p->all == 0)
        return;
    const int64_t first = start < 0 ? -start : 0, end = start + p->n > p->size ? p->size - start : p->n;
    for (int64_t o = 0; o < p->outer; o++)
        memcpy(y + (o * p->size + start + first) * p->bytes, source + (o * p->n + first) * p->bytes,
               (size_t)((end - first) * p->bytes));
}

const kernel cpu_kernels_update_slice[] = {{.op = "update_slice",
                                            .name = "update_slice/rows",
                                            .accepts = accepts,
                                            .prepare = prepare,
                                            .run = run,
                                            .in_place = true},
                                           {0}};
