/* atan: y with tan(y) = x, between -pi/2 and pi/2. */
#include "op/scheme/op.h"

#include <math.h>

static tn_status atan_backward(const op_grad *c)
{
    tn_tensor *x = op_in(c, 0), *dy = op_dout(c, 0);
    return op_give(c, 0, tn_div(dy, tn_add_f(tn_square(x), 1)));
}

static double f(double x)
{
    return atan(x);
}
static void atan_ref(const op_ref *c)
{
    op_ref_unary(c, f, NULL);
}

const op_def op_atan = {
    .name = "atan",
    .doc = "The angle whose tangent is x.",
    .torch = "torch.atan",
    .onnx = "Atan",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = atan_backward,
    .ref = atan_ref,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4]", "x=x[]", "x=x[0x3]", NULL},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *tn_atan(tn_tensor *x)
{
    return OP_MAKE(&op_atan, NULL, x);
}
