/* acos: y with cos(y) = x, between 0 and pi; NaN outside [-1, 1]. */
#include "op/scheme/op.h"

#include <math.h>

static tn_status acos_backward(const op_grad *c)
{
    tn_tensor *x = op_in(c, 0), *dy = op_dout(c, 0);
    return op_give(c, 0, tn_neg(tn_mul(dy, tn_rsqrt(tn_add_f(tn_neg(tn_square(x)), 1)))));
}

static double f(double x)
{
    return acos(x);
}
static void acos_ref(const op_ref *c)
{
    op_ref_unary(c, f, NULL);
}

const op_def op_acos = {
    .name = "acos",
    .doc = "The angle whose cosine is x.",
    .torch = "torch.acos",
    .onnx = "Acos",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = acos_backward,
    .ref = acos_ref,
    .cases = (const char *const[]){"x=x[5]:unit", "x=x[2x3x4]", "x=x[3x4]:unit", "x=x[]:unit", "x=x[0x3]", NULL},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *tn_acos(tn_tensor *x)
{
    return OP_MAKE(&op_acos, NULL, x);
}
