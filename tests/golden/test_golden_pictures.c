/* test_golden_pictures.c: what is done to pictures beside Pillow, OpenCV and PyTorch (make_pictures.py), within one unit; vector
 * instructions and plain C give the same bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data/picture/colour.h"
#include "data/picture/warp.h"
#include "support/golden_file.h"

static format_safetensors *file;

static int teardown(void **state)
{
    (void)state;
    format_safetensors_free(file);
    return 0;
}

static const format_tensor *tensor(const char *name)
{
    if (!file)
        file = golden_file("pictures");
    const format_tensor *t = format_safetensors_find(file, name);
    if (!t)
        fail_msg("there is no %s", name);
    return t;
}

static tn_picture *source(void)
{
    base_error e = {0};
    const format_tensor *t = tensor("picture");
    tn_picture *p = data_picture_new(t->dims[1], t->dims[0], 3, &e);
    assert_non_null(p);
    memcpy(p->pixels, t->data, t->bytes);
    return p;
}

/* At most `rare` of a thousand values may differ by more than one: places that lie on a border for one and beside it for the
 * other. Frees the picture. */
static void close_to(tn_picture *p, const char *name, int rare)
{
    const format_tensor *t = tensor(name);
    const uint8_t *due = t->data;
    assert_non_null(p);
    assert_true(p->height == t->dims[0] && p->width == t->dims[1]);
    size_t far = 0, worst = 0;
    for (size_t i = 0; i < t->bytes; i++)
        if (abs(p->pixels[i] - due[i]) > 1) {
            far++;
            worst = (size_t)abs(p->pixels[i] - due[i]) > (size_t)abs(p->pixels[worst] - due[worst]) ? i : worst;
        }
    if (far * 1000 > t->bytes * (size_t)rare)
        fail_msg("%s: %d of %d values differ by more than 1; value %d is %d, not %d", name, (int)far, (int)t->bytes,
                 (int)worst, p->pixels[worst], due[worst]);
    tn_picture_free(p);
}

static const char *const filters[] = {"nearest", "bilinear", "bicubic"};

static tn_picture *scaled(const picture_scaling *how)
{
    base_error e = {0};
    tn_picture *p = source(), *q = picture_scale(p, how, &e);
    tn_picture_free(p);
    return q;
}

static void resize(void **state)
{
    (void)state;
    static const int sizes[][2] = {{24, 31}, {61, 80}, {9, 100}, {1, 1}};
    char name[80];
    for (int s = 0; s < 4; s++)
        for (int f = 0; f < 3; f++)
            for (int plain = 0; plain < 2; plain++) {
                picture_scaling how = {.to_height = sizes[s][0], .to_width = sizes[s][1], .filter = (picture_filter)f};
                how.plain_filter = plain;
                if (plain && f == 0)
                    continue;
                snprintf(name, sizeof name, "resize%s/%s/%dx%d", plain ? "_plain" : "", filters[f], sizes[s][0],
                         sizes[s][1]);
                tn_picture *fast = scaled(&how);
                how.plain_code = true;
                tn_picture *slow = scaled(&how);
                assert_memory_equal(fast->pixels, slow->pixels, (size_t)(3 * sizes[s][0] * sizes[s][1]));
                tn_picture_free(slow);
                /* mirrored, it is the picture's mirror image */
                how.plain_code = false;
                how.mirror = true;
                tn_picture *mirrored = scaled(&how);
                for (int64_t y = 0; y < fast->height; y++)
                    for (int64_t x = 0; x < fast->width; x++)
                        assert_memory_equal(fast->pixels + (y * fast->width + x) * 3,
                                            mirrored->pixels + (y * fast->width + fast->width - 1 - x) * 3, 3);
                tn_picture_free(mirrored);
                /* Of what overshoots between rows and columns PyTorch keeps all, and Pillow, which takes the columns first
                 * where that is less work, other parts. */
                close_to(fast, name, f == 2 && (plain || s == 2) ? 2 : 0);
            }
}

