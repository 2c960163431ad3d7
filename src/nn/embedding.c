/* embedding.c: tables of rows, and bags of them, as layers. */
#include "graph/graph.h"

#include <tarn/nn.h>

static const tn_embedding_opt *options(const tn_embedding_opt *opt)
{
    static const tn_embedding_opt defaults;
    return opt ? opt : &defaults;
}

static tn_tensor *table(tn_graph *g, int64_t rows, int64_t features, const tn_embedding_opt *o)
{
    const tn_init usual = {TN_INIT_NORMAL, 0, 1};
    return tn_param(g, "weight", o->dtype ? o->dtype : TN_F32, TN_SHAPE(rows, features), o->init ? o->init : &usual);
}

tn_tensor *tn_layer_embedding(tn_tensor *index, const char *name, int64_t rows, int64_t features,
                              const tn_embedding_opt *opt)
{
    const tn_embedding_opt *o = options(opt);
    tn_graph *g = tn_tensor_graph(index);
    if (tn_graph_status(g) != TN_OK)
        return index;
    tn_scope_push(g, name);
    tn_tensor *y = tn_embedding(table(g, rows, features, o), index, o->padding ? o->padding_index : -1);
    tn_scope_pop(g);
    return y;
}

tn_tensor *tn_layer_embedding_bag(tn_tensor *index, tn_tensor *offsets, const char *name, int64_t rows,
                                  int64_t features, const tn_embedding_opt *opt)
{
    const tn_embedding_opt *o = options(opt);
    const tn_bag_opt bag = {
        .mode = o->mode, .weights = o->weights, .padding = o->padding, .padding_index = o->padding_index};
    tn_graph *g = tn_tensor_graph(index);
    if (tn_graph_status(g) != TN_OK)
        return index;
    tn_scope_push(g, name);
    tn_tensor *y = tn_embedding_bag(table(g, rows, features, o), index, offsets, &bag);
    tn_scope_pop(g);
    return y;
}
