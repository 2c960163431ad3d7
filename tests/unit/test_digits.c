/* test_digits.c: the drawn digits: functions of (seed, index) alone, balanced, in MNIST's frame, and unlike each other. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/map.h"
#include "data/digit_strokes.h"
#include "data/digits.h"
#include "support/context.h"

#include <tarn/data.h>

static int64_t get(const tn_dataset *d, int64_t index, uint64_t key, uint8_t *pixels)
{
    int64_t y;
    tn_view views[2] = {tn_view_of(pixels, TN_U8, 3, (int64_t[]){1, 28, 28}), tn_view_of(&y, TN_I64, 0, NULL)};
    assert_int_equal(tn_dataset_get(context, d, index, key, views), TN_OK);
    return y;
}

static void the_set_is_as_promised(void **state)
{
    (void)state;
    tn_dataset *d = tn_dataset_digits(context, NULL);
    assert_non_null(d);
    assert_int_equal(tn_dataset_count(d), 60000);
    assert_int_equal(tn_dataset_classes(d), 10);
    assert_string_equal(tn_dataset_class_name(d, 7), "7");
    assert_int_equal(tn_dataset_field(d, 0)->dtype, TN_U8);
    int n[10] = {0};
    int64_t label;
    uint8_t pixels[784];
    for (int64_t i = 0; i < 1000; i++) {
        assert_int_equal(tn_dataset_label(context, d, i, &label), TN_OK);
        n[label]++;
        if (i % 50 == 0)
            assert_int_equal(get(d, i, 0, pixels), label);
    }
    for (int c = 0; c < 10; c++)
        assert_int_equal(n[c], 100);
    tn_dataset_free(d);
    assert_null(tn_dataset_digits(context, TN_OPT(tn_digits_opt, .count = -1)));
}

static void samples_are_functions_of_seed_and_index(void **state)
{
    (void)state;
    tn_dataset *a = tn_dataset_digits(context, TN_OPT(tn_digits_opt, .seed = 5));
    tn_dataset *b = tn_dataset_digits(context, TN_OPT(tn_digits_opt, .seed = 5, .count = 100));
    tn_dataset *c = tn_dataset_digits(context, TN_OPT(tn_digits_opt, .seed = 6));
    tn_dataset *anew = tn_dataset_digits(context, TN_OPT(tn_digits_opt, .seed = 5, .fresh = true));
    uint8_t p[784], q[784];
    for (int64_t i = 99; i >= 0; i -= 3) {
        int64_t label = get(a, i, 1, p);
        assert_int_equal(get(b, i, 2, q), label);
        assert_memory_equal(p, q, 784);
        (void)get(c, i, 1, q);
        assert_memory_not_equal(p, q, 784);
        assert_int_equal(get(anew, i, 1, p), label);
        assert_int_equal(get(anew, i, 2, q), label);
        assert_memory_not_equal(p, q, 784);
        (void)get(anew, i, 1, q);
        assert_memory_equal(p, q, 784);
    }
    tn_dataset *of[] = {a, b, c, anew};
    for (size_t i = 0; i < 4; i++)
        tn_dataset_free(of[i]);
}

/* Kept ones are those that would be drawn when asked for: whole pieces of the threads, a last one. */
static void kept_digits_are_the_same(void **state)
{
    (void)state;
    const int64_t counts[] = {1, 128, 300};
    tn_dataset *drawn = tn_dataset_digits(context, TN_OPT(tn_digits_opt, .seed = 5));
    uint8_t p[784], q[784];
    for (size_t k = 0; k < 3; k++) {
        tn_dataset *kept =
            tn_dataset_digits(context, TN_OPT(tn_digits_opt, .seed = 5, .count = counts[k], .kept = true));
        assert_int_equal(tn_dataset_count(kept), counts[k]);
        for (int64_t i = 0; i < counts[k]; i++) {
            assert_int_equal(get(kept, i, 3, p), get(drawn, i, 1, q));
            assert_memory_equal(p, q, 784);
        }
        tn_dataset_free(kept);
    }
    tn_dataset_free(drawn);
    assert_null(tn_dataset_digits(context, TN_OPT(tn_digits_opt, .kept = true, .fresh = true)));
    assert_string_equal(tn_context_error(context), "digits that are drawn anew in every epoch (fresh) cannot be kept");
    assert_null(tn_dataset_digits(context, TN_OPT(tn_digits_opt, .kept = true, .count = INT64_MAX)));
}

