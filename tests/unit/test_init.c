/* Initialisers: bounds, means and deviations by their formulas, orthogonality, and the same numbers whatever else there is. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tarn/nn.h>
#include <tarn/program.h>

typedef struct fixture {
    tn_context *context;
    tn_graph *graph;
    tn_state *state;
} fixture;

static int set_up(void **p)
{
    fixture *f = calloc(1, sizeof *f);
    f->context = tn_context_new(NULL);
    f->graph = tn_graph_new(f->context);
    f->state = tn_state_new(f->context);
    *p = f;
    return 0;
}

static int tear_down(void **p)
{
    fixture *f = *p;
    tn_graph_free(f->graph);
    tn_state_free(f->state);
    tn_context_free(f->context);
    free(f);
    return 0;
}

static tn_view filled(const fixture *f, const char *name, tn_dtype dtype, tn_shape shape, tn_init init)
{
    tn_view v;
    tn_param(f->graph, name, dtype, shape, &init);
    if (tn_state_init(f->state, f->graph, 7) != TN_OK)
        fail_msg("%s", tn_state_error(f->state));
    assert_int_equal(tn_state_find(f->state, name, &v), TN_OK);
    return v;
}

typedef struct figures {
    double least, most, mean, deviation, skew, kurtosis;
} figures;

static figures figures_of(const tn_view *v)
{
    const float *x = v->data;
    int64_t n = tn_view_count(v);
    figures g = {.least = INFINITY, .most = -INFINITY};
    double m2 = 0, m3 = 0, m4 = 0;
    for (int64_t i = 0; i < n; i++) {
        g.least = fmin(g.least, x[i]);
        g.most = fmax(g.most, x[i]);
        g.mean += x[i] / (double)n;
    }
    for (int64_t i = 0; i < n; i++) {
        double d = x[i] - g.mean;
        m2 += d * d / (double)n;
        m3 += d * d * d / (double)n;
        m4 += d * d * d * d / (double)n;
    }
    g.deviation = sqrt(m2);
    g.skew = m3 / (m2 * g.deviation);
    g.kurtosis = m4 / (m2 * m2);
    return g;
}

/* Within a few deviations of what 40,000 draws scatter. */
static void looks_uniform(const tn_view *v, double low, double high)
{
    figures g = figures_of(v);
    double width = high - low;
    if (!(g.least >= low && g.most < high + 1e-6 * width && g.least < low + 0.01 * width &&
          g.most > high - 0.01 * width && fabs(g.mean - (low + high) / 2) < 0.01 * width &&
          fabs(g.deviation - width / sqrt(12)) < 0.01 * width && fabs(g.kurtosis - 1.8) < 0.05))
        fail_msg("[%g, %g) gave %g to %g, mean %g, deviation %g, kurtosis %g", low, high, g.least, g.most, g.mean,
                 g.deviation, g.kurtosis);
}

static void looks_normal(const tn_view *v, double mean, double deviation)
{
    figures g = figures_of(v);
    if (!(fabs(g.mean - mean) < 0.03 * deviation && fabs(g.deviation - deviation) < 0.02 * deviation &&
          fabs(g.skew) < 0.06 && fabs(g.kurtosis - 3) < 0.15 && g.most > mean + 3 * deviation &&
          g.least < mean - 3 * deviation))
        fail_msg("N(%g, %g) gave mean %g, deviation %g, skew %g, kurtosis %g", mean, deviation, g.mean, g.deviation,
                 g.skew, g.kurtosis);
}

static void draws_follow_their_formulas(void **p)
{
    const fixture *f = *p;
    tn_shape matrix = TN_SHAPE(100, 400), filters = TN_SHAPE(64, 25, 5, 5);
    tn_view v = filled(f, "uniform", TN_F32, matrix, (tn_init){TN_INIT_UNIFORM, -1, 3});
    looks_uniform(&v, -1, 3);
    v = filled(f, "normal", TN_F32, matrix, (tn_init){TN_INIT_NORMAL, 2, 0.5});
    looks_normal(&v, 2, 0.5);
    v = filled(f, "kaiming_uniform", TN_F32, matrix, (tn_init){TN_INIT_KAIMING_UNIFORM, 0, 0});
    looks_uniform(&v, -sqrt(6.0 / 400), sqrt(6.0 / 400));
    v = filled(f, "kaiming_leaky", TN_F32, matrix, (tn_init){TN_INIT_KAIMING_UNIFORM, sqrt(5), 0});
    looks_uniform(&v, -0.05, 0.05); /* 1 / sqrt(fan_in), PyTorch's default for layers */
    v = filled(f, "kaiming_normal", TN_F32, filters, (tn_init){TN_INIT_KAIMING_NORMAL, 0, 0});
    looks_normal(&v, 0, sqrt(2.0 / 625));
    v = filled(f, "xavier_uniform", TN_F32, matrix, (tn_init){TN_INIT_XAVIER_UNIFORM, 0, 0});
    looks_uniform(&v, -sqrt(6.0 / 500), sqrt(6.0 / 500));
    v = filled(f, "xavier_normal", TN_F32, filters, (tn_init){TN_INIT_XAVIER_NORMAL, 2, 0});
    looks_normal(&v, 0, 2 * sqrt(2.0 / (625 + 1600)));
    v = filled(f, "fan", TN_F32, TN_SHAPE(40000), (tn_init){TN_INIT_FAN_UNIFORM, 400, 0});
    looks_uniform(&v, -0.05, 0.05);
}

