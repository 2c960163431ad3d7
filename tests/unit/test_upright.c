/* test_upright.c: PNG and WebP pictures with an EXIF block are turned upright, those of 16 bits too, and damaged blocks turn nothing.
 * JPEG is in test_picture.c. */
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
#ifdef TARN_HAVE_WEBP
#include <webp/encode.h>
#endif

#include "data/picture.h"
#include "support/context.h"

#if defined(TARN_HAVE_PNG) || defined(TARN_HAVE_WEBP)
enum { W = 5, H = 3, BLOCK = 26 };

typedef struct bytes {
    unsigned char *data;
    size_t n;
} bytes;

/* A TIFF header and one entry, the orientation. */
static void block_of(int orientation, unsigned char to[BLOCK])
{
    memcpy(to, "MM\0*\0\0\0\10\0\1\1\x12\0\3\0\0\0\1\0\0\0\0\0\0\0", BLOCK);
    to[19] = (unsigned char)orientation;
}

/* Which stored pixel is at (x, y) of the upright picture: EXIF 2.3, table 5, tag Orientation. */
static int stored_at(int orientation, int x, int y)
{
    const int at[9][2] = {{x, y}, {x, y},         {W - 1 - x, y},         {W - 1 - x, H - 1 - y}, {x, H - 1 - y},
                          {y, x}, {y, H - 1 - x}, {W - 1 - y, H - 1 - x}, {W - 1 - y, x}};
    return at[orientation][1] * W + at[orientation][0];
}

static tn_picture *decode(const bytes *b, size_t n, bool raw)
{
    void *exact = malloc(n + 1);
    memcpy(exact, b->data, n);
    tn_picture *p = tn_picture_decode(context, exact, n, "pic", TN_OPT(tn_picture_opt, .raw_orientation = raw));
    free(exact);
    return p;
}

/* Pixels of the file are 10, 11, 12, ... in their first channel. */
static void is_turned(const bytes *b, int orientation)
{
    for (int raw = 0; raw < 2; raw++) {
        const int o = raw || orientation > 8 ? 1 : orientation;
        tn_picture *p = decode(b, b->n, raw);
        if (!p)
            fail_msg("%s", tn_context_error(context));
        assert_int_equal(p->width, o >= 5 ? H : W);
        assert_int_equal(p->height, o >= 5 ? W : H);
        for (int y = 0; y < p->height; y++)
            for (int x = 0; x < p->width; x++)
                assert_int_equal(p->pixels[(y * p->width + x) * p->channels], 10 + stored_at(o, x, y));
        tn_picture_free(p);
    }
}

/* Every bit of the block and of what is around it: a picture of whatever side, or a sentence. */
static void survives(const bytes *b)
{
    for (size_t i = 0; i < b->n; i++)
        for (int bit = 0; bit < 8; bit++) {
            b->data[i] ^= (unsigned char)(1 << bit);
            tn_picture_free(decode(b, b->n, false));
            b->data[i] ^= (unsigned char)(1 << bit);
        }
    for (size_t n = 0; n < b->n; n++)
        tn_picture_free(decode(b, n, false));
}

#ifdef TARN_HAVE_PNG
static void append(png_structp png, png_bytep data, size_t n)
{
    bytes *b = png_get_io_ptr(png);
    b->data = realloc(b->data, b->n + n);
    memcpy(b->data + b->n, data, n);
    b->n += n;
}

static void nothing(png_structp png)
{
    (void)png;
}

static bytes png_of(int orientation, int depth)
{
    bytes b = {0};
    unsigned char block[BLOCK], row[2 * W];
    block_of(orientation, block);
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    assert_false(setjmp(png_jmpbuf(png)));
    png_set_write_fn(png, &b, append, nothing);
    png_set_IHDR(png, info, W, H, depth, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_BASE,
                 PNG_FILTER_TYPE_BASE);
    png_set_eXIf_1(png, info, sizeof block, block);
    png_write_info(png, info);
    for (int y = 0; y < H; y++) {
        for (int x = 0; x < W; x++) {
            row[x * depth / 8] = (unsigned char)(10 + y * W + x);
            row[x * depth / 8 + depth / 8 - 1] = (unsigned char)(10 + y * W + x);
        }
        png_write_row(png, row);
    }
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    return b;
}

