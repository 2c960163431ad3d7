/* test_threads.c: eight threads predict with one program and one state, each by a session of its own; contexts in many
 * threads never meet; a run is cancelled from another thread. Run under ThreadSanitizer. labels: threads */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <tarn/ops.h>
#include <tarn/program.h>

enum { THREADS = 8, BATCHES = 12, MOST = 9, INPUTS = 20, CLASSES = 5 };

/* softmax(relu(x w1) w2) */
static void net(tn_graph *g)
{
    tn_init normal = {TN_INIT_NORMAL, 0, 0.5};
    tn_tensor *x = tn_input(g, "x", TN_F32, TN_SHAPE(tn_symbol(g, "batch"), INPUTS));
    tn_tensor *w1 = tn_param(g, "w1", TN_F32, TN_SHAPE(INPUTS, 33), &normal);
    tn_tensor *w2 = tn_param(g, "w2", TN_F32, TN_SHAPE(33, CLASSES), &normal);
    tn_tensor *y = tn_softmax(tn_matmul(tn_relu(tn_matmul(x, w1)), w2), 1);
    tn_entry_output(tn_entry_new(g, "predict", 0), "y", y);
}

static int rows_of(int batch)
{
    return 1 + batch % MOST;
}

static tn_status predict(tn_session *s, int batch, float y[MOST * CLASSES])
{
    float x[MOST * INPUTS];
    const int rows = rows_of(batch);
    for (int i = 0; i < rows * INPUTS; i++)
        x[i] = (float)((i * 7 + batch * 13) % 19) / 9 - 1;
    tn_feed in = {"x", tn_view_of(x, TN_F32, 2, (const int64_t[]){rows, INPUTS})};
    tn_feed out = {"y", tn_view_of(y, TN_F32, 2, (const int64_t[]){rows, CLASSES})};
    return tn_run(s, "predict", 1, &in, 1, &out);
}

/* Everything that one thread sees; it reports in `problem`, since cmocka's assertions belong to the main thread. */
typedef struct worker {
    pthread_t thread;
    int index;
    tn_program *program;
    tn_state *state;
    float (*want)[MOST * CLASSES];
    char problem[300];
} worker;

static void *predict_often(void *p)
{
    worker *w = p;
    tn_session *s = tn_session_new(w->program, w->state);
    for (int i = 0; s && i < 3 * BATCHES && !w->problem[0]; i++) {
        int batch = (i * 5 + w->index) % BATCHES;
        float y[MOST * CLASSES];
        if (predict(s, batch, y) != TN_OK)
            (void)snprintf(w->problem, sizeof w->problem, "%.250s", tn_session_error(s));
        else if (memcmp(y, w->want[batch], sizeof *y * (size_t)rows_of(batch) * CLASSES) != 0)
            (void)snprintf(w->problem, sizeof w->problem, "batch %d differs from what one thread computes", batch);
    }
    if (!s)
        (void)snprintf(w->problem, sizeof w->problem, "no session");
    tn_session_free(s);
    return NULL;
}

static void run_workers(worker w[THREADS], void *(*body)(void *))
{
    for (int i = 0; i < THREADS; i++) {
        w[i].index = i;
        assert_int_equal(pthread_create(&w[i].thread, NULL, body, &w[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(w[i].thread, NULL);
    for (int i = 0; i < THREADS; i++)
        if (w[i].problem[0])
            fail_msg("thread %d: %s", i, w[i].problem);
}

static void one_program_serves_eight_threads(void **unused)
{
    (void)unused;
    tn_context *context = tn_context_new(TN_OPT(tn_context_opt, .threads = 1));
    tn_graph *graph = tn_graph_new(context);
    net(graph);
    tn_program *program = tn_compile(graph, NULL);
    if (!program)
        fail_msg("%s", tn_context_error(context));
    tn_state *state = tn_state_new(context);
    assert_int_equal(tn_state_init(state, graph, 3), TN_OK);
    tn_graph_free(graph);

    static float want[BATCHES][MOST * CLASSES];
    tn_session *s = tn_session_new(program, state);
    for (int batch = 0; batch < BATCHES; batch++)
        if (predict(s, batch, want[batch]) != TN_OK)
            fail_msg("%s", tn_session_error(s));
    tn_session_free(s);

    worker workers[THREADS] = {0};
    for (int i = 0; i < THREADS; i++)
        workers[i] = (worker){.program = program, .state = state, .want = want};
    run_workers(workers, predict_often);
    tn_program_free(program);
    tn_state_free(state);
    tn_context_free(context);
}

/* From the context to the answer and back, all of it in each thread; nothing is shared but the answer to compare with. */
static void *live_alone(void *p)
{
    worker *w = p;
    for (int round = 0; round < 3 && !w->problem[0]; round++) {
        tn_context *context = tn_context_new(TN_OPT(tn_context_opt, .threads = 1));
        tn_graph *graph = tn_graph_new(context);
        net(graph);
        tn_program *program = tn_compile(graph, NULL);
        tn_state *state = tn_state_new(context);
        float y[MOST * CLASSES];
        tn_session *s = NULL;
        if (!program || tn_state_init(state, graph, 3) != TN_OK || !(s = tn_session_new(program, state)) ||
            predict(s, w->index, y) != TN_OK)
            (void)snprintf(w->problem, sizeof w->problem, "%.140s %.140s", tn_context_error(context),
                           s ? tn_session_error(s) : "");
        else
            memcpy(w->want[w->index], y, sizeof y);
        tn_session_free(s);
        tn_program_free(program);
        tn_state_free(state);
        tn_graph_free(graph);
        tn_context_free(context);
    }
    return NULL;
}

static void contexts_never_meet(void **unused)
{
    (void)unused;
    static float got[THREADS][MOST * CLASSES], alone[THREADS][MOST * CLASSES];
    worker workers[THREADS] = {0};
    for (int i = 0; i < THREADS; i++)
        workers[i] = (worker){.want = got};
    run_workers(workers, live_alone);
    for (int i = 0; i < THREADS; i++) {
        worker w = {.index = i, .want = alone};
        live_alone(&w);
        assert_string_equal(w.problem, "");
        assert_memory_equal(got[i], alone[i], sizeof(float) * (size_t)rows_of(i) * CLASSES);
    }
}

static void *cancel_it(void *session)
{
    tn_cancel(session);
    return NULL;
}

static void cancelled_from_another_thread(void **unused)
{
    (void)unused;
    tn_context *context = tn_context_new(TN_OPT(tn_context_opt, .threads = 1));
    tn_graph *graph = tn_graph_new(context);
    net(graph);
    tn_program *program = tn_compile(graph, NULL);
    tn_state *state = tn_state_new(context);
    assert_int_equal(tn_state_init(state, graph, 3), TN_OK);
    tn_session *s = tn_session_new(program, state);
    float y[MOST * CLASSES];
    assert_int_equal(predict(s, 0, y), TN_OK);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, cancel_it, s), 0);
    tn_status status = TN_OK;
    while (status == TN_OK) /* the run that is in progress when it comes, or the next */
        status = predict(s, 0, y);
    pthread_join(thread, NULL);
    assert_int_equal(status, TN_CANCELLED);
    assert_int_equal(predict(s, 0, y), TN_OK);
    tn_session_free(s);
    tn_program_free(program);
    tn_state_free(state);
    tn_graph_free(graph);
    tn_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_program_serves_eight_threads),
        cmocka_unit_test(contexts_never_meet),
        cmocka_unit_test(cancelled_from_another_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
