/* cross_entropy: -weight[t] * log_softmax(x)[t] for class numbers t along the axis of the classes (1, or 0 of a single
 * sample), averaged by the weights. With label smoothing s the target is (1 - s) of class t and s / C of each class, as in
 * PyTorch. Targets equal to ignore_index do not count; others that are no class are a fault at run time. */
#include "op/internal.h"
#include "op/scheme/loss.h"

#include <math.h>

enum { REDUCTION, IGNORE, SMOOTHING };

static tn_status cross_entropy_infer(const op_infer *c)
{
    BASE_TRY(op_class_check(c, c->in[0], c->in[1], c->in[2]));
    return op_infer_loss(c, REDUCTION, c->in[1]);
}

static tn_status cross_entropy_backward(const op_grad *c)
{
    op_give_zero(c, 1);
    return op_give(c, 0, op_cross_entropy_grad_of(op_dout(c, 0), op_in(c, 0), op_in(c, 1), op_in(c, 2), op_arg(c, 0)));
}

static tn_status cross_entropy_lower(const op_lower *c)
{
    tn_tensor *x = c->in[0], *weight = c->in[2];
    int64_t axis = op_class_axis(x->type.rank);
    double s = c->node->arg[SMOOTHING].f;
    op_classes k = op_classes_of(c->in[1], weight, (double)c->node->arg[IGNORE].i, x->type.dtype);
    tn_tensor *log_p = tn_log_softmax(x, (int)axis), *each = op_class_losses(log_p, &k);
    if (s > 0) {
        tn_tensor *all = weight ? tn_mul(log_p, axis ? op_along_channels(weight, x->type.rank) : weight) : log_p;
        tn_tensor *even = tn_div(tn_mul_f(tn_sum_axes(all, 1, &axis, false), -s),
                                 op_count_value(x, (int64_t)1 << axis, x->type.dtype));
        each = tn_add(tn_mul_f(each, 1 - s), tn_where(k.valid, even, op_like_scalar(even, 0)));
    }
    c->out[0] = op_reduce_classes(each, &k, c->node->arg[REDUCTION].i);
    return TN_OK;
}

/* The loss of one row, with the magnitude that it was rounded from. */
static double row_loss(const op_ref *c, const op_row *row, int64_t r, double *magnitude)
{
    const op_array *x = c->in[0], *weight = c->in[2];
    int64_t first = op_row_first(row, r);
    double most = op_row_max(x, row, first), sum = 0, even = 0, s = c->arg[SMOOTHING].f;
    for (int64_t k = 0; k < row->size; k++)
        sum += exp(x->f[first + k * row->stride] - most);
    for (int64_t k = 0; k < row->size; k++)
        even -= (weight ? weight->f[k] : 1) * (x->f[first + k * row->stride] - most - log(sum));
    int64_t class = c->in[1]->i[r];
    double w = weight ? weight->f[class] : 1, own = x->f[first + class * row->stride];
    *magnitude = w * (fabs(own) + fabs(most) + fabs(log(sum)) + 1) + (s > 0 ? s * fabs(even) : 0);
    double loss = (1 - s) * -w * (own - most - log(sum));
    return s > 0 ? loss + s * even / (double)row->size : loss; /* a class of no probability counts only if smoothed */
}

static void cross_entropy_ref(const op_ref *c)
{
    const op_array *x = c->in[0], *target = c->in[1];
    op_array *y = c->out[0];
    int64_t how = c->arg[REDUCTION].i, ignore = c->arg[IGNORE].i;
    op_row row = op_row_of(x, op_class_axis(x->rank));
    double total = op_ref_class_total(c, x, target, c->in[2], ignore, how);
    for (int64_t r = 0; r < target->count; r++) {
        double magnitude;
        if (target->i[r] == ignore || target->i[r] < 0 || target->i[r] >= row.size)
            continue;
        int64_t at = how == OP_REDUCE_NONE ? r : 0;
        y->f[at] += row_loss(c, &row, r, &magnitude) / total;
        y->magnitude[at] += magnitude / fabs(total);
    }
    if (how == OP_REDUCE_MEAN && total == 0)
        y->f[0] = (double)NAN;
}

