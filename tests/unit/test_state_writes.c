/* Writes to state: whatever is written where, in place or at the end of the run, every value of a run is computed from the
 * state as it was before the run, and a run that fails leaves the state as it was. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tarn/ops.h>
#include <tarn/program.h>

enum { N = 4 }; /* rows and columns of the square states */

typedef struct fixture {
    tn_context *context;
    tn_graph *graph;
    tn_state *state;
    tn_entry *entry;
    tn_tensor *a, *b, *c;
    float a0[N * N], b0[N * N], c0[N * N]; /* before the run */
} fixture;

static tn_tensor *square(fixture *f, const char *name)
{
    tn_init normal = {TN_INIT_NORMAL, 0, 1};
    return tn_buffer(f->graph, name, TN_F32, TN_SHAPE(N, N), &normal);
}

static int set_up(void **p)
{
    fixture *f = calloc(1, sizeof *f);
    f->context = tn_context_new(NULL);
    f->graph = tn_graph_new(f->context);
    f->state = tn_state_new(f->context);
    f->a = square(f, "a");
    f->b = square(f, "b");
    f->c = square(f, "c");
    f->entry = tn_entry_new(f->graph, "step", 0);
    *p = f;
    return 0;
}

static int tear_down(void **p)
{
    fixture *f = *p;
    tn_graph_free(f->graph);
    tn_state_free(f->state);
    tn_context_free(f->context);
    free(f);
    return 0;
}

static float *data(const fixture *f, const char *name)
{
    tn_view v;
    assert_int_equal(tn_state_find(f->state, name, &v), TN_OK);
    return v.data;
}

static tn_feed matrix(const char *name, float *at)
{
    tn_feed x = {name, tn_view_of(at, TN_F32, 2, (const int64_t[]){N, N})};
    return x;
}

static void remember(fixture *f)
{
    memcpy(f->a0, data(f, "a"), sizeof f->a0);
    memcpy(f->b0, data(f, "b"), sizeof f->b0);
    memcpy(f->c0, data(f, "c"), sizeof f->c0);
}

static tn_session *session(fixture *f, const tn_compile_opt *opt)
{
    tn_program *p = tn_compile(f->graph, opt);
    if (!p)
        fail_msg("%s", tn_context_error(f->context));
    assert_int_equal(tn_state_init(f->state, f->graph, 7), TN_OK);
    tn_session *s = tn_session_new(p, f->state);
    tn_program_free(p);
    return s;
}

typedef void (*verdict)(const fixture *f, const float *out);

/* Two runs in each way of compiling; after each, `right` compares with what was before. */
static void check_with(fixture *f, int n_feeds, const tn_feed *feeds, bool out, verdict right)
{
    for (int way = 0; way < 4; way++) {
        tn_compile_opt opt = {.no_fuse = way & 1, .no_simplify = way & 2};
        tn_session *s = session(f, &opt);
        for (int i = 0; i < 2; i++) {
            float y[N * N] = {0};
            tn_feed fetch = matrix("y", y);
            remember(f);
            if (tn_run(s, "step", n_feeds, feeds, out, &fetch) != TN_OK)
                fail_msg("%s", tn_session_error(s));
            right(f, y);
        }
        tn_session_free(s);
    }
}

static void same(const float *x, const float *y)
{
    for (int i = 0; i < N * N; i++)
        if (!(fabsf(x[i] - y[i]) <= 1e-5F * (1 + fabsf(y[i]))))
            fail_msg("element %d is %g; it should be %g", i, (double)x[i], (double)y[i]);
}

static void transposed(const float *x, float *y)
{
    for (int i = 0; i < N * N; i++)
        y[i / N + i % N * N] = x[i];
}

/* ---- states that depend on each other ----------------------------------------------------------------------------- */

static void swapped(const fixture *f, const float *y)
{
    (void)y;
    same(data(f, "a"), f->b0);
    same(data(f, "b"), f->a0);
}

