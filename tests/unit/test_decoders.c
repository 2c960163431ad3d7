/* test_decoders.c: BMP, PNM and WebP pictures, whole, cut off and damaged; 16-bit PNG; parts of JPEG pictures, decoded at reduced size,
 * beside the whole ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#ifdef TARN_HAVE_WEBP
#include <webp/encode.h>
#endif
#ifdef TARN_HAVE_JPEG
#include <jpeglib.h>
#endif

#include "data/picture.h"
#include "data/picture/scale.h"
#include "support/context.h"

static tn_picture *decode(const void *data, size_t bytes)
{
    void *exact = malloc(bytes ? bytes : 1);
    memcpy(exact, data, bytes);
    tn_picture *p = tn_picture_decode(context, exact, bytes, "pic", TN_OPT(tn_picture_opt, .pixels_limit = 100000));
    assert_true((p == NULL) == (tn_context_error(context)[0] != '\0'));
    free(exact);
    return p;
}

/* Every cut must fail; every flipped bit must give a picture or a sentence. */
static void torture(const unsigned char *data, size_t bytes)
{
    for (size_t cut = 0; cut < bytes; cut++)
        if (decode(data, cut))
            fail_msg("cut off at %zu of %zu it still is a picture", cut, bytes);
    unsigned char *copy = malloc(bytes);
    memcpy(copy, data, bytes);
    for (size_t i = 0; i < bytes; i++)
        for (int bit = 0; bit < 8; bit++) {
            copy[i] ^= (unsigned char)(1 << bit);
            tn_picture_free(decode(copy, bytes));
            copy[i] ^= (unsigned char)(1 << bit);
        }
    free(copy);
}

static void is(tn_picture *p, int64_t width, int64_t height, int channels, const uint8_t *due)
{
    if (!p)
        fail_msg("%s", tn_context_error(context));
    assert_true(p->width == width && p->height == height && p->channels == channels);
    for (int64_t i = 0; i < width * height * channels; i++)
        if (p->pixels[i] != due[i])
            fail_msg("value %d is %d, not %d", (int)i, p->pixels[i], due[i]);
    tn_picture_free(p);
}

/* ---- PNM ------------------------------------------------------------------------------------------------------- */

