/* max_pool2d_index on f32: planes one after the other, the windows of a row together; the first of equals, of NaN the last. */
#include "cpu/core/kernels.h"
#include "cpu/core/par.h"
#include "cpu/core/pool_index.h"
#include "op/scheme/window.h"

extern const cpu_pool_meet_fn cpu_pool_meet_portable, cpu_pool_meet_avx2, cpu_pool_meet_avx512;

cpu_pool_meet_fn cpu_pool_meet_of(cpu_isa isa)
{
    return CPU_OF_ISA(isa, cpu_pool_meet);
}

typedef struct plan {
    op_window window;
    cpu_pool_meet_fn meet;
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
                .meet = cpu_pool_meet_of((cpu_isa)b->isa),
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

/* Windows [from, to) of a row, at most CPU_POOL_STRETCH. */
static void stretch(const plan *p, const float *x, int64_t row, int64_t from, int64_t to, int64_t *index)
{
    const op_window *w = &p->window;
    cpu_pool_best best = {{0}, {0}};
    int64_t top = row * w->stride[0] - w->pad[0], r0, r1, first, end;
    for (int64_t i = 0; i < to - from; i++)
        best.place[i] = -1;
    inside(top, w->dilation[0], w->kernel[0], p->h, &r0, &r1);
    for (int64_t r = r0; r < r1; r++)
        for (int64_t s = 0; s < w->kernel[1]; s++) {
            int64_t left = from * w->stride[1] - w->pad[1] + s * w->dilation[1];
            inside(left, w->stride[1], to - from, p->w, &first, &end);
            int64_t place = (top + r * w->dilation[0]) * p->w + left + first * w->stride[1];
            if (end > first)
                p->meet(x + place, w->stride[1], (int32_t)place, end - first, best.value + first, best.place + first);
        }
    for (int64_t i = 0; i < to - from; i++)
        index[i] = best.place[i] < 0 ? 0 : best.place[i];
}

static void plane(void *arg, int64_t chunk, int thread)
{
    const job *j = arg;
    const plan *p = j->p;
    const float *x = j->x + chunk * p->h * p->w;
    int64_t *index = j->index + chunk * p->oh * p->ow;
    (void)thread;
    for (int64_t row = 0; row < p->oh; row++)
        for (int64_t from = 0; from < p->ow; from += CPU_POOL_STRETCH) {
            int64_t to = from + CPU_POOL_STRETCH < p->ow ? from + CPU_POOL_STRETCH : p->ow;
            stretch(p, x, row, from, to, index + row * p->ow + from);
        }
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

/* Places within a plane are kept in 32 bits. */
static bool accepts(const kernel_bind *b)
{
    return b->in[0].dims[2] * b->in[0].dims[3] <= INT32_MAX;
}

const kernel cpu_kernels_max_pool2d_index[] = {{.op = "max_pool2d_index",
                                                .name = "max_pool2d_index/planes",
                                                .keeps = keeps,
                                                .accepts = accepts,
                                                .prepare = prepare,
                                                .run = run},
                                               {0}};
