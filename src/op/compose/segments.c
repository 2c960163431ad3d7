/* segments.c: rows put together by the segment that each belongs to, and messages along the edges of graphs: rows of sources, times a
 * weight, put together at the targets (Gilmer et al. 2017). Segments stand in any order, as index_add and scatter_max take them. */
#include "op/compose/compose.h"

#include <math.h>

/* ---- segments ---------------------------------------------------------------------------------------------------- */

static bool takes(tn_tensor *x, tn_tensor *index, bool floats, const char *builder)
{
    if (op_unusable(x) || op_unusable(index))
        return false;
    const char *wrong = x->type.rank < 1                                 ? "x needs an axis of rows"
                        : index->type.rank != 1                          ? "index needs one axis, a number for each row"
                        : !(OP_BIT(index->type.dtype) & OP_INDEX)        ? "index must be i64 or i32"
                        : floats && !(OP_BIT(x->type.dtype) & OP_FLOATS) ? "x must be of floats"
                                                                         : NULL;
    if (wrong)
        graph_fail(x->graph, TN_SHAPE, "%s of '%s': %s; x has %d axes, index %d", builder, tn_tensor_name(x), wrong,
                   x->type.rank, index->type.rank);
    return !wrong;
}

/* The shape of x with so many rows. */
static tn_shape with_rows(tn_tensor *x, tn_dim rows)
{
    tn_shape s = tn_tensor_shape(x);
    s.dims[0] = rows;
    return s;
}

/* v[rows] so shaped that it is broadcast along the rows of a tensor of this rank. */
static tn_tensor *along_rows(tn_tensor *v, int rank)
{
    tn_shape s = {.rank = rank, .dims = {v->type.dims[0]}};
    for (int i = 1; i < rank; i++)
        s.dims[i] = 1;
    return tn_reshape(v, s);
}

/* How many rows each segment has, along the rows of a tensor of this rank. Counted in i32, as half floats cannot. */
static tn_tensor *counts(tn_tensor *index, tn_dim segments, int rank)
{
    tn_tensor *none = tn_full(index->graph, TN_I32, TN_SHAPE(segments), 0);
    return along_rows(tn_index_add(none, 0, index, op_full_like(index, TN_I32, 1)), rank);
}

tn_tensor *tn_segment_sum(tn_tensor *x, tn_tensor *index, tn_dim segments)
{
    if (!takes(x, index, false, "segment_sum"))
        return op_failure_of(x, index);
    return tn_index_add(tn_full(x->graph, x->type.dtype, with_rows(x, segments), 0), 0, index, x);
}

tn_tensor *tn_segment_mean(tn_tensor *x, tn_tensor *index, tn_dim segments)
{
    if (!takes(x, index, true, "segment_mean"))
        return op_failure_of(x, index);
    tn_tensor *n = counts(index, segments, x->type.rank);
    n = op_cast_to(tn_maximum(n, op_like_scalar(n, 1)), x->type.dtype);
    return tn_div(tn_segment_sum(x, index, segments), n);
}

/* Rows of floats put together in one pass, sorted by segment before: mode as of spmm. A segment without rows is 0. */
static tn_tensor *by_order(tn_tensor *x, tn_tensor *index, tn_dim segments, int mode)
{
    const op_csr sorted = op_csr_order_of(index, segments);
    if (graph_poisoned(sorted.indptr))
        return sorted.indptr;
    return op_spmm_of(x, &(op_sparse){.indptr = sorted.indptr, .order = sorted.order, .rows = index}, mode);
}

/* Integers, place by place. */
static tn_tensor *extreme_number(tn_tensor *x, tn_tensor *index, tn_dim segments, bool largest)
{
    tn_tensor *start = tn_full(x->graph, x->type.dtype, with_rows(x, segments), largest ? -INFINITY : INFINITY);
    tn_tensor *places = tn_expand(along_rows(index, x->type.rank), tn_tensor_shape(x));
    tn_tensor *y = (largest ? tn_scatter_max : tn_scatter_min)(start, 0, places, x);
    tn_tensor *n = counts(index, segments, x->type.rank);
    return tn_where(tn_gt(n, op_like_scalar(n, 0)), y, op_like_scalar(x, 0));
}

static tn_tensor *extreme_or_zero(tn_tensor *x, tn_tensor *index, tn_dim segments, bool largest)
{
    if (!takes(x, index, false, largest ? "segment_max" : "segment_min"))
        return op_failure_of(x, index);
    return tn_dtype_is_float(x->type.dtype) ? by_order(x, index, segments, largest ? 1 : 2)
                                            : extreme_number(x, index, segments, largest);
}

tn_tensor *tn_segment_max(tn_tensor *x, tn_tensor *index, tn_dim segments)
{
    return extreme_or_zero(x, index, segments, true);
}

