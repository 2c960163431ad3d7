/* Dropout inside layers, by its statistics: between layers of recurrent nets, on the weights of attention, in Transformers. As many are dropped as were
 * asked for, the rest is larger by so much that the mean stays, each is drawn by itself, and an entry that does
 * not train drops nothing. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tarn/tarn.h>

typedef struct net {
    tn_context *context;
    tn_graph *graph;
    tn_program *program;
    tn_state *state;
    tn_session *session;
} net;

static net begin(void)
{
    net n = {.context = tn_context_new(TN_OPT(tn_context_opt, .threads = 2))};
    n.graph = tn_graph_new(n.context);
    return n;
}

static void end(net *n)
{
    tn_session_free(n->session);
    tn_state_free(n->state);
    tn_program_free(n->program);
    tn_graph_free(n->graph);
    tn_context_free(n->context);
}

/* The entries "train" and "test" of y. */
static void compile(net *n, tn_tensor *y)
{
    tn_entry_output(tn_entry_new(n->graph, "train", TN_TRAINING), "y", y);
    tn_entry_output(tn_entry_new(n->graph, "test", 0), "y", y);
    if (!(n->program = tn_compile(n->graph, NULL)))
        fail_msg("%s", tn_graph_error(n->graph));
    n->state = tn_state_new(n->context);
    assert_int_equal(tn_state_init(n->state, n->graph, 7), TN_OK);
    n->session = tn_session_new(n->program, n->state);
}

static void run(net *n, const char *entry, float *y, int64_t count)
{
    const tn_feed fetch = {"y", tn_view_of(y, TN_F32, 3, (const int64_t[]){8, count / 8 / 16, 16})};
    if (tn_run(n->session, entry, 0, NULL, 1, &fetch) != TN_OK)
        fail_msg("%s", tn_session_error(n->session));
}

/* Numbers that are 0 or, with probability 1 - p, `kept`; neighbours `apart` from each other are drawn on their own. */
static void check_share(const float *y, int64_t n, double p, float kept, int64_t apart)
{
    int64_t dropped = 0, both = 0;
    for (int64_t i = 0; i < n; i++) {
        const bool gone = fabsf(y[i]) < 1e-7F * kept;
        if (!gone && !(fabsf(y[i] - kept) <= 1e-5F * kept))
            fail_msg("element %lld is %g, not 0 or %g", (long long)i, (double)y[i], (double)kept);
        dropped += gone;
        both += gone && i >= apart && fabsf(y[i - apart]) < 1e-7F * kept;
    }
    const double share = (double)dropped / (double)n, pairs = (double)both / (double)(n - apart);
    const double bound = 5 * sqrt(p * (1 - p) / (double)n), bound_of_pairs = 8 * sqrt(p * p / (double)n);
    if (!(fabs(share - p) <= bound) || !(fabs(pairs - p * p) <= bound_of_pairs))
        fail_msg("%g of all are dropped and %g of pairs, not %g and %g", share, pairs, p, p * p);
}

/* `full` where nothing is dropped. */
static void check_runs(net *n, int64_t count, double p, float full, float kept, int64_t apart)
{
    float *y = calloc(3 * (size_t)count, sizeof *y), *again = y + 2 * count;
    uint64_t seed, step;
    assert_non_null(y);
    tn_state_get_random(n->state, &seed, &step);
    run(n, "train", y, count);
    check_share(y, count, p, kept, apart);
    check_share(y, count, p, kept, 1);
    run(n, "test", y + count, count);
    for (int64_t i = 0; i < count; i++)
        assert_true(fabsf(y[count + i] - full) <= 1e-6F * full);
    run(n, "train", again, count);
    assert_memory_not_equal(y, again, (size_t)count * sizeof *y); /* another step, others */
    tn_state_set_random(n->state, seed, step);
    run(n, "train", again, count);
    assert_memory_equal(y, again, (size_t)count * sizeof *y); /* the same step, the same ones */
    free(y);
}

static void set_eye(net *n, const char *name, int64_t size, float diagonal)
{
    float *m = calloc((size_t)(size * size), sizeof *m);
    assert_non_null(m);
    for (int64_t i = 0; i < size; i++)
        m[i * size + i] = diagonal;
    const tn_view v = tn_view_of(m, TN_F32, 2, (const int64_t[]){size, size});
    assert_int_equal(tn_state_set(n->state, name, &v), TN_OK);
    free(m);
}

