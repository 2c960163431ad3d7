/* Optimizers and schedules: learning rates against closed forms and PyTorch's, parameter groups, L1, L2, clipping, frozen
 * parameters, accumulated gradients, wrong options. Whole trainings are compared in test_golden_training. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "format/safetensors.h"
#include <tarn/ops.h>
#include <tarn/optim.h>
#include <tarn/program.h>

static void close_to(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance * fmax(1, fabs(want))))
        fail_msg("%.17g is not %.17g", got, want);
}

/* ---- schedules --------------------------------------------------------------------------------------------------- */

static void constant_and_warm_up(void **p)
{
    (void)p;
    tn_schedule s = {0};
    tn_schedule_opt o = {.lr = 0.1};
    for (int64_t i = 0; i < 10; i++)
        close_to(tn_schedule_rate(&o, &s, i, i / 3), 0.1, 0);
    o.warmup_steps = 4;
    static const double want[] = {0.025, 0.05, 0.075, 0.1, 0.1, 0.1};
    for (int64_t i = 0; i < 6; i++)
        close_to(tn_schedule_rate(&o, &s, i, 0), want[i], 1e-15);
}

static void steps_of_epochs(void **p)
{
    (void)p;
    tn_schedule s = {0};
    tn_schedule_opt o = {.kind = TN_SCHEDULE_STEP, .lr = 0.1, .gamma = 0.5, .every = 3};
    for (int64_t epoch = 0; epoch < 12; epoch++)
        close_to(tn_schedule_rate(&o, &s, epoch * 100, epoch), 0.1 * pow(0.5, (double)(epoch / 3)), 1e-15);
    tn_schedule_opt usual = {.kind = TN_SCHEDULE_STEP, .lr = 1};
    close_to(tn_schedule_rate(&usual, &s, 7, 2), 0.01, 1e-15);
}

static void cosine_from_one_end_to_the_other(void **p)
{
    (void)p;
    tn_schedule s = {0};
    tn_schedule_opt o = {.kind = TN_SCHEDULE_COSINE, .lr = 0.1, .lr_min = 0.02, .total = 100, .warmup_steps = 20};
    close_to(tn_schedule_rate(&o, &s, 9, 0), 0.05, 1e-15);
    close_to(tn_schedule_rate(&o, &s, 19, 0), 0.1, 1e-15);
    close_to(tn_schedule_rate(&o, &s, 20, 0), 0.1, 1e-15);
    close_to(tn_schedule_rate(&o, &s, 60, 0), 0.06, 1e-15);
    close_to(tn_schedule_rate(&o, &s, 40, 0), 0.06 + 0.04 * cos(acos(-1) / 4), 1e-15);
    close_to(tn_schedule_rate(&o, &s, 100, 0), 0.02, 1e-15);
    close_to(tn_schedule_rate(&o, &s, 1000, 0), 0.02, 1e-15);
    for (int64_t i = 21; i < 110; i++)
        assert_true(tn_schedule_rate(&o, &s, i, 0) <= tn_schedule_rate(&o, &s, i - 1, 0));
}

/* Numbers of torch.optim.lr_scheduler.ReduceLROnPlateau(factor=0.5, patience=1, min_lr=0.02) from 0.1. */
static void plateau_as_pytorch(void **p)
{
    (void)p;
    static const double metric[] = {1.0, .9, .95, .91, .8999, .92, .93, .94, .7, .71, .72, .73, .74, .75, .6999, .5};
    static const double want[] = {.1, .1, .1, .1, .05, .05, .05, .025, .025, .025, .025, .02, .02, .02, .02, .02};
    tn_schedule s = {0};
    tn_schedule_opt o = {.kind = TN_SCHEDULE_PLATEAU, .lr = 0.1, .gamma = 0.5, .patience = 1, .lr_min = 0.02};
    for (int i = 0; i < 16; i++) {
        close_to(tn_schedule_rate(&o, &s, i * 10, i), want[i], 1e-15);
        tn_schedule_epoch(&o, &s, metric[i]);
    }
}

