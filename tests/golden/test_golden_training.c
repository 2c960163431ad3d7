/* Training beside PyTorch: from the same weights and batches, the losses of 100 steps and the state after 10 steps are the
 * ones that make_training.py wrote down, for every optimizer variant of three nets. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/golden_file.h"
#include <tarn/nn.h>
#include <tarn/optim.h>
#include <tarn/program.h>

/* In f32 all steps are followed. With high precision the first ones are: where products are split into bf16, a unit of these
 * small nets crosses its kink elsewhere after some fifty steps. */
enum { STEPS = 100, FIRST = 30, SNAPSHOT = 10 };
static const double LOSS_TOLERANCE = 1e-4, STATE_TOLERANCE = 1e-5;

typedef tn_tensor *(*net)(tn_tensor *x);

static tn_tensor *mlp(tn_tensor *x)
{
    return tn_layer_linear(tn_relu(tn_layer_linear(x, "fc1", 32, NULL)), "fc2", 10, NULL);
}

static tn_tensor *cnn(tn_tensor *x)
{
    x = tn_relu(tn_layer_conv2d(x, "conv1", 8, 3, NULL));
    x = tn_relu(tn_layer_conv2d(x, "conv2", 16, 3, NULL));
    x = tn_flatten(tn_max_pool2d(x, 2, NULL), 1);
    return tn_layer_linear(tn_relu(tn_layer_linear(x, "fc1", 32, NULL)), "fc2", 10, NULL);
}

static tn_tensor *norm(tn_tensor *x)
{
    x = tn_layer_conv2d(x, "conv1", 4, 3, TN_OPT(tn_conv_opt, .padding = 1, .no_bias = true));
    x = tn_relu(tn_layer_batch_norm(x, "bn1", NULL));
    x = tn_layer_conv2d(x, "conv2", 8, 3, TN_OPT(tn_conv_opt, .stride = 2, .no_bias = true));
    x = tn_relu(tn_layer_batch_norm(x, "bn2", NULL));
    x = tn_flatten(tn_avg_pool2d(x, 2, TN_OPT(tn_pool_opt, .stride = 1)), 1);
    x = tn_layer_linear(x, "fc1", 24, TN_OPT(tn_linear_opt, .no_bias = true));
    x = tn_relu(tn_layer_batch_norm(x, "bn3", NULL));
    return tn_layer_linear(x, "fc2", 10, NULL);
}

/* ---- the golden file --------------------------------------------------------------------------------------------- */

static const char *note(const format_safetensors *file, const char *variant, const char *key)
{
    char name[128];
    (void)snprintf(name, sizeof name, "%s.%s", variant, key);
    return format_safetensors_metadata(file, name);
}

static double number(const format_safetensors *file, const char *variant, const char *key)
{
    const char *text = note(file, variant, key);
    return text ? strtod(text, NULL) : 0;
}

static tn_optim_opt optimizer(const format_safetensors *file, const char *variant)
{
    const char *kind = note(file, variant, "optimizer"), *nesterov = note(file, variant, "nesterov"),
               *betas = note(file, variant, "betas");
    tn_optim_opt o = {.momentum = number(file, variant, "momentum"),
                      .weight_decay = tn_f64(number(file, variant, "weight_decay"))};
    assert_non_null(kind);
    o.kind = strcmp(kind, "sgd") == 0 ? TN_SGD : strcmp(kind, "adam") == 0 ? TN_ADAM : TN_ADAMW;
    o.nesterov = nesterov && strcmp(nesterov, "true") == 0;
    if (betas) {
        char *end;
        o.beta1 = tn_f64(strtod(betas, &end));
        o.beta2 = tn_f64(strtod(end, NULL));
        o.eps = tn_f64(number(file, variant, "eps"));
    }
    return o;
}

static const format_tensor *golden(const format_safetensors *file, const char *prefix, const char *name)
{
    char full[128];
    (void)snprintf(full, sizeof full, "%s.%s", prefix, name);
    const format_tensor *t = format_safetensors_find(file, full);
    if (!t)
        fail_msg("the golden file has no '%s'", full);
    return t;
}

