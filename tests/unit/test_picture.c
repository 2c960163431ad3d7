/* test_picture.c: PNG and JPEG in all their kinds, whole, cut off and damaged; scaling; the step "digit"; writing to disks
 * that are full. Pictures are made here with the libraries that Tarn decodes with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#ifdef TARN_HAVE_PNG
#include <png.h>
#endif
#ifdef TARN_HAVE_JPEG
#include <jpeglib.h>
#endif

#include "base/file.h"
#include "data/digits.h"
#include "data/picture.h"
#include "support/context.h"
#include "support/scratch.h"

static tn_picture *picture(int64_t width, int64_t height, int channels)
{
    tn_picture *p = tn_picture_new(context, width, height, channels);
    assert_non_null(p);
    for (int64_t i = 0; i < width * height * channels; i++)
        p->pixels[i] = (uint8_t)(i * 7);
    return p;
}

static void same(const tn_picture *a, const tn_picture *b, int within)
{
    assert_non_null(a);
    assert_non_null(b);
    assert_true(a->width == b->width && a->height == b->height && a->channels == b->channels);
    for (int64_t i = 0; i < a->width * a->height * a->channels; i++)
        if (abs(a->pixels[i] - b->pixels[i]) > within)
            fail_msg("value %d is %d and %d", (int)i, a->pixels[i], b->pixels[i]);
}

/* Decodes from memory that is exactly as long, so that AddressSanitizer sees a byte too many. */
static tn_picture *decode(const void *data, size_t bytes, const tn_picture_opt *opt)
{
    void *exact = malloc(bytes ? bytes : 1);
    memcpy(exact, data, bytes);
    tn_picture *p = tn_picture_decode(context, exact, bytes, "pic", opt);
    assert_true((p == NULL) == (tn_context_error(context)[0] != '\0'));
    free(exact);
    return p;
}

/* Every cut must fail; every flipped bit must give a picture or a sentence. */
static void torture(const unsigned char *data, size_t bytes, size_t step)
{
    const tn_picture_opt small = {.pixels_limit = 100000};
    for (size_t cut = 0; cut < bytes; cut++) {
        tn_picture *p = decode(data, cut, &small);
        if (p)
            fail_msg("cut off at %zu of %zu it still is a picture", cut, bytes);
    }
    unsigned char *copy = malloc(bytes);
    memcpy(copy, data, bytes);
    for (size_t i = 0; i < bytes; i += step)
        for (int bit = 0; bit < 8; bit++) {
            copy[i] ^= (unsigned char)(1 << bit);
            tn_picture_free(decode(copy, bytes, &small));
            copy[i] ^= (unsigned char)(1 << bit);
        }
    free(copy);
}

/* ---- PNG ------------------------------------------------------------------------------------------------------- */

#ifdef TARN_HAVE_PNG
typedef struct memory {
    unsigned char *data;
    size_t n;
} memory;

static void append(png_structp png, png_bytep data, size_t bytes)
{
    memory *m = png_get_io_ptr(png);
    m->data = realloc(m->data, m->n + bytes);
    memcpy(m->data + m->n, data, bytes);
    m->n += bytes;
}

static void nothing(png_structp png)
{
    (void)png;
}

/* A PNG of any kind: `rows` as libpng wants them for type and depth. */
static memory png_of(int width, int height, int type, int depth, bool interlaced, bool transparent, const uint8_t *rows)
{
    memory m = {0};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    assert_false(setjmp(png_jmpbuf(png)));
    png_set_write_fn(png, &m, append, nothing);
    png_set_IHDR(png, info, (png_uint_32)width, (png_uint_32)height, depth, type,
                 interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_BASE,
                 PNG_FILTER_TYPE_BASE);
    static const png_color palette[4] = {{0, 0, 0}, {255, 0, 0}, {0, 255, 0}, {9, 8, 7}};
    static const png_byte alpha[4] = {255, 255, 0, 128};
    if (type == PNG_COLOR_TYPE_PALETTE) {
        png_set_PLTE(png, info, palette, 4);
        if (transparent)
            png_set_tRNS(png, info, alpha, 4, NULL);
    }
    png_write_info(png, info);
    size_t row = png_get_rowbytes(png, info);
    int passes = png_set_interlace_handling(png);
    for (int pass = 0; pass < passes; pass++)
        for (int y = 0; y < height; y++)
            png_write_row(png, rows + row * (size_t)y);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    return m;
}

