/* Operators, their gradients and the gradients of these on sizes that are symbols: a graph built once, run at several sizes,
 * gives what graphs built for each of the sizes give. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tarn/ops.h>
#include <tarn/program.h>

enum { CHANNELS = 4, MOST = 4096 };

/* A value of any shape from pictures x[n, 4, h, w], class numbers t[n] and a parameter v[4]. */
typedef tn_tensor *(*net_fn)(tn_tensor *x, tn_tensor *t, tn_tensor *v);

static tn_tensor *weight(tn_tensor *v, int64_t out, int64_t in, int64_t size)
{
    tn_shape shape = TN_SHAPE(out, in, size, size);
    return tn_mul_f(tn_expand(tn_reshape(tn_slice(v, 0, 0, out), TN_SHAPE(out, 1, 1, 1)), shape), 0.3);
}

static tn_tensor *convolutions(tn_tensor *x, tn_tensor *t, tn_tensor *v)
{
    (void)t;
    tn_tensor *y = tn_conv2d(x, weight(v, 4, 2, 3), v, TN_OPT(tn_conv_opt, .groups = 2, .padding = 1));
    return tn_conv2d(tn_tanh(y), weight(v, 2, 4, 2), NULL, TN_OPT(tn_conv_opt, .stride = 2, .paddings = {0, 1, 1, 0}));
}

static tn_tensor *pools(tn_tensor *x, tn_tensor *t, tn_tensor *v)
{
    (void)t;
    x = tn_mul(x, tn_reshape(v, TN_SHAPE(CHANNELS, 1, 1)));
    tn_tensor *y = tn_max_pool2d(tn_square(x), 2, TN_OPT(tn_pool_opt, .stride = 1, .ceil_mode = true));
    return tn_avg_pool2d(y, 3,
                         TN_OPT(tn_pool_opt, .stride = 2, .padding = 1, .ceil_mode = true, .exclude_padding = true));
}

static tn_tensor *normalised(tn_tensor *x, tn_tensor *t, tn_tensor *v)
{
    (void)t;
    tn_tensor *mean = tn_mul_f(v, 0), *y = tn_batch_norm(x, v, v, mean, tn_add_f(mean, 1), 1e-5, 0.1).y;
    return tn_dropout(tn_gelu(y), 0.5);
}

static tn_tensor *classified(tn_tensor *x, tn_tensor *t, tn_tensor *v)
{
    const int64_t axes[2] = {2, 3};
    tn_tensor *y = tn_mul(tn_mean_axes(x, 2, axes, false), v);
    tn_tensor *a = tn_cross_entropy(y, t, TN_OPT(tn_loss_opt, .label_smoothing = 0.1));
    tn_tensor *b = tn_nll(tn_log_softmax(y, 1), t, TN_OPT(tn_loss_opt, .reduction = TN_REDUCE_SUM));
    return tn_add(tn_add(a, b), tn_mse(tn_softmax(y, 1), tn_sigmoid(y), TN_REDUCE_MEAN));
}

static tn_tensor *shapes(tn_tensor *x, tn_tensor *t, tn_tensor *v)
{
    tn_graph *g = tn_tensor_graph(x);
    const int64_t low[4] = {1, 0, 2, 0}, high[4] = {0, 1, 0, 3}, axes[2] = {1, 2};
    tn_tensor *two[2] = {tn_pad(x, low, high, 0.5), tn_pad(tn_neg(x), low, high, 1)};
    tn_tensor *y = tn_concat(2, two, 2);
    y = tn_slice(y, 2, 1, tn_dim_add(g, tn_dim_of(y, 2), TN_INFER)); /* one less: -1 is a number here */
    y = tn_mul(tn_max_axes(y, 2, axes, true), tn_min_axes(y, 2, axes, true));
    tn_tensor *rows = tn_index_select(tn_flatten(x, 1), 0, tn_mul(t, tn_scalar(g, TN_I64, 0)));
    return tn_add(tn_sum(y), tn_mul(tn_sum(tn_var_axes(rows, 0, NULL, 1, false)), tn_sum(v)));
}

