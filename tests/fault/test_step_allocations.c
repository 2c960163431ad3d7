/* Memory: steps and predictions take none after their first run; where it runs out while a graph is built, compiled, bound
 * and run, or a model is saved and loaded, that is a sentence, nothing leaks and nothing is half done. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/faults.h"
#include "support/scratch.h"
#include <tarn/nn.h>
#include <tarn/train.h>

enum { ROWS = 6, CLASSES = 4 };

/* ---- nets -------------------------------------------------------------------------------------------------------- */

static tn_tensor *mlp(tn_tensor *x)
{
    x = tn_layer_linear(tn_flatten(x, 1), "fc1", 16, NULL);
    x = tn_dropout(tn_gelu(tn_layer_batch_norm(x, "bn", NULL)), 0.1);
    return tn_layer_linear(x, "fc2", CLASSES, NULL);
}

static tn_tensor *cnn(tn_tensor *x)
{
    x = tn_relu(tn_layer_conv2d(x, "conv1", 4, 3, TN_OPT(tn_conv_opt, .padding = 1)));
    x = tn_max_pool2d(tn_layer_conv2d(x, "conv2", 6, 3, NULL), 2, NULL);
    x = tn_avg_pool2d(tn_relu(tn_layer_batch_norm(x, "bn", NULL)), 3, TN_OPT(tn_pool_opt, .stride = 1));
    return tn_layer_linear(tn_flatten(x, 1), "fc", CLASSES, NULL);
}

/* All that a run needs. Any part may be missing when memory is out; `error` then says so. */
typedef struct net {
    tn_context *context;
    tn_graph *graph;
    tn_program *program;
    tn_state *state;
    tn_session *session;
    tn_status status;
    char error[512];
} net;

static void net_free(net *n)
{
    tn_session_free(n->session);
    tn_state_free(n->state);
    tn_program_free(n->program);
    tn_graph_free(n->graph);
    tn_context_free(n->context);
}

static bool failed(net *n, tn_status status, const char *error)
{
    n->status = status;
    (void)snprintf(n->error, sizeof n->error, "%s", error);
    return false;
}

static bool net_build(net *n, tn_tensor *(*build)(tn_tensor *), int threads, const tn_optim_opt *optim)
{
    *n = (net){0};
    if (!(n->context = tn_context_new(TN_OPT(tn_context_opt, .threads = threads))))
        return failed(n, TN_MEMORY, "out of memory");
    if (!(n->graph = tn_graph_new(n->context)))
        return failed(n, TN_MEMORY, tn_context_error(n->context));
    tn_dim batch = tn_symbol(n->graph, "batch");
    tn_tensor *x = tn_input(n->graph, "x", TN_F32, TN_SHAPE(batch, 1, 8, 8)),
              *y = tn_input(n->graph, "y", TN_I64, TN_SHAPE(batch)), *out = build(x);
    tn_entry_output(tn_entry_new(n->graph, "guess", 0), "y", out);
    if (tn_minimize(tn_cross_entropy(out, y, NULL), optim) != TN_OK)
        return failed(n, tn_graph_status(n->graph), tn_graph_error(n->graph));
    if (!(n->program = tn_compile(n->graph, NULL)))
        return failed(n, TN_MEMORY, tn_context_error(n->context));
    if (!(n->state = tn_state_new(n->context)))
        return failed(n, TN_MEMORY, tn_context_error(n->context));
    tn_status status = tn_state_init(n->state, n->graph, 1);
    if (status != TN_OK)
        return failed(n, status, tn_state_error(n->state));
    if (!(n->session = tn_session_new(n->program, n->state)))
        return failed(n, TN_MEMORY, tn_context_error(n->context));
    return true;
}

