/* Optimizers and schedules beside PyTorch and the papers: optim.safetensors, made by make_optim.py, has gradients, what the
 * parameters are after 1, 5 and 20 steps for every variant, and the rates of 60 steps for every schedule; optim64.safetensors what they are
 * after 20 steps in f64. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "op/scheme/eval.h"
#include "support/golden_file.h"
#include <tarn/ops.h>
#include <tarn/optim.h>
#include <tarn/program.h>

enum { N = 4, STEPS = 20, MOST = 48 /* elements of a parameter */ };
static const char *const names[N] = {"a", "b", "c", "d"};
static const char *const feeds_of[N] = {"ga", "gb", "gc", "gd"};

static const format_tensor *golden(const format_safetensors *file, const char *prefix, const char *name)
{
    char full[128];
    (void)snprintf(full, sizeof full, "%s.%s", prefix, name);
    const format_tensor *t = format_safetensors_find(file, full);
    if (!t)
        fail_msg("the golden file has no '%s'", full);
    return t;
}

/* ---- options from text ------------------------------------------------------------------------------------------- */

enum kind { DOUBLE, OPTIONAL, BOOL, INT, INT64 };
typedef struct field {
    const char *name;
    enum kind kind;
    size_t at;
} field;

#define O(name, kind)                                                                                                  \
    {                                                                                                                  \
#name, kind, offsetof(tn_optim_opt, name)                                                                      \
    }
static const field optim_fields[] = {O(momentum, DOUBLE),
                                     O(dampening, DOUBLE),
                                     O(nesterov, BOOL),
                                     O(beta1, OPTIONAL),
                                     O(beta2, OPTIONAL),
                                     O(eps, OPTIONAL),
                                     O(weight_decay, OPTIONAL),
                                     O(amsgrad, BOOL),
                                     O(centered, BOOL),
                                     O(decoupled, BOOL),
                                     O(no_nesterov, BOOL),
                                     O(alpha, OPTIONAL),
                                     O(rho, OPTIONAL),
                                     O(lr_decay, DOUBLE),
                                     O(initial_accumulator_value, DOUBLE),
                                     O(momentum_decay, OPTIONAL),
                                     O(trust_coefficient, OPTIONAL),
                                     O(beta2_decay, OPTIONAL),
                                     O(eps2, OPTIONAL),
                                     O(d, OPTIONAL),
                                     O(ns_steps, INT),
                                     O(adjust_lr, INT),
                                     O(refresh, INT64),
                                     O(eta_minus, OPTIONAL),
                                     O(eta_plus, OPTIONAL),
                                     O(step_min, OPTIONAL),
                                     O(step_max, OPTIONAL),
                                     O(lambd, OPTIONAL),
                                     O(t0, OPTIONAL),
                                     O(centralize, BOOL),
                                     O(sam, DOUBLE),
                                     O(lookahead, INT64),
                                     O(lookahead_alpha, OPTIONAL),
                                     O(average, INT),
                                     O(average_decay, OPTIONAL),
                                     O(average_start, INT64),
                                     O(average_every, INT64)};
#undef O

static void set_field(const field *fields, size_t n, void *to, const char *name, const char *text)
{
    double value = strtod(text, NULL);
    for (size_t i = 0; i < n; i++) {
        char *at = (char *)to + fields[i].at;
        if (strcmp(fields[i].name, name) != 0)
            continue;
        if (fields[i].kind == DOUBLE)
            memcpy(at, &value, sizeof value);
        else if (fields[i].kind == OPTIONAL)
            *(tn_opt_f64 *)(void *)at = tn_f64(value);
        else if (fields[i].kind == BOOL)
            *(bool *)at = value > 0;
        else if (fields[i].kind == INT)
            *(int *)(void *)at = (int)value;
        else
            *(int64_t *)(void *)at = (int64_t)value;
        return;
    }
    fail_msg("there is no option '%s'", name);
}

#define S(name, kind)                                                                                                  \
    {                                                                                                                  \
#name, kind, offsetof(tn_schedule_opt, name)                                                                   \
    }