/* Two layers of relu that hand on what they get, step by step: what comes out is dropout of ones. */
static void between_recurrent_layers(void **unused)
{
    (void)unused;
    enum { T = 8, B = 64, H = 16 };
    for (int i = 0; i < 2; i++) {
        const double p = i ? 0.6 : 0.25;
        net n = begin();
        tn_tensor *x = tn_full(n.graph, TN_F32, TN_SHAPE(T, B, H), 1);
        compile(
            &n,
            tn_layer_rnn(x, "m", H, TN_OPT(tn_rnn_opt, .layers = 2, .relu = true, .no_bias = true, .dropout = p)).y);
        set_eye(&n, "m.weight_ih_l0", H, 1);
        set_eye(&n, "m.weight_ih_l1", H, 1);
        set_eye(&n, "m.weight_hh_l0", H, 0);
        set_eye(&n, "m.weight_hh_l1", H, 0);
        check_runs(&n, (int64_t)T * B * H, p, 1, 1 / (float)(1 - p), (int64_t)B * H);
        end(&n);
    }
}

static void set_all(net *n, const char *name, int64_t rows, int64_t cols, const float *values)
{
    const tn_view v = tn_view_of((void *)(uintptr_t)values, TN_F32, cols ? 2 : 1, (const int64_t[]){rows, cols});
    assert_int_equal(tn_state_set(n->state, name, &v), TN_OK);
}

/* Weights of layer `layer` of an LSTM or GRU of H units so that a step gives tanh(tanh(x)), or tanh(x), and forgets what was before:
 * gates in the order i f g o, of GRU r z n, are held open or shut. */
static void set_open(net *n, int layer, bool gru, int64_t h)
{
    const float hold[2][4] = {{100, -100, 0, 100}, {0, -100, 0, 0}};
    const int64_t gates = gru ? 3 : 4, rows = gates * h;
    float *w = calloc((size_t)(rows * h), sizeof *w), *b = calloc((size_t)rows, sizeof *b);
    char name[32];
    assert_true(w && b);
    (void)snprintf(name, sizeof name, "m.weight_hh_l%d", layer);
    set_all(n, name, rows, h, w);
    (void)snprintf(name, sizeof name, "m.bias_hh_l%d", layer);
    set_all(n, name, rows, 0, b);
    for (int64_t i = 0; i < h; i++)
        w[(2 * h + i) * h + i] = 1;
    for (int64_t i = 0; i < rows; i++)
        b[i] = hold[gru][i / h];
    (void)snprintf(name, sizeof name, "m.weight_ih_l%d", layer);
    set_all(n, name, rows, h, w);
    (void)snprintf(name, sizeof name, "m.bias_ih_l%d", layer);
    set_all(n, name, rows, 0, b);
    free(w);
    free(b);
}

/* What the second layer gives shows what it got: the first layer's value times 1 / (1 - p), or 0. */
static void between_layers_with_gates(void **unused)
{
    (void)unused;
    enum { T = 8, B = 64, H = 16 };
    for (int gru = 0; gru < 2; gru++) {
        const double p = gru ? 0.5 : 0.3;
        net n = begin();
        tn_tensor *x = tn_full(n.graph, TN_F32, TN_SHAPE(T, B, H), 0.5);
        const tn_rnn_opt o = {.layers = 2, .dropout = p};
        compile(&n, gru ? tn_layer_gru(x, "m", H, &o).y : tn_layer_lstm(x, "m", H, &o).y);
        set_open(&n, 0, gru, H);
        set_open(&n, 1, gru, H);
        const double first = gru ? tanh(0.5) : tanh(tanh(0.5)), more = first / (1 - p);
        check_runs(&n, (int64_t)T * B * H, p, (float)(gru ? tanh(first) : tanh(tanh(first))),
                   (float)(gru ? tanh(more) : tanh(tanh(more))), (int64_t)B * H);
        end(&n);
    }
}

/* Queries and keys are 0, so that all weights are 1 / S; the values, unit vectors, go to the heads in parts: what comes out is the
 * weights, head h having those of its part of the keys. */
