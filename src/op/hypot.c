/* hypot: sqrt(a^2 + b^2) without overflow; infinite if either is, even beside a NaN. */
#include "op/scheme/op.h"

#include <math.h>

static tn_status hypot_backward(const op_grad *c)
{
    tn_tensor *part = tn_div(op_dout(c, 0), op_out(c, 0));
    if (op_wants(c, 0))
        op_give(c, 0, tn_mul(part, op_in(c, 0)));
    if (op_wants(c, 1))
        op_give(c, 1, tn_mul(part, op_in(c, 1)));
    return TN_OK;
}

static double f(double a, double b)
{
    return hypot(a, b);
}
static void hypot_ref(const op_ref *c)
{
    op_ref_binary(c, f, NULL);
}

const op_def op_hypot = {
    .name = "hypot",
    .doc = "sqrt(a^2 + b^2) without overflow.",
    .torch = "torch.hypot",
    .in = {{"a", OP_FLOATS, 'T', OP_BROADCAST}, {"b", OP_FLOATS, 'T', OP_BROADCAST}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_broadcast,
    .grad = hypot_backward,
    .ref = hypot_ref,
    .cases = (const char *const[]){"a=x[5] b=x[5]", "a=x[2x3] b=x[3]", "a=x[4x1x2] b=x[3x1]", "a=x[] b=x[2]",
                                   "a=x[0x3] b=x[1x3]", NULL},
    .bad = (const op_bad[]){{"a=x[2x3] b=x[2]", "cannot be broadcast"}, {0}},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *tn_hypot(tn_tensor *a, tn_tensor *b)
{
    return op_binary(&op_hypot, a, b);
}
