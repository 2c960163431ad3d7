/* trunc: x cut towards 0 to a whole number. The gradient is 0. */
#include "op/scheme/op.h"

#include <math.h>

static double f(double x)
{
    return trunc(x);
}
static void trunc_ref(const op_ref *c)
{
    op_ref_unary(c, f, NULL);
}

const op_def op_trunc = {
    .name = "trunc",
    .doc = "X cut towards 0 to a whole number; the gradient is 0.",
    .torch = "torch.trunc",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = op_grad_zero,
    .ref = trunc_ref,
    .cases = (const char *const[]){"x=x[5]:ties", "x=x[2x3x4]", "x=x[]", "x=x[0x3]", NULL},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *tn_trunc(tn_tensor *x)
{
    return OP_MAKE(&op_trunc, NULL, x);
}
