/* pick.c: the place of the largest as a row of one 1, exactly or by chance (Jang et al. 2017); draws of classes and of yes or no (the
 * largest with noise: Gumbel 1954; without putting back: Kool, van Hoof, Welling 2019); and rearrangements of their own: sequences
 * of different lengths turned round, channels dealt out over groups, the distances of all pairs of rows. */
#include "op/compose/compose.h"

#include <math.h>

/* 0, 1, ... along the axis `at` of x, all other sizes being 1. */
static tn_tensor *places_along(tn_tensor *x, int at, tn_dtype dtype)
{
    tn_shape shape = {.rank = x->type.rank};
    for (int i = 0; i < shape.rank; i++)
        shape.dims[i] = i == at ? x->type.dims[i] : 1;
    return tn_reshape(tn_arange(x->graph, dtype, 0, 1, x->type.dims[at]), shape);
}

tn_tensor *tn_hardmax(tn_tensor *x, int axis)
{
    if (op_unusable(x))
        return x;
    int at = op_axis_of(x, axis, "hardmax");
    if (at < 0)
        return &x->graph->poison;
    tn_tensor *best = tn_argmax(x, at, true);
    if (op_unusable(best))
        return best;
    return op_cast_to(tn_eq(places_along(x, at, best->type.dtype), best), x->type.dtype);
}

/* -log(e), e exponentially distributed. u is in [0, 1) and may be 0: e is kept above half of what can come next to it. */
static tn_tensor *gumbel(tn_tensor *x, tn_dtype dtype)
{
    tn_tensor *u = tn_uniform(x->graph, dtype, tn_tensor_shape(x));
    tn_tensor *e = tn_clamp(tn_neg(tn_log1p(tn_neg(u))), 0x1p-25, (double)INFINITY);
    return tn_neg(tn_log(e));
}

tn_tensor *tn_gumbel_softmax(tn_tensor *x, double tau, bool hard, int axis)
{
    if (op_unusable(x))
        return x;
    int at = op_axis_of(x, axis, "gumbel_softmax");
    if (at < 0)
        return &x->graph->poison;
    if (!(tau > 0) || !isfinite(tau))
        return OP_REFUSE(x, TN_INVALID, "gumbel_softmax of '%s': tau is %g; it must be a number above 0",
                         tn_tensor_name(x), tau);
    tn_dtype dtype = x->type.dtype, wide = dtype == TN_F16 || dtype == TN_BF16 ? TN_F32 : dtype;
    tn_tensor *y = tn_softmax(tn_mul_f(tn_add(op_cast_to(x, wide), gumbel(x, wide)), 1 / tau), at);
    if (hard && !op_unusable(y)) /* forward the 1, backward the soft ones: the sum in brackets is 0 exactly */
        y = tn_add(tn_hardmax(tn_detach(y), at), tn_sub(y, tn_detach(y)));
    return op_unusable(y) ? y : op_cast_to(y, dtype);
}

tn_tensor *tn_bernoulli(tn_tensor *p)
{
    if (op_unusable(p))
        return p;
    tn_dtype dtype = p->type.dtype, wide = dtype == TN_F16 || dtype == TN_BF16 ? TN_F32 : dtype;
    if (!tn_dtype_is_float(dtype))
        return OP_REFUSE(p, TN_DTYPE, "bernoulli of '%s': probabilities are due, of a float dtype", tn_tensor_name(p));
    tn_tensor *u = tn_uniform(p->graph, wide, tn_tensor_shape(p));
    return op_cast_to(tn_lt(u, op_cast_to(tn_detach(p), wide)), dtype);
}

