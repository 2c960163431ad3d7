/* loss.c: see loss.h. */
#include "op/scheme/loss.h"

#include <math.h>

const char *const op_reductions[] = {"mean", "sum", "none", NULL};

tn_status op_infer_loss(const op_infer *c, int reduction, const graph_type *each)
{
    c->out[0].rank = 0;
    return c->arg[reduction].i == OP_REDUCE_NONE ? op_like(c, 0, each) : TN_OK;
}

tn_status op_want_weight(const op_infer *c, int weight, const graph_type *x)
{
    const graph_type *w = c->in[weight];
    int lead = w ? x->rank - w->rank : 0;
    bool fits = lead >= 0;
    for (int i = 0; w && fits && i < w->rank; i++)
        fits = w->dims[i] == 1 || dim_same(c->dims, x->dims[lead + i], w->dims[i], c->def->name);
    return fits ? TN_OK
                : op_fail(c, TN_SHAPE, "'%s' cannot be broadcast to the shape of '%s'", c->def->in[weight].name,
                          c->def->in[0].name);
}

tn_tensor *op_reduce_loss(tn_tensor *each, int64_t reduction)
{
    return reduction == OP_REDUCE_NONE ? each : reduction == OP_REDUCE_SUM ? tn_sum(each) : tn_mean(each);
}

tn_tensor *op_loss_share(tn_tensor *dloss, tn_tensor *each, int64_t reduction)
{
    return reduction == OP_REDUCE_MEAN ? tn_div(dloss, op_count_value(each, -1, dloss->type.dtype)) : dloss;
}

void op_ref_loss(const op_ref *c, int reduction, op_loss_fn f)
{
    op_ref_losses(c, reduction, c->in[0]->count, f);
}

int64_t op_outer(const op_array *x, int from)
{
    int64_t n = 1;
    for (int k = 0; k < from; k++)
        n *= x->dims[k];
    return n;
}

void op_ref_losses(const op_ref *c, int reduction, int64_t n, op_loss_fn f)
{
    op_array *y = c->out[0];
    int64_t how = c->arg[reduction].i;
    double share = how == OP_REDUCE_MEAN ? 1 / (double)n : 1;
    for (int64_t i = 0; i < n; i++) {
        double magnitude = 0, loss = f(c, i, &magnitude);
        int64_t at = how == OP_REDUCE_NONE ? i : 0;
        y->f[at] += loss * share;
        y->magnitude[at] += magnitude * share;
    }
    if (n == 0 && how == OP_REDUCE_MEAN)
        y->f[0] = (double)NAN;
}

/* ---- class indices ------------------------------------------------------------------------------------------------ */

tn_status op_class_check(const op_infer *c, const graph_type *x, const graph_type *target, const graph_type *weight)
{
    if (x->rank < 1)
        return op_fail(c, TN_SHAPE,
                       "a single number has no classes; x needs the shape [classes] or [batch, classes, ...]");
    int axis = op_class_axis(x->rank), other = 0;
    if (target->rank != x->rank - 1)
        return op_fail(c, TN_SHAPE, "target has %d axes; class numbers for x need %d, all of x's but the classes",
                       target->rank, x->rank - 1);
    for (int i = 0; i < x->rank; i++) {
        if (i == axis)
            continue;
        if (!dim_same(c->dims, x->dims[i], target->dims[other], c->def->name))
            return op_fail(c, TN_SHAPE, "target has size %lld where x has %lld", (long long)target->dims[other],
                           (long long)x->dims[i]);
        other++;
    }
    if (weight && weight->rank != 1)
        return op_fail(c, TN_SHAPE, "weight has %d axes; it needs one, a number for each class", weight->rank);
    return weight ? op_want_same(c, weight->dims[0], x->dims[axis], "the size of weight and the number of classes")
                  : TN_OK;
}

op_classes op_classes_of(tn_tensor *target, tn_tensor *weight, double ignore, tn_dtype dtype)
{
    op_classes k;
    k.valid = tn_ne(target, op_like_scalar(target, ignore));
    k.safe = tn_where(k.valid, target, op_like_scalar(target, 0));
    k.weight = op_cast_to(k.valid, dtype);
    if (weight) {
        tn_tensor *own = tn_reshape(tn_index_select(weight, 0, tn_flatten(k.safe, 0)), tn_tensor_shape(target));
        k.weight = tn_where(k.valid, own, op_like_scalar(own, 0));
    }
    return k;
}

tn_tensor *op_class_losses(tn_tensor *log_p, const op_classes *k)
{
    int axis = op_class_axis(log_p->type.rank);
    tn_tensor *own = tn_squeeze(tn_gather(log_p, axis, tn_unsqueeze(k->safe, axis)), axis);
    return tn_where(k->valid, tn_neg(tn_mul(own, k->weight)), op_like_scalar(own, 0));
}

tn_tensor *op_reduce_classes(tn_tensor *each, const op_classes *k, int64_t reduction)
{
    return reduction == OP_REDUCE_MEAN ? tn_div(tn_sum(each), tn_sum(k->weight)) : op_reduce_loss(each, reduction);
}

double op_ref_class_weight(const op_ref *c, const op_array *x, const op_array *target, const op_array *weight,
                           int64_t ignore, int64_t r)
{
    int64_t class = target->i[r];
    if (class == ignore)
        return 0;
    if (class < 0 || class >= x->dims[op_class_axis(x->rank)]) {
        op_ref_fault(c, "a target is not a class: its number is out of range");
        return 0;
    }
    return weight ? weight->f[class] : 1;
}

double op_ref_class_total(const op_ref *c, const op_array *x, const op_array *target, const op_array *weight,
                          int64_t ignore, int64_t reduction)
{
    double total = 0;
    for (int64_t r = 0; r < target->count; r++)
        total += op_ref_class_weight(c, x, target, weight, ignore, r);
    return reduction == OP_REDUCE_MEAN ? total : 1;
}