static void expect(memory m, const tn_picture_opt *opt, int channels, const uint8_t *pixels, size_t n)
{
    tn_picture *p = decode(m.data, m.n, opt);
    assert_string_equal(tn_context_error(context), "");
    assert_int_equal(p->channels, channels);
    assert_int_equal(p->width * p->height * channels, n);
    assert_memory_equal(p->pixels, pixels, n);
    tn_picture_free(p);
    free(m.data);
}

static void png_of_all_kinds(void **state)
{
    (void)state;
    static const uint8_t grey[4] = {0, 100, 200, 255};
    expect(png_of(2, 2, PNG_COLOR_TYPE_GRAY, 8, false, false, grey), NULL, 1, grey, 4);
    expect(png_of(2, 2, PNG_COLOR_TYPE_GRAY, 8, true, false, grey), NULL, 1, grey, 4);
    static const uint8_t as_rgb[12] = {0, 0, 0, 100, 100, 100, 200, 200, 200, 255, 255, 255};
    expect(png_of(2, 2, PNG_COLOR_TYPE_GRAY, 8, false, false, grey), TN_OPT(tn_picture_opt, .channels = 3), 3, as_rgb,
           12);
    static const uint8_t rgb[6] = {255, 0, 0, 10, 20, 30}, luma[2] = {76, 18};
    expect(png_of(2, 1, PNG_COLOR_TYPE_RGB, 8, false, false, rgb), NULL, 3, rgb, 6);
    expect(png_of(2, 1, PNG_COLOR_TYPE_RGB, 8, false, false, rgb), TN_OPT(tn_picture_opt, .channels = 1), 1, luma, 2);
    static const uint8_t bits[1] = {0xA0}, from_bits[3] = {255, 0, 255};
    expect(png_of(3, 1, PNG_COLOR_TYPE_GRAY, 1, false, false, bits), NULL, 1, from_bits, 3);
    static const uint8_t wide[4] = {0xff, 0xff, 0x80, 0x80}, narrow[2] = {255, 128};
    expect(png_of(2, 1, PNG_COLOR_TYPE_GRAY, 16, false, false, wide), NULL, 1, narrow, 2);
    /* kept as they are when that is asked for; of 8 bits 257 times */
    memory m = png_of(2, 1, PNG_COLOR_TYPE_GRAY, 16, false, false, wide);
    tn_picture16 *p = tn_picture_decode16(context, m.data, m.n, "pic", NULL);
    assert_non_null(p);
    for (int i = 0; i < 2; i++)
        assert_int_equal(p->values[i], wide[2 * i] << 8 | wide[2 * i + 1]);
    float deep[2];
    const tn_view view = tn_view_of(deep, TN_F32, 3, (const int64_t[]){1, 1, 2});
    assert_int_equal(tn_picture_prepare16(context, p, "crop", &view), TN_OK);
    assert_true(deep[0] == 1 && deep[1] > 32896.0F / 65535 - 1e-7F && deep[1] < 32896.0F / 65535 + 1e-7F);
    assert_int_equal(tn_picture_prepare16(context, p, "digit", &view), TN_NOT_FOUND);
    const tn_view wrong = tn_view_of(deep, TN_F32, 3, (const int64_t[]){2, 1, 1});
    assert_int_equal(tn_picture_prepare16(context, p, "crop", &wrong), TN_SHAPE);
    tn_picture16_free(p);
    p = tn_picture_decode16(context, m.data, m.n, "pic", TN_OPT(tn_picture_opt, .channels = 3));
    assert_int_equal(p->values[2], wide[0] << 8 | wide[1]);
    tn_picture16_free(p);
    for (size_t cut = 0; cut < m.n; cut++)
        assert_null(tn_picture_decode16(context, m.data, cut, "pic", NULL));
    free(m.data);
    p = tn_picture_decode16(context, "P5 1 1 255\n\x80", 12, "pic", NULL);
    assert_int_equal(p->values[0], 0x8080);
    tn_picture16_free(p);
    static const uint8_t ga[4] = {0, 0, 0, 128}, on_white[2] = {255, 127};
    expect(png_of(2, 1, PNG_COLOR_TYPE_GRAY_ALPHA, 8, false, false, ga), NULL, 1, on_white, 2);
    static const uint8_t rgba[8] = {9, 9, 9, 0, 200, 100, 0, 255}, rgb_on_white[6] = {255, 255, 255, 200, 100, 0};
    expect(png_of(2, 1, PNG_COLOR_TYPE_RGB_ALPHA, 8, false, false, rgba), NULL, 3, rgb_on_white, 6);
    static const uint8_t indices[1] = {0x1B}; /* 0 1 2 3 */
    static const uint8_t colours[12] = {0, 0, 0, 255, 0, 0, 0, 255, 0, 9, 8, 7};
    static const uint8_t through[12] = {0, 0, 0, 255, 0, 0, 255, 255, 255, 132, 131, 131};
    expect(png_of(4, 1, PNG_COLOR_TYPE_PALETTE, 2, false, false, indices), NULL, 3, colours, 12);
    expect(png_of(4, 1, PNG_COLOR_TYPE_PALETTE, 2, true, true, indices), NULL, 3, through, 12);
}

