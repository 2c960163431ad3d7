/* log_sigmoid: y = log(1 / (1 + e^-x)), without overflow: min(x, 0) - log(1 + e^-|x|). */
#include "op/scheme/op.h"

#include <math.h>

static tn_status log_sigmoid_lower(const op_lower *c)
{
    tn_tensor *x = c->in[0];
    const double never = 1e30; /* the threshold above which softplus would be taken as linear */
    c->out[0] = tn_neg(tn_softplus(tn_neg(x), 1, never));
    return TN_OK;
}

static double f(double x)
{
    return -(fmax(-x, 0) + log1p(exp(-fabs(x))));
}
static void log_sigmoid_ref(const op_ref *c)
{
    op_ref_unary(c, f, NULL);
}

const op_def op_log_sigmoid = {
    .name = "log_sigmoid",
    .doc = "log(sigmoid(x)) without overflow.",
    .torch = "torch.nn.functional.logsigmoid",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .infer = op_infer_same,
    .lower = log_sigmoid_lower,
    .ref = log_sigmoid_ref,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4]", "x=x[]", "x=x[0x3]", NULL},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-15),
            [TN_F32] = OP_TOL(4e-6, 1e-7),
            [TN_F16] = OP_TOL(3e-3, 1e-6),
            [TN_BF16] = OP_TOL(2.4e-2, 1e-6)},
};

tn_tensor *tn_log_sigmoid(tn_tensor *x)
{
    return OP_MAKE(&op_log_sigmoid, NULL, x);
}
