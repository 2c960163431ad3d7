/* Programs end to end: a small net, its gradients, updates in place, entries, bindings of several sizes, errors. */
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tarn/ops.h>
#include <tarn/program.h>

typedef struct fixture {
    tn_context *context;
    tn_graph *graph;
    tn_state *state;
} fixture;

static int set_up(void **p)
{
    fixture *f = calloc(1, sizeof *f);
    f->context = tn_context_new(NULL);
    f->graph = tn_graph_new(f->context);
    f->state = tn_state_new(f->context);
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

static tn_feed feed(const char *name, void *data, tn_dtype dtype, int rank, int64_t a, int64_t b)
{
    tn_feed f = {name, tn_view_of(data, dtype, rank, (const int64_t[]){a, b})};
    return f;
}

static tn_program *compiled(const fixture *f)
{
    tn_program *p = tn_compile(f->graph, NULL);
    if (!p)
        fail_msg("%s", tn_context_error(f->context));
    return p;
}

/* loss = sum((relu(x w + b) - t)^2) */
static tn_tensor *net(fixture *f, tn_tensor **w, tn_tensor **b)
{
    tn_init normal = {TN_INIT_NORMAL, 0, 0.5};
    tn_dim batch = tn_symbol(f->graph, "batch");
    tn_tensor *x = tn_input(f->graph, "x", TN_F32, TN_SHAPE(batch, 3)),
              *t = tn_input(f->graph, "t", TN_F32, TN_SHAPE(batch, 2));
    *w = tn_param(f->graph, "w", TN_F32, TN_SHAPE(3, 2), &normal);
    *b = tn_param(f->graph, "b", TN_F32, TN_SHAPE(2), &normal);
    tn_tensor *y = tn_relu(tn_add(tn_matmul(x, *w), *b));
    tn_tensor *d = tn_add(y, tn_mul(t, tn_scalar(f->graph, TN_F32, -1)));
    return tn_sum(tn_mul(d, d));
}

static double loss_by_hand(const float *x, const float *t, const float *w, const float *b, int n, double *dw,
                           double *db)
{
    double loss = 0;
    memset(dw, 0, 6 * sizeof *dw);
    memset(db, 0, 2 * sizeof *db);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < 2; j++) {
            double z = b[j];
            for (int k = 0; k < 3; k++)
                z += (double)x[i * 3 + k] * w[k * 2 + j];
            double y = z > 0 ? z : 0, d = y - t[i * 2 + j], g = z > 0 ? 2 * d : 0;
            loss += d * d;
            db[j] += g;
            for (int k = 0; k < 3; k++)
                dw[k * 2 + j] += g * x[i * 3 + k];
        }
    return loss;
}

static void step_follows_the_formulas(void **p)
{
    fixture *f = *p;
    tn_tensor *w, *b, *grads[2];
    tn_tensor *loss = net(f, &w, &b);
    assert_int_equal(tn_gradients(loss, 2, (tn_tensor *[]){w, b}, grads), TN_OK);
    tn_entry *step = tn_entry_new(f->graph, "step", TN_TRAINING);
    tn_tensor *minus_rate = tn_scalar(f->graph, TN_F32, -0.01);
    tn_entry_output(step, "loss", loss);
    tn_entry_check(step, loss);
    tn_entry_write(step, w, tn_add(w, tn_mul(grads[0], minus_rate)));
    tn_entry_write(step, b, tn_add(b, tn_mul(grads[1], minus_rate)));
    tn_program *program = compiled(f);
    assert_int_equal(tn_state_init(f->state, f->graph, 1), TN_OK);
    tn_session *s = tn_session_new(program, f->state);
    tn_view vw, vb;
    tn_state_find(f->state, "w", &vw);
    tn_state_find(f->state, "b", &vb);
    for (int n = 1; n <= 5; n += 2) { /* three sizes of batch */
        float x[15], t[10], out = 0, w0[6], b0[2];
        double dw[6], db[2];
        for (int i = 0; i < 15; i++)
            x[i] = (float)sin(i + n);
        for (int i = 0; i < 10; i++)
            t[i] = (float)cos(i * n);
        memcpy(w0, vw.data, sizeof w0);
        memcpy(b0, vb.data, sizeof b0);
        double want = loss_by_hand(x, t, w0, b0, n, dw, db);
        tn_feed feeds[2] = {feed("x", x, TN_F32, 2, n, 3), feed("t", t, TN_F32, 2, n, 2)},
                fetch = feed("loss", &out, TN_F32, 0, 0, 0);
        if (tn_run(s, "step", 2, feeds, 1, &fetch) != TN_OK)
            fail_msg("%s", tn_session_error(s));
        assert_true(fabs(out - want) <= 1e-5 * want);
        for (int i = 0; i < 6; i++)
            assert_true(fabs(((float *)vw.data)[i] - (w0[i] - 0.01 * dw[i])) < 1e-5);
        for (int i = 0; i < 2; i++)
            assert_true(fabs(((float *)vb.data)[i] - (b0[i] - 0.01 * db[i])) < 1e-5);
    }
    uint64_t seed, steps;
    tn_state_get_random(f->state, &seed, &steps);
    assert_int_equal(steps, 3);
    char *text = tn_program_text(program, "step");
    print_message("%s", text);
    free(text);
    tn_session_free(s);
    tn_program_free(program);
}

