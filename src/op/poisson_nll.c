/* poisson_nll: the negative log-likelihood of counts: e^x - target * x, or x - target * log(x + eps) where x is the rate itself. What
 * depends on the target alone is left out, or with `full` taken by Stirling's formula where the target is above 1. */
#include "op/scheme/loss.h"

#include <math.h>

enum { LOG_INPUT, FULL, EPS, REDUCTION };

static const double TWO_PI = 6.28318530717958647693;

static tn_status poisson_nll_infer(const op_infer *c)
{
    BASE_TRY(op_want_shape(c, 1, c->in[0]));
    return op_infer_loss(c, REDUCTION, c->in[0]);
}

static tn_status poisson_nll_lower(const op_lower *c)
{
    tn_tensor *x = c->in[0], *target = c->in[1];
    const op_value *arg = c->node->arg;
    tn_tensor *each = arg[LOG_INPUT].i ? tn_sub(tn_exp(x), tn_mul(target, x))
                                       : tn_sub(x, tn_mul(target, tn_log(tn_add_f(x, arg[EPS].f))));
    if (arg[FULL].i) {
        tn_tensor *root = tn_mul_f(tn_log(tn_mul_f(target, TWO_PI)), 0.5);
        tn_tensor *rest = tn_add(tn_sub(tn_mul(target, tn_log(target)), target), root);
        each = tn_add(each, tn_where(tn_le(target, op_like_scalar(target, 1)), op_like_scalar(target, 0), rest));
    }
    c->out[0] = op_reduce_loss(each, c->node->arg[REDUCTION].i);
    return TN_OK;
}

static double loss_of(const op_ref *c, int64_t i, double *magnitude)
{
    double x = c->in[0]->f[i], target = c->in[1]->f[i];
    const op_value *arg = c->arg;
    double eps = op_ref_round(c->in[0]->dtype, arg[EPS].f); /* 0 in f16, as a constant of that dtype is */
    double rate = arg[LOG_INPUT].i ? exp(x) : x, fit = target * (arg[LOG_INPUT].i ? x : log(x + eps)), rest = 0;
    if (arg[FULL].i && !(target <= 1))
        rest = target * log(target) - target + 0.5 * log(TWO_PI * target);
    *magnitude = fabs(rate) + fabs(fit) + fabs(rest) + 2 * fabs(target);
    return rate - fit + rest;
}

static void poisson_nll_ref(const op_ref *c)
{
    op_ref_loss(c, REDUCTION, loss_of);
}

const op_def op_poisson_nll = {
    .name = "poisson_nll",
    .doc = "Negative log-likelihood of counts; x is the logarithm of the rate, or the rate.",
    .torch = "torch.nn.functional.poisson_nll_loss",
    .in = {{"x", OP_FLOATS, 'T'}, {"target", OP_FLOATS, 'T'}},
    .out = {{"loss", 0, 'T'}},
    .arg = {[LOG_INPUT] = OP_ARG_BOOL("log_input", true),
            [FULL] = OP_ARG_BOOL("full", false),
            [EPS] = OP_ARG_FLOAT_IN("eps", 1e-8, 0, 1),
            [REDUCTION] = OP_ARG_REDUCTION},
    .infer = poisson_nll_infer,
    .lower = poisson_nll_lower,
    .ref = poisson_nll_ref,
    .flops_each = 9,
    .cases =
        (const char *const[]){"x=x[5] target=x[5]:positive", "x=x[2x3] target=x[2x3]:positive reduction=sum",
                              "x=x[2x3x4] target=x[2x3x4]:positive reduction=none", "x=x[] target=x[]:positive",
                              "x=x[0x3] target=x[0x3]:positive reduction=sum", "x=x[6] target=x[6]:positive full=true",
                              "x=x[3x4]:positive target=x[3x4]:positive log_input=false full=true reduction=none",
                              NULL},
    .bad = (const op_bad[]){{"x=x[2x3] target=x[3]", "'target' must have the shape of 'x'"},
                            {"x=x[2] target=x[2] eps=2", "eps is 2"},
                            {0}},
    .tol = {[TN_F64] = OP_TOL(1e-12, 1e-15),
            [TN_F32] = OP_TOL(5e-6, 1e-7),
            [TN_F16] = OP_TOL(1e-2, 1e-3),
            [TN_BF16] = OP_TOL(5e-2, 1e-3)},
};

tn_tensor *tn_poisson_nll(tn_tensor *x, tn_tensor *target, bool log_input, bool full, double eps,
                          tn_reduction reduction)
{
    return OP_MAKE(
        &op_poisson_nll,
        OP_ARGS([LOG_INPUT] = OP_I(log_input), [FULL] = OP_I(full), [EPS] = OP_F(eps), [REDUCTION] = OP_I(reduction)),
        x, target);
}
