/* What an entry computes from state alone is computed once: batch norms within weights, residuals and activations within
 * convolutions, linear layers that read pictures as they lie give what the graph says, and follow the state when it changes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/net.h"

#include <tarn/nn.h>
#include <tarn/ops.h>
#include <tarn/program.h>

enum { CHANNELS = 20, SIDE = 10, CLASSES = 7, MOST = 3 };

static float wave(int64_t i, int seed)
{
    return (float)((i * 37 + seed * 11) % 101) / 50 - 1;
}

static void set(tn_state *s, const char *name, int seed, bool positive)
{
    tn_view view;
    assert_int_equal(tn_state_find(s, name, &view), TN_OK);
    const int64_t n = tn_view_count(&view);
    float *fresh = malloc((size_t)n * sizeof *fresh);
    assert_non_null(fresh);
    for (int64_t i = 0; i < n; i++)
        fresh[i] = positive ? 1.5f + wave(i, seed) : wave(i, seed);
    tn_view data = tn_view_of(fresh, TN_F32, view.rank, view.dims);
    assert_int_equal(tn_state_set(s, name, &data), TN_OK);
    free(fresh);
}

/* ---- a small residual net ---------------------------------------------------------------------------------------- */

static tn_tensor *conv(tn_tensor *x, const char *name, int groups)
{
    return tn_layer_conv2d(x, name, CHANNELS, 3, TN_OPT(tn_conv_opt, .padding = 1, .groups = groups));
}

/* Everything that is folded or joined: norms after convolutions with and without bias, depthwise ones, a linear layer; sums
 * and activations after them; a flattened picture; and a result that is read twice, which is not. */
static void residual_net(tn_graph *g)
{
    tn_tensor *x = tn_input(g, "x", TN_F32, TN_SHAPE(tn_symbol(g, "batch"), 3, SIDE, SIDE));
    tn_tensor *a = tn_relu6(tn_layer_batch_norm(conv(x, "first", 1), "norm1", NULL));
    tn_tensor *b = tn_relu(tn_layer_batch_norm(conv(a, "deep", CHANNELS), "norm2", NULL));
    tn_tensor *c = tn_relu(tn_add(tn_layer_batch_norm(conv(b, "second", 1), "norm3", NULL), a));
    tn_tensor *d = conv(c, "third", 1);
    tn_tensor *e = tn_add(conv(c, "fourth", 1), tn_layer_batch_norm(d, "norm4", NULL));
    tn_tensor *twice = tn_add(tn_max_pool2d(e, 2, NULL), tn_max_pool2d(tn_add(d, tn_relu6(e)), 2, NULL));
    twice =
        tn_add(twice, tn_max_pool2d(tn_relu(conv(c, "pooled", 1)), 2, NULL)); /* the convolution takes the pooling in */
    tn_tensor *h = tn_layer_batch_norm(tn_layer_linear(tn_flatten(twice, 1), "fc1", 30, NULL), "norm5", NULL);
    tn_tensor *y = tn_layer_linear(tn_relu(h), "fc2", CLASSES, NULL);
    tn_entry_output(tn_entry_new(g, "predict", 0), "y", y);
}

static void compare(tn_session *fast, tn_session *plain, int64_t batch, int seed)
{
    const int64_t dims[] = {batch, 3, SIDE, SIDE}, out_dims[] = {batch, CLASSES};
    float x[MOST * 3 * SIDE * SIDE], y[MOST * CLASSES], z[MOST * CLASSES];
    for (int64_t i = 0; i < batch * 3 * SIDE * SIDE; i++)
        x[i] = 2 * wave(i, seed);
    tn_feed in = {"x", tn_view_of(x, TN_F32, 4, dims)};
    net_run(fast, "predict", 1, &in, 1, &(tn_feed){"y", tn_view_of(y, TN_F32, 2, out_dims)});
    net_run(plain, "predict", 1, &in, 1, &(tn_feed){"y", tn_view_of(z, TN_F32, 2, out_dims)});
    for (int64_t i = 0; i < batch * CLASSES; i++)
        assert_true(fabsf(y[i] - z[i]) <= 2e-4f * (1 + fabsf(z[i])));
}

