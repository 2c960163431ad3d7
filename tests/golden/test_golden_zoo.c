/* The convolutional models of the zoo: names, shapes and number of their parameters are torchvision's, and they compute what
 * PyTorch does: make_zoo.py wrote down outputs and the first losses for weights that both sides make by a formula.
 * labels: slow */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/number.h"
#include "model/core/zoo.h"
#include "support/golden_file.h"
#include <tarn/optim.h>
#include <tarn/program.h>

enum { STEPS = 3, CLASSES = 10 };
/* Of the largest, and relative; the second for convolutions that are not plain sums: the larger nets multiply differences of
 * roundings by a hundred. */
static const double OUTPUT_TOLERANCE[2] = {2e-5, 5e-5}, LOSS_TOLERANCE[2] = {1e-4, 1e-3};

static tn_context *context;

static int set_up(void **p)
{
    (void)p;
    return (context = tn_context_new(NULL)) ? 0 : -1;
}

static int tear_down(void **p)
{
    (void)p;
    tn_context_free(context);
    return 0;
}

static tn_tensor *build(tn_graph *g, const char *name, int64_t classes, int64_t side_h, int64_t side_w)
{
    const zoo_model *zoo = zoo_find(name);
    assert_non_null(zoo);
    tn_tensor *x = tn_input(g, "x", TN_F32, TN_SHAPE(tn_symbol(g, "batch"), 3, side_h, side_w));
    tn_tensor *y = zoo->build(x, classes);
    if (tn_graph_status(g) != TN_OK)
        fail_msg("%s: %s", name, tn_graph_error(g));
    return y;
}

/* ---- parameters -------------------------------------------------------------------------------------------------- */

static int64_t parameters(tn_graph *g)
{
    int64_t n = 0;
    tn_tensor *w;
    for (int i = 0; (w = tn_graph_param(g, i)); i++) {
        int64_t count = 1;
        for (int k = 0; k < tn_tensor_rank(w); k++)
            count *= tn_dim_of(w, k);
        n += count;
    }
    return n;
}

static void numbers_of_parameters(void **p)
{
    static const struct {
        const char *name;
        int64_t classes, side, count;
    } models[] = {{"cifar_cnn", 10, 32, 122570},
                  {"resnet18", 1000, 224, 11689512},
                  {"resnet18", 10, 32, 11173962}, /* the form for CIFAR */
                  {"resnet50", 1000, 224, 25557032},
                  {"mobilenet_v2", 1000, 224, 3504872}};
    (void)p;
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        tn_graph *g = tn_graph_new(context);
        (void)build(g, models[i].name, models[i].classes, models[i].side, models[i].side);
        assert_int_equal(parameters(g), models[i].count);
        tn_graph_free(g);
    }
}

static void names_are_those_of_torchvision(void **p)
{
    static const struct {
        const char *model, *name;
        int rank;
        int64_t dims[4];
    } wanted[] = {{"cifar_cnn", "conv3.weight", 4, {64, 64, 3, 3}},
                  {"cifar_cnn", "fc1.weight", 2, {64, 1024}},
                  {"resnet18", "conv1.weight", 4, {64, 3, 7, 7}},
                  {"resnet18", "bn1.num_batches_tracked", 0, {0}},
                  {"resnet18", "layer2.0.downsample.0.weight", 4, {128, 64, 1, 1}},
                  {"resnet18", "layer4.1.bn2.running_var", 1, {512}},
                  {"resnet50", "layer1.0.downsample.1.bias", 1, {256}},
                  {"resnet50", "layer3.5.conv3.weight", 4, {1024, 256, 1, 1}},
                  {"resnet50", "fc.weight", 2, {1000, 2048}},
                  {"mobilenet_v2", "features.0.0.weight", 4, {32, 3, 3, 3}},
                  {"mobilenet_v2", "features.1.conv.0.0.weight", 4, {32, 1, 3, 3}},
                  {"mobilenet_v2", "features.1.conv.2.running_mean", 1, {16}},
                  {"mobilenet_v2", "features.17.conv.1.0.weight", 4, {960, 1, 3, 3}},
                  {"mobilenet_v2", "features.17.conv.3.weight", 1, {320}},
                  {"mobilenet_v2", "features.18.0.weight", 4, {1280, 320, 1, 1}},
                  {"mobilenet_v2", "classifier.1.weight", 2, {1000, 1280}}};
    (void)p;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        tn_graph *g = tn_graph_new(context);
        const int64_t side = strcmp(wanted[i].model, "cifar_cnn") == 0 ? 32 : 224;
        (void)build(g, wanted[i].model, 1000, side, side);
        tn_tensor *t = tn_graph_state(g, wanted[i].name);
        if (!t)
            fail_msg("%s has no '%s'", wanted[i].model, wanted[i].name);
        assert_int_equal(tn_tensor_rank(t), wanted[i].rank);
        for (int k = 0; k < wanted[i].rank; k++)
            assert_int_equal(tn_dim_of(t, k), wanted[i].dims[k]);
        tn_graph_free(g);
    }
}

