/* test_precision.c: with `precision: bf16` products, convolutions and attention, and their gradients, differ from those in f32 by what
 * rounding operands to 8 bits makes of sums, and by no more; where the processor has nothing for bf16 they are the same. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/net.h"

#include <tarn/graph.h>
#include <tarn/nn.h>
#include <tarn/ops.h>
#include <tarn/program.h>

enum { MOST_IN = 3 };

typedef struct wanted {
    const char *name;
    tn_tensor *(*make)(tn_tensor *const *in);
    int n;
    tn_shape shape[MOST_IN];
} wanted;

static tn_tensor *linear(tn_tensor *const *in)
{
    return tn_linear(in[0], in[1], in[2]);
}

static tn_tensor *matmul(tn_tensor *const *in)
{
    return tn_matmul(in[0], in[1]);
}

static tn_tensor *conv(tn_tensor *const *in)
{
    return tn_conv2d(in[0], in[1], in[2], TN_OPT(tn_conv_opt, .padding = 1));
}

static tn_tensor *attention(tn_tensor *const *in)
{
    return tn_attention(in[0], in[1], in[2], NULL);
}

static tn_tensor *causal(tn_tensor *const *in)
{
    return tn_attention(in[0], in[1], in[2], TN_OPT(tn_attention_opt, .causal = true));
}

static int64_t count_of(const tn_shape *s)
{
    int64_t n = 1;
    for (int i = 0; i < s->rank; i++)
        n *= s->dims[i];
    return n;
}

static float *filled(int64_t n, int seed)
{
    float *x = malloc((size_t)n * sizeof *x);
    assert_non_null(x);
    uint64_t random = (uint64_t)seed * 77 + 1;
    for (int64_t i = 0; i < n; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        x[i] = (float)(int32_t)(random >> 32) * 0x1p-31f;
    }
    return x;
}

/* The root of the mean square of the differences, by that of y: single numbers, made of what nearly cancels, may be further off. */
static double apart(const float *x, const float *y, int64_t n)
{
    double all = 1e-30, off = 0;
    for (int64_t i = 0; i < n; i++) {
        const double d = (double)x[i] - (double)y[i];
        all += (double)y[i] * (double)y[i];
        off += d * d;
    }
    return sqrt(off / all);
}

/* Result k (0: the value, else the gradient of input k - 1) of both sessions. */
static void compare(const wanted *w, tn_session *bf16, tn_session *f32, const tn_feed *in, int k, const tn_shape *shape)
{
    const int64_t n = count_of(shape);
    float *a = filled(n, 1), *b = filled(n, 2), *again = filled(n, 3);
    char name[8];
    (void)snprintf(name, sizeof name, "r%d", k);
    net_run(bf16, "all", w->n, in, 1, &(tn_feed){name, tn_view_of(a, TN_F32, shape->rank, shape->dims)});
    net_run(bf16, "all", w->n, in, 1, &(tn_feed){name, tn_view_of(again, TN_F32, shape->rank, shape->dims)});
    net_run(f32, "all", w->n, in, 1, &(tn_feed){name, tn_view_of(b, TN_F32, shape->rank, shape->dims)});
    const double far = apart(a, b, n);
    if (!(far <= 0.01))
        fail_msg("%s, result %d: %g apart", w->name, k, far);
    assert_memory_equal(a, again, (size_t)n * sizeof *a);
    free(a), free(b), free(again);
}

