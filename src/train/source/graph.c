/* graph.c: data: {name: graph, nodes: ..., edges: ..., features: ...}, nodes of one graph as samples: the model sees the whole graph, and
 * learns from the nodes that are for training: those that a column says, or the recipe's fractions leave (split.h). */
#include <stdlib.h>

#include "base/context.h"
#include "data/graph/graph_data.h"
#include "train/rows.h"
#include "train/source/source.h"

typedef struct graph {
    train_data common;
    const char *nodes, *edges, *features; /* NULL if not given */
    const char *node, *label, *split, *source, *target, *weight;
    bool directed, normalize_rows;
    format_ints num_neighbors; /* none: the whole graph in every step */
} graph;

static const format_option rows[] = {
    FORMAT_PATH(graph, nodes, FORMAT_REQUIRED,
                "the table of nodes, one a row: its name or number, its label, what it is for, features"),
    FORMAT_PATH(graph, edges, FORMAT_REQUIRED, "the table of edges: from where, to where"),
    FORMAT_PATH(
        graph, features, NULL,
        "a table of features: node, number of the feature, value (1 if there is no such column); else those are "
        "the numbers among the columns of nodes"),
    FORMAT_STRING(graph, node, NULL, "the column of nodes that names them; the first if not given"),
    FORMAT_STRING(graph, label, NULL, "the column of nodes with their classes; label if not given"),
    FORMAT_STRING(
        graph, split, NULL,
        "the column of nodes that says train, val (or valid, validation) or test; split if not given. Without it "
        "val_fraction, test_fraction and folds cut the nodes that have a label"),
    FORMAT_STRING(graph, source, NULL, "the column of edges where they begin; the first if not given"),
    FORMAT_STRING(graph, target, NULL, "the column of edges where they end; the second if not given"),
    FORMAT_STRING(graph, weight, NULL, "the column of edges with their weights; 1 each if not given"),
    FORMAT_BOOL(graph, directed, "false", "edges are followed from source to target only"),
    FORMAT_BOOL(graph, normalize_rows, "false", "features of a node are divided by their sum"),
    FORMAT_INTS(
        graph, num_neighbors, NULL, "[-1,1000000]", 1, 16,
        "steps of training see, of each batch of nodes (train.batch), so many neighbours drawn anew, of these so "
        "many in turn, and so on: a number for each layer along edges, -1 for all neighbours; not given: every step "
        "sees the whole graph, as evaluation always does"),
    {0},
};
static const format_table table = {
    .name = "graph",
    .doc = "the nodes of a graph, out of tables of nodes, edges and features, for the layers gcn, sage and gat: the "
           "model sees the whole graph, or in training neighbourhoods drawn from it (num_neighbors)",
    .options = rows,
    .brief = "name",
};

static tn_graph_data *read_graph(tn_context *c, const graph *o)
{
    tn_table *nodes = tn_table_read(c, o->nodes, NULL), *edges = nodes ? tn_table_read(c, o->edges, NULL) : NULL,
             *features = edges && o->features ? tn_table_read(c, o->features, NULL) : NULL;
    tn_graph_data *g = NULL;
    const char *const paths[] = {o->nodes, o->edges, o->features};
    const tn_table *const tables[] = {nodes, edges, features};
    for (int i = 0; i < 3; i++)
        if (tables[i])
            train_rows_say(c, paths[i], tables[i]);
    if (edges && (features || !o->features))
        g = tn_graph_data_new(c, nodes, edges, features,
                              TN_OPT(tn_graph_data_opt, .node = o->node, .label = o->label, .split = o->split,
                                     .source = o->source, .target = o->target, .weight = o->weight,
                                     .directed = o->directed, .normalize = o->normalize_rows));
    tn_table_free(nodes);
    tn_table_free(edges);
    tn_table_free(features);
    return g;
}

