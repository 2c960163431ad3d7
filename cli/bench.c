/* bench.c: tarn bench: how fast this machine runs small standard nets. Without --serve: a row for people. With --serve: Tarn's
 * side of the benchmark against its peers, which speaks the protocol of bench/README.md on standard input and output. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"

enum { SIDE = 28, PIXELS = SIDE * SIDE, CLASSES = 10, OWN_BATCHES = 16, MOST_STEPS = 1000000, NOT_THIS_ROW = 3 };

/* What a row runs: by the table, or as the metadata of a data file say. */
typedef struct bench_row {
    const char *name;
    bool cnn;
    int64_t batch;
    const char *optimizer; /* "adam", "sgd", or "": forward only */
    double lr, momentum;
} bench_row;

static const bench_row rows[] = {
    {"mlp_train", false, 64, "adam", 1e-3, 0}, {"mlp_train_sgd", false, 64, "sgd", 0.05, 0.9},
    {"mlp_forward", false, 1, "", 0, 0},       {"mnist_cnn_train", true, 64, "adam", 1e-3, 0},
    {"mnist_cnn_forward", true, 1, "", 0, 0},  {"startup", false, 1, "", 0, 0},
};
enum { N_ROWS = sizeof rows / sizeof *rows };

typedef struct bench {
    tn_context *c;
    bench_row row;
    int64_t batches;
    float *x;        /* [batches, batch, 784], from 0 to 1 */
    int64_t *labels; /* [batches, batch] */
    tn_program *program;
    tn_state *state;
    tn_session *session;
    tn_feed feeds[3]; /* of a step; x and target change */
    float lr, loss, scores[CLASSES];
    int64_t at; /* steps since the first weights */
    tn_memory memory;
    char error[512];
} bench;

