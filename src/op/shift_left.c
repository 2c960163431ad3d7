/* shift_left: a * 2^b for integers; what leaves the dtype is lost, and b outside of 0 to 63 gives 0. */
#include "op/scheme/op.h"

static int64_t g(int64_t a, int64_t b)
{
    return (uint64_t)b < 64 ? (int64_t)((uint64_t)a << b) : 0;
}
static void shift_left_ref(const op_ref *c)
{
    op_ref_binary(c, NULL, g);
}

const op_def op_shift_left = {
    .name = "shift_left",
    .doc = "Bits moved up by b places.",
    .torch = "torch.bitwise_left_shift",
    .onnx = "BitShift",
    .in = {{"a", OP_INTS, 'T', OP_BROADCAST}, {"b", OP_INTS, 'T', OP_BROADCAST}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_broadcast,
    .grad = op_grad_zero,
    .ref = shift_left_ref,
    .cases = (const char *const[]){"a=i[5] b=i[5]:index=9", "a=i[2x3] b=i[3]:index=70", "a=i[4x1x2] b=i[3x1]",
                                   "a=i[] b=i[2]", "a=i[0x3] b=i[1x3]", NULL},
    .bad = (const op_bad[]){{"a=i[2x3] b=i[2]", "cannot be broadcast"}, {0}},
    .tol = {OP_TOL_INTS},
};

tn_tensor *tn_shift_left(tn_tensor *a, tn_tensor *b)
{
    return op_binary(&op_shift_left, a, b);
}
