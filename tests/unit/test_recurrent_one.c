/* test_recurrent_one.c: recurrent layers on one sequence have kernels of their own. Two equal sequences side by side, which go by the others,
 * say what comes of one: outputs, last states, and gradients of the weights, the input and the first state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <tarn/tarn.h>

enum { STEPS = 5, IN = 3, UNITS = 150 /* two whole chunks and a part */, DIRECTIONS = 2, MOST = 12 };

static const struct {
    tn_recurrent_result (*layer)(tn_tensor *, const char *, int64_t, const tn_rnn_opt *);
    bool relu;
} kinds[] = {{tn_layer_rnn, false}, {tn_layer_rnn, true}, {tn_layer_lstm, false}, {tn_layer_gru, false}};

typedef struct results {
    int n;
    size_t count[MOST];
    float *at[MOST];
} results;

static tn_tensor *place(tn_graph *g, const char *name, int64_t steps, int64_t batch, int64_t width)
{
    return tn_input(g, name, TN_F32, TN_SHAPE(steps, batch, width));
}

/* y, the last state, and the gradients of a loss of both, divided by the number of sequences. */
static int build(tn_graph *g, int kind, int64_t batch, const char **names)
{
    tn_tensor *x = place(g, "x", STEPS, batch, IN), *h = place(g, "h", DIRECTIONS, batch, UNITS);
    tn_recurrent_result r =
        kinds[kind].layer(x, "net", UNITS, TN_OPT(tn_rnn_opt, .bidirectional = true, .relu = kinds[kind].relu, .h = h));
    tn_tensor *loss = tn_add(tn_sum(tn_square(r.y)), tn_sum(tn_exp(r.h))), *wrt[MOST] = {x, h}, *grads[MOST];
    int n = 2;
    for (tn_tensor *p; (p = tn_graph_param(g, n - 2)); n++)
        wrt[n] = p;
    assert_int_equal(tn_gradients(tn_mul(loss, tn_scalar(g, TN_F32, 1.0 / (double)batch)), n, wrt, grads), TN_OK);
    static const char *const all[] = {"y", "state", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
    tn_entry *e = tn_entry_new(g, "e", 0);
    tn_entry_output(e, all[0], r.y);
    tn_entry_output(e, all[1], r.h);
    for (int i = 0; i < n; i++)
        tn_entry_output(e, all[i + 2], grads[i]);
    memcpy(names, all, sizeof all);
    return n + 2;
}

static void fill(float *to, int64_t rows, int64_t batch, int64_t width, int salt)
{
    for (int64_t i = 0; i < rows * batch * width; i++)
        to[i] = (float)((i / (batch * width) * 31 + i % width * 7 + salt) % 23) / 12 - 1;
}

static results run(int kind, int64_t batch, int threads)
{
    tn_context *c = tn_context_new(TN_OPT(tn_context_opt, .threads = threads));
    tn_graph *g = tn_graph_new(c);
    const char *names[MOST];
    results out = {.n = build(g, kind, batch, names)};
    tn_program *p = tn_compile(g, NULL);
    tn_state *state = tn_state_new(c);
    assert_non_null(p);
    assert_int_equal(tn_state_init(state, g, 7), TN_OK);
    tn_session *s = tn_session_new(p, state);
    float x[STEPS * 2 * IN], h[DIRECTIONS * 2 * UNITS];
    fill(x, STEPS, batch, IN, 1);
    fill(h, DIRECTIONS, batch, UNITS, 5);
    const tn_feed feeds[] = {{"x", tn_view_of(x, TN_F32, 3, (const int64_t[]){STEPS, batch, IN})},
                             {"h", tn_view_of(h, TN_F32, 3, (const int64_t[]){DIRECTIONS, batch, UNITS})}};
    tn_feed fetches[MOST];
    assert_int_equal(tn_run(s, "e", 2, feeds, 0, NULL), TN_OK); /* then shapes are known */
    for (int i = 0; i < out.n; i++) {
        fetches[i] = (tn_feed){.name = names[i]};
        assert_int_equal(tn_session_shape(s, "e", names[i], &fetches[i].view), TN_OK);
        out.at[i] = malloc(fetches[i].view.bytes);
        out.count[i] = fetches[i].view.bytes / sizeof(float);
        fetches[i].view.data = out.at[i];
    }
    assert_int_equal(tn_run(s, "e", 2, feeds, out.n, fetches), TN_OK);
    tn_session_free(s);
    tn_state_free(state);
    tn_program_free(p);
    tn_graph_free(g);
    tn_context_free(c);
    return out;
}

static void forget(results *r)
{
    for (int i = 0; i < r->n; i++)
        free(r->at[i]);
}

/* Of two equal sequences each has half of the gradients of x and h, the weights' are the same. */
static void check(const results *one, const results *two)
{
    const int64_t widths[] = {DIRECTIONS * UNITS, UNITS, IN, UNITS};
    for (int i = 0; i < one->n; i++)
        for (size_t k = 0; k < one->count[i]; k++) {
            const size_t width = i < 4 ? (size_t)widths[i] : 1, twin = i < 4 ? k / width * 2 * width + k % width : k;
            const float want = two->at[i][twin] * (i == 2 || i == 3 ? 2 : 1), got = one->at[i][k];
            if (!(fabsf(got - want) <= 2e-5F * (1 + fabsf(want))))
                fail_msg("result %d, number %zu: %g, where two sequences say %g", i, k, (double)got, (double)want);
        }
}

static void one_sequence_is_half_of_two(void **state)
{
    (void)state;
    for (int kind = 0; kind < (int)(sizeof kinds / sizeof *kinds); kind++) {
        results one = run(kind, 1, 2), two = run(kind, 2, 2), alone = run(kind, 1, 1);
        assert_true(one.n == 12 && one.n == two.n);
        check(&one, &two);
        for (int i = 0; i < one.n; i++) /* whatever the number of threads */
            assert_memory_equal(one.at[i], alone.at[i], one.count[i] * sizeof(float));
        forget(&one);
        forget(&two);
        forget(&alone);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_sequence_is_half_of_two)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
