/* data.c: how fast data are read: pictures, tables, texts and sounds, as Tarn's side of the benchmark's protocol (bench/README.md), or for
 * people with a number of steps in place of --serve.
 *
 *     bench_data ROW --data FOLDER --threads N          commands on standard input
 *     bench_data ROW --data FOLDER --threads N STEPS    the median of so many steps
 *
 * bench/harness/data_rows.py lists the rows and makes the folder; bench/peers/data_peer.py does the same with others' libraries. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"

#include <tarn/tarn.h>

enum { BATCH = 64, AHEAD = 4, MOST_STEPS = 1000000, RATE = 8000, MELS = 40 };

typedef struct work {
    const char *row, *folder;
    int threads;
    tn_context *c;
    tn_dataset *data;
    tn_pipeline *pipeline;
    tn_loader *loader;
    tn_program *program;
    tn_session *session;
    tn_tokenizer *tokenizer;
    char *text;
    tn_text *lines;
    size_t n_lines;
    float *features;
    double outputs[4];
    int n_outputs;
    char error[512];
} work;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool fail(work *w, const char *said)
{
    (void)snprintf(w->error, sizeof w->error, "%s", said ? said : tn_context_error(w->c));
    return false;
}

static const char *place(const work *w, const char *name)
{
    static char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", w->folder, name);
    return path;
}

static bool is(const work *w, const char *row)
{
    return strcmp(w->row, row) == 0;
}

static bool begins(const work *w, const char *row)
{
    return strncmp(w->row, row, strlen(row)) == 0;
}

static void clear(work *w)
{
    tn_loader_free(w->loader);
    tn_dataset_free(w->data);
    tn_pipeline_free(w->pipeline);
    tn_session_free(w->session);
    tn_program_free(w->program);
    tn_tokenizer_free(w->tokenizer);
    free(w->text);
    free(w->lines);
    free(w->features);
    tn_context_free(w->c);
    *w = (work){.row = w->row, .folder = w->folder, .threads = w->threads};
}

/* ---- setting up --------------------------------------------------------------------------------------------------- */

static bool load(work *w, const tn_transform *t)
{
    w->loader = w->data ? tn_loader_new(w->c, w->data,
                                        TN_OPT(tn_loader_opt, .batch = BATCH, .shuffle = true, .drop_last = true,
                                               .workers = w->threads, .prefetch = AHEAD, .transforms = t,
                                               .n_transforms = t != NULL))
                        : NULL;
    return w->loader ? true : fail(w, NULL);
}

static bool set_up_pictures(work *w)
{
    static const double mean[] = {0.485, 0.456, 0.406}, std[] = {0.229, 0.224, 0.225};
    const tn_transform t = {.field = "x", .scale = 1.0 / 255, .channels = 3, .mean = mean, .std = std};
    const bool small = begins(w, "data_cifar");
    w->pipeline = tn_pipeline_parse(w->c, small ? "random_crop height=32 width=32 padding=4; flip_horizontal"
                                                : "random_resized_crop height=224 width=224; flip_horizontal");
    const int size = small ? 32 : 224;
    if (is(w, "data_cifar_binary")) {
        tn_dataset *plain = tn_dataset_cifar(w->c, place(w, "cifar-10-batches-bin"), true);
        w->data = plain ? tn_dataset_augment(w->c, plain, w->pipeline, 0, 0) : NULL;
        tn_dataset_free(plain);
    } else {
        w->data = tn_dataset_pictures(w->c, place(w, small ? "cifar.tar.gz" : "photos"),
                                      TN_OPT(tn_pictures_opt, .height = size, .width = size, .pipeline = w->pipeline));
    }
    return load(w, &t);
}

static bool set_up_sounds(work *w)
{
    w->data = tn_dataset_sounds(w->c, place(w, "sounds"), TN_OPT(tn_sounds_opt, .rate = RATE, .seconds = 1));
    if (!load(w, NULL))
        return false;
    tn_graph *g = tn_graph_new(w->c);
    tn_tensor *x = tn_input(g, "x", TN_F32, TN_SHAPE(BATCH, RATE));
    tn_tensor *y = tn_log_mel(x, TN_OPT(tn_mel_opt, .rate = RATE, .n_fft = 256, .hop = 80, .mels = MELS));
    tn_entry_output(tn_entry_new(g, "listen", 0), "y", y);
    w->program = tn_compile(g, NULL);
    tn_graph_free(g);
    w->session = w->program ? tn_session_new(w->program, NULL) : NULL;
    w->features = malloc(sizeof(float) * BATCH * MELS * (RATE / 80 + 1));
    return w->session && w->features ? true : fail(w, NULL);
}

