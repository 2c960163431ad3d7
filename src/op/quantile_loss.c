/* quantile_loss: max(q * d, (q - 1) * d) with d = target - x, which is smallest where x is the q-quantile of the targets (Koenker and
 * Bassett 1978, eq. 2.2). */
#include "op/scheme/loss.h"

#include <math.h>

enum { Q, REDUCTION };

static tn_status quantile_loss_infer(const op_infer *c)
{
    BASE_TRY(op_want_shape(c, 1, c->in[0]));
    return op_infer_loss(c, REDUCTION, c->in[0]);
}

static tn_status quantile_loss_lower(const op_lower *c)
{
    double q = c->node->arg[Q].f;
    tn_tensor *d = tn_sub(c->in[1], c->in[0]);
    c->out[0] = op_reduce_loss(tn_maximum(tn_mul_f(d, q), tn_mul_f(d, q - 1)), c->node->arg[REDUCTION].i);
    return TN_OK;
}

static double loss_of(const op_ref *c, int64_t i, double *magnitude)
{
    double d = c->in[1]->f[i] - c->in[0]->f[i], q = c->arg[Q].f;
    *magnitude = fabs(c->in[1]->f[i]) + fabs(c->in[0]->f[i]);
    return isnan(d) ? d : fmax(q * d, (q - 1) * d);
}

static void quantile_loss_ref(const op_ref *c)
{
    op_ref_loss(c, REDUCTION, loss_of);
}

const op_def op_quantile_loss = {
    .name = "quantile_loss",
    .doc = "Distance from the target, weighed by q below it and 1 - q above: the pinball loss.",
    .in = {{"x", OP_FLOATS, 'T'}, {"target", OP_FLOATS, 'T'}},
    .out = {{"loss", 0, 'T'}},
    .arg = {[Q] = OP_ARG_FLOAT_IN("q", 0.5, 0, 1), [REDUCTION] = OP_ARG_REDUCTION},
    .infer = quantile_loss_infer,
    .lower = quantile_loss_lower,
    .ref = quantile_loss_ref,
    .flops_each = 4,
    .cases = (const char *const[]){"x=x[5] target=x[5]", "x=x[2x3] target=x[2x3] q=0.9 reduction=sum",
                                   "x=x[2x3x4] target=x[2x3x4] q=0.1 reduction=none", "x=x[] target=x[]",
                                   "x=x[0x3] target=x[0x3] reduction=sum", NULL},
    .bad = (const op_bad[]){{"x=x[2x3] target=x[3]", "'target' must have the shape of 'x'"},
                            {"x=x[2] target=x[2] q=2", "q is 2"},
                            {0}},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *tn_quantile_loss(tn_tensor *x, tn_tensor *target, double q, tn_reduction reduction)
{
    return OP_MAKE(&op_quantile_loss, OP_ARGS([Q] = OP_F(q), [REDUCTION] = OP_I(reduction)), x, target);
}
