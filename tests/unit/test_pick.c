/* bernoulli and multinomial by their statistics, and gumbel_softmax: hard ones are draws from the softmax, soft ones are positive and sum to 1, the gradient of both is the
 * soft one's. And what its neighbours in op/compose/pick.c refuse. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tarn/tarn.h>

enum { ROWS = 4096, CLASSES = 4 };

/* Rows of the same logits; y of them, and the gradient of the sum of w * y, w being 1, 2, 3, 4. */
static void draw(bool hard, double tau, float *y, float *slope)
{
    static const float logits[CLASSES] = {0.0F, 1.0F, -1.0F, 0.5F};
    tn_context *c = tn_context_new(TN_OPT(tn_context_opt, .threads = 2));
    tn_graph *g = tn_graph_new(c);
    tn_tensor *row = tn_param(g, "row", TN_F32, TN_SHAPE(CLASSES), NULL), *got = NULL;
    tn_tensor *x = tn_add(tn_expand(row, TN_SHAPE(ROWS, CLASSES)), tn_full(g, TN_F32, TN_SHAPE(ROWS, CLASSES), 0));
    tn_tensor *picked = tn_gumbel_softmax(x, tau, hard, -1);
    tn_tensor *loss = tn_sum(tn_mul(picked, tn_arange(g, TN_F32, 1, 1, CLASSES)));
    if (tn_gradients(loss, 1, &x, &got) != TN_OK)
        fail_msg("%s", tn_graph_error(g));
    tn_entry *e = tn_entry_new(g, "e", TN_TRAINING);
    tn_entry_output(e, "y", picked);
    tn_entry_output(e, "slope", got);
    tn_program *p = tn_compile(g, NULL);
    tn_state *s = tn_state_new(c);
    const tn_view v = tn_view_of((void *)(uintptr_t)logits, TN_F32, 1, (const int64_t[]){CLASSES});
    assert_non_null(p);
    assert_int_equal(tn_state_init(s, g, 3), TN_OK);
    assert_int_equal(tn_state_set(s, "row", &v), TN_OK);
    tn_session *run = tn_session_new(p, s);
    const int64_t dims[] = {ROWS, CLASSES};
    const tn_feed out[] = {{"y", tn_view_of(y, TN_F32, 2, dims)}, {"slope", tn_view_of(slope, TN_F32, 2, dims)}};
    if (tn_run(run, "e", 0, NULL, 2, out) != TN_OK)
        fail_msg("%s", tn_session_error(run));
    tn_session_free(run);
    tn_state_free(s);
    tn_program_free(p);
    tn_graph_free(g);
    tn_context_free(c);
}

/* exp of the logits over their sum: 1, e, 1 / e, sqrt(e). */
static double share_of(int k)
{
    static const double logits[CLASSES] = {0, 1, -1, 0.5};
    double sum = 0;
    for (int i = 0; i < CLASSES; i++)
        sum += exp(logits[i]);
    return exp(logits[k]) / sum;
}

static void hard_ones_are_draws(void **unused)
{
    (void)unused;
    float *y = calloc(2 * (size_t)ROWS * CLASSES, sizeof *y), *slope = y + (size_t)ROWS * CLASSES;
    double count[CLASSES] = {0}, size = 0;
    assert_non_null(y);
    draw(true, 0.7, y, slope);
    for (int r = 0; r < ROWS; r++) {
        int ones = 0;
        for (int k = 0; k < CLASSES; k++) {
            const float at = y[r * CLASSES + k];
            assert_true(at == 0 || at == 1);
            ones += at == 1;
            count[k] += (double)at;
            size += fabs((double)slope[r * CLASSES + k]);
        }
        assert_int_equal(ones, 1);
    }
    for (int k = 0; k < CLASSES; k++)
        if (!(fabs(count[k] / ROWS - share_of(k)) <= 5 * sqrt(share_of(k) * (1 - share_of(k)) / ROWS)))
            fail_msg("class %d is drawn %g times of 1, not %g", k, count[k] / ROWS, share_of(k));
    assert_true(size > ROWS / 10.0); /* the soft ones' gradient comes through */
    free(y);
}