static void inside_multihead_attention(void **unused)
{
    (void)unused;
    enum { N = 8, S = 16, HEADS = 4 };
    for (int i = 0; i < 2; i++) {
        const double p = i ? 0.6 : 0.25;
        net n = begin();
        tn_tensor *x = tn_expand(tn_eye(n.graph, TN_F32, S, S), TN_SHAPE(N, S, S));
        tn_tensor *q = tn_expand(tn_full(n.graph, TN_F32, TN_SHAPE(1, 1, S), 1), TN_SHAPE(N, 4 * S, S));
        compile(&n,
                tn_layer_multihead_attention(q, x, x, "m", HEADS, TN_OPT(tn_mha_opt, .dropout = p, .no_bias = true)).y);
        static float w[3 * S * S];
        for (int k = 0; k < S; k++)
            w[(2 * S + k) * S + k] = 1;
        set_all(&n, "m.in_proj_weight", (int64_t)3 * S, S, w);
        set_all(&n, "m.out_proj.weight", S, S, w + (ptrdiff_t)2 * S * S);
        check_runs(&n, (int64_t)N * 4 * S * S, p, 1.0F / S, 1.0F / S / (float)(1 - p), (int64_t)4 * S * S);
        end(&n);
    }
}

/* Nothing is like anything, so that all weights are 1 / S; the values are the unit vectors, so that the result is the weights. */
static void on_attention(void **unused)
{
    (void)unused;
    enum { HEADS = 8, L = 64, S = 16 };
    for (int i = 0; i < 2; i++) {
        const double p = i ? 0.6 : 0.25;
        net n = begin();
        tn_tensor *q = tn_full(n.graph, TN_F32, TN_SHAPE(HEADS, L, 4), 0),
                  *k = tn_full(n.graph, TN_F32, TN_SHAPE(HEADS, S, 4), 1);
        tn_tensor *v = tn_expand(tn_eye(n.graph, TN_F32, S, S), TN_SHAPE(HEADS, S, S));
        compile(&n, tn_attention(q, k, v, TN_OPT(tn_attention_opt, .dropout = p)));
        check_runs(&n, (int64_t)HEADS * L * S, p, 1.0F / S, 1.0F / S / (float)(1 - p), (int64_t)L * S);
        end(&n);
    }
}

/* An encoder's layer of x = 0 whose weights are 0 but for what makes ones: behind attention, behind the feed-forward part, or in its
 * middle, from where they pass both of its dropouts. */
static void inside_transformer_layers(void **unused)
{
    (void)unused;
    enum { N = 8, L = 128, E = 16 };
    const double p = 0.3;
    static const char *const zeros[] = {"m.self_attn.in_proj_bias", "m.self_attn.out_proj.bias", "m.linear1.bias",
                                        "m.linear2.bias"};
    static float none[3 * E * E], ones[E], eye[E * E];
    for (int i = 0; i < E; i++)
        ones[i] = eye[i * E + i] = 1;
    for (int where = 0; where < 3; where++) {
        net n = begin();
        tn_tensor *x = tn_full(n.graph, TN_F32, TN_SHAPE(N, L, E), 0);
        const tn_transformer_opt o = {.feed_forward = E, .dropout = tn_f64(p), .norm_first = true};
        compile(&n, tn_layer_transformer_encoder_layer(x, "m", 4, NULL, &o));
        for (int i = 0; i < 4; i++)
            set_all(&n, zeros[i], i ? E : 3 * E, 0, none);
        set_all(&n, "m.self_attn.in_proj_weight", 3 * E, E, none);
        set_all(&n, "m.self_attn.out_proj.weight", E, E, none);
        set_all(&n, "m.linear1.weight", E, E, none);
        set_all(&n, "m.linear2.weight", E, E, where == 2 ? eye : none);
        set_all(&n,
                where == 0   ? "m.self_attn.out_proj.bias"
                : where == 1 ? "m.linear2.bias"
                             : "m.linear1.bias",
                E, 0, ones);
        const double kept = where == 2 ? 1 / (1 - p) / (1 - p) : 1 / (1 - p);
        check_runs(&n, (int64_t)N * L * E, where == 2 ? 1 - (1 - p) * (1 - p) : p, 1, (float)kept, (int64_t)L * E);
        end(&n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(between_recurrent_layers), cmocka_unit_test(on_attention),
                                       cmocka_unit_test(between_layers_with_gates),
                                       cmocka_unit_test(inside_multihead_attention),
                                       cmocka_unit_test(inside_transformer_layers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
