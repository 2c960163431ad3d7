/* Operators from outside: values, gradients, several outputs, sizes that are symbols, and every way of wrong use. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "format/graph_json.h"
#include <tarn/custom.h>
#include <tarn/model.h>
#include <tarn/ops.h>
#include <tarn/program.h>

/* ---- cube: y = x^3 ------------------------------------------------------------------------------------------------ */

static const char *same(const tn_operator *op, const tn_operator_type in[], tn_operator_type out[])
{
    (void)op;
    if (in[0].dtype != TN_F32)
        return "x must be f32";
    out[0] = in[0];
    return NULL;
}

static const char *cube_run(const tn_operator *op, const tn_view in[], const tn_view out[])
{
    const float *x = in[0].data, limit = op->user ? *(const float *)op->user : INFINITY;
    float *y = out[0].data;
    for (int64_t i = 0; i < tn_view_count(&in[0]); i++) {
        if (x[i] > limit)
            return "x is above the limit";
        y[i] = x[i] * x[i] * x[i];
    }
    return NULL;
}

static const char *cube_grad(const tn_operator *op, tn_tensor *const in[], tn_tensor *const out[],
                             tn_tensor *const dout[], tn_tensor *din[])
{
    (void)op, (void)out;
    din[0] = tn_mul(dout[0], tn_mul_f(tn_square(in[0]), 3));
    return NULL;
}

static const tn_operator cube = {
    .name = "cube", .inputs = 1, .outputs = 1, .infer = same, .run = cube_run, .grad = cube_grad};

/* ---- rows: the sum and the largest of each row ---------------------------------------------------------------------- */

static const char *rows_infer(const tn_operator *op, const tn_operator_type in[], tn_operator_type out[])
{
    (void)op;
    if (in[0].shape.rank != 2)
        return "x must have two axes";
    for (int i = 0; i < 2; i++)
        out[i] = (tn_operator_type){in[0].dtype, {1, {in[0].shape.dims[0]}}};
    return NULL;
}

static const char *rows_run(const tn_operator *op, const tn_view in[], const tn_view out[])
{
    (void)op;
    const float *x = in[0].data;
    float *sum = out[0].data, *top = out[1].data;
    for (int64_t i = 0; i < in[0].dims[0]; i++) {
        sum[i] = 0;
        top[i] = -INFINITY;
        for (int64_t j = 0; j < in[0].dims[1]; j++, x++) {
            sum[i] += *x;
            top[i] = *x > top[i] ? *x : top[i];
        }
    }
    return NULL;
}

static const tn_operator rows = {.name = "rows", .inputs = 1, .outputs = 2, .infer = rows_infer, .run = rows_run};

/* ---- spread: y = 2 x, a row of eight for each chunk ---------------------------------------------------------------- */

enum { SPREAD = 8 };

typedef struct spread {
    const float *x;
    float *y;
    int64_t n;
    atomic_int *seen;
} spread;

static void spread_chunk(void *arg, int64_t chunk)
{
    const spread *s = arg;
    for (int64_t i = chunk * SPREAD; i < (chunk + 1) * SPREAD && i < s->n; i++)
        s->y[i] = 2 * s->x[i];
    atomic_fetch_add(s->seen, 1);
}

static void spread_outer(void *arg, int64_t chunk)
{
    if (chunk == 0) /* a loop within a loop */
        tn_custom_parallel((((const spread *)arg)->n + SPREAD - 1) / SPREAD, spread_chunk, arg);
}

static const char *spread_run(const tn_operator *op, const tn_view in[], const tn_view out[])
{
    spread s = {in[0].data, out[0].data, tn_view_count(&in[0]), (atomic_int *)(uintptr_t)op->user};
    tn_custom_parallel((s.n + SPREAD - 1) / SPREAD, spread_chunk, &s);
    tn_custom_parallel(3, spread_outer, &s);
    tn_custom_parallel(0, spread_chunk, &s);
    return NULL;
}

