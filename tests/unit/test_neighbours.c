/* test_neighbours.c: training on neighbourhoods that are drawn for each batch. With all neighbours drawn, losses and weights are those of
 * training on the whole graph; what batches bring is as tn_dataset_neighbours says, the same whatever the number of workers; a run that
 * was stopped in an epoch goes on to the same bits. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/str.h"
#include "support/context.h"
#include "support/scratch.h"
#include <tarn/tarn.h>

enum { NODES = 90, TRAIN = 40, LONELY = 7 };

static int64_t draw(uint64_t *state)
{
    *state = *state * 6364136223846793005U + 1442695040888963407U;
    return (int64_t)(*state >> 33);
}

static void write_text(const char *name, const base_str *text)
{
    assert_false(text->failed);
    assert_int_equal(base_file_write(scratch_path(name), text->text, text->length, NULL), TN_OK);
}

/* A directed graph with weights, nodes with an edge to themselves and LONELY without any. Nodes for training come first. */
static void write_graph(void)
{
    uint64_t state = 5;
    base_str nodes = {0}, edges = {0};
    base_str_add(&nodes, "node,label,split,a,b,c\n");
    base_str_add(&edges, "u,v,w\n");
    for (int i = 0; i < NODES; i++) {
        base_str_printf(&nodes, "%d,k%d,%s,%.2f,%.2f,%.2f\n", i, i % 3,
                        i < TRAIN ? "train"
                        : i % 2   ? "val"
                                  : "test",
                        (double)(draw(&state) % 200) / 100 + i % 3, (double)(draw(&state) % 200) / 100 - 1,
                        (double)(draw(&state) % 100) / 50);
        for (int64_t k = i == LONELY ? 0 : 1 + draw(&state) % 7, v; k > 0; k--)
            if ((v = draw(&state) % NODES) != LONELY)
                base_str_printf(&edges, "%d,%lld,%.2f\n", i, (long long)v, 0.5 + (double)(draw(&state) % 100) / 50);
        if (i % 11 == 0)
            base_str_printf(&edges, "%d,%d,1.5\n", i, i);
    }
    write_text("nodes.csv", &nodes);
    write_text("edges.csv", &edges);
    base_str_free(&nodes);
    base_str_free(&edges);
}

/* A recipe with these layers and these keys of data. */
static tn_recipe *recipe(const char *layers, const char *more)
{
    base_str text = {0};
    base_str_printf(&text,
                    "tarn: 1\nname: drawn\nseed: 3\nmodel: {layers: [%s]}\n"
                    "data: {name: graph, nodes: nodes.csv, edges: edges.csv, directed: true, weight: w%s}\n"
                    "train: {batch: 8, epochs: 3, optimizer: sgd, lr: 0.1, threads: 1}\n",
                    layers, more);
    write_text("r.yaml", &text);
    base_str_free(&text);
    tn_recipe *r = tn_recipe_load(context, scratch_path("r.yaml"), 0, NULL);
    if (!r)
        fail_msg("%s", tn_context_error(context));
    return r;
}

/* Losses of the epochs, by their ends, and those on validation nodes. */
typedef struct losses {
    double at[2][8];
    int n;
    int64_t stop; /* 0: never; else after so many calls */
} losses;

static int note(void *user, const tn_progress *p)
{
    losses *l = user;
    if (p->epoch_end && l->n < 8) {
        l->at[0][l->n] = p->loss;
        l->at[1][l->n++] = p->val_loss;
    }
    return l->stop > 0 && --l->stop == 0;
}

typedef struct training {
    tn_recipe *recipe;
    tn_dataset *train, *valid;
    tn_model *model;
    tn_trainer *trainer;
} training;

