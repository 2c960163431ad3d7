/* margin_ranking: max(0, margin - target * (x - other)): target 1 wants x to be the larger one, -1 the other. */
#include "op/scheme/loss.h"

#include <math.h>

enum { MARGIN, REDUCTION };

static tn_status margin_ranking_infer(const op_infer *c)
{
    BASE_TRY(op_want_shape(c, 1, c->in[0]));
    BASE_TRY(op_want_shape(c, 2, c->in[0]));
    return op_infer_loss(c, REDUCTION, c->in[0]);
}

static tn_status margin_ranking_lower(const op_lower *c)
{
    tn_tensor *by = tn_mul(c->in[2], tn_sub(c->in[0], c->in[1]));
    c->out[0] = op_reduce_loss(tn_clamp(tn_sub(op_like_scalar(by, c->node->arg[MARGIN].f), by), 0, (double)INFINITY),
                               c->node->arg[REDUCTION].i);
    return TN_OK;
}

static double loss_of(const op_ref *c, int64_t i, double *magnitude)
{
    double by = c->in[2]->f[i] * (c->in[0]->f[i] - c->in[1]->f[i]), z = c->arg[MARGIN].f - by;
    *magnitude = fabs(by) + fabs(c->arg[MARGIN].f);
    return z < 0 ? 0 : z;
}

static void margin_ranking_ref(const op_ref *c)
{
    op_ref_loss(c, REDUCTION, loss_of);
}

const op_def op_margin_ranking = {
    .name = "margin_ranking",
    .doc = "max(0, margin - target (x - other)).",
    .torch = "torch.nn.functional.margin_ranking_loss",
    .in = {{"x", OP_FLOATS, 'T'}, {"other", OP_FLOATS, 'T'}, {"target", OP_FLOATS, 'T'}},
    .out = {{"loss", 0, 'T'}},
    .arg = {[MARGIN] = OP_ARG_FLOAT("margin", 0), [REDUCTION] = OP_ARG_REDUCTION},
    .infer = margin_ranking_infer,
    .lower = margin_ranking_lower,
    .ref = margin_ranking_ref,
    .flops_each = 4,
    .cases = (const char *const[]){"x=x[5] other=x[5] target=x[5]:signs",
                                   "x=x[2x3] other=x[2x3] target=x[2x3]:signs margin=0.5 reduction=sum",
                                   "x=x[2x3x4] other=x[2x3x4] target=x[2x3x4]:signs margin=1 reduction=none",
                                   "x=x[] other=x[] target=x[]:signs margin=3",
                                   "x=x[0x3] other=x[0x3] target=x[0x3]:signs reduction=sum", NULL},
    .bad = (const op_bad[]){{"x=x[2x3] other=x[3] target=x[2x3]", "'other' must have the shape of 'x'"},
                            {"x=x[2x3] other=x[2x3] target=x[3]", "'target' must have the shape of 'x'"},
                            {0}},
    .tol = {[TN_F64] = OP_TOL(1e-12, 1e-15),
            [TN_F32] = OP_TOL(5e-6, 1e-7),
            [TN_F16] = OP_TOL(5e-3, 1e-4),
            [TN_BF16] = OP_TOL(4e-2, 1e-3)},
};

tn_tensor *tn_margin_ranking(tn_tensor *x, tn_tensor *other, tn_tensor *target, double margin, tn_reduction reduction)
{
    return OP_MAKE(&op_margin_ranking, OP_ARGS([MARGIN] = OP_F(margin), [REDUCTION] = OP_I(reduction)), x, other,
                   op_unusable(x) ? target : op_cast_to(target, x->type.dtype));
}
