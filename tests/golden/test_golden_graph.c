/* Segments, sparse products and layers on graphs beside PyTorch: every case of graph.safetensors (see make_graph.py), outputs and all
 * gradients, with known numbers of nodes and edges and with open ones; and a net of GAT layers that trains as there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/golden_file.h"
#include <tarn/tarn.h>

enum { NODES = 7, MOST = 32 };

typedef struct golden {
    const format_safetensors *file;
    const char *name;
    bool open; /* the first axis of inputs is a symbol */
    tn_context *context;
    tn_graph *graph;
    int n, wanted; /* inputs; what gradients are for */
    tn_feed feed[MOST];
    tn_tensor *wrt[MOST];
    char names[MOST][64];
} golden;

static const format_tensor *stored(const golden *c, const char *what)
{
    char name[160];
    (void)snprintf(name, sizeof name, "%s.%s", c->name, what);
    return format_safetensors_find(c->file, name);
}

static tn_view view_of(const format_tensor *t)
{
    return tn_view_of((void *)(uintptr_t)t->data, t->dtype, t->rank, t->dims);
}

/* An input as the file has it; NULL where it has none. */
static tn_tensor *in(golden *c, const char *what)
{
    tn_shape shape = {.rank = 0};
    char *name = c->names[c->n], size[32];
    (void)snprintf(name, sizeof c->names[0], "in.%s", what);
    const format_tensor *t = stored(c, name);
    if (!t)
        return NULL;
    shape.rank = t->rank;
    memcpy(shape.dims, t->dims, sizeof shape.dims);
    (void)snprintf(size, sizeof size, "n%lld", (long long)t->dims[0]);
    if (c->open)
        shape.dims[0] = tn_symbol(c->graph, size);
    tn_tensor *x = tn_input(c->graph, name, t->dtype, shape);
    c->feed[c->n++] = (tn_feed){name, view_of(t)};
    if (t->dtype == TN_F32)
        c->wrt[c->wanted++] = x;
    return x;
}

static tn_edges edges(golden *c)
{
    return (tn_edges){
        .source = in(c, "source"), .target = in(c, "target"), .weight = in(c, "weight"), .features = in(c, "features")};
}

/* ---- cases ------------------------------------------------------------------------------------------------------- */

#define SEGMENT(name)                                                                                                  \
    static tn_tensor *segment_##name(golden *c)                                                                        \
    {                                                                                                                  \
        tn_tensor *x = in(c, "x");                                                                                     \
        return tn_segment_##name(x, in(c, "index"), NODES);                                                            \
    }
SEGMENT(sum)
SEGMENT(mean)
SEGMENT(max)
SEGMENT(min)
SEGMENT(softmax)

static tn_tensor *coo(golden *c)
{
    tn_tensor *x = in(c, "x");
    tn_edges e = edges(c);
    return tn_propagate(x, &e, NODES, TN_AGGREGATE_SUM);
}
static tn_tensor *csr(golden *c)
{
    tn_tensor *x = in(c, "x"), *indptr = in(c, "indptr"), *indices = in(c, "indices");
    tn_edges e = tn_csr_edges(indptr, indices, in(c, "values"));
    return tn_propagate(x, &e, 6, TN_AGGREGATE_SUM);
}

static tn_tensor *spmm(golden *c, tn_aggregate how)
{
    tn_tensor *x = in(c, "x"), *indptr = in(c, "indptr"), *indices = in(c, "indices");
    return tn_spmm(indptr, indices, in(c, "values"), x, how);
}
static tn_tensor *spmm_heads(golden *c)
{
    return spmm(c, TN_AGGREGATE_SUM);
}
static tn_tensor *spmm_mean(golden *c)
{
    return spmm(c, TN_AGGREGATE_MEAN);
}
static tn_tensor *spmm_max(golden *c)
{
    return spmm(c, TN_AGGREGATE_MAX);
}
static tn_tensor *spmm_min(golden *c)
{
    return spmm(c, TN_AGGREGATE_MIN);
}
static tn_tensor *sorted(golden *c)
{
    tn_tensor *x = in(c, "x"), *order;
    tn_edges e = edges(c);
    e = tn_sort_edges(&e, NODES, &order);
    return tn_spmm(e.indptr, e.source, e.weight, x, TN_AGGREGATE_SUM);
}

