/* conv2d: y[n, o, i, j] = bias[o] + the sum over c, r, s of w[o, c, r, s] * x[n, c', i stride + r dilation - padding, ...],
 * where x is zero outside of the picture and c' runs over the channels of o's group (a cross-correlation, as in every
 * framework). Weights are w[O, I / groups, kh, kw]; padding may be given for each side: top, left, bottom, right. `add`, of
 * the shape of y, is added before the activation, or behind it (add_last): the epilogue pass puts a residual there. */
#include "op/internal.h"
#include "op/scheme/activation.h"
#include "op/scheme/window.h"

#include <math.h>

static tn_status conv2d_infer(const op_infer *c)
{
    BASE_TRY(op_conv_infer(c, c->in[0], c->in[1], &c->out[0]));
    if (c->in[2] && c->in[2]->rank != 1)
        return op_fail(c, TN_SHAPE, "the bias has %d axes; it needs one", c->in[2]->rank);
    if (c->in[2])
        BASE_TRY(op_want_same(c, c->in[2]->dims[0], c->in[1]->dims[0], "the size of the bias and the output channels"));
    if (c->in[3] && c->in[3]->rank != 4)
        return op_fail(c, TN_SHAPE, "'add' has %d axes; it needs four", c->in[3]->rank);
    for (int i = 0; c->in[3] && i < 4; i++)
        BASE_TRY(op_want_same(c, c->in[3]->dims[i], c->out[0].dims[i], "the sizes of 'add' and of the result"));
    return TN_OK;
}

static const char *const activations[] = {"none", "relu", "relu6", "leaky_relu", NULL};

extern const op_def op_conv2d;

/* What the activation gave: the result, unless something was added behind; then it is computed again. */
static tn_tensor *activated(const op_grad *c, const op_value *arg)
{
    if (!op_in(c, 3) || !arg[OP_CONV_ADD_LAST].i || arg[OP_CONV_ACTIVATION].i == OP_ACT_NONE)
        return op_out(c, 0);
    return OP_MAKE(
        &op_conv2d,
        OP_ARGS([OP_CONV_STRIDE] = {true, arg[OP_CONV_STRIDE]}, [OP_CONV_PADDING] = {true, arg[OP_CONV_PADDING]},
                [OP_CONV_DILATION] = {true, arg[OP_CONV_DILATION]}, [OP_CONV_GROUPS] = {true, arg[OP_CONV_GROUPS]},
                [OP_CONV_ACTIVATION] = {true, arg[OP_CONV_ACTIVATION]}, [OP_CONV_SLOPE] = {true, arg[OP_CONV_SLOPE]}),
        op_in(c, 0), op_in(c, 1), op_in(c, 2));
}

/* leaky_relu keeps the sign: the gradient may ask the result. */
static tn_tensor *before_activation(const op_grad *c, const op_value *arg)
{
    return arg[OP_CONV_ACTIVATION].i == OP_ACT_LEAKY_RELU
               ? op_leaky_relu_grad_of(op_dout(c, 0), activated(c, arg), arg[OP_CONV_SLOPE].f)
               : op_before_activation(c, activated(c, arg), arg[OP_CONV_ACTIVATION].i);
}

/* The gradient of a pooling is what came to it, each number once, if every window has a pixel; that is shorter to add up. */
static tn_tensor *without_pooling(tn_tensor *dy)
{
    const op_value *pool;
    tn_tensor *d = op_max_pool2d_spread(dy, NULL, &pool);
    bool inside = d && !pool[OP_POOL_CEIL].i;
    for (int i = 0; inside && i < pool[OP_POOL_PADDING].n; i++)
        inside = pool[OP_POOL_PADDING].list[i] == 0;
    return inside ? d : dy;
}

static tn_status conv2d_backward(const op_grad *c)
{
    static const int64_t axes[3] = {0, 2, 3};
    tn_tensor *x = op_in(c, 0), *w = op_in(c, 1);
    const op_value *arg = op_arg(c, 0);
    tn_tensor *dy = before_activation(c, arg);
    if (op_wants(c, 0))
        op_give(c, 0, op_conv2d_grad_data_of(dy, w, tn_tensor_shape(x), arg));
    if (op_wants(c, 1))
        op_give(c, 1, op_conv2d_grad_weight_of(x, dy, tn_tensor_shape(w), arg));
    if (op_wants(c, 2))
        op_give(c, 2, tn_sum_axes(without_pooling(dy), 3, axes, false));
    if (op_wants(c, 3))
        op_give(c, 3, arg[OP_CONV_ADD_LAST].i ? op_dout(c, 0) : dy);
    return TN_OK;
}

static void product(const op_ref *c, int64_t x, int64_t w, int64_t y)
{
    double term = c->in[0]->f[x] * c->in[1]->f[w];
    c->out[0]->f[y] += term;
    c->out[0]->magnitude[y] += fabs(term);
}

static void add_residual(const op_ref *c)
{
    op_array *y = c->out[0];
    for (int64_t i = 0; c->in[3] && i < y->count; i++) {
        y->f[i] += c->in[3]->f[i];
        y->magnitude[i] += fabs(c->in[3]->f[i]);
    }
}