/* One number for each layer along edges: with fewer the last layers' neighbours would be missing, more are seen by nobody. */
static tn_status check_neighbors(const train_recipe *r, const format_yaml_node *node, base_error *e)
{
    const format_ints *n = &TRAIN_SOURCE_OPTIONS(r, graph)->num_neighbors;
    size_t layers = 0;
    for (size_t i = 0; i < r->model.n; i++) {
        const train_layer_kind k = r->model.layers[i].kind;
        layers += k == TRAIN_LAYER_gcn || k == TRAIN_LAYER_sage || k == TRAIN_LAYER_gat;
    }
    for (size_t i = 0; i < n->n; i++)
        if (n->at[i] == 0)
            return format_yaml_fail(
                node, e, "data.num_neighbors: number %zu is 0; it must be at least 1, or -1 for all neighbours", i + 1);
    if (n->n > 0 && n->n != layers)
        return format_yaml_fail(
            node, e,
            "data.num_neighbors has %zu numbers, and the model %zu layers along edges (gcn, sage, gat); "
            "there must be one for each, as a layer sees neighbours one edge further away",
            n->n, layers);
    return TN_OK;
}

static tn_status check_graph(const train_recipe *r, const format_yaml_node *node, base_error *e)
{
    const char *split = TRAIN_SOURCE_OPTIONS(r, graph)->split ? "split" : NULL;
    BASE_TRY(train_split_check(r, split, split, node, e));
    return check_neighbors(r, node, e);
}

/* The nodes that have a label, into at, and what they are, into labels; how many there are. */
static int64_t labelled(const tn_graph_view *v, int64_t *at, int64_t *labels)
{
    int64_t n = 0;
    for (int64_t i = 0; i < v->nodes; i++)
        if (v->labels[i] >= 0) {
            labels[n] = v->labels[i];
            at[n++] = i;
        }
    return n;
}

static tn_status deal_nodes(tn_context *c, const train_recipe *r, tn_graph_data *g, int64_t *at, int64_t *labels,
                            uint64_t *sum, base_error *e)
{
    const int64_t n = labelled(&g->view, at, labels);
    const train_split_keys keys = {.classes = r->data->stratify ? labels : NULL};
    train_parts parts = {0};
    if (n == 0)
        return base_fail(e, TN_INVALID, "%s: no node has a label", TRAIN_SOURCE_OPTIONS(r, graph)->nodes);
    tn_status status = train_split_parts(c, r, n, "nodes with a label", &keys, true, true, &parts, e);
    for (int part = 0; part < 3 && status == TN_OK; part++)
        for (int64_t i = 0; i < parts.n[part]; i++)
            g->split[at[parts.at[part][i]]] = (uint8_t)part; /* as TN_NODE_TRAIN and its like */
    if (status == TN_OK)
        *sum = train_split_sum(&parts, NULL);
    train_parts_free(&parts);
    return status;
}

/* Says which nodes are for what, where the recipe does and no column. */
static tn_status cut_nodes(tn_context *c, const train_recipe *r, tn_graph_data *g, uint64_t *sum)
{
    base_error e = {0};
    if (!train_cuts(r))
        return TN_OK;
    if (g->split_column >= 0)
        return base_fail(
            base_context_begin(c), TN_INVALID,
            "%s: its column \"split\" says what nodes are for, and so does data.%s; only one of them can: take "
            "the key out, or give the column another name",
            TRAIN_SOURCE_OPTIONS(r, graph)->nodes, train_cut_key(r) ? train_cut_key(r) : "test_fraction");
    int64_t *at = malloc((size_t)g->view.nodes * sizeof *at), *labels = malloc((size_t)g->view.nodes * sizeof *labels);
    tn_status status =
        at && labels ? deal_nodes(c, r, g, at, labels, sum, &e) : base_no_memory(&e, "splitting samples");
    free(at);
    free(labels);
    return status == TN_OK ? TN_OK : base_fail(base_context_begin(c), status, "%s", e.text);
}

