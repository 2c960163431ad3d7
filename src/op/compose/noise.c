/* noise.c: dropout of more than single elements (Tompson et al. 2015; Huang et al. 2016), one that keeps mean and variance of what selu
 * gives (Klambauer et al. 2017), a relu whose slope is drawn (Xu et al. 2015), bands and times of a spectrogram taken out
 * (Park et al. 2019). */
#include "op/compose/compose.h"

#include <math.h>

/* Ones of x's shape up to axis n, the further axes 1, some of them dropped where the entry trains. */
static tn_tensor *dropped_ones(tn_tensor *x, double p, int n)
{
    tn_shape shape = tn_tensor_shape(x);
    for (int i = n; i < shape.rank; i++)
        shape.dims[i] = 1;
    return tn_dropout(tn_full(x->graph, x->type.dtype, shape, 1), p);
}

tn_tensor *tn_dropout_channels(tn_tensor *x, double p)
{
    if (op_unusable(x))
        return x;
    if (x->type.rank < 2)
        return OP_REFUSE(x, TN_SHAPE, "dropout_channels of '%s' takes [N, C, ...]; it has %d axes", tn_tensor_name(x),
                         x->type.rank);
    return tn_mul(x, dropped_ones(x, p, 2));
}

tn_tensor *tn_drop_path(tn_tensor *x, double p)
{
    if (op_unusable(x))
        return x;
    if (x->type.rank < 1)
        return OP_REFUSE(x, TN_SHAPE, "drop_path of '%s' takes [N, ...]; it has no axis", tn_tensor_name(x));
    return tn_mul(x, dropped_ones(x, p, 1));
}

tn_tensor *tn_alpha_dropout(tn_tensor *x, double p)
{
    const double low = -1.7580993408473766; /* what selu tends to, -scale * alpha */
    if (op_unusable(x))
        return x;
    if (!(p >= 0 && p < 1))
        return OP_REFUSE(x, TN_INVALID, "alpha_dropout of '%s': p is %g; it must be from 0 to below 1",
                         tn_tensor_name(x), p);
    double a = 1 / sqrt((1 - p) * (1 + p * low * low)), b = -a * low * p;
    tn_tensor *kept = tn_gt(dropped_ones(x, p, x->type.rank), op_like_scalar(x, 0));
    tn_tensor *y = tn_add_f(tn_mul_f(tn_where(kept, x, op_like_scalar(x, low)), a), b);
    return tn_where(op_training_of(x->graph), y, x);
}

tn_tensor *tn_rrelu(tn_tensor *x, double lower, double upper)
{
    if (op_unusable(x))
        return x;
    if (!(lower <= upper) || !isfinite(lower) || !isfinite(upper))
        return OP_REFUSE(x, TN_INVALID, "rrelu of '%s': the slopes from %g to %g are no range", tn_tensor_name(x),
                         lower, upper);
    tn_tensor *part = tn_uniform(x->graph, x->type.dtype, tn_tensor_shape(x));
    tn_tensor *drawn = tn_add_f(tn_mul_f(part, upper - lower), lower);
    tn_tensor *slope = tn_where(op_training_of(x->graph), drawn, op_like_scalar(x, (lower + upper) / 2));
    return tn_where(tn_gt(x, op_like_scalar(x, 0)), x, tn_mul(x, slope));
}

/* One stripe across an axis of x, drawn for each sample: its width even over 0 to most, its place even over where it fits. True
 * inside. */
static tn_tensor *stripe(tn_tensor *x, int axis, double most)
{
    tn_graph *g = x->graph;
    tn_shape one = tn_tensor_shape(x), line = {.rank = x->type.rank};
    const tn_dim size = one.dims[axis];
    for (int i = 0; i < line.rank; i++)
        line.dims[i] = i == axis ? size : 1;
    for (int i = one.rank - 2; i < one.rank; i++)
        one.dims[i] = 1;
    tn_tensor *length = tn_cast(tn_size_value(g, size), x->type.dtype);
    tn_tensor *width = tn_minimum(tn_mul_f(tn_uniform(g, x->type.dtype, one), most), length);
    tn_tensor *start = tn_mul(tn_uniform(g, x->type.dtype, one), tn_sub(length, width));
    tn_tensor *at = tn_reshape(tn_add_f(tn_arange(g, x->type.dtype, 0, 1, size), 0.5), line);
    return tn_logical_and(tn_ge(at, start), tn_lt(at, tn_add(start, width)));
}

tn_tensor *tn_spec_augment(tn_tensor *x, int masks, double bands, double frames)
{
    if (op_unusable(x))
        return x;
    if (x->type.rank < 2 || !tn_dtype_is_float(x->type.dtype))
        return OP_REFUSE(x, TN_SHAPE,
                         "spec_augment of '%s' takes spectrograms [..., bands, frames] of floats; it has %d axes",
                         tn_tensor_name(x), x->type.rank);
    if (masks < 0 || masks > 64 || !(bands >= 0 && bands < INFINITY) || !(frames >= 0 && frames < INFINITY))
        return OP_REFUSE(x, TN_INVALID,
                         "spec_augment of '%s': %d masks of up to %g bands and %g frames; 0 to 64 masks, and nothing "
                         "negative",
                         tn_tensor_name(x), masks, bands, frames);
    const int n = x->type.rank;
    tn_tensor *y = x, *mean = tn_mean_axes(x, 2, (const int64_t[]){-2, -1}, true);
    for (int i = 0; i < masks; i++) {
        y = bands > 0 ? tn_where(stripe(x, n - 2, bands), mean, y) : y;
        y = frames > 0 ? tn_where(stripe(x, n - 1, frames), mean, y) : y;
    }
    return tn_where(op_training_of(x->graph), y, x);
}
