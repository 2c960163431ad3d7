/* rms_norm (Zhang, Sennrich 2019): y = x / sqrt(mean(x^2) + eps) * weight over the last axes of x. */
#include "op/internal.h"
#include "op/scheme/norm.h"

static tn_status rms_norm_backward(const op_grad *c)
{
    tn_tensor *dx = op_rms_norm_grad_of(op_dout(c, 0), op_in(c, 0), op_in(c, 1), op_arg(c, 0));
    op_give(c, 0, dx);
    return op_give(c, 1, op_sibling(dx, 1));
}

static tn_status rms_norm_lower(const op_lower *c)
{
    op_norm_lower(c, false);
    return TN_OK;
}

static void rms_norm_ref(const op_ref *c)
{
    op_norm_ref(c, false);
}

const op_def op_rms_norm = {
    .name = "rms_norm",
    .doc = "Rows of the last axes divided by the root of their mean square, then times weight.",
    .torch = "torch.nn.functional.rms_norm",
    .onnx = "RMSNormalization",
    .in = {{"x", OP_FLOATS, 'T'}, {"weight", OP_FLOATS, 0, OP_OPTIONAL}},
    .out = {{"y", 0, 'T'}},
    .arg = OP_NORM_ARGS,
    .infer = op_norm_infer,
    .grad = rms_norm_backward,
    .lower = rms_norm_lower,
    .ref = rms_norm_ref,
    .flops = op_norm_flops,
    .cases = (const char *const[]){"x=x[4x5] weight=x[5]", "x=x[2x3x4] weight=x[3x4] axes=2", "x=x[3x7] eps=0.01",
                                   "x=x[6] weight=x[6]", "x=x[5x70] weight=x[70]", "x=x[0x3] weight=x[3]", NULL},
    .bad = (const op_bad[]){{"x=x[4] axes=2", "axes is 2, and x has 1"},
                            {"x=x[4x3] weight=x[4x3]", "'weight' has 2 axes"},
                            {"x=x[4x3] weight=x[4]", "4 and 3 differ"},
                            {"x=x[4x3] eps=-1", "eps is -1"},
                            {0}},
    .tol = OP_NORM_TOL,
};

tn_tensor *tn_rms_norm(tn_tensor *x, int axes, tn_tensor *weight, double eps)
{
    return OP_MAKE(&op_rms_norm, OP_ARGS([OP_NORM_AXES] = OP_I(axes), [OP_NORM_EPS] = OP_F(eps)), x, weight);
}
