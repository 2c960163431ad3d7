/* acosh: y >= 0 with cosh(y) = x; NaN below 1. */
#include "op/scheme/op.h"

#include <math.h>

static tn_status acosh_backward(const op_grad *c)
{
    tn_tensor *x = op_in(c, 0), *dy = op_dout(c, 0);
    /* not of x^2 - 1, which cancels near 1 */
    return op_give(c, 0, tn_mul(dy, tn_mul(tn_rsqrt(tn_sub_f(x, 1)), tn_rsqrt(tn_add_f(x, 1)))));
}

static double f(double x)
{
    return acosh(x);
}
static void acosh_ref(const op_ref *c)
{
    op_ref_unary(c, f, NULL);
}

const op_def op_acosh = {
    .name = "acosh",
    .doc = "Inverse of cosh.",
    .torch = "torch.acosh",
    .onnx = "Acosh",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = acosh_backward,
    .ref = acosh_ref,
    .cases =
        (const char *const[]){"x=x[5]:above=1", "x=x[2x3x4]", "x=x[3x4]:above=1", "x=x[]:above=1", "x=x[0x3]", NULL},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *tn_acosh(tn_tensor *x)
{
    return OP_MAKE(&op_acosh, NULL, x);
}