/* The schedules that both have, as ops.safetensors holds them: from 0.1 on, 30 steps. */
static void schedules_of_the_golden_file(void **p)
{
    (void)p;
    static const struct {
        const char *name;
        tn_schedule_opt o;
        bool epochs;
    } cases[] = {{"schedule.0.out0", {.kind = TN_SCHEDULE_STEP, .lr = 0.1, .gamma = 0.5, .every = 7}, true},
                 {"schedule.2.out0", {.kind = TN_SCHEDULE_STEP, .lr = 0.1, .gamma = 0.9}, true},
                 {"schedule.3.out0", {.kind = TN_SCHEDULE_COSINE, .lr = 0.1, .lr_min = 0.001, .total = 25}, false}};
    base_error e = {0};
    format_safetensors *file;
    if (format_safetensors_open(TARN_SOURCE_DIR "/tests/golden/ops.safetensors", &file, &e) != TN_OK)
        fail_msg("%s", e.text);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        const format_tensor *t = format_safetensors_find(file, cases[c].name);
        tn_schedule s = {0};
        assert_non_null(t);
        assert_int_equal(t->dtype, TN_F32);
        for (int64_t i = 0; i < 30 && (cases[c].epochs || i <= 25); i++) { /* past T_max PyTorch's rises again */
            float want;
            memcpy(&want, (const float *)t->data + i, sizeof want);
            close_to(tn_schedule_rate(&cases[c].o, &s, i, cases[c].epochs ? i : 0), want, 1e-7);
        }
    }
    const format_tensor *metric = format_safetensors_find(file, "plateau.0.in0"),
                        *rate = format_safetensors_find(file, "plateau.0.out0");
    tn_schedule_opt o = {.kind = TN_SCHEDULE_PLATEAU, .lr = 0.1, .gamma = 0.5, .patience = 2};
    tn_schedule s = {0};
    assert_true(metric && rate && metric->dtype == TN_F32 && rate->dtype == TN_F32);
    for (int64_t i = 0; i < metric->dims[0]; i++) { /* NaN, which comes up there, is no improvement */
        float m, want;
        memcpy(&m, (const float *)metric->data + i, sizeof m);
        memcpy(&want, (const float *)rate->data + i, sizeof want);
        close_to(tn_schedule_rate(&o, &s, i, i), want, 1e-7);
        tn_schedule_epoch(&o, &s, m);
    }
    format_safetensors_free(file);
}

static void warm_up_of_any_shape(void **p)
{
    (void)p;
    tn_schedule s = {0};
    tn_schedule_opt o = {.kind = TN_SCHEDULE_POLYNOMIAL, .lr = 2, .warmup_steps = 4, .warmup_from = 0.25, .total = 8};
    static const double want[4][4] = {{0.4375, 0.625, 0.8125, 1},
                                      {0.25 + 0.75 * 0.14644660940672624, 0.625, 0.25 + 0.75 * 0.85355339059327373, 1},
                                      {0.35355339059327379, 0.5, 0.70710678118654757, 1},
                                      {0.25, 0.25, 0.25, 0.25}};
    for (int kind = 0; kind < 4; kind++) {
        o.warmup = (tn_warmup)kind;
        for (int64_t i = 0; i < 4; i++)
            close_to(tn_schedule_rate(&o, &s, i, 0), 2 * want[kind][i], 1e-15);
        close_to(tn_schedule_rate(&o, &s, 4, 0), 2, 1e-15);
        close_to(tn_schedule_rate(&o, &s, 6, 0), 1, 1e-15);
        close_to(tn_schedule_rate(&o, &s, 9, 0), 0, 1e-15);
    }
}

/* One after the other, and times each other. */
static void chained_schedules(void **p)
{
    (void)p;
    tn_schedule s = {0};
    const tn_schedule_opt plateau = {.kind = TN_SCHEDULE_PLATEAU, .gamma = 0.5, .lr = 99};
    const tn_schedule_opt end = {.kind = TN_SCHEDULE_LINEAR,
                                 .lr = 4,
                                 .start_factor = tn_f64(1),
                                 .end_factor = tn_f64(0),
                                 .total = 4,
                                 .also = &plateau};
    const tn_schedule_opt o = {.lr = 3, .then = &end, .until = 5};
    static const double want[] = {3, 3, 3, 3, 3, 4, 3, 2, 1, 0, 0};
    for (int64_t i = 0; i < 11; i++)
        close_to(tn_schedule_rate(&o, &s, i, 0), want[i], 1e-15);
    for (int i = 0; i < 2; i++)
        tn_schedule_epoch(&o, &s, 1);
    close_to(tn_schedule_rate(&o, &s, 0, 0), 3, 1e-15);
    close_to(tn_schedule_rate(&o, &s, 7, 0), 1, 1e-15);
}

/* ---- steps with gradients that are known ---------------------------------------------------------------------------- */

enum { N = 3 };

/* loss = sum over the parameters a, b and scope.c of sum(p * g): the gradient of each is what is fed for it. */
typedef struct net {
    tn_context *context;
    tn_graph *graph;
    tn_program *program;
    tn_state *state;
    tn_session *session;
    tn_status status;
} net;

static const char *const names[N] = {"a", "b", "scope.c"};
static const char *const feeds_of[N] = {"ga", "gb", "gc"};
static const int64_t sizes[N] = {6, 4, 1};

static void build(net *n, const tn_optim_opt *o, const char *freeze)
{
    *n = (net){.context = tn_context_new(TN_OPT(tn_context_opt, .threads = 1))};
    n->graph = tn_graph_new(n->context);
    tn_init one = {TN_INIT_CONSTANT, 0.5, 0};
    tn_tensor *loss = NULL;
    for (int i = 0; i < N; i++) {
        if (i == 2)
            tn_scope_push(n->graph, "scope");
        tn_tensor *w = tn_param(n->graph, i == 2 ? "c" : names[i], TN_F32, TN_SHAPE(sizes[i]), &one);
        if (i == 2)
            tn_scope_pop(n->graph);
        if (freeze && strcmp(freeze, names[i]) == 0)
            tn_param_freeze(w, true);
        tn_tensor *part = tn_sum(tn_mul(w, tn_input(n->graph, feeds_of[i], TN_F32, TN_SHAPE(sizes[i]))));
        loss = loss ? tn_add(loss, part) : part;
    }
    n->status = tn_minimize(loss, o);
    if (n->status != TN_OK)
        return;
    if (!(n->program = tn_compile(n->graph, NULL)))
        fail_msg("%s", tn_context_error(n->context));
    n->state = tn_state_new(n->context);
    assert_int_equal(tn_state_init(n->state, n->graph, 1), TN_OK);
    n->session = tn_session_new(n->program, n->state);
}