static void check(const wanted *w)
{
    net f = net_new();
    tn_tensor *in[MOST_IN] = {NULL}, *grad[MOST_IN];
    tn_feed feed[MOST_IN];
    float *data[MOST_IN];
    char name[MOST_IN][8];
    for (int i = 0; i < w->n; i++) {
        (void)snprintf(name[i], sizeof name[i], "x%d", i);
        in[i] = tn_input(f.graph, name[i], TN_F32, w->shape[i]);
        data[i] = filled(count_of(&w->shape[i]), i);
        feed[i] = (tn_feed){name[i], tn_view_of(data[i], TN_F32, w->shape[i].rank, w->shape[i].dims)};
    }
    tn_tensor *y = w->make(in);
    assert_int_equal(tn_gradients(tn_sum(tn_mul(y, y)), w->n, in, grad), TN_OK);
    tn_entry *all = tn_entry_new(f.graph, "all", 0);
    tn_entry_output(all, "r0", y);
    for (int i = 0; i < w->n; i++)
        tn_entry_output(all, (const char *[]){"r1", "r2", "r3"}[i], grad[i]);
    const tn_shape shape = tn_tensor_shape(y);
    net_compile(&f, NULL);
    tn_session *bf16 = net_session(&f, TN_OPT(tn_compile_opt, .precision = TN_PRECISION_BF16));
    tn_session *f32 = net_session(&f, TN_OPT(tn_compile_opt, .precision = TN_PRECISION_EXACT));
    for (int k = 0; k <= w->n; k++)
        compare(w, bf16, f32, feed, k, k ? &w->shape[k - 1] : &shape);
    tn_session_free(bf16), tn_session_free(f32);
    for (int i = 0; i < w->n; i++)
        free(data[i]);
    net_free(&f);
}

