/* jpeg.c: JPEG pictures by libjpeg (libjpeg-turbo), with its handlers replaced: it would print and exit. What it takes for a
 * mere warning, damaged or missing data, is a failure here. */
#include "data/picture.h"

#include <string.h>

/* ---- EXIF ------------------------------------------------------------------------------------------------------ */

static unsigned number(const unsigned char *p, int bytes, bool big)
{
    unsigned v = 0;
    for (int i = 0; i < bytes; i++)
        v = v << 8 | p[big ? i : bytes - 1 - i];
    return v;
}

/* A TIFF header, then a directory of 12-byte entries; the orientation is entry 0x0112, a 16-bit number. */
int data_exif_orientation(const unsigned char *tiff, size_t bytes)
{
    enum { MARK = 6, HEADER = 8, ENTRY = 12, ORIENTATION = 0x0112, SHORT = 3 };
    if (bytes >= MARK &&
        memcmp(tiff, "Exif\0\0", MARK) == 0) { /* always in JPEG; in PNG and WebP some programs write it */
        tiff += MARK;
        bytes -= MARK;
    }
    if (bytes < HEADER || (memcmp(tiff, "II*\0", 4) != 0 && memcmp(tiff, "MM\0*", 4) != 0))
        return 1;
    bool big = tiff[0] == 'M';
    size_t at = number(tiff + 4, 4, big);
    if (at > bytes || bytes - at < 2)
        return 1;
    unsigned n = number(tiff + at, 2, big);
    at += 2;
    for (unsigned i = 0; i < n && bytes - at >= ENTRY; i++, at += ENTRY)
        if (number(tiff + at, 2, big) == ORIENTATION && number(tiff + at + 2, 2, big) == SHORT) {
            unsigned value = number(tiff + at + 8, 2, big);
            return value >= 1 && value <= 8 ? (int)value : 1;
        }
    return 1;
}

#ifdef TARN_HAVE_JPEG
#include <setjmp.h>
#include <stdio.h> /* jpeglib.h needs it */
#include <stdlib.h>

#include <jerror.h>
#include <jpeglib.h>

enum { SCANS_LIMIT = 200, EXIF_LIMIT = 0xffff };

/* All that must survive a jump out of libjpeg. */
typedef struct reader {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    const data_source *source;
    data_hint *hint;
    int64_t first_row, rows; /* of the scaled picture: what is read of it */
    tn_picture *out;
    uint8_t *row;
    tn_status status;
    base_error *e;
} reader;

static void fail(reader *r)
{
    char text[JMSG_LENGTH_MAX] = "";
    if (r->jpeg.err->msg_code == JERR_OUT_OF_MEMORY) {
        r->status = base_no_memory(r->e, "decoding a JPEG picture");
        longjmp(r->jump, 1);
    }
    r->jpeg.err->format_message((j_common_ptr)&r->jpeg, text);
    size_t left = r->jpeg.src ? r->jpeg.src->bytes_in_buffer : 0,
           at = r->source->bytes > left ? r->source->bytes - left : 0;
    r->status =
        base_fail(r->e, TN_FORMAT, "%s is a damaged JPEG picture: near offset %zu: %.200s", r->source->name, at, text);
    longjmp(r->jump, 1);
}

static void on_exit_(j_common_ptr c)
{
    fail(c->client_data);
}

/* Things that do no harm to the pixels may pass. */
static void on_message(j_common_ptr c, int level)
{
    int code = c->err->msg_code;
    if (level < 0 && code != JWRN_EXTRANEOUS_DATA && code != JWRN_JFIF_MAJOR && code != JWRN_ADOBE_XFORM &&
        code != JWRN_BOGUS_ICC)
        fail(c->client_data);
}

static void on_output(j_common_ptr c)
{
    (void)c;
}

