/* graph.h: the insides of a graph. Nodes are kept in the order they were made, which is a topological order: inputs of a
 * node come before it. Everything lives in the graph's arena; passes build new graphs rather than mend old ones. */
#ifndef GRAPH_GRAPH_H
#define GRAPH_GRAPH_H

#include "base/context.h"
#include "base/map.h"
#include "graph/dim.h"

struct op_def;   /* src/op/scheme/op.h */
struct op_value; /* an argument */
typedef struct graph_node graph_node;

typedef struct graph_type {
    tn_dtype dtype;
    int rank;
    tn_dim dims[TN_MAX_RANK];
} graph_type;

struct tn_tensor {
    tn_graph *graph;
    graph_node *node;
    int index; /* which output of the node */
    int id;    /* number in the graph, dense */
    graph_type type;
};

/* What a node is to the gradients of its graph, for the pass that computes values again instead of keeping them. */
typedef struct graph_mark {
    int region;    /* number of the tn_recompute_begin that it was made after; 0: none */
    int layer;     /* which of the graph's layers it belongs to, from 1; 0: none that was told */
    bool backward; /* tn_gradients made it */
    bool again;    /* a pass made it: it computes once more what another node has computed */
} graph_mark;

struct graph_node {
    const struct op_def *def;
    const char *name; /* path, unique in the graph */
    int id;           /* position in graph->nodes */
    int n_in, n_out;
    tn_tensor **in; /* NULL where an optional input is absent */
    tn_tensor *out;
    struct op_value *arg; /* by the definition's enumerators */
    tn_graph *sub;        /* the sub-graph of a fused node */
    graph_mark mark;
};

/* By tn_init_kind, as files store them; ends in NULL. */
extern const char *const graph_init_names[];

typedef struct graph_state {
    const char *name; /* and that of the node that reads it */
    int id;           /* position in graph->state */
    graph_type type;
    bool trainable, frozen;
    tn_init init;
    tn_tensor *value; /* the node that reads it; NULL in graphs that do not */
} graph_state;

typedef enum graph_result_kind { GRAPH_OUTPUT, GRAPH_WRITE, GRAPH_CHECK } graph_result_kind;
typedef struct graph_result {
    graph_result_kind kind;
    const char *name; /* of the output or of the state written */
    tn_tensor *value;
    tn_tensor *when; /* of training updates: taken where this is computed */
} graph_result;

struct tn_entry {
    tn_graph *graph;
    const char *name;
    bool training;
    base_vec(graph_result) results;
};

/* What somebody who lists layers, as recipes do, calls a layer: for tables that people read. */
typedef struct graph_layer {
    const char *name, *type; /* "conv1", "conv2d" */
} graph_layer;

/* A value that is made small beside the loss. */
typedef struct graph_loss {
    tn_tensor *value;
    double weight;
} graph_loss;

struct tn_graph {
    tn_context *context;
    base_arena own_arena, *arena; /* sub-graphs live in their parent's */
    base_error error;
    dim_table own_dims, *dims;
    base_vec(graph_node *) nodes;
    base_vec(graph_state *) state;
    base_vec(tn_entry *) entries;
    base_vec(graph_result) updates; /* training writes, see tn_graph_update */
    base_vec(graph_loss) losses;
    base_vec(graph_layer) layers;
    base_vec(const char *) scopes;
    base_map names;    /* node paths in use */
    base_map suffixes; /* by path that was wanted more than once: the first number that may be free (int) */
    base_map states;   /* by name */
    int n_tensors, n_regions;
    bool sharing;     /* builders of state give what there is of the same name and type: one net is built twice */
    graph_mark mark;  /* of the nodes that are made now */
    tn_tensor poison; /* what builders return after a failure */
    tn_entry nowhere; /* the same for entries: without a graph, ignores what it is given */
    /* graphs made by passes, for one entry: */
    bool training;
    base_vec(graph_result) results;
};

/* A graph for a pass to fill: same context and sizes, no nodes. NULL when memory is out. */
tn_graph *graph_like(const tn_graph *g);
/* A sub-graph that lives in g's arena and shares its sizes; its vectors are freed by graph_release_sub. */
tn_graph *graph_sub(tn_graph *g);
void graph_release_sub(tn_graph *sub);

/* Keeps the first failure; returns the poison value. */
tn_tensor *graph_fail(tn_graph *g, tn_status status, const char *fmt, ...) TN_PRINTF(3, 4);
static inline bool graph_poisoned(const tn_tensor *x)
{
    return x && x->node == NULL;
}

/* A node with n_out outputs whose types are given; NULL (and the error set) when memory is out. The name is made unique. */
graph_node *graph_add(tn_graph *g, const struct op_def *def, const char *path, int n_in, tn_tensor *const *in,
                      int n_out, const graph_type *types, struct op_value *arg);
/* "scope.scope.name" in the arena. */
const char *graph_path(tn_graph *g, const char *name);
/* A path that is not in use: path, path_2, path_3, ... */
const char *graph_unique(tn_graph *g, const char *path);
graph_state *graph_find_state(const tn_graph *g, const char *name);
bool graph_add_state(tn_graph *g, graph_state *s);

/* Nodes that are made between the two belong to a layer; layers do not nest. Texts are copied. What is not told for lack of memory is an
 * error of the graph. */
void graph_layer_begin(tn_graph *g, const char *type);
void graph_layer_end(tn_graph *g, const char *name);

/* Number of elements as a size expression. */
tn_dim graph_count(dim_table *t, const graph_type *type);
bool graph_same_dims(dim_table *t, const graph_type *a, const graph_type *b, const char *what);
void graph_print_type(const dim_table *t, const graph_type *type, base_str *out);

/* Checks what must hold in every graph (order, owners, types, results); used after every pass in debug builds. */
tn_status graph_verify(const tn_graph *g, base_error *e);

#endif