static void png_cut_and_damaged(void **state)
{
    (void)state;
    uint8_t rows[9 * 7 * 3];
    for (size_t i = 0; i < sizeof rows; i++)
        rows[i] = (uint8_t)(i * i);
    for (int interlaced = 0; interlaced < 2; interlaced++) {
        memory m = png_of(9, 7, PNG_COLOR_TYPE_RGB, 8, interlaced, false, rows);
        torture(m.data, m.n, 1);
        free(m.data);
    }
}

static void png_sizes_are_checked_first(void **state)
{
    (void)state;
    static uint8_t rows[100 * 100];
    memory m = png_of(100, 100, PNG_COLOR_TYPE_GRAY, 8, false, false, rows);
    assert_null(decode(m.data, m.n, TN_OPT(tn_picture_opt, .pixels_limit = 9999)));
    says("pic: a picture of 100 x 100 pixels; at most 9999 pixels are read");
    /* the header says more than a file of this size can hold; its checksum is right */
    m.data[16] = 0;
    m.data[17] = 0;
    m.data[18] = 0x27; /* 9984 + 100 wide */
    m.data[22] = 0x20; /* and 8292 high */
    uint32_t crc = 0xffffffffu;
    for (int i = 12; i < 29; i++) {
        crc ^= m.data[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    }
    crc = ~crc;
    for (int i = 0; i < 4; i++)
        m.data[29 + i] = (unsigned char)(crc >> (24 - 8 * i));
    assert_null(decode(m.data, m.n, NULL));
    says("cannot hold as many");
    free(m.data);
}

static void png_is_written_and_read_again(void **state)
{
    (void)state;
    static const int64_t sizes[][2] = {{1, 1}, {17, 1}, {1, 31}, {33, 20}};
    for (size_t s = 0; s < 4; s++)
        for (int channels = 1; channels <= 3; channels += 2) {
            tn_picture *p = picture(sizes[s][0], sizes[s][1], channels);
            const char *path = scratch_path("a.png");
            assert_int_equal(tn_picture_write_png(context, p, path), TN_OK);
            tn_picture *q = tn_picture_read(context, path, NULL);
            same(p, q, 0);
            tn_picture_free(p);
            tn_picture_free(q);
        }
}

static void png_that_cannot_be_written(void **state)
{
    (void)state;
    tn_picture *p = picture(300, 300, 3);
    for (int64_t i = 0; i < 270000; i++)
        p->pixels[i] = (uint8_t)((uint64_t)i * i * 2654435761u >> 13); /* does not pack */
    const char *path = scratch_path("full.png");
    assert_int_equal(tn_picture_write_png(context, p, path), TN_OK);
    int before = scratch_count();
    scratch_disk_full(5000);
    tn_status status = tn_picture_write_png(context, p, path);
    scratch_disk_free();
    assert_int_equal(status, TN_IO);
    says("full.png");
    assert_int_equal(scratch_count(), before); /* nothing is left beside */
    tn_picture *q = tn_picture_read(context, path, NULL);
    same(p, q, 0); /* and the old file is as it was */
    tn_picture_free(q);
    assert_int_equal(tn_picture_write_png(context, p, scratch_path("no/such/folder.png")), TN_NOT_FOUND);
    tn_picture wrong = {.width = 2, .height = 2, .channels = 2, .pixels = p->pixels};
    assert_int_equal(tn_picture_write_png(context, &wrong, path), TN_INVALID);
    wrong = (tn_picture){.width = 2000000, .height = 1, .channels = 1, .pixels = p->pixels};
    assert_int_equal(tn_picture_write_png(context, &wrong, path), TN_LIMIT);
    tn_picture_free(p);
}
#endif

/* ---- JPEG ------------------------------------------------------------------------------------------------------ */

#ifdef TARN_HAVE_JPEG
/* `exif`: an orientation to put in, or 0. */
static unsigned char *jpeg_of(const tn_picture *p, bool progressive, bool cmyk, int exif, size_t *bytes)
{
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr errors;
    unsigned char *out = NULL;
    unsigned long n = 0;
    c.err = jpeg_std_error(&errors);
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &out, &n);
    c.image_width = (JDIMENSION)p->width;
    c.image_height = (JDIMENSION)p->height;
    c.input_components = cmyk ? 4 : p->channels;
    c.in_color_space = cmyk ? JCS_CMYK : p->channels == 3 ? JCS_RGB : JCS_GRAYSCALE;
    jpeg_set_defaults(&c);
    jpeg_set_quality(&c, 100, TRUE);
    if (progressive)
        jpeg_simple_progression(&c);
    jpeg_start_compress(&c, TRUE);
    if (exif) {
        unsigned char block[6 + 8 + 2 + 12 + 4] = "Exif\0\0II*\0\10\0\0\0\1\0\x12\1\3\0\1\0\0\0";
        block[24] = (unsigned char)exif;
        jpeg_write_marker(&c, JPEG_APP0 + 1, block, sizeof block);
    }
    uint8_t row[4 * 64] = {0};
    for (int64_t y = 0; y < p->height; y++) {
        const uint8_t *from = p->pixels + y * p->width * p->channels;
        for (int64_t x = 0; cmyk && x < p->width; x++) { /* as Adobe: 255 is no ink */
            memcpy(row + 4 * x, from + 3 * x, 3);
            row[4 * x + 3] = 255;
        }
        JSAMPROW rows[1] = {cmyk ? row : (uint8_t *)(uintptr_t)from};
        jpeg_write_scanlines(&c, rows, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    *bytes = n;
    return out;
}

/* Smooth, so that JPEG keeps it; grey or nearly so, as colours are stored at half the size. */
static tn_picture *slope(int64_t width, int64_t height, int channels)
{
    tn_picture *p = picture(width, height, channels);
    for (int64_t y = 0; y < height; y++)
        for (int64_t x = 0; x < width; x++)
            for (int c = 0; c < channels; c++)
                p->pixels[(y * width + x) * channels + c] = (uint8_t)(40 + 4 * x + 3 * y);
    return p;
}

static void jpeg_of_all_kinds(void **state)
{
    (void)state;
    for (int kind = 0; kind < 5; kind++) {
        tn_picture *p = slope(21, 13, kind == 0 ? 1 : 3);
        size_t n;
        unsigned char *data = jpeg_of(p, kind == 2, kind == 3, 0, &n);
        tn_picture *q = decode(data, n, NULL);
        same(p, q, 4);
        tn_picture_free(q);
        q = decode(data, n, TN_OPT(tn_picture_opt, .channels = kind == 4 ? 1 : 3));
        tn_picture *converted = tn_picture_convert(context, p, kind == 4 ? 1 : 3);
        same(converted, q, 4);
        tn_picture_free(converted);
        tn_picture_free(q);
        tn_picture_free(p);
        free(data);
    }
}

static void jpeg_is_turned_upright(void **state)
{
    (void)state;
    tn_picture *p = slope(24, 16, 1); /* darkest at the top left, lightest at the bottom right, more so along x */
    static const int corner[9] = {0, 0, 1, 3, 2, 0, 1, 3, 2}; /* where the darkest is: 0 1 above, 2 3 below */
    for (int o = 1; o <= 9; o++) {
        size_t n;
        unsigned char *data = jpeg_of(p, false, false, o, &n);
        tn_picture *q = decode(data, n, NULL), *raw = decode(data, n, TN_OPT(tn_picture_opt, .raw_orientation = true));
        same(p, raw, 4);
        bool swapped = o >= 5 && o <= 8;
        assert_int_equal(q->width, swapped ? 16 : 24);
        const uint8_t at[4] = {q->pixels[0], q->pixels[q->width - 1], q->pixels[(q->height - 1) * q->width],
                               q->pixels[q->height * q->width - 1]};
        for (int k = 0; k < 4; k++)
            assert_true(at[k] >= at[o == 9 ? 0 : corner[o]]);
        tn_picture_free(q);
        tn_picture_free(raw);
        free(data);
    }
    tn_picture_free(p);
}

static void damaged_exif_turns_nothing(void **state)
{
    (void)state;
    unsigned char tiff[26] = "MM\0*\0\0\0\10\0\1\1\x12\0\3\0\0\0\1\0\6";
    assert_int_equal(data_exif_orientation(tiff, sizeof tiff), 6);
    for (size_t n = 0; n < 22; n++)
        assert_int_equal(data_exif_orientation(tiff, n > 20 ? 20 : n), n >= 22 ? 6 : 1);
    tiff[19] = 9;
    assert_int_equal(data_exif_orientation(tiff, sizeof tiff), 1);
    tiff[19] = 6;
    for (size_t i = 0; i < sizeof tiff; i++)
        for (unsigned v = 0; v < 256; v++) {
            unsigned char old = tiff[i];
            tiff[i] = (unsigned char)v;
            assert_in_range(data_exif_orientation(tiff, sizeof tiff), 1, 8);
            tiff[i] = old;
        }
}

static void jpeg_cut_and_damaged(void **state)
{
    (void)state;
    for (int progressive = 0; progressive < 2; progressive++) {
        tn_picture *p = picture(17, 9, 3);
        size_t n;
        unsigned char *data = jpeg_of(p, progressive, false, 0, &n);
        torture(data, n, 1);
        assert_null(decode(data, n, TN_OPT(tn_picture_opt, .pixels_limit = 152)));
        says("pic: a picture of 17 x 9 pixels; at most 152 pixels are read");
        assert_null(decode(data, n / 2, NULL));
        says("pic is a damaged JPEG picture: near offset");
        free(data);
        tn_picture_free(p);
    }
}
#endif

/* ---- not pictures ---------------------------------------------------------------------------------------------- */

static void what_is_no_picture_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        const char *why;
    } cases[] = {{"", 0, "it is empty"},
                 {"GIF89a..", 8, "a GIF picture"},
                 {"hello, world", 12, "no picture that is known"},
                 {"BM......", 8, "no picture that is known"},
                 {"%PDF-1.4", 8, "a PDF"},
                 {"\0\0\x08\3", 4, "an IDX file"}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        assert_null(decode(cases[c].bytes, cases[c].n, NULL));
        says("pic is not a PNG, JPEG, WebP, BMP or PPM picture");
        says(cases[c].why);
    }
    assert_null(decode("x", 1, TN_OPT(tn_picture_opt, .channels = 2)));
    says("not 2");
    assert_null(tn_picture_read(context, scratch_path("none.png"), NULL));
    says("none.png");
    base_error e = {0};
    const char *path = scratch_path("text.png");
    assert_int_equal(base_file_write(path, "hello", 5, &e), TN_OK);
    assert_null(tn_picture_read(context, path, NULL));
    says("text.png is not a PNG");
    assert_null(tn_picture_read(context, path, TN_OPT(tn_picture_opt, .file_limit = 4)));
    says("has 5 bytes; at most 4");
    assert_null(tn_picture_new(context, 0, 4, 1));
    assert_null(tn_picture_new(context, 4, 4, 2));
    assert_null(tn_picture_new(context, INT64_MAX, INT64_MAX, 3));
    says("larger than memory can be");
    tn_picture_free(NULL);
}

