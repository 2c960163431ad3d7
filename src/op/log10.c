/* log10: y = the logarithm of x to base 10. */
#include "op/scheme/op.h"

#include <math.h>

static tn_status log10_backward(const op_grad *c)
{
    tn_tensor *x = op_in(c, 0), *dy = op_dout(c, 0);
    return op_give(c, 0, tn_div(tn_mul_f(dy, 0.43429448190325182765), x));
}

static double f(double x)
{
    return log10(x);
}
static void log10_ref(const op_ref *c)
{
    op_ref_unary(c, f, NULL);
}

const op_def op_log10 = {
    .name = "log10",
    .doc = "Logarithm to base 10.",
    .torch = "torch.log10",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = log10_backward,
    .ref = log10_ref,
    .cases =
        (const char *const[]){"x=x[5]:positive", "x=x[2x3x4]", "x=x[3x4]:positive", "x=x[]:positive", "x=x[0x3]", NULL},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-15),
            [TN_F32] = OP_TOL(4e-6, 1e-7),
            [TN_F16] = OP_TOL(3e-3, 1e-6),
            [TN_BF16] = OP_TOL(2.4e-2, 1e-6)},
};

tn_tensor *tn_log10(tn_tensor *x)
{
    return OP_MAKE(&op_log10, NULL, x);
}
