/* bench_work.c: a row made ready and run: batches and first weights, graph, program, steps. */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"

enum {
    OWN_BATCHES = 4,
    UPDATE_PIECES = 25, /* tensors that an update's parameters are cut into */
    PATTERN = 1000
};

bool bench_fail(bench_work *w, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(w->error, sizeof w->error, fmt, args);
    va_end(args);
    return false;
}

double bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

bool bench_trains(const bench_work *w)
{
    return w->row.loss[0] != '\0';
}

static bool is_gan(const bench_work *w)
{
    return strcmp(w->row.loss, "gan") == 0;
}

const char *bench_entry(const bench_work *w, int i)
{
    static const char *const in_turn[] = {"critic.step", "generator.step"};
    if (is_gan(w))
        return i < 2 ? in_turn[i] : NULL;
    return i > 0 ? NULL : w->row.parameters ? "apply" : bench_trains(w) ? "step" : "predict";
}

/* ---- batches ------------------------------------------------------------------------------------------------------- */

static bool make_room(bench_work *w)
{
    size_t n = (size_t)(w->batches * w->row.batch);
    w->sample_count = 1;
    for (int i = 0; i < w->row.sample.rank; i++)
        w->sample_count *= w->row.sample.dims[i];
    w->label_count = strcmp(w->row.loss, "next_token") == 0 ? w->sample_count : 1;
    if (w->row.tokens)
        w->tokens = malloc(n * (size_t)w->sample_count * sizeof *w->tokens);
    else
        w->x = malloc(n * (size_t)w->sample_count * sizeof *w->x);
    w->labels = malloc(n * (size_t)w->label_count * sizeof *w->labels);
    w->targets = malloc(n * (size_t)w->label_count * sizeof *w->targets);
    return (w->x || w->tokens) && w->labels && w->targets ? true : bench_fail(w, "out of memory");
}

static void labels_as_numbers(bench_work *w)
{
    for (int64_t i = 0; i < w->batches * w->row.batch * w->label_count; i++)
        w->targets[i] = (float)w->labels[i];
}

/* Noise will do where nobody looks at what is learned. */
static bool make_batches(bench_work *w)
{
    uint32_t r = 1;
    w->batches = OWN_BATCHES;
    if (!make_room(w))
        return false;
    for (int64_t i = 0; i < w->batches * w->row.batch * w->sample_count; i++) {
        r = r * 1664525U + 1013904223U;
        if (w->row.tokens)
            w->tokens[i] = (int64_t)(r >> 4) % w->row.tokens;
        else
            w->x[i] = (float)(r >> 24) / 255.0F;
    }
    for (int64_t i = 0; i < w->batches * w->row.batch * w->label_count; i++)
        w->labels[i] = i * 7 % w->row.classes;
    labels_as_numbers(w);
    return true;
}

static double number_in(const tn_tensors *file, const char *key)
{
    const char *text = tn_tensors_metadata(file, key);
    return text ? strtod(text, NULL) : 0;
}

static bool text_in(bench_work *w, const tn_tensors *file, const char *key, char *text, size_t bytes)
{
    const char *value = tn_tensors_metadata(file, key);
    if (!value || strlen(value) >= bytes)
        return bench_fail(w, "the data file's metadata have no '%s', or a very long one", key);
    (void)snprintf(text, bytes, "%s", value);
    return true;
}

static bool is_one_of(const char *text, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(text, *names) == 0)
            return true;
    return false;
}

/* The row as the file has it. */
static bool read_row(bench_work *w, const tn_tensors *file)
{
    static const char *const losses[] = {"",  "cross_entropy", "bce_with_logits", "next_token", "mask", "vae", "gan",
                                         NULL};
    static const char *const optimizers[] = {"", "adam", "adamw", "sgd", "sparse_adam", NULL};
    char precision[BENCH_NAME];
    if (!text_in(w, file, "net", w->net, sizeof w->net) ||
        !text_in(w, file, "loss", w->loss_name, sizeof w->loss_name) ||
        !text_in(w, file, "optimizer", w->optimizer, sizeof w->optimizer) ||
        !text_in(w, file, "precision", precision, sizeof precision))
        return false;
    if (!is_one_of(w->loss_name, losses) || !is_one_of(w->optimizer, optimizers))
        return bench_fail(w, "the data file asks for a loss or an optimizer that is not known here");
    w->row.bf16 = strcmp(precision, "bf16") == 0;
    if (!w->row.bf16 && strcmp(precision, "f32") != 0)
        return bench_fail(w, "the data file asks for the precision %s; there are f32 and bf16", precision);
    w->row.net = w->net;
    w->row.loss = w->loss_name;
    w->row.optimizer = w->optimizer;
    w->row.lr = number_in(file, "lr");
    w->row.momentum = number_in(file, "momentum");
    w->row.parameters = (int64_t)number_in(file, "parameters");
    w->row.classes = (int64_t)number_in(file, "classes");
    w->row.limit_mb = (int64_t)number_in(file, "limit_mb");
    return true;
}

