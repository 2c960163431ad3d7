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

static bool limit_is_good(tn_graph *g, const char *name, const tn_embedding_opt *o)
{
    if (o->max_norm.set && !(o->max_norm.value > 0))
        graph_fail(g, TN_INVALID, "layer '%s': max_norm is %g; it must be more than 0", name, o->max_norm.value);
    return tn_graph_status(g) == TN_OK;
}

/* What makes rows no longer than max_norm: a factor for each. */
static tn_tensor *shrink(tn_tensor *rows, const tn_embedding_opt *o)
{
    tn_tensor *length = tn_norm_axes(rows, o->norm_by.set ? o->norm_by.value : 2, 1, (const int64_t[]){-1}, true);
    tn_tensor *most = tn_scalar(tn_tensor_graph(rows), tn_tensor_dtype(rows), o->max_norm.value);
    tn_tensor *one = tn_scalar(tn_tensor_graph(rows), tn_tensor_dtype(rows), 1);
    return tn_where(tn_gt(length, most), tn_div(most, tn_add_f(length, 1e-7)), one);
}

/* x times a factor through which no gradient flows: PyTorch cuts the table before it looks up. */
static tn_tensor *cut(tn_tensor *x, tn_tensor *by)
{
    return tn_add(x, tn_detach(tn_sub(tn_mul(x, by), x)));
}

/* The table with the rows that index names cut. */
static tn_tensor *cut_table(tn_tensor *weight, tn_tensor *index, const tn_embedding_opt *o)
{
    tn_graph *g = tn_tensor_graph(weight);
    tn_tensor *flat = tn_flatten(index, 0), *zero = tn_scalar(g, TN_I32, 0);
    tn_tensor *ones = tn_full(g, TN_I32, TN_SHAPE(tn_dim_of(flat, 0)), 1);
    tn_tensor *uses = tn_index_add(tn_full(g, TN_I32, TN_SHAPE(tn_dim_of(weight, 0)), 0), 0, flat, ones);
    tn_tensor *used = tn_unsqueeze(tn_gt(uses, zero), 1), *one = tn_scalar(g, tn_tensor_dtype(weight), 1);
    return cut(weight, tn_where(used, shrink(weight, o), one));
}

tn_tensor *tn_layer_embedding(tn_tensor *index, const char *name, int64_t rows, int64_t features,
                              const tn_embedding_opt *opt)
{
    const tn_embedding_opt *o = options(opt);
    tn_graph *g = tn_tensor_graph(index);
    if (tn_graph_status(g) != TN_OK)
        return index;
    if (!limit_is_good(g, name, o))
        return index;
    tn_scope_push(g, name);
    tn_tensor *weight = table(g, rows, features, o);
    tn_tensor *y = tn_embedding(weight, index, o->padding ? o->padding_index : -1);
    if (o->max_norm.set) {
        y = cut(y, shrink(y, o));
        tn_graph_update(g, weight, tn_detach(cut_table(weight, index, o)), y);
    }
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
    if (tn_graph_status(g) != TN_OK || !limit_is_good(g, name, o))
        return index;
    tn_scope_push(g, name);
    tn_tensor *weight = table(g, rows, features, o);
    tn_tensor *now = o->max_norm.set ? cut_table(weight, index, o) : weight;
    tn_tensor *y = tn_embedding_bag(now, index, offsets, &bag);
    if (o->max_norm.set)
        tn_graph_update(g, weight, tn_detach(now), y);
    tn_scope_pop(g);
    return y;
}