/* Strided input: every second column of a wider array, which a session has to copy. */
static bool net_step(net *n, int64_t rows, bool strided, float *loss)
{
    static float x[ROWS * 64 * 2];
    static int64_t y[ROWS];
    float lr = 0.01F;
    for (int i = 0; i < ROWS * 128; i++)
        x[i] = (float)(i * 7 % 31) / 31;
    for (int i = 0; i < ROWS; i++)
        y[i] = i % CLASSES;
    tn_feed feeds[3] = {{"x", tn_view_of(x, TN_F32, 4, (int64_t[]){rows, 1, 8, 8})},
                        {"y", tn_view_of(y, TN_I64, 1, &rows)},
                        {"lr", tn_view_of(&lr, TN_F32, 0, NULL)}};
    if (strided) {
        feeds[0].view.strided = true;
        feeds[0].view.bytes = sizeof x;
        memcpy(feeds[0].view.strides, (int64_t[]){128, 128, 16, 2}, 4 * sizeof(int64_t));
    }
    tn_feed fetch = {"loss", tn_view_of(loss, TN_F32, 0, NULL)};
    tn_status status = tn_run(n->session, "step", 3, feeds, 1, &fetch);
    return status == TN_OK || failed(n, status, tn_session_error(n->session));
}

static bool net_guess(net *n, int64_t rows, float *out)
{
    static float x[ROWS * 64];
    tn_feed feed = {"x", tn_view_of(x, TN_F32, 4, (int64_t[]){rows, 1, 8, 8})},
            fetch = {"y", tn_view_of(out, TN_F32, 2, (int64_t[]){rows, CLASSES})};
    tn_status status = tn_run(n->session, "guess", 1, &feed, 1, &fetch);
    return status == TN_OK || failed(n, status, tn_session_error(n->session));
}

/* ---- no memory is taken ------------------------------------------------------------------------------------------ */

static void runs_again(net *n, int turns)
{
    float loss, out[ROWS * CLASSES];
    for (int i = 0; i < turns; i++)
        for (int64_t rows = 2; rows <= ROWS; rows += ROWS - 2) /* batch norm does not train on a single one */
            if (!net_step(n, rows, i % 2, &loss) || !net_guess(n, rows - 1, out))
                fail_msg("%s", n->error);
}

static void steady(tn_tensor *(*build)(tn_tensor *), int threads, const tn_optim_opt *optim)
{
    net n;
    if (!net_build(&n, build, threads, optim))
        fail_msg("%s", n.error);
    runs_again(&n, 2);
    long before = faults.allocations;
    faults_set(&faults.allocate_in, 0);
    runs_again(&n, 5);
    assert_false(faults_clear());
    assert_int_equal(faults.allocations, before);
    net_free(&n);
}

static void steps_take_no_memory(void **p)
{
    (void)p;
    tn_optim_opt adam = {.kind = TN_ADAM, .clip_norm = 1}, sgd = {.momentum = 0.9, .nesterov = true, .clip_value = 1};
    for (int threads = 1; threads <= 2; threads++) {
        steady(mlp, threads, &adam);
        steady(mlp, threads, &sgd);
        steady(cnn, threads, &adam);
        steady(cnn, threads, &sgd);
    }
    tn_optim_opt all = {.kind = TN_MUON,
                        .average = TN_AVERAGE_EMA,
                        .lookahead = 2,
                        .sam = 0.01,
                        .scale_loss = true,
                        .centralize = true};
    steady(cnn, 1, &all);
    all.kind = TN_ADAFACTOR;
    steady(mlp, 1, &all);
}

static tn_model *model_of(tn_context *context, tn_tensor *(*build)(tn_tensor *))
{
    static const char *const labels[CLASSES] = {"north", "east", "south", "west"};
    tn_preprocess how = {
        .raw = TN_U8, .scale = 1.0 / 255, .channels = 1, .mean = {0.5}, .std = {0.25}, .step = "digit"};
    tn_graph *g = tn_graph_new(context);
    if (!g)
        return NULL;
    tn_tensor *x = tn_input(g, "x", TN_F32, TN_SHAPE(tn_symbol(g, "batch"), 1, 8, 8));
    return tn_model_new(
        context, g, build(x),
        TN_OPT(tn_model_opt, .name = "wind", .labels = labels, .n_labels = CLASSES, .preprocess = &how));
}