tn_tensor *tn_segment_min(tn_tensor *x, tn_tensor *index, tn_dim segments)
{
    return extreme_or_zero(x, index, segments, false);
}

tn_tensor *tn_segment_softmax(tn_tensor *x, tn_tensor *index, tn_dim segments)
{
    if (!takes(x, index, true, "segment_softmax"))
        return op_failure_of(x, index);
    tn_tensor *most = by_order(tn_detach(x), index, segments, 1);
    tn_tensor *e = tn_exp(tn_sub(x, tn_index_select(most, 0, index)));
    return tn_div(e, tn_index_select(by_order(e, index, segments, 0), 0, index));
}

tn_tensor *tn_segment_reduce(tn_tensor *x, tn_tensor *index, tn_dim segments, tn_aggregate how)
{
    switch (how) {
    case TN_AGGREGATE_SUM: return tn_segment_sum(x, index, segments);
    case TN_AGGREGATE_MEAN: return tn_segment_mean(x, index, segments);
    case TN_AGGREGATE_MAX: return tn_segment_max(x, index, segments);
    case TN_AGGREGATE_MIN: return tn_segment_min(x, index, segments);
    }
    return op_unusable(x) ? x : OP_REFUSE(x, TN_INVALID, "segment_reduce: %d is no tn_aggregate", (int)how);
}

/* ---- edges ------------------------------------------------------------------------------------------------------- */

/* The builder's values are there, and each has one axis. */
static bool lines(tn_tensor *x, int n, tn_tensor *const *v, const char *const *names, const char *builder)
{
    for (int i = 0; i < n; i++) {
        if (op_unusable(v[i]))
            return false;
        if (v[i]->type.rank == 1)
            continue;
        graph_fail(x->graph, TN_SHAPE, "%s of '%s': %s needs one axis; it has %d", builder, tn_tensor_name(x), names[i],
                   v[i]->type.rank);
        return false;
    }
    return true;
}

/* The edges as a sparse matrix, those to a target behind one another in `order` (NULL: they stand so). */
static op_sparse matrix_of(const tn_edges *edges, tn_dim targets)
{
    op_sparse a = {edges->indptr, edges->source, NULL, edges->weight, edges->target};
    if (!a.indptr) {
        const op_csr order = op_csr_order_of(edges->target, targets);
        a.indptr = order.indptr;
        a.order = order.order;
    }
    return a;
}

/* The elements of each row, at least 1, along the rows of a tensor of this rank. */
static tn_tensor *row_counts(tn_tensor *indptr, int rank)
{
    dim_table *t = indptr->graph->dims;
    tn_dim last = indptr->type.dims[0];
    tn_tensor *n = tn_sub(tn_slice(indptr, 0, 1, last), tn_slice(indptr, 0, 0, dim_sub(t, last, 1)));
    return along_rows(tn_maximum(n, op_like_scalar(n, 1)), rank);
}

static tn_tensor *product(tn_tensor *x, const op_sparse *a, tn_aggregate how)
{
    tn_tensor *y = op_spmm_of(x, a, how == TN_AGGREGATE_MAX ? 1 : how == TN_AGGREGATE_MIN ? 2 : 0);
    if (how != TN_AGGREGATE_MEAN || op_unusable(y))
        return y;
    return tn_div(y, op_cast_to(row_counts(a->indptr, x->type.rank), x->type.dtype));
}

tn_tensor *op_propagate(tn_tensor *x, const tn_edges *edges, tn_dim targets, tn_aggregate how)
{
    dim_table *t = x->graph->dims;
    const op_sparse a = matrix_of(edges, targets);
    if (edges->indptr && !op_unusable(a.indptr) &&
        !dim_same(t, a.indptr->type.dims[0], dim_add(t, targets, 1), "propagate"))
        return OP_REFUSE(x, TN_SHAPE, "propagate of '%s': edges.indptr needs one number more than there are targets",
                         tn_tensor_name(x));
    return op_unusable(a.indptr) ? op_failure_of(x, a.indptr) : product(x, &a, how);
}

tn_tensor *tn_propagate(tn_tensor *x, const tn_edges *edges, tn_dim targets, tn_aggregate how)
{
    static const char *const names[] = {"edges.source", "edges.target", "edges.weight"};
    tn_tensor *const parts[] = {edges->source, edges->target, edges->weight};
    if (op_unusable(x) || !lines(x, edges->weight ? 3 : 2, parts, names, "propagate"))
        return op_failure_of(x, edges->source);
    if (tn_dtype_is_float(x->type.dtype) && how >= TN_AGGREGATE_SUM && how <= TN_AGGREGATE_MIN)
        return op_propagate(x, edges, targets, how);
    tn_tensor *message = tn_index_select(x, 0, edges->source);
    if (edges->weight)
        message = tn_mul(message, along_rows(edges->weight, x->type.rank));
    return tn_segment_reduce(message, edges->target, targets, how);
}