static bool fail(bench *b, const char *text)
{
    (void)snprintf(b->error, sizeof b->error, "%s", text);
    return false;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool trains(const bench *b)
{
    return b->row.optimizer[0] != '\0';
}

/* ---- batches ------------------------------------------------------------------------------------------------------ */

static bool make_room(bench *b)
{
    size_t n = (size_t)(b->batches * b->row.batch);
    b->x = malloc(n * PIXELS * sizeof *b->x);
    b->labels = malloc(n * sizeof *b->labels);
    return b->x && b->labels ? true : fail(b, "out of memory");
}

/* Noise will do where nobody looks at what is learned. */
static bool make_batches(bench *b)
{
    uint32_t r = 1;
    b->batches = OWN_BATCHES;
    if (!make_room(b))
        return false;
    for (int64_t i = 0; i < b->batches * b->row.batch * PIXELS; i++) {
        r = r * 1664525U + 1013904223U;
        b->x[i] = (float)(r >> 24) / 255.0F;
    }
    for (int64_t i = 0; i < b->batches * b->row.batch; i++)
        b->labels[i] = i * 7 % CLASSES;
    return true;
}

static double number_in(const tn_tensors *file, const char *key)
{
    const char *text = tn_tensors_metadata(file, key);
    return text ? strtod(text, NULL) : 0;
}

/* The row as the file has it; what it does not say stays. */
static bool read_row(bench *b, const tn_tensors *file)
{
    const char *net = tn_tensors_metadata(file, "net"), *optimizer = tn_tensors_metadata(file, "optimizer");
    if (!net || !optimizer)
        return fail(b, "the data file's metadata have no 'net' or no 'optimizer'");
    bool adam = strcmp(optimizer, "adam") == 0, sgd = strcmp(optimizer, "sgd") == 0;
    if ((strcmp(net, "cnn") != 0 && strcmp(net, "mlp") != 0) || (!adam && !sgd && optimizer[0]))
        return fail(b, "the data file asks for a net or an optimizer that is not known here");
    b->row.cnn = strcmp(net, "cnn") == 0;
    b->row.optimizer = adam ? "adam" : sgd ? "sgd" : "";
    b->row.lr = number_in(file, "lr");
    b->row.momentum = number_in(file, "momentum");
    return true;
}

static bool read_batches(bench *b, const tn_tensors *file)
{
    tn_view inputs, labels;
    if (!read_row(b, file))
        return false;
    if (tn_tensors_find(file, "inputs", &inputs) != TN_OK || tn_tensors_find(file, "labels", &labels) != TN_OK)
        return fail(b, "the data file has no tensors 'inputs' and 'labels'");
    int64_t samples = tn_view_count(&labels);
    if (inputs.dtype != TN_U8 || labels.dtype != TN_I64 || labels.rank != 2 || samples < 1 || inputs.rank < 3 ||
        tn_view_count(&inputs) != samples * PIXELS)
        return fail(
            b, "the data file's inputs and labels are not u8 [batches, batch, ...784...] and i64 [batches, batch]");
    b->batches = labels.dims[0];
    b->row.batch = labels.dims[1];
    if (!make_room(b))
        return false;
    const uint8_t *pixels = inputs.data;
    for (int64_t i = 0; i < samples * PIXELS; i++)
        b->x[i] = (float)pixels[i] / 255.0F;
    memcpy(b->labels, labels.data, (size_t)samples * sizeof *b->labels);
    return true;
}

/* ---- the nets ----------------------------------------------------------------------------------------------------- */

static tn_tensor *mlp(tn_tensor *x)
{
    return tn_layer_linear(tn_relu(tn_layer_linear(x, "fc1", 128, NULL)), "fc2", CLASSES, NULL);
}

static tn_tensor *cnn(tn_tensor *x)
{
    x = tn_relu(tn_layer_conv2d(x, "conv1", 32, 3, NULL));
    x = tn_relu(tn_layer_conv2d(x, "conv2", 64, 3, NULL));
    x = tn_dropout(tn_max_pool2d(x, 2, NULL), 0.25);
    x = tn_relu(tn_layer_linear(tn_flatten(x, 1), "fc1", 128, NULL));
    return tn_layer_linear(tn_dropout(x, 0.5), "fc2", CLASSES, NULL);
}

static void build(const bench *b, tn_graph *g)
{
    tn_dim n = b->row.batch; /* a number, not a symbol: there are no other sizes */
    tn_tensor *x = tn_input(g, "x", TN_F32, b->row.cnn ? TN_SHAPE(n, 1, SIDE, SIDE) : TN_SHAPE(n, PIXELS));
    tn_tensor *y = b->row.cnn ? cnn(x) : mlp(x);
    if (!trains(b)) {
        tn_entry_output(tn_entry_new(g, "predict", 0), "y", y);
        return;
    }
    /* no norm of all gradients, which the peers do not compute either; the loss is still checked to be finite */
    tn_minimize(tn_cross_entropy(y, tn_input(g, "target", TN_I64, TN_SHAPE(n)), NULL),
                TN_OPT(tn_optim_opt, .kind = b->row.optimizer[0] == 'a' ? TN_ADAM : TN_SGD, .momentum = b->row.momentum,
                       .no_gradient_norm = true));
}

/* The first weights: the file's, each of which the net must have; without a file those of a seed. */
static bool set_weights(bench *b, const tn_graph *g, const tn_tensors *file)
{
    const char *name;
    tn_view v;
    if (tn_state_init(b->state, g, 1) != TN_OK)
        return fail(b, tn_state_error(b->state));
    for (int i = 0; file && (name = tn_tensors_get(file, i, &v)) != NULL; i++) {
        tn_view have;
        if (strcmp(name, "inputs") == 0 || strcmp(name, "labels") == 0)
            continue;
        if (tn_state_find(b->state, name, &have) != TN_OK)
            return fail(b, "the data file has a weight that the net has not");
        if (tn_state_set(b->state, name, &v) != TN_OK)
            return fail(b, tn_state_error(b->state));
    }
    tn_state_set_random(b->state, 1, 0);
    return true;
}

static void set_feeds(bench *b)
{
    int64_t i = b->at % b->batches, n = b->row.batch;
    float *x = b->x + i * n * PIXELS;
    b->feeds[0] = (tn_feed){"x", b->row.cnn ? tn_view_of(x, TN_F32, 4, (const int64_t[]){n, 1, SIDE, SIDE})
                                            : tn_view_of(x, TN_F32, 2, (const int64_t[]){n, PIXELS})};
    b->feeds[1] = (tn_feed){"target", tn_view_of(b->labels + i * n, TN_I64, 1, &n)};
    b->feeds[2] = (tn_feed){"lr", tn_view_of(&b->lr, TN_F32, 0, NULL)};
}

/* One step, timed: seconds, or a negative number after a failure. */
static double step(bench *b)
{
    bool train = trains(b);
    set_feeds(b);
    tn_feed loss = {"loss", tn_view_of(&b->loss, TN_F32, 0, NULL)};
    tn_feed y = {"y", tn_view_of(b->scores, TN_F32, 2, (const int64_t[]){1, CLASSES})};
    double begin = now();
    tn_status status = tn_run(b->session, train ? "step" : "predict", train ? 3 : 1, b->feeds, 1, train ? &loss : &y);
    double seconds = now() - begin;
    if (status != TN_OK)
        return fail(b, tn_session_error(b->session)), -1;
    b->at++;
    return seconds;
}

static bool compile(bench *b, const tn_tensors *file)
{
    tn_graph *g = tn_graph_new(b->c);
    if (!g)
        return fail(b, "out of memory");
    if (!trains(b) && b->row.batch != 1) {
        tn_graph_free(g);
        return fail(b, "a forward is of one sample");
    }
    build(b, g);
    b->lr = (float)b->row.lr;
    b->program = tn_compile(g, NULL);
    b->state = b->program ? tn_state_new(b->c) : NULL;
    bool ok = b->state ? set_weights(b, g, file) : fail(b, tn_context_error(b->c));
    b->session = ok ? tn_session_new(b->program, b->state) : NULL;
    tn_graph_free(g);
    if (!b->session)
        return ok ? fail(b, "out of memory") : false;
    set_feeds(b);
    if (tn_session_plan(b->session, trains(b) ? "step" : "predict", trains(b) ? 3 : 1, b->feeds, &b->memory) != TN_OK)
        return fail(b, tn_session_error(b->session));
    return true;
}

static void clear(bench *b)
{
    tn_session_free(b->session);
    tn_state_free(b->state);
    tn_program_free(b->program);
    free(b->x);
    free(b->labels);
    *b = (bench){.c = b->c, .row = b->row};
}

/* Batches, net and first weights; path may be NULL. Step 0 is next. */
static bool set_up(bench *b, const char *path)
{
    clear(b);
    tn_tensors *file = path ? tn_tensors_open(b->c, path) : NULL;
    if (path && !file)
        return fail(b, tn_context_error(b->c));
    bool ok = file ? read_batches(b, file) : make_batches(b);
    ok = ok && compile(b, file);
    tn_tensors_close(file);
    return ok;
}

static int best_of(const float *scores)
{
    int best = 0;
    for (int i = 1; i < CLASSES; i++)
        if (scores[i] > scores[best])
            best = i;
    return best;
}

/* ---- the protocol ------------------------------------------------------------------------------------------------- */

static void answer_error(const bench *b)
{
    (void)fputs("{\"error\":", stdout);
    cli_json_string(stdout, b->error);
    (void)fputs("}\n", stdout);
}

static void answer_list(const char *name, const double *values, int64_t n)
{
    (void)printf("\"%s\":[", name);
    for (int64_t i = 0; i < n; i++) {
        (void)fputs(i ? "," : "", stdout);
        cli_json_number(stdout, values[i]);
    }
    (void)fputc(']', stdout);
}

static void answer_hello(const bench *b)
{
    char version[32] = "";
    (void)sscanf(tn_version_text(), "tarn %31s", version);
    (void)printf("{\"name\":\"Tarn\",\"version\":\"%s\",\"isa\":\"%s\",\"details\":\"%d threads\"}\n", version,
                 tn_context_isa(b->c), tn_context_threads(b->c));
}

/* n steps. The outputs of a forward are those of its first step since `setup`. */
static void answer_run(bench *b, int64_t n)
{
    double *seconds = malloc((size_t)n * sizeof *seconds), *losses = malloc((size_t)n * sizeof *losses);
    double outputs[CLASSES];
    bool first = b->at == 0, ok = seconds && losses && b->session;
    if (!ok)
        fail(b, b->session ? "out of memory" : "'run' comes before 'setup'");
    for (int64_t i = 0; ok && i < n; i++) {
        seconds[i] = step(b);
        ok = seconds[i] >= 0;
        losses[i] = (double)b->loss;
        for (int k = 0; k < CLASSES && i == 0; k++)
            outputs[k] = (double)b->scores[k];
    }
    if (ok) {
        (void)fputc('{', stdout);
        answer_list("seconds", seconds, n);
        if (trains(b) || first) {
            (void)fputc(',', stdout);
            answer_list(trains(b) ? "losses" : "outputs", trains(b) ? losses : outputs, trains(b) ? n : CLASSES);
        }
        (void)fputs("}\n", stdout);
    } else {
        answer_error(b);
    }
    free(seconds);
    free(losses);
}

static int serve(bench *b, const char *path, bool known)
{
    char line[256];
    while (fgets(line, sizeof line, stdin)) {
        long n;
        if (strcmp(line, "quit\n") == 0)
            break;
        if (strcmp(line, "hello\n") == 0) {
            answer_hello(b);
        } else if (!known) {
            return NOT_THIS_ROW;
        } else if (strcmp(line, "setup\n") == 0) {
            if (set_up(b, path))
                (void)fputs("{}\n", stdout);
            else
                answer_error(b);
        } else if (sscanf(line, "run %ld", &n) == 1 && n >= 1 && n <= MOST_STEPS) {
            answer_run(b, n);
        } else {
            fail(b, "the commands are hello, setup, run N and quit");
            answer_error(b);
        }
        (void)fflush(stdout);
    }
    return CLI_OK;
}

/* From the start of the process to one answer. */
static int first_prediction(bench *b, const char *path)
{
    if (!set_up(b, path) || step(b) < 0)
        return cli_fail("%s", b->error);
    (void)printf("{\"class\":%d}\n", best_of(b->scores));
    return CLI_OK;
}

/* ---- for people --------------------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* About a second of steps; their median and least, in seconds. */
static bool measure(bench *b, double *median, double *least)
{
    enum { ROOM = 20000, LEAST = 15, WARM = 3 };
    double *seconds = malloc(ROOM * sizeof *seconds), end = 0;
    int n = 0;
    bool ok = seconds ? true : fail(b, "out of memory");
    for (int i = 0; ok && i < WARM; i++)
        ok = step(b) >= 0;
    for (end = now() + 1; ok && n < ROOM && (n < LEAST || now() < end); n += ok)
        ok = (seconds[n] = step(b)) >= 0;
    if (ok) {
        qsort(seconds, (size_t)n, sizeof *seconds, compare);
        *median = seconds[n / 2];
        *least = seconds[0];
    }
    free(seconds);
    return ok;
}

static int show(bench *b)
{
    double begin = now(), median = 0, least = 0;
    if (!set_up(b, NULL) || step(b) < 0)
        return cli_fail("%s", b->error);
    double first = now() - begin;
    if (strcmp(b->row.name, "startup") == 0) {
        (void)printf("%-18s %9.3f ms to build, compile and answer once\n", b->row.name, 1e3 * first);
        return CLI_OK;
    }
    if (!measure(b, &median, &least))
        return cli_fail("%s", b->error);
    (void)printf("%-18s %9.4f ms a %s (least %.4f), %8.2f GFLOP/s\n", b->row.name, 1e3 * median,
                 trains(b) ? "step" : "prediction", 1e3 * least, 1e-9 * b->memory.flops / median);
    (void)fflush(stdout);
    return CLI_OK;
}

static const bench_row *find(const char *name)
{
    for (size_t i = 0; i < N_ROWS; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

static int show_rows(bench *b, const char *name)
{
    int code = CLI_OK;
    if (name && !find(name)) {
        code = cli_fail("there is no row '%s'; these are there:", name);
        for (size_t i = 0; i < N_ROWS; i++)
            (void)fprintf(stderr, "  %s\n", rows[i].name);
        return code;
    }
    (void)printf("%s, %d threads; batch 64 for training, 1 for predictions\n", tn_context_isa(b->c),
                 tn_context_threads(b->c));
    for (size_t i = 0; i < N_ROWS && code == CLI_OK; i++) {
        b->row = rows[i];
        if (!name || strcmp(name, rows[i].name) == 0)
            code = show(b);
    }
    return code;
}

static int run(const cli_args *a)
{
    const char *name = a->n ? a->at[0] : NULL;
    if (a->n > 1 || (a->serve && (!a->data || !name)) || (a->data && !name))
        return cli_usage(&cli_bench);
    bench b = {.c = cli_context(a, 0)};
    int code = CLI_FAILED;
    const bench_row *row = name ? find(name) : NULL;
    if (row)
        b.row = *row;
    if (b.c && a->serve)
        code = serve(&b, a->data, row != NULL);
    else if (b.c && a->data && row && strcmp(name, "startup") == 0)
        code = first_prediction(&b, a->data);
    else if (b.c)
        code = show_rows(&b, name);
    clear(&b);
    tn_context_free(b.c);
    return code;
}

const cli_command cli_bench = {"bench",
                               "bench [ROW] [--threads N]   or   tarn bench ROW --serve --data FILE [--threads N]",
                               "Times training steps and predictions of small nets on this machine. With --serve: as a "
                               "part of the benchmark\nagainst others, which bench/bench runs.",
                               run,
                               "serve data",
                               false};