/* ---- scaling --------------------------------------------------------------------------------------------------- */

static void scaling_keeps_what_it_should(void **state)
{
    (void)state;
    tn_picture *p = picture(13, 7, 3), *q = tn_picture_resize(context, p, 13, 7);
    same(p, q, 0);
    tn_picture_free(q);
    memset(p->pixels, 99, 13 * 7 * 3);
    static const int64_t sizes[][2] = {{1, 1}, {2, 3}, {100, 50}, {13, 1}};
    for (size_t s = 0; s < 4; s++) { /* what is even stays even */
        q = tn_picture_resize(context, p, sizes[s][0], sizes[s][1]);
        for (int64_t i = 0; i < q->width * q->height * 3; i++)
            assert_int_equal(q->pixels[i], 99);
        tn_picture_free(q);
    }
    assert_null(tn_picture_resize(context, p, 0, 5));
    assert_null(tn_picture_resize(context, p, 5, -5));
    tn_picture_free(p);
}

/* Figures of Pillow: Image.resize(size, Image.BILINEAR). */
static void scaling_agrees_with_pillow(void **state)
{
    (void)state;
    tn_picture *p = tn_picture_new(context, 5, 1, 1);
    memcpy(p->pixels, (const uint8_t[]){0, 100, 50, 255, 10}, 5);
    static const uint8_t three[3] = {43, 107, 115}, eight[8] = {0, 44, 97, 66, 114, 242, 117, 10};
    tn_picture *q = tn_picture_resize(context, p, 3, 1), *r = tn_picture_resize(context, p, 8, 1);
    for (int i = 0; i < 8; i++) {
        assert_true(i >= 3 || abs(q->pixels[i] - three[i]) <= 1);
        assert_true(abs(r->pixels[i] - eight[i]) <= 1);
    }
    tn_picture_free(p);
    tn_picture_free(q);
    tn_picture_free(r);
}

