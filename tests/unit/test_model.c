/* Model files: what is saved comes back, whatever the graph is made of; a damaged file gives a sentence or a model that
 * works, never a crash; what other versions or other tools wrote is told apart. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "graph/graph.h"
#include "support/scratch.h"
#include <tarn/model.h>
#include <tarn/nn.h>
#include <tarn/optim.h>

static tn_context *context;

static int set_up(void **p)
{
    (void)p;
    scratch_new();
    context = tn_context_new(TN_OPT(tn_context_opt, .threads = 1));
    return 0;
}

static int tear_down(void **p)
{
    (void)p;
    tn_context_free(context);
    scratch_remove();
    return 0;
}

static tn_model *checked(tn_model *m)
{
    if (!m)
        fail_msg("%s", tn_context_error(context));
    return m;
}

static char *read_all(const char *path, size_t *bytes)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    (void)fseek(file, 0, SEEK_END);
    *bytes = (size_t)ftell(file);
    rewind(file);
    char *data = malloc(*bytes + 1);
    assert_int_equal(fread(data, 1, *bytes, file), *bytes);
    (void)fclose(file);
    return data;
}

static tn_model *saved_and_loaded(tn_model *m)
{
    const char *path = scratch_path("model.safetensors");
    if (tn_model_save(m, path) != TN_OK)
        fail_msg("%s", tn_model_error(m));
    return checked(tn_model_load(context, path));
}

/* ---- predictions ------------------------------------------------------------------------------------------------- */

/* Predicts for two rows of a pattern; the result is malloc'ed, NULL (and the sentence in error) on failure. */
static float *predict(tn_model *m, size_t *bytes, char error[256])
{
    tn_predictor *p = tn_predictor_new(m);
    float *out = NULL;
    if (!p) {
        (void)snprintf(error, 256, "%s", tn_model_error(m));
        return NULL;
    }
    tn_shape shape = tn_tensor_shape(tn_model_input(m));
    tn_dtype raw = tn_model_preprocess(m)->raw;
    raw = raw ? raw : tn_tensor_dtype(tn_model_input(m));
    shape.dims[0] = 2;
    tn_view x = tn_view_of(NULL, raw, shape.rank, shape.dims), y;
    if (tn_predictor_shape(p, 2, &y) == TN_OK && x.bytes <= 1 << 20 && y.bytes <= 1 << 20) {
        x.data = calloc(x.bytes + 1, 1);
        for (size_t i = 0; i < x.bytes; i++)
            if (raw == TN_U8)
                ((uint8_t *)x.data)[i] = (uint8_t)(i * 29);
            else if (raw == TN_F32 && i % 4 == 0)
                ((float *)x.data)[i / 4] = (float)(i % 37) / 37 - 0.4F;
        *bytes = y.bytes;
        y.data = out = malloc(y.bytes + 1);
        if (tn_predict(p, &x, &y) != TN_OK) {
            free(out);
            out = NULL;
        }
        free(x.data);
    }
    (void)snprintf(error, 256, "%s", tn_predictor_error(p));
    tn_predictor_free(p);
    return out;
}

static void predicts_the_same(tn_model *a, tn_model *b)
{
    char error[256];
    size_t n, k;
    float *want = predict(a, &n, error), *got;
    if (!want)
        fail_msg("%s", error);
    if (!(got = predict(b, &k, error)))
        fail_msg("%s", error);
    assert_int_equal(n, k);
    assert_memory_equal(want, got, n);
    free(want);
    free(got);
}

static void same_text(tn_model *a, tn_model *b)
{
    char *s = tn_graph_text(tn_model_graph(a)), *t = tn_graph_text(tn_model_graph(b));
    assert_string_equal(s, t);
    free(s);
    free(t);
}

/* ---- round trips --------------------------------------------------------------------------------------------------- */

