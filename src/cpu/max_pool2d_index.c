/* max_pool2d_index on f32: planes one after the other, windows one after the other; the first of equals, of NaN the last. */
#include "cpu/core/kernels.h"
#include "cpu/core/par.h"
#include "op/scheme/window.h"

typedef struct plan {
    op_window window;
    int64_t planes, h, w, oh, ow;
    int threads;
} plan;

typedef struct job {
    const plan *p;
    const float *x;
    int64_t *index;
} job;

static tn_status prepare(kernel_bind *b)
{
    const kernel_operand *x = &b->in[0], *y = &b->out[0];
    plan *p = BASE_NEW(b->arena, plan);
    if (!p)
        return base_no_memory(b->error, "preparing a kernel");
    *p = (plan){.window = op_pool_window(b->node->arg, cpu_arg(b->node, "dilation")),
                .planes = x->dims[0] * x->dims[1],
                .h = x->dims[2],
                .w = x->dims[3],
                .oh = y->dims[2],
                .ow = y->dims[3],
                .threads = b->threads};
    b->plan = p;
    return TN_OK;
}

/* The places 0 <= start + k * step < size of k in [0, n): from *first up to *end. */
static void inside(int64_t start, int64_t step, int64_t n, int64_t size, int64_t *first, int64_t *end)
{
    *first = start < 0 ? (-start + step - 1) / step : 0;
    *end = start < size ? (size - 1 - start) / step + 1 : 0;
    *end = *end < n ? *end : n;
}

static int64_t largest(const plan *p, const float *x, int64_t row, int64_t column)
{
    const op_window *w = &p->window;
    int64_t top = row * w->stride[0] - w->pad[0], left = column * w->stride[1] - w->pad[1], r0, r1, s0, s1, best = -1;
    inside(top, w->dilation[0], w->kernel[0], p->h, &r0, &r1);
    inside(left, w->dilation[1], w->kernel[1], p->w, &s0, &s1);
    for (int64_t r = r0; r < r1; r++)
        for (int64_t s = s0; s < s1; s++) {
            int64_t here = (top + r * w->dilation[0]) * p->w + left + s * w->dilation[1];
            if (best < 0 || x[here] > x[best] || x[here] != x[here])
                best = here;
        }
    return best < 0 ? 0 : best;
}

static void plane(void *arg, int64_t chunk, int thread)
{
    const job *j = arg;
    const plan *p = j->p;
    const float *x = j->x + chunk * p->h * p->w;
    int64_t *index = j->index + chunk * p->oh * p->ow;
    (void)thread;
    for (int64_t row = 0; row < p->oh; row++)
        for (int64_t column = 0; column < p->ow; column++)
            *index++ = largest(p, x, row, column);
}

static void run(const kernel_call *c)
{
    const plan *p = c->plan;
    job j = {p, c->in[0], c->out[0]};
    cpu_parallel(p->threads, p->planes, plane, &j);
}

static bool keeps(const graph_node *node, bool training)
{
    (void)training;
    return node->in[0]->type.dtype == TN_F32;
}

const kernel cpu_kernels_max_pool2d_index[] = {
    {.op = "max_pool2d_index", .name = "max_pool2d_index/planes", .keeps = keeps, .prepare = prepare, .run = run}, {0}};