/* A part scaled is what cutting it out and scaling it gives; grey as colour. */
static void parts(void **state)
{
    (void)state;
    base_error e = {0};
    tn_picture *p = source(), *grey = data_picture_convert(p, 1, &e);
    const picture_scaling how = {5, 3, 31, 21, 17, 40, PICTURE_BICUBIC, false, false, false};
    picture_scaling all = how;
    tn_picture *cut = data_picture_crop(p, 5, 3, 31, 21, &e), *a = picture_scale(p, &how, &e);
    all.left = all.top = all.width = all.height = 0;
    tn_picture *b = picture_scale(cut, &all, &e);
    assert_memory_equal(a->pixels, b->pixels, 17 * 40 * 3);
    tn_picture *thin = picture_scale(grey, &how, &e), *wide = data_picture_convert(grey, 3, &e);
    tn_picture *from_wide = picture_scale(wide, &how, &e);
    for (int i = 0; i < 17 * 40; i++)
        assert_int_equal(thin->pixels[i], from_wide->pixels[3 * i + 1]);
    tn_picture *const pictures[] = {p, grey, cut, a, b, thin, wide, from_wide};
    for (size_t i = 0; i < sizeof pictures / sizeof *pictures; i++)
        tn_picture_free(pictures[i]);
    /* One colour stays itself at any size. */
    tn_picture *flat = data_picture_new(100, 3, 3, &e);
    memset(flat->pixels, 137, 900);
    for (int w = 1; w < 300; w += 37)
        for (int f = 1; f < 3; f++) {
            tn_picture *q =
                picture_scale(flat, &(picture_scaling){.to_width = w, .to_height = 7, .filter = (picture_filter)f}, &e);
            for (int i = 0; i < 21 * w; i++)
                assert_int_equal(q->pixels[i], 137);
            tn_picture_free(q);
        }
    tn_picture_free(flat);
}

static void colours(void **state)
{
    (void)state;
    base_error e = {0};
    static const double factors[] = {0, 0.6, 1.7};
    static const char *const names[] = {"0", "0.6", "1.7"};
    char name[80];
    for (int i = 0; i < 3; i++) {
        tn_picture *p = source(), *q = source(), *r = source(), *s = source();
        colour_brightness(p, factors[i]);
        colour_contrast(q, factors[i]);
        colour_saturation(r, factors[i]);
        assert_int_equal(colour_sharpness(s, factors[i], &e), TN_OK);
        close_to(p, (snprintf(name, sizeof name, "brightness/%s", names[i]), name), 0);
        close_to(q, (snprintf(name, sizeof name, "contrast/%s", names[i]), name), 0);
        close_to(r, (snprintf(name, sizeof name, "saturation/%s", names[i]), name), 0);
        close_to(s, (snprintf(name, sizeof name, "sharpness/%s", names[i]), name), 0);
    }
    static const double turns[] = {0.1, -0.3, 0.5};
    static const char *const turn_names[] = {"hue/0.1", "hue/-0.3", "hue/0.5"};
    for (int i = 0; i < 3; i++) {
        tn_picture *p = source();
        colour_hue(p, turns[i]);
        close_to(p, turn_names[i], 0);
    }
    tn_picture *p = source();
    colour_grey(p);
    close_to(p, "grey/0", 0);
    colour_invert(p = source());
    close_to(p, "invert/0", 0);
    colour_posterize(p = source(), 3);
    close_to(p, "posterize/3", 0);
    colour_solarize(p = source(), 100);
    close_to(p, "solarize/100", 0);
    p = source();
    for (int64_t i = 0; i < p->width * p->height * 3; i++)
        p->pixels[i] = (uint8_t)(40 + p->pixels[i] / 2);
    colour_autocontrast(p);
    close_to(p, "autocontrast/0", 0);
    colour_equalize(p = source());
    close_to(p, "equalize/0", 0);
    assert_int_equal(colour_blur(p = source(), 5, 1.3, &e), TN_OK);
    close_to(p, "blur/5", 0);
    assert_int_equal(colour_blur(p = source(), 9, 2.5, &e), TN_OK);
    close_to(p, "blur/9", 0);
}

static void warps(void **state)
{
    (void)state;
    base_error e = {0};
    const double perspective[9] = {1.1, 0.05, -3, 0.02, 0.95, 1.5, 0.001, 0.002, 1};
    char name[80];
    for (int f = 0; f < 3; f++) {
        double m[9];
        picture_scene s = {.picture = source()};
        warp_affine_map(53, 37, -17, 0, 0, 1, 0, 0, m);
        assert_int_equal(warp_map(&s, m, (picture_filter)f, 0, &e), TN_OK);
        close_to(s.picture, (snprintf(name, sizeof name, "rotate/%s", filters[f]), name), 3);
        s.picture = source();
        warp_affine_map(53, 37, 20, 3, -2, 1.2, 5, -3, m);
        assert_int_equal(warp_map(&s, m, (picture_filter)f, 0, &e), TN_OK);
        close_to(s.picture, (snprintf(name, sizeof name, "affine/%s", filters[f]), name), 3);
        s.picture = source();
        assert_int_equal(warp_map(&s, perspective, (picture_filter)f, 0, &e), TN_OK);
        close_to(s.picture, (snprintf(name, sizeof name, "perspective/%s", filters[f]), name), 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(resize), cmocka_unit_test(parts), cmocka_unit_test(colours),
                                       cmocka_unit_test(warps)};
    return cmocka_run_group_tests(tests, NULL, teardown);
}