static void bf16_is_near_f32(void **state)
{
    (void)state;
    const wanted all[] = {
        {"linear", linear, 3, {TN_SHAPE(70, 300), TN_SHAPE(45, 300), TN_SHAPE(45)}},
        {"a deep linear", linear, 3, {TN_SHAPE(33, 700), TN_SHAPE(600, 700), TN_SHAPE(600)}},
        {"matmul", matmul, 2, {TN_SHAPE(3, 40, 65), TN_SHAPE(3, 65, 50)}},
        {"conv2d", conv, 3, {TN_SHAPE(3, 32, 13, 11), TN_SHAPE(40, 32, 3, 3), TN_SHAPE(40)}},
        {"conv2d of a few channels", conv, 3, {TN_SHAPE(3, 3, 23, 21), TN_SHAPE(32, 3, 3, 3), TN_SHAPE(32)}},
        {"attention", attention, 3, {TN_SHAPE(2, 3, 70, 64), TN_SHAPE(2, 3, 90, 64), TN_SHAPE(2, 3, 90, 64)}},
        {"causal attention", causal, 3, {TN_SHAPE(2, 9, 130, 72), TN_SHAPE(2, 9, 130, 72), TN_SHAPE(2, 9, 130, 80)}},
        {"grouped attention", causal, 3, {TN_SHAPE(1, 6, 65, 64), TN_SHAPE(1, 2, 65, 64), TN_SHAPE(1, 2, 65, 100)}},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        check(&all[i]);
}

/* ---- predictions keep as bf16 what is rounded in any case -------------------------------------------------------------- */

enum { PICTURES = 6, CHANNELS = 32, SIZE = 24 };

static tn_tensor *weight(net *f, const char *name, int64_t out, int64_t in, int64_t size)
{
    return tn_param(f->graph, name, TN_F32, TN_SHAPE(out, in, size, size),
                    &(tn_init){TN_INIT_NORMAL, 0, 1.0 / sqrt((double)(in * size * size))});
}

/* Convolutions in a row, pooled, one channel a group, added to, put side by side and doubled in size. */
static tn_tensor *pictures(net *f, tn_tensor *x)
{
    const tn_conv_opt same = {.padding = 1}, each = {.padding = 1, .groups = CHANNELS};
    tn_tensor *a = tn_relu(tn_conv2d(x, weight(f, "a", CHANNELS, 3, 3), NULL, &same));
    tn_tensor *b = tn_max_pool2d(a, 2, NULL);
    tn_tensor *c = tn_relu6(tn_conv2d(b, weight(f, "b", CHANNELS, CHANNELS, 3), NULL, &same));
    tn_tensor *d = tn_relu6(tn_conv2d(c, weight(f, "c", CHANNELS, 1, 3), NULL, &each));
    tn_tensor *e = tn_add(tn_conv2d(d, weight(f, "d", CHANNELS, CHANNELS, 1), NULL, NULL), b);
    tn_tensor *g = tn_interpolate(tn_conv2d(e, weight(f, "e", CHANNELS, CHANNELS, 1), NULL, NULL),
                                  TN_OPT(tn_interpolate_opt, .scale = 2));
    tn_tensor *h = tn_concat(2, (tn_tensor *[]){a, g}, 1);
    tn_tensor *y = tn_sigmoid(tn_conv2d(h, weight(f, "f", CHANNELS, 2 * CHANNELS, 1), NULL, NULL));
    return tn_conv2d(y, weight(f, "g", CHANNELS, CHANNELS, 1), NULL, NULL);
}

/* What a convolution rounds is pooled, and put side by side, into what is only added. */
static tn_tensor *shortcuts(net *f, tn_tensor *x)
{
    const tn_conv_opt same = {.padding = 1}, each = {.padding = 1, .groups = CHANNELS};
    tn_tensor *a = tn_relu(tn_conv2d(x, weight(f, "a", CHANNELS, 3, 3), NULL, &same));
    tn_tensor *p = tn_max_pool2d(a, 3, TN_OPT(tn_pool_opt, .stride = 1, .padding = 1));
    tn_tensor *b = tn_relu(tn_add(tn_conv2d(a, weight(f, "b", CHANNELS, CHANNELS, 3), NULL, &same), p));
    tn_tensor *d = tn_conv2d(b, weight(f, "d", CHANNELS, 1, 3), NULL, &each);
    tn_tensor *e = tn_add(tn_conv2d(b, weight(f, "e", CHANNELS, CHANNELS, 1), NULL, NULL), d);
    tn_tensor *c = tn_concat(2, (tn_tensor *[]){b, e}, 1);
    tn_tensor *g = tn_conv2d(e, weight(f, "g", 2 * CHANNELS, CHANNELS, 1), NULL, NULL);
    tn_tensor *h = tn_add(tn_conv2d(g, weight(f, "h", 2 * CHANNELS, 2 * CHANNELS, 3), NULL, &same), c);
    return tn_conv2d(h, weight(f, "i", CHANNELS, 2 * CHANNELS, 1), NULL, NULL);
}

/* What is pooled is handed out, as f32, by the convolution that could give bf16; before it, pooled numbers are rounded. */
static tn_tensor *pooled_last(net *f, tn_tensor *x)
{
    const tn_conv_opt same = {.padding = 1};
    tn_tensor *a = tn_relu(tn_conv2d(x, weight(f, "a", CHANNELS, 3, 3), NULL, &same));
    tn_tensor *b = tn_relu(tn_conv2d(a, weight(f, "b", CHANNELS, CHANNELS, 3), NULL, &same));
    tn_tensor *c = tn_relu(tn_conv2d(b, weight(f, "c", CHANNELS, CHANNELS, 3), NULL, &same));
    tn_tensor *d = tn_conv2d(tn_max_pool2d(c, 2, NULL), weight(f, "d", CHANNELS, CHANNELS, 1), NULL, NULL);
    tn_tensor *e = tn_interpolate(tn_relu(d), TN_OPT(tn_interpolate_opt, .scale = 2));
    return tn_max_pool2d(tn_relu(tn_conv2d(e, weight(f, "e", CHANNELS, CHANNELS, 3), NULL, &same)), 2, NULL);
}

/* The linear layers of a transformer: what its wide layer takes and gives is bf16, and what its last one adds. */
static tn_tensor *wide(net *f, tn_tensor *x)
{
    (void)f;
    const int64_t width = 4 * SIZE;
    tn_tensor *rows = tn_reshape(x, TN_SHAPE(-1, width));
    tn_tensor *y = tn_gelu(tn_layer_linear(rows, "a", 4 * width, NULL));
    tn_tensor *z = tn_add(tn_layer_linear(y, "b", width, NULL), tn_relu(rows));
    return tn_layer_linear(tn_sigmoid(z), "c", width, NULL);
}

/* Rows of the profile that give bf16. */
static int halves(tn_session *s, const char *entry)
{
    tn_profile_row row;
    int n = 0;
    for (int i = 0; tn_session_profile_row(s, entry, i, &row) == TN_OK; i++)
        n += row.output.dtype == TN_BF16;
    return n;
}

/* Has the processor products of bf16 that are used? Elsewhere nothing is rounded. */
static bool rounds_operands(const tn_context *context)
{
    return strcmp(tn_context_isa(context), "amx") == 0 || strcmp(tn_context_isa(context), "avx512_bf16") == 0;
}

static void check_halves(tn_tensor *(*make)(net *f, tn_tensor *x), int least, int most)
{
    net f = net_new();
    tn_tensor *x = tn_input(f.graph, "x", TN_F32, TN_SHAPE(PICTURES, 3, SIZE, SIZE));
    tn_tensor *y = make(&f, x);
    tn_entry *all = tn_entry_new(f.graph, "all", 0);
    tn_entry_output(all, "y", y);
    const tn_shape in = tn_tensor_shape(x), out = tn_tensor_shape(y);
    const int64_t n = count_of(&out);
    net_compile(&f, NULL);
    float *data = filled(count_of(&in), 1), *a = filled(n, 2), *b = filled(n, 3), *again = filled(n, 4);
    const tn_feed feed = {"x", tn_view_of(data, TN_F32, in.rank, in.dims)};
    tn_session *bf16 = net_session(&f, TN_OPT(tn_compile_opt, .precision = TN_PRECISION_BF16));
    tn_session *f32 = net_session(&f, TN_OPT(tn_compile_opt, .precision = TN_PRECISION_EXACT));
    tn_memory less, more;
    net_run(bf16, "all", 1, &feed, 1, &(tn_feed){"y", tn_view_of(a, TN_F32, out.rank, out.dims)});
    net_run(bf16, "all", 1, &feed, 1, &(tn_feed){"y", tn_view_of(again, TN_F32, out.rank, out.dims)});
    net_run(f32, "all", 1, &feed, 1, &(tn_feed){"y", tn_view_of(b, TN_F32, out.rank, out.dims)});
    assert_memory_equal(a, again, (size_t)n * sizeof *a);
    const double far = apart(a, b, n);
    if (!(far <= 0.02))
        fail_msg("%g apart", far);
    const bool rounds = rounds_operands(f.context);
    assert_int_equal(tn_session_plan(bf16, "all", 1, &feed, &less), TN_OK);
    assert_int_equal(tn_session_plan(f32, "all", 1, &feed, &more), TN_OK);
    assert_int_equal(halves(f32, "all"), 0);
    if (rounds) {
        assert_in_range(halves(bf16, "all"), least, most);
        assert_true(less.buffer < more.buffer);
    } else {
        assert_int_equal(halves(bf16, "all"), 0);
    }
    tn_session_free(bf16), tn_session_free(f32);
    free(data), free(a), free(b), free(again);
    net_free(&f);
}

static void rounded_values_lie_as_bf16(void **state)
{
    (void)state;
    check_halves(pictures, 8, 12);
    check_halves(shortcuts, 2, 8);
    check_halves(pooled_last, 2, 8);
    check_halves(wide, 3, 6);
}

/* Numbers that are pooled and handed out keep all their bits, though a convolution that reads them too rounds what it reads. */
static void handed_out_values_are_not_rounded(void **state)
{
    (void)state;
    enum { POOLED = PICTURES * CHANNELS * SIZE * SIZE / 4 };
    const tn_conv_opt same = {.padding = 1};
    net f = net_new();
    tn_tensor *x = tn_input(f.graph, "x", TN_F32, TN_SHAPE(PICTURES, 3, SIZE, SIZE));
    tn_tensor *y = tn_max_pool2d(tn_sigmoid(tn_conv2d(x, weight(&f, "a", CHANNELS, 3, 3), NULL, &same)), 2, NULL);
    tn_tensor *z = tn_conv2d(y, weight(&f, "b", CHANNELS, CHANNELS, 3), NULL, &same);
    tn_entry *alone = tn_entry_new(f.graph, "alone", 0), *both = tn_entry_new(f.graph, "both", 0);
    tn_entry_output(alone, "y", y);
    tn_entry_output(both, "y", y);
    tn_entry_output(both, "z", z);
    net_compile(&f, NULL);
    tn_session *bf16 = net_session(&f, TN_OPT(tn_compile_opt, .precision = TN_PRECISION_BF16));
    float *data = filled(PICTURES * 3 * SIZE * SIZE, 1), *a = filled(POOLED, 2), *b = filled(POOLED, 3),
          *c = filled(POOLED, 4);
    const int64_t in[4] = {PICTURES, 3, SIZE, SIZE}, out[4] = {PICTURES, CHANNELS, SIZE / 2, SIZE / 2};
    const tn_feed feed = {"x", tn_view_of(data, TN_F32, 4, in)};
    tn_feed given[2] = {{"y", tn_view_of(b, TN_F32, 4, out)}, {"z", tn_view_of(c, TN_F32, 4, out)}};
    net_run(bf16, "alone", 1, &feed, 1, &(tn_feed){"y", tn_view_of(a, TN_F32, 4, out)});
    net_run(bf16, "both", 1, &feed, 2, given);
    assert_memory_equal(a, b, POOLED * sizeof *a);
    tn_session_free(bf16);
    free(data), free(a), free(b), free(c);
    net_free(&f);
}

/* Products that read what lies as bf16, through views too, give the bits of those that read f32 and round it: where what they read is
 * handed out. */
static void products_of_rounded_values(void **state)
{
    (void)state;
    enum { ROWS = 96, WIDE = 128, SKIPPED = 8, OUT = 3 };
    net f = net_new();
    tn_tensor *x = tn_input(f.graph, "x", TN_F32, TN_SHAPE(ROWS, WIDE));
    tn_tensor *w = tn_param(f.graph, "w", TN_F32, TN_SHAPE(WIDE, WIDE), &(tn_init){TN_INIT_NORMAL, 0, 0.1});
    tn_tensor *h = tn_tanh(x), *g = tn_sigmoid(x), *part = tn_slice(h, 0, SKIPPED, ROWS);
    tn_tensor *y[OUT] = {tn_matmul(tn_transpose(h, 0, 1), g), tn_matmul(part, w),
                         tn_matmul(tn_reshape(h, TN_SHAPE(2, ROWS / 2, WIDE)), w)};
    tn_entry *alone = tn_entry_new(f.graph, "alone", 0), *both = tn_entry_new(f.graph, "both", 0);
    const int64_t rows[2] = {ROWS, WIDE};
    tn_feed out[2][OUT + 2];
    for (int i = 0; i < OUT; i++) {
        const char *name = (const char *[]){"y0", "y1", "y2"}[i];
        const tn_shape s = tn_tensor_shape(y[i]);
        tn_entry_output(alone, name, y[i]);
        tn_entry_output(both, name, y[i]);
        for (int k = 0; k < 2; k++)
            out[k][i] = (tn_feed){name, tn_view_of(filled(count_of(&s), k), TN_F32, s.rank, s.dims)};
    }
    tn_entry_output(both, "h", h);
    tn_entry_output(both, "g", g);
    out[1][OUT] = (tn_feed){"h", tn_view_of(filled(ROWS * WIDE, 5), TN_F32, 2, rows)};
    out[1][OUT + 1] = (tn_feed){"g", tn_view_of(filled(ROWS * WIDE, 6), TN_F32, 2, rows)};
    net_compile(&f, NULL);
    tn_session *bf16 = net_session(&f, TN_OPT(tn_compile_opt, .precision = TN_PRECISION_BF16));
    float *data = filled(ROWS * WIDE, 1);
    const tn_feed feed = {"x", tn_view_of(data, TN_F32, 2, rows)};
    net_run(bf16, "alone", 1, &feed, OUT, out[0]);
    net_run(bf16, "both", 1, &feed, OUT + 2, out[1]);
    for (int i = 0; i < OUT; i++)
        assert_memory_equal(out[0][i].view.data, out[1][i].view.data,
                            (size_t)tn_view_count(&out[0][i].view) * sizeof(float));
    assert_int_equal(halves(bf16, "alone"), rounds_operands(f.context) ? 2 : 0);
    assert_int_equal(halves(bf16, "both"), 0);
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < OUT + 2 * k; i++)
            free(out[k][i].view.data);
    tn_session_free(bf16);
    free(data);
    net_free(&f);
}

