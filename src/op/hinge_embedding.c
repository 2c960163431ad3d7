/* hinge_embedding: of a distance x and a target of 1 or -1: x itself, or what it lacks to the margin, max(margin - x, 0). */
#include "op/scheme/loss.h"

#include <math.h>

enum { MARGIN, REDUCTION };

static tn_status hinge_embedding_infer(const op_infer *c)
{
    BASE_TRY(op_want_shape(c, 1, c->in[0]));
    return op_infer_loss(c, REDUCTION, c->in[0]);
}

static tn_status hinge_embedding_lower(const op_lower *c)
{
    tn_tensor *x = c->in[0], *target = c->in[1];
    tn_tensor *none = op_like_scalar(x, 0), *one = op_like_scalar(x, 1);
    tn_tensor *apart = tn_clamp(tn_sub(op_like_scalar(x, c->node->arg[MARGIN].f), x), 0, (double)INFINITY);
    tn_tensor *first = tn_where(tn_ne(target, one), apart, none),
              *second = tn_where(tn_ne(target, tn_neg(one)), x, none);
    c->out[0] = op_reduce_loss(tn_add(first, second), c->node->arg[REDUCTION].i);
    return TN_OK;
}

static double loss_of(const op_ref *c, int64_t i, double *magnitude)
{
    double x = c->in[0]->f[i], target = c->in[1]->f[i];
    double apart = c->arg[MARGIN].f - x;
    apart = apart < 0 ? 0 : apart;
    *magnitude = fabs(x) + fabs(c->arg[MARGIN].f);
    return (target != 1 ? apart : 0) + (target != -1 ? x : 0);
}

static void hinge_embedding_ref(const op_ref *c)
{
    op_ref_loss(c, REDUCTION, loss_of);
}

const op_def op_hinge_embedding = {
    .name = "hinge_embedding",
    .doc = "x where target is 1, max(margin - x, 0) where it is -1.",
    .torch = "torch.nn.functional.hinge_embedding_loss",
    .in = {{"x", OP_FLOATS, 'T'}, {"target", OP_FLOATS, 'T', OP_FIXED}},
    .out = {{"loss", 0, 'T'}},
    .arg = {[MARGIN] = OP_ARG_FLOAT("margin", 1), [REDUCTION] = OP_ARG_REDUCTION},
    .infer = hinge_embedding_infer,
    .lower = hinge_embedding_lower,
    .ref = hinge_embedding_ref,
    .flops_each = 3,
    .cases = (const char *const[]){"x=x[5] target=x[5]:signs", "x=x[2x3] target=x[2x3]:signs reduction=sum",
                                   "x=x[2x3x4] target=x[2x3x4]:signs reduction=none", "x=x[] target=x[]:signs",
                                   "x=x[0x3] target=x[0x3]:signs reduction=sum", "x=x[6] target=x[6]:signs margin=0.4",
                                   NULL},
    .bad = (const op_bad[]){{"x=x[2x3] target=x[3]", "'target' must have the shape of 'x'"}, {0}},
    .tol = {[TN_F64] = OP_TOL(1e-12, 1e-15),
            [TN_F32] = OP_TOL(5e-6, 1e-7),
            [TN_F16] = OP_TOL(5e-3, 1e-4),
            [TN_BF16] = OP_TOL(4e-2, 1e-3)},
};

tn_tensor *tn_hinge_embedding(tn_tensor *x, tn_tensor *target, double margin, tn_reduction reduction)
{
    return OP_MAKE(&op_hinge_embedding, OP_ARGS([MARGIN] = OP_F(margin), [REDUCTION] = OP_I(reduction)), x,
                   op_unusable(x) ? target : op_cast_to(target, x->type.dtype));
}