/* Four steps of as many classes as the picture has pixels; as many labels as samples. */
static tn_tensor *aligned(tn_tensor *x, tn_tensor *t, tn_tensor *v)
{
    tn_dim n = tn_dim_of(x, 0);
    tn_tensor *p = tn_log_softmax(tn_flatten(tn_mul(x, tn_reshape(v, TN_SHAPE(CHANNELS, 1, 1))), 2), 2);
    tn_tensor *labels = tn_expand(tn_unsqueeze(tn_add(t, tn_scalar(tn_tensor_graph(x), TN_I64, 1)), 0), TN_SHAPE(n, n));
    return tn_add(tn_ctc(p, labels, NULL, NULL, NULL),
                  tn_ctc(p, labels, NULL, tn_add(t, tn_scalar(tn_tensor_graph(x), TN_I64, 0)),
                         TN_OPT(tn_ctc_opt, .reduction = TN_REDUCE_SUM)));
}

/* Outputs of one run, one behind the other. */
typedef struct result {
    int n;
    double value[MOST];
} result;

typedef struct built {
    tn_graph *graph;
    tn_program *program;
} built;

static built build(tn_context *context, net_fn net, tn_dim n, tn_dim h, tn_dim w)
{
    tn_graph *g = tn_graph_new(context);
    bool symbols = n == TN_INFER;
    n = symbols ? tn_symbol(g, "batch") : n;
    h = symbols ? tn_symbol(g, "height") : h;
    w = symbols ? tn_symbol(g, "width") : w;
    tn_tensor *x = tn_input(g, "x", TN_F64, TN_SHAPE(n, CHANNELS, h, w)), *t = tn_input(g, "t", TN_I64, TN_SHAPE(n));
    tn_tensor *v = tn_input(g, "v", TN_F64, TN_SHAPE(CHANNELS)), *wrt[2] = {x, v}, *first[2], *second[2];
    tn_tensor *loss = tn_sum(tn_square(net(x, t, v)));
    tn_gradients(loss, 2, wrt, first);
    tn_gradients(tn_add(tn_sum(tn_square(first[0])), tn_sum(tn_square(first[1]))), 2, wrt, second);
    tn_entry *entry = tn_entry_new(g, "run", TN_TRAINING);
    static const char *const names[5] = {"loss", "dx", "dv", "ddx", "ddv"};
    tn_tensor *outputs[5] = {loss, first[0], first[1], second[0], second[1]};
    for (int i = 0; i < 5; i++)
        tn_entry_output(entry, names[i], outputs[i]);
    tn_program *program = tn_compile(g, NULL);
    if (!program)
        fail_msg("%s", tn_context_error(context));
    return (built){g, program};
}

static void run(tn_context *context, const built *b, int64_t n, int64_t h, int64_t w, result *out)
{
    double x[MOST], v[CHANNELS] = {0.7, -0.4, 1.3, 0.9}, *at = out->value;
    int64_t t[8], dims[4] = {n, CHANNELS, h, w}, channels = CHANNELS, count = n * CHANNELS * h * w;
    for (int64_t i = 0; i < count; i++)
        x[i] = (double)(i * 7919 % 1013) / 500 - 1;
    for (int64_t i = 0; i < n; i++)
        t[i] = i % CHANNELS;
    tn_feed feeds[3] = {{"x", tn_view_of(x, TN_F64, 4, dims)},
                        {"t", tn_view_of(t, TN_I64, 1, &n)},
                        {"v", tn_view_of(v, TN_F64, 1, &channels)}};
    tn_feed fetches[5] = {{"loss", tn_view_of(at, TN_F64, 0, NULL)},
                          {"dx", tn_view_of(at + 1, TN_F64, 4, dims)},
                          {"dv", tn_view_of(at + 1 + count, TN_F64, 1, &channels)},
                          {"ddx", tn_view_of(at + 1 + count + CHANNELS, TN_F64, 4, dims)},
                          {"ddv", tn_view_of(at + 1 + 2 * count + CHANNELS, TN_F64, 1, &channels)}};
    out->n = (int)(1 + 2 * (count + CHANNELS));
    assert_true(out->n <= MOST);
    tn_state *state = tn_state_new(context);
    tn_session *s = tn_session_new(b->program, state);
    if (tn_run(s, "run", 3, feeds, 5, fetches) != TN_OK)
        fail_msg("%s", tn_session_error(s));
    tn_session_free(s);
    tn_state_free(state);
}