tn_edges tn_csr_edges(tn_tensor *indptr, tn_tensor *indices, tn_tensor *values)
{
    static const char *const names[] = {"indptr", "indices", "values"};
    tn_tensor *const parts[] = {indptr, indices, values};
    tn_edges e = {.source = indices, .target = indptr, .weight = values, .indptr = indptr};
    if (op_unusable(indptr) || !lines(indptr, values ? 3 : 2, parts, names, "csr_edges"))
        return e;
    e.target = op_csr_rows(indptr, indices->type.dims[0]);
    return e;
}

tn_edges tn_sort_edges(const tn_edges *edges, tn_dim targets, tn_tensor **order)
{
    static const char *const names[] = {"edges.source", "edges.target", "edges.weight"};
    tn_edges e = *edges;
    tn_tensor *const parts[] = {e.source, e.target, e.weight};
    if (order)
        *order = e.target;
    if (op_unusable(e.target) || !lines(e.target, e.weight ? 3 : 2, parts, names, "sort_edges"))
        return e;
    const op_csr sorted = op_csr_order_of(e.target, targets);
    tn_tensor **part[] = {&e.source, &e.target, &e.weight, &e.features};
    for (int i = 0; i < 4; i++)
        *part[i] = *part[i] ? tn_index_select(*part[i], 0, sorted.order) : NULL;
    e.indptr = sorted.indptr;
    if (order)
        *order = sorted.order;
    return e;
}

tn_tensor *tn_spmm(tn_tensor *indptr, tn_tensor *indices, tn_tensor *values, tn_tensor *x, tn_aggregate how)
{
    if (op_unusable(x) || op_unusable(indptr) || op_unusable(indices) || (values && op_unusable(values)))
        return op_failure_of(x, indptr);
    if (how < TN_AGGREGATE_SUM || how > TN_AGGREGATE_MIN)
        return OP_REFUSE(x, TN_INVALID, "spmm of '%s': %d is no tn_aggregate", tn_tensor_name(x), (int)how);
    return product(x, &(op_sparse){.indptr = indptr, .indices = indices, .weight = values}, how);
}

/* The weight of a node's own edge: that of the last one there is, else 1. */
static tn_tensor *loop_weights(const tn_edges *e, tn_tensor *loop, tn_tensor *weight, tn_dim nodes)
{
    dim_table *t = weight->graph->dims;
    tn_dim more = dim_add(t, nodes, 1); /* one place for edges that are no loops */
    tn_tensor *away = tn_cast(tn_size_value(weight->graph, nodes), e->target->type.dtype);
    tn_tensor *ones = tn_full(weight->graph, weight->type.dtype, TN_SHAPE(more), 1);
    return tn_slice(tn_scatter(ones, 0, tn_where(loop, e->target, away), weight), 0, 0, nodes);
}

tn_edges op_with_loops(const tn_edges *edges, tn_dim nodes, tn_tensor **loop)
{
    tn_edges e = *edges;
    e.indptr = NULL;
    tn_tensor **end[] = {&e.source, &e.target};
    *loop = tn_eq(e.source, e.target);
    for (int i = 0; i < 2; i++) {
        tn_tensor *node = tn_arange((*end[i])->graph, (*end[i])->type.dtype, 0, 1, nodes);
        *end[i] = tn_concat(2, (tn_tensor *const[]){*end[i], node}, 0);
    }
    return e;
}

tn_edges tn_gcn_norm(const tn_edges *edges, tn_dim nodes, tn_dtype dtype, bool no_self_loops)
{
    static const char *const names[] = {"edges.source", "edges.target", "edges.weight"};
    tn_edges e = *edges;
    tn_tensor *const parts[] = {e.source, e.target, e.weight};
    if (op_unusable(e.source) || !lines(e.source, e.weight ? 3 : 2, parts, names, "gcn_norm"))
        return e;
    if (!e.weight)
        e.weight = op_full_like(e.source, dtype, 1);
    if (!no_self_loops) {
        tn_tensor *loop, *weight = e.weight;
        e = op_with_loops(&e, nodes, &loop);
        tn_tensor *own = loop_weights(edges, loop, weight, nodes);
        e.weight = tn_concat(2, (tn_tensor *const[]){tn_masked_fill(weight, loop, 0), own}, 0);
    }
    tn_tensor *degree = tn_segment_sum(e.weight, e.target, nodes), *zero = op_like_scalar(degree, 0);
    tn_tensor *some = tn_ne(degree, zero), *one = op_like_scalar(degree, 1);
    tn_tensor *scale = tn_where(some, tn_rsqrt(tn_where(some, degree, one)), zero);
    e.weight = tn_mul(tn_mul(tn_index_select(scale, 0, e.source), e.weight), tn_index_select(scale, 0, e.target));
    return e;
}
