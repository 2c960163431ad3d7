/* le: a <= b, false where either is NaN. */
#include "op/scheme/op.h"

static bool f(double a, double b)
{
    return a <= b;
}
static bool g(int64_t a, int64_t b)
{
    return a <= b;
}
static void le_ref(const op_ref *c)
{
    op_ref_compare(c, f, g);
}

const op_def op_le = {
    .name = "le",
    .doc = "a <= b.",
    .torch = "torch.le",
    .onnx = "LessOrEqual",
    .in = {{"a", OP_ANY, 'T', OP_BROADCAST}, {"b", OP_ANY, 'T', OP_BROADCAST}},
    .out = {{"y", OP_BOOLS}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_broadcast,
    .grad = op_grad_zero,
    .ref = le_ref,
    .cases =
        (const char *const[]){"a=x[6]:ties b=x[6]:ties", "a=x[2x3] b=x[3]", "a=x[] b=x[2]", "a=x[0x3] b=x[1x3]", NULL},
    .bad = (const op_bad[]){{"a=x[2x3] b=x[2]", "cannot be broadcast"}, {0}},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *tn_le(tn_tensor *a, tn_tensor *b)
{
    return op_binary(&op_le, a, b);
}
