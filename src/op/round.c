/* round: the whole number nearest to x, halves to the even one. The gradient is 0. */
#include "op/scheme/op.h"

#include <math.h>

static double f(double x)
{
    return nearbyint(x);
}
static void round_ref(const op_ref *c)
{
    op_ref_unary(c, f, NULL);
}

const op_def op_round = {
    .name = "round",
    .doc = "The whole number nearest to x, halves to the even one; the gradient is 0.",
    .torch = "torch.round",
    .onnx = "Round",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = op_grad_zero,
    .ref = round_ref,
    .cases = (const char *const[]){"x=x[5]:ties", "x=x[2x3x4]", "x=x[]", "x=x[0x3]", NULL},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *tn_round(tn_tensor *x)
{
    return OP_MAKE(&op_round, NULL, x);
}