static void conv2d_ref(const op_ref *c)
{
    op_array *y = c->out[0];
    op_conv_each(c, c->in[0], c->in[1], y, product);
    for (int64_t i = 0; c->in[2] && i < y->count; i++) {
        double bias = c->in[2]->f[i / (y->dims[2] * y->dims[3]) % y->dims[1]];
        y->f[i] += bias;
        y->magnitude[i] += fabs(bias);
    }
    if (!c->arg[OP_CONV_ADD_LAST].i)
        add_residual(c);
    const bool leaky = c->arg[OP_CONV_ACTIVATION].i == OP_ACT_LEAKY_RELU;
    for (int64_t i = 0; leaky && i < y->count; i++)
        y->f[i] *= y->f[i] > 0 ? 1 : c->arg[OP_CONV_SLOPE].f;
    if (!leaky)
        op_ref_activate(c, c->arg[OP_CONV_ACTIVATION].i);
    if (c->arg[OP_CONV_ADD_LAST].i)
        add_residual(c);
}

static double conv2d_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)arg;
    return op_conv_flops(in[1], &out[0]) + ((in[2] != NULL) + (in[3] != NULL)) * op_elements(&out[0]);
}

const op_def op_conv2d = {
    .name = "conv2d",
    .doc = "Two-dimensional convolution (cross-correlation) with groups.",
    .torch = "torch.nn.functional.conv2d",
    .onnx = "Conv",
    .in = {{"x", OP_FLOATS, 'T'},
           {"w", OP_FLOATS, 'T'},
           {"bias", OP_FLOATS, 'T', OP_OPTIONAL},
           {"add", OP_FLOATS, 'T', OP_OPTIONAL}},
    .out = {{"y", 0, 'T'}},
    .arg = {OP_CONV_ARGS, [OP_CONV_ACTIVATION] = OP_ARG_ENUM("activation", OP_ACT_NONE, activations),
            [OP_CONV_SLOPE] = OP_ARG_FLOAT_IN("slope", 0.01, 1e-30, 1),
            [OP_CONV_ADD_LAST] = OP_ARG_BOOL("add_last", false)},
    .infer = conv2d_infer,
    .grad = conv2d_backward,
    .ref = conv2d_ref,
    .flops = conv2d_flops,
    .cases =
        (const char *const[]){
            "x=x[2x3x5x6] w=x[4x3x3x3] bias=x[4]",
            "x=x[2x3x5x6] w=x[4x3x3x3]:finite padding=1",
            "x=x[1x1x4x4] w=x[1x1x1x1]",
            "x=x[2x3x5x6] w=x[20x3x3x3]:finite bias=x[20] padding=1 activation=relu",
            "x=x[1x4x6x6] w=x[4x1x3x3]:finite groups=4 activation=relu",
            "x=x[2x4x7x5] w=x[6x2x3x2]:finite bias=x[6] groups=2 stride=2 padding=1,0",
            "x=x[1x4x6x6] w=x[4x1x3x3]:finite groups=4 padding=1",
            "x=x[1x2x8x7] w=x[3x2x3x2]:finite dilation=2,3 stride=1,2 padding=2",
            "x=x[1x2x4x5] w=x[2x2x3x3]:finite padding=0,1,2,3",
            "x=x[3x17x9x9]:finite w=x[18x17x3x3]:finite padding=1 stride=2",
            "x=x[9x20x3x3]:finite w=x[20x20x2x2]:finite stride=2 padding=1",
            "x=x[2x17x13x8]:finite w=x[18x17x3x3]:finite bias=x[18] padding=1",
            "x=x[2x3x5x6] w=x[20x3x3x3]:finite add=x[2x20x3x4]",
            "x=x[2x16x9x9]:finite w=x[18x16x3x3]:finite bias=x[18] add=x[2x18x9x9] padding=1",
            "x=x[1x4x6x6] w=x[4x1x3x3]:finite groups=4 add=x[1x4x4x4] activation=relu6",
            "x=x[3x17x9x9]:finite w=x[3x17x3x3]:finite bias=x[3] add=x[3x3x7x7] activation=relu6",
            "x=x[1x1x4x4]:kinks=0 w=x[1x1x1x1]:kinks=0 activation=leaky_relu slope=0.2",
            "x=x[2x4x3x2]:kinks=0 w=x[4x1x1x1]:kinks=0 groups=4 activation=leaky_relu",
            "x=x[3x17x9x9]:finite w=x[3x17x3x3]:finite bias=x[3] activation=leaky_relu slope=1",
            "x=x[1x16x3x4]:finite w=x[18x16x2x3]:finite bias=x[18] add=x[1x18x2x4] padding=0,1 "
            "activation=leaky_relu slope=0.1 add_last=true",
            "x=x[1x4x6x6]:kinks=0 w=x[4x1x1x1]:kinks=0 groups=4 add=x[1x4x6x6] activation=relu add_last=true",
            "x=x[3x17x9x9]:finite w=x[3x17x3x3]:finite bias=x[3] add=x[3x3x7x7] activation=relu6 "
            "add_last=true",
            "x=x[0x3x5x5] w=x[2x3x3x3]",
            NULL},
    .bad = (const op_bad[]){{"x=x[3x5x5] w=x[2x3x3x3]", "the picture has 3 axes"},
                            {"x=x[1x3x5x5] w=x[2x3x3]", "the weight has 3 axes"},
                            {"x=x[1x3x5x5] w=x[2x4x3x3]", "the picture has 3 channels; the weight takes 4"},
                            {"x=x[1x4x5x5] w=x[3x2x3x3] groups=2", "3 output channels cannot be divided into 2 groups"},
                            {"x=x[1x3x2x5] w=x[2x3x3x3]", "does not fit into 2"},
                            {"x=x[1x3x5x5] w=x[2x3x0x3]", "must be numbers above 0"},
                            {"x=x[1x3x5x5] w=x[2x3x3x3] bias=x[3]", "3 and 2 differ"},
                            {"x=x[1x3x5x5] w=x[2x3x3x3] bias=x[1x2]", "the bias has 2 axes"},
                            {"x=x[1x3x5x5] w=x[2x3x3x3] add=x[2]", "'add' has 1 axes"},
                            {"x=x[1x3x5x5] w=x[2x3x3x3] add=x[1x2x3x2]", "2 and 3 differ"},
                            {"x=x[1x3x5x5] w=x[2x3x3x3] stride=0", "stride is 0"},
                            {"x=x[1x3x5x5] w=x[2x3x3x3] stride=1,1,1", "stride takes 1 or 2 numbers"},
                            {"x=x[1x3x5x5] w=x[2x3x3x3] padding=-1", "padding is -1"},
                            {"x=x[1x3x5x5] w=x[2x3x3x3] padding=1,1,1", "padding takes 1, 2 or 4 numbers"},
                            {"x=x[1x3x5x5] w=x[2x3x3x3] dilation=0", "dilation is 0"},
                            {"x=x[1x3x5x5] w=x[2x3x3x3] dilation=1,1,1,1", "dilation takes 1 or 2 numbers"},
                            {"x=x[1x3x5x5] w=x[2x3x3x3] groups=0", "groups is 0"},
                            {"x=x[1x3x5x5] w=x[2x3x3x3] activation=leaky_relu slope=0", "slope is 0"},
                            {0}},
    .tol = {OP_TOL_CONV},
};

