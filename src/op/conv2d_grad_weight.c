/* conv2d_grad_weight: the gradient of a convolution for its weight, of the given shape, from the picture and dy.
 * It is linear in both; its gradients are conv2d_grad_data and conv2d. */
#include "op/internal.h"
#include "op/scheme/window.h"

#include <math.h>

static tn_status conv2d_grad_weight_infer(const op_infer *c)
{
    const op_value *shape = &c->arg[OP_CONV_SHAPE];
    graph_type *out = &c->out[0], y = {0};
    out->rank = shape->n;
    for (int i = 0; i < shape->n && i < TN_MAX_RANK; i++)
        out->dims[i] = shape->list[i];
    BASE_TRY(op_conv_infer(c, c->in[0], out, &y));
    if (!graph_same_dims(c->dims, &y, c->in[1], "conv2d_grad_weight"))
        return op_fail(c, TN_SHAPE, "dy must have the shape of the convolution's result");
    return TN_OK;
}

static tn_status conv2d_grad_weight_backward(const op_grad *c)
{
    tn_tensor *x = op_in(c, 0), *dy = op_in(c, 1), *d = op_dout(c, 0);
    const op_value *arg = op_arg(c, 0);
    if (op_wants(c, 0))
        op_give(c, 0, op_conv2d_grad_data_of(dy, d, tn_tensor_shape(x), arg));
    if (op_wants(c, 1))
        op_give(c, 1, op_conv2d_of(x, d, arg));
    return TN_OK;
}

static void product(const op_ref *c, int64_t x, int64_t w, int64_t y)
{
    double term = c->in[0]->f[x] * c->in[1]->f[y];
    c->out[0]->f[w] += term;
    c->out[0]->magnitude[w] += fabs(term);
}

static void conv2d_grad_weight_ref(const op_ref *c)
{
    op_conv_each(c, c->in[0], c->out[0], c->in[1], product);
}

static double conv2d_grad_weight_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)arg;
    return op_conv_flops(&out[0], in[1]);
}

const op_def op_conv2d_grad_weight = {
    .name = "conv2d_grad_weight",
    .doc = "The gradient of conv2d for its weight.",
    .in = {{"x", OP_FLOATS, 'T'}, {"dy", OP_FLOATS, 'T'}},
    .out = {{"dw", 0, 'T'}},
    .arg = {OP_CONV_ARGS, [OP_CONV_SHAPE] = OP_ARG_DIMS("shape")},
    .infer = conv2d_grad_weight_infer,
    .grad = conv2d_grad_weight_backward,
    .ref = conv2d_grad_weight_ref,
    .flops = conv2d_grad_weight_flops,
    .cases = (const char *const[]){"x=x[2x3x5x6] dy=x[2x4x3x4] shape=4,3,3,3",
                                   "x=x[2x3x5x6] dy=x[2x4x5x6]:finite padding=1 shape=4,3,3,3",
                                   "x=x[2x4x7x5] dy=x[2x6x4x2]:finite groups=2 stride=2 padding=1,0 shape=6,2,3,2",
                                   "x=x[1x4x6x6] dy=x[1x4x6x6]:finite groups=4 padding=1 shape=4,1,3,3",
                                   "x=x[1x2x8x7] dy=x[1x3x8x4]:finite dilation=2,3 stride=1,2 padding=2 shape=3,2,3,2",
                                   "x=x[1x2x4x5] dy=x[1x2x4x7]:finite padding=0,1,2,3 shape=2,2,3,3",
                                   "x=x[3x17x9x9]:finite dy=x[3x18x5x5]:finite padding=1 stride=2 shape=18,17,3,3",
                                   "x=x[9x20x3x3]:finite dy=x[9x20x2x2]:finite stride=2 padding=1 shape=20,20,2,2",
                                   "x=x[2x17x13x8]:finite dy=x[2x18x13x8]:finite padding=1 shape=18,17,3,3",
                                   "x=x[0x3x5x5] dy=x[0x2x3x3] shape=2,3,3,3", NULL},
    .bad = (const op_bad[]){{"x=x[2x3x5x6] dy=x[2x4x3x3] shape=4,3,3,3",
                             "dy must have the shape of the convolution's result"},
                            {"x=x[2x3x5x6] dy=x[2x4x3x4] shape=4,3,3", "the weight has 3 axes"},
                            {0}},
    .tol = {OP_TOL_CONV},
};

tn_tensor *op_conv2d_grad_weight_of(tn_tensor *x, tn_tensor *dy, tn_shape shape, const op_value *conv)
{
    return OP_MAKE(
        &op_conv2d_grad_weight,
        OP_ARGS([OP_CONV_STRIDE] = {true, conv[OP_CONV_STRIDE]}, [OP_CONV_PADDING] = {true, conv[OP_CONV_PADDING]},
                [OP_CONV_DILATION] = {true, conv[OP_CONV_DILATION]}, [OP_CONV_GROUPS] = {true, conv[OP_CONV_GROUPS]},
                [OP_CONV_SHAPE] = OP_L(shape.rank, shape.dims)),
        x, dy);
}
