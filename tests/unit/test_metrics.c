/* test_metrics.c: src/train/metrics.c. Expected figures are worked out by hand or by scikit-learn's definitions. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "train/metrics.h"

static void near(double got, double expected)
{
    if (!(fabs(got - expected) <= 1e-12))
        fail_msg("got %.17g, expected %.17g", got, expected);
}

static void argmax_takes_the_first_of_equals_and_nan_first(void **state)
{
    (void)state;
    const float scores[] = {0, 2, 2, -1, -1, -1, 5, NAN, NAN, -INFINITY, -INFINITY, -3};
    int64_t got[4];
    train_argmax(scores, 4, 3, got);
    assert_int_equal(got[0], 1);
    assert_int_equal(got[1], 0);
    assert_int_equal(got[2], 1);
    assert_int_equal(got[3], 2);
}

static void top_1_agrees_with_argmax(void **state)
{
    (void)state;
    const float scores[] = {0, 2, 2, 1, 5, 1, 4, 3, 1, 1, 1, 1};
    for (int64_t label = -1; label <= 4; label++)
        for (size_t row = 0; row < 3; row++) {
            int64_t best;
            train_argmax(scores + 4 * row, 1, 4, &best);
            assert_int_equal(train_count_top(scores + 4 * row, 1, 4, &label, 1), best == label);
            assert_int_equal(train_count_top(scores + 4 * row, 1, 4, &label, 4), label >= 0 && label < 4);
        }
    const int64_t second = 2;
    assert_int_equal(train_count_top(scores, 1, 4, &second, 1), 0);
    assert_int_equal(train_count_top(scores, 1, 4, &second, 2), 1);
}

static void means_weigh_and_do_not_lose_small_terms(void **state)
{
    (void)state;
    train_mean m = {0};
    near(train_mean_value(&m), 0);
    train_mean_add(&m, 2, 64);
    train_mean_add(&m, 4, 16);
    near(train_mean_value(&m), 2.4);
    train_mean big = {0};
    train_mean_add(&big, 1e100, 1);
    train_mean_add(&big, 1, 1);
    train_mean_add(&big, -1e100, 1);
    near(train_mean_value(&big), 1.0 / 3);
    train_mean inf = {0};
    train_mean_add(&inf, INFINITY, 1);
    train_mean_add(&inf, 1, 1);
    assert_true(isinf(train_mean_value(&inf)));
    train_mean nan = {0};
    train_mean_add(&nan, NAN, 1);
    assert_true(isnan(train_mean_value(&nan)));
}

/* truth 0: 3 right, 1 taken for 1; truth 1: 2 right; truth 2: 1 taken for 0; class 3 never occurs. */
static void fill(train_confusion *c)
{
    const int64_t truth[] = {0, 0, 0, 0, 1, 1, 2, -1, -100}, guess[] = {0, 0, 0, 1, 1, 1, 0, 3, 77};
    assert_int_equal(train_confusion_init(c, 4, NULL), TN_OK);
    assert_int_equal(train_confusion_add(c, truth, guess, 9, NULL), TN_OK);
}

static void scores_of_a_small_matrix(void **state)
{
    (void)state;
    train_confusion c;
    fill(&c);
    train_class_score s = train_confusion_class(&c, 0);
    assert_int_equal(s.support, 4);
    assert_int_equal(s.predicted, 4);
    assert_int_equal(s.correct, 3);
    near(s.precision, 0.75);
    near(s.recall, 0.75);
    near(s.f1, 0.75);
    s = train_confusion_class(&c, 1);
    near(s.precision, 2.0 / 3);
    near(s.recall, 1);
    near(s.f1, 0.8);
    s = train_confusion_class(&c, 2);
    near(s.precision, 0);
    near(s.recall, 0);
    near(s.f1, 0);
    train_score all = train_confusion_score(&c);
    assert_int_equal(all.total, 7);
    assert_int_equal(all.correct, 5);
    assert_int_equal(all.classes_seen, 3);
    near(all.accuracy, 5.0 / 7);
    near(all.balanced_accuracy, (0.75 + 1 + 0) / 3);
    near(all.macro.precision, (0.75 + 2.0 / 3) / 3);
    near(all.macro.recall, 1.75 / 3);
    near(all.macro.f1, 1.55 / 3);
    near(all.weighted.recall, 5.0 / 7);
    near(all.weighted.f1, (4 * 0.75 + 2 * 0.8) / 7);
    double chance = (4 * 4 + 2 * 3 + 0) / 49.0;
    near(all.kappa, (5.0 / 7 - chance) / (1 - chance));
    train_confusion_free(&c);
}

static void nothing_counted_is_all_zero(void **state)
{
    (void)state;
    train_confusion c;
    fill(&c);
    train_confusion_clear(&c);
    train_score s = train_confusion_score(&c);
    const train_score zero = {0};
    assert_int_equal(s.total, 0);
    near(s.accuracy + s.balanced_accuracy + s.kappa + s.macro.f1 + s.weighted.f1, 0);
    assert_int_equal(s.classes_seen, zero.classes_seen);
    train_confusion_free(&c);
    train_confusion_free(&c);
}