static bool read_batches(bench_work *w, const tn_tensors *file)
{
    tn_view inputs, labels;
    if (tn_tensors_find(file, "inputs", &inputs) != TN_OK || tn_tensors_find(file, "labels", &labels) != TN_OK)
        return bench_fail(w, "the data file has no tensors 'inputs' and 'labels'");
    int64_t samples = tn_view_count(&labels), values = tn_view_count(&inputs);
    bool tokens = inputs.dtype == TN_I64;
    if ((inputs.dtype != TN_U8 && !tokens) || labels.dtype != TN_I64 || labels.rank < 2 || samples < 1 ||
        inputs.rank < 3 || inputs.dims[0] != labels.dims[0] || inputs.dims[1] != labels.dims[1] || values < 1)
        return bench_fail(w, "the data file's inputs and labels are not u8 or i64 [batches, batch, ...] and i64 "
                             "[batches, batch, ...]");
    w->batches = labels.dims[0];
    w->row.batch = labels.dims[1];
    w->row.tokens = tokens;
    w->row.sample.rank = inputs.rank - 2;
    for (int i = 2; i < inputs.rank; i++)
        w->row.sample.dims[i - 2] = inputs.dims[i];
    if (!make_room(w))
        return false;
    if (samples != w->batches * w->row.batch * w->label_count)
        return bench_fail(w, "the data file has %lld labels, which this loss cannot use", (long long)samples);
    if (tokens)
        memcpy(w->tokens, inputs.data, (size_t)values * sizeof *w->tokens);
    const uint8_t *pixels = inputs.data;
    for (int64_t i = 0; !tokens && i < values; i++)
        w->x[i] = (float)pixels[i] / 255.0F;
    memcpy(w->labels, labels.data, (size_t)samples * sizeof *w->labels);
    labels_as_numbers(w);
    return true;
}

/* ---- the graph ----------------------------------------------------------------------------------------------------- */

tn_optim_opt bench_optimizer(const bench_work *w)
{
    static const tn_param_group tables = {.pattern = "tables.*", .rows = true};
    const char *name = w->row.optimizer;
    bool rows = strcmp(name, "sparse_adam") == 0;
    int kind = 0;
    while (tn_optimizer_name(kind) && strcmp(tn_optimizer_name(kind), name) != 0)
        kind++;
    /* no norm of all gradients, which the peers do not compute either; the loss is still checked to be finite */
    return (tn_optim_opt){.kind = tn_optimizer_name(kind) ? (tn_optimizer)kind : TN_ADAM,
                          .momentum = w->row.momentum,
                          .groups = rows ? &tables : NULL,
                          .n_groups = rows,
                          .no_gradient_norm = true};
}

/* Parameters whose gradients lie in the state, as they do after gradients were summed over batches. */
static void build_update(const bench_work *w, tn_graph *g)
{
    tn_tensor *loss = NULL;
    tn_optim_opt o = bench_optimizer(w);
    o.accumulate = true;
    for (int i = 0; i < UPDATE_PIECES; i++) {
        char name[BENCH_NAME];
        (void)snprintf(name, sizeof name, "w%d", i);
        tn_tensor *sum = tn_sum(tn_param(g, name, TN_F32, TN_SHAPE(w->row.parameters / UPDATE_PIECES), NULL));
        loss = loss ? tn_add(loss, sum) : sum;
    }
    tn_minimize(loss, &o);
}

static bool build(bench_work *w, tn_graph *g)
{
    tn_tensor *y;
    tn_shape s = {.rank = w->row.sample.rank + 1, .dims = {w->row.batch}}; /* a number: there are no other sizes */
    if (w->row.parameters) {
        build_update(w, g);
        return true;
    }
    for (int i = 1; i < s.rank; i++)
        s.dims[i] = w->row.sample.dims[i - 1];
    if (!bench_build_net(w, g, tn_input(g, "x", w->row.tokens ? TN_I64 : TN_F32, s), &y))
        return false;
    if (bench_trains(w))
        return true;
    w->score_shape = tn_tensor_shape(y);
    w->n_scores = w->score_shape.rank > 1;
    for (int i = 1; i < w->score_shape.rank; i++)
        w->n_scores *= w->score_shape.dims[i];
    if (w->n_scores < 1)
        return tn_graph_status(g) != TN_OK ? true : bench_fail(w, "a forward gives no scores for each sample");
    tn_entry *predict = tn_entry_new(g, "predict", 0);
    tn_entry_output(predict, "y", y);
    for (int i = 0; i < w->n_kept; i++)
        tn_entry_write(predict, w->kept[i].state, w->kept[i].next);
    w->scores = calloc((size_t)(w->row.batch * w->n_scores), sizeof *w->scores);
    return w->scores ? true : bench_fail(w, "out of memory");
}

