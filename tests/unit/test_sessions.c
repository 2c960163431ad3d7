/* Sessions on several threads: predictions share a state and a program, training has its state alone, a run is cancelled
 * from outside, and a run that was cancelled changed nothing. Contexts of one thread: what runs side by
 * side here are sessions. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "program/program.h"
#include <tarn/nn.h>
#include <tarn/optim.h>

enum { DRAWS = 20000, DRAWERS = 4 };
enum { THREADS = 8, ROWS = 5, IN = 12, OUT = 4, TURNS = 12, LAYERS = 12 };

typedef struct fixture {
    tn_context *context;
    tn_graph *graph;
    tn_program *program;
    tn_state *state;
    float x[ROWS * IN];
    int64_t y[ROWS];
    float want[ROWS + 1][ROWS * OUT]; /* by rows: what one thread alone predicts */
} fixture;

static int set_up(void **p)
{
    fixture *f = calloc(1, sizeof *f);
    char name[16];
    f->context = tn_context_new(TN_OPT(tn_context_opt, .threads = 1));
    f->graph = tn_graph_new(f->context);
    tn_dim batch = tn_symbol(f->graph, "batch");
    tn_tensor *h = tn_input(f->graph, "x", TN_F32, TN_SHAPE(batch, IN)),
              *y = tn_input(f->graph, "y", TN_I64, TN_SHAPE(batch));
    for (int i = 0; i < LAYERS; i++) {
        (void)snprintf(name, sizeof name, "fc%d", i);
        h = tn_relu(tn_layer_linear(h, name, 16, NULL));
    }
    h = tn_layer_linear(h, "out", OUT, NULL);
    tn_entry_output(tn_entry_new(f->graph, "guess", 0), "y", h);
    tn_minimize(tn_cross_entropy(h, y, NULL), TN_OPT(tn_optim_opt, .kind = TN_ADAM));
    f->program = tn_compile(f->graph, NULL);
    if (!f->program)
        fail_msg("%s", tn_context_error(f->context));
    f->state = tn_state_new(f->context);
    assert_int_equal(tn_state_init(f->state, f->graph, 3), TN_OK);
    for (int i = 0; i < ROWS * IN; i++)
        f->x[i] = (float)(i * 37 % 23) / 11 - 1;
    for (int i = 0; i < ROWS; i++)
        f->y[i] = i % OUT;
    *p = f;
    return 0;
}

static int tear_down(void **p)
{
    fixture *f = *p;
    tn_program_free(f->program);
    tn_graph_free(f->graph);
    tn_state_free(f->state);
    tn_context_free(f->context);
    free(f);
    return 0;
}

static tn_status guess(const fixture *f, tn_session *s, int64_t rows, float *out)
{
    tn_feed feed = {"x", tn_view_of((void *)(uintptr_t)f->x, TN_F32, 2, (int64_t[]){rows, IN})},
            fetch = {"y", tn_view_of(out, TN_F32, 2, (int64_t[]){rows, OUT})};
    return tn_run(s, "guess", 1, &feed, 1, &fetch);
}

static tn_status step(const fixture *f, tn_session *s)
{
    int64_t rows = ROWS;
    float lr = 1e-3F;
    tn_feed feeds[3] = {{"x", tn_view_of((void *)(uintptr_t)f->x, TN_F32, 2, (int64_t[]){ROWS, IN})},
                        {"y", tn_view_of((void *)(uintptr_t)f->y, TN_I64, 1, &rows)},
                        {"lr", tn_view_of(&lr, TN_F32, 0, NULL)}};
    return tn_run(s, "step", 3, feeds, 0, NULL);
}

/* ---- training entries that write nothing ------------------------------------------------------------------------- */

typedef struct drawer {
    pthread_t thread;
    tn_program *program;
    tn_state *state;
    uint64_t *drawn; /* the masks of dropout, bit by bit */
    tn_status status;
} drawer;

