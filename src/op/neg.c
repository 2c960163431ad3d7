/* neg: y = -x; integers wrap. */
#include "op/scheme/op.h"

static tn_status neg_backward(const op_grad *c)
{
    return op_give(c, 0, tn_neg(op_dout(c, 0)));
}

static double f(double x)
{
    return -x;
}
static int64_t g(int64_t x)
{
    return (int64_t)(0 - (uint64_t)x);
}
static void neg_ref(const op_ref *c)
{
    op_ref_unary(c, f, g);
}

const op_def op_neg = {
    .name = "neg",
    .doc = "-x; integers wrap.",
    .torch = "torch.neg",
    .onnx = "Neg",
    .in = {{"x", OP_NUMBERS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = neg_backward,
    .ref = neg_ref,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4]", "x=x[]", "x=x[0x3]", NULL},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *tn_neg(tn_tensor *x)
{
    return OP_MAKE(&op_neg, NULL, x);
}