/* ---- the step "digit" ------------------------------------------------------------------------------------------ */

static tn_picture *drawn(int digit, uint64_t seed)
{
    tn_picture *p = tn_picture_new(context, 28, 28, 1);
    base_random r = base_random_new(seed, 0);
    data_digit_draw(digit, &r, p->pixels);
    return p;
}

static double difference(const tn_picture *a, const tn_picture *b)
{
    double sum = 0;
    for (int i = 0; i < 784; i++)
        sum += abs(a->pixels[i] - b->pixels[i]);
    return sum / 784;
}

/* A digit that is MNIST's already stays about as it is; so does one on white paper, in colour, larger, off the middle. */
static void digits_become_as_in_mnist(void **state)
{
    (void)state;
    for (int digit = 0; digit < 10; digit++) {
        tn_picture *p = drawn(digit, 7), *same_ = tn_picture_digit(context, p);
        assert_non_null(same_);
        assert_true(difference(p, same_) < 12);
        tn_picture *large = tn_picture_resize(context, p, 280, 280);
        tn_picture *sheet = tn_picture_new(context, 500, 400, 3);
        for (int64_t i = 0; i < 500 * 400 * 3; i++)
            sheet->pixels[i] = (uint8_t)(238 + i % 5); /* paper is not even */
        for (int64_t y = 0; y < 280; y++)
            for (int64_t x = 0; x < 280; x++)
                for (int c = 0; c < 3; c++) {
                    uint8_t *to = &sheet->pixels[((y + 100) * 500 + x + 10) * 3 + c];
                    *to = (uint8_t)(*to * (255 - large->pixels[y * 280 + x]) / 255);
                }
        tn_picture *q = tn_picture_digit(context, sheet);
        assert_non_null(q);
        assert_true(q->width == 28 && q->height == 28 && q->channels == 1);
        assert_true(difference(p, q) < 20);
        tn_picture *of[] = {p, same_, large, sheet, q};
        for (size_t i = 0; i < 5; i++)
            tn_picture_free(of[i]);
    }
}

