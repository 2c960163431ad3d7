/* transform.c: see transform.h. Arithmetic is done in f32, for f64 batches in f64. */
#include "data/transform.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/philox.h"

/* ---- checks ---------------------------------------------------------------------------------------------------- */

static bool has_arithmetic(const tn_transform *s)
{
    return s->scale != 0 || s->channels != 0 || s->mean || s->std;
}

static bool has_moves(const tn_transform *s)
{
    return s->move != 0 || s->rotate != 0 || s->zoom != 0 || s->flip;
}

static tn_status check_numbers(const tn_field *field, const tn_transform *s, base_error *e)
{
    const double numbers[] = {s->scale, s->move, s->rotate, s->zoom, s->fill};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (!isfinite(numbers[i]))
            return base_fail(e, TN_INVALID, "the transform of field \"%.100s\" has a number that is not finite",
                             field->name);
    if (s->move < 0 || s->rotate < 0 || s->zoom < 0 || s->zoom >= 1)
        return base_fail(e, TN_INVALID,
                         "the transform of field \"%.100s\": move and rotate must not be negative, zoom "
                         "must lie in [0, 1)",
                         field->name);
    if ((s->mean || s->std) && s->channels == 0)
        return base_fail(e, TN_INVALID, "the transform of field \"%.100s\" has mean or std, but says 0 channels",
                         field->name);
    int64_t first = field->rank > 0 ? field->dims[0] : 1;
    if (s->channels < 0 || (s->channels > 1 && s->channels != first))
        return base_fail(e, TN_SHAPE, "the transform of field \"%.100s\" is for %d channels; its samples have %lld",
                         field->name, s->channels, (long long)first);
    for (int c = 0; c < s->channels; c++) {
        double mean = s->mean ? s->mean[c] : 0, std = s->std ? s->std[c] : 1;
        if (!isfinite(mean) || !isfinite(std) || std == 0)
            return base_fail(e, TN_INVALID,
                             "the transform of field \"%.100s\", channel %d: mean %g and std %g must be "
                             "finite, std not 0",
                             field->name, c, mean, std);
    }
    return TN_OK;
}

static tn_status check_dtypes(const data_transform *t, const tn_field *field, bool arithmetic, base_error *e)
{
    bool half = t->from == TN_F16 || t->from == TN_BF16 || t->to == TN_F16 || t->to == TN_BF16;
    bool to_int = !tn_dtype_is_float(t->to);
    if (half && !t->plain)
        return base_fail(e, TN_UNSUPPORTED,
                         "field \"%.100s\" cannot go from %s to %s in the loader; cast it in the graph", field->name,
                         tn_dtype_name(t->from), tn_dtype_name(t->to));
    if (to_int && arithmetic)
        return base_fail(e, TN_DTYPE, "field \"%.100s\" is scaled or moved: the batch must be f32 or f64, not %s",
                         field->name, tn_dtype_name(t->to));
    if (to_int && !t->plain && (tn_dtype_is_float(t->from) || tn_dtype_size(t->to) < tn_dtype_size(t->from)))
        return base_fail(e, TN_DTYPE, "field \"%.100s\" cannot go from %s to %s without loss", field->name,
                         tn_dtype_name(t->from), tn_dtype_name(t->to));
    return TN_OK;
}

static tn_status init_moves(data_transform *t, const tn_field *field, const tn_transform *s, base_error *e)
{
    if (field->rank != 2 && field->rank != 3)
        return base_fail(e, TN_SHAPE, "field \"%.100s\" cannot be moved: it has %d dimensions, a picture has 2 or 3",
                         field->name, field->rank);
    t->moves = true;
    t->planes = field->rank == 3 ? field->dims[0] : 1;
    t->height = field->dims[field->rank - 2];
    t->width = field->dims[field->rank - 1];
    t->move = s->move;
    t->rotate = s->rotate;
    t->zoom = s->zoom;
    t->fill = s->fill;
    t->flip = s->flip;
    return TN_OK;
}