/* ---- so does training, between forward and backward --------------------------------------------------------------------- */

/* Blocks of convolutions that are normalised, with a residual, as in residual nets. */
static tn_tensor *residual(net *f, tn_tensor *x)
{
    const tn_conv_opt same = {.padding = 1};
    tn_tensor *y = tn_relu(tn_layer_batch_norm(tn_conv2d(x, weight(f, "a", CHANNELS, 3, 3), NULL, &same), "na", NULL));
    y = tn_max_pool2d(y, 2, NULL);
    for (int i = 0; i < 3; i++) {
        char name[4][4];
        for (int k = 0; k < 4; k++)
            (void)snprintf(name[k], sizeof name[k], "%c%d", "wvnm"[k], i);
        tn_tensor *z = tn_conv2d(y, weight(f, name[0], CHANNELS, CHANNELS, 3), NULL, &same);
        z = tn_relu(tn_layer_batch_norm(z, name[2], NULL));
        z = tn_conv2d(z, weight(f, name[1], CHANNELS, CHANNELS, 3), NULL, &same);
        y = tn_relu(tn_add(tn_layer_batch_norm(z, name[3], NULL), y));
    }
    return y;
}

/* Biases whose gradients are summed from bf16; what is pooled goes on as f32. */
static tn_tensor *pooled(net *f, tn_tensor *x)
{
    const tn_conv_opt same = {.padding = 1};
    tn_tensor *y = x;
    for (int i = 0; i < 2; i++) {
        char w[4], b[4];
        (void)snprintf(w, sizeof w, "w%d", i), (void)snprintf(b, sizeof b, "b%d", i);
        tn_tensor *bias = tn_param(f->graph, b, TN_F32, TN_SHAPE(CHANNELS), &(tn_init){TN_INIT_NORMAL, 0, 0.1});
        y = tn_relu(tn_conv2d(y, weight(f, w, CHANNELS, i ? CHANNELS : 3, 3), bias, &same));
        y = tn_max_pool2d(y, 2, NULL);
    }
    return tn_sigmoid(y);
}

