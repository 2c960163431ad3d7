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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bf16_is_near_f32)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
