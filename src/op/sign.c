/* sign: y = 1, 0 or -1 as x is above, at or below 0; NaN gives 0. */
#include "op/scheme/op.h"

static double f(double x)
{
    return (x > 0) - (x < 0);
}
static int64_t g(int64_t x)
{
    return (x > 0) - (x < 0);
}
static void sign_ref(const op_ref *c)
{
    op_ref_unary(c, f, g);
}

const op_def op_sign = {
    .name = "sign",
    .doc = "-1, 0 or 1; NaN gives 0.",
    .torch = "torch.sign",
    .onnx = "Sign",
    .in = {{"x", OP_NUMBERS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = op_grad_zero,
    .ref = sign_ref,
    .cases = (const char *const[]){"x=x[5]:kinks=0", "x=x[2x3x4]", "x=x[]", "x=x[0x3]", NULL},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *tn_sign(tn_tensor *x)
{
    return OP_MAKE(&op_sign, NULL, x);
}