/* Ink, in the box and in the middle, of reasonable weight, on black. */
static void digits_stand_in_mnists_frame(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 3000; i++) {
        base_random r = base_random_new(3, i);
        uint8_t p[784];
        data_digit_draw((int)(i % 10), &r, p);
        double mass = 0, mx = 0, my = 0;
        int left = 28, right = 0, top = 28, bottom = 0;
        for (int k = 0; k < 784; k++) {
            mass += p[k];
            mx += p[k] * (k % 28 + 0.5);
            my += p[k] * (k / 28 + 0.5);
            if (p[k] > 64) {
                left = k % 28 < left ? k % 28 : left;
                right = k % 28 >= right ? k % 28 + 1 : right;
                top = k / 28 < top ? k / 28 : top;
                bottom = k / 28 + 1;
            }
        }
        assert_true(mass / 255 > 15 && mass / 255 < 350);
        assert_true(fabs(mx / mass - 14) < 1 && fabs(my / mass - 14) < 1);
        int longer = right - left > bottom - top ? right - left : bottom - top;
        assert_in_range(longer, 17, 22);
    }
}

static void styles_are_well_formed(void **state)
{
    (void)state;
    int of_digit[10] = {0};
    for (int s = 0; s < data_digit_style_count; s++) {
        const data_digit_style *style = &data_digit_styles[s];
        assert_in_range(style->digit, 0, 9);
        assert_true(s == 0 || style->digit >= data_digit_styles[s - 1].digit); /* choosing walks on from the first */
        assert_true(style->often > 0);
        assert_in_range(style->n, 2, DATA_DIGIT_POINTS);
        assert_int_equal(style->at[style->n - 1].kind, DATA_LIFT);
        for (int i = 0; i < style->n; i++)
            assert_true(style->at[i].x <= 100 && style->at[i].y <= 100 && style->at[i].kind <= DATA_LIFT);
        of_digit[style->digit]++;
    }
    for (int d = 0; d < 10; d++)
        assert_true(of_digit[d] >= 3);
}

/* The nearest mean of 300 each tells most of them apart: they are digits, and they vary. */
static void digits_can_be_told_apart(void **state)
{
    (void)state;
    static double means[10][784];
    uint8_t p[784];
    for (uint64_t i = 0; i < 3000; i++) {
        base_random r = base_random_new(11, i);
        data_digit_draw((int)(i % 10), &r, p);
        for (int k = 0; k < 784; k++)
            means[i % 10][k] += p[k] / 300.0;
    }
    int right = 0;
    for (uint64_t i = 0; i < 1000; i++) {
        base_random r = base_random_new(12, i);
        data_digit_draw((int)(i % 10), &r, p);
        int best = 0;
        double least = INFINITY;
        for (int c = 0; c < 10; c++) {
            double sum = 0;
            for (int k = 0; k < 784; k++)
                sum += (p[k] - means[c][k]) * (p[k] - means[c][k]);
            if (sum < least) {
                least = sum;
                best = c;
            }
        }
        right += best == (int)(i % 10);
    }
    assert_in_range(right, 600, 950);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_set_is_as_promised),       cmocka_unit_test(samples_are_functions_of_seed_and_index),
        cmocka_unit_test(digits_stand_in_mnists_frame), cmocka_unit_test(styles_are_well_formed),
        cmocka_unit_test(digits_can_be_told_apart),     cmocka_unit_test(kept_digits_are_the_same),
    };
    return cmocka_run_group_tests(tests, context_begin, context_end);
}