static void *draw(void *user)
{
    drawer *d = user;
    tn_session *s = tn_session_new(d->program, d->state);
    for (int i = 0; i < DRAWS && d->status == TN_OK; i++) {
        float y[64];
        tn_feed fetch = {"y", tn_view_of(y, TN_F32, 1, (int64_t[]){64})};
        d->status = tn_run(s, "draw", 0, NULL, 1, &fetch);
        for (int bit = 0; bit < 64; bit++)
            d->drawn[i] |= (uint64_t)(y[bit] > 0) << bit;
    }
    tn_session_free(s);
    return NULL;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* They share the state, and each run has a number of its own: no two draw the same. */
static void every_training_run_is_counted(void **p)
{
    (void)p;
    tn_context *c = tn_context_new(TN_OPT(tn_context_opt, .threads = 1));
    tn_graph *g = tn_graph_new(c);
    tn_tensor *ones = tn_expand(tn_scalar(g, TN_F32, 1), TN_SHAPE(64));
    tn_entry_output(tn_entry_new(g, "draw", TN_TRAINING), "y", tn_dropout(ones, 0.5));
    tn_program *program = tn_compile(g, NULL);
    if (!program)
        fail_msg("%s", tn_context_error(c));
    tn_state *state = tn_state_new(c);
    uint64_t *drawn = calloc(DRAWERS * DRAWS, sizeof *drawn);
    drawer d[DRAWERS];
    for (int i = 0; i < DRAWERS; i++) {
        d[i] = (drawer){.program = program, .state = state, .drawn = drawn + (size_t)i * DRAWS};
        assert_int_equal(pthread_create(&d[i].thread, NULL, draw, &d[i]), 0);
    }
    for (int i = 0; i < DRAWERS; i++) {
        pthread_join(d[i].thread, NULL);
        assert_int_equal(d[i].status, TN_OK);
    }
    uint64_t seed, step;
    tn_state_get_random(state, &seed, &step);
    assert_int_equal(step, DRAWERS * DRAWS);
    qsort(drawn, DRAWERS * DRAWS, sizeof *drawn, by_value);
    for (int i = 1; i < DRAWERS * DRAWS; i++)
        assert_true(drawn[i] > drawn[i - 1]);
    free(drawn);
    tn_state_free(state);
    tn_program_free(program);
    tn_graph_free(g);
    tn_context_free(c);
}

/* ---- predictions side by side -------------------------------------------------------------------------------------- */

typedef struct worker {
    pthread_t thread;
    const fixture *f;
    int number;
    atomic_bool stop;
    int done, busy, other, different; /* runs by how they ended */
    char error[256];
} worker;

static void *predict(void *user)
{
    worker *w = user;
    float out[ROWS * OUT];
    tn_session *s = tn_session_new(w->f->program, w->f->state);
    for (int i = 0; i < TURNS; i++) {
        int64_t rows = 1 + (i + w->number) % ROWS; /* threads bind the same sizes in different orders */
        if (guess(w->f, s, rows, out) != TN_OK) {
            w->other++;
            (void)snprintf(w->error, sizeof w->error, "%s", tn_session_error(s));
        } else if (memcmp(out, w->f->want[rows], (size_t)rows * OUT * sizeof *out) != 0) {
            w->different++;
        }
    }
    tn_session_free(s);
    return NULL;
}

static void many_threads_predict_the_same_bits(void **p)
{
    fixture *f = *p;
    worker workers[THREADS] = {0};
    /* The reference comes from a program of its own, so that the threads are the first to bind theirs. */
    tn_program *alone = tn_compile_entry(f->graph, "guess", NULL);
    tn_session *s = tn_session_new(alone, f->state);
    for (int64_t rows = 1; rows <= ROWS; rows++)
        assert_int_equal(guess(f, s, rows, f->want[rows]), TN_OK);
    tn_session_free(s);
    tn_program_free(alone);
    for (int i = 0; i < THREADS; i++) {
        workers[i].f = f;
        workers[i].number = i;
        assert_int_equal(pthread_create(&workers[i].thread, NULL, predict, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        if (workers[i].other)
            fail_msg("%s", workers[i].error);
        assert_int_equal(workers[i].different, 0);
    }
    assert_int_equal(f->state->writers, 0);
}

/* ---- training has its state alone ---------------------------------------------------------------------------------- */

static void a_state_in_use_is_busy(void **p)
{
    fixture *f = *p;
    float out[ROWS * OUT];
    tn_session *s = tn_session_new(f->program, f->state);
    assert_int_equal(step(f, s), TN_OK);
    f->state->writers = -1; /* as while another session trains */
    assert_int_equal(step(f, s), TN_BUSY);
    assert_string_equal(tn_session_error(s), "the state is in use by another session");
    assert_int_equal(guess(f, s, ROWS, out), TN_BUSY);
    assert_string_equal(tn_session_error(s), "the state is being trained by another session");
    f->state->writers = 2; /* as while two predict */
    assert_int_equal(step(f, s), TN_BUSY);
    assert_int_equal(guess(f, s, ROWS, out), TN_OK);
    assert_int_equal(f->state->writers, 2);
    f->state->writers = 0;
    assert_int_equal(step(f, s), TN_OK);
    uint64_t seed, steps;
    tn_state_get_random(f->state, &seed, &steps);
    assert_int_equal(steps, 2);
    tn_session_free(s);
}

static void *train(void *user)
{
    worker *w = user;
    tn_session *s = tn_session_new(w->f->program, w->f->state);
    while (!w->stop && w->done + w->busy + w->other < 300) {
        tn_status status = step(w->f, s);
        w->done += status == TN_OK;
        w->busy += status == TN_BUSY;
        w->other += status != TN_OK && status != TN_BUSY;
    }
    tn_session_free(s);
    return NULL;
}

/* Whatever overlaps, a step is done whole or refused. */
static void trainers_side_by_side(void **p)
{
    fixture *f = *p;
    worker workers[2] = {{.f = f}, {.f = f, .number = 1}};
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&workers[i].thread, NULL, train, &workers[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(workers[i].thread, NULL);
    uint64_t seed, steps;
    tn_view counter;
    tn_state_get_random(f->state, &seed, &steps);
    assert_int_equal(tn_state_find(f->state, "optim.step", &counter), TN_OK);
    assert_int_equal(workers[0].other + workers[1].other, 0);
    assert_int_equal(steps, workers[0].done + workers[1].done);
    assert_int_equal(*(int64_t *)counter.data, (int64_t)steps);
    assert_int_equal(f->state->writers, 0);
}

/* ---- cancelling -------------------------------------------------------------------------------------------------- */

static void *copy_state(const tn_state *s, size_t *bytes)
{
    tn_view v;
    char *copy = NULL;
    *bytes = 0;
    for (int i = 0; tn_state_get(s, i, &v); i++) {
        char *more = realloc(copy, *bytes + v.bytes);
        assert_non_null(more);
        copy = more;
        memcpy(copy + *bytes, v.data, v.bytes);
        *bytes += v.bytes;
    }
    return copy;
}

static void unchanged(const tn_state *s, void *before)
{
    size_t bytes;
    void *now = copy_state(s, &bytes);
    assert_memory_equal(now, before, bytes);
    free(now);
    free(before);
}

static void cancelled_before_it_runs(void **p)
{
    fixture *f = *p;
    size_t bytes;
    tn_session *s = tn_session_new(f->program, f->state);
    void *before = copy_state(f->state, &bytes);
    tn_cancel(s);
    assert_int_equal(step(f, s), TN_CANCELLED);
    unchanged(f->state, before);
    assert_int_equal(step(f, s), TN_OK); /* once */
    tn_session_free(s);
}

/* A kernel that does its work and then has the run cancelled, in the place of another. */
static tn_session *to_cancel;
static const kernel *worked;

static void work_and_cancel(const kernel_call *c)
{
    worked->run(c);
    tn_cancel(to_cancel);
}

/* After every kernel in turn, in the middle of the updates too: either nothing is written or everything. */
static void cancelled_runs_are_whole_or_nothing(void **p)
{
    fixture *f = *p;
    int cancelled = 0, whole = 0;
    to_cancel = tn_session_new(f->program, f->state);
    assert_int_equal(step(f, to_cancel), TN_OK);
    binding *b = program_find(f->program, "step")->bindings;
    for (size_t i = 0; i < b->steps.n; i++) {
        bound_step *at = &b->steps.at[i];
        size_t bytes;
        uint64_t seed, before_step, after_step;
        if (at->check)
            continue;
        worked = at->kernel;
        kernel changed = *worked;
        changed.run = work_and_cancel;
        at->kernel = &changed;
        void *before = copy_state(f->state, &bytes);
        tn_state_get_random(f->state, &seed, &before_step);
        tn_status status = step(f, to_cancel);
        tn_state_get_random(f->state, &seed, &after_step);
        at->kernel = worked;
        if (status == TN_CANCELLED) {
            cancelled++;
            assert_int_equal(after_step, before_step);
            unchanged(f->state, before);
            continue;
        }
        whole++;
        free(before);
        assert_int_equal(status, TN_OK);
        assert_int_equal(after_step, before_step + 1);
        assert_int_equal(step(f, to_cancel), TN_CANCELLED); /* the run after it was meant then */
    }
    assert_true(cancelled > 10 && whole > 10);
    tn_session_free(to_cancel);
}

static void *cancel_once(void *user)
{
    tn_cancel(user);
    return NULL;
}

static void cancelled_from_another_thread(void **p)
{
    fixture *f = *p;
    pthread_t thread;
    tn_status status = TN_OK;
    tn_session *s = tn_session_new(f->program, f->state);
    assert_int_equal(step(f, s), TN_OK);
    assert_int_equal(pthread_create(&thread, NULL, cancel_once, s), 0);
    for (int i = 0; status == TN_OK && i < 1000000; i++)
        status = step(f, s);
    assert_int_equal(status, TN_CANCELLED);
    pthread_join(thread, NULL);
    assert_int_equal(step(f, s), TN_OK);
    tn_session_free(s);
}

/* ---- lifetimes --------------------------------------------------------------------------------------------------- */

static void sessions_keep_what_they_need(void **p)
{
    (void)p;
    void *q;
    set_up(&q);
    fixture *f = q;
    float out[ROWS * OUT];
    tn_session *s = tn_session_new(f->program, f->state);
    tn_program_free(f->program);
    tn_graph_free(f->graph);
    tn_state_free(f->state);
    tn_context_free(f->context);
    assert_int_equal(guess(f, s, 2, out), TN_OK);
    assert_int_equal(step(f, s), TN_OK);
    tn_session_free(s);
    free(f);
}

int main(void)
{
#define WITH_NET(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_NET(many_threads_predict_the_same_bits),
        WITH_NET(a_state_in_use_is_busy),
        WITH_NET(trainers_side_by_side),
        WITH_NET(cancelled_before_it_runs),
        WITH_NET(cancelled_runs_are_whole_or_nothing),
        WITH_NET(cancelled_from_another_thread),
        cmocka_unit_test(sessions_keep_what_they_need),
        cmocka_unit_test(every_training_run_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