static void same_at_every_size(net_fn net)
{
    static const int64_t sizes[4][3] = {{2, 5, 6}, {3, 6, 5}, {1, 7, 8}, {2, 8, 7}};
    tn_context *context = tn_context_new(NULL);
    result *got = malloc(sizeof *got), *want = malloc(sizeof *want);
    built symbolic = build(context, net, TN_INFER, 0, 0);
    for (int i = 0; i < 4; i++) {
        int64_t n = sizes[i][0], h = sizes[i][1], w = sizes[i][2];
        built literal = build(context, net, n, h, w);
        run(context, &literal, n, h, w, want);
        run(context, &symbolic, n, h, w, got);
        assert_int_equal(got->n, want->n);
        for (int k = 0; k < got->n; k++) {
            double error = got->value[k] - want->value[k], size = want->value[k] < 0 ? -want->value[k] : want->value[k];
            if (!(error <= 1e-12 * (size + 1) && error >= -1e-12 * (size + 1)))
                fail_msg("size %d, value %d: %.17g with symbols, %.17g without", i, k, got->value[k], want->value[k]);
        }
        tn_program_free(literal.program);
        tn_graph_free(literal.graph);
    }
    tn_program_free(symbolic.program);
    tn_graph_free(symbolic.graph);
    tn_context_free(context);
    free(got);
    free(want);
}

static void convolutions_take_symbols(void **p)
{
    (void)p;
    same_at_every_size(convolutions);
}
static void pools_take_symbols(void **p)
{
    (void)p;
    same_at_every_size(pools);
}
static void normalisation_takes_symbols(void **p)
{
    (void)p;
    same_at_every_size(normalised);
}
static void losses_take_symbols(void **p)
{
    (void)p;
    same_at_every_size(classified);
}
static void alignments_take_symbols(void **p)
{
    (void)p;
    same_at_every_size(aligned);
    tn_context *context = tn_context_new(NULL);
    tn_graph *g = tn_graph_new(context);
    tn_tensor *x = tn_input(g, "x", TN_F32, TN_SHAPE(2, tn_symbol(g, "steps"), 5)), *first, *second;
    tn_tensor *loss = tn_ctc(x, tn_input(g, "t", TN_I64, TN_SHAPE(2, 3)), NULL, NULL, NULL);
    assert_int_equal(tn_gradients(loss, 1, &x, &first), TN_OK);
    assert_int_equal(tn_gradients(tn_sum(tn_square(first)), 1, &x, &second), TN_UNSUPPORTED);
    assert_non_null(strstr(tn_graph_error(g), "the number of steps of log_p must be a number, not a symbol"));
    tn_graph_free(g);
    tn_context_free(context);
}

static void shapes_take_symbols(void **p)
{
    (void)p;
    same_at_every_size(shapes);
}

/* A softmax by its parts (f64) and its gradients along an axis that is a symbol, and turns out to have no elements. */
static void an_axis_may_be_empty(void **p)
{
    (void)p;
    const int64_t axis = 1;
    for (int64_t n = 0; n < 3; n++) {
        tn_context *context = tn_context_new(NULL);
        tn_graph *g = tn_graph_new(context);
        tn_tensor *x = tn_input(g, "x", TN_F64, TN_SHAPE(3, tn_symbol(g, "n"))), *first, *second;
        tn_tensor *sum = tn_logsumexp(x, 1, &axis, false);
        tn_tensor *y = tn_add(tn_mul(tn_softmax(x, 1), x), tn_log_softmax(x, 1));
        assert_int_equal(tn_gradients(tn_sum(tn_square(y)), 1, &x, &first), TN_OK);
        assert_int_equal(tn_gradients(tn_sum(tn_square(first)), 1, &x, &second), TN_OK);
        tn_entry *entry = tn_entry_new(g, "run", TN_TRAINING);
        tn_entry_output(entry, "sum", sum);
        tn_entry_output(entry, "y", y);
        tn_entry_output(entry, "first", first);
        tn_entry_output(entry, "second", second);
        tn_program *program = tn_compile(g, NULL);
        tn_state *state = tn_state_new(context);
        tn_session *s = tn_session_new(program, state);
        double in[6] = {0.5, 0.5, 1, 1, -2, -2}, out[3][6] = {{0}}, sums[3];
        tn_feed feed = {"x", tn_view_of(in, TN_F64, 2, (const int64_t[]){3, n})};
        tn_feed fetches[4] = {{"sum", tn_view_of(sums, TN_F64, 1, (const int64_t[]){3})},
                              {"y", tn_view_of(out[0], TN_F64, 2, (const int64_t[]){3, n})},
                              {"first", tn_view_of(out[1], TN_F64, 2, (const int64_t[]){3, n})},
                              {"second", tn_view_of(out[2], TN_F64, 2, (const int64_t[]){3, n})}};
        if (tn_run(s, "run", 1, &feed, 4, fetches) != TN_OK)
            fail_msg("%s", tn_session_error(s));
        for (int i = 0; i < 3; i++) { /* equal elements: log(n e^x), and shares of 1 / n */
            assert_true(n ? fabs(sums[i] - in[i * n] - log((double)n)) < 1e-14 : sums[i] == -(double)INFINITY);
            assert_true(n == 0 || fabs(out[0][i * n] - (in[i * n] / (double)n - log((double)n))) < 1e-14);
        }
        tn_session_free(s);
        tn_state_free(state);
        tn_program_free(program);
        tn_graph_free(g);
        tn_context_free(context);
    }
}

