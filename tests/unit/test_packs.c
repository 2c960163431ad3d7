/* Packed weights: what a kernel has put in its own order is used for that use of the tensor alone, and made anew when the state
 * changes, for all sessions of the state. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/net.h"

#include <tarn/ops.h>
#include <tarn/program.h>

enum { ROWS = 64, SIDE = 48, CHANNELS = 32, PICTURE = 8, OUT = PICTURE - 2 };

static float *numbers(size_t n, int seed)
{
    float *x = malloc(n * sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)((i * 37 + (size_t)seed * 11) % 101) / 50 - 1;
    return x;
}

static tn_feed feed_of(const char *name, void *data, int rank, const int64_t *dims)
{
    return (tn_feed){name, tn_view_of(data, TN_F32, rank, dims)};
}

static tn_tensor *input(tn_graph *g, const char *name, int64_t channels)
{
    return tn_input(g, name, TN_F32, TN_SHAPE(ROWS, channels, PICTURE, PICTURE));
}

/* ---- one tensor, two uses ---------------------------------------------------------------------------------------- */

/* x times w as it is, or transposed. */
static void check_product(const float *x, const float *w, bool transposed, const float *y)
{
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < SIDE; j++) {
            double sum = 0;
            for (int k = 0; k < SIDE; k++)
                sum += (double)x[i * SIDE + k] * (double)(transposed ? w[k * SIDE + j] : w[j * SIDE + k]);
            assert_true(fabs((double)y[i * SIDE + j] - sum) < 1e-4);
        }
}

static void a_tied_weight_serves_both_ways(void **p)
{
    (void)p;
    net f = net_new();
    tn_init normal = {TN_INIT_NORMAL, 0, 1};
    tn_tensor *x = tn_input(f.graph, "x", TN_F32, TN_SHAPE(ROWS, SIDE));
    tn_tensor *w = tn_param(f.graph, "w", TN_F32, TN_SHAPE(SIDE, SIDE), &normal);
    tn_entry *e = tn_entry_new(f.graph, "predict", 0);
    tn_entry_output(e, "there", tn_linear(x, w, NULL));
    tn_entry_output(e, "back", tn_linear(x, tn_transpose(w, 0, 1), NULL));
    net_compile(&f, NULL);
    float *a = numbers(ROWS * SIDE, 1), *there = numbers(ROWS * SIDE, 0), *back = numbers(ROWS * SIDE, 0);
    const int64_t dims[] = {ROWS, SIDE};
    tn_feed in = feed_of("x", a, 2, dims), out[] = {feed_of("there", there, 2, dims), feed_of("back", back, 2, dims)};
    net_run(f.session, "predict", 1, &in, 2, out);
    tn_view view;
    assert_int_equal(tn_state_find(f.state, "w", &view), TN_OK);
    check_product(a, view.data, false, there);
    check_product(a, view.data, true, back);
    free(a), free(there), free(back);
    net_free(&f);
}

/* Output (n, o, i, j) of a 3x3 window over one channel of its picture. */
static double window(const float *x, const float *w, int64_t i, int64_t j)
{
    double sum = 0;
    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 3; c++)
            sum += (double)w[3 * r + c] * (double)x[(i + r) * PICTURE + j + c];
    return sum;
}

static void check_windows(const float *x, const float *w, bool grouped, const float *y)
{
    for (int64_t n = 0; n < ROWS; n++)
        for (int64_t o = 0; o < CHANNELS; o++) {
            const float *from = x + (grouped ? n * CHANNELS + o : n) * PICTURE * PICTURE;
            for (int64_t at = 0; at < OUT * OUT; at++)
                assert_true(fabs((double)y[(n * CHANNELS + o) * OUT * OUT + at] -
                                 window(from, w + 9 * o, at / OUT, at % OUT)) < 1e-4);
        }
}

/* The same windows over one channel for all, and over a channel each. */
static void windows_serve_other_groups(void **p)
{
    (void)p;
    net f = net_new();
    tn_init normal = {TN_INIT_NORMAL, 0, 1};
    tn_tensor *w = tn_param(f.graph, "w", TN_F32, TN_SHAPE(CHANNELS, 1, 3, 3), &normal);
    tn_entry *e = tn_entry_new(f.graph, "predict", 0);
    tn_entry_output(e, "one", tn_conv2d(input(f.graph, "grey", 1), w, NULL, NULL));
    tn_entry_output(e, "each",
                    tn_conv2d(input(f.graph, "many", CHANNELS), w, NULL, TN_OPT(tn_conv_opt, .groups = CHANNELS)));
    net_compile(&f, NULL);
    const size_t small = (size_t)ROWS * PICTURE * PICTURE, results = (size_t)ROWS * CHANNELS * OUT * OUT;
    float *grey = numbers(small, 1), *many = numbers(small * CHANNELS, 2);
    float *one = numbers(results, 0), *each = numbers(results, 0);
    const int64_t of_grey[] = {ROWS, 1, PICTURE, PICTURE}, of_many[] = {ROWS, CHANNELS, PICTURE, PICTURE};
    const int64_t of_result[] = {ROWS, CHANNELS, OUT, OUT};
    tn_feed in[] = {feed_of("grey", grey, 4, of_grey), feed_of("many", many, 4, of_many)};
    tn_feed out[] = {feed_of("one", one, 4, of_result), feed_of("each", each, 4, of_result)};
    net_run(f.session, "predict", 2, in, 2, out);
    tn_view view;
    assert_int_equal(tn_state_find(f.state, "w", &view), TN_OK);
    check_windows(grey, view.data, false, one);
    check_windows(many, view.data, true, each);
    free(grey), free(many), free(one), free(each);
    net_free(&f);
}

