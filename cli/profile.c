/* profile.c: tarn profile RUN|MODEL|RECIPE: where the time of a prediction goes, node by node, against what the machine can do;
 * of a recipe also that of a training step. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"

enum { BATCH = 64, RUNS = 20, MOST_RUNS = 2000 };
static const double ENOUGH = 0.2; /* seconds; RUNS are made all the same */

typedef struct profiling {
    tn_context *c;
    tn_machine limits;
    const cli_args *a;
    int batch;
} profiling;

static double limit_of(const profiling *p, const tn_profile_row *r)
{
    double arithmetic = r->flops / p->limits.flops, memory = r->bytes / p->limits.bytes;
    return arithmetic > memory ? arithmetic : memory; /* seconds at the roofline */
}

static double seconds_of(const tn_profile_row *r)
{
    return r->calls ? r->seconds / (double)r->calls : 0;
}

/* `total`: seconds of all rows. */
static void show_row(const profiling *p, const tn_profile_row *r, double total)
{
    const double each = seconds_of(r), share = total > 0 ? 100 * each / total : 0;
    const double limit = each > 0 ? 100 * limit_of(p, r) / each : 0;
    if (p->a->json) {
        (void)fputs("{\"node\":", stdout);
        cli_json_string(stdout, r->node);
        (void)fputs(",\"operator\":", stdout);
        cli_json_string(stdout, r->op);
        (void)fputs(",\"kernel\":", stdout);
        cli_json_string(stdout, r->kernel);
        (void)printf(",\"microseconds\":%.3f,\"time_percent\":%.2f,\"flops\":%.0f,\"bytes\":%.0f,"
                     "\"roofline_percent\":%.1f}\n",
                     1e6 * each, share, r->flops, r->bytes, limit);
        return;
    }
    (void)printf("%10.1f %6.1f%% %8.1f %7.1f %8.1f  %-28s %s\n", 1e6 * each, share,
                 each > 0 ? r->flops / each * 1e-9 : 0, each > 0 ? r->bytes / each * 1e-9 : 0, 1e6 * limit_of(p, r),
                 r->kernel, r->node);
}

static int show(const profiling *p, tn_session *s, const char *entry, int n, const tn_feed *feeds)
{
    tn_profile_row r;
    double total = 0, bound = 0;
    tn_status status = tn_run(s, entry, n, feeds, 0, NULL); /* warms up */
    tn_session_profile(s, true);
    int runs = 0;
    for (clock_t start = clock(); status == TN_OK && runs < MOST_RUNS; runs++) {
        if (runs >= RUNS && (double)(clock() - start) / CLOCKS_PER_SEC > ENOUGH)
            break;
        status = tn_run(s, entry, n, feeds, 0, NULL);
    }
    tn_session_profile(s, false);
    if (status != TN_OK)
        return cli_fail("%s", tn_session_error(s));
    if (!p->a->json)
        (void)printf("%s, batch %d, mean of %d runs; at best: the longer of arithmetic and memory at this machine's "
                     "limits (what lies in caches\ncan be faster than memory)\n%10s %7s %8s %7s %8s  %-28s %s\n",
                     entry, p->batch, runs, "us", "of time", "GFLOP/s", "GB/s", "at best", "kernel", "node");
    for (int i = 0; tn_session_profile_row(s, entry, i, &r) == TN_OK; i++)
        total += seconds_of(&r);
    for (int i = 0; tn_session_profile_row(s, entry, i, &r) == TN_OK; i++) {
        if (r.calls == 0)
            continue; /* it follows from weights alone: done once */
        show_row(p, &r, total);
        bound += limit_of(p, &r);
    }
    if (!p->a->json)
        (void)printf("%10.1f  100.0%% %25.1f  in all\n\n", 1e6 * total, 1e6 * bound);
    return CLI_OK;
}

