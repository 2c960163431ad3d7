/* log: the natural logarithm; NaN below 0, -inf at 0. */
#include "op/scheme/op.h"

#include <math.h>

static tn_status log_backward(const op_grad *c)
{
    return op_give(c, 0, tn_div(op_dout(c, 0), op_in(c, 0)));
}

static double f(double x)
{
    return log(x);
}
static void log_ref(const op_ref *c)
{
    op_ref_unary(c, f, NULL);
}

const op_def op_log = {
    .name = "log",
    .doc = "Natural logarithm; NaN below 0, -inf at 0.",
    .torch = "torch.log",
    .onnx = "Log",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = log_backward,
    .ref = log_ref,
    .cases = (const char *const[]){"x=x[5]:positive", "x=x[2x3x4]:positive", "x=x[]:positive", "x=x[0x3]", NULL},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-15),
            [TN_F32] = OP_TOL(4e-6, 1e-7),
            [TN_F16] = OP_TOL(2e-3, 1e-6),
            [TN_BF16] = OP_TOL(1.6e-2, 1e-6)},
};

tn_tensor *tn_log(tn_tensor *x)
{
    return OP_MAKE(&op_log, NULL, x);
}
