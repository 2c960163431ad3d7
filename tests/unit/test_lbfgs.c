/* L-BFGS: a fit of several parameters of several dtypes, steps that fail, states that are carried over, wrong use. Its numbers are
 * compared with PyTorch's in tests/golden/test_golden_optim.c. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <tarn/nn.h>
#include <tarn/optim.h>
#include <tarn/program.h>

enum { ROWS = 20, COLUMNS = 3 };

typedef struct fit {
    tn_context *context;
    tn_graph *graph;
    tn_program *program;
    tn_state *state;
    tn_session *session;
    float x[ROWS * COLUMNS], y[ROWS];
} fit;

/* A net with one hidden layer; `power` makes the loss overflow for large outputs. */
static void fit_new(fit *f, const tn_lbfgs_opt *o, int power)
{
    *f = (fit){.context = tn_context_new(TN_OPT(tn_context_opt, .threads = 1))};
    f->graph = tn_graph_new(f->context);
    tn_tensor *x = tn_input(f->graph, "x", TN_F32, TN_SHAPE(ROWS, COLUMNS));
    tn_tensor *y = tn_input(f->graph, "y", TN_F32, TN_SHAPE(ROWS, 1));
    tn_tensor *hidden = tn_dropout(tn_tanh(tn_layer_linear(x, "a", 8, NULL)), 0.1);
    tn_tensor *off = tn_sub(tn_layer_linear(hidden, "b", 1, NULL), y);
    if (tn_lbfgs(tn_mean(tn_pow_f(off, power)), o) != TN_OK)
        fail_msg("%s", tn_graph_error(f->graph));
    if (!(f->program = tn_compile(f->graph, NULL)))
        fail_msg("%s", tn_context_error(f->context));
    f->state = tn_state_new(f->context);
    assert_int_equal(tn_state_init(f->state, f->graph, 1), TN_OK);
    f->session = tn_session_new(f->program, f->state);
    for (int i = 0; i < ROWS * COLUMNS; i++)
        f->x[i] = (float)(i * 7 % 13) / 6 - 1;
    for (int i = 0; i < ROWS; i++)
        f->y[i] = f->x[i * COLUMNS] * f->x[i * COLUMNS + 1] + f->x[i * COLUMNS + 2];
}

static void fit_free(fit *f)
{
    tn_session_free(f->session);
    tn_state_free(f->state);
    tn_program_free(f->program);
    tn_graph_free(f->graph);
    tn_context_free(f->context);
}

static tn_status step(fit *f, const tn_lbfgs_opt *o, double *loss)
{
    const tn_feed feeds[] = {{"x", tn_view_of(f->x, TN_F32, 2, (int64_t[]){ROWS, COLUMNS})},
                             {"y", tn_view_of(f->y, TN_F32, 2, (int64_t[]){ROWS, 1})}};
    return tn_lbfgs_step(f->session, o, 2, feeds, loss);
}

static void a_fit(void **p)
{
    (void)p;
    for (int search = 0; search < 2; search++) {
        const tn_lbfgs_opt o = {.strong_wolfe = search, .lr = search ? 1 : 0.1};
        double first = 0, loss = 0;
        fit f;
        fit_new(&f, &o, 2);
        for (int i = 0; i < 10; i++)
            if (step(&f, &o, i ? &loss : &first) != TN_OK)
                fail_msg("%s", tn_session_error(f.session));
        if (!(loss < first / (search ? 5 : 2)))
            fail_msg("the loss was %g and is %g", first, loss);
        fit_free(&f);
    }
}

