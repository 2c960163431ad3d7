/* asin: y with sin(y) = x, between -pi/2 and pi/2; NaN outside [-1, 1]. */
#include "op/scheme/op.h"

#include <math.h>

static tn_status asin_backward(const op_grad *c)
{
    tn_tensor *x = op_in(c, 0), *dy = op_dout(c, 0);
    return op_give(c, 0, tn_mul(dy, tn_rsqrt(tn_add_f(tn_neg(tn_square(x)), 1))));
}

static double f(double x)
{
    return asin(x);
}
static void asin_ref(const op_ref *c)
{
    op_ref_unary(c, f, NULL);
}

const op_def op_asin = {
    .name = "asin",
    .doc = "The angle whose sine is x.",
    .torch = "torch.asin",
    .onnx = "Asin",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = asin_backward,
    .ref = asin_ref,
    .cases = (const char *const[]){"x=x[5]:unit", "x=x[2x3x4]", "x=x[3x4]:unit", "x=x[]:unit", "x=x[0x3]", NULL},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *tn_asin(tn_tensor *x)
{
    return OP_MAKE(&op_asin, NULL, x);
}
