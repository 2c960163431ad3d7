/* picture.c: pictures from files and memory, told apart by their first bytes; turned upright; grey and colour. */
#include "data/picture.h"
#include "data/picture/deep.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "base/file.h"
#include "base/number.h"
#include "data/picture/scene.h"

#include <tarn/picture.h>

static const size_t FILE_LIMIT = (size_t)256 << 20;

/* ---- pictures in memory ---------------------------------------------------------------------------------------- */

tn_picture *data_picture_new(int64_t width, int64_t height, int channels, base_error *e)
{
    size_t bytes;
    if (width < 1 || height < 1 || (channels != 1 && channels != 3)) {
        base_fail(e, TN_INVALID,
                  "a picture of %lld x %lld pixels with %d channels cannot be: sides are at least 1, "
                  "channels 1 or 3",
                  (long long)width, (long long)height, channels);
        return NULL;
    }
    if (__builtin_mul_overflow((size_t)width, (size_t)height, &bytes) ||
        __builtin_mul_overflow(bytes, (size_t)channels, &bytes) || bytes > SIZE_MAX / 4) {
        base_fail(e, TN_LIMIT, "a picture of %lld x %lld pixels is larger than memory can be", (long long)width,
                  (long long)height);
        return NULL;
    }
    tn_picture *p = calloc(1, sizeof *p + bytes);
    if (!p) {
        base_fail(e, TN_MEMORY, "out of memory: a picture of %lld x %lld pixels needs %zu bytes", (long long)width,
                  (long long)height, bytes);
        return NULL;
    }
    p->width = width;
    p->height = height;
    p->channels = channels;
    p->pixels = (uint8_t *)(p + 1);
    return p;
}

tn_picture *tn_picture_new(tn_context *context, int64_t width, int64_t height, int channels)
{
    return data_picture_new(width, height, channels, base_context_begin(context));
}

void tn_picture_free(tn_picture *p)
{
    free(p);
}

/* A caller's own struct may hold anything. */
static tn_status check_picture(const tn_picture *p, base_error *e)
{
    if (p && p->pixels && p->width > 0 && p->height > 0 && (p->channels == 1 || p->channels == 3))
        return TN_OK;
    return base_fail(e, TN_INVALID, "this is not a picture: it needs pixels, sides of at least 1, and 1 or 3 channels");
}

tn_picture *data_picture_convert(const tn_picture *p, int channels, base_error *e)
{
    tn_picture *q = data_picture_new(p->width, p->height, channels, e);
    if (!q)
        return NULL;
    size_t n = (size_t)p->width * (size_t)p->height;
    const uint8_t *from = p->pixels;
    if (p->channels == channels)
        memcpy(q->pixels, from, n * (size_t)channels);
    else if (channels == 1)
        for (size_t i = 0; i < n; i++, from += 3)
            q->pixels[i] = data_luma(from[0], from[1], from[2]);
    else
        for (size_t i = 0; i < n; i++)
            memset(q->pixels + 3 * i, from[i], 3);
    return q;
}

tn_picture *data_picture_crop(const tn_picture *p, int64_t left, int64_t top, int64_t width, int64_t height,
                              base_error *e)
{
    tn_picture *q = data_picture_new(width, height, p->channels, e);
    for (int64_t y = 0; q && y < height; y++)
        memcpy(q->pixels + y * width * p->channels, p->pixels + ((top + y) * p->width + left) * p->channels,
               (size_t)(width * p->channels));
    return q;
}

/* ---- files ----------------------------------------------------------------------------------------------------- */