#define LAYER(name, call)                                                                                              \
    static tn_tensor *name(golden *c)                                                                                  \
    {                                                                                                                  \
        tn_tensor *x = in(c, "x");                                                                                     \
        tn_edges e = edges(c);                                                                                         \
        return call;                                                                                                   \
    }
LAYER(gcn, tn_layer_gcn(x, "m", 3, &e, NULL))
LAYER(gcn_bare, tn_layer_gcn(x, "m", 3, &e, TN_OPT(tn_gcn_opt, .no_self_loops = true)))
LAYER(sage_mean, tn_layer_sage(x, "m", 3, &e, NULL))
LAYER(sage_max, tn_layer_sage(x, "m", 3, &e, TN_OPT(tn_sage_opt, .aggregate = TN_AGGREGATE_MAX)))
LAYER(sage_all, tn_layer_sage(x, "m", 3, &e, TN_OPT(tn_sage_opt, .project = true, .normalize = true)))
LAYER(gat, tn_layer_gat(x, "m", 3, 2, &e, NULL))
LAYER(gat_edges, tn_layer_gat(x, "m", 3, 2, &e, TN_OPT(tn_gat_opt, .mean_heads = true)))
LAYER(gin, tn_layer_gin(x, "m", 3, &e, TN_OPT(tn_gin_opt, .hidden = 5, .train_eps = true)))

#define ROW(name)                                                                                                      \
    {                                                                                                                  \
#name, name                                                                                                    \
    }
static const struct {
    const char *name;
    tn_tensor *(*build)(golden *);
} table[] = {ROW(segment_sum), ROW(segment_mean), ROW(segment_max),  ROW(segment_min), ROW(segment_softmax),
             ROW(coo),         ROW(csr),          {"csr_ones", csr}, ROW(spmm_heads),  ROW(spmm_mean),
             ROW(spmm_max),    ROW(spmm_min),     ROW(sorted),       ROW(gcn),         {"gcn_weights", gcn},
             ROW(gcn_bare),    ROW(sage_mean),    ROW(sage_max),     ROW(sage_all),    ROW(gat),
             ROW(gat_edges),   ROW(gin),          {"gine", gin}};

/* ---- running ----------------------------------------------------------------------------------------------------- */

static void compare(const golden *c, const char *what, const format_tensor *want, const float *got)
{
    double most = 0;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < want->bytes / sizeof(float); i++) {
            float w;
            memcpy(&w, (const char *)want->data + i * sizeof w, sizeof w);
            most = fmax(most, fabs((double)w));
            if (pass && !(fabs((double)got[i] - (double)w) <= 1e-5 * fabs((double)w) + 5e-6 * most + 1e-7))
                fail_msg("%s%s: element %zu of %s is %.9g; PyTorch says %.9g", c->name, c->open ? " (open)" : "", i,
                         what, (double)got[i], (double)w);
        }
}

static void load(const golden *c, tn_state *state)
{
    char prefix[64];
    int length = snprintf(prefix, sizeof prefix, "%s.state.", c->name);
    for (size_t i = 0; i < c->file->n; i++) {
        const format_tensor *t = &c->file->tensors[i];
        tn_view v = view_of(t);
        if (strncmp(t->name, prefix, (size_t)length) == 0)
            assert_int_equal(tn_state_set(state, t->name + length, &v), TN_OK);
    }
}

static void run(golden *c, tn_program *p, int m, tn_feed *out)
{
    tn_state *state = tn_state_new(c->context);
    load(c, state);
    assert_int_equal(tn_state_init(state, c->graph, 0), TN_OK);
    tn_session *s = tn_session_new(p, state);
    for (int i = 0; i < m; i++) {
        const format_tensor *t = stored(c, out[i].name);
        if (!t)
            fail_msg("%s has no %s", c->name, out[i].name);
        out[i].view = view_of(t);
        if (!(out[i].view.data = calloc(1, t->bytes + 1)))
            abort();
    }
    if (tn_run(s, "e", c->n, c->feed, m, out) != TN_OK)
        fail_msg("%s: %s", c->name, tn_session_error(s));
    for (int i = 0; i < m; i++) {
        compare(c, out[i].name, stored(c, out[i].name), out[i].view.data);
        free(out[i].view.data);
    }
    tn_session_free(s);
    tn_state_free(state);
}

