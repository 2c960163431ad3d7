/* conv_transpose2d: each pixel of x puts w times its value into a window of y, windows being `stride` apart; where they overlap they
 * add up, and a border of `padding` is cut off: what conv2d_grad_data is to conv2d, with a bias. Weights are w[I, O / groups, kh, kw].
 * output_padding makes y longer at its far sides: sizes that a strided conv2d takes to the same size can all be reached. */
#include "op/internal.h"
#include "op/scheme/activation.h"
#include "op/scheme/window.h"

#include <math.h>

enum { EXTRA = OP_CONV_GROUPS + 1, ACTIVATION };

static int64_t extra_of(const op_value *arg, int d)
{
    return arg[EXTRA].n ? arg[EXTRA].list[d % arg[EXTRA].n] : 0;
}

static tn_status check_shapes(const op_infer *c)
{
    const graph_type *x = c->in[0], *w = c->in[1], *bias = c->in[2];
    int64_t groups = op_int(c, OP_CONV_GROUPS);
    if (x->rank != 4)
        return op_fail(c, TN_SHAPE, "the picture has %d axes; it needs 4: batch, channels, height, width", x->rank);
    if (w->rank != 4)
        return op_fail(c, TN_SHAPE,
                       "the weight has %d axes; it needs 4: input channels, output channels / groups, height, width",
                       w->rank);
    if (w->dims[2] < 1 || w->dims[3] < 1)
        return op_fail(c, TN_SHAPE, "the weight's height and width must be numbers above 0");
    BASE_TRY(op_want_same(c, x->dims[1], w->dims[0], "the channels of the picture and of the weight"));
    if (dim_literal(w->dims[0]) && w->dims[0] % groups)
        return op_fail(c, TN_SHAPE, "%lld input channels cannot be divided into %lld groups", (long long)w->dims[0],
                       (long long)groups);
    if (!bias)
        return TN_OK;
    if (bias->rank != 1)
        return op_fail(c, TN_SHAPE, "the bias has %d axes; it needs one", bias->rank);
    return op_want_same(c, bias->dims[0], dim_mul(c->dims, w->dims[1], groups),
                        "the size of the bias and the output channels");
}

static tn_status conv_transpose2d_infer(const op_infer *c)
{
    dim_table *t = c->dims;
    graph_type *y = &c->out[0];
    BASE_TRY(op_window_list(c, OP_CONV_STRIDE, false, false));
    BASE_TRY(op_window_list(c, OP_CONV_PADDING, false, true));
    BASE_TRY(op_window_list(c, OP_CONV_DILATION, false, false));
    BASE_TRY(op_window_list(c, EXTRA, false, false));
    BASE_TRY(check_shapes(c));
    op_window w = op_conv_window(c->arg, c->in[1]->dims[2], c->in[1]->dims[3]);
    y->rank = 4;
    y->dims[0] = c->in[0]->dims[0];
    y->dims[1] = dim_mul(t, c->in[1]->dims[1], op_int(c, OP_CONV_GROUPS));
    for (int d = 0; d < 2; d++) {
        tn_dim size = c->in[0]->dims[2 + d];
        int64_t extra = extra_of(c->arg, d), reach = w.dilation[d] * (w.kernel[d] - 1) + 1;
        if (extra >= w.stride[d] && extra >= w.dilation[d])
            return op_fail(c, TN_INVALID, "output_padding is %lld; it must be below the stride or the dilation",
                           (long long)extra);
        tn_dim between = dim_mul(t, dim_sub(t, size, 1), w.stride[d]);
        y->dims[2 + d] = dim_add(t, between, reach + extra - w.pad[d] - w.pad[d + 2]);
        if (dim_literal(size) && (size < 1 || (w.stride[d] * (size - 1) + reach + extra - w.pad[d] - w.pad[d + 2]) < 1))
            return op_fail(c, TN_SHAPE, "nothing is left on axis %d: size %lld, windows of %lld, a border of %lld",
                           d + 2, (long long)size, (long long)reach, (long long)(w.pad[d] + w.pad[d + 2]));
    }
    return TN_OK;
}