/* ---- weights ------------------------------------------------------------------------------------------------------- */

/* Element i of an update's parameters and of their gradients: a pattern that anybody can make. */
static bool set_update(bench_work *w)
{
    for (int i = 0; i < 2 * UPDATE_PIECES; i++) {
        char name[2 * BENCH_NAME];
        tn_view v;
        bool gradient = i >= UPDATE_PIECES;
        (void)snprintf(name, sizeof name, gradient ? "optim.w%d.grad" : "w%d", i % UPDATE_PIECES);
        if (tn_state_find(w->state, name, &v) != TN_OK)
            return bench_fail(w, "the optimizer keeps no '%s'", name);
        float *at = v.data;
        for (int64_t k = 0; k < v.dims[0]; k++)
            at[k] = ((float)(k % PATTERN) - PATTERN / 2) / (gradient ? PATTERN : 2 * PATTERN);
    }
    return true;
}

/* The file's weights, which are all that the net has, and nothing else: one more or less would make another net of it. */
static bool set_from_file(bench_work *w, tn_graph *g, const tn_tensors *file)
{
    const char *name;
    tn_tensor *p;
    tn_view v;
    for (int i = 0; (name = tn_tensors_get(file, i, &v)) != NULL; i++) {
        if (strcmp(name, "inputs") == 0 || strcmp(name, "labels") == 0)
            continue;
        if (!tn_graph_state(g, name))
            return bench_fail(w, "the data file has a weight '%s' that the net has not", name);
        if (tn_state_set(w->state, name, &v) != TN_OK)
            return bench_fail(w, "%s", tn_state_error(w->state));
    }
    for (int i = 0; (p = tn_graph_param(g, i)) != NULL; i++)
        if (tn_tensors_find(file, tn_tensor_name(p), &v) != TN_OK)
            return bench_fail(w, "the data file has no weight '%s'", tn_tensor_name(p));
    return true;
}

/* The first weights: the file's, which is closed then, before more memory is needed; without a file those of a seed. The rest begins as
 * the graph says. */
static bool set_weights(bench_work *w, tn_graph *g, tn_tensors **file)
{
    if (*file && !w->row.parameters && !set_from_file(w, g, *file))
        return false;
    tn_tensors_close(*file);
    *file = NULL;
    if (tn_state_init(w->state, g, 1) != TN_OK)
        return bench_fail(w, "%s", tn_state_error(w->state));
    tn_state_set_random(w->state, 1, 0);
    return w->row.parameters ? set_update(w) : true;
}

/* ---- steps --------------------------------------------------------------------------------------------------------- */

/* Batch i of the inputs. */
static tn_view batch_view(const bench_work *w, int64_t i)
{
    int64_t dims[TN_MAX_RANK] = {w->row.batch}, at = i * w->row.batch * w->sample_count;
    for (int k = 0; k < w->row.sample.rank; k++)
        dims[k + 1] = w->row.sample.dims[k];
    if (w->tokens)
        return tn_view_of(w->tokens + at, TN_I64, w->row.sample.rank + 1, dims);
    return tn_view_of(w->x + at, TN_F32, w->row.sample.rank + 1, dims);
}

/* What the step's entry number `entry` is fed. */
static void set_feeds(bench_work *w, int entry)
{
    int64_t i = w->at % w->batches, n = w->row.batch;
    const char *const rates[] = {"critic.lr", "generator.lr"};
    w->n_feeds = 0;
    if (w->row.parameters)
        w->feeds[w->n_feeds++] = (tn_feed){"accumulated", tn_view_of(&w->accumulated, TN_F32, 0, NULL)};
    else if (entry == 0)
        w->feeds[w->n_feeds++] = (tn_feed){"x", batch_view(w, i)};
    if (strcmp(w->row.loss, "cross_entropy") == 0)
        w->feeds[w->n_feeds++] = (tn_feed){"target", tn_view_of(w->labels + i * n, TN_I64, 1, &n)};
    else if (strcmp(w->row.loss, "next_token") == 0)
        w->feeds[w->n_feeds++] = (tn_feed){
            "target", tn_view_of(w->labels + i * n * w->label_count, TN_I64, 2, (const int64_t[]){n, w->label_count})};
    else if (strcmp(w->row.loss, "bce_with_logits") == 0)
        w->feeds[w->n_feeds++] =
            (tn_feed){"target", tn_view_of(w->targets + i * n, TN_F32, 2, (const int64_t[]){n, 1})};
    if (w->row.optimizer[0])
        w->feeds[w->n_feeds++] = (tn_feed){is_gan(w) ? rates[entry] : "lr", tn_view_of(&w->lr, TN_F32, 0, NULL)};
}

