/* reciprocal: y = 1 / x. */
#include "op/scheme/op.h"

static tn_status reciprocal_backward(const op_grad *c)
{
    return op_give(c, 0, tn_neg(tn_mul(op_dout(c, 0), tn_square(op_out(c, 0)))));
}

static double f(double x)
{
    return 1 / x;
}
static void reciprocal_ref(const op_ref *c)
{
    op_ref_unary(c, f, NULL);
}

const op_def op_reciprocal = {
    .name = "reciprocal",
    .doc = "1 / x.",
    .torch = "torch.reciprocal",
    .onnx = "Reciprocal",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = reciprocal_backward,
    .ref = reciprocal_ref,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4]", "x=x[]", "x=x[0x3]", NULL},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *tn_reciprocal(tn_tensor *x)
{
    return OP_MAKE(&op_reciprocal, NULL, x);
}