/* The nodes of one kind; those for training with what is drawn for their batches, if that is asked for. */
static tn_dataset *nodes_of(tn_context *c, const graph *o, const tn_graph_data *g, int kind)
{
    int fanout[16];
    for (size_t i = 0; i < o->num_neighbors.n; i++)
        fanout[i] = (int)o->num_neighbors.at[i];
    return kind == TN_NODE_TRAIN && o->num_neighbors.n > 0
               ? tn_dataset_neighbours(c, g, kind, fanout, (int)o->num_neighbors.n)
               : tn_dataset_nodes(c, g, kind);
}

static tn_status open_graph(tn_context *c, const train_recipe *r, train_sets *sets)
{
    const graph *o = TRAIN_SOURCE_OPTIONS(r, graph);
    tn_graph_data *g = read_graph(c, o);
    if (!g)
        return TN_FORMAT;
    const tn_graph_view *v = tn_graph_data_view(g);
    int64_t kinds[4] = {0};
    tn_dataset **set[] = {&sets->train, &sets->valid, &sets->test};
    tn_status status = cut_nodes(c, r, g, &sets->cut);
    for (int64_t i = 0; i < v->nodes; i++)
        kinds[v->split[i]]++;
    for (int k = 0; k < 3 && status == TN_OK; k++)
        if (k == TN_NODE_TRAIN || kinds[k] > 0)
            status = (*set[k] = nodes_of(c, o, g, k)) ? TN_OK : TN_INVALID;
    tn_graph_data_free(g);
    if (status == TN_OK && tn_dataset_count(sets->train) == 0)
        return base_fail(base_context_begin(c), TN_INVALID,
                         "%s: no node is for training; one that is says train in the column \"%s\" and has a label",
                         o->nodes, o->split ? o->split : "split");
    return status;
}

/* The graph becomes constants of the model: what was learned on it is asked of it again. */
static tn_tensor *constants_of(const tn_graph_data *data, tn_graph *g, tn_edges *edges, base_error *e)
{
    const tn_graph_view *v = tn_graph_data_view(data);
    tn_tensor *features = NULL;
    float *x = NULL;
    if (v->features < 1)
        base_fail(e, TN_INVALID, "the nodes have no features: neither columns of numbers nor a table of them");
    else if (!(x = malloc((size_t)v->nodes * (size_t)v->features * sizeof *x)))
        base_no_memory(e, "reading a graph");
    if (x) {
        tn_graph_data_features(data, NULL, v->nodes, x);
        tn_view view = tn_view_of(x, TN_F32, 2, (const int64_t[]){v->nodes, v->features});
        features = tn_constant(g, &view);
        view = tn_view_of((void *)(uintptr_t)v->in_source, TN_I64, 1, &v->edges);
        edges->source = tn_constant(g, &view);
        view = tn_view_of((void *)(uintptr_t)v->in_target, TN_I64, 1, &v->edges);
        edges->target = tn_constant(g, &view);
        view = tn_view_of((void *)(uintptr_t)v->in_weight, TN_F32, 1, &v->edges);
        edges->weight = v->in_weight ? tn_constant(g, &view) : NULL;
    }
    free(x);
    return features;
}

/* The data's own graph; read again where samples were chosen among its nodes. */
static tn_tensor *enter(const train_recipe *r, const tn_dataset *data, tn_graph *g, tn_edges *edges, base_error *e)
{
    if (graph_data_of(data))
        return constants_of(graph_data_of(data), g, edges, e);
    tn_context *c = tn_context_new(NULL);
    tn_graph_data *again = c ? read_graph(c, TRAIN_SOURCE_OPTIONS(r, graph)) : NULL;
    tn_tensor *features = again ? constants_of(again, g, edges, e) : NULL;
    if (!again)
        base_fail(e, TN_FORMAT, "%s", c ? tn_context_error(c) : "out of memory");
    tn_graph_data_free(again);
    tn_context_free(c);
    return features;
}

const train_source train_source_graph = {
    .table = &table, .size = sizeof(graph), .check = check_graph, .open = open_graph, .enter = enter};
