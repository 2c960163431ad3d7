/* mse: (x - target)^2, averaged. */
#include "op/scheme/loss.h"

#include <math.h>

enum { REDUCTION };

static tn_status mse_infer(const op_infer *c)
{
    BASE_TRY(op_want_shape(c, 1, c->in[0]));
    return op_infer_loss(c, REDUCTION, c->in[0]);
}

static tn_status mse_backward(const op_grad *c)
{
    tn_tensor *away = tn_sub(op_in(c, 0), op_in(c, 1)),
              *share = op_loss_share(op_dout(c, 0), away, op_arg(c, REDUCTION)->i);
    tn_tensor *d = tn_mul(tn_mul_f(away, 2), share);
    op_give(c, 0, d);
    return op_wants(c, 1) ? op_give(c, 1, tn_neg(d)) : TN_OK;
}

static tn_status mse_lower(const op_lower *c)
{
    c->out[0] = op_reduce_loss(tn_square(tn_sub(c->in[0], c->in[1])), c->node->arg[REDUCTION].i);
    return TN_OK;
}

static double loss_of(const op_ref *c, int64_t i, double *magnitude)
{
    double away = c->in[0]->f[i] - c->in[1]->f[i], loss = away * away;
    *magnitude = loss;
    return loss;
}

static void mse_ref(const op_ref *c)
{
    op_ref_loss(c, REDUCTION, loss_of);
}

const op_def op_mse = {
    .name = "mse",
    .doc = "Mean squared error.",
    .torch = "torch.nn.functional.mse_loss",
    .in = {{"x", OP_FLOATS, 'T'}, {"target", OP_FLOATS, 'T'}},
    .out = {{"loss", 0, 'T'}},
    .arg = {[REDUCTION] = OP_ARG_REDUCTION},
    .infer = mse_infer,
    .grad = mse_backward,
    .lower = mse_lower,
    .ref = mse_ref,
    .flops_each = 3,
    .cases = (const char *const[]){"x=x[5] target=x[5]", "x=x[2x3] target=x[2x3] reduction=sum",
                                   "x=x[2x3x4] target=x[2x3x4] reduction=none", "x=x[] target=x[]",
                                   "x=x[0x3] target=x[0x3] reduction=sum", NULL},
    .bad = (const op_bad[]){{"x=x[2x3] target=x[3]", "'target' must have the shape of 'x'"}, {0}},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *tn_mse(tn_tensor *x, tn_tensor *target, tn_reduction reduction)
{
    return OP_MAKE(&op_mse, OP_ARGS([REDUCTION] = OP_I(reduction)), x, target);
}
