/* cos: the cosine of an angle in radians. */
#include "op/scheme/op.h"

#include <math.h>

static tn_status cos_backward(const op_grad *c)
{
    return op_give(c, 0, tn_neg(tn_mul(op_dout(c, 0), tn_sin(op_in(c, 0)))));
}

static double f(double x)
{
    return cos(x);
}
static void cos_ref(const op_ref *c)
{
    op_ref_unary(c, f, NULL);
}

const op_def op_cos = {
    .name = "cos",
    .doc = "Cosine; radians.",
    .torch = "torch.cos",
    .onnx = "Cos",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = cos_backward,
    .ref = cos_ref,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4]", "x=x[]", "x=x[0x3]", NULL},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-15),
            [TN_F32] = OP_TOL(4e-6, 1e-7),
            [TN_F16] = OP_TOL(2e-3, 1e-6),
            [TN_BF16] = OP_TOL(1.6e-2, 1e-6)},
};

tn_tensor *tn_cos(tn_tensor *x)
{
    return OP_MAKE(&op_cos, NULL, x);
}
