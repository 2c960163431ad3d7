/* fill.c: builders of tensors with a pattern, and of masks. */
#include "op/compose/compose.h"

/* ---- patterns ---------------------------------------------------------------------------------------------------- */

tn_tensor *tn_full(tn_graph *g, tn_dtype dtype, tn_shape shape, double value)
{
    tn_tensor *one = tn_scalar(g, dtype, value);
    return shape.rank == 0 ? one : tn_expand(one, shape);
}

tn_tensor *tn_linspace(tn_graph *g, tn_dtype dtype, double start, double end, int64_t n)
{
    return tn_arange(g, dtype, start, n > 1 ? (end - start) / (double)(n - 1) : 0, n);
}

/* Row less column of a matrix of this shape: [rows, 1] and [cols], to be compared. */
static void places(tn_graph *g, tn_dim rows, tn_dim cols, tn_tensor **row, tn_tensor **column)
{
    *row = tn_unsqueeze(tn_arange(g, TN_I64, 0, 1, rows), -1);
    *column = tn_arange(g, TN_I64, 0, 1, cols);
}

tn_tensor *tn_eye(tn_graph *g, tn_dtype dtype, tn_dim rows, tn_dim cols)
{
    tn_tensor *row, *column;
    places(g, rows, cols, &row, &column);
    return op_cast_to(tn_eq(row, column), dtype);
}

tn_tensor *tn_one_hot(tn_tensor *index, tn_dim classes, tn_dtype dtype)
{
    if (op_unusable(index))
        return index;
    tn_tensor *class = tn_arange(index->graph, index->type.dtype, 0, 1, classes);
    return op_cast_to(tn_eq(tn_unsqueeze(index, -1), class), dtype);
}

/* ---- triangles and diagonals --------------------------------------------------------------------------------------- */

static tn_tensor *triangle(tn_tensor *x, int64_t diagonal, bool lower)
{
    if (op_unusable(x))
        return x;
    if (x->type.rank < 2)
        return OP_REFUSE(x, TN_SHAPE, "a triangle of '%s' needs two axes; it has %d", tn_tensor_name(x), x->type.rank);
    tn_tensor *row, *column;
    places(x->graph, tn_dim_of(x, -2), tn_dim_of(x, -1), &row, &column);
    row = tn_add_f(row, (double)diagonal);
    return tn_where(lower ? tn_ge(row, column) : tn_le(row, column), x, op_like_scalar(x, 0));
}

tn_tensor *tn_tril(tn_tensor *x, int64_t diagonal)
{
    return triangle(x, diagonal, true);
}

tn_tensor *tn_triu(tn_tensor *x, int64_t diagonal)
{
    return triangle(x, diagonal, false);
}

tn_tensor *tn_diag(tn_tensor *x, int64_t offset)
{
    if (op_unusable(x))
        return x;
    if (x->type.rank == 2)
        return tn_diagonal(x, offset, 0, 1);
    if (offset < -OP_FAR || offset > OP_FAR)
        return OP_REFUSE(x, TN_INVALID, "diag of '%s': there is no diagonal %lld", tn_tensor_name(x),
                         (long long)offset);
    if (x->type.rank != 1)
        return OP_REFUSE(x, TN_SHAPE, "diag of '%s' takes a vector or a matrix; it has %d axes", tn_tensor_name(x),
                         x->type.rank);
    /* element k goes to row k + down: the vector moved down, and all off the diagonal left out */
    int64_t down = offset < 0 ? -offset : 0, low[1] = {down}, high[1] = {offset > 0 ? offset : 0};
    tn_tensor *row, *column, *moved = tn_unsqueeze(tn_pad(x, low, high, 0), -1);
    tn_dim size = dim_add(x->graph->dims, x->type.dims[0], low[0] + high[0]);
    places(x->graph, size, size, &row, &column);
    return tn_where(tn_eq(tn_add_f(row, (double)offset), column), moved, op_like_scalar(x, 0));
}

/* ---- masks and indices ------------------------------------------------------------------------------------------- */

tn_tensor *tn_masked_fill(tn_tensor *x, tn_tensor *mask, double value)
{
    return op_unusable(x) ? x : tn_where(mask, op_like_scalar(x, value), x);
}

tn_found tn_masked_select(tn_tensor *x, tn_tensor *mask, tn_dim bound)
{
    if (op_unusable(x) || op_unusable(mask))
        return (tn_found){op_unusable(x) ? x : mask, op_unusable(x) ? x : mask};
    int64_t none[1] = {0}, one[1] = {1};
    tn_tensor *flat = tn_flatten(x, 0), *all = tn_expand(mask, tn_tensor_shape(x));
    tn_found place = tn_nonzero(tn_flatten(all, 0), bound);
    tn_tensor *at = tn_squeeze(place.values, 1);
    /* places that are not used point to a 0 behind the last element */
    tn_tensor *end = tn_size_value(x->graph, graph_count(x->graph->dims, &x->type));
    at = tn_where(tn_lt(at, op_like_scalar(at, 0)), end, at);
    return (tn_found){tn_index_select(tn_pad(flat, none, one, 0), 0, at), place.count};
}

tn_tensor *tn_take_along(tn_tensor *x, int axis, tn_tensor *index)
{
    if (op_unusable(x) || op_unusable(index))
        return op_unusable(x) ? x : index;
    int at = op_axis_of(x, axis, "take_along");
    tn_shape from = tn_tensor_shape(x), to = tn_tensor_shape(index);
    if (at < 0)
        return &x->graph->poison;
    if (to.rank != from.rank)
        return OP_REFUSE(x, TN_SHAPE, "take_along of '%s': index has %d axes; it needs %d", tn_tensor_name(x), to.rank,
                         from.rank);
    for (int i = 0; i < from.rank; i++) {
        if (i == at)
            continue;
        to.dims[i] = to.dims[i] == 1 ? from.dims[i] : to.dims[i];
        from.dims[i] = from.dims[i] == 1 ? to.dims[i] : from.dims[i];
    }
    return tn_gather(tn_expand(x, from), at, tn_expand(index, to));
}

tn_tensor *tn_scatter_mean(tn_tensor *x, int axis, tn_tensor *index, tn_tensor *source, bool include_self)
{
    if (op_unusable(x) || op_unusable(index) || op_unusable(source))
        return op_unusable(x) ? x : op_unusable(index) ? index : source;
    tn_tensor *none = op_full_like(x, TN_NONE, 0), *zero = op_like_scalar(x, 0);
    tn_tensor *count = tn_scatter_add(none, axis, index, op_full_like(source, TN_NONE, 1));
    tn_tensor *own = include_self ? x : tn_where(tn_gt(count, zero), zero, x);
    count = include_self ? tn_add_f(count, 1) : tn_maximum(count, op_like_scalar(x, 1));
    return tn_div(tn_scatter_add(own, axis, index, source), count);
}