static tn_model *small(void)
{
    static const char *const labels[] = {"yes", "n\xc3\xb6", "\"may\\be\"\n"};
    tn_preprocess how = {
        .raw = TN_U8, .scale = 1.0 / 255, .channels = 3, .mean = {0.1, 0.2, 1.0 / 3}, .std = {1, 2, 0.3}};
    tn_graph *g = tn_graph_new(context);
    tn_tensor *x = tn_input(g, "x", TN_F32, TN_SHAPE(tn_symbol(g, "batch"), 3));
    tn_tensor *y = tn_layer_linear(tn_relu(tn_layer_linear(x, "fc1", 4, NULL)), "fc2", 3, NULL);
    tn_model *m = checked(
        tn_model_new(context, g, y,
                     TN_OPT(tn_model_opt, .name = "a \"name\"", .labels = labels, .n_labels = 3, .preprocess = &how)));
    assert_int_equal(tn_model_init(m, 3), TN_OK);
    return m;
}

static void everything_said_about_a_model_comes_back(void **p)
{
    (void)p;
    tn_model *m = small(), *l = saved_and_loaded(m);
    assert_string_equal(tn_model_name(l), "a \"name\"");
    assert_int_equal(tn_model_labels(l), 3);
    for (int i = 0; i < 3; i++)
        assert_string_equal(tn_model_label(l, i), tn_model_label(m, i));
    assert_null(tn_model_label(l, 3));
    assert_null(tn_model_label(l, -1));
    const tn_preprocess *a = tn_model_preprocess(m), *b = tn_model_preprocess(l);
    assert_true(a->raw == b->raw && a->channels == b->channels && a->scale == b->scale && !b->step); /* NOLINT */
    assert_memory_equal(a->mean, b->mean, sizeof a->mean);
    assert_memory_equal(a->std, b->std, sizeof a->std);
    assert_int_equal(tn_state_count(tn_model_state(l)), 4);
    predicts_the_same(m, l);
    same_text(m, l);
    tn_model *again = saved_and_loaded(l);
    predicts_the_same(m, again);
    tn_model_free(again);
    tn_model_free(l);
    tn_model_free(m);
}

/* Constants of every dtype, inline and too large for that; sizes as expressions; flags, numbers, lists, names, infinities. */
static tn_tensor *everything(tn_graph *g, tn_tensor *x)
{
    static const double values[] = {0, 1, -2.5, 1e300, NAN, INFINITY, -INFINITY, 1.0 / 3};
    static const int64_t numbers[] = {INT64_MAX, INT64_MIN, -1, 9007199254740993};
    static float table[64], half[64];
    tn_dim batch = tn_dim_of(x, 0);
    for (int i = 0; i < 64; i++) {
        table[i] = (float)i / 7;
        half[i] = i % 5 ? 0.5F : -INFINITY;
    }
    tn_view v = tn_view_of((void *)(uintptr_t)values, TN_F64, 1, (int64_t[]){8});
    tn_tensor *sum = tn_cast(
        tn_sum(tn_where(tn_isfinite(tn_constant(g, &v)), tn_scalar(g, TN_F64, 1), tn_scalar(g, TN_F64, 0))), TN_F32);
    v = tn_view_of((void *)(uintptr_t)numbers, TN_I64, 1, (int64_t[]){4});
    sum = tn_add(sum, tn_cast(tn_sum(tn_eq(tn_constant(g, &v), tn_scalar(g, TN_I64, 3))), TN_F32));
    for (int d = TN_F64; d < TN_DTYPE_END; d++)
        sum = tn_add(sum, tn_cast(tn_scalar(g, (tn_dtype)d, 1), TN_F32));
    v = tn_view_of(table, TN_F32, 4, (int64_t[]){1, 1, 8, 8});
    tn_tensor *y = tn_mul(x, tn_constant(g, &v));
    v = tn_view_of(half, TN_F32, 4, (int64_t[]){1, 1, 8, 8});
    y = tn_maximum(y, tn_constant(g, &v));
    y = tn_clamp(y, -INFINITY, 4.25);
    y = tn_conv2d(y, tn_param(g, "w", TN_F32, TN_SHAPE(4, 1, 3, 3), TN_OPT(tn_init, TN_INIT_TRUNC_NORMAL, 0.25, 0.125)),
                  NULL, TN_OPT(tn_conv_opt, .strides = {1, 2}, .paddings = {1, 0, 2, 1}, .dilation = 2));
    y = tn_layer_batch_norm(y, "bn", TN_OPT(tn_batch_norm_opt, .eps = tn_f64(1e-3)));
    y = tn_avg_pool2d(tn_max_pool2d(y, 2, TN_OPT(tn_pool_opt, .ceil_mode = true)), 1,
                      TN_OPT(tn_pool_opt, .exclude_padding = true));
    y = tn_dropout(tn_softplus(tn_leaky_relu(y, 0.1), 2, 15), 0.25);
    y = tn_permute(y, 4, (int64_t[]){0, 2, 3, 1});
    tn_dim n = tn_dim_mul(g, tn_dim_add(g, batch, batch), 1); /* 2*batch */
    y = tn_reshape(y, TN_SHAPE(n, TN_INFER));
    y = tn_slice(y, 1, 1, TN_INFER);
    y = tn_mean_axes(tn_reshape(y, TN_SHAPE(batch, 2, TN_INFER)), 1, (int64_t[]){2}, true);
    y = tn_reshape(y, TN_SHAPE(batch, 2));
    y = tn_add(y, tn_expand(tn_reshape(sum, TN_SHAPE(1, 1)), TN_SHAPE(batch, 2)));
    return tn_log_softmax(tn_layer_linear(y, "fc", 5, TN_OPT(tn_linear_opt, .no_bias = true)), -1);
}