/* Transposed convolutions put a weight in an order that follows from their steps and borders; each has the bits that it has with a weight
 * that is fed, which is packed in the call. */
static void transposed_windows_have_orders_of_their_own(void **p)
{
    enum { USES = 4, N = 2, MOST = N * CHANNELS * 19 * 19 };
    static const tn_conv_opt use[USES] = {{0}, {.padding = 1}, {.stride = 2}, {.stride = 2, .padding = 1}};
    static float y[2][MOST];
    (void)p;
    net f = net_new();
    tn_init normal = {TN_INIT_NORMAL, 0, 1};
    const tn_shape shape = TN_SHAPE(CHANNELS, CHANNELS, 3, 3);
    const int64_t of_x[] = {N, CHANNELS, PICTURE, PICTURE};
    tn_tensor *x = tn_input(f.graph, "x", TN_F32, (tn_shape){4, {N, CHANNELS, PICTURE, PICTURE}});
    tn_tensor *w[] = {tn_param(f.graph, "w", TN_F32, shape, &normal), tn_input(f.graph, "v", TN_F32, shape)};
    tn_entry *e = tn_entry_new(f.graph, "predict", 0);
    for (int i = 0; i < 2 * USES; i++) {
        char name[] = {"wv"[i % 2], (char)('0' + i / 2), 0};
        tn_entry_output(e, name, tn_conv_transpose2d(x, w[i % 2], NULL, &use[i / 2]));
    }
    net_compile(&f, NULL);
    float *a = numbers((size_t)N * CHANNELS * PICTURE * PICTURE, 1);
    tn_view view, shown;
    assert_int_equal(tn_state_find(f.state, "w", &view), TN_OK);
    tn_feed in[] = {feed_of("x", a, 4, of_x), {"v", view}};
    for (int i = 0; i < USES; i++) {
        char names[2][3] = {{'w', (char)('0' + i), 0}, {'v', (char)('0' + i), 0}};
        tn_feed out[2];
        net_run(f.session, "predict", 2, in, 0, NULL);
        for (int k = 0; k < 2; k++) {
            assert_int_equal(tn_session_shape(f.session, "predict", names[k], &shown), TN_OK);
            out[k] = feed_of(names[k], y[k], 4, shown.dims);
        }
        net_run(f.session, "predict", 2, in, 2, out);
        assert_memory_equal(y[0], y[1], (size_t)(tn_view_count(&shown) * 4));
    }
    free(a);
    net_free(&f);
}

/* ---- change ------------------------------------------------------------------------------------------------------ */

static void new_weights_are_packed_for_all_sessions(void **p)
{
    (void)p;
    net f = net_new();
    tn_init normal = {TN_INIT_NORMAL, 0, 1};
    tn_tensor *x = tn_input(f.graph, "x", TN_F32, TN_SHAPE(ROWS, SIDE));
    tn_tensor *w = tn_param(f.graph, "w", TN_F32, TN_SHAPE(SIDE, SIDE), &normal);
    tn_entry_output(tn_entry_new(f.graph, "predict", 0), "y", tn_linear(x, w, NULL));
    net_compile(&f, NULL);
    tn_session *other = tn_session_new(f.program, f.state);
    float *a = numbers(ROWS * SIDE, 1), *y = numbers(ROWS * SIDE, 0);
    const int64_t dims[] = {ROWS, SIDE}, of_w[] = {SIDE, SIDE};
    tn_feed in = feed_of("x", a, 2, dims), out = feed_of("y", y, 2, dims);
    for (int round = 0; round < 3; round++) {
        float *fresh = numbers(SIDE * SIDE, 3 + round);
        tn_view view = tn_view_of(fresh, TN_F32, 2, of_w);
        assert_int_equal(tn_state_set(f.state, "w", &view), TN_OK);
        net_run(round % 2 ? other : f.session, "predict", 1, &in, 1, &out);
        check_product(a, fresh, false, y);
        net_run(round % 2 ? f.session : other, "predict", 1, &in, 1, &out);
        check_product(a, fresh, false, y);
        free(fresh);
    }
    tn_memory memory;
    assert_int_equal(tn_session_plan(f.session, "predict", 1, &in, &memory), TN_OK);
    assert_true(memory.packed >= SIDE * SIDE * sizeof(float));
    tn_session_free(other);
    free(a), free(y);
    net_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tied_weight_serves_both_ways),
        cmocka_unit_test(windows_serve_other_groups),
        cmocka_unit_test(transposed_windows_have_orders_of_their_own),
        cmocka_unit_test(new_weights_are_packed_for_all_sessions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
