/* test_pipeline.c: pipelines of transforms: text and JSON, the same key the same bytes, random parameters as they are said to be
 * distributed, boxes and masks that move along, mixed batches. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/philox.h"
#include "data/picture/pipeline.h"
#include "data/picture/policy.h"
#include "support/context.h"

static tn_pipeline *pipeline(const char *text)
{
    tn_pipeline *p = tn_pipeline_parse(context, text);
    if (!p)
        fail_msg("%s", tn_context_error(context));
    return p;
}

/* Every pixel holds its place: red x, green y. */
static tn_picture *places(int64_t width, int64_t height)
{
    tn_picture *p = tn_picture_new(context, width, height, 3);
    assert_non_null(p);
    for (int64_t i = 0; i < width * height; i++) {
        p->pixels[3 * i] = (uint8_t)(i % width);
        p->pixels[3 * i + 1] = (uint8_t)(i / width);
        p->pixels[3 * i + 2] = (uint8_t)(base_mix((uint64_t)i) & 255);
    }
    return p;
}

static void run(const tn_pipeline *p, tn_scene *s, uint64_t key)
{
    if (tn_pipeline_run(context, p, s, key) != TN_OK)
        fail_msg("%s", tn_context_error(context));
}

static void texts(void **state)
{
    (void)state;
    tn_pipeline *p = pipeline(" random_crop height=32, width=32 padding=4;\nflip_horizontal probability=0.25\n\n"
                              "resize filter=bicubic antialias=false");
    assert_string_equal(
        tn_pipeline_json(p),
        "[{\"kind\":\"random_crop\",\"height\":32,\"width\":32,\"padding\":4,\"fill\":0,\"probability\":1.0},{\"kind\":"
        "\"flip_horizontal\",\"probability\":0.25},{\"kind\":\"resize\",\"height\":224,\"width\":224,\"filter\":"
        "\"bicubic\",\"antialias\":\"false\",\"probability\":1.0}]");
#ifdef TARN_HAVE_JANSSON
    tn_pipeline *q = pipeline(tn_pipeline_json(p));
    assert_string_equal(tn_pipeline_json(p), tn_pipeline_json(q));
    tn_pipeline_free(q);
    assert_null(tn_pipeline_parse(context, "[{\"kind\": \"grey\", \"colour\": 1}]"));
    says("the step \"grey\" has no parameter \"colour\"; it has probability");
    assert_null(tn_pipeline_parse(context, "[7]"));
    says("step 0");
    /* All kinds, from what they write themselves. */
    for (int i = 0; step_kind_at(i); i++) {
        tn_pipeline *one = pipeline(step_kind_at(i)->name), *again = pipeline(tn_pipeline_json(one));
        assert_string_equal(tn_pipeline_json(one), tn_pipeline_json(again));
        tn_pipeline_free(one);
        tn_pipeline_free(again);
    }
#endif
    tn_pipeline_free(p);
    static const char *const bad[][2] = {
        {"flip", "there is no step \"flip\"; did you mean \""},
        {"rotate degrees=400", "degrees is 400; it lies in 0 to 180"},
        {"rotate degrees", "\"degrees\" is due in the form name=value"},
        {"rotate filter=lanczos", "filter is \"lanczos\""},
        {"posterize bits=2.5", "a whole number is due"},
        {"random_resized_crop scale_low=0.9 scale_high=0.5", "scale_high (0.5) is less than scale_low (0.9)"},
        {"grey probability=2", "it lies in 0 to 1"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_null(tn_pipeline_parse(context, bad[i][0]));
        says(bad[i][1]);
    }
}

/* Every kind of step: the same key the same bytes, another key mostly others; sizes and boxes stay sane. */
static void keys(void **state)
{
    (void)state;
    for (int k = 0; step_kind_at(k); k++) {
        char text[100];
        int same = 0;
        snprintf(text, sizeof text, "%s probability=1", step_kind_at(k)->name);
        tn_pipeline *p = pipeline(text);
        for (uint64_t key = 0; key < 8; key++) {
            tn_box b[2][2];
            tn_scene s[2];
            for (int i = 0; i < 2; i++) {
                b[i][0] = (tn_box){0, 10, 5, 30, 25};
                b[i][1] = (tn_box){1, 0, 0, 60, 40};
                s[i] = (tn_scene){
                    .picture = places(60, 40), .mask = tn_picture_new(context, 60, 40, 1), .boxes = b[i], .n_boxes = 2};
                run(p, &s[i], key);
            }
            size_t bytes = (size_t)(s[0].picture->width * s[0].picture->height) * 3;
            assert_true(s[0].picture->width == s[1].picture->width && s[0].picture->height == s[1].picture->height);
            assert_memory_equal(s[0].picture->pixels, s[1].picture->pixels, bytes);
            assert_int_equal(s[0].n_boxes, s[1].n_boxes);
            assert_true(s[0].mask->width == s[0].picture->width && s[0].mask->height == s[0].picture->height);
            for (int i = 0; i < s[0].n_boxes; i++)
                assert_true(b[0][i].left >= 0 && b[0][i].left < b[0][i].right &&
                            b[0][i].right <= (float)s[0].picture->width && b[0][i].top < b[0][i].bottom);
            tn_scene other = {.picture = places(60, 40)};
            run(p, &other, key + 1000);
            same += other.picture->width == s[0].picture->width &&
                    memcmp(other.picture->pixels, s[0].picture->pixels, bytes) == 0;
            tn_picture_free(other.picture);
            for (int i = 0; i < 2; i++) {
                tn_picture_free(s[i].picture);
                tn_picture_free(s[i].mask);
            }
        }
        if (strncmp(text, "random", 6) == 0 && same > 4)
            fail_msg("%s: %d of 8 other keys gave the same", text, same);
        tn_pipeline_free(p);
    }
}

/* Grey pictures go through all steps too. */
static void grey(void **state)
{
    (void)state;
    for (int k = 0; step_kind_at(k); k++) {
        char text[100];
        snprintf(text, sizeof text, "%s probability=1", step_kind_at(k)->name);
        tn_pipeline *p = pipeline(text);
        tn_scene s = {.picture = tn_picture_new(context, 5, 3, 1)};
        for (int i = 0; i < 15; i++)
            s.picture->pixels[i] = (uint8_t)(i * 17);
        run(p, &s, 3);
        assert_int_equal(s.picture->channels, 1);
        tn_picture_free(s.picture);
        tn_pipeline_free(p);
    }
}

static void flips(void **state)
{
    (void)state;
    tn_pipeline *p = pipeline("flip_horizontal"), *always = pipeline("flip_horizontal probability=1");
    int flipped = 0, n = 2000;
    for (int key = 0; key < n; key++) {
        tn_scene s = {.picture = places(2, 1)};
        run(p, &s, (uint64_t)key);
        flipped += s.picture->pixels[0] == 1;
        tn_picture_free(s.picture);
    }
    assert_true(abs(flipped - n / 2) < 4 * 22); /* four standard deviations of sqrt(n) / 2 */
    tn_box b = {2, 1, 2, 4, 8};
    tn_scene s = {.picture = places(10, 9), .boxes = &b, .n_boxes = 1};
    run(always, &s, 1);
    assert_true(b.left == 6 && b.right == 9 && b.top == 2 && b.of_class == 2);
    assert_int_equal(s.picture->pixels[0], 9);
    tn_picture_free(s.picture);
    tn_pipeline_free(p);
    tn_pipeline_free(always);
}

/* All places of a crop come, and about as often. */
static void crops(void **state)
{
    (void)state;
    tn_pipeline *p = pipeline("random_crop height=8 width=6 padding=0");
    int count[3][5] = {{0}}, n = 6000;
    for (int key = 0; key < n; key++) {
        tn_scene s = {.picture = places(10, 10)};
        run(p, &s, (uint64_t)key);
        assert_true(s.picture->width == 6 && s.picture->height == 8);
        count[s.picture->pixels[1]][s.picture->pixels[0]]++;
        tn_picture_free(s.picture);
    }
    double chi = 0, due = n / 15.0;
    for (int i = 0; i < 15; i++)
        chi += pow(count[i / 5][i % 5] - due, 2) / due;
    assert_true(chi < 40); /* 14 degrees of freedom: one in 4000 */
    tn_pipeline_free(p);
}

/* Areas are uniform, logarithms of aspects too, where both fit in. */
static void resized_crops(void **state)
{
    (void)state;
    tn_pipeline *p = pipeline("random_resized_crop scale_low=0.1 scale_high=0.5");
    int areas[8] = {0}, aspects[8] = {0}, n = 8000;
    for (int key = 0; key < n; key++) {
        data_part part;
        assert_true(pipeline_part(p, 1000, 1000, (uint64_t)key, &part));
        assert_true(part.left >= 0 && part.top >= 0 && part.left + part.width <= 1000 &&
                    part.top + part.height <= 1000);
        double area = (double)(part.width * part.height) / 1e6, aspect = (double)part.width / (double)part.height;
        int a = (int)((area - 0.1) / 0.4 * 8), b = (int)(log(aspect / 0.75) / log(16.0 / 9) * 8);
        areas[a < 0 ? 0 : a > 7 ? 7 : a]++;
        aspects[b < 0 ? 0 : b > 7 ? 7 : b]++;
    }
    for (int i = 0; i < 8; i++)
        assert_true(abs(areas[i] - n / 8) < 160 && abs(aspects[i] - n / 8) < 160); /* five deviations */
    tn_pipeline_free(p);
}

static void colours(void **state)
{
    (void)state;
    tn_pipeline *p = pipeline("colour_jitter brightness=0.5");
    double sum = 0, least = 1e9, most = 0;
    int n = 3000;
    for (int key = 0; key < n; key++) {
        tn_scene s = {.picture = tn_picture_new(context, 1, 1, 3)};
        memset(s.picture->pixels, 100, 3);
        run(p, &s, (uint64_t)key);
        double v = s.picture->pixels[0];
        sum += v;
        least = fmin(least, v);
        most = fmax(most, v);
        tn_picture_free(s.picture);
    }
    assert_true(least >= 50 && least <= 51 && most >= 148 && most <= 150);
    assert_true(fabs(sum / n - 99.5) < 2.5); /* truncated: half a unit below 100 */
    tn_pipeline_free(p);
    p = pipeline("gaussian_noise sigma=10");
    tn_scene s = {.picture = tn_picture_new(context, 100, 100, 1)};
    memset(s.picture->pixels, 128, 10000);
    run(p, &s, 5);
    double square = 0;
    for (int i = 0; i < 10000; i++)
        square += pow(s.picture->pixels[i] - 128.0, 2);
    assert_true(fabs(sqrt(square / 10000) - 10) < 0.4);
    tn_picture_free(s.picture);
    tn_pipeline_free(p);
}

/* Erased and cut out parts have the size that they should. */
static void holes(void **state)
{
    (void)state;
    tn_pipeline *p = pipeline("random_erasing probability=1 scale_low=0.1 scale_high=0.2 fill=255");
    for (int key = 0; key < 200; key++) {
        tn_scene s = {.picture = tn_picture_new(context, 64, 64, 1)};
        int white = 0;
        run(p, &s, (uint64_t)key);
        for (int i = 0; i < 4096; i++)
            white += s.picture->pixels[i] == 255;
        assert_true(white > 0.08 * 4096 && white < 0.22 * 4096);
        tn_picture_free(s.picture);
    }
    tn_pipeline_free(p);
}

/* A turned picture: the box stays around what it was around, the mask moves with the picture. */
static void turned(void **state)
{
    (void)state;
    tn_pipeline *p = pipeline("affine degrees=30 translate_x=0.1 scale_low=0.8 scale_high=1.2");
    for (uint64_t key = 0; key < 50; key++) {
        tn_box b = {0, 40, 30, 60, 50};
        tn_scene s = {.picture = tn_picture_new(context, 100, 80, 1),
                      .mask = tn_picture_new(context, 100, 80, 1),
                      .boxes = &b,
                      .n_boxes = 1};
        for (int y = 30; y < 50; y++)
            for (int x = 40; x < 60; x++)
                s.picture->pixels[y * 100 + x] = s.mask->pixels[y * 100 + x] = 200;
        run(p, &s, key);
        for (int i = 0; i < 8000; i++) {
            float x = (float)(i % 100), y = (float)(i / 100);
            bool inside = s.n_boxes == 1 && x >= b.left - 1.5f && x <= b.right + 0.5f && y >= b.top - 1.5f &&
                          y <= b.bottom + 0.5f;
            if (s.picture->pixels[i] > 100)
                assert_true(inside && s.mask->pixels[i] == 200);
        }
        tn_picture_free(s.picture);
        tn_picture_free(s.mask);
    }
    tn_pipeline_free(p);
}

/* Mixed batches: what is said of l, of areas, of labels. */
static void mixes(void **state)
{
    (void)state;
    enum { N = 4, SIDE = 16, CLASSES = 4 };
    float x[N][1][SIDE][SIDE], y[N][CLASSES];
    int64_t labels[N] = {0, 1, 2, 3};
    tn_view vx = tn_view_of(x, TN_F32, 4, (int64_t[]){N, 1, SIDE, SIDE});
    tn_view vy = tn_view_of(y, TN_F32, 2, (int64_t[]){N, CLASSES});
    tn_view vl = tn_view_of(labels, TN_I64, 1, (int64_t[]){N});
    double sum = 0, square = 0;
    int n = 2000;
    for (int key = 0; key < n; key++) {
        bool cuts = key % 2;
        for (int i = 0; i < N * SIDE * SIDE; i++)
            ((float *)x)[i] = (float)(i / (SIDE * SIDE));
        assert_int_equal(tn_batch_one_hot(context, &vl, 0, &vy), TN_OK);
        assert_int_equal(tn_batch_mix(context, &vx, &vy,
                                      TN_OPT(tn_mix_opt, .mixup = cuts ? 0 : 0.4, .cutmix = cuts ? 1 : 0),
                                      (uint64_t)key),
                         TN_OK);
        for (int i = 0; i < N; i++) {
            double mean = 0, expected = 0, all = 0;
            for (int k = 0; k < SIDE * SIDE; k++)
                mean += (double)x[i][0][k / SIDE][k % SIDE] / (SIDE * SIDE);
            for (int c = 0; c < CLASSES; c++) {
                expected += (double)y[i][c] * c;
                all += (double)y[i][c];
            }
            assert_true(fabs(all - 1) < 1e-5 && fabs(mean - expected) < 1e-4);
        }
        sum += cuts ? 0 : (double)y[0][0];
        square += cuts ? 0 : (double)y[0][0] * (double)y[0][0];
    }
    /* Beta(a, a): mean 1/2, variance 1 / (4 (2 a + 1)) */
    double mean = sum / (n / 2), variance = square / (n / 2) - mean * mean;
    assert_true(fabs(mean - 0.5) < 0.05 && fabs(variance - 1 / (4 * 1.8)) < 0.015);
    assert_int_equal(tn_batch_one_hot(context, &vl, 0.1, &vy), TN_OK);
    assert_true(fabsf(y[1][1] - 0.925f) < 1e-6f && fabsf(y[1][0] - 0.025f) < 1e-6f);
    labels[2] = 9;
    assert_int_equal(tn_batch_one_hot(context, &vl, 0.1, &vy), TN_INVALID);
    says("label 9 of sample 2");
}

/* Samples mixed one by one: labels follow the pictures, and the same key gives the same. */
static tn_status shade_get(void *user, int64_t index, uint64_t key, const tn_sample *sample)
{
    int64_t label = index;
    (void)user;
    (void)key;
    memset(sample->at[0], (int)(index * 100), 3 * 20 * 20);
    memcpy(sample->at[1], &label, sizeof label);
    return TN_OK;
}

static void mixed_samples(void **state)
{
    (void)state;
    const tn_field fields[] = {{.name = "x", .dtype = TN_U8, .rank = 3, .dims = {3, 20, 20}},
                               {.name = "y", .dtype = TN_I64}};
    tn_dataset *d = tn_dataset_new(
        context, &(tn_dataset_def){.count = 3, .fields = fields, .n_fields = 2, .classes = 3, .get = shade_get});
    uint8_t x[1200], again[1200];
    float y[3];
    tn_view views[2] = {tn_view_of(x, TN_U8, 3, (int64_t[]){3, 20, 20}), tn_view_of(y, TN_F32, 1, (int64_t[]){3})};
    for (int cuts = 0; cuts < 2; cuts++) {
        tn_dataset *m = tn_dataset_mix(context, d, TN_OPT(tn_mix_opt, .mixup = cuts ? 0 : 0.5, .cutmix = cuts ? 1 : 0));
        assert_non_null(m);
        assert_int_equal(tn_dataset_field(m, 1)->dtype, TN_F32);
        for (uint64_t key = 0; key < 200; key++) {
            double mean = 0;
            assert_int_equal(tn_dataset_get(context, m, (int64_t)(key % 3), key, views), TN_OK);
            for (int i = 0; i < 1200; i++)
                mean += x[i] / 1200.0;
            assert_true(fabs(mean - 100 * ((double)y[1] + 2 * (double)y[2])) < 0.51);
            assert_true(fabs((double)(y[0] + y[1] + y[2]) - 1) < 1e-5);
            memcpy(again, x, sizeof x);
            assert_int_equal(tn_dataset_get(context, m, (int64_t)(key % 3), key, views), TN_OK);
            assert_memory_equal(again, x, sizeof x);
        }
        tn_dataset_free(m);
    }
    assert_null(tn_dataset_mix(context, d, TN_OPT(tn_mix_opt, .mixup = -1)));
    says("mixup and cutmix are at least 0");
    tn_dataset_free(d);
}

/* docs/pictures.md has every step with every parameter. */
static void page(void **state)
{
    (void)state;
    base_error e = {0};
    void *text;
    size_t bytes;
    assert_int_equal(base_file_read("docs/pictures.md", 1 << 20, &text, &bytes, &e), TN_OK);
    for (int i = 0; step_kind_at(i); i++) {
        char what[80];
        snprintf(what, sizeof what, "\n| `%s` | ", step_kind_at(i)->name);
        const char *row = strstr(text, what), *end = row ? strchr(row + 1, '\n') : NULL;
        if (!end)
            fail_msg("docs/pictures.md has no row for the step %s", step_kind_at(i)->name);
        for (int k = 0; k < STEP_PARAMETERS && step_kind_at(i)->parameters[k].name; k++) {
            snprintf(what, sizeof what, "`%s`", step_kind_at(i)->parameters[k].name);
            const char *found = strstr(row, what);
            if (!found || found > end)
                fail_msg("docs/pictures.md, step %s: no parameter %s", step_kind_at(i)->name, what);
        }
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts),   cmocka_unit_test(keys),  cmocka_unit_test(grey),
        cmocka_unit_test(flips),   cmocka_unit_test(crops), cmocka_unit_test(resized_crops),
        cmocka_unit_test(colours), cmocka_unit_test(holes), cmocka_unit_test(turned),
        cmocka_unit_test(mixes),   cmocka_unit_test(page),  cmocka_unit_test(mixed_samples),
    };
    return cmocka_run_group_tests(tests, context_begin, context_end);
}