static void pnm(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t bytes;
        int channels;
        uint8_t due[12];
    } cases[] = {
        {"P1 # bits\n2 2\n1 0\n01", 21, 1, {0, 255, 255, 0}},
        {"P2 2 2 10 0 5 10 99 ", 20, 1, {0, 128, 255, 255}},
        {"P3\n2 1\n255\n1 2 3 4 5 6 ", 24, 3, {1, 2, 3, 4, 5, 6}},
        {"P4 2 2\n\x40\x80", 9, 1, {255, 0, 0, 255}},
        {"P5 2 2 255\nabcd", 15, 1, {'a', 'b', 'c', 'd'}},
        {"P5 2 1 65535\n\x80\x00\xff\xff", 17, 1, {128, 255}},
        {"P6 2 1 255 abcdef", 17, 3, {'a', 'b', 'c', 'd', 'e', 'f'}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t height = i == 2 || i == 5 || i == 6 ? 1 : 2;
        is(decode(cases[i].text, cases[i].bytes), 2, height, cases[i].channels, cases[i].due);
        unsigned char copy[32];
        memcpy(copy, cases[i].text, cases[i].bytes);
        if (i >= 3)
            torture(copy, cases[i].bytes);
    }
    static const char *const bad[][2] = {{"P5 0 2 255\n", "sides are at least 1"},
                                         {"P5 2 2 70000\nabcd", "the greatest value 1 to 65535"},
                                         {"P5 x 2 255\nabcd", "offset 3: a number is due"},
                                         {"P5 99999 99999 255\nabcd", "at most 100000 pixels"},
                                         {"P1 2 1 0 2", "a 0 or a 1 is due"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_null(decode(bad[i][0], strlen(bad[i][0])));
        says(bad[i][1]);
    }
}

/* ---- BMP ------------------------------------------------------------------------------------------------------- */

static void put(unsigned char *p, uint32_t v, int n)
{
    for (int i = 0; i < n; i++, v >>= 8)
        p[i] = (unsigned char)v;
}

/* Header of a picture of 3 x 2; gives where the pixels begin. */
static size_t bmp_header(unsigned char *p, int bits, int height, uint32_t packing, size_t colours, size_t masks)
{
    size_t pixels = 14 + 40 + 4 * colours + 4 * masks;
    memset(p, 0, pixels);
    memcpy(p, "BM", 2);
    put(p + 10, (uint32_t)pixels, 4);
    put(p + 14, 40, 4);
    put(p + 18, 3, 4);
    put(p + 22, (uint32_t)height, 4);
    put(p + 26, 1, 2);
    put(p + 28, (uint32_t)bits, 2);
    put(p + 30, packing, 4);
    put(p + 46, (uint32_t)colours, 4);
    return pixels;
}

static void bmp(void **state)
{
    (void)state;
    static const uint8_t due[18] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19};
    unsigned char p[400];
    for (int top = 0; top < 2; top++) { /* 24 bits, from the bottom and from the top */
        size_t at = bmp_header(p, 24, top ? -2 : 2, 0, 0, 0);
        memset(p + at, 0, 24);
        for (int y = 0; y < 2; y++)
            for (int i = 0; i < 9; i++)
                p[at + (size_t)(12 * (top ? y : 1 - y) + i / 3 * 3 + 2 - i % 3)] = due[9 * y + i];
        is(decode(p, at + 24), 3, 2, 3, due);
        torture(p, at + 24);
    }
    for (int bits = 1; bits <= 8; bits *= bits == 1 ? 4 : 2) { /* palettes: pixels 0 1 0, 1 0 1 */
        size_t at = bmp_header(p, bits, -2, 0, 2, 0);
        static const uint8_t two[18] = {1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6};
        memcpy(p + 54, "\3\2\1\0\6\5\4\0", 8);
        memset(p + at, 0, 8);
        memcpy(p + at, bits == 1 ? "\x40" : bits == 4 ? "\x01" : "\0\1\0", bits == 8 ? 3 : 1);
        memcpy(p + at + 4, bits == 1 ? "\xa0" : bits == 4 ? "\x10\x10" : "\1\0\1", bits == 8 ? 3 : bits == 4 ? 2 : 1);
        is(decode(p, at + 8), 3, 2, 3, two);
        torture(p, at + 8);
    }
    size_t at = bmp_header(p, 16, -2, 3, 0, 3); /* 5 6 5 */
    put(p + 54, 0xf800, 4);
    put(p + 58, 0x07e0, 4);
    put(p + 62, 0x001f, 4);
    memset(p + at, 0, 16);
    put(p + at, 0xffff, 2);
    put(p + at + 2, 0xf800, 2);
    put(p + at + 4, 0x0400, 2);
    static const uint8_t five[18] = {255, 255, 255, 255, 0, 0, 0, 130};
    is(decode(p, at + 16), 3, 2, 3, five);
    at = bmp_header(p, 32, -2, 6, 0, 4); /* with alpha: half of black over white */
    for (int c = 0; c < 4; c++)
        put(p + 54 + 4 * c, 0xff0000u >> (8 * c), 4);
    put(p + 66, 0xff000000u, 4);
    memset(p + at, 255, 24);
    put(p + at, 0x80000000u, 4);
    uint8_t half[18];
    memset(half, 255, sizeof half);
    memset(half, 127, 3);
    is(decode(p, at + 24), 3, 2, 3, half);
    bmp_header(p, 24, 2, 1, 0, 0);
    assert_null(decode(p, 100));
    says("packed by method 1");
}

/* ---- WebP ------------------------------------------------------------------------------------------------------ */

#ifdef TARN_HAVE_WEBP
static void webp(void **state)
{
    (void)state;
    enum { W = 9, H = 7 };
    uint8_t rgba[W * H * 4], due[W * H * 3];
    for (int i = 0; i < W * H * 4; i++)
        rgba[i] = (uint8_t)(i % 4 == 3 ? (i % 8 == 3 ? 255 : 0) : i * 5);
    for (int i = 0; i < W * H; i++)
        for (int c = 0; c < 3; c++)
            due[3 * i + c] = rgba[4 * i + 3] ? rgba[4 * i + c] : 255;
    uint8_t *out = NULL;
    size_t n = WebPEncodeLosslessRGBA(rgba, W, H, 4 * W, &out);
    assert_true(n > 0);
    is(decode(out, n), W, H, 3, due);
    for (size_t cut = 0; cut < n; cut++)
        tn_picture_free(decode(out, cut)); /* padding at the end may be missing */
    for (size_t i = 0; i < n; i++) {
        out[i] ^= 0x21;
        tn_picture_free(decode(out, n));
        out[i] ^= 0x21;
    }
    WebPFree(out);
}
#endif