static void net_free(net *n)
{
    tn_session_free(n->session);
    tn_state_free(n->state);
    tn_program_free(n->program);
    tn_graph_free(n->graph);
    tn_context_free(n->context);
}

static float *param(const net *n, int i)
{
    tn_view v;
    assert_int_equal(tn_state_find(n->state, names[i], &v), TN_OK);
    return v.data;
}

static tn_status run(net *n, const char *entry, const float (*g)[6], float lr, float count, float *norm)
{
    tn_feed feeds[N + 2], fetch = {"grad_norm", tn_view_of(norm, TN_F32, 0, NULL)};
    for (int i = 0; i < N; i++)
        feeds[i] = (tn_feed){feeds_of[i], tn_view_of((void *)(uintptr_t)g[i], TN_F32, 1, &sizes[i])};
    feeds[N] = (tn_feed){"lr", tn_view_of(&lr, TN_F32, 0, NULL)};
    feeds[N + 1] = (tn_feed){"accumulated", tn_view_of(&count, TN_F32, 0, NULL)};
    return tn_run(n->session, entry, N + 2, feeds, norm ? 1 : 0, &fetch);
}

static void step(net *n, const float (*g)[6], float lr, float *norm)
{
    if (run(n, "step", g, lr, 1, norm) != TN_OK)
        fail_msg("%s", tn_session_error(n->session));
}

static const float gradients[N][6] = {{1, -2, 3, -4, 5, 0}, {0.5F, 0.25F, -8, 2}, {10}};

static double norm_of(const float (*g)[6])
{
    double sum = 0;
    for (int i = 0; i < N; i++)
        for (int k = 0; k < sizes[i]; k++)
            sum += (double)g[i][k] * g[i][k];
    return sqrt(sum);
}

static void plain_descent(void **p)
{
    (void)p;
    net n;
    float norm;
    build(&n, NULL, NULL);
    step(&n, gradients, 0.1F, &norm);
    close_to(norm, norm_of(gradients), 1e-6);
    for (int i = 0; i < N; i++)
        for (int k = 0; k < sizes[i]; k++)
            close_to(param(&n, i)[k], 0.5 - 0.1 * gradients[i][k], 1e-6);
    net_free(&n);
}

static void groups_take_their_own_values(void **p)
{
    (void)p;
    const tn_param_group groups[] = {{.pattern = "scope.?", .lr_scale = tn_f64(0.5), .weight_decay = tn_f64(0)},
                                     {.pattern = "b", .l1 = tn_f64(0.25)},
                                     {.pattern = "*", .weight_decay = tn_f64(0.2)},
                                     {.pattern = "a", .frozen = true}}; /* too late: the first that matches counts */
    tn_optim_opt o = {.weight_decay = tn_f64(0.1), .groups = groups, .n_groups = 4};
    net n;
    build(&n, &o, NULL);
    step(&n, gradients, 0.1F, NULL);
    for (int k = 0; k < 6; k++)
        close_to(param(&n, 0)[k], 0.5 - 0.1 * (gradients[0][k] + 0.2 * 0.5), 1e-6);
    for (int k = 0; k < 4; k++)
        close_to(param(&n, 1)[k], 0.5 - 0.1 * (gradients[1][k] + 0.1 * 0.5 + 0.25), 1e-6);
    close_to(param(&n, 2)[0], 0.5 - 0.05 * gradients[2][0], 1e-6);
    net_free(&n);
}

static void l1_pulls_towards_zero(void **p)
{
    (void)p;
    static const float none[N][6] = {{0}};
    tn_optim_opt o = {.l1 = 0.5};
    net n;
    build(&n, &o, NULL);
    param(&n, 0)[0] = -1;
    param(&n, 0)[1] = 0;
    step(&n, none, 0.1F, NULL);
    close_to(param(&n, 0)[0], -0.95, 1e-6);
    close_to(param(&n, 0)[1], 0, 0);
    close_to(param(&n, 0)[2], 0.45, 1e-6);
    net_free(&n);
}

static void clipping_by_value(void **p)
{
    (void)p;
    tn_optim_opt o = {.clip_value = 2};
    net n;
    float norm;
    build(&n, &o, NULL);
    step(&n, gradients, 0.1F, &norm);
    close_to(norm, norm_of(gradients), 1e-6); /* before clipping */
    for (int i = 0; i < N; i++)
        for (int k = 0; k < sizes[i]; k++)
            close_to(param(&n, i)[k], 0.5 - 0.1 * fmax(-2, fmin(2, gradients[i][k])), 1e-6);
    net_free(&n);
}