/* Linear layers: their products read activations and gradients, as they lie and transposed. */
static tn_tensor *layers(net *f, tn_tensor *x)
{
    (void)f;
    const int64_t width = 4 * SIZE;
    tn_tensor *rows = tn_reshape(x, TN_SHAPE(-1, width));
    tn_tensor *y = tn_gelu(tn_layer_linear(rows, "a", 4 * width, NULL));
    y = tn_sigmoid(tn_layer_linear(y, "b", 4 * width, NULL));
    return tn_sigmoid(tn_layer_linear(y, "c", width, NULL));
}

/* A step of training without updates: the loss and all gradients. Values of bf16, at least; memory, as a share of what f32 needs. */
static void check_training(tn_tensor *(*make)(net *f, tn_tensor *x), int least, double share)
{
    enum { MOST_PARAMETERS = 32 };
    net f = net_new();
    tn_tensor *x = tn_input(f.graph, "x", TN_F32, TN_SHAPE(PICTURES, 3, SIZE, SIZE)), *of[MOST_PARAMETERS];
    tn_tensor *grad[MOST_PARAMETERS], *y = make(&f, x);
    int n = 0;
    while (n < MOST_PARAMETERS && (of[n] = tn_graph_param(f.graph, n)) != NULL)
        n++;
    assert_int_equal(tn_gradients(tn_mean(tn_mul(y, y)), n, of, grad), TN_OK);
    tn_entry *all = tn_entry_new(f.graph, "all", TN_TRAINING);
    tn_feed out[2][MOST_PARAMETERS];
    char name[MOST_PARAMETERS][8];
    for (int i = 0; i < n; i++) {
        const tn_shape s = tn_tensor_shape(grad[i]);
        (void)snprintf(name[i], sizeof name[i], "g%d", i);
        tn_entry_output(all, name[i], grad[i]);
        for (int k = 0; k < 2; k++)
            out[k][i] = (tn_feed){name[i], tn_view_of(filled(count_of(&s), i), TN_F32, s.rank, s.dims)};
    }
    net_compile(&f, NULL);
    tn_session *bf16 = net_session(&f, TN_OPT(tn_compile_opt, .precision = TN_PRECISION_BF16));
    tn_session *f32 = net_session(&f, TN_OPT(tn_compile_opt, .precision = TN_PRECISION_EXACT));
    float *data = filled(PICTURES * 3 * SIZE * SIZE, 1);
    const tn_feed feed = {"x", tn_view_of(data, TN_F32, 4, (const int64_t[]){PICTURES, 3, SIZE, SIZE})};
    net_run(bf16, "all", 1, &feed, n, out[0]);
    net_run(f32, "all", 1, &feed, n, out[1]);
    for (int i = 0; i < n; i++) {
        const double far = apart(out[0][i].view.data, out[1][i].view.data, tn_view_count(&out[0][i].view));
        if (!(far <= 0.2)) /* sums of gradients that nearly cancel: 0.12 with what lies between in f32, 0.12 so */
            fail_msg("%s: %g apart", tn_tensor_name(of[i]), far);
    }
    tn_memory less, more;
    assert_int_equal(tn_session_plan(bf16, "all", 1, &feed, &less), TN_OK);
    assert_int_equal(tn_session_plan(f32, "all", 1, &feed, &more), TN_OK);
    if (rounds_operands(f.context)) {
        assert_true(halves(bf16, "all") >= least);
        assert_true((double)less.buffer < share * (double)more.buffer);
    }
    for (int i = 0; i < n; i++)
        free(out[0][i].view.data), free(out[1][i].view.data);
    tn_session_free(bf16), tn_session_free(f32);
    free(data);
    net_free(&f);
}

