/* logical_xor: true where exactly one of a and b is other than 0. */
#include "op/scheme/op.h"

static bool f(double a, double b)
{
    return ((a != 0) ^ (b != 0)) != 0;
}
static bool g(int64_t a, int64_t b)
{
    return ((a != 0) ^ (b != 0)) != 0;
}
static void logical_xor_ref(const op_ref *c)
{
    op_ref_compare(c, f, g);
}

const op_def op_logical_xor = {
    .name = "logical_xor",
    .doc = "True where exactly one of a and b is other than 0.",
    .torch = "torch.logical_xor",
    .onnx = "Xor",
    .in = {{"a", OP_ANY, 'T', OP_BROADCAST}, {"b", OP_ANY, 'T', OP_BROADCAST}},
    .out = {{"y", OP_BOOLS}},
    .flags = OP_ELEMENTWISE | OP_COMMUTES,
    .infer = op_infer_broadcast,
    .grad = op_grad_zero,
    .ref = logical_xor_ref,
    .cases = (const char *const[]){"a=x[6]:kinks=0 b=x[6]:kinks=0", "a=b[2x3] b=b[3]", "a=x[] b=x[2]:kinks=0",
                                   "a=x[0x3] b=x[1x3]", NULL},
    .bad = (const op_bad[]){{"a=x[2x3] b=x[2]", "cannot be broadcast"}, {0}},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *tn_logical_xor(tn_tensor *a, tn_tensor *b)
{
    return op_binary(&op_logical_xor, a, b);
}
