/* positions.c: what tells attention where things stand: sinusoids (Vaswani et al. 2017), rotations (Su et al. 2021), linear biases
 * (Press et al. 2021) and learned biases by distance (Raffel et al. 2020). */
#include "op/scheme/op.h"

#include <math.h>

/* position[n, 1] * base^(-2 i / features) for i = 0 .. features / 2 - 1: [n, features / 2]. */
static tn_tensor *angles(tn_tensor *position, tn_dtype dtype, int64_t features, double base)
{
    tn_graph *g = tn_tensor_graph(position);
    tn_dtype exact = dtype == TN_F64 ? TN_F64 : TN_F32;
    tn_tensor *i = tn_arange(g, exact, 0, 1, features / 2);
    tn_tensor *by = tn_exp(tn_mul_f(i, -2 * log(base) / (double)features));
    return tn_mul(tn_unsqueeze(tn_cast(position, exact), 1), by);
}

tn_tensor *tn_sinusoids(tn_graph *graph, tn_dtype dtype, tn_dim n, int64_t features)
{
    if (features < 2 || features % 2) {
        graph_fail(graph, TN_SHAPE, "sinusoids: %lld features; the number must be even", (long long)features);
        return &graph->poison;
    }
    tn_tensor *a = angles(tn_arange(graph, TN_I64, 0, 1, n), dtype, features, 10000);
    tn_tensor *y = tn_stack(2, (tn_tensor *const[]){tn_sin(a), tn_cos(a)}, -1);
    return op_cast_to(tn_reshape(y, TN_SHAPE(n, features)), dtype);
}

tn_tensor *tn_rotary(tn_tensor *x, tn_tensor *at, double base)
{
    if (op_unusable(x))
        return x;
    tn_graph *g = x->graph;
    tn_dim width = x->type.rank >= 2 ? x->type.dims[x->type.rank - 1] : 0, half = width / 2;
    if (width < 2 || width % 2) {
        graph_fail(g, TN_SHAPE, "rotary: x must be [..., L, features], the features a number that is even");
        return &g->poison;
    }
    tn_tensor *position = tn_arange(g, TN_I64, 0, 1, tn_dim_of(x, -2));
    if (at)
        position = tn_add(position, op_cast_to(at, TN_I64));
    tn_tensor *a = angles(position, x->type.dtype, width, base > 0 ? base : 10000);
    tn_tensor *c = op_cast_to(tn_cos(a), x->type.dtype), *s = op_cast_to(tn_sin(a), x->type.dtype);
    tn_tensor *left = tn_slice(x, -1, 0, half), *right = tn_slice(x, -1, half, width);
    tn_tensor *parts[] = {tn_sub(tn_mul(left, c), tn_mul(right, s)), tn_add(tn_mul(right, c), tn_mul(left, s))};
    return tn_concat(2, parts, -1);
}

/* The slope of head h of n: powers of 2^(-8 / n); where n is no power of two, those of the next below, then every second one of twice
 * as many. */
static double slope(int64_t h, int64_t n)
{
    int64_t whole = 1;
    while (2 * whole <= n)
        whole *= 2;
    return h < whole ? exp2(-8 * (double)(h + 1) / (double)whole)
                     : exp2(-8 * (double)(2 * (h - whole) + 1) / (double)(2 * whole));
}

tn_tensor *tn_alibi(tn_graph *graph, tn_dtype dtype, int64_t heads, tn_dim keys)
{
    if (heads < 1 || heads > 4096) {
        graph_fail(graph, TN_INVALID, "alibi: %lld heads; there must be 1 to 4096", (long long)heads);
        return &graph->poison;
    }
    double by[heads];
    for (int64_t h = 0; h < heads; h++)
        by[h] = slope(h, heads);
    tn_view view = tn_view_of(by, TN_F64, 3, (const int64_t[]){heads, 1, 1});
    tn_tensor *place = tn_arange(graph, TN_F64, 1, 1, keys); /* 1 - keys .. 0: a row may be moved as a whole */
    place = tn_sub(place, tn_cast(tn_size_value(graph, keys), TN_F64));
    return tn_cast(tn_mul(tn_constant(graph, &view), place), dtype);
}

tn_tensor *tn_relative_buckets(tn_graph *graph, tn_dim queries, tn_dim keys, int64_t buckets, int64_t most, bool causal)
{
    tn_tensor *i = tn_unsqueeze(tn_arange(graph, TN_I64, 0, 1, queries), 1), *j = tn_arange(graph, TN_I64, 0, 1, keys);
    tn_tensor *away = tn_sub(j, i), *zero = tn_scalar(graph, TN_I64, 0);
    int64_t n = causal ? buckets : buckets / 2, exact = n / 2;
    if (exact < 1 || most <= exact) {
        graph_fail(graph, TN_INVALID, "relative buckets: %lld buckets up to the distance %lld are too few",
                   (long long)buckets, (long long)most);
        return &graph->poison;
    }
    tn_tensor *first = causal ? zero : tn_mul_f(tn_cast(tn_gt(away, zero), TN_I64), (double)n);
    away = causal ? tn_neg(tn_minimum(away, zero)) : tn_abs(away);
    tn_tensor *x = tn_cast(tn_maximum(away, tn_scalar(graph, TN_I64, 1)), TN_F32);
    x = tn_mul_f(tn_log(tn_div_f(x, (double)exact)), (double)(n - exact) / log((double)most / (double)exact));
    tn_tensor *far = tn_add_f(tn_cast(x, TN_I64), (double)exact);
    far = tn_minimum(far, tn_scalar(graph, TN_I64, (double)(n - 1)));
    return tn_add(first, tn_where(tn_lt(away, tn_scalar(graph, TN_I64, (double)exact)), away, far));
}