static void every_kind_of_argument_comes_back(void **p)
{
    (void)p;
    tn_graph *g = tn_graph_new(context);
    tn_tensor *x = tn_input(g, "x", TN_F32, TN_SHAPE(tn_symbol(g, "batch"), 1, 8, 8));
    tn_tensor *y = everything(g, x);
    if (tn_graph_status(g) != TN_OK)
        fail_msg("%s", tn_graph_error(g));
    tn_model *m = checked(tn_model_new(context, g, y, NULL));
    assert_int_equal(tn_model_init(m, 3), TN_OK);
    tn_model *l = saved_and_loaded(m);
    predicts_the_same(m, l);
    same_text(m, l);
    size_t n, k;
    char *first = read_all(scratch_path("model.safetensors"), &n);
    assert_int_equal(tn_model_save(l, scratch_path("again.safetensors")), TN_OK);
    char *second = read_all(scratch_path("again.safetensors"), &k);
    assert_int_equal(n, k); /* what was read writes the same file */
    assert_memory_equal(first, second, n);
    free(first);
    free(second);
    tn_model_free(l);
    tn_model_free(m);
}

/* A net with two regions, a loss that is added to the trainer's, and one that was added after the model was made. */
static tn_model *with_regions_and_losses(bool regions)
{
    tn_graph *g = tn_graph_new(context);
    tn_tensor *x = tn_input(g, "x", TN_F32, TN_SHAPE(tn_symbol(g, "batch"), 3)), *y = x;
    for (int i = 0; i < 2; i++) {
        char name[8];
        (void)snprintf(name, sizeof name, "fc%d", i);
        if (regions)
            tn_recompute_begin(g);
        y = tn_dropout(tn_gelu(tn_layer_linear(tn_gelu(y), name, 8, NULL)), 0.2);
        if (regions)
            tn_recompute_end(g);
    }
    tn_graph_add_loss(tn_mean(tn_square(y)), 0.125);
    tn_model *m = checked(tn_model_new(context, g, tn_layer_linear(y, "out", 2, NULL), NULL));
    tn_graph_add_loss(tn_sum_square(tn_graph_state(g, "out.weight")), -1.0 / 3);
    assert_int_equal(tn_model_init(m, 3), TN_OK);
    return m;
}