/* A small file can hold thousands of empty scans over a large picture. */
static void on_progress(j_common_ptr c)
{
    reader *r = c->client_data;
    if (r->jpeg.input_scan_number <= SCANS_LIMIT)
        return;
    r->status =
        base_fail(r->e, TN_LIMIT, "%s: a JPEG picture of more than %d scans is not read", r->source->name, SCANS_LIMIT);
    longjmp(r->jump, 1);
}

static int orientation_of(const reader *r)
{
    for (jpeg_saved_marker_ptr m = r->jpeg.marker_list; m; m = m->next)
        if (m->marker == JPEG_APP0 + 1 && m->data_length > 6 && memcmp(m->data, "Exif\0\0", 6) == 0)
            return data_exif_orientation(m->data, m->data_length);
    return 1;
}

/* Inks on white. Adobe's files, the only ones there are, store them inverted. */
static void from_cmyk(const uint8_t *row, int64_t n, bool inverted, uint8_t *out)
{
    for (int64_t i = 0; i < n; i++, row += 4)
        for (int c = 0; c < 3; c++) {
            unsigned ink = inverted ? row[c] : 255u - row[c], black = inverted ? row[3] : 255u - row[3];
            *out++ = (uint8_t)((ink * black + 127) / 255);
        }
}

static void choose_colours(reader *r)
{
    J_COLOR_SPACE stored = r->jpeg.jpeg_color_space;
    if (stored == JCS_CMYK || stored == JCS_YCCK)
        r->jpeg.out_color_space = JCS_CMYK;
    else if (stored == JCS_GRAYSCALE || (r->source->channels == 1 && stored == JCS_YCbCr))
        r->jpeg.out_color_space = JCS_GRAYSCALE; /* the luma is stored */
    else
        r->jpeg.out_color_space = JCS_RGB;
    r->jpeg.dct_method = JDCT_ISLOW; /* the exact one */
}

/* The largest reduction that leaves the part at least as large as it is due; those that libjpeg-turbo has fast code for. */
static unsigned reduction(const data_part *part)
{
    unsigned by = 1;
    while (by < 8 && part->width / (2 * by) >= part->to_width && part->height / (2 * by) >= part->to_height)
        by *= 2;
    return by;
}

static void reduce(reader *r, bool upright)
{
    data_part *part = r->hint ? &r->hint->part : NULL;
    if (!part || !upright || !r->hint->ask(r->hint->user, r->jpeg.image_width, r->jpeg.image_height, part))
        return;
    unsigned by = reduction(part);
    r->hint->used = true;
    r->jpeg.scale_num = 1;
    r->jpeg.scale_denom = by;
    /* to the nearest pixel: what is less than half a pixel off here is less than half of one in the result */
    int64_t half = by / 2, right = (part->left + part->width + half) / by,
            bottom = (part->top + part->height + half) / by;
    part->left = (part->left + half) / by;
    part->top = (part->top + half) / by;
    part->width = right - part->left;
    part->height = bottom - part->top;
}

/* After the start: only the columns and rows of the part. Whole blocks are given, so that the part lies inside of them. Of
 * progressive pictures, whose blocks are kept anyway, and without libjpeg-turbo all is read. */
static void cut_to_part(reader *r)
{
    r->first_row = 0;
    r->rows = r->jpeg.output_height;
#if defined(LIBJPEG_TURBO_VERSION_NUMBER) && LIBJPEG_TURBO_VERSION_NUMBER >= 1005000
    data_part *part = r->hint && r->hint->used ? &r->hint->part : NULL;
    if (!part)
        return;
    /* A pixel more on each side: chroma is interpolated from neighbours, which a cut would take away. */
    int64_t margin = 2, left = part->left > margin ? part->left - margin : 0;
    int64_t right = part->left + part->width + margin;
    right = right < r->jpeg.output_width ? right : r->jpeg.output_width;
    JDIMENSION x = (JDIMENSION)left, width = (JDIMENSION)(right - left);
    if (width < r->jpeg.output_width) {
        jpeg_crop_scanline(&r->jpeg, &x, &width);
        part->left -= x;
    }
    r->first_row = part->top;
    r->rows = part->height;
    part->top = 0;
#endif
}

