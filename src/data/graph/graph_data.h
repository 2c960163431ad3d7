/* graph_data.h: a graph as data, from the inside. */
#ifndef DATA_GRAPH_GRAPH_DATA_H
#define DATA_GRAPH_GRAPH_DATA_H

#include "base/arena.h"
#include "base/context.h"

#include <stdatomic.h>
#include <tarn/graph_data.h>

struct tn_graph_data {
    atomic_int references;
    base_arena arena; /* names of classes */
    tn_graph_view view;
    int node_column, label_column, split_column; /* of the table of nodes; -1: none */
    int64_t *in_start, *in_source, *in_target, *out_start, *out_target, *value_start, *value_feature, *labels;
    float *in_weight, *value;
    uint8_t *split;
    const char **class_names;
};

const tn_graph_data *graph_data_retain(const tn_graph_data *g);
/* The graph that the samples of a set are nodes of; NULL: it is no such set, or was made of one. */
const tn_graph_data *graph_data_of(const tn_dataset *set);
/* As tn_graph_data_sample; the sentence goes to e. */
tn_status graph_sample(const tn_graph_view *g, const int64_t *seeds, int64_t count, const int *fanout, int rounds,
                       uint64_t key, tn_graph_sample *sample, base_error *e);

#endif
