/* bench.c: tarn bench: how fast this machine runs standard nets. Without --serve: rows for people. With --serve: Tarn's side of
 * the benchmark against its peers; see bench_serve.c. */
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* About a second of steps, at least three; their median and least, in seconds. */
static bool measure(bench_work *w, double *median, double *least)
{
    enum { ROOM = 20000, LEAST = 3 };
    double *seconds = malloc(ROOM * sizeof *seconds), end = bench_now() + 0.1;
    int n = 0;
    bool ok = seconds ? true : bench_fail(w, "out of memory");
    do /* warms up */
        ok = ok && bench_step(w) >= 0;
    while (ok && bench_now() < end);
    for (end = bench_now() + 1; ok && n < ROOM && (n < LEAST || bench_now() < end); n += ok)
        ok = (seconds[n] = bench_step(w)) >= 0;
    if (ok) {
        qsort(seconds, (size_t)n, sizeof *seconds, compare);
        *median = seconds[n / 2];
        *least = seconds[0];
    }
    free(seconds);
    return ok;
}

static const char *what(const bench_work *w)
{
    return w->row.parameters ? "update" : bench_trains(w) ? "step" : "forward";
}

static int show(bench_work *w, bool json)
{
    double begin = bench_now(), median = 0, least = 0;
    if (!bench_set_up(w, NULL) || bench_step(w) < 0)
        return cli_fail("%s: %s", w->row.name, w->error);
    double first = bench_now() - begin;
    if (!measure(w, &median, &least))
        return cli_fail("%s: %s", w->row.name, w->error);
    if (json)
        (void)printf("{\"row\":\"%s\",\"median_seconds\":%.9f,\"min_seconds\":%.9f,\"first_step_seconds\":%.6f,"
                     "\"flops\":%.0f,\"buffer_bytes\":%zu}\n",
                     w->row.name, median, least, first, w->memory.flops, w->memory.buffer + w->memory.scratch);
    else
        (void)printf("%-24s %10.4f ms a %s (least %.4f), %8.2f GFLOP/s, %8.1f ms to the first\n", w->row.name,
                     1e3 * median, what(w), 1e3 * least, 1e-9 * w->memory.flops / median, 1e3 * first);
    (void)fflush(stdout);
    return CLI_OK;
}

static void list_row(const bench_row *r, bool json)
{
    if (!json) {
        (void)printf("%-24s %s\n", r->name, r->title);
        return;
    }
    (void)printf("{\"row\":\"%s\",\"title\":\"%s\",\"net\":\"%s\",\"sample\":[", r->name, r->title, r->net);
    for (int i = 0; i < r->sample.rank; i++)
        (void)printf("%s%lld", i ? "," : "", (long long)r->sample.dims[i]);
    (void)printf("],\"classes\":%lld,\"loss\":\"%s\",\"batch\":%lld,\"optimizer\":\"%s\",\"lr\":%g,\"momentum\":%g,"
                 "\"tokens\":%lld,\"parameters\":%lld,\"limit_mb\":%lld}\n",
                 (long long)r->classes, r->loss, (long long)r->batch, r->optimizer, r->lr, r->momentum,
                 (long long)r->tokens, (long long)r->parameters, (long long)r->limit_mb);
}

static int list(bool json)
{
    for (int i = 0; bench_row_at(i); i++)
        list_row(bench_row_at(i), json);
    return CLI_OK;
}

/* One row, or all; a row that fails does not keep the others from running. */
static int show_rows(bench_work *w, const char *name, const char *optimizer, bool json, bool bf16)
{
    int code = CLI_OK;
    if (name && !bench_row_find(name)) {
        code = cli_fail("there is no row '%s'; these are there:", name);
        for (int i = 0; bench_row_at(i); i++)
            (void)fprintf(stderr, "  %s\n", bench_row_at(i)->name);
        return code;
    }
    if (!json)
        (void)printf("%s, %d threads, %s\n", tn_context_isa(w->c), tn_context_threads(w->c), bf16 ? "bf16" : "f32");
    for (int i = 0; bench_row_at(i); i++) {
        w->row = *bench_row_at(i);
        w->row.bf16 = bf16;
        if (optimizer && w->row.optimizer[0])
            w->row.optimizer = optimizer;
        if ((!name || strcmp(name, w->row.name) == 0) && show(w, json) != CLI_OK)
            code = CLI_FAILED;
    }
    return code;
}

/* From the start of the process to one answer. */
static int first_prediction(bench_work *w, const char *path)
{
    int best = 0;
    if (!bench_set_up(w, path) || bench_step(w) < 0)
        return cli_fail("%s", w->error);
    for (int i = 1; i < w->n_scores; i++)
        if (w->scores[i] > w->scores[best])
            best = i;
    (void)printf("{\"class\":%d}\n", best);
    return CLI_OK;
}

static int run(const cli_args *a)
{
    const char *name = a->n ? a->at[0] : NULL;
    if (a->n > 1 || (a->serve && (!a->data || !name)) || (a->data && !name) || (a->list && a->n > 0))
        return cli_usage(&cli_bench);
    if (a->list)
        return list(a->json);
    bool bf16 = a->precision && strcmp(a->precision, "bf16") == 0;
    if (a->precision && !bf16 && strcmp(a->precision, "f32") != 0)
        return cli_fail("--precision is '%s'; there are f32 and bf16", a->precision);
    int kind = 0;
    while (a->optimizer && tn_optimizer_name(kind) && strcmp(tn_optimizer_name(kind), a->optimizer) != 0)
        kind++;
    if (a->optimizer && !tn_optimizer_name(kind))
        return cli_fail("--optimizer is '%s'; there are sgd, adam, adamw, rmsprop, lion and others, as in recipes",
                        a->optimizer);
    bench_work w = {.c = cli_context(a, 0), .row = {.name = name, .loss = "", .optimizer = "", .net = ""}};
    int code = CLI_FAILED;
    if (w.c && a->serve)
        code = bench_serve(&w, a->data);
    else if (w.c && a->data)
        code = first_prediction(&w, a->data);
    else if (w.c)
        code = show_rows(&w, name, a->optimizer, a->json, bf16);
    bench_clear(&w);
    tn_context_free(w.c);
    return code;
}

const cli_command cli_bench = {
    "bench",
    "bench [ROW | --list] [--threads N] [--isa ISA] [--precision f32|bf16] [--optimizer NAME] "
    "[--json]   or   "
    "tarn bench ROW --serve --data FILE [--threads N]",
    "Times training steps and predictions of standard nets on this machine, each for about "
    "a second. With --serve:\nas a part of the benchmark against others, which bench/bench "
    "runs.",
    run,
    "serve data list json precision optimizer",
    false};