/* ---- results ----------------------------------------------------------------------------------------------------- */

/* fill() of make_zoo.py: numbers in [-0.5, 0.5) that depend on the name and the place. */
static double fill_of(const char *name, int64_t i)
{
    uint32_t seed = 2166136261U;
    for (const char *c = name; *c; c++)
        seed = (seed ^ (unsigned char)*c) * 16777619U;
    uint32_t u = (uint32_t)i * 2654435761U + seed;
    u = (u ^ u >> 15) * 2246822519U;
    u ^= u >> 13;
    return (double)(u >> 8) / 16777216.0 - 0.5;
}

static bool ends(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static void fill_state(tn_state *state)
{
    tn_view v;
    const char *name;
    for (int i = 0; (name = tn_state_get(state, i, &v)); i++) {
        const int64_t count = tn_view_count(&v);
        if (v.rank == 0)
            continue;
        const double bound = 2 * sqrt(6.0 / (double)(count / v.dims[0]));
        for (int64_t k = 0; k < count; k++) {
            const double u = fill_of(name, k);
            ((float *)v.data)[k] = (float)(v.rank > 1                  ? u * bound
                                           : ends(name, "running_var") ? 1 + u * 0.5
                                           : ends(name, "weight")      ? 1 + u * 0.2
                                                                       : u * 0.2);
        }
    }
}

typedef struct model_case {
    const format_safetensors *file;
    const char *name; /* MODEL.CASE */
    char model[64];
    int64_t dims[4];
    double rate;
    bool fast; /* convolutions by whatever is fastest */
    float *x;
    int64_t *labels;
    tn_session *session;
} model_case;

static const format_tensor *golden(const model_case *c, const char *what)
{
    char name[128];
    (void)snprintf(name, sizeof name, "%s.%s", c->name, what);
    return format_safetensors_find(c->file, name);
}

static void read_case(model_case *c)
{
    char key[128];
    const char *dot = strchr(c->name, '.');
    assert_non_null(dot);
    (void)snprintf(c->model, sizeof c->model, "%.*s", (int)(dot - c->name), c->name);
    (void)snprintf(key, sizeof key, "%s.shape", c->name);
    const char *shape = format_safetensors_metadata(c->file, key);
    assert_non_null(shape);
    char *at = (char *)(uintptr_t)shape;
    int64_t count = 1;
    for (int i = 0; i < 4; i++)
        count *= c->dims[i] = strtoll(at, &at, 10);
    (void)snprintf(key, sizeof key, "%s.rate", c->name);
    assert_true(base_parse_f64(format_safetensors_metadata(c->file, key), &c->rate));
    c->x = malloc((size_t)count * sizeof *c->x);
    c->labels = malloc((size_t)c->dims[0] * sizeof *c->labels);
    assert_true(c->x && c->labels);
    for (int64_t i = 0; i < count; i++)
        c->x[i] = (float)fill_of("x", i);
    for (int64_t i = 0; i < c->dims[0]; i++)
        c->labels[i] = i % CLASSES;
}

static void compare_output(const model_case *c)
{
    const format_tensor *want = golden(c, "eval");
    const int64_t n = c->dims[0] * CLASSES;
    float *y = malloc((size_t)n * sizeof *y), w;
    double largest = 0, worst = 0;
    assert_true(y && want && want->bytes == (size_t)n * sizeof *y);
    tn_feed feed = {"x", tn_view_of(c->x, TN_F32, 4, c->dims)};
    tn_feed fetch = {"y", tn_view_of(y, TN_F32, 2, (int64_t[]){c->dims[0], CLASSES})};
    if (tn_run(c->session, "predict", 1, &feed, 1, &fetch) != TN_OK)
        fail_msg("%s: %s", c->name, tn_session_error(c->session));
    for (int64_t i = 0; i < n; i++) {
        memcpy(&w, (const float *)want->data + i, sizeof w);
        largest = fmax(largest, fabs((double)w));
        worst = fmax(worst, fabs((double)y[i] - (double)w));
    }
    free(y);
    print_message("%-20s %s outputs within %.1e of the largest\n", c->name, c->fast ? "fast" : "exact",
                  worst / largest);
    if (!(worst <= OUTPUT_TOLERANCE[c->fast] * largest))
        fail_msg("%s: outputs are off by %g of at most %g", c->name, worst, largest);
}

static void compare_losses(const model_case *c)
{
    const format_tensor *want = golden(c, "loss");
    float loss = 0, lr = (float)c->rate;
    double w, worst = 0;
    tn_feed feeds[3] = {{"x", tn_view_of(c->x, TN_F32, 4, c->dims)},
                        {"y", tn_view_of(c->labels, TN_I64, 1, c->dims)},
                        {"lr", tn_view_of(&lr, TN_F32, 0, NULL)}};
    tn_feed fetch = {"loss", tn_view_of(&loss, TN_F32, 0, NULL)};
    for (int i = 0; want && i < STEPS; i++) {
        if (tn_run(c->session, "step", 3, feeds, 1, &fetch) != TN_OK)
            fail_msg("%s: %s", c->name, tn_session_error(c->session));
        memcpy(&w, (const double *)want->data + i, sizeof w);
        worst = fmax(worst, fabs((double)loss - w) / w);
        if (!(worst <= LOSS_TOLERANCE[c->fast]))
            fail_msg("%s: the loss of step %d is %.9g, PyTorch's %.9g", c->name, i, (double)loss, w);
    }
    if (want)
        print_message("%-20s %s losses within %.1e\n", c->name, c->fast ? "fast" : "exact", worst);
}

static void run_case(const format_safetensors *file, const char *name, bool fast)
{
    model_case c = {.file = file, .name = name, .fast = fast};
    read_case(&c);
    tn_graph *g = tn_graph_new(context);
    tn_state *state = tn_state_new(context);
    tn_tensor *y = build(g, c.model, CLASSES, c.dims[2], c.dims[3]);
    tn_tensor *target = tn_input(g, "y", TN_I64, TN_SHAPE(tn_symbol(g, "batch")));
    tn_entry *predict = tn_entry_new(g, "predict", 0);
    tn_entry_output(predict, "y", y);
    const tn_optim_opt sgd = {.kind = TN_SGD};
    if (tn_minimize(tn_cross_entropy(y, target, NULL), &sgd) != TN_OK)
        fail_msg("%s", tn_graph_error(g));
    tn_program *program =
        tn_compile(g, TN_OPT(tn_compile_opt, .precision = fast ? TN_PRECISION_HIGH : TN_PRECISION_EXACT));
    if (!program)
        fail_msg("%s", tn_context_error(context));
    assert_int_equal(tn_state_init(state, g, 0), TN_OK);
    fill_state(state);
    c.session = tn_session_new(program, state);
    assert_non_null(c.session);
    compare_output(&c);
    compare_losses(&c);
    tn_session_free(c.session);
    tn_program_free(program);
    tn_state_free(state);
    tn_graph_free(g);
    free(c.x);
    free(c.labels);
}

static void models_compute_what_pytorch_does(void **p)
{
    char cases[512], *rest = cases;
    format_safetensors *file = golden_file("zoo");
    (void)p;
    (void)snprintf(cases, sizeof cases, "%s", format_safetensors_metadata(file, "cases"));
    for (char *name = strtok_r(rest, " ", &rest); name; name = strtok_r(NULL, " ", &rest)) {
        run_case(file, name, false);
        run_case(file, name, true);
    }
    format_safetensors_free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_parameters),
        cmocka_unit_test(names_are_those_of_torchvision),
        cmocka_unit_test(models_compute_what_pytorch_does),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
