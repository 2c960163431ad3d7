/* huber: (x - target)^2 / 2 where the distance is at most delta, delta * (|x - target| - delta / 2) elsewhere (Huber 1964). */
#include "op/scheme/loss.h"

#include <math.h>

enum { DELTA, REDUCTION };

static tn_status huber_infer(const op_infer *c)
{
    BASE_TRY(op_want_shape(c, 1, c->in[0]));
    return op_infer_loss(c, REDUCTION, c->in[0]);
}

static tn_status huber_lower(const op_lower *c)
{
    double delta = c->node->arg[DELTA].f;
    tn_tensor *away = tn_sub(c->in[0], c->in[1]), *size = tn_abs(away);
    tn_tensor *far = tn_mul_f(tn_sub_f(size, 0.5 * delta), delta);
    c->out[0] = op_reduce_loss(tn_where(tn_le(size, op_like_scalar(size, delta)), tn_mul_f(tn_square(away), 0.5), far),
                               c->node->arg[REDUCTION].i);
    return TN_OK;
}

static double loss_of(const op_ref *c, int64_t i, double *magnitude)
{
    double delta = c->arg[DELTA].f, size = fabs(c->in[0]->f[i] - c->in[1]->f[i]);
    *magnitude = size * delta;
    return size <= delta ? 0.5 * size * size : delta * (size - 0.5 * delta);
}

static void huber_ref(const op_ref *c)
{
    op_ref_loss(c, REDUCTION, loss_of);
}

const op_def op_huber = {
    .name = "huber",
    .doc = "Squares of small distances, multiples of larger ones.",
    .torch = "torch.nn.functional.huber_loss",
    .in = {{"x", OP_FLOATS, 'T'}, {"target", OP_FLOATS, 'T'}},
    .out = {{"loss", 0, 'T'}},
    .arg = {[DELTA] = OP_ARG_FLOAT_IN("delta", 1, 1e-30, 1e30), [REDUCTION] = OP_ARG_REDUCTION},
    .infer = huber_infer,
    .lower = huber_lower,
    .ref = huber_ref,
    .flops_each = 5,
    .cases = (const char *const[]){"x=x[5] target=x[5]", "x=x[2x3] target=x[2x3] reduction=sum",
                                   "x=x[2x3x4] target=x[2x3x4] reduction=none", "x=x[] target=x[]",
                                   "x=x[0x3] target=x[0x3] reduction=sum", "x=x[6] target=x[6] delta=0.25", NULL},
    .bad = (const op_bad[]){{"x=x[2x3] target=x[3]", "'target' must have the shape of 'x'"},
                            {"x=x[2] target=x[2] delta=0", "delta is 0"},
                            {0}},
    .tol = {[TN_F64] = OP_TOL(1e-12, 1e-15),
            [TN_F32] = OP_TOL(5e-6, 1e-7),
            [TN_F16] = OP_TOL(5e-3, 1e-4),
            [TN_BF16] = OP_TOL(4e-2, 1e-3)},
};

tn_tensor *tn_huber(tn_tensor *x, tn_tensor *target, double delta, tn_reduction reduction)
{
    return OP_MAKE(&op_huber, OP_ARGS([DELTA] = OP_F(delta), [REDUCTION] = OP_I(reduction)), x, target);
}