static void folded_nets_predict_the_same(void **p)
{
    (void)p;
    net f = net_new();
    residual_net(f.graph);
    net_compile(&f, NULL);
    tn_session *plain = net_session(&f, TN_OPT(tn_compile_opt, .no_simplify = true, .no_fuse = true));
    tn_session *exact = net_session(&f, TN_OPT(tn_compile_opt, .precision = TN_PRECISION_EXACT));
    tn_session *bf16 = net_session(&f, TN_OPT(tn_compile_opt, .precision = TN_PRECISION_HIGH));
    for (int round = 0; round < 3; round++) {
        for (int64_t batch = 1; batch <= MOST; batch += 2) {
            compare(f.session, plain, batch, round);
            compare(exact, plain, batch, round);
            compare(bf16, plain, batch, round);
        }
        set(f.state, round ? "norm1.running_mean" : "norm3.bias", round, false);
        set(f.state, round ? "norm2.running_var" : "norm4.running_var", round, true);
        set(f.state, round ? "fc1.weight" : "second.weight", round, false);
    }
    tn_session_free(plain), tn_session_free(exact), tn_session_free(bf16);
    net_free(&f);
}

static bool text_has(const net *f, const char *what)
{
    tn_program *p = tn_compile(f->graph, NULL);
    char *text = tn_program_text(p, "predict");
    const bool has = strstr(text, what) != NULL;
    free(text);
    tn_program_free(p);
    return has;
}

static void nothing_is_left_of_norms(void **p)
{
    (void)p;
    net f = net_new();
    tn_tensor *x = tn_input(f.graph, "x", TN_F32, TN_SHAPE(tn_symbol(f.graph, "batch"), 3, SIDE, SIDE));
    tn_tensor *a = tn_relu6(tn_layer_batch_norm(conv(x, "first", 1), "norm1", NULL));
    tn_tensor *b = tn_relu(tn_add(a, tn_layer_batch_norm(conv(a, "second", 1), "norm2", NULL)));
    tn_tensor *y = tn_leaky_relu(tn_layer_batch_norm(conv(b, "third", 1), "norm3", NULL), 0.25);
    tn_entry_output(tn_entry_new(f.graph, "predict", 0), "y", y);
    assert_false(text_has(&f, "clamp"));
    assert_true(text_has(&f, "relu6"));
    assert_false(text_has(&f, "= leaky_relu"));
    assert_true(text_has(&f, "slope=0.25"));
    net_free(&f);
}

/* ---- what is kept ------------------------------------------------------------------------------------------------ */

static tn_tensor *row(tn_graph *g, const char *name)
{
    return tn_param(g, name, TN_F32, TN_SHAPE(8), TN_OPT(tn_init, .kind = TN_INIT_NORMAL, .b = 1));
}

/* The same values of state in sizes that only a run knows are not one for all sizes. */
static void sizes_are_no_state(void **p)
{
    (void)p;
    net f = net_new();
    tn_tensor *x = tn_input(f.graph, "x", TN_F32, TN_SHAPE(tn_symbol(f.graph, "n")));
    tn_tensor *w = tn_mul_f(row(f.graph, "w"), 2);
    tn_tensor *part = tn_sum(tn_slice(w, 0, 0, tn_dim_of(x, 0)));
    tn_entry_output(tn_entry_new(f.graph, "predict", 0), "y", tn_add(x, part));
    net_compile(&f, NULL);
    tn_view view;
    assert_int_equal(tn_state_find(f.state, "w", &view), TN_OK);
    for (int64_t n = 1; n <= 8; n += 3) {
        float zero[8] = {0}, y[8], sum = 0;
        net_run(f.session, "predict", 1, &(tn_feed){"x", tn_view_of(zero, TN_F32, 1, &n)}, 1,
                &(tn_feed){"y", tn_view_of(y, TN_F32, 1, &n)});
        for (int64_t i = 0; i < n; i++)
            sum += 2 * ((const float *)view.data)[i];
        assert_true(fabsf(y[n - 1] - sum) < 1e-5f);
    }
    net_free(&f);
}

