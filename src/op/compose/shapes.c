/* shapes.c: builders that cut, join, repeat and move axes. */
#include "op/compose/compose.h"

int op_axis_of(tn_tensor *x, int axis, const char *builder)
{
    int rank = x->type.rank, at = axis < 0 ? axis + rank : axis;
    if (at >= 0 && at < rank)
        return at;
    graph_fail(x->graph, TN_SHAPE, "%s of '%s': axis %d of a %d-d tensor", builder, tn_tensor_name(x), axis, rank);
    return -1;
}

/* ---- cutting and joining ----------------------------------------------------------------------------------------- */

tn_status tn_split(tn_tensor *x, int axis, int n, const tn_dim *sizes, tn_tensor **parts)
{
    for (int i = 0; i < n; i++)
        parts[i] = x;
    if (op_unusable(x))
        return x ? tn_graph_status(x->graph) : TN_INVALID;
    int at = op_axis_of(x, axis, "split");
    dim_table *t = x->graph->dims;
    tn_dim from = 0, each = at >= 0 && n > 0 ? dim_div(t, x->type.dims[at], n) : 0;
    for (int i = 0; i < n && at >= 0; i++) {
        tn_dim to = dim_add(t, from, sizes ? sizes[i] : each);
        parts[i] = tn_slice(x, at, from, to);
        from = to;
    }
    if (at >= 0 && !dim_same(t, from, x->type.dims[at], "split"))
        graph_fail(x->graph, TN_SHAPE,
                   "split of '%s': %d parts of %lld elements in all do not make up axis %d of size %lld",
                   tn_tensor_name(x), n, (long long)from, at, (long long)x->type.dims[at]);
    return tn_graph_status(x->graph);
}

tn_tensor *tn_stack(int n, tn_tensor *const x[], int axis)
{
    tn_tensor *with[n > 0 ? n : 1];
    for (int i = 0; i < n; i++)
        with[i] = tn_unsqueeze(x[i], axis);
    return tn_concat(n, with, n > 0 && !op_unusable(x[0]) && axis < 0 ? axis + x[0]->type.rank + 1 : axis);
}

/* ---- repeating --------------------------------------------------------------------------------------------------- */

/* x's axis `at` of size n as n * times: the whole of it again and again, or (inner) each element. */
static tn_tensor *repeat(tn_tensor *x, int at, int64_t times, bool inner)
{
    if (op_unusable(x) || times == 1)
        return x;
    if (x->type.rank == TN_MAX_RANK)
        return OP_REFUSE(x, TN_SHAPE, "'%s' has too many axes to be repeated: at most %d", tn_tensor_name(x),
                         TN_MAX_RANK - 1);
    tn_tensor *with = tn_unsqueeze(x, inner ? at + 1 : at);
    tn_shape wide = tn_tensor_shape(with), flat = tn_tensor_shape(x);
    wide.dims[inner ? at + 1 : at] = times;
    flat.dims[at] = dim_mul(x->graph->dims, flat.dims[at], times);
    return tn_reshape(tn_expand(with, wide), flat);
}

tn_tensor *tn_tile(tn_tensor *x, int n, const int64_t *times)
{
    if (op_unusable(x))
        return x;
    while (x->type.rank < n && !op_unusable(x))
        x = tn_unsqueeze(x, 0);
    int lead = op_unusable(x) ? 0 : x->type.rank - n;
    for (int i = 0; i < n && !op_unusable(x); i++) {
        if (times[i] < 0)
            return OP_REFUSE(x, TN_INVALID, "tile of '%s': axis %d cannot be repeated %lld times", tn_tensor_name(x),
                             lead + i, (long long)times[i]);
        x = repeat(x, lead + i, times[i], false);
    }
    return x;
}

tn_tensor *tn_repeat_interleave(tn_tensor *x, int axis, int64_t times)
{
    if (op_unusable(x))
        return x;
    int at = op_axis_of(x, axis, "repeat_interleave");
    if (times < 0)
        return OP_REFUSE(x, TN_INVALID, "repeat_interleave of '%s': nothing can be repeated %lld times",
                         tn_tensor_name(x), (long long)times);
    return at < 0 ? &x->graph->poison : repeat(x, at, times, true);
}

/* ---- moving ------------------------------------------------------------------------------------------------------ */

tn_tensor *tn_roll(tn_tensor *x, int axis, int64_t by)
{
    if (op_unusable(x))
        return x;
    int at = op_axis_of(x, axis, "roll");
    if (at < 0)
        return &x->graph->poison;
    tn_dim size = x->type.dims[at];
    if (by < -OP_FAR || by > OP_FAR)
        return OP_REFUSE(x, TN_INVALID, "roll of '%s': %lld places are too many", tn_tensor_name(x), (long long)by);
    if (dim_literal(size))
        by = size ? (by % size + size) % size : 0;
    if (by == 0)
        return x;
    tn_dim cut = by > 0 ? dim_sub(x->graph->dims, size, by) : -by;
    tn_tensor *parts[] = {tn_slice(x, at, cut, TN_INFER), tn_slice(x, at, 0, cut)};
    return tn_concat(2, parts, at);
}

