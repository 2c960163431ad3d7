/* gaussian_nll: the negative log-likelihood of a normal distribution: (log(v) + (x - target)^2 / v) / 2, v being the variance, but at
 * least eps, and with `full` the constant log(2 pi) / 2. */
#include "op/scheme/loss.h"

#include <math.h>

enum { FULL, EPS, REDUCTION };

static const double HALF_LOG_TWO_PI = 0.91893853320467274178;

static tn_status gaussian_nll_infer(const op_infer *c)
{
    BASE_TRY(op_want_shape(c, 1, c->in[0]));
    BASE_TRY(op_want_weight(c, 2, c->in[0]));
    return op_infer_loss(c, REDUCTION, c->in[0]);
}

static tn_status gaussian_nll_lower(const op_lower *c)
{
    tn_tensor *v = tn_clamp(c->in[2], c->node->arg[EPS].f, (double)INFINITY), *away = tn_sub(c->in[0], c->in[1]);
    tn_tensor *each = tn_mul_f(tn_add(tn_div(tn_square(away), v), tn_log(v)), 0.5);
    each = c->node->arg[FULL].i ? tn_add_f(each, HALF_LOG_TWO_PI) : each;
    c->out[0] = op_reduce_loss(each, c->node->arg[REDUCTION].i);
    return TN_OK;
}

static double loss_of(const op_ref *c, int64_t i, double *magnitude)
{
    double v = c->in[2]->f[op_ref_index(c->in[0], c->in[2], i)], away = c->in[0]->f[i] - c->in[1]->f[i];
    v = v < c->arg[EPS].f ? c->arg[EPS].f : v;
    double fit = away * away / v, rest = c->arg[FULL].i ? HALF_LOG_TWO_PI : 0;
    *magnitude = 0.5 * (fit + fabs(log(v)) + 1) + rest;
    return 0.5 * (log(v) + fit) + rest;
}

static void gaussian_nll_ref(const op_ref *c)
{
    op_ref_loss(c, REDUCTION, loss_of);
}

const op_def op_gaussian_nll = {
    .name = "gaussian_nll",
    .doc = "Negative log-likelihood of a normal distribution of mean x and variance var.",
    .torch = "torch.nn.functional.gaussian_nll_loss",
    .in = {{"x", OP_FLOATS, 'T'}, {"target", OP_FLOATS, 'T'}, {"var", OP_FLOATS, 'T'}},
    .out = {{"loss", 0, 'T'}},
    .arg = {[FULL] = OP_ARG_BOOL("full", false),
            [EPS] = OP_ARG_FLOAT_IN("eps", 1e-6, 0, 1),
            [REDUCTION] = OP_ARG_REDUCTION},
    .infer = gaussian_nll_infer,
    .lower = gaussian_nll_lower,
    .ref = gaussian_nll_ref,
    .flops_each = 8,
    .cases = (const char *const[]){"x=x[5] target=x[5] var=x[5]:positive",
                                   "x=x[2x3] target=x[2x3] var=x[2x1]:positive reduction=sum full=true",
                                   "x=x[2x3x4] target=x[2x3x4] var=x[4]:positive reduction=none",
                                   "x=x[] target=x[] var=x[]:positive",
                                   "x=x[0x3] target=x[0x3] var=x[3]:positive reduction=sum", NULL},
    .bad = (const op_bad[]){{"x=x[2x3] target=x[3] var=x[2x3]", "'target' must have the shape of 'x'"},
                            {"x=x[2x3] target=x[2x3] var=x[2]", "'var' cannot be broadcast"},
                            {0}},
    .tol = {[TN_F64] = OP_TOL(1e-12, 1e-15),
            [TN_F32] = OP_TOL(5e-6, 1e-7),
            [TN_F16] = OP_TOL(1e-2, 1e-3),
            [TN_BF16] = OP_TOL(5e-2, 1e-3)},
};

tn_tensor *tn_gaussian_nll(tn_tensor *x, tn_tensor *target, tn_tensor *var, bool full, double eps,
                           tn_reduction reduction)
{
    return OP_MAKE(&op_gaussian_nll, OP_ARGS([FULL] = OP_I(full), [EPS] = OP_F(eps), [REDUCTION] = OP_I(reduction)), x,
                   target, var);
}
