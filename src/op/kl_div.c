/* kl_div: target * (log(target) - x), x being log-probabilities, and the target too if log_target: the divergence of Kullback and
 * Leibler (1951) once summed over the classes. */
#include "op/scheme/loss.h"

#include <math.h>

enum { LOG_TARGET, REDUCTION };

static tn_status kl_div_infer(const op_infer *c)
{
    BASE_TRY(op_want_shape(c, 1, c->in[0]));
    return op_infer_loss(c, REDUCTION, c->in[0]);
}

static tn_status kl_div_lower(const op_lower *c)
{
    tn_tensor *x = c->in[0], *target = c->in[1];
    bool logs = c->node->arg[LOG_TARGET].i;
    tn_tensor *each =
        logs ? tn_mul(tn_exp(target), tn_sub(target, x)) : tn_sub(tn_xlogy(target, target), tn_mul(target, x));
    c->out[0] = op_reduce_loss(each, c->node->arg[REDUCTION].i);
    return TN_OK;
}

static double loss_of(const op_ref *c, int64_t i, double *magnitude)
{
    double x = c->in[0]->f[i], target = c->in[1]->f[i];
    bool logs = c->arg[LOG_TARGET].i;
    double p = logs ? exp(target) : target, entropy = p == 0 && !logs ? 0 : p * (logs ? target : log(target));
    *magnitude = fabs(entropy) + fabs(p * x);
    return logs ? p * (target - x) : entropy - p * x;
}

static void kl_div_ref(const op_ref *c)
{
    op_ref_loss(c, REDUCTION, loss_of);
}

const op_def op_kl_div = {
    .name = "kl_div",
    .doc = "target (log(target) - x), x being log-probabilities.",
    .torch = "torch.nn.functional.kl_div",
    .in = {{"x", OP_FLOATS, 'T'}, {"target", OP_FLOATS, 'T'}},
    .out = {{"loss", 0, 'T'}},
    .arg = {[LOG_TARGET] = OP_ARG_BOOL("log_target", false), [REDUCTION] = OP_ARG_REDUCTION},
    .infer = kl_div_infer,
    .lower = kl_div_lower,
    .ref = kl_div_ref,
    .flops_each = 8,
    .cases = (const char *const[]){"x=x[5] target=x[5]:positive", "x=x[2x3] target=x[2x3]:positive reduction=sum",
                                   "x=x[2x3x4] target=x[2x3x4]:positive reduction=none", "x=x[] target=x[]:positive",
                                   "x=x[0x3] target=x[0x3]:positive reduction=sum",
                                   "x=x[3x4] target=x[3x4] log_target=true reduction=none",
                                   "x=x[6] target=x[6]:kinks=0", NULL},
    .bad = (const op_bad[]){{"x=x[2x3] target=x[3]", "'target' must have the shape of 'x'"}, {0}},
    .tol = {[TN_F64] = OP_TOL(1e-12, 1e-15),
            [TN_F32] = OP_TOL(5e-6, 1e-7),
            [TN_F16] = OP_TOL(5e-3, 1e-4),
            [TN_BF16] = OP_TOL(4e-2, 1e-3)},
};

tn_tensor *tn_kl_div(tn_tensor *x, tn_tensor *target, bool log_target, tn_reduction reduction)
{
    return OP_MAKE(&op_kl_div, OP_ARGS([LOG_TARGET] = OP_I(log_target), [REDUCTION] = OP_I(reduction)), x, target);
}
