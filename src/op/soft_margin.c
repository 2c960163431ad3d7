/* soft_margin: log(1 + e^(-target * x)) for targets of 1 and -1. */
#include "op/scheme/loss.h"

#include <math.h>

enum { REDUCTION };

static tn_status soft_margin_infer(const op_infer *c)
{
    BASE_TRY(op_want_shape(c, 1, c->in[0]));
    return op_infer_loss(c, REDUCTION, c->in[0]);
}

static tn_status soft_margin_lower(const op_lower *c)
{
    tn_tensor *x = c->in[0], *target = c->in[1];
    const double never = 1e30; /* the threshold above which softplus would be taken as linear */
    c->out[0] = op_reduce_loss(tn_softplus(tn_neg(tn_mul(target, x)), 1, never), c->node->arg[REDUCTION].i);
    return TN_OK;
}

static double loss_of(const op_ref *c, int64_t i, double *magnitude)
{
    double x = c->in[0]->f[i], target = c->in[1]->f[i];
    double z = -target * x;
    *magnitude = fabs(z) + 1;
    return (z > 0 ? z : 0) + log1p(exp(-fabs(z))) + (isnan(z) ? z : 0);
}

static void soft_margin_ref(const op_ref *c)
{
    op_ref_loss(c, REDUCTION, loss_of);
}

const op_def op_soft_margin = {
    .name = "soft_margin",
    .doc = "log(1 + e^(-target x)).",
    .torch = "torch.nn.functional.soft_margin_loss",
    .in = {{"x", OP_FLOATS, 'T'}, {"target", OP_FLOATS, 'T'}},
    .out = {{"loss", 0, 'T'}},
    .arg = {[REDUCTION] = OP_ARG_REDUCTION},
    .infer = soft_margin_infer,
    .lower = soft_margin_lower,
    .ref = soft_margin_ref,
    .flops_each = 6,
    .cases = (const char *const[]){"x=x[5] target=x[5]:signs", "x=x[2x3] target=x[2x3]:signs reduction=sum",
                                   "x=x[2x3x4] target=x[2x3x4]:signs reduction=none", "x=x[] target=x[]:signs",
                                   "x=x[0x3] target=x[0x3]:signs reduction=sum", NULL},
    .bad = (const op_bad[]){{"x=x[2x3] target=x[3]", "'target' must have the shape of 'x'"}, {0}},
    .tol = {[TN_F64] = OP_TOL(1e-12, 1e-15),
            [TN_F32] = OP_TOL(5e-6, 1e-7),
            [TN_F16] = OP_TOL(5e-3, 1e-4),
            [TN_BF16] = OP_TOL(4e-2, 1e-3)},
};

tn_tensor *tn_soft_margin(tn_tensor *x, tn_tensor *target, tn_reduction reduction)
{
    return OP_MAKE(&op_soft_margin, OP_ARGS([REDUCTION] = OP_I(reduction)), x,
                   op_unusable(x) ? target : op_cast_to(target, x->type.dtype));
}
