/* mish: y = x * tanh(log(1 + e^x)) (Misra 2019). log(1 + e^x) is taken as x above 20, as in PyTorch. */
#include "op/scheme/op.h"

#include <math.h>

static tn_status mish_lower(const op_lower *c)
{
    tn_tensor *x = c->in[0];
    c->out[0] = tn_mul(x, tn_tanh(tn_softplus(x, 1, 20)));
    return TN_OK;
}

static double f(double x)
{
    return x * tanh(fmax(x, 0) + log1p(exp(-fabs(x))));
}
static void mish_ref(const op_ref *c)
{
    op_ref_unary(c, f, NULL);
}

const op_def op_mish = {
    .name = "mish",
    .doc = "x * tanh(log(1 + e^x)).",
    .torch = "torch.nn.functional.mish",
    .onnx = "Mish",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .infer = op_infer_same,
    .lower = mish_lower,
    .ref = mish_ref,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4]", "x=x[]", "x=x[0x3]", NULL},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-15),
            [TN_F32] = OP_TOL(4e-6, 1e-7),
            [TN_F16] = OP_TOL(3e-3, 1e-6),
            [TN_BF16] = OP_TOL(2.4e-2, 1e-6)},
};

tn_tensor *tn_mish(tn_tensor *x)
{
    return OP_MAKE(&op_mish, NULL, x);
}
