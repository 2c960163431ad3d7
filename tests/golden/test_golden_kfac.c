/* K-FAC beside the papers' equations: kfac.safetensors, made by make_kfac.py, has batches and what the parameters of a small net are after
 * some steps. */
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
#include "support/net.h"
#include <tarn/nn.h>
#include <tarn/ops.h>
#include <tarn/optim.h>
#include <tarn/program.h>

enum { STEPS = 12, PARAMS = 5, MOST = 2048 /* elements of a tensor */ };
static const char *const names[PARAMS] = {"conv.weight", "fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"};

typedef struct run {
    const format_safetensors *file;
    const char *variant;
    tn_dtype dtype;
    net net;
} run;

static const format_tensor *golden(const run *r, const char *prefix, const char *name)
{
    char full[128];
    (void)snprintf(full, sizeof full, "%s.%s", prefix, name);
    const format_tensor *t = format_safetensors_find(r->file, full);
    if (!t)
        fail_msg("the golden file has no '%s'", full);
    return t;
}

/* A golden tensor; where it is f32, in the run's dtype. */
static tn_view view_of(const run *r, const format_tensor *t, double *room)
{
    if (t->dtype != TN_F32 || r->dtype == TN_F32)
        return tn_view_of((void *)(uintptr_t)t->data, t->dtype, t->rank, t->dims);
    assert_true(t->bytes <= MOST * sizeof(float));
    for (size_t i = 0; i < t->bytes / sizeof(float); i++)
        room[i] = op_element_to_f64(TN_F32, (const char *)t->data + i * sizeof(float));
    return tn_view_of(room, TN_F64, t->rank, t->dims);
}

static tn_optim_opt options_of(const run *r, float *lr)
{
    tn_optim_opt o = {.kind = TN_KFAC};
    char text[256], *rest = text;
    (void)snprintf(text, sizeof text, "%s", format_safetensors_metadata(r->file, r->variant));
    for (char *word = strtok_r(rest, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        double value = strtod(strchr(word, '=') + 1, NULL);
        *strchr(word, '=') = '\0';
        if (strcmp(word, "lr") == 0)
            *lr = (float)value;
        else if (strcmp(word, "refresh") == 0)
            o.refresh = (int64_t)value;
        else if (strcmp(word, "momentum") == 0)
            o.momentum = value;
        else
            *(strcmp(word, "kl_clip") == 0        ? &o.kl_clip
              : strcmp(word, "eps") == 0          ? &o.eps
              : strcmp(word, "weight_decay") == 0 ? &o.weight_decay
                                                  : &o.beta2) = tn_f64(value);
    }
    return o;
}

static void start(run *r, const tn_optim_opt *o)
{
    r->net = net_new();
    tn_graph *g = r->net.graph;
    tn_dim batch = tn_symbol(g, "batch");
    tn_tensor *x = tn_input(g, "x", r->dtype, TN_SHAPE(batch, 2, 6, 5)),
              *target = tn_input(g, "target", TN_I64, TN_SHAPE(batch));
    tn_tensor *w[PARAMS];
    for (int i = 0; i < PARAMS; i++) {
        const format_tensor *t = golden(r, "initial", names[i]);
        tn_shape shape = {.rank = t->rank};
        memcpy(shape.dims, t->dims, sizeof *t->dims * (size_t)t->rank);
        w[i] = tn_param(g, names[i], r->dtype, shape, NULL);
    }
    x = tn_tanh(tn_conv2d(x, w[0], NULL, TN_OPT(tn_conv_opt, .strides = {2, 1}, .paddings = {1, 0, 1, 0})));
    x = tn_tanh(tn_linear(tn_flatten(x, 1), w[1], w[2]));
    if (tn_minimize(tn_cross_entropy(tn_linear(x, w[3], w[4]), target, NULL), o) != TN_OK)
        fail_msg("%s: %s", r->variant, tn_graph_error(g));
    net_compile(&r->net, NULL);
    for (int i = 0; i < PARAMS; i++) {
        double room[MOST];
        tn_view v = view_of(r, golden(r, "initial", names[i]), room);
        assert_int_equal(tn_state_set(r->net.state, names[i], &v), TN_OK);
    }
}

/* By one entry, or added up from this single batch. */
static void step(const run *r, int i, float lr, bool accumulate)
{
    char number[16];
    float one = 1;
    double room[MOST];
    (void)snprintf(number, sizeof number, "%d", i);
    const tn_feed batch[] = {{"x", view_of(r, golden(r, "x", number), room)},
                             {"target", view_of(r, golden(r, "target", number), NULL)}},
                  rate = {"lr", tn_view_of(&lr, TN_F32, 0, NULL)},
                  count = {"accumulated", tn_view_of(&one, TN_F32, 0, NULL)};
    tn_status status = TN_OK;
    if (accumulate) {
        status = tn_run(r->net.session, "accumulate_first", 2, batch, 0, NULL);
        if (status == TN_OK)
            status = tn_run(r->net.session, "apply", 2, (tn_feed[]){rate, count}, 0, NULL);
    } else {
        status = tn_run(r->net.session, "step", 3, (tn_feed[]){batch[0], batch[1], rate}, 0, NULL);
    }
    if (status != TN_OK)
        fail_msg("%s: %s", r->variant, tn_session_error(r->net.session));
}

static double compare(const run *r, int done)
{
    char prefix[96];
    double worst = 0;
    const bool narrow = r->dtype == TN_F32;
    const size_t size = tn_dtype_size(r->dtype);
    (void)snprintf(prefix, sizeof prefix, narrow ? "%s.after%d" : "%s.wide", r->variant, done);
    for (int k = 0; k < PARAMS; k++) {
        const format_tensor *t = golden(r, prefix, names[k]);
        tn_view v;
        assert_int_equal(tn_state_find(r->net.state, names[k], &v), TN_OK);
        assert_int_equal(v.bytes, t->bytes);
        for (size_t i = 0; i < v.bytes / size; i++) {
            const double want = op_element_to_f64(r->dtype, (const char *)t->data + i * size),
                         got = op_element_to_f64(r->dtype, (const char *)v.data + i * size);
            worst = fmax(worst, fabs(got - want));
            if (!(fabs(got - want) <= (narrow ? 2e-5 : 1e-11)))
                fail_msg("%s: %s[%zu] is %.12g, not %.12g", prefix, names[k], i, got, want);
        }
    }
    return worst;
}

static void steps_are_the_papers(void **p)
{
    format_safetensors *file = golden_file("kfac");
    char list[256], *rest = list;
    (void)p;
    (void)snprintf(list, sizeof list, "%s", format_safetensors_metadata(file, "variants"));
    for (char *v = strtok_r(rest, " ", &rest); v; v = strtok_r(NULL, " ", &rest))
        for (int way = 0; way < 4; way++) { /* steps; gradients added up; a scaled loss; in f64 */
            run r = {.file = file, .variant = v, .dtype = way == 3 ? TN_F64 : TN_F32};
            float lr = 0;
            double worst = 0;
            tn_optim_opt o = options_of(&r, &lr);
            o.accumulate = way == 1;
            o.scale_loss = way == 2;
            start(&r, &o);
            for (int i = 0; i < STEPS; i++) {
                step(&r, i, lr, way == 1);
                if (i + 1 == STEPS || (way < 3 && (i < 2 || i + 1 == 5)))
                    worst = fmax(worst, compare(&r, i + 1));
            }
            print_message("%-18s within %.1e\n", v, worst);
            net_free(&r.net);
        }
    format_safetensors_free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(steps_are_the_papers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
