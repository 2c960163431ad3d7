/* atan2: the angle of the point (b, a): atan(a / b) in the quadrant that the signs say. */
#include "op/scheme/op.h"

#include <math.h>

static tn_status atan2_backward(const op_grad *c)
{
    tn_tensor *a = op_in(c, 0), *b = op_in(c, 1);
    tn_tensor *part = tn_div(op_dout(c, 0), tn_add(tn_square(a), tn_square(b)));
    if (op_wants(c, 0))
        op_give(c, 0, tn_mul(part, b));
    if (op_wants(c, 1))
        op_give(c, 1, tn_neg(tn_mul(part, a)));
    return TN_OK;
}

static double f(double a, double b)
{
    return atan2(a, b);
}
static void atan2_ref(const op_ref *c)
{
    op_ref_binary(c, f, NULL);
}

const op_def op_atan2 = {
    .name = "atan2",
    .doc = "The angle of the point (b, a).",
    .torch = "torch.atan2",
    .in = {{"a", OP_FLOATS, 'T', OP_BROADCAST}, {"b", OP_FLOATS, 'T', OP_BROADCAST}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_broadcast,
    .grad = atan2_backward,
    .ref = atan2_ref,
    .cases = (const char *const[]){"a=x[5] b=x[5]", "a=x[2x3] b=x[3]", "a=x[4x1x2] b=x[3x1]", "a=x[] b=x[2]",
                                   "a=x[0x3] b=x[1x3]", NULL},
    .bad = (const op_bad[]){{"a=x[2x3] b=x[2]", "cannot be broadcast"}, {0}},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *tn_atan2(tn_tensor *a, tn_tensor *b)
{
    return op_binary(&op_atan2, a, b);
}