/* The digit ten times as large on a sheet whose light falls off to one side and the corners, with noise and dust. */
static tn_picture *photographed(const tn_picture *digit, double ground, double ink, double slope, double noise)
{
    tn_picture *large = tn_picture_resize(context, digit, 280, 280), *sheet = tn_picture_new(context, 640, 480, 3);
    base_random r = base_random_new(3, 0);
    for (int64_t y = 0; y < 480; y++)
        for (int64_t x = 0; x < 640; x++) {
            bool on = x >= 200 && x < 480 && y >= 90 && y < 370;
            double part = on ? large->pixels[(y - 90) * 280 + x - 200] / 255.0 : 0;
            double u = (double)x / 320 - 1, v = (double)y / 240 - 1,
                   light = 1 + slope * (u - 0.4 * v - 0.5 * (u * u + v * v));
            double bright = (ground + part * (ink - ground)) * light + noise * (base_random_f64(&r) * 2 - 1);
            if (x % 211 == 100 && y % 97 < 2)
                bright = ink;
            for (int c = 0; c < 3; c++)
                sheet->pixels[(y * 640 + x) * 3 + c] = (uint8_t)(bright < 0 ? 0 : bright > 255 ? 255 : bright);
        }
    tn_picture_free(large);
    return sheet;
}

