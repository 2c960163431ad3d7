/* shift_right: floor(a / 2^b) for integers: the sign stays; b outside of 0 to 63 counts as 63. */
#include "op/scheme/op.h"

static int64_t g(int64_t a, int64_t b)
{
    return a >> ((uint64_t)b < 64 ? b : 63);
}
static void shift_right_ref(const op_ref *c)
{
    op_ref_binary(c, NULL, g);
}

const op_def op_shift_right = {
    .name = "shift_right",
    .doc = "Bits moved down by b places; the sign stays.",
    .torch = "torch.bitwise_right_shift",
    .onnx = "BitShift",
    .in = {{"a", OP_INTS, 'T', OP_BROADCAST}, {"b", OP_INTS, 'T', OP_BROADCAST}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_broadcast,
    .grad = op_grad_zero,
    .ref = shift_right_ref,
    .cases = (const char *const[]){"a=i[5] b=i[5]:index=9", "a=i[2x3] b=i[3]:index=70", "a=i[4x1x2] b=i[3x1]",
                                   "a=i[] b=i[2]", "a=i[0x3] b=i[1x3]", NULL},
    .bad = (const op_bad[]){{"a=i[2x3] b=i[2]", "cannot be broadcast"}, {0}},
    .tol = {OP_TOL_INTS},
};

tn_tensor *tn_shift_right(tn_tensor *a, tn_tensor *b)
{
    return op_binary(&op_shift_right, a, b);
}
