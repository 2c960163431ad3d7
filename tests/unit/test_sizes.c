/* Sizes that are fed: expressions are held to what was fed, entries know nothing of each other's sizes, one session goes
 * back and forth between sizes, and none is an error for being 0. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tarn/ops.h>
#include <tarn/program.h>

static tn_feed vector(const char *name, float *data, int64_t n)
{
    tn_feed f = {name, tn_view_of(data, TN_F32, 1, &n)};
    return f;
}

static tn_session *session(tn_context *context, tn_graph *g, tn_state *state)
{
    tn_program *p = tn_compile(g, NULL);
    if (!p)
        fail_msg("%s", tn_context_error(context));
    tn_session *s = tn_session_new(p, state);
    tn_program_free(p);
    return s;
}

static void expressions_must_fit(void **p)
{
    (void)p;
    tn_context *context = tn_context_new(NULL);
    tn_graph *g = tn_graph_new(context);
    tn_dim n = tn_symbol(g, "n");
    tn_tensor *twice = tn_input(g, "twice", TN_F32, TN_SHAPE(tn_dim_mul(g, n, 2))),
              *once = tn_input(g, "once", TN_F32, TN_SHAPE(n));
    tn_entry *e = tn_entry_new(g, "sum", 0);
    tn_entry_output(e, "y", tn_add(tn_sum(twice), tn_sum(once)));
    tn_session *s = session(context, g, NULL);
    float x[8] = {1, 1, 1, 1, 1, 1, 1, 1}, y;
    tn_feed fetch = {"y", tn_view_of(&y, TN_F32, 0, NULL)};
    for (int64_t fed = 0; fed <= 8; fed++) {
        tn_feed feeds[2] = {vector("twice", x, fed), vector("once", x, 3)};
        tn_status status = tn_run(s, "sum", 2, feeds, 1, &fetch);
        assert_int_equal(status, fed == 6 ? TN_OK : TN_SHAPE);
        if (fed == 6)
            assert_true(y == 9);
        else
            assert_non_null(strstr(tn_session_error(s), "where 2*n is 6"));
    }
    tn_session_free(s);
    tn_graph_free(g);
    tn_context_free(context);
}

static void entries_have_sizes_of_their_own(void **p)
{
    (void)p;
    tn_context *context = tn_context_new(NULL);
    tn_graph *g = tn_graph_new(context);
    tn_tensor *x = tn_input(g, "x", TN_F32, TN_SHAPE(tn_symbol(g, "n"))),
              *y = tn_input(g, "y", TN_F32, TN_SHAPE(tn_symbol(g, "m"))),
              *z = tn_input(g, "z", TN_F32, TN_SHAPE(tn_symbol(g, "k")));
    tn_entry_output(tn_entry_new(g, "one", 0), "out", tn_sum(x));
    tn_entry_output(tn_entry_new(g, "two", 0), "out", tn_sum(tn_mul(y, z)));
    tn_session *s = session(context, g, NULL);
    float data[4] = {1, 2, 3, 4}, out;
    tn_feed feeds[2] = {vector("x", data, 4)}, fetch = {"out", tn_view_of(&out, TN_F32, 0, NULL)};
    if (tn_run(s, "one", 1, feeds, 1, &fetch) != TN_OK)
        fail_msg("%s", tn_session_error(s));
    assert_true(out == 10);
    feeds[0] = vector("y", data, 3);
    feeds[1] = vector("z", data, 3);
    assert_int_equal(tn_run(s, "two", 2, feeds, 1, &fetch), TN_OK);
    assert_true(out == 14);
    feeds[1] = vector("z", data, 4);
    assert_int_equal(tn_run(s, "two", 2, feeds, 1, &fetch), TN_SHAPE);
    tn_session_free(s);
    tn_graph_free(g);
    tn_context_free(context);
}

/* The block grows under bindings that are there already; a state is written in each size. */
static void back_and_forth(void **p)
{
    (void)p;
    enum { MOST = 5000 };
    static const int64_t sizes[] = {3, 0, MOST, 3, 1, MOST, 0, 64};
    tn_context *context = tn_context_new(NULL);
    tn_graph *g = tn_graph_new(context);
    tn_state *state = tn_state_new(context);
    tn_tensor *x = tn_input(g, "x", TN_F32, TN_SHAPE(tn_symbol(g, "n"))),
              *total = tn_buffer(g, "total", TN_F32, TN_SCALAR, NULL);
    tn_tensor *y = tn_concat(2, (tn_tensor *[]){tn_mul_f(x, 2), x}, 0);
    tn_entry *e = tn_entry_new(g, "step", 0);
    tn_entry_output(e, "y", y);
    tn_entry_write(e, total, tn_add(total, tn_sum(y)));
    assert_int_equal(tn_state_init(state, g, 1), TN_OK);
    tn_session *s = session(context, g, state);
    static float in[MOST], out[2 * MOST];
    double want = 0;
    tn_view v;
    tn_state_find(state, "total", &v);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (int k = 0; k < MOST; k++)
            in[k] = (float)((k + (int)i) % 7);
        tn_feed feed = vector("x", sizes[i] ? in : NULL, sizes[i]),
                fetch = vector("y", sizes[i] ? out : NULL, 2 * sizes[i]);
        if (tn_run(s, "step", 1, &feed, 1, &fetch) != TN_OK)
            fail_msg("%s", tn_session_error(s));
        for (int64_t k = 0; k < sizes[i]; k++) {
            assert_true(out[k] == 2 * in[k] && out[sizes[i] + k] == in[k]);
            want += 3 * (double)in[k];
        }
        assert_true(fabs(*(float *)v.data - want) <= 1e-6 * want);
    }
    tn_session_free(s);
    tn_state_free(state);
    tn_graph_free(g);
    tn_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions_must_fit),
        cmocka_unit_test(entries_have_sizes_of_their_own),
        cmocka_unit_test(back_and_forth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
