/* Sharpness-aware minimisation beside PyTorch's gradients and optimizers: losses of 15 steps and the weights in the end are those that
 * make_sam.py wrote down. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/golden_file.h"
#include <tarn/ops.h>
#include <tarn/optim.h>
#include <tarn/program.h>

enum { STEPS = 15, WEIGHTS = 4 };
static const double TOLERANCE = 2e-6;
static const char *const weights[WEIGHTS] = {"w1", "b1", "w2", "b2"};

typedef struct run {
    const format_safetensors *file;
    const char *variant;
    float lr;
    tn_context *context;
    tn_graph *graph;
    tn_program *program;
    tn_state *state;
    tn_session *session;
} run;

static const format_tensor *golden(const run *r, const char *prefix, const char *name)
{
    char full[96];
    (void)snprintf(full, sizeof full, "%s%s", prefix, name);
    const format_tensor *t = format_safetensors_find(r->file, full);
    if (!t)
        fail_msg("the golden file has no '%s'", full);
    return t;
}

static tn_optim_opt options_of(run *r)
{
    char *rest = NULL;
    const char *text = format_safetensors_metadata(r->file, r->variant);
    tn_optim_opt o = {.sam = strtod(text, &rest)};
    r->lr = strtof(rest, &rest);
    o.kind = strcmp(rest, " adam") == 0 ? TN_ADAM : TN_SGD;
    o.momentum = o.kind == TN_SGD ? 0.9 : 0;
    return o;
}

static void start(run *r)
{
    tn_tensor *w[WEIGHTS];
    const tn_optim_opt o = options_of(r);
    r->context = tn_context_new(TN_OPT(tn_context_opt, .threads = 1));
    r->graph = tn_graph_new(r->context);
    r->state = tn_state_new(r->context);
    for (int i = 0; i < WEIGHTS; i++) {
        const format_tensor *t = golden(r, "initial.", weights[i]);
        tn_shape shape = {.rank = t->rank, .dims = {t->dims[0], t->rank > 1 ? t->dims[1] : 0}};
        const tn_view v = tn_view_of((void *)(uintptr_t)t->data, TN_F32, t->rank, t->dims);
        w[i] = tn_param(r->graph, weights[i], TN_F32, shape, NULL);
        assert_int_equal(tn_state_set(r->state, weights[i], &v), TN_OK);
    }
    const int64_t rows = golden(r, "", "x")->dims[1];
    tn_tensor *x = tn_input(r->graph, "x", TN_F32, TN_SHAPE(rows, 4)),
              *y = tn_input(r->graph, "y", TN_F32, TN_SHAPE(rows, 2));
    x = tn_linear(tn_tanh(tn_linear(x, w[0], w[1])), w[2], w[3]);
    if (tn_minimize(tn_mean(tn_square(tn_sub(x, y))), &o) != TN_OK)
        fail_msg("%s: %s", r->variant, tn_graph_error(r->graph));
    if (!(r->program = tn_compile(r->graph, NULL)))
        fail_msg("%s: %s", r->variant, tn_context_error(r->context));
    assert_int_equal(tn_state_init(r->state, r->graph, 0), TN_OK);
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

static tn_view batch(const run *r, const char *name, int step)
{
    const format_tensor *t = golden(r, "", name);
    return tn_view_of((float *)(uintptr_t)t->data + step * t->dims[1] * t->dims[2], TN_F32, 2, t->dims + 1);
}

static double step(run *r, int i)
{
    float loss = 0;
    const tn_feed feeds[] = {
        {"x", batch(r, "x", i)}, {"y", batch(r, "y", i)}, {"lr", tn_view_of(&r->lr, TN_F32, 0, NULL)}};
    const tn_feed fetch = {"loss", tn_view_of(&loss, TN_F32, 0, NULL)};
    if (tn_run(r->session, "step", 3, feeds, 1, &fetch) != TN_OK)
        fail_msg("%s, step %d: %s", r->variant, i, tn_session_error(r->session));
    return (double)loss;
}

static void compare_weights(const run *r)
{
    char prefix[64];
    (void)snprintf(prefix, sizeof prefix, "%s.after%d.", r->variant, STEPS);
    for (int i = 0; i < WEIGHTS; i++) {
        const format_tensor *t = golden(r, prefix, weights[i]);
        tn_view v;
        assert_int_equal(tn_state_find(r->state, weights[i], &v), TN_OK);
        for (size_t k = 0; k < t->bytes / sizeof(float); k++) {
            float want;
            memcpy(&want, (const float *)t->data + k, sizeof want);
            if (!(fabs((double)((const float *)v.data)[k] - (double)want) <= TOLERANCE))
                fail_msg("%s%s[%zu] is %.9g, PyTorch's %.9g", prefix, weights[i], k, ((const float *)v.data)[k], want);
        }
    }
}

static void follow(const format_safetensors *file, const char *variant)
{
    run r = {.file = file, .variant = variant};
    char prefix[64];
    double worst = 0;
    (void)snprintf(prefix, sizeof prefix, "%s.", variant);
    start(&r);
    for (int i = 0; i < STEPS; i++) {
        double want, loss = step(&r, i);
        memcpy(&want, (const double *)golden(&r, prefix, "loss")->data + i, sizeof want);
        if (!(fabs(loss - want) <= TOLERANCE * (1 + fabs(want))))
            fail_msg("%s: the loss of step %d is %.9g, PyTorch's %.9g", variant, i, loss, want);
        worst = fmax(worst, fabs(loss - want));
    }
    compare_weights(&r);
    print_message("%-6s losses within %.1e\n", variant, worst);
    finish(&r);
}

static void steps_are_pytorchs(void **p)
{
    (void)p;
    char names[128], *rest = names;
    format_safetensors *file = golden_file("sam");
    (void)snprintf(names, sizeof names, "%s", format_safetensors_metadata(file, "variants"));
    for (char *v = strtok_r(rest, " ", &rest); v; v = strtok_r(NULL, " ", &rest))
        follow(file, v);
    format_safetensors_free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(steps_are_pytorchs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