/* What is written is written by every run, and what is handed out is there in every run, though state alone decides it. */
static void writes_and_outputs_stay(void **p)
{
    (void)p;
    net f = net_new();
    tn_tensor *a = row(f.graph, "a"), *b = row(f.graph, "b");
    tn_entry *e = tn_entry_new(f.graph, "reset", 0);
    tn_entry_write(e, b, tn_mul_f(a, 2));
    tn_entry_output(e, "y", tn_mul_f(a, 3));
    net_compile(&f, NULL);
    const int64_t n = 8;
    for (int round = 0; round < 3; round++) {
        float y[8];
        tn_view va, vb;
        set(f.state, "b", round, false);
        if (round == 2)
            set(f.state, "a", 5, false);
        net_run(f.session, "reset", 0, NULL, 1, &(tn_feed){"y", tn_view_of(y, TN_F32, 1, &n)});
        assert_int_equal(tn_state_find(f.state, "a", &va), TN_OK);
        assert_int_equal(tn_state_find(f.state, "b", &vb), TN_OK);
        for (int i = 0; i < 8; i++) {
            const float is = ((const float *)va.data)[i];
            assert_true(((const float *)vb.data)[i] == 2 * is && y[i] == 3 * is);
        }
    }
    net_free(&f);
}

/* An entry that counts in the state it also reads sees every count. */
static void written_state_is_read_anew(void **p)
{
    (void)p;
    net f = net_new();
    tn_tensor *count = tn_buffer(f.graph, "count", TN_F32, TN_SHAPE(8), NULL), *w = row(f.graph, "w");
    tn_tensor *next = tn_add_f(count, 1);
    tn_entry *e = tn_entry_new(f.graph, "step", 0);
    tn_entry_write(e, count, next);
    tn_entry_output(e, "y", tn_mul(tn_exp(tn_mul_f(w, 0)), next));
    net_compile(&f, NULL);
    const int64_t n = 8;
    for (int round = 1; round < 5; round++) {
        float y[8];
        net_run(f.session, "step", 0, NULL, 1, &(tn_feed){"y", tn_view_of(y, TN_F32, 1, &n)});
        assert_true(y[0] == (float)round);
    }
    net_free(&f);
}

/* What follows from constants alone is computed once too, and a session needs no state for it. */
static void constants_need_no_state(void **p)
{
    (void)p;
    enum { MANY = 10000 }; /* more than are computed when compiling */
    tn_context *context = tn_context_new(NULL);
    tn_graph *g = tn_graph_new(context);
    tn_tensor *x = tn_input(g, "x", TN_F32, TN_SHAPE(MANY));
    tn_tensor *table = tn_exp(tn_mul_f(tn_arange(g, TN_F32, 0, 1, MANY), 0));
    tn_entry_output(tn_entry_new(g, "e", 0), "y", tn_add(x, tn_cumsum(table, 0)));
    tn_program *program = tn_compile(g, NULL);
    tn_session *session = tn_session_new(program, NULL);
    const int64_t n = MANY;
    float *data = malloc(MANY * sizeof *data);
    assert_true(program && session && data);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < MANY; i++)
            data[i] = (float)round;
        tn_feed feed = {"x", tn_view_of(data, TN_F32, 1, &n)}, fetch = {"y", feed.view};
        net_run(session, "e", 1, &feed, 1, &fetch);
        for (int i = 0; i < MANY; i++)
            assert_true(data[i] == (float)(round + i + 1));
    }
    free(data);
    tn_session_free(session);
    tn_program_free(program);
    tn_graph_free(g);
    tn_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folded_nets_predict_the_same), cmocka_unit_test(nothing_is_left_of_norms),
        cmocka_unit_test(sizes_are_no_state),           cmocka_unit_test(writes_and_outputs_stay),
        cmocka_unit_test(written_state_is_read_anew),   cmocka_unit_test(constants_need_no_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
