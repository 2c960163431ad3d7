/* bit_not: every bit of an integer turned over; bools go to logical_not. */
#include "op/scheme/op.h"

static int64_t g(int64_t x)
{
    return ~x;
}
static void bit_not_ref(const op_ref *c)
{
    op_ref_unary(c, NULL, g);
}

const op_def op_bit_not = {
    .name = "bit_not",
    .doc = "Every bit turned over.",
    .torch = "torch.bitwise_not",
    .onnx = "BitwiseNot",
    .in = {{"x", OP_INTS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = op_grad_zero,
    .ref = bit_not_ref,
    .cases = (const char *const[]){"x=i[5]", "x=i[2x3x4]", "x=i[]", "x=i[0x3]", NULL},
    .tol = {OP_TOL_INTS},
};

tn_tensor *tn_bit_not(tn_tensor *x)
{
    return !op_unusable(x) && x->type.dtype == TN_BOOL ? tn_logical_not(x) : OP_MAKE(&op_bit_not, NULL, x);
}