/* Of sum(w y), y = softmax(z / tau), for z: y (w - sum(w y)) / tau. */
static void soft_ones_have_their_gradient(void **unused)
{
    (void)unused;
    const double tau = 0.7;
    float *y = calloc(2 * (size_t)ROWS * CLASSES, sizeof *y), *slope = y + (size_t)ROWS * CLASSES;
    assert_non_null(y);
    draw(false, tau, y, slope);
    for (int r = 0; r < ROWS; r++) {
        const float *at = y + (ptrdiff_t)r * CLASSES;
        double sum = 0, mean = 0;
        for (int k = 0; k < CLASSES; k++) {
            assert_true(at[k] >= 0);
            sum += (double)at[k];
            mean += (k + 1) * (double)at[k];
        }
        assert_true(fabs(sum - 1) < 1e-5);
        for (int k = 0; k < CLASSES; k++)
            assert_true(fabs((double)at[k] * (k + 1 - mean) / tau - (double)slope[r * CLASSES + k]) < 1e-5);
    }
    free(y);
}

/* Runs of an entry that hands out y, of i64 or f32 elements. */
static void run_once(tn_context *c, tn_graph *g, tn_tensor *y, int64_t rows, int64_t columns, void *out)
{
    tn_entry_output(tn_entry_new(g, "e", 0), "y", y);
    tn_program *p = tn_compile(g, NULL);
    if (!p)
        fail_msg("%s", tn_graph_error(g));
    tn_state *s = tn_state_new(c);
    tn_session *run = tn_session_new(p, s);
    const tn_feed fetch = {"y", tn_view_of(out, tn_tensor_dtype(y), 2, (const int64_t[]){rows, columns})};
    if (tn_run(run, "e", 0, NULL, 1, &fetch) != TN_OK)
        fail_msg("%s", tn_session_error(run));
    tn_session_free(run);
    tn_state_free(s);
    tn_program_free(p);
}

static void yes_or_no(void **unused)
{
    (void)unused;
    static float y[ROWS * CLASSES];
    static const float p[CLASSES] = {0, 0.1F, 0.7F, 1};
    tn_context *c = tn_context_new(NULL);
    tn_graph *g = tn_graph_new(c);
    tn_view v = tn_view_of((void *)(uintptr_t)p, TN_F32, 1, (const int64_t[]){CLASSES});
    run_once(c, g, tn_bernoulli(tn_expand(tn_constant(g, &v), TN_SHAPE(ROWS, CLASSES))), ROWS, CLASSES, y);
    double sum[CLASSES] = {0}, both = 0;
    for (int i = 0; i < ROWS * CLASSES; i++) {
        assert_true(y[i] == 0 || y[i] == 1);
        sum[i % CLASSES] += (double)y[i];
        both += i % CLASSES == 2 && i > CLASSES ? (double)(y[i] * y[i - CLASSES]) : 0;
    }
    for (int k = 0; k < CLASSES; k++)
        assert_true(fabs(sum[k] / ROWS - (double)p[k]) <= 5 * sqrt((double)p[k] * (1 - (double)p[k]) / ROWS));
    assert_true(fabs(both / ROWS - 0.49) < 0.05); /* each by itself */
    tn_graph_free(g);
    tn_context_free(c);
}

