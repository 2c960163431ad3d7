/* max_pool2d, avg_pool2d and their gradients on f32, by core/pool.h. Pictures lie as they come: channels last after a
 * convolution, by planes otherwise. */
#include "cpu/core/kernels.h"
#include "cpu/core/pool.h"
#include "op/scheme/window.h"

static kernel_layout want(const kernel_bind *b, int i)
{
    (void)b, (void)i;
    return KERNEL_CHANNELS_LAST;
}

static tn_status plan(kernel_bind *b, const kernel_operand *x, const kernel_operand *y)
{
    cpu_pool *p = BASE_NEW(b->arena, cpu_pool);
    const op_value *include = cpu_arg(b->node, "count_include_pad"), *divisor = cpu_arg(b->node, "divisor");
    op_window o = op_pool_window(b->node->arg, cpu_arg(b->node, "dilation"));
    if (!p)
        return base_no_memory(b->error, "preparing a kernel");
    *p = (cpu_pool){.n = x->dims[0],
                    .c = x->dims[1],
                    .h = x->dims[2],
                    .w = x->dims[3],
                    .kh = o.kernel[0],
                    .kw = o.kernel[1],
                    .oh = y->dims[2],
                    .ow = y->dims[3],
                    .ceil_mode = o.ceil,
                    .count_pad = include && include->i,
                    .divisor = divisor ? divisor->i : 0,
                    .threads = b->threads,
                    .isa = (cpu_isa)b->isa};
    for (int d = 0; d < 2; d++) {
        p->stride[d] = (int)o.stride[d];
        p->dilation[d] = (int)o.dilation[d];
    }
    for (int side = 0; side < 4; side++)
        p->pad[side] = (int)o.pad[side];
    b->plan = p;
    return TN_OK;
}

static tn_status prepare_forward(kernel_bind *b)
{
    kernel_set_layout(&b->out[0], KERNEL_CHANNELS_LAST);
    BASE_TRY(plan(b, &b->in[0], &b->out[0]));
    ((cpu_pool *)b->plan)->half_x = b->in[0].dtype == TN_BF16;
    ((cpu_pool *)b->plan)->half_y = b->out[0].dtype == TN_BF16;
    return TN_OK;
}

/* The largest of rounded numbers is the largest one rounded. */
static kernel_half half(const kernel_bind *b, int i)
{
    (void)b, (void)i;
    return KERNEL_PICKS;
}

static tn_status prepare_grad(kernel_bind *b)
{
    kernel_set_layout(&b->out[0], KERNEL_CHANNELS_LAST);
    return plan(b, &b->out[0], &b->in[0]);
}

/* dy and x. */
static tn_status prepare_max_grad(kernel_bind *b)
{
    BASE_TRY(prepare_grad(b));
    ((cpu_pool *)b->plan)->half_x = b->in[1].dtype == TN_BF16;
    ((cpu_pool *)b->plan)->half_dx = b->out[0].dtype == TN_BF16;
    return TN_OK;
}

/* What is given to the winners may lie rounded where nothing is added to it. */
static kernel_half half_of_grad(const kernel_bind *b, int i)
{
    const op_window o = op_pool_window(b->node->arg, cpu_arg(b->node, "dilation"));
    const cpu_pool p = {.kh = o.kernel[0],
                        .kw = o.kernel[1],
                        .stride = {(int)o.stride[0], (int)o.stride[1]},
                        .dilation = {(int)o.dilation[0], (int)o.dilation[1]}};
    return i == 1 || (i == -1 && cpu_pool_apart(&p)) ? KERNEL_HALF : KERNEL_NO_HALF;
}

static void run_max(const kernel_call *c)
{
    cpu_max_pool(c->plan, c->in[0], c->out[0]);
}

static void run_max_grad(const kernel_call *c)
{
    cpu_max_pool_grad(c->plan, c->in[1], c->in[0], c->out[0]);
}

static void run_avg(const kernel_call *c)
{
    cpu_avg_pool(c->plan, c->in[0], c->out[0]);
}

static void run_avg_grad(const kernel_call *c)
{
    cpu_avg_pool_grad(c->plan, c->in[0], c->out[0]);
}

static bool accepts(const kernel_bind *b)
{
    return b->in[0].rank == 4 && kernel_count(&b->in[0]) > 0 && kernel_count(&b->out[0]) > 0;
}

#define ROW(text, how, what, halves)                                                                                   \
    {                                                                                                                  \
        .op = text, .name = text "/direct", .keeps = cpu_node_is_f32, .accepts = accepts, .want = want,                \
        .prepare = how, .run = what, .half = halves                                                                    \
    }
const kernel cpu_kernels_max_pool2d[] = {ROW("max_pool2d", prepare_forward, run_max, half),
                                         ROW("max_pool2d_grad", prepare_max_grad, run_max_grad, half_of_grad),
                                         ROW("avg_pool2d", prepare_forward, run_avg, NULL),
                                         ROW("avg_pool2d_grad", prepare_grad, run_avg_grad, NULL),
                                         {0}};
