/* maximum: the larger of a and b; NaN if either is. Where they are equal each gets half of the gradient, as in PyTorch. */
#include "op/scheme/op.h"

#include <math.h>

static tn_status maximum_backward(const op_grad *c)
{
    tn_tensor *a = op_in(c, 0), *b = op_in(c, 1), *dy = op_dout(c, 0), *none = op_like_scalar(dy, 0);
    tn_tensor *share = tn_where(tn_eq(a, b), tn_mul_f(dy, 0.5), dy);
    if (op_wants(c, 0))
        op_give(c, 0, tn_where(tn_lt(a, b), none, share));
    if (op_wants(c, 1))
        op_give(c, 1, tn_where(tn_lt(b, a), none, share));
    return TN_OK;
}

static double f(double a, double b)
{
    return isnan(a) ? a : isnan(b) || b > a ? b : a;
}
static int64_t g(int64_t a, int64_t b)
{
    return b > a ? b : a;
}
static void maximum_ref(const op_ref *c)
{
    op_ref_binary(c, f, g);
}

const op_def op_maximum = {
    .name = "maximum",
    .doc = "The larger of a and b; NaN if either is NaN.",
    .torch = "torch.maximum",
    .onnx = "Max",
    .in = {{"a", OP_NUMBERS, 'T', OP_BROADCAST}, {"b", OP_NUMBERS, 'T', OP_BROADCAST}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE | OP_COMMUTES,
    .infer = op_infer_broadcast,
    .grad = maximum_backward,
    .ref = maximum_ref,
    .cases = (const char *const[]){"a=x[5] b=x[5]", "a=x[6]:ties b=x[6]:ties", "a=x[2x3] b=x[3]", "a=x[4x1x2] b=x[3x1]",
                                   "a=x[] b=x[2]", "a=x[0x3] b=x[1x3]", NULL},
    .bad = (const op_bad[]){{"a=x[2x3] b=x[2]", "cannot be broadcast"}, {0}},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *tn_maximum(tn_tensor *a, tn_tensor *b)
{
    return op_binary(&op_maximum, a, b);
}