static training begin(const char *layers, const char *more, int workers, losses *l)
{
    training t = {.recipe = recipe(layers, more)};
    if (tn_recipe_data(context, t.recipe, &t.train, &t.valid) != TN_OK)
        fail_msg("%s", tn_context_error(context));
    t.model = tn_recipe_model(context, t.recipe, t.train);
    if (!t.model)
        fail_msg("%s", tn_context_error(context));
    t.trainer = tn_trainer_new(context, t.model, t.train, t.valid,
                               TN_OPT(tn_train_opt, .batch = 8, .epochs = 3, .seed = 3, .workers = workers,
                                      .optim = {.kind = TN_SGD}, .schedule = {.lr = 0.1}, .folder = scratch_path("run"),
                                      .progress = note, .user = l));
    if (!t.trainer)
        fail_msg("%s", tn_context_error(context));
    return t;
}

static void run(const training *t, tn_status due)
{
    if (tn_trainer_run(t->trainer) != due)
        fail_msg("%s", tn_trainer_error(t->trainer));
}

static void end(training *t)
{
    tn_trainer_free(t->trainer);
    tn_model_free(t->model);
    tn_dataset_free(t->train);
    tn_dataset_free(t->valid);
    tn_recipe_free(t->recipe);
}

/* The largest difference between two models' weights. */
static double difference(tn_model *a, tn_model *b)
{
    double most = 0;
    tn_view v, w;
    const char *name;
    int i = 0;
    for (; (name = tn_state_get(tn_model_state(a), i, &v)) != NULL; i++) {
        assert_string_equal(tn_state_get(tn_model_state(b), i, &w), name);
        for (int64_t k = 0; k < tn_view_count(&v) && v.dtype == TN_F32; k++)
            most = fmax(most, fabs((double)((const float *)v.data)[k] - (double)((const float *)w.data)[k]));
    }
    assert_true(i > 0 && !tn_state_get(tn_model_state(b), i, &w));
    return most;
}

#define GCN "{gcn: {units: 6, name: one}}, tanh, {gcn: {units: 3, name: two}}"

static void all_neighbours_are_the_whole_graph(void **state)
{
    (void)state;
    static const struct {
        const char *layers, *drawn;
    } nets[] = {
        {GCN, "[-1, -1]"},
        {GCN, "[1000, 1000]"},
        {"{gcn: {units: 6, self_loops: false}}, tanh, {gcn: {units: 3, self_loops: false, bias: false}}", "[-1, -1]"},
        {"{sage: 6}, relu, {sage: 5}, relu, {sage: 3}", "[-1, -1, -1]"},
        {"{gat: {units: 4, heads: 2}}, elu, {gat: {units: 3, heads: 2, mean_heads: true}}", "[-1, -1]"},
        {"{gat: {units: 6, self_loops: false}}, {gcn: {units: 3}}", "[-1, -1]"},
        {"{linear: {units: 6, name: a}}, {sage: {units: 6}}, {add: {with: [a]}}, {linear: 3}", "[-1]"},
    };
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
        char more[64];
        losses whole = {0}, drawn = {0};
        (void)snprintf(more, sizeof more, ", num_neighbors: %s", nets[i].drawn);
        training a = begin(nets[i].layers, "", 0, &whole), b = begin(nets[i].layers, more, 0, &drawn);
        run(&a, TN_OK);
        run(&b, TN_OK);
        assert_true(whole.n == 3 && drawn.n == 3 && whole.at[0][2] != whole.at[0][0]);
        for (int k = 0; k < 6; k++)
            if (fabs(whole.at[k / 3][k % 3] - drawn.at[k / 3][k % 3]) > 1e-5)
                fail_msg("net %zu: loss %g of the whole graph, %g of all neighbours", i, whole.at[k / 3][k % 3],
                         drawn.at[k / 3][k % 3]);
        if (difference(a.model, b.model) > 1e-5)
            fail_msg("net %zu: weights differ by %g", i, difference(a.model, b.model));
        end(&a);
        end(&b);
    }
}