/* As torch.nn.utils.clip_grad_norm_ did it for the golden file. */
static void clipping_by_norm(void **p)
{
    (void)p;
    base_error e = {0};
    format_safetensors *file;
    if (format_safetensors_open(TARN_SOURCE_DIR "/tests/golden/ops.safetensors", &file, &e) != TN_OK)
        fail_msg("%s", e.text);
    for (int c = 0; c < 2; c++) {
        float g[N][6] = {{0}}, want[N][6] = {{0}}, want_norm, norm;
        char name[64];
        for (int i = 0; i < 2 * N + 1; i++) {
            (void)snprintf(name, sizeof name, "clip_grad_norm.%d.%s%d", c, i < N ? "in" : "out", i < N ? i : i - N);
            const format_tensor *t = format_safetensors_find(file, name);
            assert_non_null(t);
            memcpy(i == 2 * N ? &want_norm : i < N ? g[i] : want[i - N], t->data, t->bytes);
        }
        tn_optim_opt o = {.clip_norm = c == 0 ? 1 : 100};
        net n;
        build(&n, &o, NULL);
        step(&n, (const float(*)[6])g, 1, &norm);
        close_to(norm, want_norm, 1e-6);
        for (int i = 0; i < N; i++)
            for (int k = 0; k < sizes[i]; k++)
                close_to(0.5 - param(&n, i)[k], want[i][k], 1e-6);
        net_free(&n);
    }
    format_safetensors_free(file);
}

static void frozen_parameters_stay(void **p)
{
    (void)p;
    for (int way = 0; way < 2; way++) {
        const tn_param_group group = {.pattern = "b", .frozen = true};
        tn_optim_opt o = {.kind = TN_ADAM, .groups = &group, .n_groups = way};
        net n;
        float norm;
        tn_view v;
        build(&n, &o, way ? NULL : "b");
        step(&n, gradients, 0.1F, &norm);
        for (int k = 0; k < 4; k++)
            assert_true(param(&n, 1)[k] == 0.5F); /* NOLINT: untouched */
        assert_true(param(&n, 0)[0] < 0.5F);
        assert_int_equal(tn_state_find(n.state, "optim.b.m", &v), TN_NOT_FOUND);
        close_to(norm, sqrt(1 + 4 + 9 + 16 + 25 + 100), 1e-6); /* of what is trained */
        net_free(&n);
    }
}

static void momentum_by_hand(void **p)
{
    (void)p;
    for (int nesterov = 0; nesterov < 2; nesterov++) {
        tn_optim_opt o = {.momentum = 0.9, .dampening = nesterov ? 0 : 0.3, .nesterov = nesterov};
        net n;
        double w = 0.5, buffer = 0, g = gradients[2][0];
        build(&n, &o, NULL);
        for (int i = 0; i < 4; i++) {
            step(&n, gradients, 0.01F, NULL);
            buffer = i == 0 ? g : 0.9 * buffer + (1 - o.dampening) * g;
            w -= 0.01 * (nesterov ? g + 0.9 * buffer : buffer);
            close_to(param(&n, 2)[0], w, 1e-6);
        }
        net_free(&n);
    }
}

static void adam_by_hand(void **p)
{
    (void)p;
    for (int decoupled = 0; decoupled < 2; decoupled++) {
        tn_optim_opt o = {.kind = decoupled ? TN_ADAMW : TN_ADAM,
                          .beta1 = tn_f64(0.8),
                          .beta2 = tn_f64(0.95),
                          .eps = tn_f64(1e-3),
                          .weight_decay = tn_f64(0.1)};
        net n;
        double w = 0.5, m = 0, v = 0;
        build(&n, &o, NULL);
        for (int t = 1; t <= 5; t++) {
            step(&n, gradients, 0.01F, NULL);
            double g = gradients[1][1] + (decoupled ? 0 : 0.1 * w);
            w *= decoupled ? 1 - 0.01 * 0.1 : 1;
            m = 0.8 * m + 0.2 * g;
            v = 0.95 * v + 0.05 * g * g;
            w -= 0.01 * (m / (1 - pow(0.8, t))) / (sqrt(v / (1 - pow(0.95, t))) + 1e-3);
            close_to(param(&n, 1)[1], w, 1e-6);
        }
        net_free(&n);
    }
}

static void adamw_decays_by_default(void **p)
{
    (void)p;
    static const float none[N][6] = {{0}};
    tn_optim_opt o = {.kind = TN_ADAMW}, off = {.kind = TN_ADAMW, .weight_decay = tn_f64(0)};
    net n;
    build(&n, &o, NULL);
    step(&n, none, 0.1F, NULL);
    close_to(param(&n, 0)[0], 0.5 * (1 - 0.1 * 0.01), 1e-7);
    net_free(&n);
    build(&n, &off, NULL);
    step(&n, none, 0.1F, NULL);
    close_to(param(&n, 0)[0], 0.5, 0);
    net_free(&n);
}