static void swap(void **p)
{
    fixture *f = *p;
    tn_entry_write(f->entry, f->a, f->b);
    tn_entry_write(f->entry, f->b, f->a);
    check_with(f, 0, NULL, false, swapped);
}

static void turned(const fixture *f, const float *y)
{
    (void)y;
    same(data(f, "a"), f->b0);
    same(data(f, "b"), f->c0);
    same(data(f, "c"), f->a0);
}

static void turn_three(void **p)
{
    fixture *f = *p;
    tn_entry_write(f->entry, f->c, f->a);
    tn_entry_write(f->entry, f->a, f->b);
    tn_entry_write(f->entry, f->b, f->c);
    check_with(f, 0, NULL, false, turned);
}

static void sum_and_difference(const fixture *f, const float *y)
{
    float want[N * N];
    (void)y;
    for (int i = 0; i < N * N; i++)
        want[i] = f->a0[i] + f->b0[i];
    same(data(f, "a"), want);
    for (int i = 0; i < N * N; i++)
        want[i] = tanhf(want[i]) - f->a0[i];
    same(data(f, "b"), want);
    for (int i = 0; i < N * N; i++)
        want[i] = f->a0[i] * f->b0[i] * f->c0[i];
    same(data(f, "c"), want);
}

/* One fused kernel that reads and writes all three. */
static void each_from_the_others(void **p)
{
    fixture *f = *p;
    tn_tensor *sum = tn_add(f->a, f->b);
    tn_entry_write(f->entry, f->a, sum);
    tn_entry_write(f->entry, f->b, tn_sub(tn_tanh(sum), f->a));
    tn_entry_write(f->entry, f->c, tn_mul(tn_mul(f->a, f->b), f->c));
    check_with(f, 0, NULL, false, sum_and_difference);
}

static void product_of_old(const fixture *f, const float *y)
{
    float want[N * N];
    (void)y;
    for (int i = 0; i < N * N; i++)
        want[i] = f->a0[i] * 0.5F;
    same(data(f, "a"), want);
    for (int i = 0; i < N * N; i++) {
        want[i] = 0;
        for (int k = 0; k < N; k++)
            want[i] += f->a0[i / N * N + k] * f->b0[k * N + i % N];
    }
    same(data(f, "b"), want);
}

static void product_reads_what_is_scaled(void **p)
{
    fixture *f = *p;
    tn_entry_write(f->entry, f->a, tn_mul_f(f->a, 0.5));
    tn_entry_write(f->entry, f->b, tn_matmul(f->a, f->b));
    check_with(f, 0, NULL, false, product_of_old);
}

static void both_same(const fixture *f, const float *y)
{
    float want[N * N], other[N * N];
    (void)y;
    for (int i = 0; i < N * N; i++)
        want[i] = f->a0[i] + 1;
    same(data(f, "a"), want);
    same(data(f, "b"), want);
    transposed(want, other);
    same(data(f, "c"), other);
}

static void one_value_to_three(void **p)
{
    fixture *f = *p;
    tn_tensor *y = tn_add_f(f->a, 1);
    tn_entry_write(f->entry, f->c, tn_transpose(y, 0, 1));
    tn_entry_write(f->entry, f->a, y);
    tn_entry_write(f->entry, f->b, y);
    check_with(f, 0, NULL, false, both_same);
}

/* ---- views -------------------------------------------------------------------------------------------------------- */

static void all_transposed(const fixture *f, const float *y)
{
    float want[N * N], other[N * N];
    (void)y;
    transposed(f->a0, want);
    same(data(f, "a"), want);
    for (int i = 0; i < N * N; i++)
        other[i] = f->b0[i] + want[i];
    same(data(f, "b"), other);
    for (int i = 0; i < N * N; i++) /* row 1 of c, in every row */
        want[i] = f->c0[i] + f->c0[N + i % N];
    same(data(f, "c"), want);
}

static void read_through_views(void **p)
{
    fixture *f = *p;
    tn_tensor *t = tn_transpose(f->a, 0, 1);
    tn_entry_write(f->entry, f->a, t);
    tn_entry_write(f->entry, f->b, tn_add(f->b, t));
    tn_entry_write(f->entry, f->c, tn_add(f->c, tn_slice(f->c, 0, 1, 2)));
    check_with(f, 0, NULL, false, all_transposed);
}