tn_status data_transform_init(data_transform *t, const tn_field *field, const tn_transform *s, base_error *e)
{
    static const tn_transform none = {0};
    s = s ? s : &none;
    *t = (data_transform){.from = field->dtype, .to = s->dtype, .elements = 1, .channels = 1};
    for (int i = 0; i < field->rank; i++)
        t->elements *= field->dims[i];
    bool arithmetic = has_arithmetic(s) || has_moves(s);
    if (t->to == TN_NONE)
        t->to = arithmetic ? TN_F32 : t->from;
    if (tn_dtype_size(t->to) == 0)
        return base_fail(e, TN_DTYPE, "the transform of field \"%.100s\" asks for an unknown dtype", field->name);
    t->plain = !arithmetic && t->to == t->from;
    BASE_TRY(check_numbers(field, s, e));
    BASE_TRY(check_dtypes(t, field, arithmetic, e));
    if (has_moves(s))
        BASE_TRY(init_moves(t, field, s, e));
    t->channels = s->channels > 1 ? s->channels : 1;
    t->factor = calloc((size_t)t->channels * 2, sizeof *t->factor);
    if (!t->factor)
        return base_no_memory(e, "preparing a transform");
    t->offset = t->factor + t->channels;
    double scale = s->scale == 0 ? 1 : s->scale;
    for (int c = 0; c < t->channels; c++) {
        double mean = s->mean ? s->mean[c] : 0, std = s->std ? s->std[c] : 1;
        t->factor[c] = scale / std;
        t->offset[c] = mean == 0 ? 0 : -mean / std;
    }
    return TN_OK;
}

void data_transform_clear(data_transform *t)
{
    free(t->factor);
    t->factor = t->offset = NULL;
}

size_t data_transform_scratch(const data_transform *t)
{
    return t->moves ? (size_t)t->elements * sizeof(float) * 2 : 0;
}

/* ---- reading any dtype ----------------------------------------------------------------------------------------- */

/* out = in * factor + offset */
#define SCALE_LOOP(type, in_type)                                                                                      \
    for (int64_t i = 0; i < n; i++)                                                                                    \
        out[i] = (type)((const in_type *)in)[i] * f + o;                                                               \
    break
#define DEFINE_SCALE(name, type)                                                                                       \
    static void name(tn_dtype from, const void *in, type *out, int64_t n, double factor, double offset)                \
    {                                                                                                                  \
        const type f = (type)factor, o = (type)offset;                                                                 \
        switch (from) {                                                                                                \
        case TN_U8: SCALE_LOOP(type, uint8_t);                                                                         \
        case TN_BOOL: SCALE_LOOP(type, uint8_t);                                                                       \
        case TN_I8: SCALE_LOOP(type, int8_t);                                                                          \
        case TN_I16: SCALE_LOOP(type, int16_t);                                                                        \
        case TN_I32: SCALE_LOOP(type, int32_t);                                                                        \
        case TN_I64: SCALE_LOOP(type, int64_t);                                                                        \
        case TN_F64: SCALE_LOOP(type, double);                                                                         \
        default: SCALE_LOOP(type, float);                                                                              \
        }                                                                                                              \
    }
DEFINE_SCALE(scale_f32, float)
DEFINE_SCALE(scale_f64, double)

static int64_t load_int(tn_dtype from, const void *in, int64_t i)
{
    switch (from) {
    case TN_I8: return ((const int8_t *)in)[i];
    case TN_I16: return ((const int16_t *)in)[i];
    case TN_I32: return ((const int32_t *)in)[i];
    case TN_I64: return ((const int64_t *)in)[i];
    default: return ((const uint8_t *)in)[i];
    }
}

