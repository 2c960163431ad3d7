/* show.c: tarn show RUN|MODEL|RECIPE: the layers with their outputs' shapes, parameters, FLOPs and bytes; the memory plan; where it is asked
 * for each parameter, each step of the compiled prediction with its address, the graph as dot. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

bool cli_is_recipe(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

/* The model of a recipe, untrained. */
static tn_model *from_recipe(tn_context *c, const cli_args *a)
{
    tn_dataset *train = NULL, *valid = NULL;
    tn_recipe *r = cli_recipe(c, a->at[0], a);
    tn_model *m = r && tn_recipe_data(c, r, &train, &valid) == TN_OK ? tn_recipe_model(c, r, train) : NULL;
    if (r && !m)
        cli_fail("%s", tn_context_error(c));
    tn_dataset_free(train);
    tn_dataset_free(valid);
    tn_recipe_free(r);
    return m;
}

tn_model *cli_model_of(tn_context *c, const cli_args *a)
{
    return cli_is_recipe(a->at[0]) ? from_recipe(c, a) : cli_model(c, a->at[0]);
}

/* "f32[64,1,28,28]" */
static const char *describe(const tn_view *v, char *to, size_t size)
{
    int at = snprintf(to, size, "%s[", tn_dtype_name(v->dtype));
    for (int i = 0; i < v->rank && at < (int)size; i++)
        at += snprintf(to + at, size - (size_t)at, "%s%lld", i ? "," : "", (long long)v->dims[i]);
    if (at < (int)size)
        (void)snprintf(to + at, size - (size_t)at, "]");
    return to;
}

static void show_parameters(tn_model *m)
{
    tn_view v;
    const char *name;
    char shape[160];
    double total = 0, bytes = 0;
    (void)printf("%-32s %-20s %12s %12s\n", "parameter", "shape", "values", "bytes");
    for (int i = 0; (name = tn_state_get(tn_model_state(m), i, &v)) != NULL; i++) {
        (void)printf("%-32s %-20s %12lld %12zu\n", name, describe(&v, shape, sizeof shape),
                     (long long)tn_view_count(&v), v.bytes);
        total += (double)tn_view_count(&v);
        bytes += (double)v.bytes;
    }
    (void)printf("%-32s %-20s %12.0f %12.0f\n\n", "total", "", total, bytes);
}

/* The values of the parameters whose names are `scope` bytes of the node's name, up to a point, and a word. */
static long long values_in(tn_model *m, const char *node, size_t scope)
{
    tn_view v;
    const char *name;
    long long n = 0;
    for (int i = 0; (name = tn_state_get(tn_model_state(m), i, &v)) != NULL; i++)
        if (strncmp(name, node, scope) == 0 && !strchr(name + scope, '.'))
            n += (long long)tn_view_count(&v);
    return n;
}

/* The parameters of a node's layer, "conv1.weight" and "conv1.bias" for "conv1.conv2d"; *scope is how much of the node's name
 * is the layer's, with its point. */
static long long parameters_of(tn_model *m, const char *node, size_t *scope)
{
    for (*scope = strlen(node); *scope > 0; --*scope)
        if (node[*scope - 1] == '.') {
            long long n = values_in(m, node, *scope);
            if (n)
                return n;
        }
    return 0;
}

/* Open sizes but the batch, as of texts, are shown at so many; at more where a model takes no less. */
static const int64_t places[] = {32, 1024, 32768};
enum { PLACES = sizeof places / sizeof *places, MOST_NAME = 64 };

/* How wide names are, with what they stand in by their depth. */
static int width_of(const tn_layer_row *rows, int n, int depth)
{
    int width = (int)sizeof "layer";
    for (int i = 0; i < n; i++) {
        const int one = 2 * rows[i].depth + (int)strnlen(rows[i].name, MOST_NAME);
        if ((!depth || rows[i].depth < depth) && one > width)
            width = one < MOST_NAME ? one : MOST_NAME;
    }
    return width;
}

/* A row for each layer, what it is made of below it, down to --depth. */
static void show_layer_rows(const tn_layer_row *rows, int n, int depth, int width)
{
    char name[4 * MOST_NAME], shape[160];
    for (int i = 0; i < n; i++) {
        const tn_layer_row *r = &rows[i];
        if (depth && r->depth >= depth)
            continue;
        (void)snprintf(name, sizeof name, "%*s%.*s", 2 * r->depth, "", MOST_NAME, r->name);
        (void)printf("%-*s %-20s %-22s %12lld %14.0f %13.0f\n", width, name, r->type,
                     r->output.dtype ? describe(&r->output, shape, sizeof shape) : "",
                     (long long)(r->parameters + r->frozen), r->flops, r->bytes);
    }
}

