/* Layers for sequences where golden files cannot go: batches of any size, rows without a step, options that do not fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include <tarn/tarn.h>

typedef struct net {
    tn_context *context;
    tn_graph *graph;
} net;

static net begin(void)
{
    net n = {.context = tn_context_new(TN_OPT(tn_context_opt, .threads = 1))};
    n.graph = tn_graph_new(n.context);
    return n;
}

static void end(net *n)
{
    tn_graph_free(n->graph);
    tn_context_free(n->context);
}

static tn_tensor *input(net *n, int rank, int64_t a, int64_t b, int64_t c)
{
    const tn_shape shape = {.rank = rank, .dims = {a, b, c}};
    return tn_input(n->graph, "x", TN_F32, shape);
}

/* Every token has room, every expert is the same: the layer is one feed-forward net, for any number of tokens. */
static void a_mixture_takes_batches_of_any_size(void **unused)
{
    (void)unused;
    net n = begin();
    const tn_moe_opt o = {.experts = 3, .top = 2, .hidden = 4, .capacity = tn_f64(INFINITY), .normalize = true};
    tn_tensor *x = input(&n, 3, tn_symbol(n.graph, "rows"), 2, 2);
    tn_moe_result r = tn_layer_mixture_of_experts(x, "moe", &o);
    tn_entry *e = tn_entry_new(n.graph, "e", 0);
    tn_entry_output(e, "y", r.y);
    tn_entry_output(e, "dropped", r.dropped);
    tn_program *p = tn_compile(n.graph, NULL);
    tn_state *state = tn_state_new(n.context);
    assert_non_null(p);
    assert_int_equal(tn_state_init(state, n.graph, 1), TN_OK);
    static const char *const names[] = {"moe.experts.weight1", "moe.experts.bias1", "moe.experts.weight2",
                                        "moe.experts.bias2"};
    for (int i = 0; i < 4; i++) {
        tn_view v;
        assert_int_equal(tn_state_find(state, names[i], &v), TN_OK);
        for (size_t k = 0; k < v.bytes / sizeof(float); k++)
            ((float *)v.data)[k] = 0.5F;
    }
    tn_session *s = tn_session_new(p, state);
    for (int64_t rows = 1; rows < 6; rows += 2) {
        float data[20], y[20], dropped = 1;
        for (int i = 0; i < 20; i++)
            data[i] = (float)(i % 7);
        const int64_t dims[] = {rows, 2, 2};
        tn_feed feed = {"x", tn_view_of(data, TN_F32, 3, dims)};
        tn_feed out[] = {{"y", tn_view_of(y, TN_F32, 3, dims)}, {"dropped", tn_view_of(&dropped, TN_F32, 0, NULL)}};
        assert_int_equal(tn_run(s, "e", 1, &feed, 2, out), TN_OK);
        assert_true(dropped == 0);
        for (int64_t i = 0; i < 2 * rows; i++)
            for (int k = 0; k < 2; k++) /* 4 units of 0.5 (a + b) + 0.5 each, halved and summed, and 0.5 */
                assert_true(fabsf(y[2 * i + k] - (data[2 * i] + data[2 * i + 1] + 1.5F)) < 1e-4F);
    }
    tn_session_free(s);
    tn_state_free(state);
    tn_program_free(p);
    end(&n);
}

static void a_row_without_a_step_keeps_its_state(void **unused)
{
    (void)unused;
    net n = begin();
    const int64_t h_dims[] = {1, 2, 1}, length[] = {0, 2}, dims[] = {2};
    float h0[] = {0.25F, -0.5F}, h[2], data[] = {1, 2, 3, 4};
    const tn_view lengths = tn_view_of((void *)(uintptr_t)length, TN_I64, 1, dims),
                  first = tn_view_of(h0, TN_F32, 3, h_dims);
    tn_recurrent_result r = tn_layer_lstm(input(&n, 3, 2, 2, 1), "lstm", 3,
                                          TN_OPT(tn_rnn_opt, .projection = 1, .lengths = tn_constant(n.graph, &lengths),
                                                 .h = tn_constant(n.graph, &first)));
    tn_entry_output(tn_entry_new(n.graph, "e", 0), "h", r.h);
    tn_program *p = tn_compile(n.graph, NULL);
    tn_state *state = tn_state_new(n.context);
    assert_non_null(p);
    assert_int_equal(tn_state_init(state, n.graph, 1), TN_OK);
    tn_session *s = tn_session_new(p, state);
    tn_feed feed = {"x", tn_view_of(data, TN_F32, 3, (const int64_t[]){2, 2, 1})},
            out = {"h", tn_view_of(h, TN_F32, 3, h_dims)};
    assert_int_equal(tn_run(s, "e", 1, &feed, 1, &out), TN_OK);
    assert_true(h[0] == 0.25F);
    assert_true(h[1] != -0.5F);
    tn_session_free(s);
    tn_state_free(state);
    tn_program_free(p);
    end(&n);
}

static void padding_begins_as_zeros(void **unused)
{
    (void)unused;
    static const tn_dtype dtypes[] = {TN_F32, TN_F64, TN_BF16};
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
        net n = begin();
        tn_view v;
        tn_tensor *x = tn_input(n.graph, "x", TN_I64, TN_SHAPE(3));
        tn_layer_embedding(x, "words", 3, 4,
                           TN_OPT(tn_embedding_opt, .padding = true, .padding_index = 1, .dtype = dtypes[i]));
        tn_state *state = tn_state_new(n.context);
        assert_int_equal(tn_state_init(state, n.graph, 1), TN_OK);
        assert_int_equal(tn_state_find(state, "words.weight", &v), TN_OK);
        static const char zeros[4 * sizeof(double)];
        const size_t row = v.bytes / 3;
        assert_memory_equal((const char *)v.data + row, zeros, row);
        assert_memory_not_equal(v.data, zeros, row);
        assert_memory_not_equal((const char *)v.data + 2 * row, zeros, row);
        tn_state_free(state);
        end(&n);
    }
}