static void second_gradients(void **p)
{
    fixture *f = *p;
    tn_tensor *x = tn_input(f->graph, "x", TN_F64, TN_SHAPE(3)), *first, *second;
    tn_tensor *y = tn_sum(tn_mul(tn_mul(x, x), x));
    assert_int_equal(tn_gradients(y, 1, &x, &first), TN_OK);
    assert_int_equal(tn_gradients(tn_sum(first), 1, &x, &second), TN_OK);
    tn_entry *e = tn_entry_new(f->graph, "evaluate", 0);
    tn_entry_output(e, "first", first);
    tn_entry_output(e, "second", second);
    tn_program *program = compiled(f);
    tn_session *s = tn_session_new(program, NULL);
    double in[3] = {1, -2, 0.5}, a[3], b[3];
    tn_feed fx = feed("x", in, TN_F64, 1, 3, 0),
            out[2] = {feed("first", a, TN_F64, 1, 3, 0), feed("second", b, TN_F64, 1, 3, 0)};
    if (tn_run(s, "evaluate", 1, &fx, 2, out) != TN_OK)
        fail_msg("%s", tn_session_error(s));
    for (int i = 0; i < 3; i++) {
        assert_true(fabs(a[i] - 3 * in[i] * in[i]) < 1e-12);
        assert_true(fabs(b[i] - 6 * in[i]) < 1e-12);
    }
    tn_session_free(s);
    tn_program_free(program);
}

static void wrong_use_is_a_sentence(void **p)
{
    fixture *f = *p;
    tn_tensor *w, *b;
    tn_tensor *loss = net(f, &w, &b);
    tn_entry *e = tn_entry_new(f->graph, "evaluate", 0);
    tn_entry_output(e, "loss", loss);
    tn_entry_check(e, loss);
    tn_program *program = compiled(f);
    tn_session *s = tn_session_new(program, f->state);
    float x[6] = {1, 2, 3, 4, 5, 6}, t[4] = {0}, out;
    tn_feed feeds[2] = {feed("x", x, TN_F32, 2, 2, 3), feed("t", t, TN_F32, 2, 2, 2)},
            fetch = feed("loss", &out, TN_F32, 0, 0, 0);
    assert_int_equal(tn_run(s, "evaluate", 2, feeds, 1, &fetch), TN_NOT_FOUND);
    assert_non_null(strstr(tn_session_error(s), "the state has no 'w'"));
    tn_state_init(f->state, f->graph, 1);
    assert_int_equal(tn_run(s, "evaluate", 2, feeds, 1, &fetch), TN_OK);
    assert_int_equal(tn_run(s, "nothing", 2, feeds, 1, &fetch), TN_NOT_FOUND);
    assert_int_equal(tn_run(s, "evaluate", 1, feeds, 1, &fetch), TN_INVALID);
    assert_string_equal(tn_session_error(s), "the input 't' is not fed");
    feeds[1] = feed("t", t, TN_F32, 2, 1, 2);
    assert_int_equal(tn_run(s, "evaluate", 2, feeds, 1, &fetch), TN_SHAPE);
    assert_non_null(strstr(tn_session_error(s), "where 'batch' is 2 already"));
    feeds[1] = feed("t", t, TN_F64, 2, 2, 2);
    assert_int_equal(tn_run(s, "evaluate", 2, feeds, 1, &fetch), TN_DTYPE);
    feeds[1] = feed("t", t, TN_F32, 2, 2, 2);
    feeds[1].view.bytes = 15;
    assert_int_equal(tn_run(s, "evaluate", 2, feeds, 1, &fetch), TN_SHAPE);
    feeds[1].view.bytes = 16;
    x[4] = NAN;
    assert_int_equal(tn_run(s, "evaluate", 2, feeds, 1, &fetch), TN_NONFINITE);
    assert_non_null(strstr(tn_session_error(s), "the input 'x' holds a NaN or an infinity (element 4)"));
    x[4] = 1e30F;
    assert_int_equal(tn_run(s, "evaluate", 2, feeds, 1, &fetch), TN_NONFINITE);
    print_message("%s\n", tn_session_error(s));
    assert_non_null(strstr(tn_session_error(s), "was made by"));
    tn_session_free(s);
    tn_program_free(program);
}