tn_tensor *tn_move_axis(tn_tensor *x, int from, int to)
{
    int64_t order[TN_MAX_RANK];
    if (op_unusable(x))
        return x;
    int a = op_axis_of(x, from, "move_axis"), b = a < 0 ? -1 : op_axis_of(x, to, "move_axis"), n = 0;
    if (b < 0)
        return &x->graph->poison;
    for (int i = 0; i < x->type.rank; i++) {
        n += n == a; /* the axis that moves is left out */
        order[i] = i == b ? a : n++;
    }
    return tn_permute(x, x->type.rank, order);
}

tn_status tn_meshgrid(int n, tn_tensor *const x[], tn_tensor **grids)
{
    tn_shape all = {.rank = n};
    for (int i = 0; i < n; i++) {
        grids[i] = x[i];
        if (op_unusable(x[i]))
            return x[i] ? tn_graph_status(x[i]->graph) : TN_INVALID;
        if (x[i]->type.rank != 1 || n > TN_MAX_RANK) {
            grids[i] = OP_REFUSE(x[i], TN_SHAPE, "meshgrid takes up to %d tensors of one axis; input %d has %d",
                                 TN_MAX_RANK, i, x[i]->type.rank);
            return TN_SHAPE;
        }
        all.dims[i] = x[i]->type.dims[0];
    }
    for (int i = 0; i < n; i++) {
        tn_shape own = {.rank = n};
        for (int k = 0; k < n; k++)
            own.dims[k] = k == i ? all.dims[i] : 1;
        grids[i] = tn_expand(tn_reshape(x[i], own), all);
    }
    return n ? tn_graph_status(x[0]->graph) : TN_OK;
}

/* Where a size is a symbol, as many zeros are put behind as there may have to be, and cut off again. */
tn_tensor *tn_fit_axis(tn_tensor *x, int axis, tn_dim size)
{
    if (op_unusable(x))
        return x;
    int at = op_axis_of(x, axis, "fit_axis");
    if (at < 0)
        return &x->graph->poison;
    tn_shape more = tn_tensor_shape(x);
    tn_dim has = more.dims[at];
    if (size == has)
        return x;
    if (size == TN_INFER)
        return OP_REFUSE(x, TN_SHAPE, "fit_axis of '%s': the size of axis %d is not given", tn_tensor_name(x), at);
    bool known = dim_literal(size) && dim_literal(has);
    if (known && size < has)
        return tn_slice(x, at, 0, size);
    more.dims[at] = known ? size - has : size;
    x = tn_concat(2, (tn_tensor *const[]){x, tn_full(x->graph, x->type.dtype, more, 0)}, at);
    return known ? x : tn_slice(x, at, 0, size);
}

/* ---- borders ----------------------------------------------------------------------------------------------------- */

/* What stands before (or behind) axis `at` of x, `n` elements. */
static tn_tensor *border(tn_tensor *x, int at, int64_t n, bool behind, tn_border how)
{
    dim_table *t = x->graph->dims;
    int64_t axes[1] = {at};
    tn_dim size = x->type.dims[at], last = dim_sub(t, size, 1);
    if (how == TN_BORDER_CIRCULAR)
        return behind ? tn_slice(x, at, 0, n) : tn_slice(x, at, dim_sub(t, size, n), TN_INFER);
    if (how == TN_BORDER_REFLECT)
        return tn_flip(behind ? tn_slice(x, at, dim_sub(t, last, n), last) : tn_slice(x, at, 1, n + 1), 1, axes);
    tn_shape wide = tn_tensor_shape(x);
    wide.dims[at] = n;
    return tn_expand(behind ? tn_slice(x, at, last, TN_INFER) : tn_slice(x, at, 0, 1), wide);
}

tn_tensor *tn_pad_border(tn_tensor *x, const int64_t *low, const int64_t *high, tn_border how)
{
    for (int i = 0; !op_unusable(x) && i < x->type.rank; i++) {
        tn_dim size = x->type.dims[i];
        int64_t most = low[i] > high[i] ? low[i] : high[i], least = low[i] < high[i] ? low[i] : high[i], n = 0;
        int64_t limit = how == TN_BORDER_REPLICATE ? (size > 0 ? INT64_MAX : 0)
                        : how == TN_BORDER_REFLECT ? size - 1
                                                   : size;
        if (least < 0 || (most > 0 && dim_literal(size) && most > limit))
            return OP_REFUSE(
                x, TN_SHAPE,
                "pad_border of '%s': a border of %lld and %lld elements cannot be made of axis %d of size %lld",
                tn_tensor_name(x), (long long)low[i], (long long)high[i], i, (long long)size);
        tn_tensor *parts[3];
        if (low[i])
            parts[n++] = border(x, i, low[i], false, how);
        parts[n++] = x;
        if (high[i])
            parts[n++] = border(x, i, high[i], true, how);
        x = n > 1 ? tn_concat((int)n, parts, i) : x;
    }
    return x;
}
