/* tarn/graph_data.h: graphs as data: nodes with features and labels, edges between them, read from tables; neighbourhoods of some
 * nodes drawn by chance where the whole graph is too large for a step. Layers that work on them are in tarn/nn.h (tn_layer_gcn and
 * its like).
 */
#ifndef TARN_GRAPH_DATA_H
#define TARN_GRAPH_DATA_H

#include <tarn/table.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tn_graph_data tn_graph_data;

/* Names of columns; NULL: what stands behind the colon. */
typedef struct tn_graph_data_opt {
    const char *node;  /* of nodes: the first column. Its values name nodes; numbers of nodes are those of rows */
    const char *label; /* of nodes: "label", if there is one */
    const char *split; /* of nodes: "split", if there is one: train, val (valid, validation), test */
    const char *source, *target; /* of edges: the first two columns */
    const char *weight;          /* of edges: 1 each */
    bool directed;               /* edges go from source to target only; else both ways */
    bool normalize;              /* features of a node are divided by their sum */
    void *reserved[8];
} tn_graph_data_opt;

/* Features are the nodes' other columns of numbers; or rows of `features`: node, number of the feature and, if there is a third column,
 * its value (else 1). edges may be NULL as features may. */
TN_API tn_graph_data *tn_graph_data_new(tn_context *context, const tn_table *nodes, const tn_table *edges,
                                        const tn_table *features, const tn_graph_data_opt *opt);
TN_API void tn_graph_data_free(tn_graph_data *graph);

/* What a node is for. */
enum { TN_NODE_TRAIN = 0, TN_NODE_VALID = 1, TN_NODE_TEST = 2, TN_NODE_NONE = 3 };

typedef struct tn_graph_view {
    int64_t nodes, edges, features, values; /* values: features that are not zero */
    /* Edges by the node they come to: those of node v are number in_start[v] to in_start[v + 1] - 1, sources ascending. */
    const int64_t *in_start, *in_source;
    const int64_t *in_target; /* the same without in_start: the node each comes to */
    const float *in_weight;   /* NULL: 1 each */
    /* And by the node they leave. */
    const int64_t *out_start, *out_target;
    /* Features of node v: value_start[v] to value_start[v + 1] - 1, numbers ascending. */
    const int64_t *value_start, *value_feature;
    const float *value;
    int classes;
    const char *const *class_names;
    const int64_t *labels; /* -1: none */
    const uint8_t *split;  /* TN_NODE_... */
    void *reserved[4];
} tn_graph_view;
/* Lives as long as the graph. */
TN_API const tn_graph_view *tn_graph_data_view(const tn_graph_data *graph);
/* Features of some nodes (NULL: all), as rows of zeros and values: x[count][features]. */
TN_API void tn_graph_data_features(const tn_graph_data *graph, const int64_t *nodes, int64_t count, float *x);

/* Nodes of one kind (TN_NODE_TRAIN, ...; -1: all) that have a label: x i64 (the node), y i64 (its class). */
TN_API tn_dataset *tn_dataset_nodes(tn_context *context, const tn_graph_data *graph, int kind);

/* The neighbourhood of some nodes: those themselves first, then who is drawn, `fanout[h]` of each node's in-neighbours in round h
 * (fewer where there are fewer; 0 or less: all), without repeats. What is drawn for a node depends on key, round and node alone (Hamilton,
 * Ying, Leskovec 2017). Edges are among these nodes by their new numbers, ordered by target. */
typedef struct tn_graph_sample {
    int64_t nodes, edges;
    int64_t *node;            /* number in the graph */
    int64_t *start;           /* [nodes + 1] */
    int64_t *source, *target; /* [edges] */
    int64_t *edge;            /* [edges]: its number in the graph, as in_source has it */
    void *reserved[1];
} tn_graph_sample;
TN_API tn_status tn_graph_data_sample(tn_context *context, const tn_graph_data *graph, const int64_t *seeds,
                                      int64_t count, const int *fanout, int rounds, uint64_t key,
                                      tn_graph_sample *sample);
TN_API void tn_graph_sample_free(tn_graph_sample *sample);

/* The data set of tn_dataset_nodes, whose batches bring the neighbourhood that is drawn for them, anew each epoch: a function of the
 * loader's seed, the epoch and the batch alone. Behind x and y of the batch's nodes stand lists (tn_batch.fields of rank 1):
 *   nodes  i64 [n]   who is there, as numbers of the graph: the batch's nodes first
 *   edge_source, edge_target  i64 [e], edge_start  i64 [n + 1]   edges by places in `nodes`, ordered by target
 *   edge_weight  f32 [e]   an edge's weight in the graph (else 1) times how many neighbours its target has for each that was drawn, so
 *                    that weighted sums over neighbours are in the mean what they are with all of them
 *   degree  f32 [n]  the weights of all edges of the graph that come to a node, drawn or not
 *   loop  f32 [n]    1 where the graph has no edge from the node to itself, else 0
 *   place  i64 [batch]   where in `nodes` each sample's node stands
 * n and e are rounded up to eight sizes an octave, so that few different ones occur: behind the others stand nodes again that came last,
 * and edges of weight 0 from the last place to itself. */
TN_API tn_dataset *tn_dataset_neighbours(tn_context *context, const tn_graph_data *graph, int kind, const int *fanout,
                                         int rounds);

#ifdef __cplusplus
}
#endif
#endif