const op_def op_cross_entropy = {
    .name = "cross_entropy",
    .doc = "Cross entropy of softmax(x) and class numbers.",
    .torch = "torch.nn.functional.cross_entropy",
    .onnx = "SoftmaxCrossEntropyLoss",
    .in = {{"x", OP_FLOATS, 'T'}, {"target", OP_INDEX}, {"weight", OP_FLOATS, 'T', OP_OPTIONAL | OP_FIXED}},
    .out = {{"loss", 0, 'T'}},
    .arg = {[REDUCTION] = OP_ARG_REDUCTION,
            [IGNORE] = OP_ARG_INT("ignore_index", -100),
            [SMOOTHING] = OP_ARG_FLOAT_IN("label_smoothing", 0, 0, 1)},
    .flags = OP_FAULTS,
    .infer = cross_entropy_infer,
    .grad = cross_entropy_backward,
    .lower = cross_entropy_lower,
    .ref = cross_entropy_ref,
    .flops_each = 5,
    .cases =
        (const char *const[]){"x=x[4x3] target=i[4]:index=3", "x=x[3] target=i[]:index=3 reduction=sum",
                              "x=x[5x3] target=i[5]:index=3 weight=x[3]:positive",
                              "x=x[2x3x4] target=i[2x4]:index=3 weight=x[3]:positive reduction=none",
                              "x=x[9x3] target=i[9]:index=3 ignore_index=1",
                              "x=x[2x4x3x2] target=i[2x3x2]:index=4 ignore_index=0 reduction=sum",
                              "x=x[5x3] target=i[5]:index=3 label_smoothing=0.1",
                              "x=x[9x3] target=i[9]:index=3 weight=x[3]:positive label_smoothing=0.25 ignore_index=2",
                              "x=x[3] target=i[]:index=3 weight=x[3]:positive label_smoothing=0.25",
                              "x=x[70x10] target=i[70]:index=10", "x=x[33x16] target=i[33]:index=16 reduction=none",
                              "x=x[20x17] target=i[20]:index=17", "x=x[3x600] target=i[3]:index=600 ignore_index=5",
                              "x=x[0x3] target=i[0]:index=3 reduction=sum", NULL},
    .bad = (const op_bad[]){{"x=x[] target=i[]:index=1", "a single number has no classes"},
                            {"x=x[4x3] target=i[4x3]:index=3", "target has 2 axes"},
                            {"x=x[4x3] target=i[5]:index=3", "target has size 5 where x has 4"},
                            {"x=x[4x3] target=i[4]:index=3 weight=x[3x1]", "weight has 2 axes"},
                            {"x=x[4x3] target=i[4]:index=3 weight=x[4]", "4 and 3 differ"},
                            {"x=x[4x3] target=i[4]:index=3 label_smoothing=2", "label_smoothing is 2"},
                            {0}},
    .fault = (const op_bad[]){{"x=x[20x3] target=i[20]:index=9", "out of range"}, {0}},
    .tol = {[TN_F64] = OP_TOL(1e-12, 1e-300),
            [TN_F32] = OP_TOL(5e-6, 1e-7),
            [TN_F16] = OP_TOL(5e-3, 1e-4),
            [TN_BF16] = OP_TOL(4e-2, 1e-3)},
};

tn_tensor *tn_cross_entropy(tn_tensor *x, tn_tensor *target, const tn_loss_opt *opt)
{
    static const tn_loss_opt none = {0};
    const tn_loss_opt *o = opt ? opt : &none;
    if (target && !graph_poisoned(target) && tn_dtype_is_float(target->type.dtype))
        return op_cross_entropy_soft_of(x, target, o->weight, o->reduction, o->label_smoothing);
    return OP_MAKE(&op_cross_entropy,
                   OP_ARGS([REDUCTION] = OP_I(o->reduction), [IGNORE] = OP_I(o->ignore ? o->ignore_index : -100),
                           [SMOOTHING] = OP_F(o->label_smoothing)),
                   x, target, o->weight);
}
