/* conv2d, its gradients and conv_transpose2d on f32, by core/conv.h: pictures channels last from end to end, weights as PyTorch has them. */
#include "cpu/core/conv.h"
#include "cpu/core/kernels.h"
#include "op/scheme/activation.h"
#include "op/scheme/window.h"

#include <string.h>

typedef struct conv_plan {
    cpu_conv conv;
    bool packed; /* the weight comes packed */
    bool adds;   /* a residual */
} conv_plan;

static kernel_layout pictures_last(const kernel_bind *b, int i)
{
    return b->in[i].rank == 4 ? KERNEL_CHANNELS_LAST : KERNEL_ROW_MAJOR;
}

/* Forward reads x, w, bias and what is added, the gradient of data dy and w: operand 1 is a weight, which stays row-major. */
static kernel_layout want_weight(const kernel_bind *b, int i)
{
    return i == 1 ? KERNEL_ROW_MAJOR : pictures_last(b, i);
}

/* Nothing to compute, or windows that no 32-bit number can describe: the reference takes those. */
static bool accepts(const kernel_bind *b)
{
    for (int i = 0; i < b->n_in; i++)
        if (b->in[i].dtype && kernel_count(&b->in[i]) == 0)
            return false;
    return kernel_count(&b->out[0]) > 0;
}

static const char *path_of(const cpu_conv *c, cpu_conv_job job)
{
    if (c->narrow && !(c->winograd && c->isa == CPU_AVX512_BF16))
        return job == CPU_CONV_FORWARD     ? "conv2d/bf16"
               : job == CPU_CONV_GRAD_DATA ? "conv2d_grad_data/bf16"
                                           : "conv2d_grad_weight/bf16";
    if (c->split && (job != CPU_CONV_GRAD_WEIGHT || cpu_conv_weight_by_split(c)))
        return job == CPU_CONV_FORWARD     ? "conv2d/split"
               : job == CPU_CONV_GRAD_DATA ? "conv2d_grad_data/split"
                                           : "conv2d_grad_weight/split";
    if (c->winograd)
        return job == CPU_CONV_FORWARD     ? "conv2d/winograd"
               : job == CPU_CONV_GRAD_DATA ? "conv2d_grad_data/winograd"
                                           : "conv2d_grad_weight/winograd";
    return NULL;
}

/* Whose errors the precision allows. */
static int ways_of(const kernel_bind *b)
{
    if (b->precision == TN_PRECISION_EXACT)
        return 0;
    return CPU_CONV_MAY_WINOGRAD | (b->precision == TN_PRECISION_BF16 ? CPU_CONV_MAY_NARROW : 0) |
           (b->precision == TN_PRECISION_HIGH && b->training ? CPU_CONV_MAY_SPLIT : 0);
}

static cpu_conv conv_of(const kernel_bind *b, const kernel_operand *x, const kernel_operand *w, const kernel_operand *y,
                        cpu_conv_job job)
{
    op_window o = op_conv_window(b->node->arg, w->dims[2], w->dims[3]);
    cpu_conv c = {.n = x->dims[0],
                  .c_in = x->dims[1],
                  .h = x->dims[2],
                  .w = x->dims[3],
                  .c_out = y->dims[1],
                  .kh = w->dims[2],
                  .kw = w->dims[3],
                  .oh = y->dims[2],
                  .ow = y->dims[3],
                  .groups = b->node->arg[OP_CONV_GROUPS].i,
                  .threads = b->threads,
                  .isa = (cpu_isa)b->isa};
    for (int d = 0; d < 2; d++) {
        c.stride[d] = (int)o.stride[d];
        c.dilation[d] = (int)o.dilation[d];
    }
    for (int side = 0; side < 4; side++)
        c.pad[side] = (int)o.pad[side];
    cpu_conv_choose(&c, job, ways_of(b), job == CPU_CONV_FORWARD && b->fixed && b->fixed[1]);
    return c;
}

static tn_status plan(kernel_bind *b, const kernel_operand *x, const kernel_operand *w, const kernel_operand *y,
                      cpu_conv_job job)
{
    conv_plan *made = BASE_NEW(b->arena, conv_plan);
    if (!made)
        return base_no_memory(b->error, "preparing a kernel");
    made->conv = conv_of(b, x, w, y, job);
    made->conv.half_x = x->dtype == TN_BF16;
    made->conv.half_y = y->dtype == TN_BF16;
    b->plan = made;
    b->path = path_of(&made->conv, job);
    b->scratch = cpu_conv_scratch(&made->conv, job);
    return TN_OK;
}