/* Two nets in one graph, trained in turn: each optimizer has its own entry, rate, counter and slots. */
static void optimizers_with_names(void **p)
{
    (void)p;
    tn_context *c = tn_context_new(TN_OPT(tn_context_opt, .threads = 1));
    tn_graph *g = tn_graph_new(c);
    tn_tensor *one = tn_param(g, "one", TN_F32, TN_SHAPE(1), NULL),
              *two = tn_param(g, "two", TN_F32, TN_SHAPE(1), NULL);
    tn_tensor *loss = tn_sum(tn_add(tn_mul_f(one, 3), tn_mul_f(two, 5)));
    const tn_param_group first[] = {{.pattern = "two", .frozen = true}},
                         second[] = {{.pattern = "one", .frozen = true}};
    tn_minimize(loss, TN_OPT(tn_optim_opt, .kind = TN_ADAM, .name = "a", .groups = first, .n_groups = 1));
    tn_minimize(loss, TN_OPT(tn_optim_opt, .momentum = 0.5, .name = "b", .groups = second, .n_groups = 1));
    tn_program *program = tn_compile(g, NULL);
    assert_non_null(program);
    tn_state *state = tn_state_new(c);
    assert_int_equal(tn_state_init(state, g, 0), TN_OK);
    tn_session *s = tn_session_new(program, state);
    float lr = 0.1F;
    const tn_view rate = tn_view_of(&lr, TN_F32, 0, NULL);
    for (int i = 0; i < 3; i++)
        assert_int_equal(
            tn_run(s, i == 1 ? "b.step" : "a.step", 1, &(tn_feed){i == 1 ? "b.lr" : "a.lr", rate}, 0, NULL), TN_OK);
    static const struct {
        const char *name;
        double value;
    } want[] = {{"one", -0.2}, {"two", -0.5}, {"optim.b.two.momentum", 5}, {"optim.a.one.m", 3 * (1 - 0.9 * 0.9)}};
    tn_view v;
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        assert_int_equal(tn_state_find(state, want[i].name, &v), TN_OK);
        close_to((double)*(const float *)v.data, want[i].value, 1e-6);
    }
    assert_int_equal(tn_state_find(state, "optim.a.step", &v), TN_OK);
    assert_int_equal(*(const int64_t *)v.data, 2);
    assert_int_equal(tn_state_find(state, "optim.step", &v), TN_NOT_FOUND);
    tn_session_free(s);
    tn_state_free(state);
    tn_program_free(program);
    tn_graph_free(g);
    tn_context_free(c);
}

static void accumulated_gradients_are_their_mean(void **p)
{
    (void)p;
    static const float other[N][6] = {{3, 2, 1, 0, -1, -2}, {1, 1, 1, 1}, {-4}};
    tn_optim_opt o = {.kind = TN_ADAM, .clip_norm = 3, .accumulate = true};
    float mean[N][6], norm, norm_of_mean;
    for (int i = 0; i < N; i++)
        for (int k = 0; k < 6; k++)
            mean[i][k] = (gradients[i][k] + other[i][k]) / 2;
    net parts, whole;
    build(&parts, &o, NULL);
    build(&whole, &o, NULL);
    for (int turn = 0; turn < 3; turn++) { /* "first" forgets what was summed before */
        assert_int_equal(run(&parts, "accumulate_first", gradients, 0.1F, 2, NULL), TN_OK);
        assert_int_equal(run(&parts, "accumulate", other, 0.1F, 2, NULL), TN_OK);
        assert_int_equal(run(&parts, "apply", other, 0.1F, 2, &norm), TN_OK);
        step(&whole, (const float(*)[6])mean, 0.1F, &norm_of_mean);
        close_to(norm, norm_of_mean, 1e-6);
        for (int i = 0; i < N; i++)
            for (int k = 0; k < sizes[i]; k++)
                close_to(param(&parts, i)[k], param(&whole, i)[k], 1e-6);
    }
    net_free(&parts);
    net_free(&whole);
}

static void a_gradient_that_is_no_number_changes_nothing(void **p)
{
    (void)p;
    static const float bad[N][6] = {{1, 2, NAN, 4, 5, 6}, {1}, {1}};
    tn_optim_opt o = {.kind = TN_ADAM};
    net n;
    build(&n, &o, NULL);
    step(&n, gradients, 0.1F, NULL);
    float before = param(&n, 1)[0];
    assert_int_equal(run(&n, "step", bad, 0.1F, 1, NULL), TN_NONFINITE);
    assert_true(param(&n, 1)[0] == before); /* NOLINT: untouched */
    step(&n, gradients, 0.1F, NULL);
    net_free(&n);
}