static void truncated_normal_is_cut(void **p)
{
    const fixture *f = *p;
    tn_view v = filled(f, "w", TN_F32, TN_SHAPE(40000), (tn_init){TN_INIT_TRUNC_NORMAL, 1, 0.5});
    figures g = figures_of(&v);
    assert_true(g.least >= 0 && g.most <= 2 && g.least < 0.02 && g.most > 1.98);
    assert_true(fabs(g.mean - 1) < 0.01);
    assert_true(fabs(g.deviation - 0.5 * 0.8796) < 0.01); /* of a normal variable cut at two deviations */
}

static void constants(void **p)
{
    const fixture *f = *p;
    tn_view v = filled(f, "half", TN_F32, TN_SHAPE(5, 5), (tn_init){TN_INIT_CONSTANT, 0.5, 0}),
            zeros = filled(f, "zeros", TN_F64, TN_SHAPE(3), (tn_init){TN_INIT_ZEROS, 9, 9}),
            seven = filled(f, "seven", TN_F64, TN_SCALAR, (tn_init){TN_INIT_CONSTANT, 7, 0});
    for (int i = 0; i < 25; i++)
        assert_true(((float *)v.data)[i] == 0.5F); /* NOLINT: exact */
    for (int i = 0; i < 3; i++)
        assert_true(((double *)zeros.data)[i] == 0); /* NOLINT: exact */
    assert_true(*(double *)seven.data == 7);         /* NOLINT: exact */
    v = filled(f, "empty", TN_F32, TN_SHAPE(0, 4), (tn_init){TN_INIT_NORMAL, 0, 1});
    assert_int_equal(v.bytes, 0);
}

/* The rows of a wide matrix, or the columns of a tall one, are orthogonal and of length gain. */
static void is_orthogonal(const tn_view *v, double gain)
{
    const float *x = v->data;
    int64_t rows = v->dims[0], columns = tn_view_count(v) / rows;
    bool tall = rows > columns;
    int64_t n = tall ? columns : rows, m = tall ? rows : columns;
    for (int64_t a = 0; a < n; a++)
        for (int64_t b = 0; b <= a; b++) {
            double dot = 0;
            for (int64_t k = 0; k < m; k++)
                dot += (double)(tall ? x[k * columns + a] : x[a * columns + k]) *
                       (tall ? x[k * columns + b] : x[b * columns + k]);
            if (fabs(dot - (a == b ? gain * gain : 0)) > 1e-5 * gain * gain)
                fail_msg("%lld and %lld: %g", (long long)a, (long long)b, dot);
        }
}

static void orthogonal_matrices(void **p)
{
    const fixture *f = *p;
    const tn_shape shapes[] = {TN_SHAPE(20, 20), TN_SHAPE(8, 30), TN_SHAPE(30, 8), TN_SHAPE(16, 3, 3, 3),
                               TN_SHAPE(1, 1)};
    char name[16];
    for (int i = 0; i < 5; i++) {
        (void)snprintf(name, sizeof name, "w%d", i);
        tn_view v = filled(f, name, TN_F32, shapes[i], (tn_init){TN_INIT_ORTHOGONAL, i == 1 ? 3 : 0, 0});
        is_orthogonal(&v, i == 1 ? 3 : 1);
    }
}

static void what_cannot_be_filled(void **p)
{
    const fixture *f = *p;
    tn_init orthogonal = {TN_INIT_ORTHOGONAL, 0, 0};
    tn_param(f->graph, "bias", TN_F32, TN_SHAPE(8), &orthogonal);
    for (int again = 0; again < 2; again++) { /* a second try does not find it done */
        if (tn_graph_status(f->graph) != TN_OK)
            return; /* told when it was made: even better */
        assert_int_equal(tn_state_init(f->state, f->graph, 1), TN_SHAPE);
        assert_non_null(strstr(tn_state_error(f->state), "'bias'"));
    }
}