/* The pictures of a convolution that rounds them. In training what it gives is kept rounded for those who normalise it, forward and
 * backward, as autocast does elsewhere: values between forward and backward are what a step needs most memory for. */
static kernel_half half(const kernel_bind *b, int i)
{
    if (i == 1 || i == 2 || !accepts(b))
        return KERNEL_NO_HALF;
    cpu_conv c = conv_of(b, &b->in[0], &b->in[1], &b->out[0], CPU_CONV_FORWARD);
    c.half_x = i == 0;
    if (b->precision == TN_PRECISION_BF16 && c.isa >= CPU_AVX512_BF16 && cpu_conv_moves_half(&c))
        return b->n_in > 3 && b->in[3].dtype ? KERNEL_NO_HALF : KERNEL_MOVES;
    return !cpu_conv_takes_half(&c) ? KERNEL_NO_HALF : i <= 0 ? KERNEL_ROUNDS : KERNEL_HALF;
}

static tn_status prepare_forward(kernel_bind *b)
{
    kernel_set_layout(&b->out[0], KERNEL_CHANNELS_LAST);
    BASE_TRY(plan(b, &b->in[0], &b->in[1], &b->out[0], CPU_CONV_FORWARD));
    conv_plan *p = b->plan;
    p->conv.half_add = b->n_in > 3 && b->in[3].dtype == TN_BF16;
    const cpu_conv *c = &p->conv;
    if (b->fixed && b->fixed[1])
        b->pack = (kernel_pack){1,
                                cpu_conv_packed(c, CPU_CONV_FORWARD),
                                {c->groups, c->dilation[1], c->narrow ? 2 + c->half_x : c->split, c->winograd}};
    p->packed = b->pack.bytes > 0;
    p->adds = b->n_in > 3 && b->in[3].dtype;
    p->conv.relu = b->node->arg[OP_CONV_ACTIVATION].i != OP_ACT_NONE;
    p->conv.add_last = b->node->arg[OP_CONV_ADD_LAST].i;
    p->conv.most = b->node->arg[OP_CONV_ACTIVATION].i == OP_ACT_RELU6 ? 6 : 0;
    p->conv.slope = b->node->arg[OP_CONV_ACTIVATION].i == OP_ACT_LEAKY_RELU ? (float)b->node->arg[OP_CONV_SLOPE].f : 0;
    return TN_OK;
}

/* Pooling by 2 x 2, where the tiles that are written are made of such squares. */
static bool takes_in(void *plan, const graph_node *node, const kernel_operand *in, kernel_operand *out)
{
    conv_plan *p = plan;
    if (strcmp(node->def->name, "max_pool2d") != 0 || p->adds || !cpu_conv_pools(&p->conv))
        return false;
    const op_window o = op_pool_window(node->arg, cpu_arg(node, "dilation"));
    for (int d = 0; d < 2; d++)
        if (o.kernel[d] != 2 || o.stride[d] != 2 || o.dilation[d] != 1 || out->dims[2 + d] != in->dims[2 + d] / 2)
            return false;
    for (int side = 0; side < 4; side++)
        if (o.pad[side] != 0)
            return false;
    p->conv.pool = true;
    p->conv.half_y = out->dtype == TN_BF16; /* what is not pooled yet lies nowhere */
    kernel_set_layout(out, KERNEL_CHANNELS_LAST);
    return true;
}

static tn_status prepare_grad_data(kernel_bind *b)
{
    kernel_set_layout(&b->out[0], KERNEL_CHANNELS_LAST);
    return plan(b, &b->out[0], &b->in[1], &b->in[0], CPU_CONV_GRAD_DATA);
}

/* What comes from above. */
static kernel_half half_of_data(const kernel_bind *b, int i)
{
    if (i != 0 || !accepts(b))
        return KERNEL_NO_HALF;
    const cpu_conv c = conv_of(b, &b->out[0], &b->in[1], &b->in[0], CPU_CONV_GRAD_DATA);
    return cpu_conv_data_takes_half(&c) ? KERNEL_ROUNDS : KERNEL_NO_HALF;
}

/* The gradient of data with a bias and an activation. Which form a packed weight has follows from phases too: from steps and from
 * where the window begins. */
static tn_status prepare_transposed(kernel_bind *b)
{
    BASE_TRY(prepare_grad_data(b));
    conv_plan *p = b->plan;
    cpu_conv *c = &p->conv;
    const op_value *activation = cpu_arg(b->node, "activation");
    c->relu = activation->i != OP_ACT_NONE;
    c->most = activation->i == OP_ACT_RELU6 ? 6 : 0;
    if (b->fixed && b->fixed[1])
        b->pack = (kernel_pack){1,
                                cpu_conv_packed(c, CPU_CONV_GRAD_DATA),
                                {c->groups * 8 + c->winograd * 4 + (c->narrow ? 2 : c->split),
                                 (int64_t)c->stride[0] << 32 | c->stride[1],
                                 (int64_t)c->dilation[0] << 32 | c->dilation[1], (int64_t)c->pad[0] << 32 | c->pad[1]}};
    p->packed = b->pack.bytes > 0;
    return TN_OK;
}

