/* png.c: PNG pictures by libpng, whose messages go into sentences: it prints nothing and exits nowhere. */
#include "data/picture.h"

#ifdef TARN_HAVE_PNG
#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "data/gzip.h"

enum { CHUNK_LIMIT = 8 << 20, CHUNKS_LIMIT = 1000 }; /* of texts, colour profiles and the like */

/* All that must survive a jump out of libpng. */
typedef struct reader {
    const data_source *source;
    size_t position;
    png_structp png;
    png_infop info;
    tn_picture *out;
    uint8_t *raw; /* rows as libpng gives them: 1 to 4 channels */
    int channels;
    int64_t width, height;
    tn_picture16 *wide; /* 16 bits are kept and go here; NULL: they are reduced to 8 */
    bool wants_wide;
    bool two_bytes; /* a value, of what was read */
    bool no_memory;
    tn_status status; /* of a failure of our own */
    char message[160];
    base_error *e;
} reader;

static void note(char *message, size_t room, png_const_charp text)
{
    size_t n = strnlen(text, room - 1);
    memcpy(message, text, n);
    message[n] = '\0';
}

static void on_error(png_structp png, png_const_charp text)
{
    reader *r = png_get_error_ptr(png);
    note(r->message, sizeof r->message, text);
    png_longjmp(png, 1);
}

static bool is_about_memory(const char *text)
{
    return strstr(text, "memory") || strstr(text, "Memory");
}

/* libpng goes on without what it had no memory for, transparency for one; we do not. It must not be left from here, as
 * zlib may be at work between it and us. */
static void on_warning(png_structp png, png_const_charp text)
{
    reader *r = png_get_error_ptr(png);
    if (is_about_memory(text))
        r->no_memory = true;
}

static void on_read(png_structp png, png_bytep to, size_t bytes)
{
    reader *r = png_get_io_ptr(png);
    if (bytes > r->source->bytes - r->position) {
        r->position = r->source->bytes;
        png_error(png, "it ends too early");
    }
    memcpy(to, r->source->data + r->position, bytes);
    r->position += bytes;
}

/* A file can only hold as many rows as its packed bytes can be unpacked to. */
static tn_status check_size(reader *r, base_error *e)
{
    size_t row = png_get_rowbytes(r->png, r->info), total;
    BASE_TRY(data_picture_check(r->source, r->width, r->height, e));
    if (__builtin_mul_overflow(row, (size_t)r->height, &total) || total > data_gzip_most(r->source->bytes))
        return base_fail(e, TN_FORMAT,
                         "%s: its header promises %lld x %lld pixels; a file of %zu bytes cannot hold as many",
                         r->source->name, (long long)r->width, (long long)r->height, r->source->bytes);
    return TN_OK;
}

/* Everything becomes 8-bit grey or colour, perhaps with alpha. */
static void set_transforms(reader *r)
{
    int type = png_get_color_type(r->png, r->info);
    if (r->source->numbers && (type == PNG_COLOR_TYPE_PALETTE || type == PNG_COLOR_TYPE_GRAY)) {
        png_set_packing(r->png);
        return;
    }
    if (type == PNG_COLOR_TYPE_PALETTE)
        png_set_palette_to_rgb(r->png);
    if (type == PNG_COLOR_TYPE_GRAY && png_get_bit_depth(r->png, r->info) < 8)
        png_set_expand_gray_1_2_4_to_8(r->png);
    if (png_get_valid(r->png, r->info, PNG_INFO_tRNS))
        png_set_tRNS_to_alpha(r->png);
    if (png_get_bit_depth(r->png, r->info) == 16 && !r->wants_wide && !r->source->numbers)
        png_set_scale_16(r->png);
}

static bool read_rows(reader *r)
{
    int passes = png_set_interlace_handling(r->png);
    png_read_update_info(r->png, r->info);
    r->channels = png_get_channels(r->png, r->info);
    size_t row = png_get_rowbytes(r->png, r->info);
    const bool two_bytes = png_get_bit_depth(r->png, r->info) == 16, wide = two_bytes && !r->source->numbers;
    r->two_bytes = two_bytes;
    r->raw = calloc((size_t)r->height, row);
    if (wide)
        r->wide = r->raw ? data_picture16_new(r->width, r->height, r->channels >= 3 ? 3 : 1, r->e) : NULL;
    else
        r->out = r->raw ? data_picture_new(r->width, r->height, r->channels >= 3 ? 3 : 1, r->e) : NULL;
    if (wide ? !r->wide : !r->out) {
        r->status = base_no_memory(r->e, "decoding a PNG picture");
        return false;
    }
    for (int pass = 0; pass < passes; pass++)
        for (int64_t y = 0; y < r->height; y++)
            png_read_row(r->png, r->raw + (size_t)y * row, NULL);
    png_read_end(r->png, r->info);
    return true;
}

