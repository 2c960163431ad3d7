/* sinh: y = (e^x - e^-x) / 2. */
#include "op/scheme/op.h"

#include <math.h>

static tn_status sinh_backward(const op_grad *c)
{
    tn_tensor *x = op_in(c, 0), *dy = op_dout(c, 0);
    return op_give(c, 0, tn_mul(dy, tn_cosh(x)));
}

static double f(double x)
{
    return sinh(x);
}
static void sinh_ref(const op_ref *c)
{
    op_ref_unary(c, f, NULL);
}

const op_def op_sinh = {
    .name = "sinh",
    .doc = "Hyperbolic sine.",
    .torch = "torch.sinh",
    .onnx = "Sinh",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = sinh_backward,
    .ref = sinh_ref,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4]", "x=x[]", "x=x[0x3]", NULL},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *tn_sinh(tn_tensor *x)
{
    return OP_MAKE(&op_sinh, NULL, x);
}
