/* atanh: y with tanh(y) = x; infinite at -1 and 1, NaN beyond. */
#include "op/scheme/op.h"

#include <math.h>

static tn_status atanh_backward(const op_grad *c)
{
    tn_tensor *x = op_in(c, 0), *dy = op_dout(c, 0);
    return op_give(c, 0, tn_div(dy, tn_add_f(tn_neg(tn_square(x)), 1)));
}

static double f(double x)
{
    return atanh(x);
}
static void atanh_ref(const op_ref *c)
{
    op_ref_unary(c, f, NULL);
}

const op_def op_atanh = {
    .name = "atanh",
    .doc = "Inverse of tanh.",
    .torch = "torch.atanh",
    .onnx = "Atanh",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = atanh_backward,
    .ref = atanh_ref,
    .cases = (const char *const[]){"x=x[5]:unit", "x=x[2x3x4]", "x=x[3x4]:unit", "x=x[]:unit", "x=x[0x3]", NULL},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *tn_atanh(tn_tensor *x)
{
    return OP_MAKE(&op_atanh, NULL, x);
}
