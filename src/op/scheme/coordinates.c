/* coordinates.c: see coordinates.h. */
#include "op/scheme/coordinates.h"

enum { X, INDEX };

tn_status op_coordinates_check(const op_infer *c, int64_t batch, graph_type *out)
{
    const graph_type *x = c->in[X], *index = c->in[INDEX];
    if (batch >= index->rank || batch >= x->rank)
        return op_fail(c, TN_SHAPE, "x has %d axes and index %d; both need more than the %lld of the batch", x->rank,
                       index->rank, (long long)batch);
    tn_dim k = index->dims[index->rank - 1];
    if (!dim_literal(k) || k < 1 || k > x->rank - batch)
        return op_fail(c, TN_SHAPE, "the last axis of index must have 1 to %d coordinates, a number known here",
                       x->rank - (int)batch);
    for (int i = 0; i < batch; i++)
        BASE_TRY(op_want_same(c, x->dims[i], index->dims[i], "the batch of x and that of index"));
    int from = (int)(batch + k);
    out->rank = index->rank - 1 + x->rank - from;
    if (out->rank > TN_MAX_RANK)
        return op_fail(c, TN_SHAPE, "the places and their rest have %d axes; at most %d are supported", out->rank,
                       TN_MAX_RANK);
    for (int i = 0; i < out->rank; i++)
        out->dims[i] = i < index->rank - 1 ? index->dims[i] : x->dims[from + i - (index->rank - 1)];
    return TN_OK;
}

tn_dim op_product(const tn_tensor *x, int from, int to)
{
    tn_dim n = 1;
    for (int i = from; i < to; i++)
        n = tn_dim_mul(x->graph, n, x->type.dims[i]);
    return n;
}

/* The first axis of x that no coordinate names. */
static int first_rest(const graph_type *index, int64_t batch)
{
    return (int)(batch + index->dims[index->rank - 1]);
}

tn_tensor *op_coordinate_table(tn_tensor *x, tn_tensor *index, int64_t batch)
{
    int rest = first_rest(&index->type, batch);
    return tn_reshape(x, TN_SHAPE(op_product(x, 0, rest), op_product(x, rest, x->type.rank)));
}

/* The number of the batch that each place belongs to, its axes 1 where places of one batch differ. */
static tn_tensor *batch_numbers(tn_tensor *index, int64_t batch)
{
    tn_shape shape = {.rank = index->type.rank - 1};
    for (int i = 0; i < shape.rank; i++)
        shape.dims[i] = i < batch ? index->type.dims[i] : 1;
    return tn_reshape(tn_arange(index->graph, TN_I64, 0, 1, op_product(index, 0, (int)batch)), shape);
}

tn_tensor *op_coordinate_rows(tn_tensor *x, tn_tensor *index, int64_t batch)
{
    int last = index->type.rank - 1;
    index = tn_cast(index, TN_I64);
    tn_tensor *row = batch_numbers(index, batch), *there = NULL, *zero = tn_scalar(x->graph, TN_I64, 0);
    for (int j = 0; j < (int)index->type.dims[last]; j++) {
        tn_tensor *size = tn_size_value(x->graph, x->type.dims[batch + j]);
        tn_tensor *at = tn_squeeze(tn_slice(index, last, j, j + 1), last);
        at = tn_where(tn_lt(at, zero), tn_add(at, size), at);
        tn_tensor *within = tn_logical_and(tn_ge(at, zero), tn_lt(at, size));
        there = there ? tn_logical_and(there, within) : within;
        row = tn_add(tn_mul(row, size), at);
    }
    row = tn_where(there, row, tn_scalar(x->graph, TN_I64, -1));
    return tn_reshape(row, TN_SHAPE(op_product(index, 0, last)));
}

int64_t op_coordinate_at(const op_array *x, const op_array *index, int64_t batch, int64_t i)
{
    int last = index->rank - 1;
    int64_t k = index->dims[last], row = i;
    for (int d = last - 1; d >= batch; d--)
        row /= index->dims[d];
    for (int64_t j = 0; j < k; j++) {
        int64_t at = index->i[i * k + j], size = x->dims[batch + j];
        at = at < 0 ? at + size : at;
        if (at < 0 || at >= size)
            return -1;
        row = row * size + at;
    }
    return row;
}

int64_t op_coordinate_rest(const op_array *x, const op_array *index, int64_t batch)
{
    int64_t n = 1;
    for (int64_t d = batch + index->dims[index->rank - 1]; d < x->rank; d++)
        n *= x->dims[d];
    return n;
}