/* A training step of all losses: their values into losses[3], and what is kept in place of being computed again. */
static int train_once(tn_model *m, float losses[3])
{
    tn_graph *g = tn_model_graph(m);
    tn_tensor *total = tn_mean(tn_square(tn_model_output(m))), *weight = tn_graph_state(g, "fc0.weight"), *gradient;
    assert_int_equal(g->losses.n, 2);
    for (size_t i = 0; i < g->losses.n; i++)
        total = tn_add(total, tn_mul_f(g->losses.at[i].value, g->losses.at[i].weight));
    assert_int_equal(tn_gradients(total, 1, &weight, &gradient), TN_OK);
    tn_entry *e = tn_entry_new(g, "train", TN_TRAINING);
    tn_entry_output(e, "total", total);
    tn_entry_output(e, "first", g->losses.at[0].value);
    tn_entry_output(e, "size", tn_sum_square(gradient));
    tn_program *program = tn_compile_entry(g, "train", NULL);
    tn_session *s = tn_session_new(program, tn_model_state(m));
    static float in[3 * 64];
    for (int i = 0; i < 3 * 64; i++)
        in[i] = (float)(i % 37) / 37;
    tn_feed feed = {"x", tn_view_of(in, TN_F32, 2, (int64_t[]){64, 3})};
    tn_feed fetch[3] = {{"total", tn_view_of(&losses[0], TN_F32, 0, NULL)},
                        {"first", tn_view_of(&losses[1], TN_F32, 0, NULL)},
                        {"size", tn_view_of(&losses[2], TN_F32, 0, NULL)}};
    if (tn_run(s, "train", 1, &feed, 3, fetch) != TN_OK)
        fail_msg("%s", tn_session_error(s));
    tn_memory memory;
    assert_int_equal(tn_session_plan(s, "train", 1, &feed, &memory), TN_OK);
    tn_session_free(s);
    tn_program_free(program);
    return memory.again;
}

static void regions_and_losses_come_back(void **p)
{
    (void)p;
    for (int regions = 0; regions < 2; regions++) {
        tn_model *m = with_regions_and_losses(regions), *l = saved_and_loaded(m), *again = saved_and_loaded(l);
        float want[3], got[3], third[3];
        int computed = train_once(m, want);
        predicts_the_same(m, l);
        assert_int_equal(train_once(l, got), computed);
        assert_int_equal(train_once(again, third), computed);
        assert_true(regions ? computed > 0 : computed == 0);
        assert_memory_equal(want, got, sizeof want);
        assert_memory_equal(want, third, sizeof want);
        assert_true(want[2] > 0);
        tn_model_free(again);
        tn_model_free(l);
        tn_model_free(m);
    }
}

/* Frozen parameters, initialisers and updates of running statistics survive: a loaded model can be trained on. */
static void a_loaded_model_can_be_trained(void **p)
{
    (void)p;
    tn_graph *g = tn_graph_new(context);
    tn_tensor *x = tn_input(g, "x", TN_F32, TN_SHAPE(tn_symbol(g, "batch"), 3));
    tn_tensor *h = tn_layer_batch_norm(tn_layer_linear(x, "fc1", 4, NULL), "bn", NULL);
    tn_param_freeze(tn_graph_state(g, "fc1.weight"), true);
    tn_model *m = checked(tn_model_new(context, g, tn_layer_linear(h, "fc2", 2, NULL), NULL));
    assert_int_equal(tn_model_init(m, 3), TN_OK);
    tn_model *l = saved_and_loaded(m);
    tn_entry *e = tn_entry_new(tn_model_graph(l), "train", TN_TRAINING);
    tn_entry_output(e, "y", tn_model_output(l));
    tn_program *program = tn_compile_entry(tn_model_graph(l), "train", NULL);
    tn_session *s = tn_session_new(program, tn_model_state(l));
    float in[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 1, 2}, out[8];
    tn_feed feed = {"x", tn_view_of(in, TN_F32, 2, (int64_t[]){4, 3})},
            fetch = {"y", tn_view_of(out, TN_F32, 2, (int64_t[]){4, 2})};
    assert_int_equal(tn_run(s, "train", 1, &feed, 1, &fetch), TN_OK);
    tn_view v;
    assert_int_equal(tn_state_find(tn_model_state(l), "bn.num_batches_tracked", &v), TN_OK);
    assert_int_equal(*(int64_t *)v.data, 1);
    tn_state_find(tn_model_state(l), "bn.running_mean", &v);
    assert_true(((float *)v.data)[0] != 0); /* NOLINT: moved */
    tn_session_free(s);
    tn_program_free(program);
    tn_model_free(l);
    tn_model_free(m);
}