/* loss = sum of a * w^2 / 2 with a fed: what a sharpness-aware step does is found by hand. */
static void sharpness_by_hand(void **p)
{
    (void)p;
    enum { M = 3 };
    static const double a[M] = {1, -2, 4};
    tn_context *c = tn_context_new(TN_OPT(tn_context_opt, .threads = 1));
    tn_graph *g = tn_graph_new(c);
    tn_init two = {TN_INIT_CONSTANT, 2, 0};
    tn_tensor *w = tn_param(g, "w", TN_F64, TN_SHAPE(M), &two);
    const int64_t dims[] = {M};
    const tn_view constant = tn_view_of((void *)(uintptr_t)a, TN_F64, 1, dims);
    tn_tensor *kept = tn_dropout(w, 0.5); /* the same are dropped in both passes */
    tn_tensor *loss = tn_sum(tn_mul(tn_square(kept), tn_constant(g, &constant)));
    assert_int_equal(tn_minimize(loss, TN_OPT(tn_optim_opt, .sam = 0.1)), TN_OK);
    tn_entry_output(tn_graph_entry(g, "step"), "kept", kept);
    tn_program *program = tn_compile(g, NULL);
    if (!program)
        fail_msg("%s", tn_context_error(c));
    tn_state *state = tn_state_new(c);
    assert_int_equal(tn_state_init(state, g, 0), TN_OK);
    tn_session *s = tn_session_new(program, state);
    double want[M] = {2, 2, 2}, seen[M], mask[M];
    float lr = 0.01F;
    for (int i = 0; i < 5; i++) {
        tn_feed feed = {"lr", tn_view_of(&lr, TN_F32, 0, NULL)}, fetch = {"kept", tn_view_of(seen, TN_F64, 1, dims)};
        if (tn_run(s, "step", 1, &feed, 1, &fetch) != TN_OK)
            fail_msg("%s", tn_session_error(s));
        double norm = 0;
        for (int k = 0; k < M; k++) {
            mask[k] = seen[k] != 0 ? 2 : 0; /* NOLINT: dropped ones are exactly 0 */
            norm += pow(2 * a[k] * mask[k] * mask[k] * want[k], 2);
        }
        for (int k = 0; k < M; k++) {
            double twice = 2 * a[k] * mask[k] * mask[k], moved = norm > 0 ? 0.1 * twice * want[k] / sqrt(norm) : 0;
            want[k] -= (double)lr * twice * (want[k] + moved);
        }
        tn_view v;
        assert_int_equal(tn_state_find(state, "w", &v), TN_OK);
        for (int k = 0; k < M; k++)
            close_to(((const double *)v.data)[k], want[k], 1e-7);
    }
    tn_session_free(s);
    tn_state_free(state);
    tn_program_free(program);
    tn_graph_free(g);
    tn_context_free(c);
}

static double number_of(const net *n, const char *name)
{
    tn_view v;
    assert_int_equal(tn_state_find(n->state, name, &v), TN_OK);
    return v.dtype == TN_I64 ? (double)*(const int64_t *)v.data : (double)*(const float *)v.data;
}

/* A step that overflows changes the scale alone; steps that do not are those without scaling. */
static void scaling_of_the_loss(void **p)
{
    (void)p;
    static const float much[N][6] = {{1e36F, 1, 1, 1, 1, 1}, {1}, {1}};
    tn_optim_opt plain = {.kind = TN_ADAM, .clip_norm = 3}, o = plain;
    o.scale_loss = true;
    o.scale_growth = 3;
    net a, b;
    float norm;
    build(&a, &plain, NULL);
    build(&b, &o, NULL);
    static const double scales[] = {65536, 65536, 131072, 65536, 65536, 65536, 131072};
    for (int i = 0; i < 7; i++) {
        if (i == 3) {
            step(&b, much, 0.1F, &norm);
            assert_false(isfinite(norm));
        } else {
            step(&a, gradients, 0.1F, NULL);
            step(&b, gradients, 0.1F, &norm);
            close_to(norm, norm_of(gradients), 1e-6);
        }
        close_to(number_of(&b, "optim.loss_scale"), scales[i], 0);
        close_to(number_of(&b, "optim.step"), i < 3 ? i + 1 : i, 0);
        for (int k = 0; k < 6; k++)
            close_to(param(&b, 0)[k], param(&a, 0)[k], 1e-7);
    }
    net_free(&a);
    net_free(&b);
}

/* Of a side that is too long Shampoo takes no root: its first step is then the gradient with orthogonal rows of length 1. */
static void shampoo_of_a_long_matrix(void **p)
{
    (void)p;
    enum { ROWS = 3, COLUMNS = 600 };
    static float a[ROWS * COLUMNS];
    tn_context *c = tn_context_new(TN_OPT(tn_context_opt, .threads = 1));
    tn_graph *g = tn_graph_new(c);
    const int64_t dims[] = {ROWS, COLUMNS};
    for (int i = 0; i < ROWS * COLUMNS; i++)
        a[i] = (float)(i * 37 % 101) / 10 - (float)(i / COLUMNS * i % 7);
    const tn_view constant = tn_view_of(a, TN_F32, 2, dims);
    tn_tensor *w = tn_param(g, "w", TN_F32, TN_SHAPE(ROWS, COLUMNS), NULL);
    assert_int_equal(
        tn_minimize(tn_sum(tn_mul(w, tn_constant(g, &constant))), TN_OPT(tn_optim_opt, .kind = TN_SHAMPOO)), TN_OK);
    tn_program *program = tn_compile(g, NULL);
    if (!program)
        fail_msg("%s", tn_context_error(c));
    tn_state *state = tn_state_new(c);
    assert_int_equal(tn_state_init(state, g, 0), TN_OK);
    tn_session *s = tn_session_new(program, state);
    float lr = 1;
    const tn_feed feed = {"lr", tn_view_of(&lr, TN_F32, 0, NULL)};
    assert_int_equal(tn_run(s, "step", 1, &feed, 0, NULL), TN_OK);
    tn_view v;
    assert_int_equal(tn_state_find(state, "w", &v), TN_OK);
    for (int i = 0; i < ROWS; i++)
        for (int k = 0; k < ROWS; k++) {
            double sum = 0;
            for (int j = 0; j < COLUMNS; j++)
                sum += (double)((float *)v.data)[i * COLUMNS + j] * (double)((float *)v.data)[k * COLUMNS + j];
            close_to(sum, i == k, 1e-3);
        }
    assert_int_equal(tn_state_find(state, "optim.w.right", &v), TN_NOT_FOUND);
    tn_session_free(s);
    tn_state_free(state);
    tn_program_free(program);
    tn_graph_free(g);
    tn_context_free(c);
}

