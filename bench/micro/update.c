/* update.c: speed of the optimizers' updates alone, without gradients to compute: the entry "apply" on sums that are there.
 *
 *     bench_update [-t threads] [-n elements] [-k parameters] [-a steps a round] [-p] [part of a name]
 *
 * As many parameters as -k says, of -n elements each. Shown are the best time of a step in seven rounds and the bandwidth by necessary
 * bytes: what an element's update reads and writes at least. -p adds the profile of each node. */
#include <tarn/tarn.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct way {
    const char *name;
    int bytes; /* of an element in f32: weight and slots read and written, the gradient read */
    tn_optim_opt opt;
} way;

#define SLOTS(n) (12 + 8 * (n))
static const way ways[] = {
    {"sgd", SLOTS(0), {.kind = TN_SGD}},
    {"sgd, momentum", SLOTS(1), {.kind = TN_SGD, .momentum = 0.9}},
    {"adam", SLOTS(2), {.kind = TN_ADAM}},
    {"adamw", SLOTS(2), {.kind = TN_ADAMW}},
    {"adamw, amsgrad", SLOTS(3), {.kind = TN_ADAMW, .amsgrad = true}},
    {"adagrad", SLOTS(1), {.kind = TN_ADAGRAD}},
    {"adadelta", SLOTS(2), {.kind = TN_ADADELTA}},
    {"rmsprop", SLOTS(1), {.kind = TN_RMSPROP}},
    {"rmsprop, centered, momentum", SLOTS(3), {.kind = TN_RMSPROP, .centered = true, .momentum = 0.9}},
    {"adamax", SLOTS(2), {.kind = TN_ADAMAX}},
    {"nadam", SLOTS(2), {.kind = TN_NADAM}},
    {"radam", SLOTS(2), {.kind = TN_RADAM}},
    {"lion", SLOTS(1), {.kind = TN_LION}},
    {"rprop", SLOTS(2), {.kind = TN_RPROP}},
    {"asgd", SLOTS(1), {.kind = TN_ASGD}},
    {"lamb", SLOTS(2), {.kind = TN_LAMB}},
    {"lars", SLOTS(1), {.kind = TN_LARS}},
    {"adamw, ema", SLOTS(3), {.kind = TN_ADAMW, .average = TN_AVERAGE_EMA}},
};

typedef struct setting {
    tn_context *context;
    int64_t elements;
    int parameters, steps;
    bool profile;
} setting;

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void must(bool ok, const char *why)
{
    if (ok)
        return;
    (void)fprintf(stderr, "bench_update: %s\n", why);
    exit(1);
}

static void fill(tn_state *state, const setting *s)
{
    for (int i = 0; i < s->parameters; i++) {
        char name[64];
        tn_view v;
        (void)snprintf(name, sizeof name, "optim.w%d.grad", i);
        must(tn_state_find(state, name, &v) == TN_OK, "no gradient");
        for (int64_t k = 0; k < s->elements; k++)
            ((float *)v.data)[k] = 1e-3F * (float)(k % 1001 - 500);
    }
}

static double best_time(tn_session *session, const setting *s)
{
    float lr = 1e-3F, count = 1;
    tn_feed feeds[] = {{"lr", tn_view_of(&lr, TN_F32, 0, NULL)}, {"accumulated", tn_view_of(&count, TN_F32, 0, NULL)}};
    double best = 1e9;
    for (int round = -1; round < 7; round++) {
        double start = seconds();
        for (int i = 0; i < s->steps; i++)
            must(tn_run(session, "apply", 2, feeds, 0, NULL) == TN_OK, tn_session_error(session));
        double took = (seconds() - start) / s->steps;
        best = round >= 0 && took < best ? took : best;
    }
    return best;
}

static void show_profile(tn_session *session, const setting *s)
{
    tn_profile_row row;
    tn_session_profile(session, true);
    (void)best_time(session, s);
    for (int i = 0; tn_session_profile_row(session, "apply", i, &row) == TN_OK; i++)
        printf("    %-40s %-16s %-18s %9.3f us\n", row.node, row.op, row.kernel,
               row.calls ? row.seconds / (double)row.calls * 1e6 : 0);
}

static void measure(const way *w, const setting *s)
{
    tn_graph *g = tn_graph_new(s->context);
    tn_tensor *loss = NULL;
    for (int i = 0; i < s->parameters; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "w%d", i);
        tn_tensor *sum = tn_sum(tn_param(g, name, TN_F32, TN_SHAPE(s->elements), NULL));
        loss = loss ? tn_add(loss, sum) : sum;
    }
    tn_optim_opt opt = w->opt;
    opt.accumulate = opt.no_gradient_norm = true;
    must(tn_minimize(loss, &opt) == TN_OK, tn_graph_error(g));
    tn_program *program = tn_compile(g, NULL);
    must(program != NULL, tn_context_error(s->context));
    tn_state *state = tn_state_new(s->context);
    must(tn_state_init(state, g, 1) == TN_OK, "state");
    fill(state, s);
    tn_session *session = tn_session_new(program, state);
    double took = best_time(session, s), n = (double)s->elements * s->parameters;
    printf("%-28s %10.1f us %8.3f ns an element %8.1f GB/s\n", w->name, took * 1e6, took / n * 1e9,
           w->bytes * n / took * 1e-9);
    if (s->profile)
        show_profile(session, s);
    tn_session_free(session);
    tn_state_free(state);
    tn_program_free(program);
    tn_graph_free(g);
}

int main(int argc, char **argv)
{
    setting s = {.elements = 1 << 22, .parameters = 4, .steps = 1};
    const char *part = "";
    int threads = 1;
    for (int i = 1; i < argc; i++) {
        const char *next = i + 1 < argc ? argv[i + 1] : "0";
        if (strcmp(argv[i], "-t") == 0)
            threads = atoi(next), i++;
        else if (strcmp(argv[i], "-n") == 0)
            s.elements = atoll(next), i++;
        else if (strcmp(argv[i], "-k") == 0)
            s.parameters = atoi(next), i++;
        else if (strcmp(argv[i], "-a") == 0)
            s.steps = atoi(next), i++;
        else if (strcmp(argv[i], "-p") == 0)
            s.profile = true;
        else
            part = argv[i];
    }
    s.context = tn_context_new(&(tn_context_opt){.threads = threads});
    must(s.context != NULL, "no context");
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (strstr(ways[i].name, part))
            measure(&ways[i], &s);
    tn_context_free(s.context);
    return 0;
}