static void unknown_kinds_are_told(void **p)
{
    const fixture *f = *p;
    tn_param(f->graph, "w", TN_F32, TN_SHAPE(8), TN_OPT(tn_init, (tn_init_kind)12, 0, 0));
    assert_string_equal(tn_graph_error(f->graph), "the state 'w' has an initialiser of kind 12, which there is not");
}

/* Values depend on seed and name only: not on what else the graph has, nor on order. */
static void numbers_belong_to_names(void **p)
{
    const fixture *f = *p;
    tn_init normal = {TN_INIT_NORMAL, 0, 1};
    tn_view a, b, c;
    tn_graph *alone = tn_graph_new(f->context);
    tn_state *state = tn_state_new(f->context), *other = tn_state_new(f->context);
    tn_param(f->graph, "x.first", TN_F32, TN_SHAPE(50), &normal);
    tn_param(f->graph, "w", TN_F32, TN_SHAPE(10, 10), &normal);
    tn_param(f->graph, "v", TN_F32, TN_SHAPE(10, 10), &normal);
    tn_param(alone, "w", TN_F32, TN_SHAPE(10, 10), &normal);
    assert_int_equal(tn_state_init(f->state, f->graph, 7), TN_OK);
    assert_int_equal(tn_state_init(state, alone, 7), TN_OK);
    assert_int_equal(tn_state_init(other, alone, 8), TN_OK);
    tn_state_find(f->state, "w", &a);
    tn_state_find(state, "w", &b);
    assert_memory_equal(a.data, b.data, a.bytes);
    tn_state_find(f->state, "v", &c);
    assert_memory_not_equal(a.data, c.data, a.bytes);
    tn_state_find(other, "w", &c);
    assert_memory_not_equal(a.data, c.data, a.bytes);
    ((float *)a.data)[0] = 42;
    assert_int_equal(tn_state_init(f->state, f->graph, 9), TN_OK); /* what is there stays */
    assert_true(((float *)a.data)[0] == 42);                       /* NOLINT: exact */
    tn_graph_free(alone);
    tn_state_free(state);
    tn_state_free(other);
}

static void layers_start_as_pytorch_does(void **p)
{
    const fixture *f = *p;
    tn_view v;
    tn_tensor *x = tn_input(f->graph, "x", TN_F32, TN_SHAPE(tn_symbol(f->graph, "batch"), 16, 9, 9));
    x = tn_layer_conv2d(x, "conv", 64, 5, TN_OPT(tn_conv_opt, .groups = 2));
    x = tn_layer_batch_norm(x, "bn", NULL);
    tn_layer_linear(tn_flatten(x, 1), "fc", 50, NULL);
    assert_int_equal(tn_state_init(f->state, f->graph, 1), TN_OK);
    tn_state_find(f->state, "conv.weight", &v);
    assert_int_equal(v.dims[1], 8);
    double bound = 1 / sqrt(8 * 25);
    looks_uniform(&v, -bound, bound);
    tn_state_find(f->state, "conv.bias", &v);
    figures g = figures_of(&v);
    assert_true(g.least >= -bound && g.most <= bound && g.most - g.least > bound);
    tn_state_find(f->state, "fc.weight", &v);
    looks_uniform(&v, -1 / 40.0, 1 / 40.0); /* 1600 inputs */
    tn_state_find(f->state, "fc.bias", &v);
    g = figures_of(&v);
    assert_true(g.least >= -1 / 40.0 && g.most <= 1 / 40.0 && g.most - g.least > 1 / 40.0);
    static const struct {
        const char *name;
        float value;
    } norms[] = {{"bn.weight", 1}, {"bn.bias", 0}, {"bn.running_mean", 0}, {"bn.running_var", 1}};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(tn_state_find(f->state, norms[i].name, &v), TN_OK);
        for (int k = 0; k < 64; k++)
            assert_true(((float *)v.data)[k] == norms[i].value); /* NOLINT: exact */
    }
    assert_int_equal(tn_state_find(f->state, "bn.num_batches_tracked", &v), TN_OK);
    assert_true(v.dtype == TN_I64 && *(int64_t *)v.data == 0);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(draws_follow_their_formulas),  TEST(truncated_normal_is_cut), TEST(constants),
        TEST(orthogonal_matrices),          TEST(what_cannot_be_filled),   TEST(numbers_belong_to_names),
        TEST(layers_start_as_pytorch_does), TEST(unknown_kinds_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