/* ---- parts of JPEG pictures ------------------------------------------------------------------------------------ */

#ifdef TARN_HAVE_JPEG
static unsigned char *jpeg_of(int width, int height, bool progressive, unsigned long *n)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char *out = NULL, row[3 * 1000];
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &out, n);
    jpeg.image_width = (JDIMENSION)width;
    jpeg.image_height = (JDIMENSION)height;
    jpeg.input_components = 3;
    jpeg.in_color_space = JCS_RGB;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 95, TRUE);
    if (progressive)
        jpeg_simple_progression(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
            row[3 * x] = (unsigned char)(x * 255 / width);
            row[3 * x + 1] = (unsigned char)(y * 255 / height);
            row[3 * x + 2] = (unsigned char)(128 + 60 * ((x / 16 + y / 16) % 2));
        }
        JSAMPROW rows = row;
        jpeg_write_scanlines(&jpeg, &rows, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    return out;
}

static bool ask(void *user, int64_t width, int64_t height, data_part *part)
{
    (void)width;
    (void)height;
    *part = *(const data_part *)user;
    return true;
}

static tn_picture *part_of(const data_source *s, const data_part *part, bool hinted)
{
    base_error e = {0};
    data_part wanted = *part;
    data_hint hint = {.ask = ask, .user = &wanted};
    tn_picture *p = data_picture_decode_hinted(s, hinted ? &hint : NULL, &e);
    if (!p)
        fail_msg("%s", e.text);
    assert_int_equal(hint.used, hinted);
    const data_part *q = hinted ? &hint.part : part;
    assert_true(q->left >= 0 && q->top >= 0 && q->left + q->width <= p->width && q->top + q->height <= p->height);
    picture_scaling how = {q->left,         q->top,           q->width, q->height, part->to_width,
                           part->to_height, PICTURE_BILINEAR, false,    false,     false};
    tn_picture *r = picture_scale(p, &how, &e);
    tn_picture_free(p);
    assert_non_null(r);
    return r;
}

/* A part that was decoded alone is what it is in the whole: exactly at full size, nearly where blocks were reduced. */
static void parts(void **state)
{
    (void)state;
    static const data_part cases[] = {
        {0, 0, 400, 300, 300, 200}, {57, 33, 200, 150, 200, 150}, {100, 0, 33, 299, 50, 300}, {399, 299, 1, 1, 4, 4},
        {0, 250, 400, 50, 400, 60}, {31, 17, 320, 256, 100, 100}, {0, 0, 400, 300, 40, 30},   {3, 5, 397, 290, 64, 64}};
    for (int progressive = 0; progressive < 2; progressive++) {
        unsigned long n = 0;
        unsigned char *data = jpeg_of(400, 300, progressive, &n);
        data_source s = {.data = data, .bytes = n, .name = "pic", .pixels_limit = 1 << 20};
        for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
            tn_picture *a = part_of(&s, &cases[c], true), *b = part_of(&s, &cases[c], false);
            bool reduced = cases[c].width >= 2 * cases[c].to_width && cases[c].height >= 2 * cases[c].to_height;
            int64_t count = a->width * a->height * 3, sum = 0;
            int most = 0;
            for (int64_t i = 0; i < count; i++) {
                int d = abs(a->pixels[i] - b->pixels[i]);
                sum += d;
                most = d > most ? d : most;
            }
            if (reduced ? sum > 3 * count : most > 1)
                fail_msg("part %d: differs by up to %d, %.3f on the mean", (int)c, most, (double)sum / (double)count);
            tn_picture_free(a);
            tn_picture_free(b);
        }
        free(data);
    }
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pnm),
        cmocka_unit_test(bmp),
#ifdef TARN_HAVE_WEBP
        cmocka_unit_test(webp),
#endif
#ifdef TARN_HAVE_JPEG
        cmocka_unit_test(parts),
#endif
    };
#ifndef TARN_HAVE_WEBP
    print_message("SKIPPED: WebP pictures; this build is without libwebp\n");
#endif
    return cmocka_run_group_tests(tests, context_begin, context_end);
}