/* ---- the tests ---------------------------------------------------------------------------------------------------- */

typedef struct fixture {
    tn_context *context;
    tn_graph *graph;
    tn_tensor *x;
} fixture;

static fixture start(void)
{
    fixture f = {.context = tn_context_new(NULL)};
    f.graph = tn_graph_new(f.context);
    f.x = tn_input(f.graph, "x", TN_F32, TN_SHAPE(tn_symbol(f.graph, "n"), 3));
    return f;
}

static void end(fixture *f)
{
    tn_graph_free(f->graph);
    tn_context_free(f->context);
}

static tn_session *session_of(fixture *f)
{
    tn_program *p = tn_compile(f->graph, NULL);
    if (!p)
        fail_msg("%s", tn_context_error(f->context));
    tn_session *s = tn_session_new(p, NULL);
    tn_program_free(p);
    return s;
}

static void it_computes_and_has_gradients(void **p)
{
    (void)p;
    fixture f = start();
    tn_tensor *wide = tn_transpose(tn_mul_f(f.x, 2), 0, 1); /* operands come row-major whatever they were */
    tn_tensor *y = tn_custom(&cube, 1, &wide), *d[2];
    tn_tensor *grad = NULL, *second = NULL;
    assert_int_equal(tn_gradients(tn_sum(y), 1, &f.x, d), TN_OK);
    grad = d[0];
    assert_int_equal(tn_gradients(tn_sum(grad), 1, &f.x, d), TN_OK);
    second = d[0];
    tn_entry *e = tn_entry_new(f.graph, "all", 0);
    tn_entry_output(e, "y", y);
    tn_entry_output(e, "first", grad);
    tn_entry_output(e, "second", second);
    tn_session *s = session_of(&f);
    for (int64_t n = 0; n <= 4; n += 2) {
        float x[12], z[12], one[12], two[12];
        const int64_t dims[] = {n, 3}, turned[] = {3, n};
        for (int i = 0; i < 12; i++)
            x[i] = (float)i * 0.25f - 1;
        tn_feed in = {"x", tn_view_of(x, TN_F32, 2, dims)};
        tn_feed out[] = {{"y", tn_view_of(z, TN_F32, 2, turned)},
                         {"first", tn_view_of(one, TN_F32, 2, dims)},
                         {"second", tn_view_of(two, TN_F32, 2, dims)}};
        if (tn_run(s, "all", 1, &in, 3, out) != TN_OK)
            fail_msg("%s", tn_session_error(s));
        for (int64_t i = 0; i < n * 3; i++) {
            assert_true(fabsf(z[i % 3 * n + i / 3] - 8 * x[i] * x[i] * x[i]) < 1e-5f);
            assert_true(fabsf(one[i] - 24 * x[i] * x[i]) < 1e-4f && fabsf(two[i] - 48 * x[i]) < 1e-4f);
        }
    }
    tn_session_free(s);
    end(&f);
}

static void it_may_have_several_outputs(void **p)
{
    (void)p;
    fixture f = start();
    tn_tensor *sum = tn_custom(&rows, 1, &f.x);
    tn_entry *e = tn_entry_new(f.graph, "all", 0);
    tn_entry_output(e, "sum", sum);
    tn_entry_output(e, "top", tn_custom_output(sum, 1));
    tn_session *s = session_of(&f);
    float x[] = {1, 5, 2, -3, -1, -2}, a[2], b[2];
    const int64_t dims[] = {2, 3}, n = 2;
    tn_feed in = {"x", tn_view_of(x, TN_F32, 2, dims)};
    tn_feed out[] = {{"sum", tn_view_of(a, TN_F32, 1, &n)}, {"top", tn_view_of(b, TN_F32, 1, &n)}};
    assert_int_equal(tn_run(s, "all", 1, &in, 2, out), TN_OK);
    assert_true(a[0] == 8 && a[1] == -6 && b[0] == 5 && b[1] == -1);
    tn_session_free(s);
    end(&f);
}

