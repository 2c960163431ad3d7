/* order.c: medians and quantiles, by sorting. */
#include "op/compose/compose.h"

#include <math.h>

/* 1 where the axis has a NaN, of size 1 there: NaN is sorted behind all numbers. */
static tn_tensor *has_nan(tn_tensor *sorted, int at)
{
    return tn_isnan(
        tn_slice(sorted, at, dim_add(sorted->graph->dims, sorted->type.dims[at], -1), sorted->type.dims[at]));
}

/* An axis that elements can be taken from, or -1 and a sentence. */
static int axis_with_elements(tn_tensor *x, int axis, const char *builder)
{
    int at = op_axis_of(x, axis, builder);
    if (at < 0 || x->type.dims[at] != 0)
        return at;
    (void)OP_REFUSE(x, TN_SHAPE, "%s of '%s': axis %d is empty and has no such element", builder, tn_tensor_name(x),
                    at);
    return -1;
}

static tn_tensor *squeezed(tn_tensor *y, int at, bool keepdim)
{
    return keepdim ? y : tn_squeeze(y, at);
}

tn_sorted tn_median(tn_tensor *x, int axis, bool keepdim)
{
    tn_sorted r = {x, x};
    if (op_unusable(x))
        return r;
    int at = axis_with_elements(x, axis, "median");
    if (at < 0)
        return (tn_sorted){&x->graph->poison, &x->graph->poison};
    dim_table *t = x->graph->dims;
    tn_dim middle = tn_dim_div(x->graph, dim_add(t, x->type.dims[at], -1), 2);
    tn_sorted all = tn_sort(x, at, false);
    r.index = tn_slice(all.index, at, middle, dim_add(t, middle, 1));
    if (OP_BIT(x->type.dtype) & OP_FLOATS) /* the first NaN is the largest element */
        r.index = tn_where(has_nan(all.values, at), tn_argmax(x, at, true), r.index);
    r.values = squeezed(tn_gather(x, at, r.index), at, keepdim);
    r.index = squeezed(r.index, at, keepdim);
    return r;
}

/* Places are counted in the graph, as the size of the axis may be known at the run only. */
tn_tensor *tn_quantile(tn_tensor *x, double q, int axis, bool keepdim, tn_quantile_by how)
{
    if (op_unusable(x))
        return x;
    int at = axis_with_elements(x, axis, "quantile");
    if (at < 0)
        return &x->graph->poison;
    if (!(q >= 0 && q <= 1) || (int)how < 0 || how > TN_QUANTILE_NEAREST)
        return OP_REFUSE(x, TN_INVALID,
                         "quantile of '%s': q is %g and how is %d; they must be from 0 to 1 and one of "
                         "tn_quantile_by",
                         tn_tensor_name(x), q, (int)how);
    tn_tensor *n = tn_cast(tn_size_value(x->graph, x->type.dims[at]), TN_F64), *sorted = tn_sort(x, at, false).values;
    tn_tensor *place = tn_mul_f(tn_sub_f(n, 1), q), *part = NULL;
    tn_tensor *low = tn_floor(how == TN_QUANTILE_NEAREST ? tn_round(place) : place), *high = tn_ceil(place);
    tn_shape one = tn_tensor_shape(x);
    one.dims[at] = 1;
    low = how == TN_QUANTILE_HIGHER ? high : low;
    tn_tensor *y = tn_gather(sorted, at, tn_expand(tn_cast(low, TN_I64), one));
    if (how == TN_QUANTILE_LINEAR)
        part = tn_cast(tn_sub(place, low), x->type.dtype);
    else if (how == TN_QUANTILE_MIDPOINT)
        part = tn_where(tn_lt(low, high), op_like_scalar(x, 0.5), op_like_scalar(x, 0));
    if (part)
        y = tn_lerp(y, tn_gather(sorted, at, tn_expand(tn_cast(high, TN_I64), one)), part);
    return squeezed(tn_where(has_nan(sorted, at), op_like_scalar(x, (double)NAN), y), at, keepdim);
}
