/* Small updates that run as one loop over the threads: the same bits for any number of threads, with and without them being put together;
 * states that are made of each other; the profile says what ran at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tarn/ops.h>
#include <tarn/optim.h>
#include <tarn/program.h>

enum { PARAMETERS = 40, STEPS = 4 };

/* Of one element to some thousands, and one that is large enough to be alone. */
static int64_t size_of(int i)
{
    return i == 17 ? 400000 : 1 + (i * i * 7 + i) % 3001;
}

static tn_graph *graph_of(tn_context *c, const tn_optim_opt *opt)
{
    tn_graph *g = tn_graph_new(c);
    tn_tensor *x = tn_input(g, "x", TN_F32, TN_SCALAR), *loss = NULL;
    const tn_init init = {TN_INIT_NORMAL, 0, 1};
    for (int i = 0; i < PARAMETERS; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "w%d", i);
        tn_tensor *part = tn_sum_square(tn_add(tn_param(g, name, TN_F32, TN_SHAPE(size_of(i)), &init), x));
        loss = loss ? tn_add(loss, part) : part;
    }
    assert_int_equal(tn_minimize(tn_mul_f(loss, 1e-3), opt), TN_OK);
    return g;
}

/* All bits of the state after some steps; `grouped`: how many rows of the profile say that they ran at once. */
static unsigned char *train(int threads, const tn_optim_opt *opt, size_t *bytes, int *grouped)
{
    tn_context *c = tn_context_new(&(tn_context_opt){.threads = threads});
    tn_graph *g = graph_of(c, opt);
    tn_program *program = tn_compile(g, NULL);
    assert_non_null(program);
    tn_state *state = tn_state_new(c);
    assert_int_equal(tn_state_init(state, g, 3), TN_OK);
    tn_session *s = tn_session_new(program, state);
    tn_session_profile(s, true);
    for (int i = 0; i < STEPS; i++) {
        float x = 0.25F * (float)i, lr = 0.01F;
        tn_feed feeds[] = {{"x", tn_view_of(&x, TN_F32, 0, NULL)}, {"lr", tn_view_of(&lr, TN_F32, 0, NULL)}};
        assert_int_equal(tn_run(s, "step", 2, feeds, 0, NULL), TN_OK);
    }
    tn_profile_row row;
    *grouped = 0;
    for (int i = 0; tn_session_profile_row(s, "step", i, &row) == TN_OK; i++) {
        *grouped += strstr(row.kernel, "at once") != NULL;
        assert_int_equal(row.calls, STEPS);
        assert_true(row.seconds >= 0);
    }
    unsigned char *all = NULL;
    *bytes = 0;
    for (int i = 0; i < tn_state_count(state); i++) {
        tn_view v;
        (void)tn_state_get(state, i, &v);
        unsigned char *more = realloc(all, *bytes + v.bytes);
        assert_non_null(more);
        all = more;
        memcpy(all + *bytes, v.data, v.bytes);
        *bytes += v.bytes;
    }
    tn_session_free(s);
    tn_state_free(state);
    tn_program_free(program);
    tn_graph_free(g);
    tn_context_free(c);
    return all;
}

static void same_bits_for_any_threads(void **p)
{
    (void)p;
    static const tn_optim_opt ways[] = {{.kind = TN_ADAM, .clip_norm = 1},
                                        {.kind = TN_ADAMW, .amsgrad = true, .no_gradient_norm = true},
                                        {.kind = TN_SGD, .momentum = 0.9},
                                        {.kind = TN_RMSPROP, .centered = true},
                                        {.kind = TN_LION, .average = TN_AVERAGE_EMA},
                                        {.kind = TN_NADAM, .scale_loss = true}};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        size_t one_bytes, bytes;
        int grouped;
        unsigned char *one = train(1, &ways[i], &one_bytes, &grouped);
        assert_in_range(grouped, PARAMETERS / 2, 2 * PARAMETERS);
        for (int threads = 2; threads <= 5; threads += 3) {
            unsigned char *many = train(threads, &ways[i], &bytes, &grouped);
            assert_int_equal(bytes, one_bytes);
            assert_memory_equal(many, one, bytes);
            free(many);
        }
        free(one);
    }
}

/* a takes b, b takes a, c takes both, d takes what c was: all as they were before. */
static void states_made_of_each_other(void **p)
{
    (void)p;
    tn_context *ctx = tn_context_new(&(tn_context_opt){.threads = 2});
    tn_graph *g = tn_graph_new(ctx);
    tn_tensor *t[4];
    static const char *const names[] = {"a", "b", "c", "d"};
    for (int i = 0; i < 4; i++) {
        const tn_init init = {TN_INIT_CONSTANT, i + 1, 0};
        t[i] = tn_buffer(g, names[i], TN_F32, TN_SHAPE(100), &init);
    }
    tn_entry *e = tn_entry_new(g, "turn", TN_TRAINING);
    tn_entry_write(e, t[0], tn_mul_f(t[1], 2));
    tn_entry_write(e, t[1], tn_mul_f(t[0], 3));
    tn_entry_write(e, t[2], tn_add(tn_add(t[0], t[1]), t[2]));
    tn_entry_write(e, t[3], tn_add_f(t[2], 1));
    tn_program *program = tn_compile(g, NULL);
    assert_non_null(program);
    tn_state *state = tn_state_new(ctx);
    assert_int_equal(tn_state_init(state, g, 1), TN_OK);
    tn_session *s = tn_session_new(program, state);
    float want[4] = {1, 2, 3, 4};
    for (int k = 0; k < 5; k++) {
        assert_int_equal(tn_run(s, "turn", 0, NULL, 0, NULL), TN_OK);
        const float a = want[0], b = want[1], c = want[2];
        want[0] = 2 * b;
        want[1] = 3 * a;
        want[2] = a + b + c;
        want[3] = c + 1;
        for (int i = 0; i < 4; i++) {
            tn_view v;
            assert_int_equal(tn_state_find(state, names[i], &v), TN_OK);
            for (int n = 0; n < 100; n++)
                assert_true(((const float *)v.data)[n] == want[i]);
        }
    }
    tn_session_free(s);
    tn_state_free(state);
    tn_program_free(program);
    tn_graph_free(g);
    tn_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(same_bits_for_any_threads),
                                       cmocka_unit_test(states_made_of_each_other)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
