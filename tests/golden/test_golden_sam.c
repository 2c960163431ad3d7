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

#include "op/scheme/op.h"
#include "support/golden_file.h"
#include <tarn/ops.h>
#include <tarn/optim.h>
#include <tarn/program.h>

enum { STEPS = 15, WEIGHTS = 4 };
enum { MOST = 64 }; /* elements of a weight or a batch */
static const double TOLERANCE = 2e-6, WIDE_TOLERANCE = 1e-13;
static const char *const weights[WEIGHTS] = {"w1", "b1", "w2", "b2"};

typedef struct run {
    const format_safetensors *file;
    const char *variant;
    tn_dtype dtype;
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

/* Golden numbers of f32 in the run's dtype. */
static tn_view view_of(const run *r, const void *data, int rank, const int64_t *dims, double *room)
{
    tn_view v = tn_view_of((void *)(uintptr_t)data, TN_F32, rank, dims);
    if (r->dtype == TN_F32)
        return v;
    for (int64_t i = 0; i < tn_view_count(&v); i++) {
        float f;
        memcpy(&f, (const float *)data + i, sizeof f);
        room[i] = (double)f;
    }
    return tn_view_of(room, TN_F64, rank, dims);
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
        double room[MOST];
        const tn_view v = view_of(r, t->data, t->rank, t->dims, room);
        w[i] = tn_param(r->graph, weights[i], r->dtype, shape, NULL);
        assert_int_equal(tn_state_set(r->state, weights[i], &v), TN_OK);
    }
    const int64_t rows = golden(r, "", "x")->dims[1];
    tn_tensor *x = tn_input(r->graph, "x", r->dtype, TN_SHAPE(rows, 4)),
              *y = tn_input(r->graph, "y", r->dtype, TN_SHAPE(rows, 2));
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

static tn_view batch(const run *r, const char *name, int step, double *room)
{
    const format_tensor *t = golden(r, "", name);
    return view_of(r, (const float *)t->data + step * t->dims[1] * t->dims[2], 2, t->dims + 1, room);
}

static double step(run *r, int i)
{
    double room[2][MOST], wide = 0;
    float loss = 0;
    const tn_feed feeds[] = {{"x", batch(r, "x", i, room[0])},
                             {"y", batch(r, "y", i, room[1])},
                             {"lr", tn_view_of(&r->lr, TN_F32, 0, NULL)}};
    const bool narrow = r->dtype == TN_F32;
    const tn_feed fetch = {"loss", tn_view_of(narrow ? (void *)&loss : &wide, r->dtype, 0, NULL)};
    if (tn_run(r->session, "step", 3, feeds, 1, &fetch) != TN_OK)
        fail_msg("%s, step %d: %s", r->variant, i, tn_session_error(r->session));
    return narrow ? (double)loss : wide;
}

static void compare_weights(const run *r)
{
    char prefix[64];
    const bool narrow = r->dtype == TN_F32;
    const size_t size = tn_dtype_size(r->dtype);
    const double most = narrow ? TOLERANCE : WIDE_TOLERANCE;
    (void)snprintf(prefix, sizeof prefix, narrow ? "%s.after15." : "%s.wide.", r->variant);
    for (int i = 0; i < WEIGHTS; i++) {
        const format_tensor *t = golden(r, prefix, weights[i]);
        tn_view v;
        assert_int_equal(tn_state_find(r->state, weights[i], &v), TN_OK);
        assert_int_equal(v.bytes, t->bytes);
        for (size_t k = 0; k < t->bytes / size; k++) {
            const double got = op_element_to_f64(r->dtype, (const char *)v.data + k * size),
                         want = op_element_to_f64(r->dtype, (const char *)t->data + k * size);
            if (!(fabs(got - want) <= most))
                fail_msg("%s%s[%zu] is %.15g, PyTorch's %.15g", prefix, weights[i], k, got, want);
        }
    }
}

static void follow(const format_safetensors *file, const char *variant, tn_dtype dtype)
{
    run r = {.file = file, .variant = variant, .dtype = dtype};
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
    print_message("%-6s in %s: losses within %.1e\n", variant, tn_dtype_name(dtype), worst);
    finish(&r);
}

static void steps_are_pytorchs(void **p)
{
    (void)p;
    char names[128], *rest = names;
    format_safetensors *file = golden_file("sam");
    (void)snprintf(names, sizeof names, "%s", format_safetensors_metadata(file, "variants"));
    for (char *v = strtok_r(rest, " ", &rest); v; v = strtok_r(NULL, " ", &rest))
        for (int wide = 0; wide < 2; wide++)
            follow(file, v, wide ? TN_F64 : TN_F32);
    format_safetensors_free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(steps_are_pytorchs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