static void photographs_are_evened(void **state)
{
    (void)state;
    static const struct {
        double ground, ink, slope, noise;
    } light[] = {{230, 60, 0, 8}, {190, 50, 0.3, 12}, {110, 30, 0.2, 6}, {40, 200, 0.2, 10}, {70, 180, -0.2, 5}};
    for (int digit = 0; digit < 10; digit++)
        for (size_t i = 0; i < sizeof light / sizeof *light; i++) {
            tn_picture *p = drawn(digit, 7);
            tn_picture *sheet = photographed(p, light[i].ground, light[i].ink, light[i].slope, light[i].noise);
            tn_picture *q = tn_picture_digit(context, sheet);
            assert_non_null(q);
            if (!(difference(p, q) < 25))
                fail_msg("digit %d in light %zu differs by %g", digit, i, difference(p, q));
            tn_picture_free(p);
            tn_picture_free(sheet);
            tn_picture_free(q);
        }
}

static void thin_lines_stay_visible(void **state)
{
    (void)state;
    tn_picture *p = tn_picture_new(context, 900, 900, 1);
    for (int64_t y = 100; y < 800; y++) /* a circle, two pixels wide */
        for (int64_t x = 100; x < 800; x++) {
            int64_t d = (x - 450) * (x - 450) + (y - 450) * (y - 450);
            if (d > 320 * 320 && d < 322 * 322)
                p->pixels[y * 900 + x] = 255;
        }
    tn_picture *q = tn_picture_digit(context, p);
    assert_non_null(q);
    double mass = 0;
    for (int i = 0; i < 784; i++)
        mass += q->pixels[i] / 255.0;
    assert_true(mass > 60 && mass < 200);
    tn_picture_free(p);
    tn_picture_free(q);
}