/* ---- a training run ---------------------------------------------------------------------------------------------- */

typedef struct run {
    const format_safetensors *file;
    const char *variant;
    tn_precision precision;
    tn_context *context;
    tn_graph *graph;
    tn_program *program;
    tn_state *state;
    tn_session *session;
    int64_t rows, row; /* of a batch; elements of a row */
    int rank, batches;
    int64_t dims[TN_MAX_RANK];
    float *x;
} run;

static void fill_state(const run *r)
{
    assert_int_equal(tn_state_init(r->state, r->graph, 0), TN_OK);
    for (size_t i = 0; i < r->file->n; i++) {
        const format_tensor *t = &r->file->tensors[i];
        if (strncmp(t->name, "initial.", 8) != 0)
            continue;
        tn_view v = tn_view_of((void *)(uintptr_t)t->data, t->dtype, t->rank, t->dims), there;
        if (tn_state_find(r->state, t->name + 8, &there) != TN_OK || tn_state_set(r->state, t->name + 8, &v) != TN_OK)
            fail_msg("'%s' cannot be loaded: %s", t->name, tn_state_error(r->state));
    }
}

static void start(run *r, net build)
{
    const format_tensor *inputs = format_safetensors_find(r->file, "inputs");
    assert_non_null(inputs);
    tn_optim_opt o = optimizer(r->file, r->variant);
    r->batches = (int)inputs->dims[0];
    r->rows = inputs->dims[1];
    r->rank = inputs->rank - 1;
    r->row = 1;
    memcpy(r->dims, inputs->dims + 1, sizeof r->dims[0] * (size_t)r->rank);
    for (int i = 1; i < r->rank; i++)
        r->row *= r->dims[i];
    r->x = malloc((size_t)(r->rows * r->row) * sizeof *r->x);
    r->context =
        tn_context_new(TN_OPT(tn_context_opt, .threads = 1)); /* as PyTorch ran; nets this small gain nothing */
    r->graph = tn_graph_new(r->context);
    r->state = tn_state_new(r->context);
    tn_shape shape = {.rank = r->rank};
    memcpy(shape.dims, r->dims, sizeof shape.dims);
    shape.dims[0] = tn_symbol(r->graph, "batch");
    tn_tensor *x = tn_input(r->graph, "x", TN_F32, shape),
              *y = tn_input(r->graph, "y", TN_I64, TN_SHAPE(shape.dims[0]));
    if (tn_minimize(tn_cross_entropy(build(x), y, NULL), &o) != TN_OK)
        fail_msg("%s", tn_graph_error(r->graph));
    if (!(r->program = tn_compile(r->graph, TN_OPT(tn_compile_opt, .precision = r->precision))))
        fail_msg("%s", tn_context_error(r->context));
    fill_state(r);
    r->session = tn_session_new(r->program, r->state);
    assert_non_null(r->session);
}

static void finish(run *r)
{
    tn_session_free(r->session);
    tn_state_free(r->state);
    tn_program_free(r->program);
    tn_graph_free(r->graph);
    tn_context_free(r->context);
    free(r->x);
}

static double step(const run *r, int number_of_step, float lr)
{
    const format_tensor *inputs = format_safetensors_find(r->file, "inputs"),
                        *labels = format_safetensors_find(r->file, "labels");
    int64_t count = r->rows * r->row, batch = number_of_step % r->batches;
    const uint8_t *pixels = (const uint8_t *)inputs->data + batch * count;
    for (int64_t i = 0; i < count; i++)
        r->x[i] = (float)pixels[i] / 255.0F;
    float loss = 0;
    const void *y = (const char *)labels->data + (size_t)(batch * r->rows) * sizeof(int64_t);
    tn_feed feeds[3] = {{"x", tn_view_of(r->x, TN_F32, r->rank, r->dims)},
                        {"y", tn_view_of((void *)(uintptr_t)y, TN_I64, 1, &r->rows)},
                        {"lr", tn_view_of(&lr, TN_F32, 0, NULL)}};
    tn_feed fetch = {"loss", tn_view_of(&loss, TN_F32, 0, NULL)};
    if (tn_run(r->session, "step", 3, feeds, 1, &fetch) != TN_OK)
        fail_msg("step %d: %s", number_of_step, tn_session_error(r->session));
    return loss;
}