static void predictions_take_no_memory(void **p)
{
    (void)p;
    uint8_t x[ROWS * 64];
    float out[ROWS * CLASSES];
    for (int i = 0; i < ROWS * 64; i++)
        x[i] = (uint8_t)(i * 5);
    tn_context *context = tn_context_new(TN_OPT(tn_context_opt, .threads = 1));
    tn_model *m = model_of(context, cnn);
    assert_non_null(m);
    assert_int_equal(tn_model_init(m, 1), TN_OK);
    tn_predictor *predictor = tn_predictor_new(m);
    long before = 0;
    for (int i = 0; i < 6; i++)
        for (int64_t rows = ROWS; rows >= 1; rows -= ROWS - 1) {
            tn_view in = tn_view_of(x, TN_U8, 4, (int64_t[]){rows, 1, 8, 8}),
                    result = tn_view_of(out, TN_F32, 2, (int64_t[]){rows, CLASSES});
            if (i == 1 && rows == ROWS)
                before = faults.allocations;
            if (tn_predict(predictor, &in, &result) != TN_OK)
                fail_msg("%s", tn_predictor_error(predictor));
        }
    assert_int_equal(faults.allocations, before);
    tn_predictor_free(predictor);
    tn_model_free(m);
    tn_context_free(context);
}

/* ---- memory runs out --------------------------------------------------------------------------------------------- */

/* Runs `work`, which returns true when it succeeded, with one allocation failing, until none does: 0, stride, 2 stride, ...
 * A stride that is a prime meets allocations of every kind, as most come many times. */
static int each_allocation(bool (*work)(net *n), int stride)
{
    for (int i = 0;; i += stride) {
        net n = {0};
        long live = faults.live;
        faults_set(&faults.allocate_in, i);
        bool ok = work(&n);
        bool fired = faults_clear();
        if (faults.live != live)
            fail_msg("failing allocation %d: %ld leak (%s)", i, faults.live - live, n.error);
        if (!fired) {
            if (!ok)
                fail_msg("%s", n.error);
            return i;
        }
        if (!ok && !strstr(n.error, "memory"))
            fail_msg("failing allocation %d says: '%s' (%s)", i, n.error, tn_status_name(n.status));
        if (!ok && n.status != TN_MEMORY)
            fail_msg("failing allocation %d is %s: '%s'", i, tn_status_name(n.status), n.error);
    }
}

static bool build_and_run(net *n, tn_tensor *(*build)(tn_tensor *), const tn_optim_opt *optim)
{
    float loss = -1, out[ROWS * CLASSES];
    bool ok = net_build(n, build, 1, optim) && net_step(n, 2, true, &loss) && net_guess(n, ROWS, out);
    if (ok && loss != 1.5F && !(loss > 0 && loss < 10))
        ok = failed(n, TN_INTERNAL, "the loss is wrong");
    net_free(n);
    return ok;
}

static bool mlp_from_nothing(net *n)
{
    return build_and_run(n, mlp, TN_OPT(tn_optim_opt, .kind = TN_ADAM, .clip_norm = 1));
}

/* Everything that an optimizer can bring along. */
static bool much_from_nothing(net *n)
{
    return build_and_run(n, mlp,
                         TN_OPT(tn_optim_opt, .kind = TN_SHAMPOO, .clip_norm = 1, .average = TN_AVERAGE_SWA,
                                .lookahead = 2, .sam = 0.01, .accumulate = true));
}

static bool cnn_from_nothing(net *n)
{
    return build_and_run(n, cnn, TN_OPT(tn_optim_opt, .kind = TN_ADAM, .clip_norm = 1));
}

static bool kfac_from_nothing(net *n)
{
    return build_and_run(n, cnn, TN_OPT(tn_optim_opt, .kind = TN_KFAC, .accumulate = true));
}

static void building_and_running(void **p)
{
    (void)p;
    net first = {0};
    assert_true(much_from_nothing(&first)); /* a library that is opened on demand stays, with what it took */
    print_message("up to allocation %d of an MLP, ", each_allocation(mlp_from_nothing, 7));
    print_message("%d of a CNN, ", each_allocation(cnn_from_nothing, 17));
    print_message("%d with all options, ", each_allocation(much_from_nothing, 97));
    print_message("%d with K-FAC fails\n", each_allocation(kfac_from_nothing, 97));
}