static void training_keeps_rounded_values(void **state)
{
    (void)state;
    check_training(residual, 12, 0.8);
    check_training(pooled, 4, 0.8);
    check_training(layers, 6, 0.9);
}

/* ---- sums behind activations -------------------------------------------------------------------------------------------- */

static int steps(tn_session *s, const char *entry)
{
    tn_profile_row row;
    int n = 0;
    while (tn_session_profile_row(s, entry, n, &row) == TN_OK)
        n++;
    return n;
}

/* A residual that is added to what an activation gives becomes a part of the convolution, unless somebody else reads the activation. */
static void residuals_behind_activations(void **state)
{
    (void)state;
    net f = net_new();
    tn_tensor *x = tn_input(f.graph, "x", TN_F32, TN_SHAPE(PICTURES, 3, SIZE, SIZE));
    tn_tensor *a = tn_conv2d(x, weight(&f, "a", CHANNELS, 3, 3), NULL, TN_OPT(tn_conv_opt, .padding = 1));
    tn_tensor *b = tn_conv2d(a, weight(&f, "b", CHANNELS, CHANNELS, 3), NULL, TN_OPT(tn_conv_opt, .padding = 1));
    tn_tensor *c = tn_leaky_relu(b, 0.1), *y = tn_add(a, c);
    tn_entry *joined = tn_entry_new(f.graph, "joined", 0), *alone = tn_entry_new(f.graph, "alone", 0);
    tn_entry_output(joined, "y", y);
    tn_entry_output(alone, "y", y);
    tn_entry_output(alone, "c", c);
    net_compile(&f, NULL);
    const tn_shape out = tn_tensor_shape(y);
    const int64_t n = count_of(&out);
    float *data = filled(PICTURES * 3 * SIZE * SIZE, 1), *got = filled(n, 2), *want = filled(n, 3),
          *other = filled(n, 4);
    const tn_feed feed = {"x", tn_view_of(data, TN_F32, 4, (const int64_t[]){PICTURES, 3, SIZE, SIZE})};
    const tn_precision all[] = {TN_PRECISION_EXACT, TN_PRECISION_BF16};
    for (int i = 0; i < 2; i++) {
        tn_session *s = net_session(&f, TN_OPT(tn_compile_opt, .precision = all[i]));
        net_run(s, "joined", 1, &feed, 1, &(tn_feed){"y", tn_view_of(got, TN_F32, out.rank, out.dims)});
        net_run(s, "alone", 1, &feed, 2,
                (tn_feed[]){{"y", tn_view_of(want, TN_F32, out.rank, out.dims)},
                            {"c", tn_view_of(other, TN_F32, out.rank, out.dims)}});
        assert_true(apart(got, want, n) <= (i ? 0.01 : 1e-6));
        assert_true(steps(s, "joined") < steps(s, "alone"));
        tn_session_free(s);
    }
    free(data), free(got), free(want), free(other);
    net_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bf16_is_near_f32),
                                       cmocka_unit_test(rounded_values_lie_as_bf16),
                                       cmocka_unit_test(handed_out_values_are_not_rounded),
                                       cmocka_unit_test(products_of_rounded_values),
                                       cmocka_unit_test(training_keeps_rounded_values),
                                       cmocka_unit_test(residuals_behind_activations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