/* Each draw has noise of its own; those that must differ share it. */
tn_tensor *tn_multinomial(tn_tensor *weights, int64_t draws, bool replace)
{
    if (op_unusable(weights))
        return weights;
    int rank = weights->type.rank;
    tn_dim classes = rank ? weights->type.dims[rank - 1] : 0;
    if (rank < 1 || rank >= TN_MAX_RANK || !tn_dtype_is_float(weights->type.dtype) || draws < 1 || classes == 0 ||
        (!replace && dim_literal(classes) && draws > classes))
        return OP_REFUSE(
            weights, TN_SHAPE,
            "multinomial of '%s' takes weights [..., classes] of a float dtype, and draws one or more, without "
            "putting back no more than there are classes, not %lld",
            tn_tensor_name(weights), (long long)draws);
    tn_dtype dtype = weights->type.dtype == TN_F64 ? TN_F64 : TN_F32;
    tn_tensor *x = tn_log(op_cast_to(tn_detach(weights), dtype));
    if (!replace)
        return tn_topk(tn_add(x, gumbel(x, dtype)), draws, -1, true).index;
    tn_shape shape = tn_tensor_shape(weights);
    shape.dims[shape.rank++] = classes;
    shape.dims[rank - 1] = draws;
    x = tn_expand(tn_unsqueeze(x, rank - 1), shape);
    return tn_argmax(tn_add(x, gumbel(x, dtype)), -1, false);
}

tn_tensor *tn_reverse_sequence(tn_tensor *x, tn_tensor *lengths, int time_axis, int batch_axis)
{
    if (op_unusable(x) || op_unusable(lengths))
        return op_unusable(x) ? x : lengths;
    int time = op_axis_of(x, time_axis, "reverse_sequence");
    int batch = time < 0 ? -1 : op_axis_of(x, batch_axis, "reverse_sequence");
    if (batch < 0)
        return &x->graph->poison;
    if (time == batch || lengths->type.rank != 1)
        return OP_REFUSE(x, TN_SHAPE,
                         "reverse_sequence of '%s': lengths[batch] and two different axes are due; lengths has %d "
                         "axes, time is axis %d and the batch axis %d",
                         tn_tensor_name(x), lengths->type.rank, time, batch);
    tn_shape shape = {.rank = x->type.rank};
    for (int i = 0; i < shape.rank; i++)
        shape.dims[i] = i == batch ? lengths->type.dims[0] : 1;
    tn_tensor *length = tn_reshape(lengths, shape), *place = places_along(x, time, lengths->type.dtype);
    tn_tensor *last = tn_sub(length, op_like_scalar(lengths, 1));
    return tn_take_along(x, time, tn_where(tn_lt(place, length), tn_sub(last, place), place));
}

tn_tensor *tn_channel_shuffle(tn_tensor *x, int64_t groups)
{
    if (op_unusable(x))
        return x;
    if (x->type.rank < 2 || groups < 1)
        return OP_REFUSE(x, TN_SHAPE,
                         "channel_shuffle of '%s' takes [N, channels, ...] and one group or more; it has %d axes and "
                         "%lld groups",
                         tn_tensor_name(x), x->type.rank, (long long)groups);
    tn_shape s = tn_tensor_shape(x);
    if (dim_literal(s.dims[1]) && s.dims[1] % groups)
        return OP_REFUSE(x, TN_SHAPE, "channel_shuffle of '%s': %lld channels are no multiple of %lld",
                         tn_tensor_name(x), (long long)s.dims[1], (long long)groups);
    dim_table *t = x->graph->dims;
    tn_dim rest = 1;
    for (int i = 2; i < s.rank; i++)
        rest = dim_mul(t, rest, s.dims[i]);
    x = tn_reshape(x, TN_SHAPE(s.dims[0], groups, dim_div(t, s.dims[1], groups), rest));
    return tn_reshape(tn_permute(x, 4, (const int64_t[]){0, 2, 1, 3}), s);
}

tn_tensor *tn_cdist(tn_tensor *a, tn_tensor *b, double p)
{
    if (op_unusable(a) || op_unusable(b))
        return op_unusable(a) ? a : b;
    if (a->type.rank < 2 || b->type.rank < 2)
        return OP_REFUSE(a, TN_SHAPE, "cdist: rows [..., n, features] are due; a has %d axes and b %d", a->type.rank,
                         b->type.rank);
    tn_tensor *away = tn_sub(tn_unsqueeze(a, -2), tn_unsqueeze(b, -3));
    return tn_norm_axes(away, p, 1, (const int64_t[]){-1}, false);
}