/* What output_padding adds belongs to no window of a stride if it is as long as one: then it is taken out of the border that is cut
 * off, and zeros stand for the rest. */
static tn_status conv_transpose2d_lower(const op_lower *c)
{
    tn_tensor *x = c->in[0], *w = c->in[1];
    dim_table *t = c->graph->dims;
    const op_value *arg = c->node->arg;
    op_window window = op_conv_window(arg, w->type.dims[2], w->type.dims[3]);
    tn_shape shape = tn_tensor_shape(&c->node->out[0]);
    int64_t none[4] = {0}, beyond[4] = {0}, any = 0;
    for (int d = 0; d < 2; d++) {
        int64_t extra = extra_of(arg, d), *far = &window.pad[d + 2];
        if (extra < window.stride[d])
            continue;
        beyond[2 + d] = extra > *far ? extra - *far : 0;
        *far = extra > *far ? 0 : *far - extra;
        shape.dims[2 + d] = dim_sub(t, shape.dims[2 + d], beyond[2 + d]);
        any += beyond[2 + d];
    }
    op_value conv[OP_CONV_GROUPS + 1] = {[OP_CONV_STRIDE] = {.n = 2, .list = window.stride},
                                         [OP_CONV_PADDING] = {.n = 4, .list = window.pad},
                                         [OP_CONV_DILATION] = {.n = 2, .list = window.dilation},
                                         [OP_CONV_GROUPS] = arg[OP_CONV_GROUPS]};
    tn_tensor *y = op_conv2d_grad_data_of(x, w, shape, conv);
    y = any ? tn_pad(y, none, beyond, 0) : y;
    y = c->in[2] ? tn_add(y, op_along_channels(c->in[2], 4)) : y;
    c->out[0] = arg[ACTIVATION].i == OP_ACT_NONE ? y : arg[ACTIVATION].i == OP_ACT_RELU ? tn_relu(y) : tn_relu6(y);
    return TN_OK;
}

static void product(const op_ref *c, int64_t y, int64_t w, int64_t x)
{
    double term = c->in[0]->f[x] * c->in[1]->f[w];
    c->out[0]->f[y] += term;
    c->out[0]->magnitude[y] += fabs(term);
}

static void conv_transpose2d_ref(const op_ref *c)
{
    op_array *y = c->out[0];
    op_conv_each(c, y, c->in[1], c->in[0], product);
    for (int64_t i = 0; c->in[2] && i < y->count; i++) {
        double bias = c->in[2]->f[i / (y->dims[2] * y->dims[3]) % y->dims[1]];
        y->f[i] += bias;
        y->magnitude[i] += fabs(bias);
    }
    op_ref_activate(c, c->arg[ACTIVATION].i);
}

static double conv_transpose2d_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)arg;
    return op_conv_flops(in[1], in[0]) + (in[2] ? op_elements(&out[0]) : 0);
}

