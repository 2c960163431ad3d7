/* erf: y = 2 / sqrt(pi) * the integral of e^(-t^2) from 0 to x. */
#include "op/scheme/op.h"

#include <math.h>

static tn_status erf_backward(const op_grad *c)
{
    tn_tensor *slope = tn_mul_f(tn_exp(tn_neg(tn_square(op_in(c, 0)))), 1.12837916709551257390); /* 2 / sqrt(pi) */
    return op_give(c, 0, tn_mul(op_dout(c, 0), slope));
}

static double f(double x)
{
    return erf(x);
}
static void erf_ref(const op_ref *c)
{
    op_ref_unary(c, f, NULL);
}

const op_def op_erf = {
    .name = "erf",
    .doc = "The error function.",
    .torch = "torch.erf",
    .onnx = "Erf",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = erf_backward,
    .ref = erf_ref,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4]", "x=x[]", "x=x[0x3]", NULL},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-15),
            [TN_F32] = OP_TOL(4e-6, 1e-7),
            [TN_F16] = OP_TOL(2e-3, 1e-6),
            [TN_BF16] = OP_TOL(1.6e-2, 1e-6)},
};

tn_tensor *tn_erf(tn_tensor *x)
{
    return OP_MAKE(&op_erf, NULL, x);
}
