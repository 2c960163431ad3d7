/* exp: y = e^x. */
#include "op/scheme/op.h"

#include <math.h>

static tn_status exp_backward(const op_grad *c)
{
    return op_give(c, 0, tn_mul(op_dout(c, 0), op_out(c, 0)));
}

static double f(double x)
{
    return exp(x);
}
static void exp_ref(const op_ref *c)
{
    op_ref_unary(c, f, NULL);
}

const op_def op_exp = {
    .name = "exp",
    .doc = "e^x.",
    .torch = "torch.exp",
    .onnx = "Exp",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = exp_backward,
    .ref = exp_ref,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4]", "x=x[]", "x=x[0x3]", NULL},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-300),
            [TN_F32] = OP_TOL(4e-6, 1e-37),
            [TN_F16] = OP_TOL(2e-3, 1e-7),
            [TN_BF16] = OP_TOL(1.6e-2, 1e-37)},
};

tn_tensor *tn_exp(tn_tensor *x)
{
    return OP_MAKE(&op_exp, NULL, x);
}