static bool is_frozen(tn_model *m, const char *name)
{
    return graph_find_state(tn_model_graph(m), name)->frozen;
}

/* Fine-tuning freezes a model that is there already. */
static void frozen_later_is_saved_too(void **p)
{
    (void)p;
    tn_model *m = small();
    tn_param_freeze(tn_graph_state(tn_model_graph(m), "fc1.weight"), true);
    tn_model *l = saved_and_loaded(m);
    assert_true(is_frozen(l, "fc1.weight"));
    assert_false(is_frozen(l, "fc1.bias"));
    tn_param_freeze(tn_graph_state(tn_model_graph(l), "fc1.weight"), false);
    tn_model *again = saved_and_loaded(l);
    assert_false(is_frozen(again, "fc1.weight"));
    tn_model_free(again);
    tn_model_free(l);
    tn_model_free(m);
}

/* What is added to the graph of a model stays out of its file. */
static void what_others_add_is_not_saved(void **p)
{
    (void)p;
    size_t n, k;
    tn_model *m = small();
    tn_graph *g = tn_model_graph(m);
    tn_model_free(saved_and_loaded(m));
    char *first = read_all(scratch_path("model.safetensors"), &n);
    tn_entry_output(tn_entry_new(g, "loss", 0), "loss", tn_mean(tn_model_output(m)));
    tn_entry_output(tn_graph_entry(g, "predict"), "exp", tn_exp(tn_model_output(m)));
    tn_graph_update(g, tn_graph_state(g, "fc1.bias"), tn_neg(tn_graph_state(g, "fc1.bias")), NULL);
    assert_int_equal(tn_graph_status(g), TN_OK);
    tn_model_free(saved_and_loaded(m));
    char *second = read_all(scratch_path("model.safetensors"), &k);
    assert_int_equal(n, k);
    assert_memory_equal(first, second, n);
    free(first);
    free(second);
    tn_model_free(m);
}

/* ---- damage ------------------------------------------------------------------------------------------------------- */

static tn_model *from_bytes(const char *data, size_t bytes)
{
    tn_model *m = tn_model_load_memory(context, data, bytes);
    if (!m && !*tn_context_error(context))
        fail_msg("a model of %zu bytes was refused without a word", bytes);
    return m;
}

static void cut_off_anywhere(void **p)
{
    (void)p;
    size_t n;
    tn_model *m = small();
    tn_model_free(saved_and_loaded(m));
    char *data = read_all(scratch_path("model.safetensors"), &n);
    for (size_t i = 0; i < n; i++) {
        char *part = malloc(i + 1); /* of its own, so that a sanitizer sees the end */
        memcpy(part, data, i);
        assert_null(from_bytes(part, i));
        free(part);
    }
    tn_model *whole = from_bytes(data, n);
    predicts_the_same(m, whole);
    tn_model_free(whole);
    tn_model_free(m);
    free(data);
}

static void any_byte_changed(void **p)
{
    (void)p;
    size_t n, bytes;
    int refused = 0, taken = 0;
    tn_model *m = small();
    tn_model_free(saved_and_loaded(m));
    tn_model_free(m);
    char *data = read_all(scratch_path("model.safetensors"), &n), error[256];
    tn_model *whole = from_bytes(data, n);
    float *want = predict(whole, &bytes, error);
    tn_model_free(whole);
    for (size_t i = 0; i < n; i++)
        for (int bit = 0; bit < 8; bit += i < 8 ? 1 : 3) {
            data[i] = (char)(data[i] ^ 1 << bit);
            tn_model *l = from_bytes(data, n);
            if (l) {
                float *out = predict(l, &bytes, error);
                if (!out || memcmp(out, want, bytes) != 0)
                    fail_msg("byte %zu, bit %d: another prediction, or none", i, bit);
                free(out);
                taken++;
            }
            refused += l == NULL;
            tn_model_free(l);
            data[i] = (char)(data[i] ^ 1 << bit);
        }
    print_message("%d changes were refused, %d gave a model\n", refused, taken);
    assert_true(refused > 100 * taken && taken > 0); /* taken: the name of the checksum */
    free(want);
    free(data);
}