static int orientation_of(const reader *r)
{
#ifdef PNG_eXIf_SUPPORTED
    png_uint_32 bytes = 0;
    png_bytep block = NULL;
    if (png_get_eXIf_1(r->png, r->info, &bytes, &block) && block)
        return data_exif_orientation(block, bytes);
#endif
    return 1;
}

/* False when libpng jumped out or we gave up. */
static bool read_all(reader *r)
{
    if (setjmp(png_jmpbuf(r->png)))
        return false;
    png_set_read_fn(r->png, r, on_read);
    png_set_user_limits(r->png, 0x7fffffff, 0x7fffffff); /* ours are checked below, in our words */
    png_set_chunk_malloc_max(r->png, CHUNK_LIMIT);
    png_set_chunk_cache_max(r->png, CHUNKS_LIMIT);
    png_read_info(r->png, r->info);
    r->width = png_get_image_width(r->png, r->info);
    r->height = png_get_image_height(r->png, r->info);
    r->status = check_size(r, r->e);
    if (r->status != TN_OK)
        return false;
    set_transforms(r);
    return read_rows(r);
}

static uint8_t over_white(unsigned value, unsigned alpha)
{
    return (uint8_t)((value * alpha + 255 * (255 - alpha) + 127) / 255);
}

static void flatten(const reader *r)
{
    int colours = r->out->channels;
    bool alpha = r->channels == 2 || r->channels == 4;
    size_t n = (size_t)r->width * (size_t)r->height;
    const uint8_t *from = r->raw;
    for (size_t i = 0; i < n; i++, from += r->channels)
        for (int c = 0; c < colours; c++)
            r->out->pixels[i * (size_t)colours + (size_t)c] = alpha ? over_white(from[c], from[colours]) : from[c];
}

/* A mask: values as they are. Colours that are greys are left to picture.c. */
static tn_status flatten_numbers(const reader *r)
{
    const size_t n = (size_t)r->width * (size_t)r->height, bytes = r->two_bytes ? 2 : 1;
    const int colours = r->out->channels;
    const bool alpha = r->channels == 2 || r->channels == 4;
    const uint8_t *from = r->raw;
    for (size_t i = 0; i < n; i++, from += (size_t)r->channels * bytes) {
        for (int c = 0; c < colours; c++) {
            const unsigned v = r->two_bytes ? (unsigned)from[2 * c] << 8 | from[2 * c + 1] : from[c];
            if (v > UINT8_MAX)
                return data_picture_no_mask(r->source, r->e, "it has the value %u", v);
            r->out->pixels[i * (size_t)colours + (size_t)c] = (uint8_t)v;
        }
        if (alpha && from[(size_t)colours * bytes] != UINT8_MAX)
            return data_picture_no_mask(r->source, r->e, "pixels are transparent");
    }
    return TN_OK;
}

/* Values of two bytes, the high one first. */
static void flatten_wide(const reader *r)
{
    int colours = r->wide->channels;
    bool alpha = r->channels == 2 || r->channels == 4;
    size_t n = (size_t)r->width * (size_t)r->height;
    const uint8_t *from = r->raw;
    for (size_t i = 0; i < n; i++, from += 2 * r->channels) {
        uint64_t a = alpha ? (uint64_t)from[2 * colours] << 8 | from[2 * colours + 1] : 65535;
        for (int c = 0; c < colours; c++) {
            uint64_t v = (uint64_t)from[2 * c] << 8 | from[2 * c + 1];
            r->wide->values[i * (size_t)colours + (size_t)c] =
                (uint16_t)((v * a + 65535 * (65535 - a) + 32767) / 65535);
        }
    }
}