/* K-FAC takes layers whose weights are read once and are trained; the rest goes by momentum, as does a bias alone. */
static void kfac_of_other_layers(void **p)
{
    (void)p;
    static const tn_param_group frozen = {.pattern = "still.w", .frozen = true};
    tn_context *c = tn_context_new(TN_OPT(tn_context_opt, .threads = 1));
    tn_graph *g = tn_graph_new(c);
    const tn_init normal = {TN_INIT_NORMAL, 0, 1};
    tn_tensor *x = tn_input(g, "x", TN_F32, TN_SHAPE(2, 3));
    tn_tensor *once = tn_param(g, "once.w", TN_F32, TN_SHAPE(3, 3), &normal),
              *twice = tn_param(g, "twice.w", TN_F32, TN_SHAPE(3, 3), &normal),
              *still = tn_param(g, "still.w", TN_F32, TN_SHAPE(3, 3), &normal),
              *bias = tn_param(g, "still.b", TN_F32, TN_SHAPE(3), NULL);
    tn_tensor *y = tn_linear(tn_linear(tn_linear(x, once, NULL), twice, NULL), twice, NULL);
    tn_tensor *loss = tn_mean(tn_square(tn_linear(y, still, bias)));
    assert_int_equal(tn_minimize(loss, TN_OPT(tn_optim_opt, .kind = TN_KFAC, .groups = &frozen, .n_groups = 1)), TN_OK);
    assert_non_null(tn_graph_state(g, "optim.once.w.input"));
    assert_non_null(tn_graph_state(g, "optim.once.w.output_inverse"));
    assert_null(tn_graph_state(g, "optim.twice.w.input"));
    assert_null(tn_graph_state(g, "optim.still.w.input"));
    assert_non_null(tn_graph_state(g, "optim.still.b.momentum"));
    tn_program *program = tn_compile(g, NULL);
    tn_state *state = tn_state_new(c);
    assert_non_null(program);
    assert_int_equal(tn_state_init(state, g, 0), TN_OK);
    tn_session *s = tn_session_new(program, state);
    float data[6] = {0}, lr = 0.1F; /* no input: nothing to multiply by but the damping */
    const tn_feed feeds[] = {{"lr", tn_view_of(&lr, TN_F32, 0, NULL)},
                             {"x", tn_view_of(data, TN_F32, 2, (int64_t[]){2, 3})}};
    for (int i = 0; i < 3; i++)
        assert_int_equal(tn_run(s, "step", 2, feeds, 0, NULL), TN_OK);
    tn_session_free(s);
    tn_state_free(state);
    tn_program_free(program);
    tn_graph_free(g);
    tn_context_free(c);
}

/* Every rule accepts every dtype of parameters, accumulates, and moves them. */
static void every_rule_with_every_dtype(void **p)
{
    (void)p;
    static const tn_dtype dtypes[] = {TN_F64, TN_F32, TN_F16, TN_BF16};
    for (int kind = 0; tn_optimizer_name(kind); kind++)
        for (size_t d = 0; d < 4; d++) {
            tn_context *c = tn_context_new(TN_OPT(tn_context_opt, .threads = 1));
            tn_graph *g = tn_graph_new(c);
            tn_init init = {TN_INIT_NORMAL, 0, 1};
            tn_tensor *w = tn_param(g, "w", dtypes[d], TN_SHAPE(3, 5), &init),
                      *v = tn_param(g, "v", dtypes[d], TN_SHAPE(5), &init);
            tn_tensor *loss = tn_add(tn_sum(tn_square(w)), tn_sum(tn_square(tn_add_f(v, 1))));
            tn_optim_opt o = {.kind = (tn_optimizer)kind,
                              .accumulate = true,
                              .lookahead = 2,
                              .average = TN_AVERAGE_EMA,
                              .centralize = true,
                              .l1 = 1e-3,
                              .weight_decay = tn_f64(1e-3),
                              .sam = 1e-3};
            if (tn_minimize(loss, &o) != TN_OK)
                fail_msg("%s: %s", tn_optimizer_name(kind), tn_graph_error(g));
            tn_program *program = tn_compile(g, NULL);
            if (!program)
                fail_msg("%s: %s", tn_optimizer_name(kind), tn_context_error(c));
            tn_state *state = tn_state_new(c);
            assert_int_equal(tn_state_init(state, g, 0), TN_OK);
            tn_session *s = tn_session_new(program, state);
            static const char *const entries[] = {"accumulate_first", "apply", "step", "step", "swap_average"};
            float lr = (float)tn_optimizer_lr((tn_optimizer)kind), count = 1;
            const tn_feed feeds[] = {{"lr", tn_view_of(&lr, TN_F32, 0, NULL)},
                                     {"accumulated", tn_view_of(&count, TN_F32, 0, NULL)}};
            assert_true(lr > 0);
            for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
                if (tn_run(s, entries[i], 2, feeds, 0, NULL) != TN_OK)
                    fail_msg("%s %s %s: %s", tn_optimizer_name(kind), tn_dtype_name(dtypes[d]), entries[i],
                             tn_session_error(s));
            tn_session_free(s);
            tn_state_free(state);
            tn_program_free(program);
            tn_graph_free(g);
            tn_context_free(c);
        }
    assert_null(tn_optimizer_name(-1));
    close_to(tn_optimizer_lr((tn_optimizer)99), 0, 0);
}

