/* asinh: y with sinh(y) = x. */
#include "op/scheme/op.h"

#include <math.h>

static tn_status asinh_backward(const op_grad *c)
{
    tn_tensor *x = op_in(c, 0), *dy = op_dout(c, 0);
    return op_give(c, 0, tn_mul(dy, tn_rsqrt(tn_add_f(tn_square(x), 1))));
}

static double f(double x)
{
    return asinh(x);
}
static void asinh_ref(const op_ref *c)
{
    op_ref_unary(c, f, NULL);
}

const op_def op_asinh = {
    .name = "asinh",
    .doc = "Inverse of sinh.",
    .torch = "torch.asinh",
    .onnx = "Asinh",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = asinh_backward,
    .ref = asinh_ref,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4]", "x=x[]", "x=x[0x3]", NULL},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *tn_asinh(tn_tensor *x)
{
    return OP_MAKE(&op_asinh, NULL, x);
}