static void a_fault_stops_the_run(void **p)
{
    (void)p;
    static const float limit = 2;
    fixture f = start();
    tn_operator bounded = cube;
    bounded.user = &limit;
    tn_tensor *y = tn_custom(&bounded, 1, &f.x);
    bounded = (tn_operator){0}; /* the struct was copied */
    tn_entry_output(tn_entry_new(f.graph, "all", 0), "y", y);
    tn_session *s = session_of(&f);
    float x[] = {1, 2, 3}, z[3];
    const int64_t dims[] = {1, 3};
    tn_feed in = {"x", tn_view_of(x, TN_F32, 2, dims)}, out = {"y", tn_view_of(z, TN_F32, 2, dims)};
    assert_int_equal(tn_run(s, "all", 1, &in, 1, &out), TN_FAULT);
    assert_non_null(strstr(tn_session_error(s), "x is above the limit"));
    x[2] = 0;
    assert_int_equal(tn_run(s, "all", 1, &in, 1, &out), TN_OK);
    tn_session_free(s);
    end(&f);
}

static void refused(tn_operator op, int n, tn_tensor *second, const char *says)
{
    fixture f = start();
    tn_tensor *in[] = {f.x, second};
    (void)tn_custom(&op, n, in);
    assert_non_null(tn_graph_error(f.graph));
    if (!strstr(tn_graph_error(f.graph), says))
        fail_msg("'%s' does not say '%s'", tn_graph_error(f.graph), says);
    end(&f);
}

static const char *no_type(const tn_operator *op, const tn_operator_type in[], tn_operator_type out[])
{
    (void)op, (void)in, (void)out;
    return NULL;
}

static const char *no_size(const tn_operator *op, const tn_operator_type in[], tn_operator_type out[])
{
    (void)op;
    out[0] = in[0];
    out[0].shape.dims[0] = TN_INFER;
    return NULL;
}

static void wrong_use_is_refused(void **p)
{
    (void)p;
    tn_operator op = cube;
    refused(op, 2, NULL, "takes 1 inputs and was given 2");
    op.inputs = 2;
    refused(op, 2, NULL, "input 1 of the operator 'cube' is absent");
    op = cube, op.outputs = 9;
    refused(op, 1, NULL, "has 1 inputs and 9 outputs");
    op = cube, op.run = NULL;
    refused(op, 1, NULL, "needs a name, 'infer' and 'run'");
    op = cube, op.name = NULL;
    refused(op, 1, NULL, "needs a name");
    op = cube, op.infer = no_type;
    refused(op, 1, NULL, "no valid dtype or rank");
    op = cube, op.infer = no_size;
    refused(op, 1, NULL, "'cube': infer gave output 0 no size on axis 0");
    fixture f = start();
    tn_tensor *flat = tn_flatten(f.x, 0);
    (void)tn_custom(&rows, 1, &flat);
    assert_non_null(strstr(tn_graph_error(f.graph), "'rows': x must have two axes"));
    end(&f);
    f = start();
    tn_tensor *d;
    assert_int_not_equal(tn_gradients(tn_sum(tn_custom(&rows, 1, &f.x)), 1, &f.x, &d), TN_OK);
    assert_non_null(strstr(tn_graph_error(f.graph), "'rows'"));
    assert_non_null(strstr(tn_graph_error(f.graph), "has no gradient"));
    end(&f);
    assert_null(tn_custom(&cube, 0, NULL));
}