/* Everything that a step needs is in the state: another session goes on with the same bits. */
static void a_state_is_carried_over(void **p)
{
    (void)p;
    const tn_lbfgs_opt o = {.strong_wolfe = true, .max_iter = 4, .history_size = 3, .name = "fit"};
    fit a, b;
    tn_view v;
    const char *name;
    uint64_t seed, at;
    fit_new(&a, &o, 2);
    fit_new(&b, &o, 2);
    for (int i = 0; i < 3; i++)
        assert_int_equal(step(&a, &o, NULL), TN_OK);
    for (int i = 0; (name = tn_state_get(a.state, i, &v)) != NULL; i++)
        assert_int_equal(tn_state_set(b.state, name, &v), TN_OK);
    tn_state_get_random(a.state, &seed, &at);
    assert_int_equal(at, 3); /* a step of the random numbers for a step, however often the loss was looked at */
    tn_state_set_random(b.state, seed, at);
    for (int i = 0; i < 3; i++) {
        double left, right;
        assert_int_equal(step(&a, &o, &left), TN_OK);
        assert_int_equal(step(&b, &o, &right), TN_OK);
        assert_memory_equal(&left, &right, sizeof left);
    }
    fit_free(&a);
    fit_free(&b);
}

static void a_step_too_far_leaves_the_parameters(void **p)
{
    (void)p;
    const tn_lbfgs_opt o = {.lr = 1e30};
    fit f;
    float before[24];
    tn_view v;
    fit_new(&f, &o, 4);
    assert_int_equal(tn_state_find(f.state, "a.weight", &v), TN_OK);
    assert_int_equal(v.bytes, sizeof before);
    memcpy(before, v.data, sizeof before);
    assert_int_equal(step(&f, &o, NULL), TN_NONFINITE);
    assert_non_null(strstr(tn_session_error(f.session), "smaller learning rate"));
    assert_memory_equal(before, v.data, sizeof before);
    f.y[0] = NAN;
    assert_int_equal(step(&f, &o, NULL), TN_NONFINITE);
    assert_non_null(strstr(tn_session_error(f.session), "where the step begins"));
    fit_free(&f);
}

static void frozen_parameters_stay(void **p)
{
    (void)p;
    const tn_param_group group = {.pattern = "a.*", .frozen = true};
    const tn_lbfgs_opt o = {.groups = &group, .n_groups = 1};
    fit f;
    tn_view v;
    fit_new(&f, &o, 2);
    assert_int_equal(tn_state_find(f.state, "optim.a.weight.lbfgs_grad", &v), TN_NOT_FOUND);
    assert_int_equal(tn_state_find(f.state, "optim.lbfgs.s", &v), TN_OK);
    assert_true(v.rank == 2 && v.dims[0] == 10 && v.dims[1] == 9);
    assert_int_equal(step(&f, &o, NULL), TN_OK);
    fit_free(&f);
}

static void wrong_use_is_told(void **p)
{
    (void)p;
    const tn_lbfgs_opt bad[] = {{.lr = -1},
                                {.lr = NAN},
                                {.max_iter = -1},
                                {.max_eval = -1},
                                {.history_size = -1},
                                {.tolerance_grad = NAN},
                                {.tolerance_change = -1}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tn_context *c = tn_context_new(NULL);
        tn_graph *g = tn_graph_new(c);
        tn_tensor *w = tn_param(g, "w", TN_F32, TN_SHAPE(2), NULL);
        assert_int_equal(tn_lbfgs(tn_sum(tn_square(w)), &bad[i]), TN_INVALID);
        assert_non_null(strstr(tn_graph_error(g), "L-BFGS"));
        tn_graph_free(g);
        tn_context_free(c);
    }
    const tn_lbfgs_opt other = {.name = "other"};
    fit f;
    fit_new(&f, NULL, 2);
    assert_int_equal(step(&f, &other, NULL), TN_INVALID);
    assert_non_null(strstr(tn_session_error(f.session), "the state has no 'optim.other.lbfgs.s': tn_lbfgs makes it"));
    fit_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fit),
        cmocka_unit_test(a_state_is_carried_over),
        cmocka_unit_test(a_step_too_far_leaves_the_parameters),
        cmocka_unit_test(frozen_parameters_stay),
        cmocka_unit_test(wrong_use_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
