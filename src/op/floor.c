/* floor: the largest whole number not above x. The gradient is 0. */
#include "op/scheme/op.h"

#include <math.h>

static double f(double x)
{
    return floor(x);
}
static void floor_ref(const op_ref *c)
{
    op_ref_unary(c, f, NULL);
}

const op_def op_floor = {
    .name = "floor",
    .doc = "The largest whole number not above x; the gradient is 0.",
    .torch = "torch.floor",
    .onnx = "Floor",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = op_grad_zero,
    .ref = floor_ref,
    .cases = (const char *const[]){"x=x[5]:ties", "x=x[2x3x4]", "x=x[]", "x=x[0x3]", NULL},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *tn_floor(tn_tensor *x)
{
    return OP_MAKE(&op_floor, NULL, x);
}