static void transposed_sum(const fixture *f, const float *y)
{
    float want[N * N];
    (void)y;
    transposed(f->a0, want);
    for (int i = 0; i < N * N; i++)
        want[i] += f->a0[i];
    same(data(f, "a"), want);
}

static void own_transpose_added(void **p)
{
    fixture *f = *p;
    tn_entry_write(f->entry, f->a, tn_add(f->a, tn_transpose(f->a, 0, 1)));
    check_with(f, 0, NULL, false, transposed_sum);
}

/* ---- outputs ------------------------------------------------------------------------------------------------------- */

static void shows_old(const fixture *f, const float *y)
{
    float want[N * N];
    same(y, f->a0);
    for (int i = 0; i < N * N; i++)
        want[i] = f->a0[i] + 1;
    same(data(f, "a"), want);
}

static void output_is_the_old_value(void **p)
{
    fixture *f = *p;
    tn_entry_output(f->entry, "y", f->a);
    tn_entry_write(f->entry, f->a, tn_add_f(f->a, 1));
    check_with(f, 0, NULL, true, shows_old);
}

static void shows_old_transposed(const fixture *f, const float *y)
{
    float want[N * N];
    transposed(f->a0, want);
    same(y, want);
    same(data(f, "a"), f->b0);
}

static void output_is_a_view_of_the_old_value(void **p)
{
    fixture *f = *p;
    tn_entry_output(f->entry, "y", tn_transpose(f->a, 0, 1));
    tn_entry_write(f->entry, f->a, f->b);
    check_with(f, 0, NULL, true, shows_old_transposed);
}

static void shows_new(const fixture *f, const float *y)
{
    float want[N * N];
    for (int i = 0; i < N * N; i++)
        want[i] = f->a0[i] + 1;
    same(data(f, "a"), want);
    same(y, want);
}

static void output_is_the_new_value(void **p)
{
    fixture *f = *p;
    tn_tensor *y = tn_add_f(f->a, 1);
    tn_entry_write(f->entry, f->a, y);
    tn_entry_output(f->entry, "y", y);
    check_with(f, 0, NULL, true, shows_new);
}

/* c is what follows from a alone, which nobody writes; the rest follows from what is written to c. */
static void follows(const fixture *f, const float *y)
{
    float want[N * N] = {0}, more[N * N];
    for (int i = 0; i < N * N; i++) {
        for (int k = 0; k < N; k++)
            want[i] += f->a0[i / N * N + k] * f->a0[k * N + i % N];
        more[i] = fmaxf(want[i], 0) + f->b0[i];
    }
    same(data(f, "c"), want);
    same(data(f, "b"), more);
    for (int i = 0; i < N * N; i++)
        want[i] *= want[i];
    same(y, want);
}

static void follows_from_unwritten_state(void **p)
{
    fixture *f = *p;
    tn_tensor *c = tn_matmul(f->a, f->a);
    tn_entry_write(f->entry, f->c, c);
    tn_entry_write(f->entry, f->b, tn_add(tn_relu(c), f->b));
    tn_entry_output(f->entry, "y", tn_square(c));
    check_with(f, 0, NULL, true, follows);
}

/* ---- what is fed ---------------------------------------------------------------------------------------------------- */

static float fed[N * N];

static void took_the_feed(const fixture *f, const float *y)
{
    float want[N * N];
    same(data(f, "a"), fed);
    for (int i = 0; i < N * N; i++)
        want[i] = 3;
    same(data(f, "b"), want);
    same(y, fed);
}

static void inputs_and_constants(void **p)
{
    fixture *f = *p;
    for (int i = 0; i < N * N; i++)
        fed[i] = (float)i;
    tn_tensor *x = tn_input(f->graph, "x", TN_F32, TN_SHAPE(N, N));
    tn_entry_write(f->entry, f->a, x);
    tn_entry_write(f->entry, f->b, tn_expand(tn_scalar(f->graph, TN_F32, 3), TN_SHAPE(N, N)));
    tn_entry_output(f->entry, "y", x);
    tn_feed feed = matrix("x", fed);
    check_with(f, 1, &feed, true, took_the_feed);
}