static void pictures_without_ink_are_refused(void **state)
{
    (void)state;
    tn_picture *p = picture(30, 30, 1);
    for (int shade = 0; shade < 256; shade += 51) {
        memset(p->pixels, shade, 900);
        p->pixels[433] ^= 8; /* dust */
        assert_null(tn_picture_digit(context, p));
        says("the picture holds no digit");
    }
    tn_picture_free(p);
    p = picture(1, 1, 3);
    assert_null(tn_picture_digit(context, p));
    assert_null(tn_picture_digit(context, NULL));
    says("this is not a picture");
    tn_picture_free(p);
    p = tn_picture_new(context, 3000, 2, 1); /* flat: the ink's box is 3000 x 1 */
    memset(p->pixels, 255, 2000);
    tn_picture *q = tn_picture_digit(context, p);
    assert_true(q || tn_context_error(context)[0]);
    tn_picture_free(q);
    tn_picture_free(p);
}

static void steps_go_by_name(void **state)
{
    (void)state;
    tn_picture *p = drawn(3, 1), *q = tn_picture_digit(context, p);
    uint8_t out[3 * 28 * 28];
    tn_view v = tn_view_of(out, TN_U8, 3, (int64_t[]){1, 28, 28});
    assert_int_equal(tn_picture_prepare(context, p, "digit", &v), TN_OK);
    assert_memory_equal(out, q->pixels, 784);
    assert_int_equal(tn_picture_prepare(context, p, "resize", &v), TN_OK);
    assert_memory_equal(out, p->pixels, 784);
    tn_picture *rgb = picture(5, 4, 3);
    v = tn_view_of(out, TN_U8, 3, (int64_t[]){3, 4, 5});
    assert_int_equal(tn_picture_prepare(context, rgb, "resize", &v), TN_OK);
    for (int i = 0; i < 60; i++)
        assert_int_equal(out[i], rgb->pixels[i % 20 * 3 + i / 20]);
    assert_int_equal(tn_picture_prepare(context, rgb, "digit", &v), TN_SHAPE);
    says("[1, 28, 28], not [3, 4, 5]");
    assert_int_equal(tn_picture_prepare(context, rgb, "sharpen", &v), TN_NOT_FOUND);
    says("\"sharpen\"; known are digit, resize, crop and pad");
    v.bytes = 59;
    assert_int_equal(tn_picture_prepare(context, rgb, "resize", &v), TN_SHAPE);
    v.bytes = 60;
    v.dtype = TN_F32;
    assert_int_equal(tn_picture_prepare(context, rgb, "resize", &v), TN_SHAPE);
    tn_picture *of[] = {p, q, rgb};
    for (size_t i = 0; i < 3; i++)
        tn_picture_free(of[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#ifdef TARN_HAVE_PNG
        cmocka_unit_test(png_of_all_kinds),
        cmocka_unit_test(png_cut_and_damaged),
        cmocka_unit_test(png_sizes_are_checked_first),
        cmocka_unit_test(png_is_written_and_read_again),
        cmocka_unit_test(png_that_cannot_be_written),
#endif
#ifdef TARN_HAVE_JPEG
        cmocka_unit_test(jpeg_of_all_kinds),
        cmocka_unit_test(jpeg_is_turned_upright),
        cmocka_unit_test(damaged_exif_turns_nothing),
        cmocka_unit_test(jpeg_cut_and_damaged),
#endif
        cmocka_unit_test(what_is_no_picture_is_told),
        cmocka_unit_test(scaling_keeps_what_it_should),
        cmocka_unit_test(scaling_agrees_with_pillow),
        cmocka_unit_test(digits_become_as_in_mnist),
        cmocka_unit_test(photographs_are_evened),
        cmocka_unit_test(thin_lines_stay_visible),
        cmocka_unit_test(pictures_without_ink_are_refused),
        cmocka_unit_test(steps_go_by_name),
    };
#ifndef TARN_HAVE_PNG
    print_message("SKIPPED: PNG pictures; this build is without libpng\n");
#endif
#ifndef TARN_HAVE_JPEG
    print_message("SKIPPED: JPEG pictures; this build is without libjpeg\n");
#endif
    return cmocka_run_group_tests(tests, context_begin_scratch, context_end_scratch);
}
