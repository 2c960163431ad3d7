/* Sizes as expressions: their algebra, their text and back, their limits, and what is said when numbers are bound to them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "graph/dim.h"
#include <tarn/ops.h>
#include <tarn/program.h>

typedef struct table {
    base_arena arena;
    dim_table t;
    tn_dim n, m, k;
} table;

static int set_up(void **p)
{
    table *x = calloc(1, sizeof *x);
    x->t.arena = &x->arena;
    x->n = dim_symbol(&x->t, "n");
    x->m = dim_symbol(&x->t, "m");
    x->k = dim_symbol(&x->t, "k");
    *p = x;
    return 0;
}

static int tear_down(void **p)
{
    table *x = *p;
    dim_table_free(&x->t);
    base_arena_free(&x->arena);
    free(x);
    return 0;
}

static int64_t value(const table *x, tn_dim d, int64_t n, int64_t m, int64_t k)
{
    const int64_t symbols[64] = {n, m, k};
    int64_t size = -1;
    base_error e = {0};
    if (dim_eval(&x->t, d, symbols, &size, &e) != TN_OK)
        fail_msg("%s", e.text);
    return size;
}

static void shows(const table *x, tn_dim d, const char *text)
{
    base_str s = {0};
    dim_print(&x->t, d, &s);
    assert_string_equal(base_str_text(&s), text);
    base_str_free(&s);
}

/* ---- algebra ----------------------------------------------------------------------------------------------------- */

static void equal_sizes_are_equal_numbers(void **p)
{
    table *x = *p;
    dim_table *t = &x->t;
    tn_dim n = x->n, m = x->m, k = x->k, sum = dim_add(t, n, m);
    assert_true(n <= -2 && m <= -2 && n != m);
    assert_int_equal(dim_symbol(t, "n"), n);
    assert_int_equal(dim_add(t, m, n), sum);
    assert_int_equal(dim_sub(t, sum, m), n);
    assert_int_equal(dim_sub(t, sum, sum), 0);
    assert_int_equal(dim_add(t, dim_add(t, n, 3), 4), dim_add(t, 7, n));
    assert_int_equal(dim_mul(t, sum, k), dim_add(t, dim_mul(t, k, m), dim_mul(t, n, k)));
    assert_int_equal(dim_mul(t, sum, dim_sub(t, n, m)), dim_sub(t, dim_mul(t, n, n), dim_mul(t, m, m)));
    assert_int_equal(dim_mul(t, n, 0), 0);
    assert_int_equal(dim_mul(t, n, 1), n);
    assert_int_equal(dim_mul(t, 6, 7), 42);
    assert_int_equal(dim_max(t, 6, 7), 7);
    assert_int_equal(dim_max(t, n, n), n);
    assert_int_equal(dim_max(t, n, m), dim_max(t, m, n));
    assert_int_equal(t->failed, 0);
}

static void division_is_exact_where_it_can_be(void **p)
{
    table *x = *p;
    dim_table *t = &x->t;
    tn_dim n = x->n, m = x->m, nm = dim_mul(t, n, m);
    assert_int_equal(dim_div(t, 7, 2), 3);
    assert_int_equal(dim_div(t, nm, m), n);
    assert_int_equal(dim_div(t, dim_mul(t, nm, 6), dim_mul(t, n, 2)), dim_mul(t, m, 3));
    assert_int_equal(dim_div(t, dim_add(t, dim_mul(t, n, 4), 2), 2), dim_add(t, dim_mul(t, n, 2), 1));
    assert_int_equal(dim_div(t, n, n), 1);
    tn_dim half = dim_div(t, dim_sub(t, n, 1), 2);
    assert_int_equal(dim_div(t, dim_sub(t, n, 1), 2), half);
    shows(x, half, "floor((n-1)/(2))");
    assert_int_equal(value(x, half, 8, 0, 0), 3);
    assert_int_equal(value(x, dim_add(t, half, 1), 0, 0, 0), 0); /* rounds down, not towards zero */
    assert_int_equal(value(x, dim_div(t, n, m), 17, 5, 0), 3);
}

