/* bit_or: integers with a one bit where either has one; bools go to logical_or. */
#include "op/scheme/op.h"

static int64_t g(int64_t a, int64_t b)
{
    return a | b;
}
static void bit_or_ref(const op_ref *c)
{
    op_ref_binary(c, NULL, g);
}

const op_def op_bit_or = {
    .name = "bit_or",
    .doc = "a | b, bit by bit.",
    .torch = "torch.bitwise_or",
    .onnx = "BitwiseOr",
    .in = {{"a", OP_INTS, 'T', OP_BROADCAST}, {"b", OP_INTS, 'T', OP_BROADCAST}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE | OP_COMMUTES,
    .infer = op_infer_broadcast,
    .grad = op_grad_zero,
    .ref = bit_or_ref,
    .cases = (const char *const[]){"a=i[5] b=i[5]", "a=i[2x3] b=i[3]", "a=i[4x1x2] b=i[3x1]", "a=i[] b=i[2]",
                                   "a=i[0x3] b=i[1x3]", NULL},
    .bad = (const op_bad[]){{"a=i[2x3] b=i[2]", "cannot be broadcast"}, {0}},
    .tol = {OP_TOL_INTS},
};

tn_tensor *tn_bit_or(tn_tensor *a, tn_tensor *b)
{
    if (!op_unusable(a) && !op_unusable(b) && a->type.dtype == TN_BOOL && b->type.dtype == TN_BOOL)
        return tn_logical_or(a, b);
    return op_binary(&op_bit_or, a, b);
}