static tn_status prepare_grad_weight(kernel_bind *b)
{
    return plan(b, &b->in[0], &b->out[0], &b->in[1], CPU_CONV_GRAD_WEIGHT);
}

/* The pictures, and what comes from above. */
static kernel_half half_of_weight(const kernel_bind *b, int i)
{
    if (i < 0 || !accepts(b))
        return KERNEL_NO_HALF;
    cpu_conv c = conv_of(b, &b->in[0], &b->out[0], &b->in[1], CPU_CONV_GRAD_WEIGHT);
    c.half_x = i == 0;
    return cpu_conv_weight_takes_half(&c) ? KERNEL_ROUNDS : KERNEL_NO_HALF;
}

static void run_forward(const kernel_call *c)
{
    const conv_plan *p = c->plan;
    if (p->packed)
        cpu_conv_forward_packed(&p->conv, c->in[0], c->in[1], c->in[2], c->in[3], c->out[0], c->scratch);
    else
        cpu_conv_forward(&p->conv, c->in[0], c->in[1], c->in[2], c->in[3], c->out[0], c->scratch);
}

static void pack(const void *plan, const void *from, void *to)
{
    cpu_conv_pack(&((const conv_plan *)plan)->conv, CPU_CONV_FORWARD, from, to);
}

static void pack_transposed(const void *plan, const void *from, void *to)
{
    cpu_conv_pack(&((const conv_plan *)plan)->conv, CPU_CONV_GRAD_DATA, from, to);
}

static void run_transposed(const kernel_call *c)
{
    const conv_plan *p = c->plan;
    if (p->packed)
        cpu_conv_transposed_packed(&p->conv, c->in[0], c->in[1], c->in[2], c->out[0], c->scratch);
    else
        cpu_conv_transposed(&p->conv, c->in[0], c->in[1], c->in[2], c->out[0], c->scratch);
}

static void run_grad_data(const kernel_call *c)
{
    cpu_conv_grad_data(&((const conv_plan *)c->plan)->conv, c->in[0], c->in[1], c->out[0], c->scratch);
}

static void run_grad_weight(const kernel_call *c)
{
    cpu_conv_grad_weight(&((const conv_plan *)c->plan)->conv, c->in[0], c->in[1], c->out[0], NULL, c->scratch);
}

/* What output_padding adds is part of a step: else it is lowered. */
static bool keeps_transposed(const graph_node *node, bool training)
{
    const op_value *extra = cpu_arg(node, "output_padding"), *stride = &node->arg[OP_CONV_STRIDE];
    for (int d = 0; d < 2 && extra->n; d++)
        if (extra->list[d % extra->n] >= (stride->n ? stride->list[d % stride->n] : 1))
            return false;
    return cpu_node_is_f32(node, training);
}

const kernel cpu_kernels_conv2d[] = {{.op = "conv2d",
                                      .name = "conv2d/direct",
                                      .keeps = cpu_node_is_f32,
                                      .accepts = accepts,
                                      .want = want_weight,
                                      .prepare = prepare_forward,
                                      .run = run_forward,
                                      .takes_in = takes_in,
                                      .half = half,
                                      .pack = pack},
                                     {.op = "conv2d_grad_data",
                                      .name = "conv2d_grad_data/direct",
                                      .keeps = cpu_node_is_f32,
                                      .accepts = accepts,
                                      .want = want_weight,
                                      .prepare = prepare_grad_data,
                                      .run = run_grad_data,
                                      .half = half_of_data},
                                     {.op = "conv_transpose2d",
                                      .name = "conv_transpose2d/direct",
                                      .keeps = keeps_transposed,
                                      .accepts = accepts,
                                      .want = want_weight,
                                      .prepare = prepare_transposed,
                                      .run = run_transposed,
                                      .pack = pack_transposed},
                                     {.op = "conv2d_grad_weight",
                                      .name = "conv2d_grad_weight/direct",
                                      .keeps = cpu_node_is_f32,
                                      .accepts = accepts,
                                      .want = pictures_last,
                                      .prepare = prepare_grad_weight,
                                      .run = run_grad_weight,
                                      .half = half_of_weight},
                                     {0}};