static void refused(net *n, const char *words)
{
    if (!strstr(tn_graph_error(n->graph), words))
        fail_msg("the error is '%s', without '%s'", tn_graph_error(n->graph), words);
    end(n);
}

static void what_does_not_fit_is_refused(void **unused)
{
    (void)unused;
    static const struct {
        tn_moe_opt opt;
        const char *words;
    } bad[] = {{{.experts = 2, .top = 3}, "top (3)"},
               {{.experts = -1}, "experts (-1)"},
               {{.hidden = -4}, "hidden (-4)"},
               {{.capacity = {true, 0}}, "capacity is 0"},
               {{.capacity = {true, NAN}}, "capacity is"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        net n = begin();
        tn_layer_mixture_of_experts(input(&n, 2, 4, 3, 0), "moe", &bad[i].opt);
        refused(&n, bad[i].words);
    }
    net n = begin();
    tn_layer_mixture_of_experts(input(&n, 1, 4, 0, 0), "moe", NULL);
    refused(&n, "x must be [..., tokens, features]");
    n = begin();
    tn_layer_gru(input(&n, 3, 2, 2, 2), "gru", 4, TN_OPT(tn_rnn_opt, .projection = 2));
    refused(&n, "a projection is for lstm");
    n = begin();
    tn_layer_gru(input(&n, 3, 2, 2, 2), "gru", 4, TN_OPT(tn_rnn_opt, .peephole = true));
    refused(&n, "peepholes are for lstm");
    n = begin();
    tn_layer_lstm(input(&n, 3, 2, 2, 2), "lstm", 4, TN_OPT(tn_rnn_opt, .projection = 4));
    refused(&n, "fewer features (4) than units (4)");
    n = begin();
    tn_layer_peephole_cell(input(&n, 3, 2, 2, 2), NULL, NULL, "cell", 4, NULL);
    refused(&n, "x must be [batch, features]");
}

static void an_adaptive_softmax_wants_good_cutoffs(void **unused)
{
    (void)unused;
    static const struct {
        int n, rank, target;
        int64_t cutoffs[2];
        double divide;
        const char *words;
    } bad[] = {{0, 2, 1, {0}, 4, "0 cutoffs; there may be 1 to"},
               {1, 2, 1, {0}, 4, "cutoff 0 is 0"},
               {2, 2, 1, {5, 5}, 4, "cutoff 1 is 5"},
               {1, 2, 1, {12}, 4, "less than the 12 classes"},
               {1, 2, 2, {5}, 4, "target has 2 axes; it needs those of x without the last, 1"},
               {1, 2, 1, {5}, 0, "divide is 0"},
               {2, 2, 1, {5, 8}, 3, "cluster 1 has no features left"},
               {1, 0, 0, {5}, 4, "x needs a last axis of features"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        net n = begin();
        tn_tensor *target = tn_input(n.graph, "target", TN_I64, (tn_shape){bad[i].target, {3, 1}});
        tn_layer_adaptive_log_softmax(tn_input(n.graph, "scores", TN_F32, (tn_shape){bad[i].rank, {3, 4}}), target, "m",
                                      12, bad[i].n, bad[i].cutoffs,
                                      TN_OPT(tn_adaptive_opt, .divide = tn_f64(bad[i].divide)));
        refused(&n, bad[i].words);
    }
}

/* Also the number that cross_entropy would take for "does not count". */
static void a_class_that_is_none_stops_the_run(void **unused)
{
    (void)unused;
    static const int64_t targets[] = {12, -1, -100, 1000}, shape[] = {1, 4};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        net n = begin();
        tn_tensor *x = tn_input(n.graph, "scores", TN_F32, TN_SHAPE(1, 4));
        tn_tensor *target = tn_input(n.graph, "target", TN_I64, TN_SHAPE(1));
        tn_adaptive_result r = tn_layer_adaptive_log_softmax(x, target, "m", 12, 2, (const int64_t[]){4, 8},
                                                             TN_OPT(tn_adaptive_opt, .divide = tn_f64(1.5)));
        tn_entry *e = tn_entry_new(n.graph, "e", 0);
        tn_entry_output(e, "loss", r.loss);
        tn_program *p = tn_compile(n.graph, NULL);
        assert_non_null(p);
        tn_state *state = tn_state_new(n.context);
        assert_int_equal(tn_state_init(state, n.graph, 0), TN_OK);
        tn_session *s = tn_session_new(p, state);
        float scores[4] = {1, 2, 3, 4}, loss;
        const tn_feed in[] = {{"scores", tn_view_of(scores, TN_F32, 2, shape)},
                              {"target", tn_view_of((void *)(uintptr_t)&targets[i], TN_I64, 1, shape)}};
        const tn_feed out = {"loss", tn_view_of(&loss, TN_F32, 0, NULL)};
        assert_int_not_equal(tn_run(s, "e", 2, in, 1, &out), TN_OK);
        assert_non_null(strstr(tn_session_error(s), "cross_entropy"));
        tn_session_free(s);
        tn_state_free(state);
        tn_program_free(p);
        end(&n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_mixture_takes_batches_of_any_size),
                                       cmocka_unit_test(a_row_without_a_step_keeps_its_state),
                                       cmocka_unit_test(padding_begins_as_zeros),
                                       cmocka_unit_test(what_does_not_fit_is_refused),
                                       cmocka_unit_test(an_adaptive_softmax_wants_good_cutoffs),
                                       cmocka_unit_test(a_class_that_is_none_stops_the_run)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