/* A run that failed for memory left everything as it was: the same session goes on when there is some again. */
static void a_failed_run_changes_nothing(void **p)
{
    (void)p;
    tn_optim_opt adam = {.kind = TN_ADAM};
    float loss, first = 0;
    for (int i = 0, again = 1; again; i++) {
        net n;
        assert_true(net_build(&n, mlp, 1, &adam));
        faults_set(&faults.allocate_in, i);
        bool ok = net_step(&n, ROWS, true, &loss);
        again = faults_clear();
        if (again && !ok)
            assert_true(net_step(&n, ROWS, true, &loss));
        if (i == 0)
            first = loss;
        assert_true(loss == first); /* NOLINT: the same bits */
        net_free(&n);
    }
}

static tn_model *saved;

static bool save(net *n)
{
    tn_status status = tn_model_save(saved, scratch_path("out.safetensors"));
    return status == TN_OK || failed(n, status, tn_model_error(saved));
}

static bool load_and_predict(net *n)
{
    uint8_t x[64] = {1, 2, 3};
    float out[CLASSES];
    tn_view in = tn_view_of(x, TN_U8, 4, (int64_t[]){1, 1, 8, 8}),
            result = tn_view_of(out, TN_F32, 2, (int64_t[]){1, CLASSES});
    tn_context *context = tn_context_new(TN_OPT(tn_context_opt, .threads = 1));
    if (!context)
        return failed(n, TN_MEMORY, "out of memory");
    tn_model *m = tn_model_load(context, scratch_path("model.safetensors"));
    tn_predictor *predictor = NULL;
    bool ok = m || failed(n, TN_MEMORY, tn_context_error(context));
    if (ok)
        ok = (strcmp(tn_model_name(m), "wind") == 0 && tn_model_label(m, 3) && tn_model_preprocess(m)->step) ||
             failed(n, TN_INTERNAL, "something got lost");
    if (ok)
        ok = (predictor = tn_predictor_new(m)) || failed(n, TN_MEMORY, tn_model_error(m));
    if (ok) {
        tn_status status = tn_predict(predictor, &in, &result);
        ok = status == TN_OK || failed(n, status, tn_predictor_error(predictor));
    }
    tn_predictor_free(predictor);
    tn_model_free(m);
    tn_context_free(context);
    return ok;
}

static bool make_model(net *n)
{
    tn_context *context = tn_context_new(TN_OPT(tn_context_opt, .threads = 1));
    if (!context)
        return failed(n, TN_MEMORY, "out of memory");
    tn_model *m = model_of(context, mlp);
    bool ok = m || failed(n, TN_MEMORY, tn_context_error(context));
    if (ok)
        ok = strcmp(tn_model_name(m), "wind") == 0 || failed(n, TN_INTERNAL, "the name got lost");
    if (ok)
        ok = tn_model_init(m, 1) == TN_OK || failed(n, TN_MEMORY, tn_model_error(m));
    tn_model_free(m);
    tn_context_free(context);
    return ok;
}

static void models(void **p)
{
    (void)p;
    tn_context *context = tn_context_new(TN_OPT(tn_context_opt, .threads = 1));
    saved = model_of(context, cnn);
    assert_non_null(saved);
    assert_int_equal(tn_model_init(saved, 1), TN_OK);
    assert_int_equal(tn_model_save(saved, scratch_path("model.safetensors")), TN_OK);
    assert_int_equal(tn_model_save(saved, scratch_path("out.safetensors")), TN_OK);
    print_message("up to allocation %d of making, ", each_allocation(make_model, 1));
    print_message("%d of saving, ", each_allocation(save, 1));
    assert_int_equal(scratch_count(), 2); /* nothing is left beside */
    print_message("%d of loading and predicting fails\n", each_allocation(load_and_predict, 11));
    tn_model_free(saved);
    tn_context_free(context);
}

static int set_up(void **p)
{
    (void)p;
    scratch_new();
    return 0;
}

static int tear_down(void **p)
{
    (void)p;
    scratch_remove();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_take_no_memory),
        cmocka_unit_test(predictions_take_no_memory),
        cmocka_unit_test(building_and_running),
        cmocka_unit_test(a_failed_run_changes_nothing),
        cmocka_unit_test(models),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
