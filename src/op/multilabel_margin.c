/* multilabel_margin: hinge loss of samples that belong to several classes: the sum over the sample's classes j and all other classes i
 * of max(0, 1 - (x[j] - x[i])), divided by the number of classes. target has the sample's classes, and -1 behind the last. x is
 * [batch, classes] or [classes], target of that shape. */
#include "op/scheme/loss.h"

#include <math.h>

enum { REDUCTION };

static tn_status multilabel_margin_infer(const op_infer *c)
{
    if (c->in[0]->rank < 1 || c->in[0]->rank > 2)
        return op_fail(c, TN_SHAPE, "x has %d axes; it needs the shape [classes] or [batch, classes]", c->in[0]->rank);
    graph_type each = *c->in[0];
    each.rank--;
    BASE_TRY(op_want_shape(c, 1, c->in[0]));
    return op_infer_loss(c, REDUCTION, &each);
}

static tn_status multilabel_margin_lower(const op_lower *c)
{
    tn_tensor *x = c->in[0], *target = c->in[1];
    tn_dtype dtype = x->type.dtype;
    /* 1 up to the first place below 0, then 0 */
    tn_tensor *counts = tn_cumprod(op_cast_to(tn_ge(target, op_like_scalar(target, 0)), dtype), -1);
    tn_tensor *safe = tn_where(tn_gt(counts, op_like_scalar(counts, 0)), target, op_like_scalar(target, 0));
    tn_tensor *own = tn_scatter_add(op_full_like(x, TN_NONE, 0), -1, safe, counts);
    tn_tensor *other = op_cast_to(tn_eq(own, op_like_scalar(own, 0)), dtype);
    tn_tensor *gap = tn_sub(tn_unsqueeze(tn_gather(x, -1, safe), -1), tn_unsqueeze(x, -2));
    tn_tensor *z = tn_clamp(tn_add_f(tn_neg(gap), 1), 0, (double)INFINITY);
    tn_tensor *pairs = tn_gt(tn_mul(tn_unsqueeze(counts, -1), tn_unsqueeze(other, -2)), op_like_scalar(x, 0));
    z = tn_sum_axes(tn_where(pairs, z, op_like_scalar(z, 0)), 2, (const int64_t[]){-1, -2}, false);
    tn_tensor *each = tn_div(z, op_count_value(x, (int64_t)1 << (x->type.rank - 1), dtype));
    c->out[0] = op_reduce_loss(each, c->node->arg[REDUCTION].i);
    return TN_OK;
}

static bool is_own(const int64_t *target, int64_t n, int64_t class)
{
    for (int64_t k = 0; k < n && target[k] >= 0; k++)
        if (target[k] == class)
            return true;
    return false;
}

static double loss_of(const op_ref *c, int64_t i, double *magnitude)
{
    int64_t n = c->in[0]->dims[c->in[0]->rank - 1];
    const int64_t *target = c->in[1]->i + i * n;
    const double *x = c->in[0]->f + i * n;
    double sum = 0;
    for (int64_t j = 0; j < n && target[j] >= 0; j++) {
        if (target[j] >= n) {
            op_ref_fault(c, "a target is not a class: its number is out of range");
            return 0;
        }
        for (int64_t k = 0; k < n; k++) {
            double z = 1 - (x[target[j]] - x[k]);
            if (is_own(target, n, k))
                continue;
            sum += z < 0 ? 0 : z / (double)n;
            *magnitude += (1 + fabs(x[target[j]]) + fabs(x[k])) / (double)n;
        }
    }
    return sum;
}

static void multilabel_margin_ref(const op_ref *c)
{
    op_ref_losses(c, REDUCTION, op_outer(c->in[0], c->in[0]->rank - 1), loss_of);
}

const op_def op_multilabel_margin = {
    .name = "multilabel_margin",
    .doc = "Hinge loss of samples that belong to several classes.",
    .torch = "torch.nn.functional.multilabel_margin_loss",
    .in = {{"x", OP_FLOATS, 'T'}, {"target", OP_INDEX, 0}},
    .out = {{"loss", 0, 'T'}},
    .arg = {[REDUCTION] = OP_ARG_REDUCTION},
    .flags = OP_FAULTS,
    .infer = multilabel_margin_infer,
    .lower = multilabel_margin_lower,
    .ref = multilabel_margin_ref,
    .flops_each = 12,
    .cases = (const char *const[]){"x=x[5] target=i[5]:index=5", "x=x[4x3] target=i[4x3]:index=2 reduction=sum",
                                   "x=x[4x6] target=i[4x6]:index=6 reduction=none", "x=x[3x4] target=i[3x4]:index=1",
                                   "x=x[0x3] target=i[0x3]:index=2 reduction=sum", NULL},
    .bad = (const op_bad[]){{"x=x[] target=i[]", "x has 0 axes"},
                            {"x=x[2x3x4] target=i[2x3x4]:index=2", "x has 3 axes"},
                            {"x=x[2x3] target=i[3]:index=2", "'target' must have the shape of 'x'"},
                            {0}},
    .fault = (const op_bad[]){{"x=x[8x3] target=i[8x3]:index=9", "out of range"}, {0}},
    .tol = {[TN_F64] = OP_TOL(1e-12, 1e-15),
            [TN_F32] = OP_TOL(5e-6, 1e-7),
            [TN_F16] = OP_TOL(1e-2, 1e-3),
            [TN_BF16] = OP_TOL(5e-2, 1e-2)},
};

tn_tensor *tn_multilabel_margin(tn_tensor *x, tn_tensor *target, tn_reduction reduction)
{
    return OP_MAKE(&op_multilabel_margin, OP_ARGS([REDUCTION] = OP_I(reduction)), x, target);
}
