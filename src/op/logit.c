/* logit: y = log(x / (1 - x)), the inverse of sigmoid; with eps above 0, x is first kept within [eps, 1 - eps]. */
#include "op/scheme/op.h"

#include <math.h>

enum { EPS };

static tn_status logit_lower(const op_lower *c)
{
    tn_tensor *x = c->in[0];
    double eps = c->node->arg[EPS].f;
    x = eps > 0 ? tn_clamp(x, eps, 1 - eps) : x;
    c->out[0] = tn_log(tn_div(x, tn_sub(op_like_scalar(x, 1), x)));
    return TN_OK;
}

static void logit_ref(const op_ref *c)
{
    double eps = c->arg[EPS].f;
    for (int64_t i = 0; i < c->out[0]->count; i++) {
        double x = c->in[0]->f[i];
        x = eps > 0 ? (x < eps ? eps : x > 1 - eps ? 1 - eps : x) : x;
        c->out[0]->f[i] = log(x / (1 - x));
        c->out[0]->magnitude[i] = fabs(c->out[0]->f[i]) + 1; /* of numbers close to 1 the logarithm cancels */
    }
}

const op_def op_logit = {
    .name = "logit",
    .doc = "log(x / (1 - x)); x kept within [eps, 1 - eps].",
    .torch = "torch.logit",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {[EPS] = OP_ARG_FLOAT_IN("eps", 0, 0, 0.5)},
    .infer = op_infer_same,
    .lower = logit_lower,
    .ref = logit_ref,
    .cases = (const char *const[]){"x=x[5]:unit", "x=x[2x3x4]", "x=x[3x4]:unit", "x=x[]:unit", "x=x[0x3]",
                                   "x=x[3x4] eps=0.1", NULL},
    .bad = (const op_bad[]){{"x=x[2] eps=0.75", "eps is 0.75"}, {0}},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-15),
            [TN_F32] = OP_TOL(4e-6, 1e-7),
            [TN_F16] = OP_TOL(3e-3, 1e-6),
            [TN_BF16] = OP_TOL(2.4e-2, 1e-6)},
};

tn_tensor *tn_logit(tn_tensor *x, double eps)
{
    return OP_MAKE(&op_logit, OP_ARGS([EPS] = OP_F(eps)), x);
}