static void png_is_turned(void **state)
{
    (void)state;
    for (int o = 1; o <= 9; o++)
        for (int depth = 8; depth <= 16; depth += 8) {
            bytes b = png_of(o, depth);
            is_turned(&b, o);
            if (o == 6 && depth == 8)
                survives(&b);
            free(b.data);
        }
}

static void wide_png_is_turned(void **state)
{
    (void)state;
    for (int o = 1; o <= 8; o++) {
        bytes b = png_of(o, 16);
        for (int raw = 0; raw < 2; raw++) {
            const int as = raw ? 1 : o;
            tn_picture16 *p =
                tn_picture_decode16(context, b.data, b.n, "pic", TN_OPT(tn_picture_opt, .raw_orientation = raw));
            assert_non_null(p);
            assert_true(p->width == (as >= 5 ? H : W) && p->height == (as >= 5 ? W : H));
            for (int y = 0; y < p->height; y++)
                for (int x = 0; x < p->width; x++)
                    assert_int_equal(p->values[y * p->width + x], 257 * (10 + stored_at(as, x, y)));
            tn_picture16_free(p);
        }
        free(b.data);
    }
}
#endif

#ifdef TARN_HAVE_WEBP
static unsigned char *chunk(unsigned char *at, const char *name, const void *data, size_t n)
{
    memcpy(at, name, 4);
    for (int i = 0; i < 4; i++)
        at[4 + i] = (unsigned char)(n >> (8 * i));
    memcpy(at + 8, data, n);
    return at + 8 + n + (n & 1);
}

/* The chunk of a plain WebP file in an extended one: VP8X, the picture, EXIF. `mark`: as some programs, with "Exif\0\0" before. */
static bytes webp_of(int orientation, bool mark)
{
    uint8_t rgb[W * H * 3], *plain = NULL;
    for (int i = 0; i < W * H * 3; i++)
        rgb[i] = (uint8_t)(10 + i / 3);
    size_t n = WebPEncodeLosslessRGB(rgb, W, H, 3 * W, &plain);
    assert_true(n > 20);
    unsigned char extended[10] = {8, 0, 0, 0, W - 1, 0, 0, H - 1, 0, 0}, block[6 + BLOCK] = "Exif\0\0";
    block_of(orientation, block + 6);
    bytes b = {.data = calloc(1, n + 200)};
    memcpy(b.data, "RIFF....WEBP", 12);
    unsigned char *at = chunk(b.data + 12, "VP8X", extended, sizeof extended);
    at = chunk(at, "XYZW", "odd", 3);
    memcpy(at, plain + 12, n - 12);
    at += n - 12;
    at = chunk(at, "EXIF", mark ? block : block + 6, mark ? sizeof block : BLOCK);
    b.n = (size_t)(at - b.data);
    for (int i = 0; i < 4; i++)
        b.data[4 + i] = (unsigned char)((b.n - 8) >> (8 * i));
    WebPFree(plain);
    return b;
}

static void webp_is_turned(void **state)
{
    (void)state;
    for (int o = 1; o <= 9; o++)
        for (int mark = 0; mark < 2; mark++) {
            bytes b = webp_of(o, mark);
            is_turned(&b, o);
            if (o == 6)
                survives(&b);
            b.data[20] = 0; /* the flag that there is such a chunk */
            is_turned(&b, 1);
            free(b.data);
        }
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
#ifdef TARN_HAVE_PNG
        cmocka_unit_test(png_is_turned),
        cmocka_unit_test(wide_png_is_turned),
#endif
#ifdef TARN_HAVE_WEBP
        cmocka_unit_test(webp_is_turned),
#endif
    };
#if !defined(TARN_HAVE_PNG) || !defined(TARN_HAVE_WEBP)
    print_message("SKIPPED: PNG or WebP pictures; this build is without libpng or libwebp\n");
#endif
    return cmocka_run_group_tests(tests, context_begin, context_end);
}
#else
int main(void)
{
    print_message("SKIPPED: this build is without libpng and libwebp\n");
    return 0;
}
#endif
