/* cosine_embedding: of rows x and other: 1 - cos where the target is 1, max(0, cos - margin) where it is -1; cos is the cosine of the angle
 * between them, 1e-12 added to both squared lengths as in PyTorch. */
#include "op/scheme/loss.h"

#include <math.h>

enum { MARGIN, REDUCTION };

static const double EPSILON = 1e-12;

static tn_status cosine_embedding_infer(const op_infer *c)
{
    if (c->in[0]->rank < 1)
        return op_fail(c, TN_SHAPE, "a single number has no direction; x needs rows");
    graph_type each = *c->in[0];
    each.rank--;
    BASE_TRY(op_want_shape(c, 1, c->in[0]));
    if (!graph_same_dims(c->dims, &each, c->in[2], c->def->name))
        return op_fail(c, TN_SHAPE, "'target' must have the shape of 'x' without its last axis");
    return op_infer_loss(c, REDUCTION, &each);
}

static tn_status cosine_embedding_lower(const op_lower *c)
{
    const int64_t last[1] = {-1};
    tn_tensor *x = c->in[0], *other = c->in[1], *target = c->in[2], *one = op_like_scalar(x, 1),
              *none = op_like_scalar(x, 0);
    tn_tensor *length = tn_add_f(tn_sum_axes(tn_square(x), 1, last, false), EPSILON);
    tn_tensor *its = tn_add_f(tn_sum_axes(tn_square(other), 1, last, false), EPSILON);
    tn_tensor *cosine = tn_div(tn_sum_axes(tn_mul(x, other), 1, last, false), tn_sqrt(tn_mul(length, its)));
    tn_tensor *apart = tn_clamp(tn_sub_f(cosine, c->node->arg[MARGIN].f), 0, (double)INFINITY);
    tn_tensor *close = tn_where(tn_eq(target, one), tn_sub(one, cosine), none);
    c->out[0] =
        op_reduce_loss(tn_add(close, tn_where(tn_eq(target, tn_neg(one)), apart, none)), c->node->arg[REDUCTION].i);
    return TN_OK;
}

static double loss_of(const op_ref *c, int64_t i, double *magnitude)
{
    const op_array *x = c->in[0], *other = c->in[1];
    int64_t n = x->dims[x->rank - 1];
    double dot = 0, length = EPSILON, its = EPSILON, target = c->in[2]->f[i];
    for (int64_t k = i * n; k < (i + 1) * n; k++) {
        dot += x->f[k] * other->f[k];
        length += x->f[k] * x->f[k];
        its += other->f[k] * other->f[k];
    }
    double cosine = dot / sqrt(length * its), apart = cosine - c->arg[MARGIN].f;
    apart = apart < 0 ? 0 : apart;
    *magnitude = 2;
    return (target == 1 ? 1 - cosine : 0) + (target == -1 ? apart : 0);
}

static void cosine_embedding_ref(const op_ref *c)
{
    op_ref_losses(c, REDUCTION, c->in[2]->count, loss_of);
}

const op_def op_cosine_embedding = {
    .name = "cosine_embedding",
    .doc = "1 - cos where target is 1, max(0, cos - margin) where it is -1, of rows.",
    .torch = "torch.nn.functional.cosine_embedding_loss",
    .in = {{"x", OP_FLOATS, 'T'}, {"other", OP_FLOATS, 'T'}, {"target", OP_FLOATS, 'T', OP_FIXED}},
    .out = {{"loss", 0, 'T'}},
    .arg = {[MARGIN] = OP_ARG_FLOAT_IN("margin", 0, -1, 1), [REDUCTION] = OP_ARG_REDUCTION},
    .infer = cosine_embedding_infer,
    .lower = cosine_embedding_lower,
    .ref = cosine_embedding_ref,
    .flops_each = 6,
    .cases = (const char *const[]){"x=x[5] other=x[5] target=x[]:signs",
                                   "x=x[6x3] other=x[6x3] target=x[6]:signs margin=0.25",
                                   "x=x[2x3x4] other=x[2x3x4] target=x[2x3]:signs reduction=none",
                                   "x=x[3x4] other=x[3x4] target=x[3]:signs reduction=sum",
                                   "x=x[0x3] other=x[0x3] target=x[0] reduction=sum", NULL},
    .bad = (const op_bad[]){{"x=x[] other=x[] target=x[]", "a single number has no direction"},
                            {"x=x[2x3] other=x[3] target=x[2]", "'other' must have the shape of 'x'"},
                            {"x=x[2x3] other=x[2x3] target=x[3]",
                             "'target' must have the shape of 'x' without its last axis"},
                            {0}},
    .tol = {[TN_F64] = OP_TOL(1e-12, 1e-15),
            [TN_F32] = OP_TOL(5e-6, 1e-7),
            [TN_F16] = OP_TOL(1e-2, 1e-3),
            [TN_BF16] = OP_TOL(5e-2, 1e-2)},
};

tn_tensor *tn_cosine_embedding(tn_tensor *x, tn_tensor *other, tn_tensor *target, double margin, tn_reduction reduction)
{
    return OP_MAKE(&op_cosine_embedding, OP_ARGS([MARGIN] = OP_F(margin), [REDUCTION] = OP_I(reduction)), x, other,
                   op_unusable(x) ? target : op_cast_to(target, x->type.dtype));
}
