/* tan: y = sin(x) / cos(x). */
#include "op/scheme/op.h"

#include <math.h>

static tn_status tan_backward(const op_grad *c)
{
    return op_give(c, 0, tn_mul(op_dout(c, 0), tn_add_f(tn_square(op_out(c, 0)), 1)));
}

static double f(double x)
{
    return tan(x);
}
static void tan_ref(const op_ref *c)
{
    op_ref_unary(c, f, NULL);
}

const op_def op_tan = {
    .name = "tan",
    .doc = "Tangent; radians.",
    .torch = "torch.tan",
    .onnx = "Tan",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = tan_backward,
    .ref = tan_ref,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4]", "x=x[]", "x=x[0x3]", NULL},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *tn_tan(tn_tensor *x)
{
    return OP_MAKE(&op_tan, NULL, x);
}