static bool read_lines(work *w)
{
    void *text;
    size_t bytes;
    base_error e = {0};
    if (base_file_read(place(w, "text.txt"), SIZE_MAX, &text, &bytes, &e) != TN_OK)
        return fail(w, e.text);
    w->text = text;
    size_t most = 1;
    for (size_t i = 0; i < bytes; i++)
        most += w->text[i] == '\n';
    w->lines = calloc(most, sizeof *w->lines);
    for (const char *at = w->text, *end = w->text + bytes; w->lines && at < end;) {
        const char *next = memchr(at, '\n', (size_t)(end - at));
        next = next ? next + 1 : end;
        w->lines[w->n_lines++] = (tn_text){at, (size_t)(next - at)};
        at = next;
    }
    return w->lines ? true : fail(w, "out of memory");
}

static bool set_up_texts(work *w)
{
    char vocab[4096];
    (void)snprintf(vocab, sizeof vocab, "%s", place(w, is(w, "data_gpt2") ? "vocab.json" : "vocab.txt"));
    w->tokenizer = is(w, "data_gpt2") ? tn_tokenizer_gpt2(w->c, vocab, place(w, "merges.txt"), NULL)
                                      : tn_tokenizer_bert(w->c, vocab, TN_OPT(tn_tokenizer_bert_opt, .bare = true));
    return w->tokenizer ? read_lines(w) : fail(w, NULL);
}

static bool set_up(work *w)
{
    clear(w);
    w->c = tn_context_new(TN_OPT(tn_context_opt, .threads = w->threads));
    if (begins(w, "data_csv"))
        return true;
    if (is(w, "data_gpt2") || is(w, "data_wordpiece"))
        return set_up_texts(w);
    return is(w, "data_log_mel") ? set_up_sounds(w) : set_up_pictures(w);
}

/* ---- steps -------------------------------------------------------------------------------------------------------- */

/* The next batch; epochs follow each other. */
static bool next_batch(work *w, const tn_batch **b)
{
    do
        if (tn_loader_next(w->loader, b) != TN_OK)
            return fail(w, tn_loader_error(w->loader));
    while (!*b);
    return true;
}

static bool step_batch(work *w)
{
    const tn_batch *b;
    if (!next_batch(w, &b))
        return false;
    const tn_view *x = &b->fields[0];
    if (w->session) {
        const tn_feed in = {"x", *x},
                      out = {"y", tn_view_of(w->features, TN_F32, 3, (int64_t[]){BATCH, MELS, RATE / 80 + 1})};
        if (tn_run(w->session, "listen", 1, &in, 1, &out) != TN_OK)
            return fail(w, tn_session_error(w->session));
        w->outputs[0] = MELS;
        w->outputs[1] = RATE / 80 + 1;
        w->n_outputs = 2;
    } else if (w->n_outputs == 0) {
        const float *v = x->data;
        const size_t n = x->bytes / sizeof *v;
        double sum = 0, squares = 0;
        for (size_t i = 0; i < n; i++) {
            sum += (double)v[i];
            squares += (double)v[i] * (double)v[i];
        }
        w->outputs[0] = sum / (double)n;
        w->outputs[1] = squares / (double)n;
        w->n_outputs = 2;
    }
    return true;
}

static bool step_table(work *w)
{
    static const char *const names[][2] = {{"data_csv_integers", "integers.csv"},
                                           {"data_csv_floats", "floats.csv"},
                                           {"data_csv_texts", "texts.csv"},
                                           {"data_csv_gz", "floats.csv.gz"}};
    const char *name = "?";
    for (int i = 0; i < 4; i++)
        name = is(w, names[i][0]) ? names[i][1] : name;
    tn_table *t = tn_table_read(w->c, place(w, name), NULL);
    if (!t)
        return fail(w, NULL);
    w->outputs[0] = (double)tn_table_rows(t);
    w->outputs[1] = tn_table_columns(t);
    w->n_outputs = 2;
    tn_table_free(t);
    return true;
}