/* Bits of the weights after a run. */
static uint64_t trained(int workers, int64_t stop)
{
    losses l = {.stop = stop};
    uint64_t hash = 1;
    training t = begin("{dropout: 0.2}, " GCN, ", num_neighbors: [2, 3]", workers, &l);
    run(&t, stop ? TN_CANCELLED : TN_OK);
    if (stop) {
        end(&t);
        l.stop = 0;
        t = begin("{dropout: 0.2}, " GCN, ", num_neighbors: [2, 3]", workers, &l);
        assert_int_equal(tn_trainer_resume(t.trainer, scratch_path("run/last.safetensors")), TN_OK);
        run(&t, TN_OK);
    }
    tn_view v;
    for (int i = 0; tn_state_get(tn_model_state(t.model), i, &v); i++)
        for (size_t k = 0; k < v.bytes; k++)
            hash = (hash ^ ((const unsigned char *)v.data)[k]) * 1099511628211U;
    end(&t);
    return hash;
}

static void runs_are_repeated_bit_by_bit(void **state)
{
    (void)state;
    const uint64_t once = trained(0, 0);
    assert_true(once == trained(0, 0));
    assert_true(once == trained(3, 0));
    assert_true(once == trained(0, 3));
    assert_true(once == trained(2, 8));
}

/* A file holds the net that sees the whole graph, and nothing of what batches brought. */
static void model_files_see_the_whole_graph(void **state)
{
    (void)state;
    losses l = {0};
    training t = begin(GCN, ", num_neighbors: [2, 3]", 0, &l);
    run(&t, TN_OK);
    tn_model *m = tn_model_load(context, scratch_path("run/model.safetensors"));
    if (!m)
        fail_msg("%s", tn_context_error(context));
    tn_evaluation r;
    assert_int_equal(tn_evaluate(context, m, t.valid, 4, &r, NULL), TN_OK);
    double best = l.at[1][0];
    for (int i = 1; i < l.n; i++)
        best = fmin(best, l.at[1][i]);
    assert_true(fabs(r.loss - best) < 1e-6);
    tn_model_free(m);
    end(&t);
}

/* ---- what batches bring ------------------------------------------------------------------------------------------ */

static tn_graph_data *graph(void)
{
    tn_table *n = tn_table_read(context, scratch_path("nodes.csv"), NULL),
             *e = tn_table_read(context, scratch_path("edges.csv"), NULL);
    tn_graph_data *g =
        tn_graph_data_new(context, n, e, NULL, TN_OPT(tn_graph_data_opt, .directed = true, .weight = "w"));
    tn_table_free(n);
    tn_table_free(e);
    if (!g)
        fail_msg("%s", tn_context_error(context));
    return g;
}

enum { X, Y, WHO, FROM, TO, START, WEIGHT, DEGREE, LOOP, PLACE, ALL };

static void check_batch(const tn_graph_view *v, const tn_batch *b, double *sums)
{
    const int64_t *x = b->fields[X].data, *who = b->fields[WHO].data, *from = b->fields[FROM].data,
                  *to = b->fields[TO].data, *start = b->fields[START].data, *place = b->fields[PLACE].data;
    const float *weight = b->fields[WEIGHT].data, *degree = b->fields[DEGREE].data, *loop = b->fields[LOOP].data;
    const int64_t n = b->fields[WHO].dims[0], edges = b->fields[FROM].dims[0];
    assert_int_equal(b->n_fields, ALL);
    assert_true(b->fields[START].dims[0] == n + 1 && start[0] == 0 && start[n] == edges);
    assert_true(b->fields[PLACE].dims[0] == b->n);
    for (int64_t i = 0; i < b->n; i++)
        assert_true(who[place[i]] == x[i] && place[i] < b->n);
    for (int64_t k = 0; k < n; k++) {
        double sum = 0;
        bool own = false;
        for (int64_t i = v->in_start[who[k]]; i < v->in_start[who[k] + 1]; i++) {
            sum += (double)v->in_weight[i];
            own |= v->in_source[i] == who[k];
        }
        assert_true(fabs(sum - (double)degree[k]) < 1e-4 && loop[k] == (own ? 0 : 1));
        for (int64_t i = start[k]; i < start[k + 1]; i++) {
            bool there = weight[i] == 0 && k == n - 1 && from[i] == k;
            assert_int_equal(to[i], k);
            for (int64_t j = v->in_start[who[k]]; j < v->in_start[who[k] + 1]; j++)
                there |= v->in_source[j] == who[from[i]];
            assert_true(there);
            if (k < b->n)
                sums[who[k]] += (double)weight[i];
        }
    }
}

