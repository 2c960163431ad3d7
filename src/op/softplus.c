/* softplus: y = log(1 + e^(beta x)) / beta, and x itself where beta x > threshold. */
#include "op/internal.h"

#include <math.h>

enum { BETA, THRESHOLD };

static tn_status softplus_backward(const op_grad *c)
{
    return op_give(c, 0, op_softplus_grad_of(op_dout(c, 0), op_in(c, 0), op_arg(c, BETA)->f, op_arg(c, THRESHOLD)->f));
}

static void softplus_ref(const op_ref *c)
{
    double beta = c->arg[BETA].f;
    double threshold = c->arg[THRESHOLD].f;
    for (int64_t i = 0; i < c->out[0]->count; i++) {
        double x = c->in[0]->f[i];
        c->out[0]->f[i] = beta * x > threshold ? x : (fmax(beta * x, 0) + log1p(exp(-fabs(beta * x)))) / beta;
    }
}

const op_def op_softplus = {
    .name = "softplus",
    .doc = "log(1 + e^(beta x)) / beta; x where beta x > threshold.",
    .torch = "torch.nn.functional.softplus",
    .onnx = "Softplus",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {[BETA] = OP_ARG_FLOAT_IN("beta", 1, 1e-30, 1e30), [THRESHOLD] = OP_ARG_FLOAT("threshold", 20)},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = softplus_backward,
    .ref = softplus_ref,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4]", "x=x[7] beta=2 threshold=2", "x=x[]", "x=x[0x3]", NULL},
    .bad = (const op_bad[]){{"x=x[2] beta=0", "beta is 0"}, {0}},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-15),
            [TN_F32] = OP_TOL(4e-6, 1e-7),
            [TN_F16] = OP_TOL(2e-3, 1e-6),
            [TN_BF16] = OP_TOL(1.6e-2, 1e-6)},
};

tn_tensor *tn_softplus(tn_tensor *x, double beta, double threshold)
{
    return OP_MAKE(&op_softplus, OP_ARGS([BETA] = OP_F(beta), [THRESHOLD] = OP_F(threshold)), x);
}
