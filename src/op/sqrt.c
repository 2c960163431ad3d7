/* sqrt: the square root; NaN below 0. The gradient at 0 is infinite. */
#include "op/scheme/op.h"

#include <math.h>

static tn_status sqrt_backward(const op_grad *c)
{
    return op_give(c, 0, tn_div(tn_mul_f(op_dout(c, 0), 0.5), op_out(c, 0)));
}

static double f(double x)
{
    return sqrt(x);
}
static void sqrt_ref(const op_ref *c)
{
    op_ref_unary(c, f, NULL);
}

const op_def op_sqrt = {
    .name = "sqrt",
    .doc = "Square root; NaN below 0.",
    .torch = "torch.sqrt",
    .onnx = "Sqrt",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = sqrt_backward,
    .ref = sqrt_ref,
    .cases = (const char *const[]){"x=x[5]:positive", "x=x[2x3x4]:positive", "x=x[]:positive", "x=x[0x3]", NULL},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *tn_sqrt(tn_tensor *x)
{
    return OP_MAKE(&op_sqrt, NULL, x);
}