/* Weights 1, 3, 0, 4: put back, draws have these shares, neighbours are independent; not put back, three draws are all that can be. */
static void classes_are_drawn(void **unused)
{
    (void)unused;
    static int64_t y[ROWS * 3];
    static const float weights[CLASSES] = {1, 3, 0, 4};
    for (int replace = 0; replace < 2; replace++) {
        tn_context *c = tn_context_new(NULL);
        tn_graph *g = tn_graph_new(c);
        tn_view v = tn_view_of((void *)(uintptr_t)weights, TN_F32, 1, (const int64_t[]){CLASSES});
        tn_tensor *w = tn_expand(tn_constant(g, &v), TN_SHAPE(ROWS, CLASSES));
        run_once(c, g, tn_multinomial(w, 3, replace), ROWS, 3, y);
        double first[CLASSES] = {0}, second[CLASSES] = {0}, same = 0;
        for (int r = 0; r < ROWS; r++) {
            const int64_t *d = y + (ptrdiff_t)r * 3;
            for (int k = 0; k < 3; k++)
                assert_true(d[k] == 0 || d[k] == 1 || d[k] == 3);
            first[d[0]]++;
            second[d[1]]++;
            same += d[0] == d[1] || d[1] == d[2] || d[0] == d[2];
        }
        /* not put back, the second is class 1 with 1/8 3/7 + 4/8 3/4 */
        const double share[CLASSES] = {0.125, 0.375, 0, 0.5}, then = replace ? 0.375 : 0.125 * 3 / 7 + 0.5 * 0.75;
        for (int k = 0; k < CLASSES; k++)
            assert_true(fabs(first[k] / ROWS - share[k]) <= 5 * sqrt(share[k] * (1 - share[k]) / ROWS));
        assert_true(fabs(second[1] / ROWS - then) <= 5 * sqrt(then * (1 - then) / ROWS));
        assert_true(replace ? same > ROWS / 2.0 : same == 0);
        tn_graph_free(g);
        tn_context_free(c);
    }
}

static tn_tensor *bad_chance(tn_tensor *x)
{
    return tn_bernoulli(tn_cast(x, TN_I64));
}
static tn_tensor *bad_draws(tn_tensor *x)
{
    return tn_multinomial(x, 4, false);
}
static tn_tensor *bad_tau(tn_tensor *x)
{
    return tn_gumbel_softmax(x, 0, false, 0);
}
static tn_tensor *bad_axis(tn_tensor *x)
{
    return tn_hardmax(x, 2);
}
static tn_tensor *bad_lengths(tn_tensor *x)
{
    return tn_reverse_sequence(x, tn_cast(x, TN_I64), 0, 1);
}
static tn_tensor *bad_groups(tn_tensor *x)
{
    return tn_channel_shuffle(x, 2);
}
static tn_tensor *no_groups(tn_tensor *x)
{
    return tn_channel_shuffle(x, 0);
}
static tn_tensor *bad_rows(tn_tensor *x)
{
    return tn_cdist(x, tn_sum(x), 2);
}

static void what_cannot_be(void **unused)
{
    (void)unused;
    static const struct {
        tn_tensor *(*make)(tn_tensor *x);
        const char *words;
    } wrong[] = {{bad_chance, "bernoulli of"},
                 {bad_draws, "no more than there are classes, not 4"},
                 {bad_tau, "tau is 0"},
                 {bad_axis, "hardmax"},
                 {bad_lengths, "lengths has 2 axes"},
                 {bad_groups, "3 channels are no multiple of 2"},
                 {no_groups, "0 groups"},
                 {bad_rows, "a has 2 axes and b 0"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        tn_context *c = tn_context_new(NULL);
        tn_graph *g = tn_graph_new(c);
        wrong[i].make(tn_input(g, "x", TN_F32, TN_SHAPE(2, 3)));
        if (tn_graph_status(g) == TN_OK || !strstr(tn_graph_error(g), wrong[i].words))
            fail_msg("'%s' does not say '%s'", tn_graph_error(g), wrong[i].words);
        tn_graph_free(g);
        tn_context_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(hard_ones_are_draws),
                                       cmocka_unit_test(soft_ones_have_their_gradient), cmocka_unit_test(yes_or_no),
                                       cmocka_unit_test(classes_are_drawn), cmocka_unit_test(what_cannot_be)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
