/* recurrent.c: RNN, LSTM and GRU layers and their cells, under PyTorch's parameter names. A layer's inputs are multiplied for all
 * steps at once; the operator recurrent does what goes from step to step. */
#include "graph/graph.h"

#include <stdio.h>

#include <tarn/nn.h>

static int gates_of(tn_recurrent_kind kind)
{
    return kind == TN_LSTM ? 4 : kind == TN_GRU ? 3 : 1;
}

static tn_tensor *param(tn_graph *g, const char *what, const char *suffix, tn_dtype dtype, tn_shape shape,
                        int64_t units)
{
    const tn_init init = {TN_INIT_FAN_UNIFORM, (double)units, 0};
    char name[48];
    (void)snprintf(name, sizeof name, "%s%s", what, suffix);
    return tn_param(g, name, dtype, shape, &init);
}

/* One direction of one layer: parameters with this suffix, all steps of x[T, B, in]. */
static tn_recurrent_result direction(tn_tensor *x, tn_recurrent_kind kind, int64_t units, const char *suffix,
                                     const tn_rnn_opt *o, tn_tensor *h, tn_tensor *c, bool reverse)
{
    tn_graph *g = tn_tensor_graph(x);
    tn_dtype dtype = tn_tensor_dtype(x);
    int64_t rows = gates_of(kind) * units;
    tn_tensor *wi = param(g, "weight_ih", suffix, dtype, TN_SHAPE(rows, tn_dim_of(x, -1)), units);
    tn_tensor *wh = param(g, "weight_hh", suffix, dtype, TN_SHAPE(rows, units), units);
    tn_tensor *bi = o->no_bias ? NULL : param(g, "bias_ih", suffix, dtype, TN_SHAPE(rows), units);
    tn_tensor *bh = o->no_bias ? NULL : param(g, "bias_hh", suffix, dtype, TN_SHAPE(rows), units);
    tn_tensor *none = tn_full(g, dtype, TN_SHAPE(tn_dim_of(x, 1), units), 0);
    h = h ? h : none;
    c = kind != TN_LSTM ? NULL : c ? c : none;
    return tn_recurrent(kind, tn_linear(x, wi, bi), h, c, wh, bh, o->lengths, reverse);
}

/* State number i of [layers * directions, B, H]; NULL: zeros. */
static tn_tensor *initial(tn_tensor *all, int i)
{
    return all ? tn_squeeze(tn_slice(all, 0, i, i + 1), 0) : NULL;
}

enum { MOST_LAYERS = 64 };

tn_recurrent_result tn_layer_recurrent(tn_tensor *x, const char *name, tn_recurrent_kind kind, int64_t units,
                                       const tn_rnn_opt *opt)
{
    static const tn_rnn_opt defaults;
    const tn_rnn_opt *o = opt ? opt : &defaults;
    tn_graph *g = tn_tensor_graph(x);
    int layers = o->layers ? o->layers : 1, ways = o->bidirectional ? 2 : 1;
    tn_tensor *h[2 * MOST_LAYERS], *c[2 * MOST_LAYERS];
    if (tn_graph_status(g) != TN_OK)
        return (tn_recurrent_result){x, x, x};
    if (tn_tensor_rank(x) != 3 || tn_dim_of(x, -1) < 0 || units < 1 || layers < 1 || layers > MOST_LAYERS) {
        graph_fail(
            g, TN_SHAPE,
            "layer '%s': x must be [steps, batch, features], the features a number; units (%lld) and layers (%d) 1 or "
            "more, layers at most %d",
            name, (long long)units, layers, MOST_LAYERS);
        return (tn_recurrent_result){x, x, x};
    }
    tn_scope_push(g, name);
    tn_tensor *y = o->batch_first ? tn_transpose(x, 0, 1) : x;
    for (int l = 0; l < layers; l++) {
        tn_recurrent_result r[2];
        for (int d = 0; d < ways; d++) {
            char suffix[24];
            (void)snprintf(suffix, sizeof suffix, "_l%d%s", l, d ? "_reverse" : "");
            r[d] = direction(y, kind, units, suffix, o, initial(o->h, l * ways + d), initial(o->c, l * ways + d), d);
            h[l * ways + d] = r[d].h;
            c[l * ways + d] = r[d].c;
        }
        y = ways == 2 ? tn_concat(2, (tn_tensor *const[]){r[0].y, r[1].y}, -1) : r[0].y;
        if (o->dropout > 0 && l + 1 < layers)
            y = tn_dropout(y, o->dropout);
    }
    y = o->batch_first ? tn_transpose(y, 0, 1) : y;
    tn_recurrent_result result = {y, tn_stack(layers * ways, h, 0),
                                  kind == TN_LSTM ? tn_stack(layers * ways, c, 0) : NULL};
    tn_scope_pop(g);
    return result;
}

tn_recurrent_result tn_layer_lstm(tn_tensor *x, const char *name, int64_t units, const tn_rnn_opt *opt)
{
    return tn_layer_recurrent(x, name, TN_LSTM, units, opt);
}

tn_recurrent_result tn_layer_gru(tn_tensor *x, const char *name, int64_t units, const tn_rnn_opt *opt)
{
    return tn_layer_recurrent(x, name, TN_GRU, units, opt);
}

tn_recurrent_result tn_layer_rnn(tn_tensor *x, const char *name, int64_t units, const tn_rnn_opt *opt)
{
    return tn_layer_recurrent(x, name, opt && opt->relu ? TN_RNN_RELU : TN_RNN_TANH, units, opt);
}

tn_recurrent_result tn_layer_recurrent_cell(tn_tensor *x, tn_tensor *h, tn_tensor *c, const char *name,
                                            tn_recurrent_kind kind, int64_t units, const tn_rnn_opt *opt)
{
    static const tn_rnn_opt defaults;
    tn_graph *g = tn_tensor_graph(x);
    if (tn_graph_status(g) != TN_OK)
        return (tn_recurrent_result){x, x, x};
    if (tn_tensor_rank(x) != 2 || tn_dim_of(x, -1) < 0 || units < 1) {
        graph_fail(g, TN_SHAPE,
                   "layer '%s': x must be [batch, features], the features a number; units (%lld) 1 or more", name,
                   (long long)units);
        return (tn_recurrent_result){x, x, x};
    }
    tn_scope_push(g, name);
    tn_recurrent_result r = direction(tn_unsqueeze(x, 0), kind, units, "", opt ? opt : &defaults, h, c, false);
    r.y = r.h;
    tn_scope_pop(g);
    return r;
}
