/* fractional.c: largest elements of windows whose distances are drawn, so that sizes shrink by any ratio (Graham 2014), placed as
 * PyTorch places them. */
#include "op/compose/compose.h"

enum { MOST_SIZE = 65536 };

/* Where the windows of one direction begin, [N, C, to]: the differences of floor((i + sample) * step), the last at the end. */
static tn_tensor *starts(tn_tensor *x, int axis, tn_tensor *sample, int kernel, tn_dim to)
{
    tn_graph *g = x->graph;
    tn_dtype dtype = sample->type.dtype;
    tn_tensor *room = tn_sub_f(op_size_as(x, x->type.dims[axis], dtype), kernel);
    tn_shape one = TN_SHAPE(x->type.dims[0], x->type.dims[1], 1);
    tn_tensor *last = tn_expand(room, one);
    if (to == 1)
        return tn_cast(last, TN_I64);
    tn_tensor *step = tn_div_f(room, (double)(to - 1)), *i = tn_arange(g, dtype, 0, 1, to - 1);
    tn_tensor *before = tn_sub(tn_floor(tn_mul(tn_add(i, sample), step)), tn_floor(tn_mul(sample, step)));
    return tn_cast(tn_concat(2, (tn_tensor *const[]){before, last}, 2), TN_I64);
}

/* All elements of the windows of one direction, one window's behind the other's: [N, C, to * kernel]. */
static tn_tensor *elements(tn_tensor *x, int axis, tn_tensor *sample, int kernel, tn_dim to)
{
    tn_tensor *at = tn_unsqueeze(starts(x, axis, sample, kernel, to), 3);
    at = tn_add(at, tn_arange(x->graph, TN_I64, 0, 1, kernel));
    return tn_reshape(at, TN_SHAPE(x->type.dims[0], x->type.dims[1], to * kernel));
}

/* x with those elements along an axis. */
static tn_tensor *taken(tn_tensor *x, int axis, tn_tensor *at)
{
    tn_shape shape = {.rank = x->type.rank};
    for (int d = 0; d < shape.rank; d++)
        shape.dims[d] = d < 2 || d == axis ? at->type.dims[d < 2 ? d : 2] : 1;
    return tn_take_along(x, axis, tn_reshape(at, shape));
}

/* Places among the elements that were taken as places in x, both counted through all further axes. */
static tn_tensor *places(tn_tensor *x, tn_tensor *index, tn_tensor *const *at, int n)
{
    tn_graph *g = x->graph;
    tn_tensor *rest = tn_flatten(index, 2), *place = NULL;
    tn_dim stride = 1;
    for (int d = n - 1; d >= 0; d--) {
        tn_tensor *size = tn_scalar(g, TN_I64, (double)at[d]->type.dims[2]);
        tn_tensor *here = tn_mul(tn_gather(at[d], 2, tn_remainder(rest, size)), tn_size_value(g, stride));
        place = place ? tn_add(place, here) : here;
        rest = tn_div(rest, size);
        stride = tn_dim_mul(g, stride, x->type.dims[d + 2]);
    }
    return tn_reshape(place, tn_tensor_shape(index));
}

static bool sizes_fit(const tn_tensor *x, const int *kernel, const tn_dim *sizes)
{
    int n = x->type.rank - 2;
    bool fits = n == 2 || n == 3;
    for (int d = 0; fits && d < n; d++) {
        tn_dim size = x->type.dims[d + 2];
        fits = kernel[d] >= 1 && kernel[d] <= MOST_SIZE && sizes[d] >= 1 && sizes[d] <= MOST_SIZE &&
               (!dim_literal(size) || size >= sizes[d] + kernel[d] - 1);
    }
    return fits;
}

static bool takes(tn_tensor *x, const int *kernel, const tn_dim *sizes, tn_tensor *samples)
{
    dim_table *t = x->graph->dims;
    if (!sizes_fit(x, kernel, sizes)) {
        graph_fail(
            x->graph, TN_SHAPE,
            "fractional_max_pool of '%s' takes pictures [N, C, H, W] or bodies, and sizes from 1 to theirs + 1 - the "
            "kernel's",
            tn_tensor_name(x));
        return false;
    }
    if (!samples || (samples->type.rank == 3 && samples->type.dims[2] == x->type.rank - 2 &&
                     dim_same(t, samples->type.dims[0], x->type.dims[0], "fractional_max_pool") &&
                     dim_same(t, samples->type.dims[1], x->type.dims[1], "fractional_max_pool")))
        return true;
    graph_fail(x->graph, TN_SHAPE, "fractional_max_pool of '%s': samples need the shape [N, C, %d]", tn_tensor_name(x),
               x->type.rank - 2);
    return false;
}

tn_sorted tn_fractional_max_pool(tn_tensor *x, const int *kernel, const tn_dim *sizes, tn_tensor *samples)
{
    if (op_unusable(x) || (samples && op_unusable(samples)) || !takes(x, kernel, sizes, samples)) {
        tn_tensor *none = op_unusable(x) ? x : &x->graph->poison;
        return (tn_sorted){none, none};
    }
    tn_graph *g = x->graph;
    tn_shape s = tn_tensor_shape(x);
    int n = s.rank - 2;
    if (!samples)
        samples = tn_uniform(g, x->type.dtype == TN_F64 ? TN_F64 : TN_F32, TN_SHAPE(s.dims[0], s.dims[1], n));
    tn_tensor *at[3], *all = x;
    tn_pool_opt windows = {0};
    for (int d = 0; d < n; d++) {
        int k = n == 2 ? 1 - d : d; /* of a picture the first sample is for across, of a body for its depth */
        at[d] = elements(x, d + 2, tn_slice(samples, 2, k, k + 1), kernel[d], sizes[d]);
        all = taken(all, d + 2, at[d]);
        windows.kernels[d] = kernel[d];
    }
    tn_sorted y = tn_max_pool_index(all, 0, &windows);
    return (tn_sorted){y.values, op_unusable(y.index) ? y.index : places(x, y.index, at, n)};
}
