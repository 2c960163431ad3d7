/* celu: y = x above 0, else alpha * (e^(x / alpha) - 1): smooth for every alpha (Barron 2017). */
#include "op/scheme/op.h"

#include <math.h>

enum { ALPHA };

static tn_status celu_lower(const op_lower *c)
{
    tn_tensor *x = c->in[0];
    double alpha = c->node->arg[ALPHA].f;
    c->out[0] = tn_mul_f(tn_elu(tn_div_f(x, alpha), 1), alpha);
    return TN_OK;
}

static void celu_ref(const op_ref *c)
{
    double alpha = c->arg[ALPHA].f;
    for (int64_t i = 0; i < c->out[0]->count; i++) {
        double x = c->in[0]->f[i];
        c->out[0]->f[i] = x > 0 ? x : alpha * expm1(x / alpha);
    }
}

const op_def op_celu = {
    .name = "celu",
    .doc = "x above 0, else alpha * (e^(x / alpha) - 1).",
    .torch = "torch.nn.functional.celu",
    .onnx = "Celu",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {[ALPHA] = OP_ARG_FLOAT_IN("alpha", 1, 1e-30, 1e30)},
    .infer = op_infer_same,
    .lower = celu_lower,
    .ref = celu_ref,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4] alpha=0.5", "x=x[]", "x=x[0x3]", NULL},
    .bad = (const op_bad[]){{"x=x[2] alpha=0", "alpha is 0"}, {0}},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-15),
            [TN_F32] = OP_TOL(4e-6, 1e-7),
            [TN_F16] = OP_TOL(3e-3, 1e-6),
            [TN_BF16] = OP_TOL(2.4e-2, 1e-6)},
};

tn_tensor *tn_celu(tn_tensor *x, double alpha)
{
    return OP_MAKE(&op_celu, OP_ARGS([ALPHA] = OP_F(alpha)), x);
}
