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
    const tn_init usual =
        o->padding ? (tn_init){TN_INIT_NORMAL_BUT_ROW, (double)o->padding_index, 1} : (tn_init){TN_INIT_NORMAL, 0, 1};
    return tn_param(g, "weight", o->dtype ? o->dtype : TN_F32, TN_SHAPE(rows, features), o->init ? o->init : &usual);
}

/* Rows no longer than max_norm. As PyTorch cuts the table before it looks up, no gradient flows through the cut. */
static tn_tensor *cut(tn_tensor *rows, const tn_embedding_opt *o)
{
    tn_tensor *length = tn_norm_axes(rows, o->norm_by.set ? o->norm_by.value : 2, 1, (const int64_t[]){-1}, true);
    tn_tensor *most = tn_scalar(tn_tensor_graph(rows), tn_tensor_dtype(rows), o->max_norm.value);
    tn_tensor *one = tn_scalar(tn_tensor_graph(rows), tn_tensor_dtype(rows), 1);
    tn_tensor *by = tn_where(tn_gt(length, most), tn_div(most, tn_add_f(length, 1e-7)), one);
    return tn_add(rows, tn_detach(tn_sub(tn_mul(rows, by), rows)));
}

tn_tensor *tn_layer_embedding(tn_tensor *index, const char *name, int64_t rows, int64_t features,
                              const tn_embedding_opt *opt)
{
    const tn_embedding_opt *o = options(opt);
    tn_graph *g = tn_tensor_graph(index);
    if (tn_graph_status(g) != TN_OK)
        return index;
    if (o->max_norm.set && !(o->max_norm.value > 0))
        return graph_fail(g, TN_INVALID, "layer '%s': max_norm is %g; it must be more than 0", name, o->max_norm.value);
    tn_scope_push(g, name);
    tn_tensor *y = tn_embedding(table(g, rows, features, o), index, o->padding ? o->padding_index : -1);
    y = o->max_norm.set ? cut(y, o) : y;
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