static void it_may_use_the_threads(void **unused)
{
    (void)unused;
    enum { N = 1001, CHUNKS = (N + SPREAD - 1) / SPREAD };
    static float x[N], y[N];
    const int64_t n = N;
    for (int i = 0; i < N; i++)
        x[i] = (float)i;
    for (int threads = 1; threads < 5; threads += 3) {
        atomic_int seen = 0;
        const tn_operator op = {
            .name = "spread", .inputs = 1, .outputs = 1, .infer = same, .run = spread_run, .user = &seen};
        tn_context *context = tn_context_new(TN_OPT(tn_context_opt, .threads = threads));
        tn_graph *g = tn_graph_new(context);
        tn_tensor *in = tn_input(g, "x", TN_F32, TN_SHAPE(N));
        tn_entry *e = tn_entry_new(g, "e", 0);
        tn_entry_output(e, "y", tn_custom(&op, 1, &in));
        tn_program *p = tn_compile(g, NULL);
        tn_state *state = tn_state_new(context);
        tn_session *s = tn_session_new(p, state);
        const tn_feed feed = {"x", tn_view_of(x, TN_F32, 1, &n)}, fetch = {"y", tn_view_of(y, TN_F32, 1, &n)};
        memset(y, 0, sizeof y);
        assert_int_equal(tn_run(s, "e", 1, &feed, 1, &fetch), TN_OK);
        for (int i = 0; i < N; i++)
            assert_true(y[i] == 2 * x[i]);
        assert_int_equal(atomic_load(&seen), 2 * CHUNKS);
        tn_session_free(s);
        tn_state_free(state);
        tn_program_free(p);
        tn_graph_free(g);
        tn_context_free(context);
    }
}

/* ---- model files ---------------------------------------------------------------------------------------------------- */

enum { ROWS_IN = 5, COLUMNS = 4, OUT = 3 };

static const tn_operator filed = {.name = "cube",
                                  .inputs = 1,
                                  .outputs = 1,
                                  .infer = same,
                                  .run = cube_run,
                                  .grad = cube_grad,
                                  .domain = "org.example",
                                  .version = 2};

/* y = W cube(x), saved; the operator is not registered. */
static void save_model(const char *path)
{
    tn_context *c = tn_context_new(NULL);
    tn_graph *g = tn_graph_new(c);
    tn_tensor *x = tn_input(g, "x", TN_F32, TN_SHAPE(tn_symbol(g, "batch"), COLUMNS));
    const tn_init init = {TN_INIT_NORMAL, 0, 1};
    tn_tensor *w = tn_param(g, "w", TN_F32, TN_SHAPE(OUT, COLUMNS), &init);
    tn_model *m = tn_model_new(c, g, tn_linear(tn_custom(&filed, 1, &x), w, NULL), NULL);
    if (!m || tn_model_init(m, 7) != TN_OK || tn_model_save(m, path) != TN_OK)
        fail_msg("%s", m ? tn_model_error(m) : tn_context_error(c));
    tn_model_free(m);
    tn_context_free(c);
}

static void loads_not(tn_context *c, const char *path, const char *says)
{
    assert_null(tn_model_load(c, path));
    if (!strstr(tn_context_error(c), says))
        fail_msg("'%s' does not say '%s'", tn_context_error(c), says);
}

static void model_files_name_it(void **p)
{
    (void)p;
    const char *path = "test_custom.safetensors";
    save_model(path);
    tn_context *c = tn_context_new(NULL);
    loads_not(c, path,
              "the operator 'cube' of the domain 'org.example', version 2, which is not registered here: the program");
    tn_operator other = filed;
    other.version = 1;
    assert_int_equal(tn_operator_register(c, &other), TN_OK);
    loads_not(c, path,
              "not registered here, but version 1 is: the program that loads the file must define it and call "
              "tn_operator_register before");
    assert_int_equal(tn_operator_register(c, &filed), TN_OK);
    tn_model *m = tn_model_load(c, path);
    if (!m)
        fail_msg("%s", tn_context_error(c));
    tn_predictor *predictor = tn_predictor_new(m);
    float x[ROWS_IN * COLUMNS], y[ROWS_IN * OUT];
    for (int i = 0; i < ROWS_IN * COLUMNS; i++)
        x[i] = 0.25F * (float)i - 2;
    const int64_t in[] = {ROWS_IN, COLUMNS}, out[] = {ROWS_IN, OUT};
    const tn_view raw = tn_view_of(x, TN_F32, 2, in), got = tn_view_of(y, TN_F32, 2, out);
    assert_int_equal(tn_predict(predictor, &raw, &got), TN_OK);
    tn_view w;
    assert_int_equal(tn_state_find(tn_model_state(m), "w", &w), TN_OK);
    for (int i = 0; i < ROWS_IN * OUT; i++) {
        double want = 0;
        for (int k = 0; k < COLUMNS; k++)
            want += pow(x[i / OUT * COLUMNS + k], 3) * ((const float *)w.data)[i % OUT * COLUMNS + k];
        assert_true(fabs(y[i] - want) < 1e-5 * (1 + fabs(want)));
    }
    assert_int_equal(tn_model_save(m, path), TN_OK); /* and once more */
    tn_predictor_free(predictor);
    tn_model_free(m);
    m = tn_model_load(c, path);
    assert_non_null(m);
    tn_model_free(m);
    tn_context_free(c);
    (void)remove(path);
}

