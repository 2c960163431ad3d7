/* bench_serve.c: Tarn's side of the benchmark against its peers: the protocol of bench/README.md. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

enum { MOST_STEPS = 1000000, SHOWN_NODES = 24 };

static void answer_error(const bench_work *w)
{
    (void)fputs("{\"error\":", stdout);
    cli_json_string(stdout, w->error);
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

static void answer_hello(const bench_work *w)
{
    char version[32] = "";
    (void)sscanf(tn_version_text(), "tarn %31s", version);
    (void)printf("{\"name\":\"Tarn\",\"version\":\"%s\",\"isa\":\"%s\",\"details\":\"%d threads\"}\n", version,
                 tn_context_isa(w->c), tn_context_threads(w->c));
}

/* Sets up, and once more up to the end of a first step, which is timed: everything but reading the file is done again. */
static void answer_setup(bench_work *w, const char *path)
{
    double begin = bench_now();
    bool ok = bench_set_up(w, path) && bench_step(w) >= 0;
    double first = bench_now() - begin;
    if (!ok || !bench_set_up(w, path)) {
        answer_error(w);
        return;
    }
    (void)printf("{\"first_step_seconds\":%.6f,\"buffer_bytes\":%zu,\"state_bytes\":%zu,\"nodes\":%d,\"flops\":", first,
                 w->memory.buffer + w->memory.scratch, w->memory.state, w->memory.steps);
    cli_json_number(stdout, w->memory.flops);
    if (w->row.limit_mb > 0)
        (void)printf(",\"details\":\"values limited to %lld MB: some are computed again\"", (long long)w->row.limit_mb);
    (void)fputs("}\n", stdout);
}

/* n steps, with their losses; or what else there is to compare: scores of the first step, parameters after these. */
static void answer_run(bench_work *w, int64_t n)
{
    double *seconds = malloc((size_t)n * sizeof *seconds), *losses = malloc((size_t)n * sizeof *losses);
    double outputs[BENCH_OUTPUTS];
    bool first = w->at == 0, ok = seconds && losses && w->session;
    int n_outputs = 0;
    if (!ok)
        bench_fail(w, "%s", w->session ? "out of memory" : "'run' comes before 'setup'");
    for (int64_t i = 0; ok && i < n; i++) {
        seconds[i] = bench_step(w);
        ok = seconds[i] >= 0;
        losses[i] = (double)w->loss;
        if (ok && first && !bench_trains(w) && i == (w->row.parameters ? n - 1 : 0))
            n_outputs = bench_outputs(w, outputs);
    }
    if (ok) {
        (void)fputc('{', stdout);
        answer_list("seconds", seconds, n);
        if (bench_trains(w) || n_outputs) {
            (void)fputc(',', stdout);
            answer_list(n_outputs ? "outputs" : "losses", n_outputs ? outputs : losses, n_outputs ? n_outputs : n);
        }
        (void)fputs("}\n", stdout);
    } else {
        answer_error(w);
    }
    free(seconds);
    free(losses);
}

/* ---- where the time goes ------------------------------------------------------------------------------------------- */

static int slower_first(const void *a, const void *b)
{
    double x = ((const tn_profile_row *)a)->seconds, y = ((const tn_profile_row *)b)->seconds;
    return (x < y) - (x > y);
}

static void answer_node(const tn_profile_row *r)
{
    (void)fputs("{\"node\":", stdout);
    cli_json_string(stdout, r->node);
    (void)fputs(",\"operator\":", stdout);
    cli_json_string(stdout, r->op);
    (void)fputs(",\"kernel\":", stdout);
    cli_json_string(stdout, r->kernel);
    (void)printf(",\"seconds\":%.9f,\"flops\":%.0f,\"bytes\":%.0f}", r->seconds, r->flops, r->bytes);
}

typedef struct profile {
    tn_profile_row *rows;
    int n, room;
    double seconds;
} profile;

static bool add_rows(bench_work *w, profile *p, const char *entry)
{
    tn_profile_row r;
    for (int i = 0; tn_session_profile_row(w->session, entry, i, &r) == TN_OK; i++) {
        if (r.calls == 0)
            continue;
        if (p->n == p->room) {
            int room = p->room ? 2 * p->room : 256;
            tn_profile_row *grown = realloc(p->rows, (size_t)room * sizeof *grown);
            if (!grown)
                return bench_fail(w, "out of memory");
            p->rows = grown;
            p->room = room;
        }
        r.seconds /= (double)r.calls;
        p->seconds += r.seconds;
        p->rows[p->n++] = r;
    }
    return true;
}

/* n steps, each kernel call timed: the nodes that took longest, and the time of all. */
static void answer_profile(bench_work *w, int64_t n)
{
    profile p = {0};
    bool ok = w->session ? true : bench_fail(w, "'profile' comes before 'setup'");
    if (ok)
        tn_session_profile(w->session, true);
    for (int64_t i = 0; ok && i < n; i++)
        ok = bench_step(w) >= 0;
    if (w->session)
        tn_session_profile(w->session, false);
    for (int i = 0; ok && bench_entry(w, i); i++)
        ok = add_rows(w, &p, bench_entry(w, i));
    if (ok) {
        if (p.n)
            qsort(p.rows, (size_t)p.n, sizeof *p.rows, slower_first);
        (void)printf("{\"seconds\":%.9f,\"count\":%d,\"nodes\":[", p.seconds, p.n);
        for (int i = 0; i < p.n && i < SHOWN_NODES; i++) {
            (void)fputs(i ? "," : "", stdout);
            answer_node(&p.rows[i]);
        }
        (void)fputs("]}\n", stdout);
    } else {
        answer_error(w);
    }
    free(p.rows);
}

int bench_serve(bench_work *w, const char *path)
{
    char line[256];
    while (fgets(line, sizeof line, stdin)) {
        long n;
        if (strcmp(line, "quit\n") == 0)
            break;
        if (strcmp(line, "hello\n") == 0) {
            answer_hello(w);
        } else if (strcmp(line, "setup\n") == 0) {
            answer_setup(w, path);
        } else if (sscanf(line, "run %ld", &n) == 1 && n >= 1 && n <= MOST_STEPS) {
            answer_run(w, n);
        } else if (sscanf(line, "profile %ld", &n) == 1 && n >= 1 && n <= MOST_STEPS) {
            answer_profile(w, n);
        } else {
            bench_fail(w, "the commands are hello, setup, run N, profile N and quit");
            answer_error(w);
        }
        (void)fflush(stdout);
    }
    return CLI_OK;
}