/* Random expressions of the operations, computed beside them on numbers. */
static void algebra_agrees_with_numbers(void **p)
{
    table *x = *p;
    uint64_t random = 12345;
    tn_dim d[40];
    int64_t v[40], bound[3] = {11, 4, 7};
    int count = 0;
    for (; count < 3; count++) {
        d[count] = (tn_dim[]){x->n, x->m, x->k}[count];
        v[count] = bound[count];
    }
    for (; count < 40; count++) {
        random = random * 6364136223846793005U + 1442695040888963407U;
        int a = (int)(random >> 33) % count, b = (int)(random >> 45) % count, what = (int)(random >> 60) % 5;
        if (v[a] > 1000 || v[b] > 1000 || (what == 3 && v[b] == 0))
            what = 4;
        if (count % 5 == 0) {
            d[count] = v[count] = count;
            continue;
        }
        switch (what) {
        case 0: d[count] = dim_add(&x->t, d[a], d[b]), v[count] = v[a] + v[b]; break;
        case 1: d[count] = dim_max(&x->t, d[a], d[b]), v[count] = v[a] > v[b] ? v[a] : v[b]; break;
        case 2: d[count] = dim_mul(&x->t, d[a], d[b]), v[count] = v[a] * v[b]; break;
        case 3: d[count] = dim_div(&x->t, d[a], d[b]), v[count] = v[a] / v[b]; break;
        default: d[count] = dim_add(&x->t, x->n, count), v[count] = bound[0] + count;
        }
        if (x->t.failed)
            fail_msg("operation %d on %d and %d failed", what, a, b);
        assert_int_equal(value(x, d[count], bound[0], bound[1], bound[2]), v[count]);
    }
}

static void equality_is_known_or_left_to_the_numbers(void **p)
{
    table *x = *p;
    assert_true(dim_same(&x->t, 3, 3, "a"));
    assert_false(dim_same(&x->t, 3, 4, "a"));
    assert_true(dim_same(&x->t, x->n, x->n, "a"));
    assert_int_equal(x->t.equals.n, 0);
    assert_true(dim_same(&x->t, x->n, 4, "the sum"));
    assert_true(dim_same(&x->t, x->n, 4, "another"));
    assert_int_equal(x->t.equals.n, 1);
    assert_string_equal(x->t.equals.at[0].what, "the sum");
}

/* ---- text -------------------------------------------------------------------------------------------------------- */