static const field schedule_fields[] = {S(gamma, DOUBLE),
                                        S(every, INT64),
                                        S(total, INT64),
                                        S(lr_min, DOUBLE),
                                        S(warmup_steps, INT64),
                                        S(warmup, INT),
                                        S(warmup_from, DOUBLE),
                                        S(until, INT64),
                                        S(power, DOUBLE),
                                        S(start_factor, OPTIONAL),
                                        S(end_factor, OPTIONAL),
                                        S(period, INT64),
                                        S(period_factor, INT64),
                                        S(pct_start, DOUBLE),
                                        S(div_factor, DOUBLE),
                                        S(final_div_factor, DOUBLE),
                                        S(linear, BOOL),
                                        S(three_phase, BOOL),
                                        S(up, INT64),
                                        S(down, INT64),
                                        S(mode, INT)};
#undef S

/* ---- optimizers -------------------------------------------------------------------------------------------------- */

typedef struct run {
    const format_safetensors *file, *data; /* what is wanted; initial values and gradients */
    const char *variant;
    tn_dtype dtype;
    tn_context *context;
    tn_graph *graph;
    tn_program *program;
    tn_state *state;
    tn_session *session;
} run;

static tn_optim_opt options_of(const run *r, float *lr)
{
    char text[256], *rest = text;
    tn_optim_opt o = {0};
    (void)snprintf(text, sizeof text, "%s", format_safetensors_metadata(r->file, r->variant));
    const char *kind = strtok_r(rest, " ", &rest);
    while (tn_optimizer_name((int)o.kind) && strcmp(tn_optimizer_name((int)o.kind), kind) != 0)
        o.kind = (tn_optimizer)(o.kind + 1);
    for (char *word = strtok_r(rest, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        char *value = strchr(word, '=');
        *value++ = '\0';
        if (strcmp(word, "lr") == 0)
            *lr = strtof(value, NULL);
        else
            set_field(optim_fields, sizeof optim_fields / sizeof *optim_fields, &o, word, value);
    }
    return o;
}

/* A golden tensor of f32 from element `at` on, in the run's dtype. */
static tn_view view_of(const run *r, const format_tensor *t, size_t at, int rank, const int64_t *dims, double *room)
{
    tn_view v = tn_view_of((float *)(uintptr_t)t->data + at, TN_F32, rank, dims);
    if (r->dtype == TN_F32)
        return v;
    for (int64_t i = 0; i < tn_view_count(&v); i++) {
        float f;
        memcpy(&f, (const float *)v.data + i, sizeof f);
        room[i] = f;
    }
    return tn_view_of(room, TN_F64, rank, dims);
}

/* The loss is the sum of p * g: the gradient of each parameter is what is fed for it. */
static void start(run *r, const tn_optim_opt *o)
{
    tn_tensor *loss = NULL;
    r->context = tn_context_new(TN_OPT(tn_context_opt, .threads = 1));
    r->graph = tn_graph_new(r->context);
    for (int i = 0; i < N; i++) {
        const format_tensor *t = golden(r->data, "initial", names[i]);
        tn_shape shape = {.rank = t->rank};
        memcpy(shape.dims, t->dims, sizeof *t->dims * (size_t)t->rank);
        tn_tensor *p = tn_param(r->graph, names[i], r->dtype, shape, NULL);
        tn_tensor *part = tn_sum(tn_mul(p, tn_input(r->graph, feeds_of[i], r->dtype, shape)));
        loss = loss ? tn_add(loss, part) : part;
    }
    if (tn_minimize(loss, o) != TN_OK)
        fail_msg("%s: %s", r->variant, tn_graph_error(r->graph));
    if (!(r->program = tn_compile(r->graph, NULL)))
        fail_msg("%s: %s", r->variant, tn_context_error(r->context));
    r->state = tn_state_new(r->context);
    assert_int_equal(tn_state_init(r->state, r->graph, 1), TN_OK);
    for (int i = 0; i < N; i++) {
        const format_tensor *t = golden(r->data, "initial", names[i]);
        double room[MOST];
        tn_view v = view_of(r, t, 0, t->rank, t->dims, room);
        assert_int_equal(tn_state_set(r->state, names[i], &v), TN_OK);
    }
    r->session = tn_session_new(r->program, r->state);
}

static void finish(run *r)
{
    tn_session_free(r->session);
    tn_state_free(r->state);
    tn_program_free(r->program);
    tn_graph_free(r->graph);
    tn_context_free(r->context);
}

static void step(const run *r, int i, float lr)
{
    tn_feed feeds[N + 1] = {[N] = {"lr", tn_view_of(&lr, TN_F32, 0, NULL)}};
    double room[N][MOST];
    for (int k = 0; k < N; k++) {
        const format_tensor *t = golden(r->data, "gradients", names[k]);
        const size_t count = t->bytes / sizeof(float) / STEPS;
        feeds[k] = (tn_feed){feeds_of[k], view_of(r, t, (size_t)i * count, t->rank - 1, t->dims + 1, room[k])};
    }
    if (tn_run(r->session, "step", N + 1, feeds, 0, NULL) != TN_OK)
        fail_msg("%s: %s", r->variant, tn_session_error(r->session));
}

/* The parameters are the golden ones called V.WHEN.NAME. */
static double compare(const run *r, const char *when, double tolerance)
{
    char prefix[96];
    double worst = 0;
    (void)snprintf(prefix, sizeof prefix, "%s.%s", r->variant, when);
    for (int k = 0; k < N; k++) {
        const format_tensor *t = golden(r->file, prefix, names[k]);
        tn_view v;
        assert_int_equal(tn_state_find(r->state, names[k], &v), TN_OK);
        assert_int_equal(v.bytes, t->bytes);
        assert_true(v.dtype == r->dtype && t->dtype == r->dtype);
        const size_t size = tn_dtype_size(r->dtype);
        for (size_t i = 0; i < v.bytes / size; i++) {
            double want = op_element_to_f64(r->dtype, (const char *)t->data + i * size);
            double got = op_element_to_f64(r->dtype, (const char *)v.data + i * size), error = fabs(got - want);
            if (!(error <= tolerance))
                fail_msg("%s: %s[%zu] is %.12g, not %.12g", prefix, names[k], i, got, want);
            worst = error > worst ? error : worst;
        }
    }
    return worst;
}

/* Iterations that start from products of f32 are less exact than what goes element by element. */
static double tolerance_of(const run *r, const tn_optim_opt *o)
{
    if (r->dtype == TN_F64)
        return o->kind == TN_SHAMPOO ? 1e-9 : 1e-12;
    return o->kind == TN_SHAMPOO ? 2e-4 : o->kind == TN_MUON ? 2e-5 : 5e-6;
}

static void follow_in(tn_dtype dtype, const format_safetensors *file, const format_safetensors *data,
                      const char *variant)
{
    run r = {.file = file, .data = data, .variant = variant, .dtype = dtype};
    float lr = 0;
    tn_optim_opt o = options_of(&r, &lr);
    double worst = 0;
    start(&r, &o);
    for (int i = 0; i < STEPS; i++) {
        char when[16];
        step(&r, i, lr);
        (void)snprintf(when, sizeof when, "after%d", i + 1);
        if (i + 1 == STEPS || (dtype == TN_F32 && (i == 0 || i + 1 == 5)))
            worst = fmax(worst, compare(&r, when, tolerance_of(&r, &o)));
    }
    if (o.average != TN_AVERAGE_NONE || o.kind == TN_ASGD) {
        assert_int_equal(tn_run(r.session, "swap_average", 0, NULL, 0, NULL), TN_OK);
        compare(&r, "average", tolerance_of(&r, &o));
        assert_int_equal(tn_run(r.session, "swap_average", 0, NULL, 0, NULL), TN_OK);
        compare(&r, "after20", tolerance_of(&r, &o));
    }
    print_message("%-18s within %.1e\n", variant, worst);
    finish(&r);
}

static void follow(const format_safetensors *file, const char *variant)
{
    follow_in(TN_F32, file, file, variant);
}

/* Each name of the list that the file's metadata have under `list`. */
static void each_of(const char *list, void (*check)(const format_safetensors *file, const char *name))
{
    char names_of[1024], *rest = names_of;
    format_safetensors *file = golden_file("optim");
    (void)snprintf(names_of, sizeof names_of, "%s", format_safetensors_metadata(file, list));
    for (char *v = strtok_r(rest, " ", &rest); v; v = strtok_r(NULL, " ", &rest))
        check(file, v);
    format_safetensors_free(file);
}

static void optimizers(void **p)
{
    (void)p;
    each_of("variants", follow);
}

static void optimizers_in_f64(void **p)
{
    (void)p;
    char names_of[1024], *rest = names_of;
    format_safetensors *file = golden_file("optim64"), *data = golden_file("optim");
    (void)snprintf(names_of, sizeof names_of, "%s", format_safetensors_metadata(file, "variants"));
    for (char *v = strtok_r(rest, " ", &rest); v; v = strtok_r(NULL, " ", &rest))
        follow_in(TN_F64, file, data, v);
    format_safetensors_free(file);
    format_safetensors_free(data);
}

/* ---- L-BFGS ------------------------------------------------------------------------------------------------------ */

typedef struct rosenbrock {
    tn_context *context;
    tn_program *program;
    tn_state *state;
    tn_session *session;
    double *x;
} rosenbrock;

/* The sum of 100 (b - a^2)^2 + (1 - a)^2 over neighbours a, b of four numbers. */
static rosenbrock rosenbrock_new(const tn_lbfgs_opt *o)
{
    static const double start[4] = {-1.2, 1.0, 0.5, -0.7};
    rosenbrock r = {.context = tn_context_new(TN_OPT(tn_context_opt, .threads = 1))};
    tn_graph *g = tn_graph_new(r.context);
    tn_tensor *x = tn_param(g, "x", TN_F64, TN_SHAPE(4), NULL), *a = tn_slice(x, 0, 0, 3), *b = tn_slice(x, 0, 1, 4);
    tn_tensor *valley = tn_mul_f(tn_square(tn_sub(b, tn_square(a))), 100);
    if (tn_lbfgs(tn_sum(tn_add(valley, tn_square(tn_sub_f(a, 1)))), o) != TN_OK)
        fail_msg("%s", tn_graph_error(g));
    if (!(r.program = tn_compile(g, NULL)))
        fail_msg("%s", tn_context_error(r.context));
    r.state = tn_state_new(r.context);
    assert_int_equal(tn_state_init(r.state, g, 1), TN_OK);
    tn_graph_free(g);
    r.session = tn_session_new(r.program, r.state);
    tn_view v;
    assert_int_equal(tn_state_find(r.state, "x", &v), TN_OK);
    r.x = v.data;
    memcpy(r.x, start, sizeof start);
    return r;
}

static void rosenbrock_free(rosenbrock *r)
{
    tn_session_free(r->session);
    tn_state_free(r->state);
    tn_program_free(r->program);
    tn_context_free(r->context);
}

static void lbfgs_steps(void **p)
{
    (void)p;
    format_safetensors *file = golden_file("optim");
    const format_tensor *losses = golden(file, "lbfgs", "loss"), *places = golden(file, "lbfgs", "x");
    const tn_lbfgs_opt o = {.lr = 0.02, .max_iter = 7, .history_size = 4};
    rosenbrock r = rosenbrock_new(&o);
    for (int64_t i = 0; i < losses->dims[0]; i++) {
        double loss, want[5];
        if (tn_lbfgs_step(r.session, &o, 0, NULL, &loss) != TN_OK)
            fail_msg("%s", tn_session_error(r.session));
        memcpy(want, (const double *)places->data + 4 * i, 4 * sizeof *want);
        memcpy(want + 4, (const double *)losses->data + i, sizeof *want);
        if (!(fabs(loss - want[4]) <= 1e-7 * fabs(want[4])))
            fail_msg("the loss of step %d is %.12g, not %.12g", (int)i, loss, want[4]);
        for (int k = 0; k < 4; k++)
            if (!(fabs(r.x[k] - want[k]) <= 1e-7))
                fail_msg("x[%d] is %.12g after %d steps, not %.12g", k, r.x[k], (int)i + 1, want[k]);
    }
    rosenbrock_free(&r);
    format_safetensors_free(file);
}

static void lbfgs_with_a_search(void **p)
{
    (void)p;
    const tn_lbfgs_opt o = {.strong_wolfe = true, .max_iter = 7, .history_size = 4, .name = "fit"};
    rosenbrock r = rosenbrock_new(&o);
    static const double start[4] = {-0.3, 0.8, 0.5, -0.7};
    double loss = 1, before = INFINITY;
    int steps = 0;
    memcpy(r.x, start, sizeof start);
    for (; loss > 1e-8; steps++) {
        if (tn_lbfgs_step(r.session, &o, 0, NULL, &loss) != TN_OK)
            fail_msg("%s", tn_session_error(r.session));
        if (!(loss <= before && steps < 15))
            fail_msg("the loss is %g after %d steps, %g before", loss, steps, before);
        before = loss;
    }
    print_message("L-BFGS with a search: %d steps\n", steps);
    for (int k = 0; k < 4; k++)
        assert_true(fabs(r.x[k] - 1) < 1e-4);
    rosenbrock_free(&r);
}

/* ---- schedules --------------------------------------------------------------------------------------------------- */

static const char *const kinds[] = {[TN_SCHEDULE_CONSTANT] = "constant",
                                    [TN_SCHEDULE_STEP] = "step",
                                    [TN_SCHEDULE_COSINE] = "cosine",
                                    [TN_SCHEDULE_MULTI_STEP] = "multi_step",
                                    [TN_SCHEDULE_EXPONENTIAL] = "exponential",
                                    [TN_SCHEDULE_POLYNOMIAL] = "polynomial",
                                    [TN_SCHEDULE_LINEAR] = "linear",
                                    [TN_SCHEDULE_COSINE_RESTARTS] = "cosine_restarts",
                                    [TN_SCHEDULE_ONE_CYCLE] = "one_cycle",
                                    [TN_SCHEDULE_CYCLIC] = "cyclic",
                                    [TN_SCHEDULE_INVERSE_SQRT] = "inverse_sqrt"};

static tn_schedule_kind kind_of(const char *name)
{
    size_t i = 0;
    while (!kinds[i] || strcmp(kinds[i], name) != 0)
        assert_true(++i < sizeof kinds / sizeof *kinds);
    return (tn_schedule_kind)i;
}

/* The schedule of the words, those that stand behind it in more[]. */
static tn_schedule_opt schedule_of(char *text, int64_t *milestones, int64_t *epoch, tn_schedule_opt *more)
{
    char *rest = text;
    tn_schedule_opt first = {.kind = kind_of(strtok_r(rest, " ", &rest)), .lr = 0.1, .milestones = milestones};
    tn_schedule_opt *o = &first;
    for (char *word = strtok_r(rest, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        char *value = strchr(word, '=');
        if (!value) {
            bool then = strcmp(word, "then") == 0;
            *more = (tn_schedule_opt){.kind = kind_of(strtok_r(NULL, " ", &rest)), .lr = then ? 0.1 : 1};
            *(then ? &o->then : &o->also) = more;
            o = more++;
            continue;
        }
        *value++ = '\0';
        if (strcmp(word, "epoch") == 0)
            *epoch = strtoll(value, NULL, 10);
        else if (strcmp(word, "milestones") == 0)
            for (char *end = value; *value; value = *end ? end + 1 : end)
                milestones[o->n_milestones++] = strtoll(value, &end, 10);
        else
            set_field(schedule_fields, sizeof schedule_fields / sizeof *schedule_fields, o, word, value);
    }
    return first;
}

static void follow_schedule(const format_safetensors *file, const char *name)
{
    char key[64], text[256];
    int64_t milestones[8], epoch = 1;
    tn_schedule_opt more[4];
    tn_schedule state = {0};
    (void)snprintf(key, sizeof key, "schedule.%s", name);
    (void)snprintf(text, sizeof text, "%s", format_safetensors_metadata(file, key));
    const tn_schedule_opt o = schedule_of(text, milestones, &epoch, more);
    const format_tensor *t = golden(file, key, "rate");
    for (int64_t i = 0; i < t->dims[0]; i++) {
        double want, rate = tn_schedule_rate(&o, &state, i, i / epoch);
        memcpy(&want, (const double *)t->data + i, sizeof want);
        if (!(fabs(rate - want) <= 1e-12))
            fail_msg("%s: the rate of step %d is %.12g, not %.12g", name, (int)i, rate, want);
    }
}

static void schedules(void **p)
{
    (void)p;
    each_of("schedules", follow_schedule);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(optimizers),  cmocka_unit_test(optimizers_in_f64),   cmocka_unit_test(schedules),
        cmocka_unit_test(lbfgs_steps), cmocka_unit_test(lbfgs_with_a_search),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
