/* focal: binary cross entropy of sigmoid(x), of which each element counts (1 - p)^gamma, p being what is given to the target (Lin et
 * al. 2017); targets of 1 count alpha and those of 0 count 1 - alpha, if alpha is not below 0. */
#include "op/scheme/loss.h"

#include <math.h>

enum { ALPHA, GAMMA, REDUCTION };

static tn_status focal_infer(const op_infer *c)
{
    BASE_TRY(op_want_shape(c, 1, c->in[0]));
    return op_infer_loss(c, REDUCTION, c->in[0]);
}

static tn_status focal_lower(const op_lower *c)
{
    tn_tensor *x = c->in[0], *target = c->in[1];
    const double never = 1e30; /* the threshold above which softplus would be taken as linear */
    double alpha = c->node->arg[ALPHA].f;
    tn_tensor *rest = tn_sub(op_like_scalar(target, 1), target);
    tn_tensor *entropy = tn_add(tn_mul(rest, x), tn_softplus(tn_neg(x), 1, never));
    tn_tensor *missed = tn_add(tn_mul(tn_sigmoid(x), rest), tn_mul(tn_sigmoid(tn_neg(x)), target));
    tn_tensor *each = tn_mul(entropy, tn_pow_f(missed, c->node->arg[GAMMA].f));
    if (alpha >= 0)
        each = tn_mul(each, tn_add(tn_mul_f(target, alpha), tn_mul_f(rest, 1 - alpha)));
    c->out[0] = op_reduce_loss(each, c->node->arg[REDUCTION].i);
    return TN_OK;
}

static double loss_of(const op_ref *c, int64_t i, double *magnitude)
{
    double x = c->in[0]->f[i], target = c->in[1]->f[i];
    double alpha = c->arg[ALPHA].f, rest = 1 - target,
           tail = (x < 0 ? -x : 0) + log1p(exp(-fabs(x))) + (isnan(x) ? x : 0);
    double missed = rest / (1 + exp(-x)) + target / (1 + exp(x));
    double factor = pow(missed, c->arg[GAMMA].f) * (alpha >= 0 ? alpha * target + (1 - alpha) * rest : 1);
    *magnitude = (fabs(rest * x) + tail) * fabs(factor);
    return (rest * x + tail) * factor;
}

static void focal_ref(const op_ref *c)
{
    op_ref_loss(c, REDUCTION, loss_of);
}

const op_def op_focal = {
    .name = "focal",
    .doc = "Binary cross entropy of sigmoid(x), less for what is sure already.",
    .in = {{"x", OP_FLOATS, 'T'}, {"target", OP_FLOATS, 'T'}},
    .out = {{"loss", 0, 'T'}},
    .arg = {[ALPHA] = OP_ARG_FLOAT_IN("alpha", 0.25, -1, 1),
            [GAMMA] = OP_ARG_FLOAT_IN("gamma", 2, 0, 1e3),
            [REDUCTION] = OP_ARG_REDUCTION},
    .infer = focal_infer,
    .lower = focal_lower,
    .ref = focal_ref,
    .flops_each = 16,
    .cases = (const char *const[]){"x=x[5] target=x[5]:unit", "x=x[2x3] target=x[2x3]:unit reduction=sum",
                                   "x=x[2x3x4] target=x[2x3x4]:unit reduction=none", "x=x[] target=x[]:unit",
                                   "x=x[0x3] target=x[0x3]:unit reduction=sum",
                                   "x=x[3x4] target=x[3x4]:unit alpha=-1 gamma=1.5 reduction=none",
                                   "x=x[6] target=x[6]:unit gamma=0", NULL},
    .bad = (const op_bad[]){{"x=x[2x3] target=x[3]", "'target' must have the shape of 'x'"},
                            {"x=x[2] target=x[2] gamma=-1", "gamma is -1"},
                            {"x=x[2] target=x[2] alpha=2", "alpha is 2"},
                            {0}},
    .tol = {[TN_F64] = OP_TOL(1e-12, 1e-15),
            [TN_F32] = OP_TOL(5e-6, 1e-7),
            [TN_F16] = OP_TOL(1e-2, 1e-3),
            [TN_BF16] = OP_TOL(5e-2, 5e-3)},
};

tn_tensor *tn_focal(tn_tensor *x, tn_tensor *target, double alpha, double gamma, tn_reduction reduction)
{
    return OP_MAKE(&op_focal, OP_ARGS([ALPHA] = OP_F(alpha), [GAMMA] = OP_F(gamma), [REDUCTION] = OP_I(reduction)), x,
                   op_unusable(x) ? target : op_cast_to(target, x->type.dtype));
}