/* The memory of a state is fed as an input of the run that overwrites the state. */
static void state_as_feed(void **p)
{
    fixture *f = *p;
    tn_tensor *x = tn_input(f->graph, "x", TN_F32, TN_SHAPE(N, N));
    tn_entry_write(f->entry, f->a, tn_add(tn_matmul(f->b, f->b), f->a));
    tn_entry_write(f->entry, f->b, tn_matmul(x, f->c));
    tn_entry_output(f->entry, "y", tn_add(x, tn_transpose(x, 0, 1)));
    tn_entry_write(f->entry, f->c, x);
    tn_session *s = session(f, NULL);
    remember(f);
    float y[N * N], want[N * N];
    tn_feed feed = matrix("x", data(f, "a")), fetch = matrix("y", y);
    assert_int_equal(tn_run(s, "step", 1, &feed, 1, &fetch), TN_OK);
    for (int i = 0; i < N * N; i++) {
        want[i] = 0;
        for (int k = 0; k < N; k++)
            want[i] += f->a0[i / N * N + k] * f->c0[k * N + i % N];
    }
    same(data(f, "b"), want);
    same(data(f, "c"), f->a0);
    transposed(f->a0, want);
    for (int i = 0; i < N * N; i++)
        want[i] += f->a0[i];
    same(y, want);
    tn_session_free(s);
}

/* An output goes where an input came from. */
static void fetch_into_the_feed(void **p)
{
    fixture *f = *p;
    tn_tensor *x = tn_input(f->graph, "x", TN_F32, TN_SHAPE(N, N));
    tn_entry_output(f->entry, "y", tn_add(tn_matmul(x, f->a), x));
    tn_entry_output(f->entry, "x again", x);
    tn_session *s = session(f, NULL);
    remember(f);
    float y[N * N], want[N * N];
    for (int i = 0; i < N * N; i++)
        y[i] = (float)i;
    for (int i = 0; i < N * N; i++) {
        want[i] = y[i];
        for (int k = 0; k < N; k++)
            want[i] += y[i / N * N + k] * f->a0[k * N + i % N];
    }
    tn_feed feed = matrix("x", y), fetch[2] = {matrix("x again", y), matrix("y", y)};
    assert_int_equal(tn_run(s, "step", 1, &feed, 2, fetch), TN_OK);
    same(y, want);
    tn_session_free(s);
}

/* ---- runs that fail -------------------------------------------------------------------------------------------------- */

static void expect_unchanged(fixture *f)
{
    assert_memory_equal(f->a0, data(f, "a"), sizeof f->a0);
    assert_memory_equal(f->b0, data(f, "b"), sizeof f->b0);
    assert_memory_equal(f->c0, data(f, "c"), sizeof f->c0);
}

