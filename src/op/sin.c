/* sin: the sine of an angle in radians. */
#include "op/scheme/op.h"

#include <math.h>

static tn_status sin_backward(const op_grad *c)
{
    return op_give(c, 0, tn_mul(op_dout(c, 0), tn_cos(op_in(c, 0))));
}

static double f(double x)
{
    return sin(x);
}
static void sin_ref(const op_ref *c)
{
    op_ref_unary(c, f, NULL);
}

const op_def op_sin = {
    .name = "sin",
    .doc = "Sine; radians.",
    .torch = "torch.sin",
    .onnx = "Sin",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = sin_backward,
    .ref = sin_ref,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4]", "x=x[]", "x=x[0x3]", NULL},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-15),
            [TN_F32] = OP_TOL(4e-6, 1e-7),
            [TN_F16] = OP_TOL(2e-3, 1e-6),
            [TN_BF16] = OP_TOL(1.6e-2, 1e-6)},
};

tn_tensor *tn_sin(tn_tensor *x)
{
    return OP_MAKE(&op_sin, NULL, x);
}
