/* Long graphs: nothing recurs along a chain of nodes, and no pass takes time that grows with the square of their number. The
 * limits of processor time are far above what is needed and far below what squares took.
 * labels: release */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "program/program.h"
#include "program/schedule.h"
#include <tarn/nn.h>
#include <tarn/optim.h>

enum { STACK = 256 << 10 }; /* bytes; a frame for each of 100,000 nodes would need many times that */

static tn_context *context;

static int set_up(void **p)
{
    (void)p;
    context = tn_context_new(TN_OPT(tn_context_opt, .threads = 1));
    return 0;
}

static int tear_down(void **p)
{
    (void)p;
    tn_context_free(context);
    return 0;
}

/* Of the processor: others may use the machine. */
static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct job {
    tn_graph *graph;
    tn_program *program; /* made, where the thread compiles */
    bool ok;
} job;

/* Runs a function on a thread with a small stack. */
static void on_small_stack(void *(*function)(void *), job *j)
{
    pthread_attr_t attr;
    pthread_t thread;
    assert_int_equal(pthread_attr_init(&attr), 0);
    assert_int_equal(pthread_attr_setstacksize(&attr, STACK), 0);
    assert_int_equal(pthread_create(&thread, &attr, function, j), 0);
    pthread_join(thread, NULL);
    (void)pthread_attr_destroy(&attr);
    assert_true(j->ok);
}

static tn_tensor *input(tn_graph *g)
{
    return tn_input(g, "x", TN_F32, TN_SHAPE(tn_symbol(g, "batch"), 4));
}

/* ---- depth ------------------------------------------------------------------------------------------------------- */

static void *schedule_it(void *user)
{
    job *j = user;
    schedule s = {0};
    tn_graph *part = pass_extract(j->graph->entries.at[0], NULL);
    j->ok = part && schedule_make(&s, part, NULL) == TN_OK && s.n == (int)j->graph->nodes.n;
    schedule_free(&s);
    tn_graph_free(part);
    return NULL;
}

static void a_deep_graph_is_ordered_without_recursion(void **p)
{
    (void)p;
    tn_graph *g = tn_graph_new(context);
    tn_tensor *y = input(g);
    for (int i = 0; i < 100000; i++)
        y = tn_relu(y);
    tn_entry_output(tn_entry_new(g, "e", 0), "y", y);
    on_small_stack(schedule_it, &(job){.graph = g});
    tn_graph_free(g);
}

static void *compile_it(void *user)
{
    job *j = user;
    j->program = tn_compile(j->graph, NULL);
    j->ok = j->program != NULL;
    return NULL;
}

/* The first node is fused with the last, so its group waits for all that lies between. */
static void a_group_that_waits_for_long_is_made_without_recursion(void **p)
{
    (void)p;
    tn_graph *g = tn_graph_new(context);
    tn_tensor *x = input(g), *first = tn_exp(x), *y = x;
    for (int i = 0; i < 20000; i++)
        y = tn_softmax(y, -1);
    tn_entry_output(tn_entry_new(g, "e", 0), "y", tn_add(first, y));
    job j = {.graph = g};
    on_small_stack(compile_it, &j);
    char *text = tn_program_text(j.program, "e");
    assert_non_null(strstr(text, "fused"));
    free(text);
    tn_program_free(j.program);
    tn_graph_free(g);
}

/* ---- time -------------------------------------------------------------------------------------------------------- */

static void bind_sizes(tn_program *program, tn_state *state, const char *entry)
{
    float x[8] = {0}, lr = 0;
    tn_feed feeds[2] = {{"x", tn_view_of(x, TN_F32, 2, (int64_t[]){2, 4})}, {"lr", tn_view_of(&lr, TN_F32, 0, NULL)}};
    tn_memory memory;
    tn_session *s = tn_session_new(program, state);
    if (tn_session_plan(s, entry, 2, feeds, &memory) != TN_OK)
        fail_msg("%s", tn_session_error(s));
    tn_session_free(s);
}

static void within(double began, double seconds, const char *what)
{
    double took = now() - began;
    print_message("%s: %.2f s\n", what, took);
    assert_true(took < seconds);
}

/* 20,000 nodes took two minutes. */
static void a_chain_is_compiled_soon(void **p)
{
    (void)p;
    double began = now();
    tn_graph *g = tn_graph_new(context);
    tn_tensor *x = input(g), *y = x, *grad;
    for (int i = 0; i < 20000; i++)
        y = i % 2 ? tn_relu(y) : tn_add(y, x);
    assert_int_equal(tn_gradients(tn_sum(y), 1, &x, &grad), TN_OK);
    tn_entry_output(tn_entry_new(g, "e", 0), "grad", grad);
    tn_program *program = tn_compile(g, NULL);
    bind_sizes(program, NULL, "e");
    within(began, 20, "gradient of 20,000 nodes");
    tn_program_free(program);
    tn_graph_free(g);
}

/* Gradients through lowered forms looked at the whole graph each time. */
static void lowered_forms_are_differentiated_soon(void **p)
{
    (void)p;
    double began = now();
    tn_graph *g = tn_graph_new(context);
    tn_tensor *x = input(g), *y = x, *grad;
    for (int i = 0; i < 6000; i++)
        y = tn_hardswish(y);
    assert_int_equal(tn_gradients(tn_sum(y), 1, &x, &grad), TN_OK);
    within(began, 10, "gradient of 6,000 lowered nodes");
    tn_graph_free(g);
}

/* 2,000 parameters took 21 seconds. */
static void many_parameters_are_bound_soon(void **p)
{
    (void)p;
    double began = now();
    tn_graph *g = tn_graph_new(context);
    tn_tensor *y = input(g);
    for (int i = 0; i < 2000; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "p%d", i);
        tn_tensor *w = tn_param(g, name, TN_F32, TN_SHAPE(4), TN_OPT(tn_init, TN_INIT_NORMAL, 0, 1));
        y = i % 2 ? tn_relu(tn_add(y, w)) : tn_mul(y, w);
    }
    tn_minimize(tn_mean(y), TN_OPT(tn_optim_opt, .kind = TN_ADAM));
    tn_program *program = tn_compile_entry(g, "step", NULL);
    if (!program)
        fail_msg("%s", tn_context_error(context));
    tn_state *state = tn_state_new(context);
    assert_int_equal(tn_state_init(state, g, 1), TN_OK);
    bind_sizes(program, state, "step");
    within(began, 10, "a step of 2,000 parameters");
    tn_state_free(state);
    tn_program_free(program);
    tn_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deep_graph_is_ordered_without_recursion),
        cmocka_unit_test(a_group_that_waits_for_long_is_made_without_recursion),
        cmocka_unit_test(a_chain_is_compiled_soon),
        cmocka_unit_test(lowered_forms_are_differentiated_soon),
        cmocka_unit_test(many_parameters_are_bound_soon),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