static void one_class_only_has_no_agreement_beyond_chance(void **state)
{
    (void)state;
    train_confusion c;
    const int64_t zero[3] = {0};
    assert_int_equal(train_confusion_init(&c, 2, NULL), TN_OK);
    assert_int_equal(train_confusion_add(&c, zero, zero, 3, NULL), TN_OK);
    train_score s = train_confusion_score(&c);
    near(s.accuracy, 1);
    near(s.kappa, 0);
    near(s.macro.f1, 1);
    train_confusion_free(&c);
}

static void wrong_labels_are_named_and_nothing_is_counted(void **state)
{
    (void)state;
    base_error e = {0};
    train_confusion c;
    fill(&c);
    const int64_t truth[] = {0, 4}, guess[] = {0, 0}, low[] = {0, -1};
    assert_int_equal(train_confusion_add(&c, truth, guess, 2, &e), TN_INVALID);
    assert_string_equal(e.text, "sample 1 has the label 4, but the classes are 0 to 3");
    assert_int_equal(train_confusion_add(&c, guess, low, 2, &e), TN_INVALID);
    assert_string_equal(e.text, "sample 1 has the prediction -1, but the classes are 0 to 3");
    assert_int_equal(train_confusion_score(&c).total, 7);
    train_confusion other;
    assert_int_equal(train_confusion_init(&other, 2, NULL), TN_OK);
    assert_int_equal(train_confusion_merge(&c, &other, &e), TN_SHAPE);
    assert_int_equal(train_confusion_merge(&c, &c, &e), TN_OK);
    assert_int_equal(train_confusion_score(&c).total, 14);
    train_confusion_free(&other);
    train_confusion_free(&c);
    assert_int_equal(train_confusion_init(&c, 0, &e), TN_INVALID);
    assert_int_equal(train_confusion_init(&c, INT32_MAX, &e), TN_INVALID);
}

static void area_under_the_curve(void **state)
{
    (void)state;
    train_ranked a[] = {{0.1F, false}, {0.4F, false}, {0.35F, true}, {0.8F, true}};
    assert_true(train_auc(a, 4) == 0.75);
    train_ranked ties[] = {{1, true}, {1, false}, {1, true}, {1, false}};
    assert_true(train_auc(ties, 4) == 0.5);
    train_ranked one[] = {{1, true}, {2, true}};
    assert_true(train_auc(one, 2) == 0.5 && train_auc(one, 0) == 0.5);
}

static void same_score(const train_score *a, const train_score *b)
{
    assert_true(a->total == b->total && a->correct == b->correct && a->classes_seen == b->classes_seen);
    assert_true(a->accuracy == b->accuracy && a->balanced_accuracy == b->balanced_accuracy && a->kappa == b->kappa);
    assert_memory_equal(&a->macro, &b->macro, sizeof a->macro);
    assert_memory_equal(&a->weighted, &b->weighted, sizeof a->weighted);
}

/* Above TN_CONFUSION_CLASSES the matrix is not there, and all figures are those of the same samples with it. */
static void many_classes_have_no_matrix(void **state)
{
    (void)state;
    enum { N = 4000, MANY = 8000, FEW = 1000 };
    static int64_t truth[N], guess[N];
    train_confusion few, many, twice;
    for (int i = 0; i < N; i++) {
        truth[i] = i % 7 ? i * 13 % FEW : -1;
        guess[i] = i % 3 ? i * 13 % FEW : i * 29 % FEW;
    }
    assert_int_equal(train_confusion_init(&few, FEW, NULL), TN_OK);
    assert_int_equal(train_confusion_init(&many, MANY, NULL), TN_OK);
    assert_int_equal(train_confusion_init(&twice, MANY, NULL), TN_OK);
    assert_true(few.counts && !many.counts);
    assert_int_equal(train_confusion_add(&few, truth, guess, N, NULL), TN_OK);
    assert_int_equal(train_confusion_add(&many, truth, guess, N, NULL), TN_OK);
    const train_confusion matrix = {.classes = FEW, .counts = few.counts}; /* as a report is given it */
    const train_score a = train_confusion_score(&few), b = train_confusion_score(&many),
                      c = train_confusion_score(&matrix);
    same_score(&a, &b);
    same_score(&a, &c);
    assert_true(a.accuracy > 0.5 && train_confusion_iou(&few) == train_confusion_iou(&many));
    assert_int_equal(train_confusion_merge(&twice, &many, NULL), TN_OK);
    assert_int_equal(train_confusion_merge(&twice, &many, NULL), TN_OK);
    assert_int_equal(train_confusion_score(&twice).correct, 2 * a.correct);
    train_confusion_clear(&many);
    assert_int_equal(train_confusion_score(&many).total, 0);
    train_confusion_free(&few);
    train_confusion_free(&many);
    train_confusion_free(&twice);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(area_under_the_curve),
        cmocka_unit_test(argmax_takes_the_first_of_equals_and_nan_first),
        cmocka_unit_test(top_1_agrees_with_argmax),
        cmocka_unit_test(means_weigh_and_do_not_lose_small_terms),
        cmocka_unit_test(scores_of_a_small_matrix),
        cmocka_unit_test(nothing_counted_is_all_zero),
        cmocka_unit_test(one_class_only_has_no_agreement_beyond_chance),
        cmocka_unit_test(wrong_labels_are_named_and_nothing_is_counted),
        cmocka_unit_test(many_classes_have_no_matrix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
