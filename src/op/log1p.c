/* log1p: y = log(1 + x), exact for small x. */
#include "op/scheme/op.h"

#include <math.h>

static tn_status log1p_backward(const op_grad *c)
{
    return op_give(c, 0, tn_div(op_dout(c, 0), tn_add_f(op_in(c, 0), 1)));
}

static double f(double x)
{
    return log1p(x);
}
static void log1p_ref(const op_ref *c)
{
    op_ref_unary(c, f, NULL);
}

const op_def op_log1p = {
    .name = "log1p",
    .doc = "log(1 + x), exact for small x.",
    .torch = "torch.log1p",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = log1p_backward,
    .ref = log1p_ref,
    .cases = (const char *const[]){"x=x[5]:positive", "x=x[2x3x4]:positive", "x=x[]:positive", "x=x[0x3]", NULL},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-15),
            [TN_F32] = OP_TOL(4e-6, 1e-7),
            [TN_F16] = OP_TOL(2e-3, 1e-6),
            [TN_BF16] = OP_TOL(1.6e-2, 1e-6)},
};

tn_tensor *tn_log1p(tn_tensor *x)
{
    return OP_MAKE(&op_log1p, NULL, x);
}
