/* cross_entropy_grad: the gradient of cross_entropy for x. With p = softmax(x), w the class weights, W their sum, t the target
 * and a what the row gets of dloss: dx_c = a * ((1 - s) * w_t * (p_c - [c = t]) + s / C * (W * p_c - w_c)); 0 where ignored. */
#include "op/internal.h"
#include "op/scheme/loss.h"

#include <math.h>

enum { REDUCTION, IGNORE, SMOOTHING }; /* as in cross_entropy.c */
enum { DLOSS, X, TARGET, WEIGHT };

static tn_status cross_entropy_grad_infer(const op_infer *c)
{
    BASE_TRY(op_class_check(c, c->in[X], c->in[TARGET], c->in[WEIGHT]));
    bool none = c->arg[REDUCTION].i == OP_REDUCE_NONE;
    if (none ? !graph_same_dims(c->dims, c->in[DLOSS], c->in[TARGET], "cross_entropy_grad") : c->in[DLOSS]->rank != 0)
        return op_fail(c, TN_SHAPE, "dloss must have the shape of the loss");
    return op_like(c, 0, c->in[X]);
}

/* dx before the target's own term is taken off, when labels are smoothed. */
static tn_tensor *smoothed(const op_lower *c, tn_tensor *p, tn_tensor *hit, tn_tensor *share)
{
    tn_tensor *weight = c->in[WEIGHT], *x = c->in[X];
    int axis = op_class_axis(x->type.rank);
    tn_tensor *n = op_count_value(x, (int64_t)1 << axis, x->type.dtype);
    tn_tensor *even = tn_div(tn_mul_f(share, c->node->arg[SMOOTHING].f), n);
    tn_tensor *all = tn_unsqueeze(tn_add(hit, tn_mul(even, weight ? tn_sum(weight) : n)), axis);
    tn_tensor *off = tn_unsqueeze(even, axis);
    if (weight)
        off = tn_mul(off, axis ? op_along_channels(weight, x->type.rank) : weight);
    return tn_sub(tn_mul(p, all), off);
}

static tn_status cross_entropy_grad_lower(const op_lower *c)
{
    tn_tensor *x = c->in[X], *dloss = c->in[DLOSS];
    int axis = op_class_axis(x->type.rank);
    double s = c->node->arg[SMOOTHING].f;
    op_classes k = op_classes_of(c->in[TARGET], c->in[WEIGHT], (double)c->node->arg[IGNORE].i, x->type.dtype);
    tn_tensor *p = tn_softmax(x, axis);
    tn_tensor *share = c->node->arg[REDUCTION].i == OP_REDUCE_MEAN ? tn_div(dloss, tn_sum(k.weight)) : dloss;
    share = tn_where(k.valid, share, op_like_scalar(share, 0));
    tn_tensor *hit = tn_mul(share, tn_mul_f(k.weight, 1 - s));
    tn_tensor *dx = s > 0 ? smoothed(c, p, hit, share) : tn_mul(p, tn_unsqueeze(hit, axis));
    dx = tn_where(tn_unsqueeze(k.valid, axis), dx, op_like_scalar(dx, 0)); /* a row that does not count may be NaN */
    c->out[0] = tn_scatter_add(dx, axis, tn_unsqueeze(k.safe, axis), tn_neg(tn_unsqueeze(hit, axis)));
    return TN_OK;
}

static void row_gradient(const op_ref *c, const op_row *row, int64_t r, double share)
{
    const op_array *x = c->in[X], *weight = c->in[WEIGHT];
    int64_t first = op_row_first(row, r), class = c->in[TARGET]->i[r];
    double most = op_row_max(x, row, first), sum = 0, all = 0, s = c->arg[SMOOTHING].f, n = (double)row->size;
    for (int64_t k = 0; k < row->size; k++) {
        sum += exp(x->f[first + k * row->stride] - most);
        all += weight ? weight->f[k] : 1;
    }
    for (int64_t k = 0; k < row->size; k++) {
        int64_t at = first + k * row->stride;
        double p = exp(x->f[at] - most) / sum, own = weight ? weight->f[class] : 1, w = weight ? weight->f[k] : 1;
        c->out[0]->f[at] = share * ((1 - s) * own * (p - (k == class)) + s / n * (all * p - w));
        c->out[0]->magnitude[at] = fabs(share) * (own * (p + (k == class)) + s / n * (all * p + w));
    }
}

