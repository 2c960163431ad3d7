/* erfc: y = 1 - erf(x), exact where erf is close to 1. */
#include "op/scheme/op.h"

#include <math.h>

static tn_status erfc_backward(const op_grad *c)
{
    tn_tensor *x = op_in(c, 0), *dy = op_dout(c, 0);
    tn_tensor *slope = tn_mul_f(tn_exp(tn_neg(tn_square(x))), -1.12837916709551257390); /* -2 / sqrt(pi) */
    return op_give(c, 0, tn_mul(dy, slope));
}

static double f(double x)
{
    return erfc(x);
}
static void erfc_ref(const op_ref *c)
{
    op_ref_unary(c, f, NULL);
}

const op_def op_erfc = {
    .name = "erfc",
    .doc = "1 - erf(x), exact in the tail.",
    .torch = "torch.erfc",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = erfc_backward,
    .ref = erfc_ref,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4]", "x=x[]", "x=x[0x3]", NULL},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *tn_erfc(tn_tensor *x)
{
    return OP_MAKE(&op_erfc, NULL, x);
}