/* ---- wrong options ------------------------------------------------------------------------------------------------- */

static void wrong_options_are_told(void **p)
{
    (void)p;
    const tn_param_group all = {.pattern = "*", .frozen = true}, bad_group = {.pattern = "a", .lr_scale = tn_f64(NAN)};
    const tn_optim_opt bad[] = {{.kind = (tn_optimizer)99},
                                {.momentum = -0.1},
                                {.momentum = NAN},
                                {.nesterov = true},
                                {.momentum = 0.9, .dampening = 0.1, .nesterov = true},
                                {.dampening = NAN},
                                {.l1 = -1},
                                {.clip_norm = NAN},
                                {.clip_value = -1},
                                {.weight_decay = tn_f64(NAN)},
                                {.weight_decay = tn_f64(-1)},
                                {.kind = TN_ADAM, .beta1 = tn_f64(1)},
                                {.kind = TN_ADAM, .beta2 = tn_f64(-0.1)},
                                {.kind = TN_ADAM, .beta2 = tn_f64(NAN)},
                                {.kind = TN_ADAM, .eps = tn_f64(-1)},
                                {.kind = TN_ADAGRAD, .amsgrad = true},
                                {.kind = TN_ADAGRAD, .momentum = 0.9, .nesterov = true},
                                {.kind = TN_RMSPROP, .alpha = tn_f64(1.5)},
                                {.kind = TN_ADADELTA, .rho = tn_f64(-1)},
                                {.kind = TN_ADAFACTOR, .d = tn_f64(0)},
                                {.kind = TN_ADAFACTOR, .eps = tn_f64(-1)},
                                {.kind = TN_MUON, .ns_steps = 100},
                                {.kind = TN_MUON, .adjust_lr = (tn_muon_scale)9},
                                {.kind = TN_KFAC, .refresh = -1},
                                {.kind = TN_KFAC, .kl_clip = tn_f64(NAN)},
                                {.kind = TN_RPROP, .eta_minus = tn_f64(1)},
                                {.kind = TN_RPROP, .eta_plus = tn_f64(NAN)},
                                {.kind = TN_RPROP, .step_max = tn_f64(0)},
                                {.kind = TN_ASGD, .lambd = tn_f64(-1)},
                                {.kind = TN_ASGD, .t0 = tn_f64(NAN)},
                                {.average = (tn_average)3},
                                {.average_decay = tn_f64(NAN)},
                                {.lookahead = -1},
                                {.sam = NAN},
                                {.scale_growth = -1},
                                {.groups = &bad_group, .n_groups = 1},
                                {.groups = &all, .n_groups = 1}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        net n;
        build(&n, &bad[i], NULL);
        if (n.status != TN_INVALID || !*tn_graph_error(n.graph))
            fail_msg("wrong options %zu: %s '%s'", i, tn_status_name(n.status), tn_graph_error(n.graph));
        net_free(&n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constant_and_warm_up),
        cmocka_unit_test(steps_of_epochs),
        cmocka_unit_test(cosine_from_one_end_to_the_other),
        cmocka_unit_test(plateau_as_pytorch),
        cmocka_unit_test(schedules_of_the_golden_file),
        cmocka_unit_test(warm_up_of_any_shape),
        cmocka_unit_test(chained_schedules),
        cmocka_unit_test(plain_descent),
        cmocka_unit_test(groups_take_their_own_values),
        cmocka_unit_test(l1_pulls_towards_zero),
        cmocka_unit_test(clipping_by_value),
        cmocka_unit_test(clipping_by_norm),
        cmocka_unit_test(frozen_parameters_stay),
        cmocka_unit_test(momentum_by_hand),
        cmocka_unit_test(adam_by_hand),
        cmocka_unit_test(adamw_decays_by_default),
        cmocka_unit_test(optimizers_with_names),
        cmocka_unit_test(accumulated_gradients_are_their_mean),
        cmocka_unit_test(a_gradient_that_is_no_number_changes_nothing),
        cmocka_unit_test(sharpness_by_hand),
        cmocka_unit_test(scaling_of_the_loss),
        cmocka_unit_test(shampoo_of_a_long_matrix),
        cmocka_unit_test(kfac_of_other_layers),
        cmocka_unit_test(every_rule_with_every_dtype),
        cmocka_unit_test(wrong_options_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