/* In the mean over epochs a node's drawn weights add up to its degree: sums over neighbours are not biased. */
static void batches_bring_neighbourhoods(void **state)
{
    (void)state;
    enum { EPOCHS = 600 };
    tn_graph_data *g = graph();
    const tn_graph_view *v = tn_graph_data_view(g);
    double sums[NODES] = {0};
    tn_dataset *d = tn_dataset_neighbours(context, g, TN_NODE_TRAIN, (const int[]){2, 1}, 2);
    assert_non_null(d);
    tn_loader *a = tn_loader_new(context, d, TN_OPT(tn_loader_opt, .batch = 16, .shuffle = true, .seed = 4)),
              *b = tn_loader_new(context, d,
                                 TN_OPT(tn_loader_opt, .batch = 16, .shuffle = true, .seed = 4, .workers = 3));
    tn_field f;
    assert_true(a && b && tn_loader_field(a, WEIGHT, &f) && strcmp(f.name, "edge_weight") == 0);
    assert_true(f.dims[0] >= 16 * 2 + 16 * 2 && !tn_loader_field(a, ALL, &f));
    for (int e = 0; e < EPOCHS; e++)
        for (const tn_batch *one = NULL, *other;;) {
            assert_int_equal(tn_loader_next(a, &one), TN_OK);
            assert_int_equal(tn_loader_next(b, &other), TN_OK);
            assert_true((one == NULL) == (other == NULL));
            if (!one)
                break;
            check_batch(v, one, sums);
            for (int i = 0; i < ALL; i++) {
                const int64_t count = tn_view_count(&one->fields[i]);
                assert_int_equal(count, tn_view_count(&other->fields[i]));
                assert_memory_equal(one->fields[i].data, other->fields[i].data,
                                    (size_t)count * tn_dtype_size(one->fields[i].dtype));
            }
        }
    for (int64_t i = 0; i < TRAIN; i++) {
        double degree = 0;
        for (int64_t k = v->in_start[i]; k < v->in_start[i + 1]; k++)
            degree += (double)v->in_weight[k];
        if (fabs(sums[i] / EPOCHS - degree) > 0.05 * degree + 1e-9)
            fail_msg("node %lld: %g of %g comes in the mean", (long long)i, sums[i] / EPOCHS, degree);
    }
    tn_loader_free(a);
    tn_loader_free(b);
    /* Chosen again, and one twice: samples' places are where their nodes are. */
    tn_dataset *few = tn_dataset_subset(context, d, (const int64_t[]){3, LONELY, 3, 5, 3}, 5);
    a = tn_loader_new(context, few, TN_OPT(tn_loader_opt, .batch = 5));
    const tn_batch *batch;
    assert_int_equal(tn_loader_next(a, &batch), TN_OK);
    const int64_t due[] = {0, 1, 0, 2, 0};
    assert_memory_equal(batch->fields[PLACE].data, due, sizeof due);
    check_batch(v, batch, sums);
    tn_loader_free(a);
    /* Nobody has a neighbour. */
    tn_dataset_free(few);
    few = tn_dataset_subset(context, d, (const int64_t[]){LONELY}, 1);
    a = tn_loader_new(context, few, NULL);
    assert_int_equal(tn_loader_next(a, &batch), TN_OK);
    check_batch(v, batch, sums);
    tn_loader_free(a);
    tn_dataset_free(few);
    tn_dataset_free(d);
    assert_null(tn_dataset_neighbours(context, g, -1, NULL, 0));
    says("in 1 to 16 rounds, not 0");
    tn_graph_data_free(g);
}

static int prepare(void **state)
{
    const int made = context_begin_scratch(state);
    if (made == 0)
        write_graph();
    return made;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_neighbours_are_the_whole_graph),
        cmocka_unit_test(runs_are_repeated_bit_by_bit),
        cmocka_unit_test(model_files_see_the_whole_graph),
        cmocka_unit_test(batches_bring_neighbourhoods),
    };
    return cmocka_run_group_tests(tests, prepare, context_end_scratch);
}