/* ---- what others wrote ---------------------------------------------------------------------------------------------- */

static void replace(char *data, size_t n, const char *from, const char *to)
{
    size_t length = strlen(from);
    for (size_t i = 0; i + length <= n; i++)
        if (memcmp(data + i, from, length) == 0) {
            memcpy(data + i, to, length);
            return;
        }
    fail_msg("the file has no %s", from);
}

/* Files of version 0.1.0 number the initialisers. */
static void numbered_initialisers_are_read(void **p)
{
    (void)p;
    size_t n, k;
    tn_model *m = small(), *l = saved_and_loaded(m);
    char *first = read_all(scratch_path("model.safetensors"), &n);
    tn_model_free(l);
    replace(first, n, "tarn.checksum", "tarn.nochecks"); /* nor do they have a checksum */
    for (int i = 0; i < 2; i++) {                        /* of as many bytes, as the header counts them */
        replace(first, n, "\"init\\\":[\\\"kaiming_uniform\\\",", "\"init\\\":[5,                  ");
        replace(first, n, "\"init\\\":[\\\"fan_uniform\\\",", "\"init\\\":[10,             ");
    }
    l = checked(tn_model_load_memory(context, first, n));
    tn_model_free(saved_and_loaded(l));
    free(first);
    first = read_all(scratch_path("model.safetensors"), &n);
    tn_model_free(saved_and_loaded(m));
    char *second = read_all(scratch_path("model.safetensors"), &k);
    assert_int_equal(n, k);
    assert_memory_equal(first, second, n);
    free(first);
    free(second);
    tn_model_free(l);
    tn_model_free(m);
}

static void refused(const char *from, const char *to, const char *sentence)
{
    size_t n;
    char *data = read_all(scratch_path("model.safetensors"), &n);
    replace(data, n, "tarn.checksum", "tarn.nochecks"); /* another writer's file */
    replace(data, n, from, to);
    assert_null(from_bytes(data, n));
    if (!strstr(tn_context_error(context), sentence))
        fail_msg("%s for %s says: %s", to, from, tn_context_error(context));
    free(data);
}

static void other_versions_and_other_files(void **p)
{
    (void)p;
    tn_model *m = small();
    tn_model_free(saved_and_loaded(m));
    tn_model_free(m);
    refused("\"tarn.format\":\"1\"", "\"tarn.format\":\"2\"", "has format 2; this version reads format 1");
    refused("tarn.graph", "tarn.gripe", "is no model of Tarn: its metadata have no 'tarn.graph'");
    refused("\\\"relu\\\"", "\\\"rely\\\"", "there is no operator 'rely' in this version");
    refused("\\\"kaiming_uniform\\\"", "\\\"kaiming_unicorn\\\"",
            "there is no initialiser 'kaiming_unicorn' in this version");
    refused("fc1.weight\":", "fc9.weight\":", "'fc1.weight', which its graph needs");
    m = with_regions_and_losses(true);
    tn_model_free(saved_and_loaded(m));
    tn_model_free(m);
    refused("\\\"region\\\":1", "\\\"region\\\":0", "'region'");
    refused("\\\"weight\\\":0.125", "\\\"weight\\\":false", "graph loss key 'weight' is true or false");
    refused("\\\"losses\\\":[{\\\"value\\\":", "\\\"losses\\\":[{\\\"valve\\\":", "graph loss");
    assert_null(tn_model_load(context, TARN_SOURCE_DIR "/tests/golden/mlp.safetensors"));
    assert_non_null(strstr(tn_context_error(context), "mlp.safetensors is no model of Tarn"));
    assert_null(tn_model_load(context, scratch_path("nothing.safetensors")));
    assert_non_null(strstr(tn_context_error(context), "nothing.safetensors"));
    assert_null(from_bytes("", 0));
}

