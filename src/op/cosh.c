/* cosh: y = (e^x + e^-x) / 2. */
#include "op/scheme/op.h"

#include <math.h>

static tn_status cosh_backward(const op_grad *c)
{
    tn_tensor *x = op_in(c, 0), *dy = op_dout(c, 0);
    return op_give(c, 0, tn_mul(dy, tn_sinh(x)));
}

static double f(double x)
{
    return cosh(x);
}
static void cosh_ref(const op_ref *c)
{
    op_ref_unary(c, f, NULL);
}

const op_def op_cosh = {
    .name = "cosh",
    .doc = "Hyperbolic cosine.",
    .torch = "torch.cosh",
    .onnx = "Cosh",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = cosh_backward,
    .ref = cosh_ref,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4]", "x=x[]", "x=x[0x3]", NULL},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *tn_cosh(tn_tensor *x)
{
    return OP_MAKE(&op_cosh, NULL, x);
}