/* Only to types at least as wide; of two types as wide as each other (i8, u8, bool) the bits are kept. */
static void cast_ints(const data_transform *t, const void *in, void *out)
{
    for (int64_t i = 0; i < t->elements; i++) {
        int64_t v = load_int(t->from, in, i);
        switch (t->to) {
        case TN_I64: ((int64_t *)out)[i] = v; break;
        case TN_I32: ((int32_t *)out)[i] = (int32_t)v; break;
        case TN_I16: ((int16_t *)out)[i] = (int16_t)v; break;
        case TN_BOOL: ((uint8_t *)out)[i] = v != 0; break;
        default: ((uint8_t *)out)[i] = (uint8_t)v; break;
        }
    }
}

/* ---- random moves ---------------------------------------------------------------------------------------------- */

static float pixel(const data_transform *t, const float *plane, int64_t y, int64_t x)
{
    bool inside = y >= 0 && y < t->height && x >= 0 && x < t->width;
    return inside ? plane[y * t->width + x] : (float)t->fill;
}

static float between(const data_transform *t, const float *plane, double y, double x)
{
    double fy = floor(y), fx = floor(x);
    int64_t iy = (int64_t)fy, ix = (int64_t)fx;
    float wy = (float)(y - fy), wx = (float)(x - fx);
    float top = pixel(t, plane, iy, ix) * (1 - wx) + pixel(t, plane, iy, ix + 1) * wx;
    float bottom = pixel(t, plane, iy + 1, ix) * (1 - wx) + pixel(t, plane, iy + 1, ix + 1) * wx;
    return top * (1 - wy) + bottom * wy;
}

static double spread(base_random *r, double most)
{
    return most * (2 * base_random_f64(r) - 1);
}

/* Every pixel of the result asks where it came from; turning and zooming happen about the centre. */
static void move_picture(const data_transform *t, const float *in, float *out, uint64_t key)
{
    base_random r = base_random_new(key, 0x30ebe5);
    double dx = spread(&r, t->move), dy = spread(&r, t->move);
    double angle = spread(&r, t->rotate) * (3.14159265358979323846 / 180), zoom = 1 + spread(&r, t->zoom);
    double mirror = t->flip && base_random_f64(&r) < 0.5 ? -1 : 1;
    double c = cos(angle) / zoom, s = sin(angle) / zoom;
    double cx = 0.5 * (double)(t->width - 1), cy = 0.5 * (double)(t->height - 1);
    /* far outside everything is fill, and the conversion to integers stays defined */
    double far = 4.0 * (double)(t->width + t->height) + 16;
    for (int64_t p = 0; p < t->planes; p++, in += t->height * t->width)
        for (int64_t y = 0; y < t->height; y++)
            for (int64_t x = 0; x < t->width; x++) {
                double u = (double)x - cx - dx, v = (double)y - cy - dy;
                double sx = fmin(fmax(cx + mirror * (c * u + s * v), -far), far);
                double sy = fmin(fmax(cy - s * u + c * v, -far), far);
                *out++ = between(t, in, sy, sx);
            }
}

/* ---- running --------------------------------------------------------------------------------------------------- */

void data_transform_run(const data_transform *t, const void *in, void *out, void *scratch, uint64_t key)
{
    tn_dtype from = t->from;
    if (t->plain) {
        memcpy(out, in, (size_t)t->elements * tn_dtype_size(from));
        return;
    }
    if (!tn_dtype_is_float(t->to)) {
        cast_ints(t, in, out);
        return;
    }
    if (t->moves) {
        float *raw = scratch, *moved = raw + t->elements;
        scale_f32(from, in, raw, t->elements, 1, 0);
        move_picture(t, raw, moved, key);
        in = moved;
        from = TN_F32;
    }
    int64_t n = t->elements / t->channels;
    size_t step = (size_t)n * tn_dtype_size(from);
    for (int c = 0; c < t->channels; c++) {
        const void *plane = (const char *)in + (size_t)c * step;
        if (t->to == TN_F64)
            scale_f64(from, plane, (double *)out + c * n, n, t->factor[c], t->offset[c]);
        else
            scale_f32(from, plane, (float *)out + c * n, n, t->factor[c], t->offset[c]);
    }
}