static void cross_entropy_grad_ref(const op_ref *c)
{
    const op_array *x = c->in[X], *target = c->in[TARGET], *dloss = c->in[DLOSS];
    int64_t how = c->arg[REDUCTION].i, ignore = c->arg[IGNORE].i;
    op_row row = op_row_of(x, op_class_axis(x->rank));
    double total = op_ref_class_total(c, x, target, c->in[WEIGHT], ignore, how);
    for (int64_t r = 0; r < target->count; r++)
        if (target->i[r] != ignore && target->i[r] >= 0 && target->i[r] < row.size)
            row_gradient(c, &row, r, dloss->f[how == OP_REDUCE_NONE ? r : 0] / total);
}

static double cross_entropy_grad_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)arg, (void)out;
    return 6 * op_elements(in[X]);
}

const op_def op_cross_entropy_grad = {
    .name = "cross_entropy_grad",
    .doc = "The gradient of cross_entropy for x.",
    .in = {{"dloss", OP_FLOATS, 'T'},
           {"x", OP_FLOATS, 'T'},
           {"target", OP_INDEX},
           {"weight", OP_FLOATS, 'T', OP_OPTIONAL | OP_FIXED}},
    .out = {{"dx", 0, 'T'}},
    .arg = {[REDUCTION] = OP_ARG_REDUCTION,
            [IGNORE] = OP_ARG_INT("ignore_index", -100),
            [SMOOTHING] = OP_ARG_FLOAT_IN("label_smoothing", 0, 0, 1)},
    .flags = OP_FAULTS,
    .infer = cross_entropy_grad_infer,
    .lower = cross_entropy_grad_lower,
    .ref = cross_entropy_grad_ref,
    .flops = cross_entropy_grad_flops,
    .cases =
        (const char *const[]){
            "dloss=x[] x=x[4x3] target=i[4]:index=3", "dloss=x[] x=x[3] target=i[]:index=3 reduction=sum",
            "dloss=x[] x=x[5x3] target=i[5]:index=3 weight=x[3]:positive",
            "dloss=x[2x4] x=x[2x3x4] target=i[2x4]:index=3 weight=x[3]:positive reduction=none",
            "dloss=x[] x=x[9x3] target=i[9]:index=3 ignore_index=1",
            "dloss=x[] x=x[2x4x3x2] target=i[2x3x2]:index=4 ignore_index=0 reduction=sum",
            "dloss=x[] x=x[9x3] target=i[9]:index=3 weight=x[3]:positive label_smoothing=0.25 ignore_index=2",
            "dloss=x[] x=x[3] target=i[]:index=3 weight=x[3]:positive label_smoothing=0.25",
            "dloss=x[] x=x[5x3] target=i[5]:index=3 label_smoothing=0.1", "dloss=x[] x=x[70x10] target=i[70]:index=10",
            "dloss=x[] x=x[0x3] target=i[0]:index=3 reduction=sum", NULL},
    .bad = (const op_bad[]){{"dloss=x[4] x=x[4x3] target=i[4]:index=3", "dloss must have the shape of the loss"},
                            {"dloss=x[] x=x[4x3] target=i[4]:index=3 reduction=none",
                             "dloss must have the shape of the loss"},
                            {"dloss=x[] x=x[4x3] target=i[5]:index=3", "target has size 5 where x has 4"},
                            {0}},
    .fault = (const op_bad[]){{"dloss=x[] x=x[20x3] target=i[20]:index=9", "out of range"}, {0}},
    .tol = {[TN_F64] = OP_TOL(1e-12, 1e-300),
            [TN_F32] = OP_TOL(5e-6, 1e-7),
            [TN_F16] = OP_TOL(5e-3, 1e-4),
            [TN_BF16] = OP_TOL(4e-2, 1e-3)},
};

tn_tensor *op_cross_entropy_grad_of(tn_tensor *dloss, tn_tensor *x, tn_tensor *target, tn_tensor *weight,
                                    const op_value *arg)
{
    return OP_MAKE(&op_cross_entropy_grad,
                   OP_ARGS([REDUCTION] = {true, arg[REDUCTION]}, [IGNORE] = {true, arg[IGNORE]},
                           [SMOOTHING] = {true, arg[SMOOTHING]}),
                   dloss, x, target, weight);
}