static int show_layers(tn_model *m, const cli_args *a, int64_t *open)
{
    tn_layer_row *rows = NULL, all = {.name = "total"};
    int n = 0, at = 0;
    tn_status status;
    do
        status = tn_model_layers(m, 1, *open = places[at], &rows, &n);
    while (status == TN_SHAPE && ++at < PLACES);
    if (status != TN_OK)
        return cli_fail("%s", tn_model_error(m));
    const int width = width_of(rows, n, a->depth);
    (void)printf("%-*s %-20s %-22s %12s %14s %13s\n", width, "layer", "type", "output of one sample", "parameters",
                 "FLOPs", "bytes");
    show_layer_rows(rows, n, a->depth, width);
    for (int i = 0; i < n; i++)
        if (rows[i].depth == 0) {
            all.parameters += rows[i].parameters;
            all.frozen += rows[i].frozen;
            all.kept += rows[i].kept;
            all.flops += rows[i].flops;
            all.bytes += rows[i].bytes;
        }
    free(rows);
    (void)printf("%-*s %-20s %-22s %12lld %14.0f %13.0f\n\n%lld parameters are trained", width, "total", "", "",
                 (long long)(all.parameters + all.frozen), all.flops, all.bytes, (long long)all.parameters);
    if (all.frozen)
        (void)printf(", %lld are not", (long long)all.frozen);
    if (all.kept)
        (void)printf("; %lld values of statistics are kept beside them", (long long)all.kept);
    (void)puts(
        ".\nA multiply-add counts as 2 FLOPs; bytes are what a layer reads, parameters included, and writes when it "
        "runs alone.\n");
    return CLI_OK;
}

/* A session of the predict entry bound to a batch of `n`. */
static tn_status plan(tn_session *s, tn_model *m, int64_t n, int64_t open, tn_memory *memory)
{
    tn_shape in = tn_tensor_shape(tn_model_input(m));
    int64_t dims[TN_MAX_RANK];
    for (int i = 0; i < in.rank; i++)
        dims[i] = i == 0 ? n : in.dims[i] < 0 ? open : in.dims[i];
    const tn_feed feeds[] = {{"x", tn_view_of(NULL, tn_tensor_dtype(tn_model_input(m)), in.rank, dims)},
                             {"given", tn_view_of(NULL, TN_I64, 2, (const int64_t[]){n, open})}};
    return tn_session_plan(s, "predict", tn_model_heard(m) ? 2 : 1, feeds, memory);
}

/* A row for each step. The parameters of a layer stand in the row of its first step. */
static void show_rows(tn_session *s, tn_model *m)
{
    tn_profile_row row;
    char shape[160], layer[256] = "";
    (void)printf("%-28s %-28s %-24s %11s %12s %11s %9s\n", "step", "kernel", "output", "parameters", "FLOPs", "bytes",
                 "address");
    for (int i = 0; tn_session_profile_row(s, "predict", i, &row) == TN_OK; i++) {
        size_t scope;
        long long n = parameters_of(m, row.node, &scope);
        bool again = strlen(layer) == scope && strncmp(layer, row.node, scope) == 0;
        (void)snprintf(layer, sizeof layer, "%.*s", (int)scope, row.node);
        (void)printf("%-28s %-28s %-24s %11lld %12.0f %11.0f ", row.node, row.kernel,
                     describe(&row.output, shape, sizeof shape), again ? 0 : n, row.flops, row.bytes);
        (void)(row.address < 0 ? printf("%9s\n", "-") : printf("%9lld\n", (long long)row.address));
    }
}

static void show_plan(const char *what, const tn_memory *m)
{
    (void)printf(
        "  %-24s %d steps, %.4g MFLOP, %.4g MB moved; buffer %zu bytes (%zu without sharing), scratch %zu, packed "
        "weights %zu\n",
        what, m->steps, m->flops / 1e6, m->bytes / 1e6, m->buffer, m->unshared, m->scratch, m->packed);
}

