/* smooth_l1: (x - target)^2 / (2 beta) where the distance is below beta, |x - target| - beta / 2 elsewhere (Girshick 2015). */
#include "op/scheme/loss.h"

#include <math.h>

enum { BETA, REDUCTION };

static tn_status smooth_l1_infer(const op_infer *c)
{
    BASE_TRY(op_want_shape(c, 1, c->in[0]));
    return op_infer_loss(c, REDUCTION, c->in[0]);
}

static tn_status smooth_l1_lower(const op_lower *c)
{
    double beta = c->node->arg[BETA].f;
    tn_tensor *away = tn_sub(c->in[0], c->in[1]), *size = tn_abs(away), *each = size;
    if (beta > 0)
        each = tn_where(tn_lt(size, op_like_scalar(size, beta)), tn_mul_f(tn_square(away), 0.5 / beta),
                        tn_sub_f(size, 0.5 * beta));
    c->out[0] = op_reduce_loss(each, c->node->arg[REDUCTION].i);
    return TN_OK;
}

static double loss_of(const op_ref *c, int64_t i, double *magnitude)
{
    double beta = c->arg[BETA].f, size = fabs(c->in[0]->f[i] - c->in[1]->f[i]);
    *magnitude = size;
    return size < beta ? 0.5 * size * size / beta : size - 0.5 * beta;
}

static void smooth_l1_ref(const op_ref *c)
{
    op_ref_loss(c, REDUCTION, loss_of);
}

const op_def op_smooth_l1 = {
    .name = "smooth_l1",
    .doc = "Squares of small distances, larger ones themselves.",
    .torch = "torch.nn.functional.smooth_l1_loss",
    .in = {{"x", OP_FLOATS, 'T'}, {"target", OP_FLOATS, 'T'}},
    .out = {{"loss", 0, 'T'}},
    .arg = {[BETA] = OP_ARG_FLOAT_IN("beta", 1, 0, 1e30), [REDUCTION] = OP_ARG_REDUCTION},
    .infer = smooth_l1_infer,
    .lower = smooth_l1_lower,
    .ref = smooth_l1_ref,
    .flops_each = 5,
    .cases = (const char *const[]){"x=x[5] target=x[5]", "x=x[2x3] target=x[2x3] reduction=sum",
                                   "x=x[2x3x4] target=x[2x3x4] reduction=none", "x=x[] target=x[]",
                                   "x=x[0x3] target=x[0x3] reduction=sum", "x=x[6] target=x[6] beta=0.25",
                                   "x=x[6] target=x[6] beta=0", NULL},
    .bad = (const op_bad[]){{"x=x[2x3] target=x[3]", "'target' must have the shape of 'x'"},
                            {"x=x[2] target=x[2] beta=-1", "beta is -1"},
                            {0}},
    .tol = {[TN_F64] = OP_TOL(1e-12, 1e-15),
            [TN_F32] = OP_TOL(5e-6, 1e-7),
            [TN_F16] = OP_TOL(5e-3, 1e-4),
            [TN_BF16] = OP_TOL(4e-2, 1e-3)},
};

tn_tensor *tn_smooth_l1(tn_tensor *x, tn_tensor *target, double beta, tn_reduction reduction)
{
    return OP_MAKE(&op_smooth_l1, OP_ARGS([BETA] = OP_F(beta), [REDUCTION] = OP_I(reduction)), x, target);
}
