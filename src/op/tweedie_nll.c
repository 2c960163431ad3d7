/* tweedie_nll: the negative log-likelihood of numbers of at least 0, many of them 0 (sums of claims, of rain), of mean m and variance
 * m^p, 1 < p < 2 (Tweedie 1984; Jorgensen 1987, section 4): m^(2 - p) / (2 - p) - target * m^(1 - p) / (1 - p). What depends on the
 * target alone is left out. x is m, or its logarithm. */
#include "op/scheme/loss.h"

#include <math.h>

enum { P, LOG_INPUT, REDUCTION };

static tn_status tweedie_nll_infer(const op_infer *c)
{
    BASE_TRY(op_want_shape(c, 1, c->in[0]));
    return op_infer_loss(c, REDUCTION, c->in[0]);
}

static tn_tensor *power(const op_lower *c, double e)
{
    tn_tensor *x = c->in[0];
    return c->node->arg[LOG_INPUT].i ? tn_exp(tn_mul_f(x, e)) : tn_pow_f(x, e);
}

static tn_status tweedie_nll_lower(const op_lower *c)
{
    double p = c->node->arg[P].f;
    tn_tensor *size = tn_mul_f(power(c, 2 - p), 1 / (2 - p)), *fit = tn_mul_f(power(c, 1 - p), 1 / (p - 1));
    c->out[0] = op_reduce_loss(tn_add(size, tn_mul(c->in[1], fit)), c->node->arg[REDUCTION].i);
    return TN_OK;
}

static double loss_of(const op_ref *c, int64_t i, double *magnitude)
{
    double x = c->in[0]->f[i], target = c->in[1]->f[i], p = c->arg[P].f;
    double m = c->arg[LOG_INPUT].i ? exp((2 - p) * x) : pow(x, 2 - p),
           n = c->arg[LOG_INPUT].i ? exp((1 - p) * x) : pow(x, 1 - p);
    *magnitude = (fabs(m) / (2 - p) + fabs(target * n) / (p - 1)) * (1 + (c->arg[LOG_INPUT].i ? fabs(x) : 1));
    return m / (2 - p) + target * n / (p - 1);
}

static void tweedie_nll_ref(const op_ref *c)
{
    op_ref_loss(c, REDUCTION, loss_of);
}

const op_def op_tweedie_nll = {
    .name = "tweedie_nll",
    .doc = "Negative log-likelihood of numbers of at least 0 with many zeros; x is the mean or its logarithm.",
    .in = {{"x", OP_FLOATS, 'T'}, {"target", OP_FLOATS, 'T'}},
    .out = {{"loss", 0, 'T'}},
    .arg = {[P] = OP_ARG_FLOAT_IN("p", 1.5, 1.001, 1.999),
            [LOG_INPUT] = OP_ARG_BOOL("log_input", true),
            [REDUCTION] = OP_ARG_REDUCTION},
    .infer = tweedie_nll_infer,
    .lower = tweedie_nll_lower,
    .ref = tweedie_nll_ref,
    .flops_each = 8,
    .cases = (const char *const[]){"x=x[5] target=x[5]:positive", "x=x[2x3] target=x[2x3]:positive p=1.2 reduction=sum",
                                   "x=x[2x3x4] target=x[2x3x4]:positive p=1.8 reduction=none",
                                   "x=x[]:positive target=x[]:positive log_input=false",
                                   "x=x[3x4]:positive target=x[3x4]:positive log_input=false p=1.3 reduction=none",
                                   "x=x[0x3] target=x[0x3]:positive reduction=sum", NULL},
    .bad = (const op_bad[]){{"x=x[2x3] target=x[3]", "'target' must have the shape of 'x'"},
                            {"x=x[2] target=x[2] p=2", "p is 2"},
                            {0}},
    .tol = {[TN_F64] = OP_TOL(1e-12, 1e-15),
            [TN_F32] = OP_TOL(5e-6, 1e-7),
            [TN_F16] = OP_TOL(1e-2, 1e-3),
            [TN_BF16] = OP_TOL(5e-2, 1e-2)},
};

tn_tensor *tn_tweedie_nll(tn_tensor *x, tn_tensor *target, double p, bool log_input, tn_reduction reduction)
{
    return OP_MAKE(&op_tweedie_nll,
                   OP_ARGS([P] = OP_F(p), [LOG_INPUT] = OP_I(log_input), [REDUCTION] = OP_I(reduction)), x, target);
}