static void one(golden *c, tn_tensor *(*build)(golden *))
{
    tn_tensor *y = build(c), *grads[MOST], *p;
    tn_entry *e = tn_entry_new(c->graph, "e", 0);
    tn_feed out[MOST] = {{.name = "out.0"}};
    char names[MOST][64];
    int m = 1;
    tn_entry_output(e, "out.0", y);
    tn_tensor *loss = tn_sum(tn_mul(y, tn_input(c->graph, "gout.0", TN_F32, tn_tensor_shape(y))));
    c->feed[c->n++] = (tn_feed){"gout.0", view_of(stored(c, "gout.0"))};
    for (int i = 0; (p = tn_graph_param(c->graph, i)); i++)
        c->wrt[c->wanted++] = p;
    if (tn_gradients(loss, c->wanted, c->wrt, grads) == TN_OK)
        for (int i = 0; i < c->wanted; i++, m++) {
            (void)snprintf(names[i], sizeof names[i], "grad.%s", tn_tensor_name(c->wrt[i]));
            out[m].name = names[i];
            tn_entry_output(e, names[i], grads[i]);
        }
    tn_program *program = tn_compile(c->graph, NULL);
    if (!program)
        fail_msg("%s: %s", c->name, tn_context_error(c->context));
    run(c, program, m, out);
    tn_program_free(program);
}

static void all_are_as_in_pytorch(void **unused)
{
    (void)unused;
    format_safetensors *file = golden_file("graph");
    tn_context *context = tn_context_new(TN_OPT(tn_context_opt, .threads = 2));
    for (size_t i = 0; i < 2 * sizeof table / sizeof *table; i++) {
        golden c = {.file = file, .name = table[i / 2].name, .open = i % 2, .context = context};
        c.graph = tn_graph_new(context);
        one(&c, table[i / 2].build);
        tn_graph_free(c.graph);
    }
    tn_context_free(context);
    format_safetensors_free(file);
}

/* ---- training ---------------------------------------------------------------------------------------------------- */

static void a_gat_trains_as_in_pytorch(void **unused)
{
    (void)unused;
    enum { STEPS = 50 };
    golden c = {
        .file = golden_file("graph"), .name = "train", .context = tn_context_new(TN_OPT(tn_context_opt, .threads = 2))};
    tn_graph *g = c.graph = tn_graph_new(c.context);
    const char *const fed[] = {"x", "source", "target", "labels"};
    tn_feed feeds[5];
    tn_tensor *v[4], *p;
    for (int i = 0; i < 4; i++) {
        const format_tensor *t = stored(&c, fed[i]);
        v[i] = tn_input(g, fed[i], t->dtype, (tn_shape){t->rank, {t->dims[0], t->dims[1]}});
        feeds[i] = (tn_feed){fed[i], view_of(t)};
    }
    const tn_edges e = {.source = v[1], .target = v[2]};
    tn_tensor *h = tn_elu(tn_layer_gat(v[0], "a", 4, 2, &e, NULL), 1);
    tn_tensor *y = tn_layer_gat(h, "b", 3, 2, &e, TN_OPT(tn_gat_opt, .mean_heads = true));
    tn_minimize(tn_cross_entropy(y, v[3], NULL), TN_OPT(tn_optim_opt, .kind = TN_ADAM));
    tn_program *program = tn_compile(g, NULL);
    if (!program)
        fail_msg("%s", tn_context_error(c.context));
    tn_state *state = tn_state_new(c.context);
    for (int i = 0; (p = tn_graph_param(g, i)); i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "initial.%s", tn_tensor_name(p));
        tn_view from = view_of(stored(&c, name));
        assert_int_equal(tn_state_set(state, tn_tensor_name(p), &from), TN_OK);
    }
    assert_int_equal(tn_state_init(state, g, 0), TN_OK);
    tn_session *s = tn_session_new(program, state);
    float lr = 0.01F, loss = 0;
    double worst = 0, want;
    feeds[4] = (tn_feed){"lr", tn_view_of(&lr, TN_F32, 0, NULL)};
    const tn_feed fetch = {"loss", tn_view_of(&loss, TN_F32, 0, NULL)};
    for (int i = 0; i < STEPS; i++) {
        if (tn_run(s, "step", 5, feeds, 1, &fetch) != TN_OK)
            fail_msg("step %d: %s", i, tn_session_error(s));
        memcpy(&want, (const double *)stored(&c, "loss")->data + i, sizeof want);
        worst = fmax(worst, fabs((double)loss - want));
        assert_true(fabs((double)loss - want) <= 1e-4);
    }
    for (int i = 0; (p = tn_graph_param(g, i)); i++) {
        char name[64];
        tn_view got;
        (void)snprintf(name, sizeof name, "after50.%s", tn_tensor_name(p));
        const format_tensor *t = stored(&c, name);
        assert_int_equal(tn_state_find(state, tn_tensor_name(p), &got), TN_OK);
        for (size_t k = 0; k < t->bytes / sizeof(float); k++) {
            float w;
            memcpy(&w, (const char *)t->data + k * sizeof w, sizeof w);
            if (!(fabs((double)((float *)got.data)[k] - (double)w) <= 1e-3))
                fail_msg("%s[%zu] is %.9g, PyTorch's %.9g", name, k, (double)((float *)got.data)[k], (double)w);
        }
    }
    print_message("losses within %.1e\n", worst);
    tn_session_free(s);
    tn_state_free(state);
    tn_program_free(program);
    tn_graph_free(g);
    tn_context_free(c.context);
    format_safetensors_free((format_safetensors *)(uintptr_t)c.file);
}

