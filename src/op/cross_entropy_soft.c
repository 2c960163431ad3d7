/* cross_entropy_soft: -sum_c(weight_c * q_c * log_softmax(x)_c) along the axis of the classes (1, or 0 of a single sample),
 * averaged over the samples, for targets that are probabilities; q = (1 - s) * target + s / C with label smoothing s. */
#include "op/internal.h"
#include "op/scheme/loss.h"

#include <math.h>

enum { REDUCTION, SMOOTHING };

static tn_status cross_entropy_soft_infer(const op_infer *c)
{
    const graph_type *x = c->in[0], *weight = c->in[2];
    graph_type each = *x;
    if (x->rank < 1)
        return op_fail(c, TN_SHAPE,
                       "a single number has no classes; x needs the shape [classes] or [batch, classes, ...]");
    BASE_TRY(op_want_shape(c, 1, x));
    int axis = op_class_axis(x->rank);
    if (weight && weight->rank != 1)
        return op_fail(c, TN_SHAPE, "weight has %d axes; it needs one, a number for each class", weight->rank);
    if (weight)
        BASE_TRY(op_want_same(c, weight->dims[0], x->dims[axis], "the size of weight and the number of classes"));
    each.rank--;
    for (int i = axis; i < each.rank; i++)
        each.dims[i] = x->dims[i + 1];
    return op_infer_loss(c, REDUCTION, &each);
}

static tn_status cross_entropy_soft_lower(const op_lower *c)
{
    tn_tensor *x = c->in[0], *q = c->in[1], *weight = c->in[2];
    int64_t axis = op_class_axis(x->type.rank);
    double s = c->node->arg[SMOOTHING].f;
    if (s > 0) {
        tn_tensor *n = op_count_value(x, (int64_t)1 << axis, x->type.dtype);
        q = tn_add(tn_mul_f(q, 1 - s), tn_div(op_like_scalar(n, s), n));
    }
    if (weight)
        q = tn_mul(q, axis ? op_along_channels(weight, x->type.rank) : weight);
    tn_tensor *each = tn_neg(tn_sum_axes(tn_mul(q, tn_log_softmax(x, (int)axis)), 1, &axis, false));
    c->out[0] = op_reduce_loss(each, c->node->arg[REDUCTION].i);
    return TN_OK;
}

static void cross_entropy_soft_ref(const op_ref *c)
{
    const op_array *x = c->in[0], *target = c->in[1], *weight = c->in[2];
    op_array *y = c->out[0];
    op_row row = op_row_of(x, op_class_axis(x->rank));
    double s = c->arg[SMOOTHING].f, share = c->arg[REDUCTION].i == OP_REDUCE_MEAN ? 1 / (double)row.count : 1;
    for (int64_t r = 0; r < row.count; r++) {
        int64_t first = op_row_first(&row, r), to = c->arg[REDUCTION].i == OP_REDUCE_NONE ? r : 0;
        double most = op_row_max(x, &row, first), sum = 0;
        for (int64_t k = 0; k < row.size; k++)
            sum += exp(x->f[first + k * row.stride] - most);
        for (int64_t k = 0; k < row.size; k++) {
            int64_t at = first + k * row.stride;
            double q = ((1 - s) * target->f[at] + s / (double)row.size) * (weight ? weight->f[k] : 1) * share;
            y->f[to] -= q * (x->f[at] - most - log(sum));
            y->magnitude[to] += fabs(q) * (fabs(x->f[at]) + fabs(most) + fabs(log(sum)));
        }
    }
    if (row.count == 0 && c->arg[REDUCTION].i == OP_REDUCE_MEAN)
        y->f[0] = (double)NAN;
}

const op_def op_cross_entropy_soft = {
    .name = "cross_entropy_soft",
    .doc = "Cross entropy of softmax(x) and probabilities.",
    .torch = "torch.nn.functional.cross_entropy",
    .in = {{"x", OP_FLOATS, 'T'}, {"target", OP_FLOATS, 'T'}, {"weight", OP_FLOATS, 'T', OP_OPTIONAL | OP_FIXED}},
    .out = {{"loss", 0, 'T'}},
    .arg = {[REDUCTION] = OP_ARG_REDUCTION, [SMOOTHING] = OP_ARG_FLOAT_IN("label_smoothing", 0, 0, 1)},
    .infer = cross_entropy_soft_infer,
    .lower = cross_entropy_soft_lower,
    .ref = cross_entropy_soft_ref,
    .flops_each = 7,
    .cases = (const char *const[]){"x=x[4x3] target=x[4x3]:prob", "x=x[3] target=x[3]:prob reduction=sum",
                                   "x=x[5x3] target=x[5x3]:unit weight=x[3]:positive",
                                   "x=x[2x3x4] target=x[2x3x4]:unit weight=x[3]:positive reduction=none",
                                   "x=x[5x3] target=x[5x3]:prob label_smoothing=0.1",
                                   "x=x[3] target=x[3]:prob weight=x[3]:positive label_smoothing=0.25",
                                   "x=x[0x3] target=x[0x3]:prob reduction=sum", NULL},
    .bad = (const op_bad[]){{"x=x[] target=x[]", "a single number has no classes"},
                            {"x=x[4x3] target=x[4x2]", "'target' must have the shape of 'x'"},
                            {"x=x[4x3] target=x[4x3] weight=x[3x1]", "weight has 2 axes"},
                            {"x=x[4x3] target=x[4x3] weight=x[4]", "4 and 3 differ"},
                            {"x=x[4x3] target=x[4x3] label_smoothing=-1", "label_smoothing is -1"},
                            {0}},
    .tol = {[TN_F64] = OP_TOL(1e-12, 1e-300),
            [TN_F32] = OP_TOL(5e-6, 1e-7),
            [TN_F16] = OP_TOL(5e-3, 1e-4),
            [TN_BF16] = OP_TOL(4e-2, 1e-3)},
};

tn_tensor *op_cross_entropy_soft_of(tn_tensor *x, tn_tensor *target, tn_tensor *weight, int64_t reduction,
                                    double smoothing)
{
    return OP_MAKE(&op_cross_entropy_soft, OP_ARGS([REDUCTION] = OP_I(reduction), [SMOOTHING] = OP_F(smoothing)), x,
                   target, weight);
}