const op_def op_conv_transpose2d = {
    .name = "conv_transpose2d",
    .doc = "Two-dimensional transposed convolution with groups: windows that every pixel puts into the result.",
    .torch = "torch.nn.functional.conv_transpose2d",
    .onnx = "ConvTranspose",
    .in = {{"x", OP_FLOATS, 'T'}, {"w", OP_FLOATS, 'T'}, {"bias", OP_FLOATS, 'T', OP_OPTIONAL}},
    .out = {{"y", 0, 'T'}},
    .arg = {OP_CONV_ARGS, [EXTRA] = OP_ARG_WINDOW("output_padding", 0), [ACTIVATION] = OP_ARG_ACTIVATION},
    .infer = conv_transpose2d_infer,
    .lower = conv_transpose2d_lower,
    .ref = conv_transpose2d_ref,
    .flops = conv_transpose2d_flops,
    .cases = (const char *const[]){"x=x[2x4x3x4] w=x[4x3x3x3]:finite bias=x[3]", "x=x[1x1x4x4] w=x[1x1x1x1]",
                                   "x=x[2x4x5x6] w=x[4x3x3x3]:finite bias=x[3] padding=1",
                                   "x=x[2x6x4x2] w=x[6x2x3x2]:finite groups=2 stride=2 padding=1,0 bias=x[4]",
                                   "x=x[2x3x3x2] w=x[3x4x4x3]:finite stride=2,3 padding=1 output_padding=1,2",
                                   "x=x[1x4x6x6] w=x[4x1x3x3]:finite groups=4 padding=1",
                                   "x=x[1x3x8x4] w=x[3x2x3x2]:finite dilation=2,3 stride=1,2 padding=2",
                                   "x=x[1x2x3x3] w=x[2x2x3x2]:finite dilation=3,2 padding=2,0 output_padding=1,1",
                                   "x=x[1x2x3x3] w=x[2x2x2x2]:finite dilation=4 padding=2 output_padding=3",
                                   "x=x[1x2x4x7] w=x[2x2x3x3]:finite padding=0,1,2,3",
                                   "x=x[3x18x5x5]:finite w=x[18x17x3x3]:finite padding=1 stride=2",
                                   "x=x[2x3x5x4]:finite w=x[3x5x2x2]:finite bias=x[5] stride=3 activation=relu",
                                   "x=x[1x3x4x3]:finite w=x[3x18x2x2]:finite padding=1 bias=x[18] activation=relu6",
                                   "x=x[0x2x3x3] w=x[2x3x3x3]:finite", NULL},
    .bad = (const op_bad[]){{"x=x[3x5x5] w=x[3x2x3x3]", "the picture has 3 axes"},
                            {"x=x[1x3x5x5] w=x[3x2x3]", "the weight has 3 axes"},
                            {"x=x[1x3x5x5] w=x[4x3x3x3]", "3 and 4 differ"},
                            {"x=x[1x3x5x5] w=x[3x2x3x3] groups=2", "3 input channels cannot be divided into 2 groups"},
                            {"x=x[1x3x5x5] w=x[3x2x0x3]", "must be numbers above 0"},
                            {"x=x[1x3x5x5] w=x[3x2x3x3] bias=x[3]", "3 and 2 differ"},
                            {"x=x[1x3x5x5] w=x[3x2x3x3] bias=x[1x2]", "the bias has 2 axes"},
                            {"x=x[1x3x5x5] w=x[3x2x3x3] stride=2 output_padding=2", "below the stride"},
                            {"x=x[1x3x1x5] w=x[3x2x3x3] padding=2", "nothing is left on axis 2"},
                            {"x=x[1x3x0x5] w=x[3x2x3x3]", "nothing is left on axis 2"},
                            {"x=x[1x3x5x5] w=x[3x2x3x3] stride=0", "stride is 0"},
                            {"x=x[1x3x5x5] w=x[3x2x3x3] stride=1,1,1", "stride takes 1 or 2 numbers"},
                            {"x=x[1x3x5x5] w=x[3x2x3x3] padding=1,1,1", "padding takes 1, 2 or 4 numbers"},
                            {"x=x[1x3x5x5] w=x[3x2x3x3] dilation=1,1,1,1", "dilation takes 1 or 2 numbers"},
                            {"x=x[1x3x5x5] w=x[3x2x3x3] output_padding=0,0,0", "output_padding takes 1 or 2 numbers"},
                            {0}},
    .tol = {OP_TOL_CONV},
};

tn_tensor *tn_conv_transpose2d(tn_tensor *x, tn_tensor *w, tn_tensor *bias, const tn_conv_opt *opt)
{
    static const tn_dim none[2] = {1, 1};
    op_conv_numbers o;
    const tn_dim *kernel = op_unusable(w) || w->type.rank != 4 ? none : &w->type.dims[2];
    x = op_conv_options(x, "conv_transpose2d", 2, kernel, true, opt, &o);
    return OP_MAKE(&op_conv_transpose2d,
                   OP_ARGS([OP_CONV_STRIDE] = OP_L(2, o.stride), [OP_CONV_PADDING] = OP_L(4, o.padding),
                           [OP_CONV_DILATION] = OP_L(2, o.dilation), [OP_CONV_GROUPS] = OP_I(o.groups),
                           [EXTRA] = OP_L(2, o.extra)),
                   x, w, bias);
}