/* ---- refusals ---------------------------------------------------------------------------------------------------- */

static tn_tensor *fed(tn_graph *g, const char *name, tn_dtype dtype, int rank)
{
    return tn_input(g, name, dtype, (tn_shape){rank, {4, 4}});
}

static void what_is_wrong_gives_a_sentence(void **unused)
{
    (void)unused;
    tn_context *context = tn_context_new(NULL);
    const char *const words[] = {"segment_sum of 'x': index needs one axis",
                                 "segment_mean of 'x': x must be of floats",
                                 "segment_softmax of 'x': x needs an axis",
                                 "segment_max of 'x': index must be i64 or i32",
                                 "propagate of 'x': edges.weight needs one axis",
                                 "csr_edges of 'i': values needs one axis",
                                 "layer 'm': x must be [nodes, features]",
                                 "layer 'm': 0 heads of 3 units",
                                 "5 is no tn_aggregate",
                                 "spmm of 'x': 7 is no tn_aggregate",
                                 "sort_edges of 'x': edges.target needs one axis",
                                 "propagate of 'x': edges.indptr needs one number more"};
    for (int k = 0; k < (int)(sizeof words / sizeof *words); k++) {
        tn_graph *g = tn_graph_new(context);
        tn_tensor *x = fed(g, "x", k == 1 ? TN_I32 : TN_F32, k == 2 ? 0 : k == 6 ? 1 : 2);
        tn_tensor *i = fed(g, "i", k == 3 ? TN_F32 : TN_I64, k == 0 ? 2 : 1);
        const tn_edges e = {.source = i, .target = i, .weight = k == 4 ? x : NULL};
        k == 0    ? tn_segment_sum(x, i, 3)
        : k == 1  ? tn_segment_mean(x, i, 3)
        : k == 2  ? tn_segment_softmax(x, i, 3)
        : k == 3  ? tn_segment_max(x, i, 3)
        : k == 4  ? tn_propagate(x, &e, 3, TN_AGGREGATE_SUM)
        : k == 5  ? tn_csr_edges(i, i, x).target
        : k == 6  ? tn_layer_gin(x, "m", 3, &e, NULL)
        : k == 7  ? tn_layer_gat(x, "m", 3, 0, &e, NULL)
        : k == 8  ? tn_segment_reduce(x, i, 3, (tn_aggregate)5)
        : k == 9  ? tn_spmm(i, i, NULL, x, (tn_aggregate)7)
        : k == 10 ? tn_sort_edges(&(tn_edges){.source = i, .target = x}, 3, NULL).target
                  : tn_propagate(x, &(tn_edges){.source = i, .target = i, .indptr = i}, 4, TN_AGGREGATE_SUM);
        if (!strstr(tn_graph_error(g), words[k]))
            fail_msg("\"%s\" does not say \"%s\"", tn_graph_error(g), words[k]);
        tn_graph_free(g);
    }
    tn_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_are_as_in_pytorch),
                                       cmocka_unit_test(a_gat_trains_as_in_pytorch),
                                       cmocka_unit_test(what_is_wrong_gives_a_sentence)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
