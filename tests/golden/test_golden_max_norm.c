/* Embeddings and bags whose rows are cut train as in PyTorch, which cuts them in the table itself (make_max_norm.py): the loss of each
 * step and the table after it; an entry that does not train leaves the table alone; what is wrong gives a sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/golden_file.h"
#include "support/net.h"
#include <tarn/tarn.h>

enum { STEPS = 6, ROWS = 9, FEATURES = 4, PLACES = 6 };

typedef struct variant {
    const char *name;
    tn_optimizer kind;
    bool bag;
} variant;
static const variant variants[] = {{"embedding.sgd", TN_SGD, false},
                                   {"embedding.adam", TN_ADAM, false},
                                   {"bag.sgd", TN_SGD, true},
                                   {"bag.adam", TN_ADAM, true}};

static const void *stored(const format_safetensors *file, const variant *v, const char *what)
{
    char name[64];
    (void)snprintf(name, sizeof name, "%s.%s", v->name, what);
    const format_tensor *t = format_safetensors_find(file, name);
    if (!t)
        fail_msg("max_norm.safetensors has no %s", name);
    return t->data;
}

static tn_tensor *build(tn_graph *g, const variant *v, bool accumulate)
{
    const tn_embedding_opt o = {.max_norm = tn_f64(1.2), .mode = TN_BAG_SUM};
    tn_tensor *index = tn_input(g, "index", TN_I64, TN_SHAPE(3, 2));
    tn_tensor *y = v->bag ? tn_layer_embedding_bag(index, NULL, "m", ROWS, FEATURES, &o)
                          : tn_layer_embedding(index, "m", ROWS, FEATURES, &o);
    tn_tensor *target = tn_input(g, "target", TN_F32, tn_tensor_shape(y)),
              *loss = tn_mean(tn_square(tn_sub(y, target)));
    tn_minimize(
        loss, TN_OPT(tn_optim_opt, .kind = v->kind, .momentum = v->kind == TN_SGD ? 0.9 : 0, .accumulate = accumulate));
    tn_entry *e = tn_entry_new(g, "look", 0);
    tn_entry_output(e, "loss", loss);
    return y;
}

static net begin(const format_safetensors *file, const variant *v, bool accumulate)
{
    const int64_t dims[] = {ROWS, FEATURES};
    const tn_view first = tn_view_of((void *)(uintptr_t)stored(file, v, "initial"), TN_F32, 2, dims);
    net t = net_new();
    build(t.graph, v, accumulate);
    net_compile(&t, NULL);
    assert_int_equal(tn_state_set(t.state, "m.weight", &first), TN_OK);
    return t;
}

static float run(const net *t, const format_safetensors *file, const variant *v, const char *entry, int step, float lr)
{
    const int64_t places[] = {3, 2}, of_bag[] = {3, FEATURES}, of_rows[] = {3, 2, FEATURES};
    const int64_t *index = (const int64_t *)stored(file, v, "index") + (ptrdiff_t)step * PLACES;
    const float *target = (const float *)stored(file, v, "target") + (ptrdiff_t)step * (v->bag ? 3 : PLACES) * FEATURES;
    float loss = 0;
    const tn_feed in[] = {
        {"index", tn_view_of((void *)(uintptr_t)index, TN_I64, 2, places)},
        {"target", tn_view_of((void *)(uintptr_t)target, TN_F32, v->bag ? 2 : 3, v->bag ? of_bag : of_rows)},
        {"lr", tn_view_of(&lr, TN_F32, 0, NULL)}};
    const tn_feed out = {"loss", tn_view_of(&loss, TN_F32, 0, NULL)};
    if (tn_run(t->session, entry, strcmp(entry, "step") == 0 ? 3 : 2, in, 1, &out) != TN_OK)
        fail_msg("%s: %s", v->name, tn_session_error(t->session));
    return loss;
}

static void compare(const net *t, const variant *v, const float *want, int step)
{
    tn_view w;
    assert_int_equal(tn_state_find(t->state, "m.weight", &w), TN_OK);
    for (int i = 0; i < ROWS * FEATURES; i++) {
        float got = ((const float *)w.data)[i];
        if (!(fabsf(got - want[i]) <= 1e-5F))
            fail_msg("%s: weight[%d] after step %d is %.9g, PyTorch's %.9g", v->name, i, step, (double)got,
                     (double)want[i]);
    }
}

static void tables_are_cut_as_in_pytorch(void **unused)
{
    (void)unused;
    format_safetensors *file = golden_file("max_norm");
    for (size_t k = 0; k < sizeof variants / sizeof *variants; k++) {
        const variant *v = &variants[k];
        const float *losses = stored(file, v, "loss"), *after = stored(file, v, "after");
        net t = begin(file, v, false);
        for (int i = 0; i < STEPS; i++) {
            float loss = run(&t, file, v, "step", i, 0.5F);
            if (!(fabsf(loss - losses[i]) <= 1e-5F * losses[i]))
                fail_msg("%s: the loss of step %d is %.9g, PyTorch's %.9g", v->name, i, (double)loss,
                         (double)losses[i]);
            compare(&t, v, after + (ptrdiff_t)i * ROWS * FEATURES, i);
        }
        net_free(&t);
    }
    format_safetensors_free(file);
}

/* The first loss comes from cut rows, whether the entry trains or not; the table is cut only where it does. */
static void entries_that_do_not_train_leave_the_table(void **unused)
{
    (void)unused;
    format_safetensors *file = golden_file("max_norm");
    for (size_t k = 0; k < sizeof variants / sizeof *variants; k += 2) {
        const variant *v = &variants[k];
        net t = begin(file, v, true);
        float want = *(const float *)stored(file, v, "loss");
        assert_true(fabsf(run(&t, file, v, "look", 0, 0) - want) <= 1e-5F * want);
        compare(&t, v, stored(file, v, "initial"), 0);
        assert_true(fabsf(run(&t, file, v, "accumulate_first", 0, 0) - want) <= 1e-5F * want);
        tn_view w;
        assert_int_equal(tn_state_find(t.state, "m.weight", &w), TN_OK);
        const int64_t *index = stored(file, v, "index");
        for (int i = 0; i < PLACES; i++) {
            const float *row = (const float *)w.data + index[i] * FEATURES;
            assert_true(row[0] * row[0] + row[1] * row[1] + row[2] * row[2] + row[3] * row[3] <= 1.2F * 1.2F * 1.0001F);
        }
        net_free(&t);
    }
    format_safetensors_free(file);
}

static void a_limit_of_nothing_is_refused(void **unused)
{
    (void)unused;
    tn_context *context = tn_context_new(NULL);
    for (int bag = 0; bag < 2; bag++) {
        tn_graph *g = tn_graph_new(context);
        tn_tensor *index = tn_input(g, "index", TN_I64, TN_SHAPE(3, 2));
        const tn_embedding_opt o = {.max_norm = tn_f64(0)};
        if (bag)
            tn_layer_embedding_bag(index, NULL, "m", ROWS, FEATURES, &o);
        else
            tn_layer_embedding(index, "m", ROWS, FEATURES, &o);
        assert_non_null(strstr(tn_graph_error(g), "layer 'm': max_norm is 0; it must be more than 0"));
        tn_graph_free(g);
    }
    tn_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(tables_are_cut_as_in_pytorch),
                                       cmocka_unit_test(entries_that_do_not_train_leave_the_table),
                                       cmocka_unit_test(a_limit_of_nothing_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