/* The largest difference of the state from the golden one after SNAPSHOT steps. */
static double state_error(const run *r)
{
    char prefix[128];
    double worst = 0;
    int compared = 0;
    (void)snprintf(prefix, sizeof prefix, "%s.after%d.", r->variant, SNAPSHOT);
    for (size_t i = 0; i < r->file->n; i++) {
        const format_tensor *t = &r->file->tensors[i];
        tn_view v;
        if (strncmp(t->name, prefix, strlen(prefix)) != 0)
            continue;
        const char *name = t->name + strlen(prefix);
        if (tn_state_find(r->state, name, &v) != TN_OK)
            fail_msg("the state has no '%s'", name);
        assert_int_equal(v.bytes, t->bytes);
        assert_int_equal(v.dtype, TN_F32);
        for (size_t k = 0; k < v.bytes / sizeof(float); k++) {
            float want;
            memcpy(&want, (const float *)t->data + k, sizeof want);
            double error = fabs(((const float *)v.data)[k] - (double)want);
            if (!(error <= STATE_TOLERANCE))
                fail_msg("%s: '%s'[%zu] is %.9g after %d steps, PyTorch's %.9g", r->variant, name, k,
                         ((const float *)v.data)[k], SNAPSHOT, want);
            worst = error > worst ? error : worst;
        }
        compared++;
    }
    assert_true(compared >= 4);
    return worst;
}

static void follow(const format_safetensors *file, const char *model, const char *variant, net build,
                   tn_precision precision)
{
    static const char *const names[] = {
        [TN_PRECISION_F32] = "f32", [TN_PRECISION_EXACT] = "exact", [TN_PRECISION_HIGH] = "high"};
    run r = {.file = file, .variant = variant, .precision = precision};
    start(&r, build);
    const format_tensor *losses = golden(file, variant, "loss");
    assert_int_equal(losses->dims[0], STEPS);
    double worst = 0, off = 0;
    float lr = (float)number(file, variant, "lr");
    for (int i = 0; i < (precision == TN_PRECISION_HIGH ? FIRST : STEPS); i++) {
        double want, loss = step(&r, i, lr);
        memcpy(&want, (const double *)losses->data + i, sizeof want);
        double error = fabs(loss - want) / want;
        if (!(error <= LOSS_TOLERANCE))
            fail_msg("%s %s: the loss of step %d is %.9g, PyTorch's %.9g", model, variant, i, loss, want);
        worst = error > worst ? error : worst;
        if (i + 1 == SNAPSHOT)
            off = state_error(&r);
    }
    print_message("%-5s %-13s %-5s losses within %.1e (rounding: %s), state within %.1e (rounding: %s)\n", model,
                  variant, names[precision], worst, note(file, variant, "loss_error"), off,
                  note(file, variant, "state_error"));
    finish(&r);
}

static void follow_all(const char *model, net build)
{
    char variants[256], *rest = variants;
    format_safetensors *file = golden_file(model);
    (void)snprintf(variants, sizeof variants, "%s", format_safetensors_metadata(file, "variants"));
    for (char *v = strtok_r(rest, " ", &rest); v; v = strtok_r(NULL, " ", &rest)) {
        follow(file, model, v, build, TN_PRECISION_F32);
        follow(file, model, v, build, TN_PRECISION_EXACT);
        follow(file, model, v, build, TN_PRECISION_HIGH);
    }
    format_safetensors_free(file);
}

static void mlp_follows_pytorch(void **p)
{
    (void)p;
    follow_all("mlp", mlp);
}

static void cnn_follows_pytorch(void **p)
{
    (void)p;
    follow_all("cnn", cnn);
}

static void batch_norm_follows_pytorch(void **p)
{
    (void)p;
    follow_all("norm", norm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mlp_follows_pytorch),
        cmocka_unit_test(cnn_follows_pytorch),
        cmocka_unit_test(batch_norm_follows_pytorch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
