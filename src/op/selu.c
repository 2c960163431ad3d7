/* selu: y = 1.0507 * elu(x, 1.6733): keeps mean 0 and variance 1 (Klambauer et al. 2017, whose constants these are). */
#include "op/scheme/op.h"

#include <math.h>

static const double ALPHA = 1.6732632423543772848, SCALE = 1.0507009873554804934;

static tn_status selu_lower(const op_lower *c)
{
    tn_tensor *x = c->in[0];
    c->out[0] = tn_mul_f(tn_elu(x, ALPHA), SCALE);
    return TN_OK;
}

static double f(double x)
{
    return x > 0 ? SCALE * x : SCALE * ALPHA * expm1(x);
}
static void selu_ref(const op_ref *c)
{
    op_ref_unary(c, f, NULL);
}

const op_def op_selu = {
    .name = "selu",
    .doc = "1.0507 * elu(x, 1.6733).",
    .torch = "torch.nn.functional.selu",
    .onnx = "Selu",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .infer = op_infer_same,
    .lower = selu_lower,
    .ref = selu_ref,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4]", "x=x[]", "x=x[0x3]", NULL},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-15),
            [TN_F32] = OP_TOL(4e-6, 1e-7),
            [TN_F16] = OP_TOL(3e-3, 1e-6),
            [TN_BF16] = OP_TOL(2.4e-2, 1e-6)},
};

tn_tensor *tn_selu(tn_tensor *x)
{
    return OP_MAKE(&op_selu, NULL, x);
}
