/* conv2d_grad_data: the gradient of a convolution for its picture, of the given shape, from dy and the weight.
 * It is linear in both; its gradients are conv2d and conv2d_grad_weight. */
#include "op/internal.h"
#include "op/scheme/window.h"

#include <math.h>

static tn_status conv2d_grad_data_infer(const op_infer *c)
{
    const op_value *shape = &c->arg[OP_CONV_SHAPE];
    graph_type *out = &c->out[0], y = {0};
    out->rank = shape->n;
    for (int i = 0; i < shape->n && i < TN_MAX_RANK; i++)
        out->dims[i] = shape->list[i];
    BASE_TRY(op_conv_infer(c, out, c->in[1], &y));
    if (!graph_same_dims(c->dims, &y, c->in[0], "conv2d_grad_data"))
        return op_fail(c, TN_SHAPE, "dy must have the shape of the convolution's result");
    return TN_OK;
}

static tn_status conv2d_grad_data_backward(const op_grad *c)
{
    tn_tensor *dy = op_in(c, 0), *w = op_in(c, 1), *d = op_dout(c, 0);
    const op_value *arg = op_arg(c, 0);
    if (op_wants(c, 0))
        op_give(c, 0, op_conv2d_of(d, w, arg));
    if (op_wants(c, 1))
        op_give(c, 1, op_conv2d_grad_weight_of(d, dy, tn_tensor_shape(w), arg));
    return TN_OK;
}

static void product(const op_ref *c, int64_t x, int64_t w, int64_t y)
{
    double term = c->in[0]->f[y] * c->in[1]->f[w];
    c->out[0]->f[x] += term;
    c->out[0]->magnitude[x] += fabs(term);
}

static void conv2d_grad_data_ref(const op_ref *c)
{
    op_conv_each(c, c->out[0], c->in[1], c->in[0], product);
}

static double conv2d_grad_data_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)arg, (void)out;
    return op_conv_flops(in[1], in[0]);
}

const op_def op_conv2d_grad_data = {
    .name = "conv2d_grad_data",
    .doc = "The gradient of conv2d for its picture.",
    .in = {{"dy", OP_FLOATS, 'T'}, {"w", OP_FLOATS, 'T'}},
    .out = {{"dx", 0, 'T'}},
    .arg = {OP_CONV_ARGS, [OP_CONV_SHAPE] = OP_ARG_DIMS("shape")},
    .infer = conv2d_grad_data_infer,
    .grad = conv2d_grad_data_backward,
    .ref = conv2d_grad_data_ref,
    .flops = conv2d_grad_data_flops,
    .cases = (const char *const[]){"dy=x[2x4x3x4] w=x[4x3x3x3]:finite shape=2,3,5,6",
                                   "dy=x[2x4x5x6] w=x[4x3x3x3]:finite padding=1 shape=2,3,5,6",
                                   "dy=x[2x6x4x2] w=x[6x2x3x2]:finite groups=2 stride=2 padding=1,0 shape=2,4,7,5",
                                   "dy=x[1x4x6x6] w=x[4x1x3x3]:finite groups=4 padding=1 shape=1,4,6,6",
                                   "dy=x[1x3x8x4] w=x[3x2x3x2]:finite dilation=2,3 stride=1,2 padding=2 shape=1,2,8,7",
                                   "dy=x[1x2x4x7] w=x[2x2x3x3]:finite padding=0,1,2,3 shape=1,2,4,5",
                                   "dy=x[3x18x5x5]:finite w=x[18x17x3x3]:finite padding=1 stride=2 shape=3,17,9,9",
                                   "dy=x[9x20x2x2]:finite w=x[20x20x2x2]:finite stride=2 padding=1 shape=9,20,3,3",
                                   "dy=x[2x18x13x8]:finite w=x[18x17x3x3]:finite padding=1 shape=2,17,13,8",
                                   "dy=x[0x2x3x3] w=x[2x3x3x3]:finite shape=0,3,5,5", NULL},
    .bad = (const op_bad[]){{"dy=x[2x4x3x3] w=x[4x3x3x3] shape=2,3,5,6",
                             "dy must have the shape of the convolution's result"},
                            {"dy=x[2x4x3x3] w=x[4x3x3x3] shape=3,5,6", "the picture has 3 axes"},
                            {0}},
    .tol = {OP_TOL_CONV},
};

tn_tensor *op_conv2d_grad_data_of(tn_tensor *dy, tn_tensor *w, tn_shape shape, const op_value *conv)
{
    return OP_MAKE(
        &op_conv2d_grad_data,
        OP_ARGS([OP_CONV_STRIDE] = {true, conv[OP_CONV_STRIDE]}, [OP_CONV_PADDING] = {true, conv[OP_CONV_PADDING]},
                [OP_CONV_DILATION] = {true, conv[OP_CONV_DILATION]}, [OP_CONV_GROUPS] = {true, conv[OP_CONV_GROUPS]},
                [OP_CONV_SHAPE] = OP_L(shape.rank, shape.dims)),
        dy, w);
}