static void saving_where_it_cannot(void **p)
{
    (void)p;
    tn_model *m = small();
    assert_int_equal(tn_model_save(m, scratch_path("no/such/folder.safetensors")), TN_NOT_FOUND);
    assert_non_null(strstr(tn_model_error(m), "no/such/folder.safetensors"));
    tn_model_free(saved_and_loaded(m));
    size_t n, k;
    char *before = read_all(scratch_path("model.safetensors"), &n);
    scratch_disk_full(100);
    assert_int_equal(tn_model_save(m, scratch_path("model.safetensors")), TN_IO);
    scratch_disk_free();
    char *after = read_all(scratch_path("model.safetensors"), &k); /* the old file is whole */
    assert_int_equal(n, k);
    assert_memory_equal(before, after, n);
    free(before);
    free(after);
    tn_model_free(m);
}

/* ---- wrong use ----------------------------------------------------------------------------------------------------- */

static void wrong_models_are_told(void **p)
{
    (void)p;
    static const char *const labels[] = {"a", "b"};
    tn_graph *g = tn_graph_new(context);
    tn_tensor *x = tn_input(g, "x", TN_F32, TN_SHAPE(tn_symbol(g, "batch"), 3));
    assert_null(tn_model_new(context, g, tn_layer_linear(x, "fc", 4, NULL),
                             TN_OPT(tn_model_opt, .labels = labels, .n_labels = 2)));
    assert_string_equal(tn_context_error(context), "the model has 2 labels and its output 4 values a sample");
    g = tn_graph_new(context);
    x = tn_input(g, "x", TN_F32, TN_SHAPE(2, 3));
    assert_null(tn_model_new(context, g, tn_relu(x), NULL));
    assert_non_null(strstr(tn_context_error(context), "whose first axis is a symbol"));
    g = tn_graph_new(context);
    x = tn_input(g, "x", TN_F32, TN_SHAPE(tn_symbol(g, "batch"), 3));
    tn_preprocess zero = {.channels = 1, .mean = {0}, .std = {0}};
    assert_null(tn_model_new(context, g, tn_relu(x), TN_OPT(tn_model_opt, .preprocess = &zero)));
    assert_non_null(strstr(tn_context_error(context), "std not zero"));
}

static void wrong_input_is_told(void **p)
{
    (void)p;
    tn_model *m = small();
    tn_predictor *predictor = tn_predictor_new(m);
    uint8_t x[6] = {0};
    float out[6], f[6] = {0};
    tn_view in = tn_view_of(f, TN_F32, 2, (int64_t[]){2, 3}), y = tn_view_of(out, TN_F32, 2, (int64_t[]){2, 3});
    assert_int_equal(tn_predict(predictor, &in, &y), TN_DTYPE);
    assert_string_equal(tn_predictor_error(predictor), "the model takes raw input as u8; f32 was given");
    in = tn_view_of(x, TN_U8, 2, (int64_t[]){2, 2});
    assert_int_equal(tn_predict(predictor, &in, &y), TN_SHAPE);
    in = tn_view_of(x, TN_U8, 2, (int64_t[]){2, 3});
    in.bytes = 5;
    assert_int_equal(tn_predict(predictor, &in, &y), TN_INVALID);
    in.bytes = 6;
    y.dims[1] = 2;
    assert_int_equal(tn_predict(predictor, &in, &y), TN_SHAPE);
    y.dims[1] = 3;
    assert_int_equal(tn_predict(predictor, &in, &y), TN_OK);
    assert_true(fabs(out[0] + out[1] + out[2] - 1) < 1e-6); /* with labels: probabilities */
    tn_predictor_free(predictor);
    tn_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_said_about_a_model_comes_back),
        cmocka_unit_test(every_kind_of_argument_comes_back),
        cmocka_unit_test(regions_and_losses_come_back),
        cmocka_unit_test(a_loaded_model_can_be_trained),
        cmocka_unit_test(frozen_later_is_saved_too),
        cmocka_unit_test(what_others_add_is_not_saved),
        cmocka_unit_test(cut_off_anywhere),
        cmocka_unit_test(any_byte_changed),
        cmocka_unit_test(numbered_initialisers_are_read),
        cmocka_unit_test(other_versions_and_other_files),
        cmocka_unit_test(saving_where_it_cannot),
        cmocka_unit_test(wrong_models_are_told),
        cmocka_unit_test(wrong_input_is_told),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