static void failure_leaves_the_state(void **p)
{
    fixture *f = *p;
    tn_tensor *x = tn_input(f->graph, "x", TN_F32, TN_SHAPE(N, N)), *d = tn_input(f->graph, "d", TN_I32, TN_SHAPE(2));
    tn_entry_write(f->entry, f->a, tn_add(f->a, x));
    tn_entry_write(f->entry, f->b, tn_mul(f->b, tn_add(f->a, x)));
    tn_tensor *one = tn_expand(tn_scalar(f->graph, TN_I32, 8), TN_SHAPE(2));
    tn_entry_write(f->entry, f->c, tn_mul(f->c, tn_cast(tn_sum(tn_div(one, d)), TN_F32)));
    tn_entry_check(f->entry, tn_sum(tn_exp(x)));
    for (int way = 0; way < 4; way++) {
        tn_compile_opt opt = {.no_fuse = way & 1, .no_simplify = way & 2};
        tn_session *s = session(f, &opt);
        float in[N * N] = {1, 2, 3};
        int32_t by[2] = {2, 0};
        tn_feed feeds[2] = {matrix("x", in), {"d", tn_view_of(by, TN_I32, 1, (const int64_t[]){2})}};
        remember(f);
        assert_int_equal(tn_run(s, "step", 2, feeds, 0, NULL), TN_FAULT);
        expect_unchanged(f);
        by[1] = 4;
        in[5] = INFINITY;
        assert_int_equal(tn_run(s, "step", 2, feeds, 0, NULL), TN_NONFINITE);
        expect_unchanged(f);
        tn_cancel(s);
        in[5] = 0;
        assert_int_equal(tn_run(s, "step", 2, feeds, 0, NULL), TN_CANCELLED);
        expect_unchanged(f);
        assert_int_equal(tn_run(s, "step", 2, feeds, 0, NULL), TN_OK);
        for (int i = 0; i < N * N; i++)
            f->a0[i] += in[i];
        same(data(f, "a"), f->a0);
        for (int i = 0; i < N * N; i++)
            f->b0[i] *= f->a0[i];
        same(data(f, "b"), f->b0);
        for (int i = 0; i < N * N; i++)
            f->c0[i] *= 6;
        same(data(f, "c"), f->c0);
        tn_session_free(s);
    }
}

static void written_twice_is_refused(void **p)
{
    fixture *f = *p;
    tn_entry_write(f->entry, f->a, tn_add_f(f->a, 1));
    tn_entry_write(f->entry, f->a, f->b);
    assert_null(tn_compile(f->graph, NULL));
    assert_string_equal(tn_context_error(f->context), "the entry 'step' writes the state 'a' twice");
}

static void values_of_other_graphs(void **p)
{
    fixture *f = *p;
    tn_graph *g = tn_graph_new(f->context);
    tn_tensor *x = tn_input(g, "x", TN_F32, TN_SHAPE(N, N));
    tn_entry_output(f->entry, "y", x);
    assert_int_equal(tn_graph_status(f->graph), TN_INVALID);
    tn_graph_free(g);
    g = tn_graph_new(f->context);
    tn_entry_write(tn_entry_new(g, "step", 0), f->a, f->b);
    assert_int_equal(tn_graph_status(g), TN_INVALID);
    tn_graph_free(g);
    g = tn_graph_new(f->context);
    tn_entry_output(tn_entry_new(g, "step", 0), "y", NULL);
    assert_int_equal(tn_graph_status(g), TN_INVALID);
    tn_graph_free(g);
}

/* So much that all threads copy it, in parts of which the last is no whole one; and a second time over the first. */
static void much_is_set(void **p)
{
    fixture *f = *p;
    int64_t n = (5 << 20) / (int64_t)sizeof(float) + 3;
    float *x = malloc((size_t)n * sizeof *x);
    assert_non_null(x);
    for (int time = 0; time < 2; time++) {
        tn_view v = tn_view_of(x, TN_F32, 1, &n), got;
        for (int64_t i = 0; i < n; i++)
            x[i] = (float)(i % 1000 + time);
        assert_int_equal(tn_state_set(f->state, "much", &v), TN_OK);
        assert_int_equal(tn_state_find(f->state, "much", &got), TN_OK);
        assert_ptr_not_equal(got.data, x);
        assert_memory_equal(got.data, x, (size_t)n * sizeof *x);
    }
    free(x);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(swap),
        TEST(turn_three),
        TEST(each_from_the_others),
        TEST(product_reads_what_is_scaled),
        TEST(one_value_to_three),
        TEST(read_through_views),
        TEST(own_transpose_added),
        TEST(output_is_the_old_value),
        TEST(output_is_a_view_of_the_old_value),
        TEST(output_is_the_new_value),
        TEST(follows_from_unwritten_state),
        TEST(inputs_and_constants),
        TEST(state_as_feed),
        TEST(fetch_into_the_feed),
        TEST(failure_leaves_the_state),
        TEST(written_twice_is_refused),
        TEST(values_of_other_graphs),
        TEST(much_is_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