/* A view of zeros in the shape of an input, the batch filled in. */
static bool zeros(const profiling *p, const tn_tensor *x, const char *name, tn_feed *feed)
{
    tn_shape shape = tn_tensor_shape(x);
    int64_t dims[TN_MAX_RANK];
    for (int i = 0; i < shape.rank; i++)
        dims[i] = shape.dims[i] >= 0 ? shape.dims[i] : p->batch;
    *feed = (tn_feed){name, tn_view_of(NULL, tn_tensor_dtype(x), shape.rank, dims)};
    feed->view.data = calloc(feed->view.bytes + 1, 1);
    return feed->view.data != NULL;
}

/* The step of a classifier with Adam on top of the model's graph. */
static tn_tensor *add_step(tn_model *m)
{
    tn_tensor *y = tn_model_output(m);
    tn_shape shape = tn_tensor_shape(y);
    if (shape.rank != 2)
        return NULL;
    tn_tensor *target = tn_input(tn_model_graph(m), "target", TN_I64, TN_SHAPE(shape.dims[0]));
    tn_minimize(tn_cross_entropy(y, target, NULL), TN_OPT(tn_optim_opt, .kind = TN_ADAM));
    return target;
}

static int profile_entry(const profiling *p, tn_model *m, const char *entry, tn_tensor *target)
{
    tn_feed feeds[4] = {{0}};
    float lr = 1e-3F;
    int n = 1, code = CLI_FAILED;
    tn_program *program = tn_compile_entry(tn_model_graph(m), entry, NULL);
    tn_session *s = program && tn_model_init(m, 0) == TN_OK ? tn_session_new(program, tn_model_state(m)) : NULL;
    bool room = zeros(p, tn_model_input(m), "x", &feeds[0]);
    if (target) {
        room = room && zeros(p, target, "target", &feeds[1]);
        feeds[2] = (tn_feed){"lr", tn_view_of(&lr, TN_F32, 0, NULL)};
        n = 3;
    }
    if (tn_model_heard(m))
        room = room && zeros(p, tn_model_heard(m), "given", &feeds[n++]);
    if (!s)
        cli_fail("%s", program ? tn_model_error(m) : tn_context_error(p->c));
    else
        code = room ? show(p, s, entry, n, feeds) : cli_fail("out of memory");
    free(feeds[0].view.data);
    free(feeds[1].view.data);
    if (n > 2 && tn_model_heard(m)) /* else it is feeds[1] */
        free(feeds[n - 1].view.data);
    tn_session_free(s);
    tn_program_free(program);
    return code;
}

static int run(const cli_args *a)
{
    if (a->n != 1)
        return cli_usage(&cli_profile);
    profiling p = {.c = cli_context(a, 0), .a = a, .batch = a->batch ? a->batch : BATCH};
    tn_model *m = p.c ? cli_model_of(p.c, a) : NULL;
    int code = CLI_FAILED;
    if (m && tn_machine_limits(p.c, &p.limits) != TN_OK) {
        cli_fail("%s", tn_context_error(p.c));
    } else if (m) {
        if (!a->json)
            (void)printf("%s; %d thread%s, %s; limits: %.0f GFLOP/s, %.1f GB/s\n\n", tn_model_name(m),
                         tn_context_threads(p.c), tn_context_threads(p.c) == 1 ? "" : "s", tn_context_isa(p.c),
                         p.limits.flops * 1e-9, p.limits.bytes * 1e-9);
        code = profile_entry(&p, m, "predict", NULL);
        tn_tensor *target = code == CLI_OK && cli_is_recipe(a->at[0]) ? add_step(m) : NULL;
        if (target)
            code = profile_entry(&p, m, "step", target);
    }
    tn_model_free(m);
    tn_context_free(p.c);
    return code;
}

const cli_command cli_profile = {
    "profile",
    "profile RUN|MODEL|RECIPE [key=value ...] [--batch N] [--threads N] [--isa ISA] [--json]",
    "Where the time of a prediction (of a recipe also of a training step) goes: per node "
    "the time and its share of the whole,\n"
    "FLOP/s, bytes/s, the time at this machine's limits, measured now, and the kernel that ran. The batch is 64 "
    "unless said.",
    run,
    "json batch",
    true};