static tn_status decode(const data_source *s, tn_picture **out, tn_picture16 **wide, int *orientation, base_error *e)
{
    reader r = {.source = s, .wants_wide = wide != NULL, .e = e};
    r.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &r, on_error, on_warning);
    r.info = r.png ? png_create_info_struct(r.png) : NULL;
    if (!r.info) {
        png_destroy_read_struct(&r.png, NULL, NULL);
        return base_no_memory(e, "decoding a PNG picture");
    }
    bool good = read_all(&r) && !r.no_memory;
    if (good)
        *orientation = orientation_of(&r);
    if (good && s->numbers && (r.status = flatten_numbers(&r)) != TN_OK)
        good = false;
    else if (good && s->numbers)
        ; /* done */
    else if (good && r.wide)
        flatten_wide(&r);
    else if (good)
        flatten(&r);
    else if (r.status == TN_OK && (r.no_memory || is_about_memory(r.message)))
        r.status = base_no_memory(e, "decoding a PNG picture");
    else if (r.status == TN_OK)
        r.status =
            base_fail(e, TN_FORMAT, "%s is a damaged PNG picture: at offset %zu: %s", s->name, r.position, r.message);
    png_destroy_read_struct(&r.png, &r.info, NULL);
    free(r.raw);
    if (good) {
        *out = r.out;
        if (wide)
            *wide = r.wide;
        return r.status;
    }
    tn_picture_free(r.out);
    tn_picture16_free(r.wide);
    return r.status;
}

tn_status data_png_decode(const data_source *s, tn_picture **out, int *orientation, base_error *e)
{
    return decode(s, out, NULL, orientation, e);
}

tn_status data_png_decode16(const data_source *s, tn_picture **out, tn_picture16 **wide, int *orientation,
                            base_error *e)
{
    return decode(s, out, wide, orientation, e);
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

typedef struct writer {
    const tn_picture *picture;
    png_structp png;
    png_infop info;
    base_writer *file;
    char message[160];
} writer;

static void on_write_error(png_structp png, png_const_charp text)
{
    writer *w = png_get_error_ptr(png);
    note(w->message, sizeof w->message, text);
    png_longjmp(png, 1);
}

static void on_write_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void on_write(png_structp png, png_bytep data, size_t bytes)
{
    writer *w = png_get_io_ptr(png);
    if (base_writer_write(w->file, data, bytes) != TN_OK)
        png_error(png, "writing failed");
}

static void on_flush(png_structp png)
{
    (void)png;
}

static bool write_all(writer *w)
{
    const tn_picture *p = w->picture;
    if (setjmp(png_jmpbuf(w->png)))
        return false;
    png_set_write_fn(w->png, w, on_write, on_flush);
    png_set_IHDR(w->png, w->info, (png_uint_32)p->width, (png_uint_32)p->height, 8,
                 p->channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_BASE, PNG_FILTER_TYPE_BASE);
    png_write_info(w->png, w->info);
    for (int64_t y = 0; y < p->height; y++)
        png_write_row(w->png, p->pixels + (size_t)y * (size_t)p->width * (size_t)p->channels);
    png_write_end(w->png, w->info);
    return true;
}

tn_status data_png_write(const tn_picture *p, const char *path, base_error *e)
{
    base_error own = {0};
    e = e ? e : &own;
    if (p->width > 1000000 || p->height > 1000000)
        return base_fail(e, TN_LIMIT, "%s cannot be written: the sides of a PNG picture are at most a million pixels",
                         path);
    writer w = {.picture = p, .file = base_writer_new(path, e)};
    if (!w.file)
        return e->status;
    w.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &w, on_write_error, on_write_warning);
    w.info = w.png ? png_create_info_struct(w.png) : NULL;
    bool good = w.info && write_all(&w);
    bool memory = !w.info || is_about_memory(w.message);
    png_destroy_write_struct(&w.png, &w.info);
    if (good)
        return base_writer_commit(w.file);
    base_writer_abandon(w.file);
    if (e->status != TN_OK)
        return e->status; /* the file's own sentence says more */
    if (memory)
        base_no_memory(e, "writing a PNG picture");
    else
        base_fail(e, TN_INTERNAL, "%s cannot be written as PNG: %s", path, w.message);
    return e->status;
}

#else

tn_status data_png_decode(const data_source *s, tn_picture **out, int *orientation, base_error *e)
{
    (void)out;
    (void)orientation;
    return base_fail(e, TN_UNSUPPORTED,
                     "%s is a PNG picture, and this build is without libpng; install the Debian package "
                     "libpng-dev and build again",
                     s->name);
}

tn_status data_png_decode16(const data_source *s, tn_picture **out, tn_picture16 **wide, int *orientation,
                            base_error *e)
{
    (void)wide;
    return data_png_decode(s, out, orientation, e);
}

tn_status data_png_write(const tn_picture *p, const char *path, base_error *e)
{
    (void)p;
    return base_fail(e, TN_UNSUPPORTED,
                     "%s cannot be written: this build is without libpng; install the Debian package "
                     "libpng-dev and build again",
                     path);
}
#endif
