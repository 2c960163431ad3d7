/* sub: y = a - b. */
#include "op/scheme/op.h"

static tn_status sub_backward(const op_grad *c)
{
    op_give(c, 0, op_dout(c, 0));
    return op_wants(c, 1) ? op_give(c, 1, tn_neg(op_dout(c, 0))) : TN_OK;
}

static double f(double a, double b)
{
    return a - b;
}
static int64_t g(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}
static void sub_ref(const op_ref *c)
{
    op_ref_binary(c, f, g);
}

const op_def op_sub = {
    .name = "sub",
    .doc = "a - b; integers wrap.",
    .torch = "torch.sub",
    .onnx = "Sub",
    .in = {{"a", OP_NUMBERS, 'T', OP_BROADCAST}, {"b", OP_NUMBERS, 'T', OP_BROADCAST}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_broadcast,
    .grad = sub_backward,
    .ref = sub_ref,
    .cases = (const char *const[]){"a=x[5] b=x[5]", "a=x[2x3] b=x[3]", "a=x[4x1x2] b=x[3x1]", "a=x[] b=x[2]",
                                   "a=x[0x3] b=x[1x3]", NULL},
    .bad = (const op_bad[]){{"a=x[2x3] b=x[2]", "cannot be broadcast"}, {0}},
    .tol = {OP_TOL_FLOATS, OP_TOL_INTS},
};

tn_tensor *tn_sub(tn_tensor *a, tn_tensor *b)
{
    return op_binary(&op_sub, a, b);
}

tn_tensor *tn_sub_f(tn_tensor *a, double b)
{
    return op_unusable(a) ? a : tn_sub(a, op_like_scalar(a, b));
}