static void text_comes_back(void **p)
{
    table *x = *p;
    dim_table *t = &x->t;
    tn_dim n = x->n, m = x->m;
    struct {
        tn_dim d;
        const char *text;
    } cases[] = {{0, "0"},
                 {784, "784"},
                 {INT64_MAX, "9223372036854775807"},
                 {n, "n"},
                 {dim_add(t, dim_mul(t, n, 2), 1), "2*n+1"},
                 {dim_sub(t, n, 1), "n-1"},
                 {dim_sub(t, 3, n), "-n+3"},
                 {dim_sub(t, 0, 5), "-5"},
                 {dim_mul(t, dim_mul(t, n, n), m), "n*n*m"},
                 {dim_max(t, n, dim_div(t, dim_add(t, m, 2), 3)), NULL},
                 {dim_div(t, dim_max(t, n, 7), dim_add(t, m, 1)), NULL},
                 {dim_mul(t, dim_div(t, n, 2), dim_div(t, m, 2)), NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        base_str s = {0};
        tn_dim back = 12345;
        dim_print(t, cases[i].d, &s);
        if (cases[i].text)
            assert_string_equal(base_str_text(&s), cases[i].text);
        if (!dim_parse(t, base_str_text(&s), &back) || back != cases[i].d)
            fail_msg("'%s' does not come back", base_str_text(&s));
        base_str_free(&s);
    }
}

static void what_is_no_size_is_refused(void **p)
{
    table *x = *p;
    const char *const bad[] = {"",
                               " ",
                               "n ",
                               "n+",
                               "+n",
                               "n++1",
                               "2n",
                               "n**2",
                               "floor(n)",
                               "floor((n)/(0))",
                               "max(n)",
                               "max(n,m",
                               "n)",
                               "(n)",
                               "n/2",
                               "9223372036854775808",
                               "1e3",
                               "n-",
                               "floor((n)/(2)",
                               "\xc3\xa9",
                               "*"};
    tn_dim d;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (dim_parse(&x->t, bad[i], &d))
            fail_msg("'%s' was taken for a size", bad[i]);
    assert_int_equal(x->t.failed, 0);
    char deep[4096] = "";
    for (int i = 0; i < 500; i++)
        memcpy(deep + (size_t)4 * (size_t)i, "max(", 5);
    assert_false(dim_parse(&x->t, deep, &d));
    char longest[80];
    memset(longest, 'a', 64);
    longest[64] = '\0';
    assert_false(dim_parse(&x->t, longest, &d));
    assert_true(dim_parse(&x->t, longest + 1, &d));
}

/* ---- limits ------------------------------------------------------------------------------------------------------ */

static void limits_are_told(void **p)
{
    table *x = *p;
    base_error e = {0};
    tn_dim d = x->n;
    for (int i = 0; i < 7; i++)
        d = dim_mul(&x->t, d, x->n);
    assert_int_equal(x->t.failed, TN_OK); /* n to the power 8 */
    assert_int_equal(dim_mul(&x->t, d, x->n), 0);
    assert_int_equal(x->t.failed, TN_LIMIT);
    assert_int_equal(dim_failure(&x->t, &e), TN_LIMIT);
    assert_string_equal(e.text, "the size expressions grow beyond what is supported");
    x->t.failed = TN_OK;
    assert_int_equal(dim_mul(&x->t, INT64_MAX, 2), 0);
    assert_int_equal(x->t.failed, TN_LIMIT);
    x->t.failed = TN_OK;
    assert_int_equal(dim_add(&x->t, INT64_MAX, 1), 0);
    assert_int_equal(x->t.failed, TN_LIMIT);
    x->t.failed = TN_OK;
    assert_int_equal(dim_div(&x->t, x->n, 0), 0);
    assert_int_equal(dim_failure(&x->t, &e), TN_INVALID);
    assert_string_equal(e.text, "a size is divided by 0");
    x->t.failed = TN_OK;
    tn_dim least = dim_sub(&x->t, dim_sub(&x->t, 0, INT64_MAX), 1); /* the number that has no negative */
    assert_int_equal(x->t.failed, TN_OK);
    assert_int_equal(dim_sub(&x->t, 0, least), 0);
    assert_int_equal(x->t.failed, TN_LIMIT);
    x->t.failed = TN_OK;
    tn_dim quotient = dim_div(&x->t, dim_mul(&x->t, least, x->n), dim_sub(&x->t, 0, 1));
    int64_t size, symbols[64] = {1, 1, 1};
    assert_int_equal(dim_eval(&x->t, quotient, symbols, &size, &e), TN_SHAPE);
}

static void sums_of_many_terms(void **p)
{
    table *x = *p;
    tn_dim d = 0;
    char name[8];
    for (int i = 0; i < DIM_MAX_TERMS; i++) {
        (void)snprintf(name, sizeof name, "s%d", i);
        d = dim_add(&x->t, d, dim_symbol(&x->t, name));
    }
    assert_int_equal(x->t.failed, TN_OK);
    dim_add(&x->t, d, x->n);
    assert_int_equal(x->t.failed, TN_LIMIT);
}

static void evaluation_fails_with_a_sentence(void **p)
{
    table *x = *p;
    int64_t size, symbols[64] = {3, -1, 0};
    base_error e = {0};
    assert_int_equal(dim_eval(&x->t, dim_add(&x->t, x->n, x->m), symbols, &size, &e), TN_SHAPE);
    assert_string_equal(e.text, "the size 'm' has no value; feed an input that has it");
    assert_int_equal(dim_eval(&x->t, dim_sub(&x->t, x->n, 5), symbols, &size, &e), TN_SHAPE);
    assert_string_equal(e.text, "the size n-5 is negative (-2)");
    assert_int_equal(dim_eval(&x->t, dim_div(&x->t, x->n, x->k), symbols, &size, &e), TN_SHAPE);
    assert_string_equal(e.text, "a size is divided by another that is 0");
    symbols[0] = INT64_MAX / 2;
    assert_int_equal(dim_eval(&x->t, dim_mul(&x->t, x->n, 3), symbols, &size, &e), TN_SHAPE);
    assert_string_equal(e.text, "a size does not fit into 64 bits");
}

/* ---- bound by what is fed ---------------------------------------------------------------------------------------- */

typedef struct fed {
    tn_context *context;
    tn_graph *graph;
    tn_program *program;
    tn_session *session;
    float a[64], b[64], out[64];
} fed;

/* y[n] = the sum of the pairs in a[2n], plus b[n] */
static fed *feedable(void)
{
    fed *f = calloc(1, sizeof *f);
    f->context = tn_context_new(NULL);
    f->graph = tn_graph_new(f->context);
    tn_dim n = tn_symbol(f->graph, "n");
    tn_tensor *a = tn_input(f->graph, "a", TN_F32, TN_SHAPE(tn_dim_mul(f->graph, n, 2))),
              *b = tn_input(f->graph, "b", TN_F32, TN_SHAPE(n));
    tn_tensor *pairs = tn_reshape(a, TN_SHAPE(n, 2));
    tn_entry_output(tn_entry_new(f->graph, "run", 0), "y", tn_add(tn_sum_axes(pairs, 1, (int64_t[]){1}, false), b));
    f->program = tn_compile(f->graph, NULL);
    if (!f->program)
        fail_msg("%s", tn_context_error(f->context));
    f->session = tn_session_new(f->program, NULL);
    for (int i = 0; i < 64; i++)
        f->a[i] = f->b[i] = (float)i;
    return f;
}

static void unfeed(fed *f)
{
    tn_session_free(f->session);
    tn_program_free(f->program);
    tn_graph_free(f->graph);
    tn_context_free(f->context);
    free(f);
}

static tn_status run(fed *f, int64_t na, int64_t nb, int64_t ny)
{
    tn_feed feeds[2] = {{"a", tn_view_of(f->a, TN_F32, 1, &na)}, {"b", tn_view_of(f->b, TN_F32, 1, &nb)}},
            fetch = {"y", tn_view_of(f->out, TN_F32, 1, &ny)};
    return tn_run(f->session, "run", 2, feeds, 1, &fetch);
}

static void fed_sizes_must_follow_the_expression(void **p)
{
    (void)p;
    fed *f = feedable();
    for (int64_t n = 5; n >= 0; n--) {
        if (run(f, 2 * n, n, n) != TN_OK)
            fail_msg("%s", tn_session_error(f->session));
        for (int i = 0; i < n; i++)
            assert_true(f->out[i] == (float)(4 * i + 1 + i)); /* NOLINT: small whole numbers */
    }
    assert_int_equal(run(f, 7, 4, 4), TN_SHAPE);
    assert_string_equal(tn_session_error(f->session), "the input 'a' has size 7 on axis 0, where 2*n is 8");
    assert_int_equal(run(f, 9, 4, 4), TN_SHAPE);
    assert_int_equal(run(f, 8, 4, 5), TN_SHAPE);
    assert_int_equal(run(f, 8, 4, 4), TN_OK);
    unfeed(f);
}

static void builders_tell_limits_too(void **p)
{
    (void)p;
    tn_context *context = tn_context_new(NULL);
    tn_graph *g = tn_graph_new(context);
    tn_input(g, "x", TN_F32, TN_SHAPE(tn_dim_div(g, tn_symbol(g, "n"), 0)));
    assert_int_equal(tn_graph_status(g), TN_INVALID);
    assert_non_null(strstr(tn_graph_error(g), "a size is divided by 0"));
    tn_graph_free(g);
    g = tn_graph_new(context);
    assert_int_equal(tn_symbol(g, "a+b"), 1);
    assert_non_null(strstr(tn_graph_error(g), "'a+b' is no name for a size"));
    tn_graph_free(g);
    tn_context_free(context);
}

int main(void)
{
#define ON_TABLE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        ON_TABLE(equal_sizes_are_equal_numbers),
        ON_TABLE(division_is_exact_where_it_can_be),
        ON_TABLE(algebra_agrees_with_numbers),
        ON_TABLE(equality_is_known_or_left_to_the_numbers),
        ON_TABLE(text_comes_back),
        ON_TABLE(what_is_no_size_is_refused),
        ON_TABLE(limits_are_told),
        ON_TABLE(sums_of_many_terms),
        ON_TABLE(evaluation_fails_with_a_sentence),
        cmocka_unit_test(fed_sizes_must_follow_the_expression),
        cmocka_unit_test(builders_tell_limits_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
