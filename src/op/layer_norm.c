/* layer_norm (Ba, Kiros, Hinton 2016): y = (x - mean) / sqrt(var + eps) * weight + bias over the last axes of x; the variance is
 * divided by n. */
#include "op/internal.h"
#include "op/scheme/norm.h"

static tn_status layer_norm_backward(const op_grad *c)
{
    tn_tensor *dx = op_layer_norm_grad_of(op_dout(c, 0), op_in(c, 0), op_in(c, 1), op_arg(c, 0)), *bias = op_in(c, 2);
    op_give(c, 0, dx);
    op_give(c, 1, op_sibling(dx, 1));
    return bias ? op_give(c, 2, op_cast_to(op_sibling(dx, 2), bias->type.dtype)) : TN_OK;
}

static tn_status layer_norm_lower(const op_lower *c)
{
    op_norm_lower(c, true);
    return TN_OK;
}

static void layer_norm_ref(const op_ref *c)
{
    op_norm_ref(c, true);
}

const op_def op_layer_norm = {
    .name = "layer_norm",
    .doc = "Rows of the last axes brought to mean 0 and variance 1, then times weight plus bias.",
    .torch = "torch.nn.functional.layer_norm",
    .onnx = "LayerNormalization",
    .in = {{"x", OP_FLOATS, 'T'}, {"weight", OP_FLOATS, 'P', OP_OPTIONAL}, {"bias", OP_FLOATS, 'P', OP_OPTIONAL}},
    .out = {{"y", 0, 'T'}},
    .arg = OP_NORM_ARGS,
    .infer = op_norm_infer,
    .grad = layer_norm_backward,
    .lower = layer_norm_lower,
    .ref = layer_norm_ref,
    .flops = op_norm_flops,
    .cases = (const char *const[]){"x=x[4x5] weight=x[5] bias=x[5]", "x=x[2x3x4] weight=x[3x4] bias=x[3x4] axes=2",
                                   "x=x[3x7] eps=0.01", "x=x[6] weight=x[6]", "x=x[2x3x5] bias=x[5]",
                                   "x=x[5x70] weight=x[70] bias=x[70]", "x=x[0x3] weight=x[3] bias=x[3]",
                                   "x=x[3x2] weight=x[2] bias=x[2]", NULL},
    .bad = (const op_bad[]){{"x=x[4] axes=2", "axes is 2, and x has 1"},
                            {"x=x[4x3] weight=x[4x3]", "'weight' has 2 axes"},
                            {"x=x[4x3] weight=x[3] bias=x[4]", "4 and 3 differ"},
                            {"x=x[4x3] eps=-1", "eps is -1"},
                            {0}},
    .tol = OP_NORM_TOL,
};

tn_tensor *tn_layer_norm(tn_tensor *x, int axes, tn_tensor *weight, tn_tensor *bias, double eps)
{
    return OP_MAKE(&op_layer_norm, OP_ARGS([OP_NORM_AXES] = OP_I(axes), [OP_NORM_EPS] = OP_F(eps)), x, weight, bias);
}
