/* interpolate.c: pictures (lines, bodies) brought to another size, direction by direction; channels turned into pixels and back. */
#include "op/compose/compose.h"
#include "op/scheme/resize.h"

#include <math.h>

/* ---- other sizes --------------------------------------------------------------------------------------------------- */

/* floor(size * scale), where that can be said of a size that is open. */
static tn_dim scaled(tn_tensor *x, tn_dim size, double scale)
{
    dim_table *t = x->graph->dims;
    if (dim_literal(size) && (double)size * scale < 0x1p53)
        return (tn_dim)floor((double)size * scale);
    if (scale >= 1 && scale == floor(scale) && scale < 0x1p31)
        return dim_mul(t, size, (int64_t)scale);
    double part = 1 / scale;
    if (part == floor(part) && part < 0x1p31)
        return dim_div(t, size, (int64_t)part);
    graph_fail(x->graph, TN_SHAPE, "interpolate of '%s': the size of an axis must be a number to be multiplied by %g",
               tn_tensor_name(x), scale);
    return 1;
}

tn_tensor *tn_interpolate(tn_tensor *x, const tn_interpolate_opt *opt)
{
    static const tn_interpolate_opt defaults = {0};
    const tn_interpolate_opt *o = opt ? opt : &defaults;
    if (op_unusable(x))
        return x;
    if (x->type.rank < 3 || x->type.rank > 5)
        return OP_REFUSE(x, TN_SHAPE,
                         "interpolate of '%s' takes [N, C, ...] with one to three further axes; it has %d axes",
                         tn_tensor_name(x), x->type.rank);
    for (int axis = 2; !op_unusable(x) && axis < tn_tensor_rank(x); axis++) {
        double scale = o->scales[axis - 2] != 0 ? o->scales[axis - 2] : o->scale;
        tn_dim from = x->type.dims[axis], size = o->sizes[axis - 2];
        if (!size && !(scale > 0 && scale < 1e9))
            return OP_REFUSE(x, TN_INVALID, "interpolate of '%s': axis %d needs a size, or a scale above 0",
                             tn_tensor_name(x), axis);
        bool by_size = size != 0;
        size = by_size ? size : scaled(x, from, scale);
        bool same = from == size && (by_size || scale == 1);
        const op_value arg[] = {[OP_RESIZE_AXIS] = {.i = axis},
                                [OP_RESIZE_MODE] = {.i = o->mode},
                                [OP_RESIZE_ALIGN] = {.i = o->align_corners},
                                [OP_RESIZE_ANTIALIAS] = {.i = o->antialias},
                                [OP_RESIZE_SCALE] = {.f = by_size ? 0 : scale}};
        x = same ? x : op_resize_of(x, size, arg);
    }
    return x;
}

tn_tensor *tn_adaptive_avg_pool(tn_tensor *x, const tn_dim *sizes)
{
    tn_interpolate_opt o = {.mode = TN_RESIZE_AREA};
    for (int axis = 2; !op_unusable(x) && axis < x->type.rank && axis < 5; axis++)
        o.sizes[axis - 2] = sizes[axis - 2];
    return tn_interpolate(x, &o);
}

/* ---- channels and pixels --------------------------------------------------------------------------------------------- */

static bool takes_pictures(tn_tensor *x, int64_t factor, const char *builder)
{
    if (op_unusable(x))
        return false;
    if (x->type.rank == 4 && factor >= 1 && factor < 1 << 15)
        return true;
    graph_fail(x->graph, TN_SHAPE,
               "%s of '%s' takes pictures [N, C, H, W] and a factor above 0; it has %d axes and %lld", builder,
               tn_tensor_name(x), x->type.rank, (long long)factor);
    return false;
}

/* One copy with rows of pixels inside: of rows of channels, which lie so behind a convolution, it takes ten times as long. */
tn_tensor *tn_pixel_shuffle(tn_tensor *x, int64_t factor)
{
    if (!takes_pictures(x, factor, "pixel_shuffle"))
        return x;
    dim_table *t = x->graph->dims;
    tn_shape s = tn_tensor_shape(x);
    if (dim_literal(s.dims[1]) && s.dims[1] % (factor * factor))
        return OP_REFUSE(x, TN_SHAPE, "pixel_shuffle of '%s': %lld channels are no multiple of %lld", tn_tensor_name(x),
                         (long long)s.dims[1], (long long)(factor * factor));
    tn_dim channels = dim_div(t, s.dims[1], factor * factor);
    x = tn_reshape(x, TN_SHAPE(s.dims[0], channels, factor, factor, s.dims[2], s.dims[3]));
    x = tn_permute(x, 6, (const int64_t[]){0, 1, 4, 2, 5, 3});
    return tn_reshape(x, TN_SHAPE(s.dims[0], channels, dim_mul(t, s.dims[2], factor), dim_mul(t, s.dims[3], factor)));
}

tn_tensor *tn_pixel_unshuffle(tn_tensor *x, int64_t factor)
{
    if (!takes_pictures(x, factor, "pixel_unshuffle"))
        return x;
    dim_table *t = x->graph->dims;
    tn_shape s = tn_tensor_shape(x);
    for (int d = 2; d < 4; d++)
        if (dim_literal(s.dims[d]) && s.dims[d] % factor)
            return OP_REFUSE(x, TN_SHAPE, "pixel_unshuffle of '%s': axis %d of size %lld is no multiple of %lld",
                             tn_tensor_name(x), d, (long long)s.dims[d], (long long)factor);
    tn_dim h = dim_div(t, s.dims[2], factor), w = dim_div(t, s.dims[3], factor);
    x = tn_reshape(x, TN_SHAPE(s.dims[0], s.dims[1], h, factor, w, factor));
    x = tn_permute(x, 6, (const int64_t[]){0, 1, 3, 5, 2, 4});
    return tn_reshape(x, TN_SHAPE(s.dims[0], dim_mul(t, s.dims[1], factor * factor), h, w));
}
