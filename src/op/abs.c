/* abs: y = |x|. The gradient at 0 is 0; the smallest integer stays as it is. */
#include "op/scheme/op.h"

#include <math.h>

static tn_status abs_backward(const op_grad *c)
{
    return op_give(c, 0, tn_mul(op_dout(c, 0), tn_sign(op_in(c, 0))));
}

static double f(double x)
{
    return fabs(x);
}
static int64_t g(int64_t x)
{
    return x < 0 ? (int64_t)(0 - (uint64_t)x) : x;
}
static void abs_ref(const op_ref *c)
{
    op_ref_unary(c, f, g);
}

const op_def op_abs = {
    .name = "abs",
    .doc = "|x|; the gradient at 0 is 0.",
    .torch = "torch.abs",
    .onnx = "Abs",
    .in = {{"x", OP_NUMBERS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = abs_backward,
    .ref = abs_ref,
    .cases = (const char *const[]){"x=x[5]:kinks=0", "x=x[2x3x4]", "x=x[]", "x=x[0x3]", NULL},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *tn_abs(tn_tensor *x)
{
    return OP_MAKE(&op_abs, NULL, x);
}