static bool read_rows(reader *r)
{
    jpeg_start_decompress(&r->jpeg);
    cut_to_part(r);
    int64_t width = r->jpeg.output_width;
    bool cmyk = r->jpeg.out_color_space == JCS_CMYK;
    r->out = data_picture_new(width, r->rows, r->jpeg.out_color_space == JCS_GRAYSCALE ? 1 : 3, r->e);
    r->row = cmyk ? malloc((size_t)width * 4) : NULL;
    if (!r->out || (cmyk && !r->row)) {
        r->status = base_no_memory(r->e, "decoding a JPEG picture");
        return false;
    }
#if defined(LIBJPEG_TURBO_VERSION_NUMBER) && LIBJPEG_TURBO_VERSION_NUMBER >= 1005000
    if (r->first_row > 0)
        jpeg_skip_scanlines(&r->jpeg, (JDIMENSION)r->first_row);
#endif
    for (int64_t y = 0; y < r->rows; y++) {
        uint8_t *to = r->out->pixels + (size_t)y * (size_t)width * (size_t)r->out->channels;
        JSAMPROW row = cmyk ? r->row : to;
        jpeg_read_scanlines(&r->jpeg, &row, 1);
        if (cmyk)
            from_cmyk(r->row, width, r->jpeg.saw_Adobe_marker, to);
    }
    /* What lies below the part is not looked at: a picture that is damaged there is told when that part is wanted. */
    if (r->jpeg.output_scanline == r->jpeg.output_height)
        jpeg_finish_decompress(&r->jpeg);
    else
        jpeg_abort_decompress(&r->jpeg);
    return true;
}

static bool read_all(reader *r, int *orientation)
{
    if (setjmp(r->jump))
        return false;
    jpeg_create_decompress(&r->jpeg);
    r->jpeg.client_data = r;
    r->jpeg.progress = &r->progress;
    jpeg_mem_src(&r->jpeg, r->source->data, (unsigned long)r->source->bytes);
    jpeg_save_markers(&r->jpeg, JPEG_APP0 + 1, EXIF_LIMIT);
    jpeg_read_header(&r->jpeg, TRUE);
    r->status = data_picture_check(r->source, r->jpeg.image_width, r->jpeg.image_height, r->e);
    if (r->status != TN_OK)
        return false;
    *orientation = orientation_of(r);
    choose_colours(r);
    reduce(r, *orientation == 1 || r->source->raw);
    return read_rows(r);
}

tn_status data_jpeg_decode(const data_source *s, data_hint *hint, tn_picture **out, int *orientation, base_error *e)
{
    reader *r = calloc(1, sizeof *r);
    if (!r)
        return base_no_memory(e, "decoding a JPEG picture");
    r->source = s;
    r->hint = hint;
    r->e = e;
    r->jpeg.err = jpeg_std_error(&r->errors);
    r->errors.error_exit = on_exit_;
    r->errors.emit_message = on_message;
    r->errors.output_message = on_output;
    r->progress.progress_monitor = on_progress;
    r->jpeg.client_data = r;
    bool good = read_all(r, orientation);
    tn_status status = r->status;
    if (good)
        *out = r->out;
    else
        tn_picture_free(r->out);
    jpeg_destroy_decompress(&r->jpeg);
    free(r->row);
    free(r);
    return status;
}

#else

tn_status data_jpeg_decode(const data_source *s, data_hint *hint, tn_picture **out, int *orientation, base_error *e)
{
    (void)hint;
    (void)out;
    (void)orientation;
    return base_fail(e, TN_UNSUPPORTED,
                     "%s is a JPEG picture, and this build is without libjpeg; install the Debian package "
                     "libjpeg62-turbo-dev and build again",
                     s->name);
}
#endif