tn_tensor *op_conv2d_of(tn_tensor *x, tn_tensor *w, const op_value *conv)
{
    return OP_MAKE(
        &op_conv2d,
        OP_ARGS([OP_CONV_STRIDE] = {true, conv[OP_CONV_STRIDE]}, [OP_CONV_PADDING] = {true, conv[OP_CONV_PADDING]},
                [OP_CONV_DILATION] = {true, conv[OP_CONV_DILATION]}, [OP_CONV_GROUPS] = {true, conv[OP_CONV_GROUPS]}),
        x, w);
}

/* Whether the kernel takes in whole rows of the picture, as those over embedded words do, and steps down only. */
static bool takes_whole_rows(const tn_tensor *x, const tn_tensor *w, const op_conv_numbers *o)
{
    if (op_unusable(x) || op_unusable(w) || x->type.rank != 4 || w->type.rank != 4)
        return false;
    const tn_dim *picture = x->type.dims, *kernel = w->type.dims;
    for (int i = 1; i < 4; i++)
        if (!dim_literal(picture[i]) || !dim_literal(kernel[i]))
            return false;
    return o->groups == 1 && o->padding[1] == 0 && o->padding[3] == 0 && picture[1] == kernel[1] &&
           kernel[3] == picture[3] && kernel[3] > 1 && kernel[2] >= 1 && kernel[2] < picture[2];
}

/* [N, C, H, W] as [N, C W, H, 1]: each row one pixel. */
static tn_tensor *rows_as_pixels(tn_tensor *x)
{
    const tn_dim *d = x->type.dims;
    return tn_reshape(tn_transpose(x, 2, 3), TN_SHAPE(d[0], d[1] * d[3], d[2], 1));
}

tn_tensor *tn_conv2d(tn_tensor *x, tn_tensor *w, tn_tensor *bias, const tn_conv_opt *opt)
{
    static const tn_dim none[2] = {1, 1};
    op_conv_numbers o;
    const tn_dim *kernel = op_unusable(w) || w->type.rank != 4 ? none : &w->type.dims[2];
    x = op_conv_options(x, "conv2d", 2, kernel, false, opt, &o);
    if (takes_whole_rows(x, w, &o)) { /* of the gradient's pixels each tap of a row would see one alone */
        x = rows_as_pixels(x), w = rows_as_pixels(w);
        o.stride[1] = o.dilation[1] = 1;
    }
    return OP_MAKE(&op_conv2d,
                   OP_ARGS([OP_CONV_STRIDE] = OP_L(2, o.stride), [OP_CONV_PADDING] = OP_L(4, o.padding),
                           [OP_CONV_DILATION] = OP_L(2, o.dilation), [OP_CONV_GROUPS] = OP_I(o.groups)),
                   x, w, bias);
}