static int show_memory(tn_session *s, tn_model *m, const cli_args *a, int64_t open)
{
    tn_memory one, many;
    if (plan(s, m, 64, open, &many) != TN_OK || plan(s, m, 1, open, &one) != TN_OK)
        return cli_fail("%s", tn_session_error(s));
    if (a->steps) {
        show_rows(s, m);
        (void)putchar('\n');
    }
    (void)puts("memory plan, of the steps that layers are compiled to:");
    show_plan("prediction, batch 1:", &one);
    show_plan("prediction, batch 64:", &many);
    return CLI_OK;
}

void cli_show_saving(const tn_memory *m)
{
    if (m->again)
        (void)printf("%d operators run twice, so that less is kept for gradients: %.1f MB of buffer instead of %.1f, "
                     "%.1f%% more FLOPs\n",
                     m->again, (double)m->buffer / 1e6, (double)m->buffer_kept / 1e6,
                     100 * (m->flops / m->flops_kept - 1));
}

/* What a step of training takes, as the recipe says it is trained. */
static int show_training(tn_context *given, const cli_args *a)
{
    tn_dataset *train = NULL, *valid = NULL;
    tn_memory m;
    tn_recipe *r = cli_recipe(given, a->at[0], a);
    tn_context *c = cli_context(a, r ? tn_recipe_threads(r) : 0); /* scratch is for so many threads */
    if (!c) {
        tn_recipe_free(r);
        return CLI_FAILED;
    }
    const bool ok =
        r && tn_recipe_data(c, r, &train, &valid) == TN_OK && tn_recipe_memory(c, r, train, valid, &m) == TN_OK;
    if (ok) {
        (void)printf(
            "  training, a step:        %d steps, %.4g MFLOP, %.4g MB moved; buffer %zu bytes (%zu without sharing), "
            "scratch %zu, state %zu\n",
            m.steps, m.flops / 1e6, m.bytes / 1e6, m.buffer, m.unshared, m.scratch, m.state);
        cli_show_saving(&m);
    }
    if (r && !ok)
        cli_fail("%s", tn_context_error(c));
    tn_dataset_free(train);
    tn_dataset_free(valid);
    tn_recipe_free(r);
    tn_context_free(c);
    return ok ? CLI_OK : CLI_FAILED;
}

static int show_all(tn_context *c, tn_model *m, tn_session *s, const cli_args *a)
{
    char in[128];
    int64_t open = 0;
    (void)printf("%s: input %s, %d labels\n\n", tn_model_name(m), tn_tensor_describe(tn_model_input(m), in, sizeof in),
                 tn_model_labels(m));
    int code = show_layers(m, a, &open);
    if (code == CLI_OK && a->parameters)
        show_parameters(m);
    if (code == CLI_OK)
        code = show_memory(s, m, a, open);
    if (code == CLI_OK && cli_is_recipe(a->at[0]))
        code = show_training(c, a);
    return code;
}

static int show_model(tn_context *c, tn_model *m, const cli_args *a)
{
    if (a->dot) {
        char *dot = tn_graph_dot(tn_model_graph(m));
        (void)(dot ? fputs(dot, stdout) : cli_fail("out of memory"));
        free(dot);
        return dot ? CLI_OK : CLI_FAILED;
    }
    tn_program *p = tn_compile_entry(tn_model_graph(m), "predict", NULL);
    tn_session *s = p ? tn_session_new(p, tn_model_state(m)) : NULL;
    int code = s ? show_all(c, m, s, a) : cli_fail("%s", tn_context_error(c));
    tn_session_free(s);
    tn_program_free(p);
    return code;
}

static int run(const cli_args *a)
{
    if (a->n != 1)
        return cli_usage(&cli_show);
    tn_context *c = cli_context(a, 0);
    tn_model *m = c ? cli_model_of(c, a) : NULL;
    int code = m ? show_model(c, m, a) : CLI_FAILED;
    tn_model_free(m);
    tn_context_free(c);
    return code;
}

const cli_command cli_show = {
    "show",
    "show RUN|MODEL|RECIPE [key=value ...] [--depth N] [--parameters] [--steps] [--dot]",
    "The layers with the shapes of their outputs, parameters, FLOPs and bytes, for one sample, and what they are made "
    "of "
    "below\nthem; the memory plan: what a prediction takes and, of a recipe, a step of training. --steps lists the "
    "steps "
    "that layers\nare compiled to, with kernels and addresses in the buffer; --dot prints the graph for Graphviz.",
    run,
    "depth parameters steps dot",
    true};