/* y made from x[batch, 4] by an entry that trains is refused when batch is 2, with a sentence that says so. */
static void refused(tn_tensor *(*make)(tn_tensor *x), const char *says)
{
    tn_context *context = tn_context_new(NULL);
    tn_graph *g = tn_graph_new(context);
    tn_tensor *batch = tn_input(g, "x", TN_F32, TN_SHAPE(tn_symbol(g, "batch"), 4));
    tn_entry_output(tn_entry_new(g, "run", TN_TRAINING), "y", make(batch));
    tn_program *program = tn_compile(g, NULL);
    if (!program)
        fail_msg("%s", tn_context_error(context));
    tn_state *state = tn_state_new(context);
    tn_session *s = tn_session_new(program, state);
    float x[8] = {0};
    tn_feed feed = {"x", tn_view_of(x, TN_F32, 2, (const int64_t[]){2, 4})};
    assert_int_equal(tn_run(s, "run", 1, &feed, 0, NULL), TN_SHAPE);
    if (!strstr(tn_session_error(s), says))
        fail_msg("says: %s", tn_session_error(s));
    tn_session_free(s);
    tn_state_free(state);
    tn_program_free(program);
    tn_graph_free(g);
    tn_context_free(context);
}

static tn_tensor *five_rows(tn_tensor *x)
{
    return tn_slice(x, 0, 0, 5);
}
static tn_tensor *window_of_three(tn_tensor *x)
{
    return tn_max_pool2d(tn_reshape(x, TN_SHAPE(1, 1, TN_INFER, 4)), 3, NULL);
}
static tn_tensor *largest_of_none(tn_tensor *x)
{
    return tn_max(tn_slice(x, 0, 2, TN_INFER));
}

static tn_tensor *three_rows_cut_off(tn_tensor *x)
{
    return tn_pad(x, (int64_t[]){0, 0}, (int64_t[]){-3, 0}, 0);
}

/* Each channel has a value for each row but one. */
static tn_tensor *normalised_one(tn_tensor *x)
{
    tn_tensor *rows = tn_slice(x, 0, 1, TN_INFER), *mean = tn_full(tn_tensor_graph(x), TN_F32, TN_SHAPE(4), 0);
    return tn_batch_norm(rows, NULL, NULL, mean, tn_add_f(mean, 1), 1e-5, 0.1).y;
}

static void what_does_not_fit_is_refused_when_sizes_are_bound(void **p)
{
    (void)p;
    refused(five_rows, "the range from 0 to 5 does not lie in axis 0 of size 2");
    refused(window_of_three, "does not fit into 2");
    refused(largest_of_none, "has size 0");
    refused(normalised_one, "batch norm in training needs more than one value in each channel");
    refused(three_rows_cut_off, "the size batch-3 is negative (-1)");
    tn_context *context = tn_context_new(NULL);
    tn_graph *g = tn_graph_new(context);
    (void)tn_pad(tn_input(g, "x", TN_F32, TN_SHAPE(1)), (int64_t[]){0}, (int64_t[]){-2}, 0);
    assert_non_null(strstr(tn_graph_error(g), "0 and 2 elements are cut off axis 0, which has 1"));
    tn_graph_free(g);
    tn_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions_take_symbols),
        cmocka_unit_test(pools_take_symbols),
        cmocka_unit_test(normalisation_takes_symbols),
        cmocka_unit_test(losses_take_symbols),
        cmocka_unit_test(shapes_take_symbols),
        cmocka_unit_test(alignments_take_symbols),
        cmocka_unit_test(an_axis_may_be_empty),
        cmocka_unit_test(what_does_not_fit_is_refused_when_sizes_are_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