/* Runs one entry; its loss, if it has one, is added to the step's. */
static bool run_entry(bench_work *w, int entry)
{
    float value = 0;
    tn_feed loss = {"loss", tn_view_of(&value, TN_F32, 0, NULL)}, scores = {"y", {0}};
    if (w->scores)
        scores.view = tn_view_of(w->scores, TN_F32, w->score_shape.rank, w->score_shape.dims);
    if (tn_run(w->session, bench_entry(w, entry), w->n_feeds, w->feeds, w->row.parameters ? 0 : 1,
               bench_trains(w) ? &loss : &scores) != TN_OK)
        return bench_fail(w, "%s", tn_session_error(w->session));
    w->loss += value;
    return true;
}

double bench_step(bench_work *w)
{
    double seconds = 0;
    w->loss = 0;
    for (int i = 0; bench_entry(w, i); i++) {
        set_feeds(w, i);
        double begin = bench_now();
        if (!run_entry(w, i))
            return -1;
        seconds += bench_now() - begin;
    }
    w->at++;
    return seconds;
}

int bench_outputs(const bench_work *w, double *outputs)
{
    tn_view v;
    int n = w->n_scores < BENCH_OUTPUTS ? (int)w->n_scores : BENCH_OUTPUTS;
    for (int i = 0; w->scores && i < n; i++)
        outputs[i] = (double)w->scores[i];
    if (w->row.parameters && tn_state_find(w->state, "w0", &v) == TN_OK)
        for (n = 0; n < BENCH_UPDATED && n < v.dims[0]; n++)
            outputs[n] = (double)((const float *)v.data)[n];
    return n;
}

/* What a step needs and computes: the largest memory, the sum of the rest. */
static bool plan(bench_work *w)
{
    for (int i = 0; bench_entry(w, i); i++) {
        tn_memory m;
        set_feeds(w, i);
        if (tn_session_plan(w->session, bench_entry(w, i), w->n_feeds, w->feeds, &m) != TN_OK)
            return bench_fail(w, "%s", tn_session_error(w->session));
        if (m.buffer + m.scratch > w->memory.buffer + w->memory.scratch) {
            w->memory.buffer = m.buffer;
            w->memory.scratch = m.scratch;
        }
        w->memory.state = m.state;
        w->memory.flops += m.flops;
        w->memory.bytes += m.bytes;
        w->memory.steps += m.steps;
    }
    return true;
}

static bool compile(bench_work *w, tn_tensors **file)
{
    const tn_compile_opt opt = {.precision = w->row.bf16 ? TN_PRECISION_BF16 : TN_PRECISION_F32,
                                .memory_limit = (size_t)(w->row.limit_mb > 0 ? w->row.limit_mb : 0) << 20};
    tn_graph *g = tn_graph_new(w->c);
    bool ok = g ? build(w, g) : bench_fail(w, "out of memory");
    w->lr = (float)w->row.lr;
    w->accumulated = 1;
    if (ok)
        w->program = is_gan(w) ? tn_compile(g, &opt) : tn_compile_entry(g, bench_entry(w, 0), &opt);
    if (ok && !w->program)
        ok = bench_fail(w, "%s", tn_context_error(w->c));
    w->state = ok ? tn_state_new(w->c) : NULL;
    ok = ok && (w->state ? set_weights(w, g, file) : bench_fail(w, "out of memory"));
    w->session = ok ? tn_session_new(w->program, w->state) : NULL;
    tn_graph_free(g);
    if (ok && !w->session)
        return bench_fail(w, "out of memory");
    return ok && plan(w);
}

void bench_clear(bench_work *w)
{
    tn_session_free(w->session);
    tn_state_free(w->state);
    tn_program_free(w->program);
    free(w->x);
    free(w->tokens);
    free(w->labels);
    free(w->targets);
    free(w->scores);
    *w = (bench_work){.c = w->c, .row = w->row};
}

bool bench_set_up(bench_work *w, const char *path)
{
    bench_clear(w);
    tn_tensors *file = path ? tn_tensors_open(w->c, path) : NULL;
    if (path && !file)
        return bench_fail(w, "%s", tn_context_error(w->c));
    bool ok =
        file ? read_row(w, file) && (w->row.parameters ? (w->batches = 1) : read_batches(w, file)) : make_batches(w);
    ok = ok && compile(w, &file);
    tn_tensors_close(file);
    return ok;
}