static void registering_is_checked(void **p)
{
    (void)p;
    tn_context *c = tn_context_new(NULL);
    assert_int_equal(tn_operator_register(c, &filed), TN_OK);
    assert_int_equal(tn_operator_register(c, &filed), TN_OK); /* the same */
    tn_operator op = filed;
    op.run = rows_run;
    assert_int_equal(tn_operator_register(c, &op), TN_INVALID);
    assert_non_null(strstr(tn_context_error(c), "version 2 is registered already"));
    op.domain = "org.other";
    assert_int_equal(tn_operator_register(c, &op), TN_OK);
    op.version = -1;
    assert_int_equal(tn_operator_register(c, &op), TN_INVALID);
    assert_non_null(strstr(tn_context_error(c), "has version -1"));
    op = filed, op.infer = NULL;
    assert_int_equal(tn_operator_register(c, &op), TN_INVALID);
    assert_non_null(strstr(tn_context_error(c), "needs a name"));
    op = filed, op.domain = NULL;
    assert_int_equal(tn_operator_register(c, &op), TN_OK);
    tn_context_free(c);
}

/* Numbers of a file are never a definition, which has pointers to functions. */
static void files_bring_no_code(void **p)
{
    (void)p;
    static const char *const args[] = {"{}", "{\"definition\": {\"dtype\": \"u8\", \"shape\": [72], \"values\": [1]}}",
                                       "{\"domain\": 3, \"name\": \"cube\", \"version\": 2}",
                                       "{\"domain\": \"org.example\", \"name\": \"cube\", \"version\": -2}"};
    static const char *const says[] = {"domain", "domain", "domain", "version"};
    tn_context *c = tn_context_new(NULL);
    assert_int_equal(tn_operator_register(c, &filed), TN_OK);
    for (int i = 0; i < 4; i++) {
        char json[512];
        base_error e = {0};
        (void)snprintf(
            json, sizeof json,
            "{\"nodes\": [{\"op\": \"input\", \"name\": \"x\", \"in\": [], \"args\": {\"name\": \"x\", \"dtype\": "
            "\"f32\", \"shape\": [3]}}, {\"op\": \"custom\", \"name\": \"c\", \"in\": [[0, 0]], \"args\": %s}], "
            "\"entries\": [], \"updates\": []}",
            args[i]);
        assert_null(format_graph_read(c, json, strlen(json), NULL, "text", &e));
        if (!strstr(e.text, says[i]) || !strstr(e.text, "graph node 1"))
            fail_msg("'%s' does not say '%s'", e.text, says[i]);
    }
    tn_context_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_computes_and_has_gradients), cmocka_unit_test(it_may_have_several_outputs),
        cmocka_unit_test(a_fault_stops_the_run),         cmocka_unit_test(it_may_use_the_threads),
        cmocka_unit_test(wrong_use_is_refused),          cmocka_unit_test(model_files_name_it),
        cmocka_unit_test(registering_is_checked),        cmocka_unit_test(files_bring_no_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