static void shapes_that_do_not_fit(void **p)
{
    fixture *f = *p;
    tn_scope_push(f->graph, "fc1");
    tn_tensor *x = tn_input(f->graph, "x", TN_F32, TN_SHAPE(2, 3)),
              *w = tn_input(f->graph, "w", TN_F32, TN_SHAPE(4, 2));
    tn_tensor *y = tn_relu(tn_matmul(x, w));
    tn_scope_pop(f->graph);
    assert_non_null(y);
    assert_int_equal(tn_graph_status(f->graph), TN_SHAPE);
    assert_string_equal(tn_graph_error(f->graph),
                        "matmul (node 'fc1.matmul'): the inner sizes 3 and 4 differ; given a f32[2,3], b f32[4,2]");
    assert_null(tn_compile(f->graph, NULL));
    assert_string_equal(tn_context_error(f->context), tn_graph_error(f->graph));
}

static void sizes_that_nothing_binds(void **p)
{
    fixture *f = *p;
    tn_dim rows = tn_symbol(f->graph, "rows"), columns = tn_symbol(f->graph, "columns");
    tn_tensor *x = tn_input(f->graph, "x", TN_F32, TN_SHAPE(tn_dim_mul(f->graph, rows, 2), 3));
    tn_tensor *y = tn_expand(tn_scalar(f->graph, TN_F32, 1), TN_SHAPE(columns, 2));
    tn_entry *e = tn_entry_new(f->graph, "evaluate", 0);
    tn_entry_output(e, "x", tn_relu(x));
    tn_entry_output(e, "y", tn_relu(y));
    assert_null(tn_compile(f->graph, NULL));
    assert_string_equal(tn_context_error(f->context),
                        "entry 'evaluate': no input has these sizes, so nothing says what they are: 'rows', 'columns'");
}

static void memory_limit(void **p)
{
    fixture *f = *p;
    tn_tensor *w, *b;
    tn_tensor *loss = net(f, &w, &b);
    tn_entry_output(tn_entry_new(f->graph, "evaluate", 0), "loss", loss);
    tn_state_init(f->state, f->graph, 1);
    tn_program *program = tn_compile(f->graph, TN_OPT(tn_compile_opt, .memory_limit = 1000));
    tn_session *s = tn_session_new(program, f->state);
    tn_feed feeds[2] = {feed("x", NULL, TN_F32, 2, 4000, 3), feed("t", NULL, TN_F32, 2, 4000, 2)};
    tn_memory m;
    assert_int_equal(tn_session_plan(s, "evaluate", 2, feeds, &m), TN_LIMIT);
    assert_non_null(strstr(tn_session_error(s), "the limit is 1000"));
    tn_session_free(s);
    tn_program_free(program);
}

typedef struct canceller {
    tn_session *session;
    atomic_bool stop;
} canceller;

static void *cancel_all_the_time(void *p)
{
    canceller *c = p;
    while (!atomic_load(&c->stop)) {
        tn_cancel(c->session);
        sched_yield();
    }
    return NULL;
}

/* States that each run moves by the same amount, in steps of their own: a cancelled run moves all or none. */
static void cancelled_runs_write_all_or_nothing(void **p)
{
    enum { STATES = 16, RUNS = 3000 };
    fixture *f = *p;
    tn_init zeros = {TN_INIT_ZEROS, 0, 0};
    tn_entry *e = tn_entry_new(f->graph, "step", TN_TRAINING);
    for (int i = 0; i < STATES; i++) {
        char name[32];
        snprintf(name, sizeof name, "state%d", i);
        tn_tensor *a = tn_buffer(f->graph, name, TN_F32, TN_SHAPE(3000 + i), &zeros);
        tn_entry_write(e, a, tn_add_f(a, 1));
    }
    tn_program *program = compiled(f);
    assert_int_equal(tn_state_init(f->state, f->graph, 1), TN_OK);
    canceller c = {.session = tn_session_new(program, f->state)};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, cancel_all_the_time, &c), 0);
    float done = 0;
    int torn = 0;
    for (int run = 0; run < RUNS; run++) {
        tn_status status = tn_run(c.session, "step", 0, NULL, 0, NULL);
        done += status == TN_OK;
        for (int i = 0; i < STATES; i++) {
            tn_view view;
            assert_non_null(tn_state_get(f->state, i, &view));
            torn += ((float *)view.data)[0] != done;
        }
    }
    atomic_store(&c.stop, true);
    pthread_join(thread, NULL);
    print_message("%g of %d runs were not cancelled\n", done, RUNS);
    assert_int_equal(torn, 0);
    tn_session_free(c.session);
    tn_program_free(program);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(step_follows_the_formulas, set_up, tear_down),
        cmocka_unit_test_setup_teardown(second_gradients, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrong_use_is_a_sentence, set_up, tear_down),
        cmocka_unit_test_setup_teardown(shapes_that_do_not_fit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sizes_that_nothing_binds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cancelled_runs_write_all_or_nothing, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