/* What the first bytes say it is, where that helps to understand. */
static const char *looks_like(const data_source *s)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *what;
    } known[] = {
        {"GIF8", 4, "a GIF picture"},   {"RIFF", 4, "a sound or a film"}, {"II*\0", 4, "a TIFF picture"},
        {"MM\0*", 4, "a TIFF picture"}, {"%PDF", 4, "a PDF document"},    {"\x1f\x8b", 2, "packed with gzip"},
        {"PK\3\4", 4, "a zip archive"}, {"\0\0\x08", 3, "an IDX file"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (s->bytes >= known[i].n && memcmp(s->data, known[i].bytes, known[i].n) == 0)
            return known[i].what;
    return s->bytes == 0 ? "empty" : "no picture that is known here";
}

tn_status data_picture_check(const data_source *s, int64_t width, int64_t height, base_error *e)
{
    if (width > 0 && height > 0 && width <= s->pixels_limit / height)
        return TN_OK;
    return base_fail(e, TN_LIMIT, "%s: a picture of %lld x %lld pixels; at most %lld pixels are read", s->name,
                     (long long)width, (long long)height, (long long)s->pixels_limit);
}

/* Pixel (x, y) of the upright picture is (a, b) of the stored one: sides exchanged for 5 to 8, then mirrored. */
static void turn_pixels(const void *from, int64_t width, int64_t height, size_t pixel, int orientation, void *to)
{
    bool swap = orientation >= 5,
         mirror_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    bool mirror_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    int64_t across = swap ? height : width, down = swap ? width : height;
    unsigned char *at = to;
    for (int64_t y = 0; y < down; y++)
        for (int64_t x = 0; x < across; x++, at += pixel) {
            int64_t a = swap ? y : x, b = swap ? x : y;
            a = mirror_x ? width - 1 - a : a;
            b = mirror_y ? height - 1 - b : b;
            memcpy(at, (const unsigned char *)from + (size_t)(b * width + a) * pixel, pixel);
        }
}

/* Takes p; NULL: memory is out. */
static tn_picture *turn(tn_picture *p, int orientation, base_error *e)
{
    bool swap = orientation >= 5;
    tn_picture *q = data_picture_new(swap ? p->height : p->width, swap ? p->width : p->height, p->channels, e);
    if (q)
        turn_pixels(p->pixels, p->width, p->height, (size_t)p->channels, orientation, q->pixels);
    tn_picture_free(p);
    return q;
}

static tn_picture16 *turn16(tn_picture16 *p, int orientation, base_error *e)
{
    bool swap = orientation >= 5;
    tn_picture16 *q = data_picture16_new(swap ? p->height : p->width, swap ? p->width : p->height, p->channels, e);
    if (q)
        turn_pixels(p->values, p->width, p->height, (size_t)p->channels * sizeof *p->values, orientation, q->values);
    tn_picture16_free(p);
    return q;
}

/* BMP's two letters alone would be a text that begins with "BM". */
static bool is_bmp(const data_source *s)
{
    return s->bytes >= 26 && memcmp(s->data, "BM", 2) == 0 && s->data[15] == 0 && s->data[16] == 0 && s->data[17] == 0;
}

static bool is_pnm(const data_source *s)
{
    return s->bytes >= 3 && s->data[0] == 'P' && s->data[1] >= '1' && s->data[1] <= '6' &&
           (s->data[2] == ' ' || s->data[2] == '#' || (s->data[2] >= '\t' && s->data[2] <= '\r'));
}

tn_status data_picture_no_mask(const data_source *s, base_error *e, const char *why, ...)
{
    char text[160];
    va_list args;
    va_start(args, why);
    (void)base_vprint(text, sizeof text, why, args);
    va_end(args);
    return base_fail(e, TN_FORMAT, "%s is no mask of class numbers, 0 to 255 in grey or as entries of a palette: %s",
                     s->name, text);
}

/* Of a mask in three channels these are the same. Takes p; NULL: they are not. */
static tn_picture *one_channel(tn_picture *p, const data_source *s, base_error *e)
{
    const size_t n = (size_t)p->width * (size_t)p->height;
    for (size_t i = 0; p->channels == 3 && i < n; i++) {
        const uint8_t *v = p->pixels + 3 * i;
        if (v[0] == v[1] && v[1] == v[2])
            continue;
        (void)data_picture_no_mask(s, e, "it is coloured (red %d, green %d, blue %d)", v[0], v[1], v[2]);
        tn_picture_free(p);
        return NULL;
    }
    return p;
}

tn_picture *data_picture_decode_hinted(const data_source *s, data_hint *hint, base_error *e)
{
    tn_picture *p = NULL;
    int orientation = 1;
    if (s->bytes >= 8 && memcmp(s->data, "\x89PNG\r\n\x1a\n", 8) == 0)
        (void)data_png_decode(s, &p, &orientation, e);
    else if (s->bytes >= 3 && memcmp(s->data, "\xff\xd8\xff", 3) == 0 && s->numbers)
        (void)data_picture_no_mask(s, e, "JPEG does not keep numbers; write PNG");
    else if (s->bytes >= 3 && memcmp(s->data, "\xff\xd8\xff", 3) == 0)
        (void)data_jpeg_decode(s, hint, &p, &orientation, e);
    else if (s->bytes >= 12 && memcmp(s->data, "RIFF", 4) == 0 && memcmp(s->data + 8, "WEBP", 4) == 0)
        (void)data_webp_decode(s, &p, &orientation, e);
    else if (is_bmp(s))
        (void)data_bmp_decode(s, &p, e);
    else if (is_pnm(s))
        (void)data_pnm_decode(s, &p, e);
    else
        base_fail(e, TN_FORMAT, "%s is not a PNG, JPEG, WebP, BMP or PPM picture: it is %s", s->name, looks_like(s));
    if (p && orientation > 1 && !s->raw)
        p = turn(p, orientation, e);
    if (p && s->numbers)
        p = one_channel(p, s, e);
    if (p && s->channels && p->channels != s->channels) {
        tn_picture *converted = data_picture_convert(p, s->channels, e);
        tn_picture_free(p);
        p = converted;
    }
    return p;
}

static tn_picture *decode_with(const void *data, size_t bytes, const char *name, const tn_picture_opt *o, base_error *e)
{
    if (o->channels != 0 && o->channels != 1 && o->channels != 3) {
        base_fail(e, TN_INVALID, "pictures have 1 channel (grey) or 3 (red, green, blue), not %d", o->channels);
        return NULL;
    }
    data_source s = {.data = data,
                     .bytes = bytes,
                     .name = name,
                     .channels = o->channels,
                     .raw = o->raw_orientation,
                     .pixels_limit = o->pixels_limit > 0 ? o->pixels_limit : DATA_PIXELS_LIMIT};
    return data_picture_decode_hinted(&s, NULL, e);
}

tn_picture *tn_picture_decode(tn_context *context, const void *data, size_t bytes, const char *name,
                              const tn_picture_opt *opt)
{
    base_error *e = base_context_begin(context);
    return decode_with(data, bytes, name ? name : "the picture", opt ? opt : &(tn_picture_opt){0}, e);
}

/* A file's bytes, to be freed; NULL: the sentence is in e. */
static void *read_file(const char *path, const tn_picture_opt *opt, size_t *bytes, base_error *e)
{
    void *data = NULL;
    return base_file_read(path, opt->file_limit ? opt->file_limit : FILE_LIMIT, &data, bytes, e) == TN_OK ? data : NULL;
}

tn_picture *tn_picture_read(tn_context *context, const char *path, const tn_picture_opt *opt)
{
    base_error *e = base_context_begin(context);
    opt = opt ? opt : &(tn_picture_opt){0};
    size_t bytes;
    void *data = read_file(path, opt, &bytes, e);
    tn_picture *p = data ? decode_with(data, bytes, path, opt, e) : NULL;
    free(data);
    return p;
}

/* ---- 16 bits --------------------------------------------------------------------------------------------------- */

tn_picture16 *data_picture16_new(int64_t width, int64_t height, int channels, base_error *e)
{
    /* sides and channels are those of a decoded header, which was checked against the limit of pixels */
    size_t n = (size_t)width * (size_t)height * (size_t)channels;
    tn_picture16 *p = calloc(1, sizeof *p + 2 * n);
    if (!p) {
        base_no_memory(e, "decoding a picture of 16 bits");
        return NULL;
    }
    p->width = width;
    p->height = height;
    p->channels = channels;
    p->values = (uint16_t *)(p + 1);
    return p;
}

void tn_picture16_free(tn_picture16 *p)
{
    free(p);
}

static tn_picture16 *widened(const tn_picture *p, base_error *e)
{
    tn_picture16 *q = data_picture16_new(p->width, p->height, p->channels, e);
    size_t n = (size_t)p->width * (size_t)p->height * (size_t)p->channels;
    for (size_t i = 0; q && i < n; i++)
        q->values[i] = (uint16_t)(257 * p->pixels[i]);
    return q;
}

/* From grey to colour and back, by the weights of data_luma. */
static tn_picture16 *convert16(const tn_picture16 *p, int channels, base_error *e)
{
    tn_picture16 *q = data_picture16_new(p->width, p->height, channels, e);
    size_t n = (size_t)p->width * (size_t)p->height;
    for (size_t i = 0; q && i < n; i++) {
        const uint16_t *v = p->values + i * (size_t)p->channels;
        for (int c = 0; channels == 3 && c < 3; c++)
            q->values[3 * i + (size_t)c] = *v;
        if (channels == 1)
            q->values[i] =
                (uint16_t)((19595u * (uint64_t)v[0] + 38470u * (uint64_t)v[1] + 7471u * (uint64_t)v[2] + 32768u) >> 16);
    }
    return q;
}

tn_picture16 *data_picture_decode16(const void *data, size_t bytes, const char *name, const tn_picture_opt *opt,
                                    base_error *e)
{
    tn_picture *p = NULL;
    tn_picture16 *wide = NULL;
    int orientation = 1;
    data_source s = {.data = data,
                     .bytes = bytes,
                     .name = name,
                     .pixels_limit = opt->pixels_limit > 0 ? opt->pixels_limit : DATA_PIXELS_LIMIT};
    if (bytes >= 8 && memcmp(data, "\x89PNG\r\n\x1a\n", 8) == 0 &&
        (opt->channels == 0 || opt->channels == 1 || opt->channels == 3))
        (void)data_png_decode16(&s, &p, &wide, &orientation, e);
    else
        p = decode_with(data, bytes, name, opt, e); /* which turns it */
    if (p)
        wide = widened(p, e);
    tn_picture_free(p);
    if (wide && orientation > 1 && !opt->raw_orientation)
        wide = turn16(wide, orientation, e);
    if (!wide || !opt->channels || wide->channels == opt->channels)
        return wide;
    tn_picture16 *converted = convert16(wide, opt->channels, e);
    tn_picture16_free(wide);
    return converted;
}

tn_picture16 *tn_picture_decode16(tn_context *context, const void *data, size_t bytes, const char *name,
                                  const tn_picture_opt *opt)
{
    base_error *e = base_context_begin(context);
    return data_picture_decode16(data, bytes, name ? name : "the picture", opt ? opt : &(tn_picture_opt){0}, e);
}

tn_picture16 *tn_picture_read16(tn_context *context, const char *path, const tn_picture_opt *opt)
{
    base_error *e = base_context_begin(context);
    opt = opt ? opt : &(tn_picture_opt){0};
    size_t bytes;
    void *data = read_file(path, opt, &bytes, e);
    tn_picture16 *p = data ? data_picture_decode16(data, bytes, path, opt, e) : NULL;
    free(data);
    return p;
}

tn_status tn_picture_prepare16(tn_context *context, const tn_picture16 *p, const char *step, const tn_view *view)
{
    static const char *const names[] = {"crop", "resize", "pad"}; /* as tn_fit */
    base_error own = {0}, *e = base_context_begin(context);
    e = e ? e : &own;
    if (!p || !view || view->dtype != TN_F32 || view->rank != 3 || view->strided || view->dims[0] != p->channels ||
        view->dims[1] < 1 || view->dims[2] < 1)
        return base_fail(e, TN_SHAPE, "a picture of 16 bits becomes f32 [its channels, height, width], row-major");
    for (int fit = 0; fit < 3; fit++)
        if (strcmp(names[fit], step) == 0)
            return picture_deep_planes(p, view->dims[2], view->dims[1], fit, 0, view->data, e);
    return base_fail(e, TN_NOT_FOUND,
                     "there is no preprocessing step \"%.100s\" for 16 bits; known are resize, crop and pad", step);
}

/* ---- the rest of the interface --------------------------------------------------------------------------------- */

tn_picture *tn_picture_convert(tn_context *context, const tn_picture *p, int channels)
{
    base_error *e = base_context_begin(context);
    return check_picture(p, e) == TN_OK ? data_picture_convert(p, channels, e) : NULL;
}

tn_picture *tn_picture_resize(tn_context *context, const tn_picture *p, int64_t width, int64_t height)
{
    base_error *e = base_context_begin(context);
    return check_picture(p, e) == TN_OK ? data_picture_resize(p, width, height, e) : NULL;
}

tn_picture *tn_picture_digit(tn_context *context, const tn_picture *p)
{
    base_error *e = base_context_begin(context);
    return check_picture(p, e) == TN_OK ? data_picture_digit(p, e) : NULL;
}

tn_status tn_picture_write_png(tn_context *context, const tn_picture *p, const char *path)
{
    base_error *e = base_context_begin(context);
    BASE_TRY(check_picture(p, e));
    return data_png_write(p, path, e);
}

/* ---- steps by name --------------------------------------------------------------------------------------------- */

static tn_picture *step_digit(const tn_picture *p, const tn_view *v, base_error *e)
{
    if (v->dims[0] == 1 && v->dims[1] == 28 && v->dims[2] == 28)
        return data_picture_digit(p, e);
    base_fail(e, TN_SHAPE, "the step \"digit\" gives pictures of [1, 28, 28], not [%lld, %lld, %lld]",
              (long long)v->dims[0], (long long)v->dims[1], (long long)v->dims[2]);
    return NULL;
}

static tn_picture *step_resize(const tn_picture *p, const tn_view *v, base_error *e)
{
    tn_picture *same = data_picture_convert(p, (int)v->dims[0], e);
    tn_picture *q = same ? data_picture_resize(same, v->dims[2], v->dims[1], e) : NULL;
    tn_picture_free(same);
    return q;
}

/* As data sets of pictures fit them. */
static tn_picture *step_fit(const tn_picture *p, const tn_view *v, int fit, base_error *e)
{
    picture_scene s = {.picture = data_picture_convert(p, (int)v->dims[0], e)};
    if (s.picture && scene_fit(&s, v->dims[2], v->dims[1], fit, 0, e) == TN_OK)
        return s.picture;
    scene_free(&s);
    return NULL;
}

static tn_picture *step_crop(const tn_picture *p, const tn_view *v, base_error *e)
{
    return step_fit(p, v, TN_FIT_CROP, e);
}

static tn_picture *step_pad(const tn_picture *p, const tn_view *v, base_error *e)
{
    return step_fit(p, v, TN_FIT_PAD, e);
}

static const struct {
    const char *name;
    tn_picture *(*run)(const tn_picture *p, const tn_view *v, base_error *e);
} steps[] = {{"digit", step_digit}, {"resize", step_resize}, {"crop", step_crop}, {"pad", step_pad}};

static tn_status check_view(const tn_view *v, base_error *e)
{
    if (v->data && v->dtype == TN_U8 && v->rank == 3 && !v->strided && (v->dims[0] == 1 || v->dims[0] == 3) &&
        v->dims[1] > 0 && v->dims[2] > 0 && tn_view_count(v) >= 0 && v->bytes >= (size_t)tn_view_count(v))
        return TN_OK;
    return base_fail(e, TN_SHAPE, "a prepared picture needs a row-major view of u8 [1 or 3, height, width]");
}

tn_status tn_picture_prepare(tn_context *context, const tn_picture *p, const char *step, const tn_view *view)
{
    base_error own = {0}, *e = base_context_begin(context);
    e = e ? e : &own;
    BASE_TRY(check_picture(p, e));
    BASE_TRY(check_view(view, e));
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (strcmp(steps[i].name, step) == 0) {
            tn_picture *q = steps[i].run(p, view, e);
            if (!q)
                return e->status;
            picture_to_planes(q, view->data);
            tn_picture_free(q);
            return TN_OK;
        }
    return base_fail(e, TN_NOT_FOUND,
                     "there is no preprocessing step \"%.100s\"; known are digit, resize, crop and pad", step);
}
