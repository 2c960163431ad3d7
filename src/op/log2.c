/* log2: y = the logarithm of x to base 2. */
#include "op/scheme/op.h"

#include <math.h>

static tn_status log2_backward(const op_grad *c)
{
    tn_tensor *x = op_in(c, 0), *dy = op_dout(c, 0);
    return op_give(c, 0, tn_div(tn_mul_f(dy, 1.44269504088896340736), x));
}

static double f(double x)
{
    return log2(x);
}
static void log2_ref(const op_ref *c)
{
    op_ref_unary(c, f, NULL);
}

const op_def op_log2 = {
    .name = "log2",
    .doc = "Logarithm to base 2.",
    .torch = "torch.log2",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = log2_backward,
    .ref = log2_ref,
    .cases =
        (const char *const[]){"x=x[5]:positive", "x=x[2x3x4]", "x=x[3x4]:positive", "x=x[]:positive", "x=x[0x3]", NULL},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-15),
            [TN_F32] = OP_TOL(4e-6, 1e-7),
            [TN_F16] = OP_TOL(3e-3, 1e-6),
            [TN_BF16] = OP_TOL(2.4e-2, 1e-6)},
};

tn_tensor *tn_log2(tn_tensor *x)
{
    return OP_MAKE(&op_log2, NULL, x);
}