static bool step_text(work *w)
{
    tn_token_rows rows;
    if (tn_encode_batch(w->c, w->tokenizer, w->lines, w->n_lines, NULL, &rows) != TN_OK)
        return fail(w, NULL);
    w->outputs[0] = (double)rows.starts[rows.rows];
    w->n_outputs = 1;
    tn_token_rows_free(&rows);
    return true;
}

static bool step(work *w)
{
    return w->loader ? step_batch(w) : w->tokenizer ? step_text(w) : step_table(w);
}

/* n steps; of a loader their mean each, as batches come in bursts. What was made ahead while others ran is not counted. */
static bool run(work *w, int64_t n, double *seconds)
{
    const tn_batch *b;
    for (int i = 0; w->loader && i < AHEAD; i++)
        if (!next_batch(w, &b))
            return false;
    const int64_t counted = w->loader && n < AHEAD ? AHEAD : n;
    const double begin = now();
    for (int64_t i = 0; i < counted; i++) {
        const double at = now();
        if (!step(w))
            return false;
        if (i < n)
            seconds[i] = now() - at;
    }
    const double mean = (now() - begin) / (double)counted;
    for (int64_t i = 0; w->loader && i < n; i++)
        seconds[i] = mean;
    return true;
}

/* ---- the protocol ------------------------------------------------------------------------------------------------- */

static void answer_error(const work *w)
{
    (void)fputs("{\"error\":\"", stdout);
    for (const char *p = w->error; *p; p++)
        (void)fputc(*p == '"' || *p == '\\' || (unsigned char)*p < 32 ? '\'' : *p, stdout);
    (void)fputs("\"}\n", stdout);
}

static void answer_run(work *w, int64_t n)
{
    double *seconds = malloc((size_t)n * sizeof *seconds);
    if (!seconds || !w->c || !run(w, n, seconds)) {
        if (!seconds || !w->c)
            fail(w, seconds ? "'run' comes before 'setup'" : "out of memory");
        answer_error(w);
    } else {
        (void)fputs("{\"seconds\":[", stdout);
        for (int64_t i = 0; i < n; i++)
            (void)printf("%s%.9f", i ? "," : "", seconds[i]);
        (void)fputs("],\"outputs\":[", stdout);
        for (int i = 0; i < w->n_outputs; i++)
            (void)printf("%s%.9g", i ? "," : "", w->outputs[i]);
        (void)fputs("]}\n", stdout);
    }
    free(seconds);
}

static int serve(work *w)
{
    char line[256], version[32] = "";
    while (fgets(line, sizeof line, stdin)) {
        long n;
        if (strcmp(line, "quit\n") == 0)
            break;
        if (strcmp(line, "hello\n") == 0) {
            (void)sscanf(tn_version_text(), "tarn %31s", version);
            (void)printf("{\"name\":\"Tarn\",\"version\":\"%s\",\"isa\":null,\"details\":\"%d threads\"}\n", version,
                         w->threads);
        } else if (strcmp(line, "setup\n") == 0) {
            if (set_up(w))
                (void)fputs("{\"details\":\"\"}\n", stdout);
            else
                answer_error(w);
        } else if (sscanf(line, "run %ld", &n) == 1 && n >= 1 && n <= MOST_STEPS) {
            answer_run(w, n);
        } else {
            fail(w, "the commands are hello, setup, run N and quit");
            answer_error(w);
        }
        (void)fflush(stdout);
    }
    return 0;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int show(work *w, int64_t n)
{
    double *seconds = calloc((size_t)n + 1, sizeof *seconds);
    if (!seconds || !set_up(w) || !run(w, n, seconds)) {
        (void)fprintf(stderr, "bench_data: %s\n", w->error);
        free(seconds);
        return 1;
    }
    qsort(seconds, (size_t)n, sizeof *seconds, by_value);
    (void)printf("%s: %.3f ms a step (least %.3f)\n", w->row, 1e3 * seconds[n / 2], 1e3 * seconds[0]);
    free(seconds);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 6 || strcmp(argv[2], "--data") != 0 || strcmp(argv[4], "--threads") != 0) {
        (void)fprintf(stderr, "usage: bench_data ROW --data FOLDER --threads N [STEPS]\n");
        return 2;
    }
    work w = {.row = argv[1], .folder = argv[3], .threads = atoi(argv[5])};
    const int code = argc > 6 ? show(&w, atoi(argv[6]) > 0 ? atoi(argv[6]) : 1) : serve(&w);
    clear(&w);
    return code;
}
