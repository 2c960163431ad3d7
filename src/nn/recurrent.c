/* recurrent.c: RNN, LSTM and GRU layers and their cells, under PyTorch's parameter names. A layer's inputs are multiplied for all
 * steps at once; the operator recurrent does what goes from step to step. */
#include "op/scheme/recurrent.h"
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

typedef struct weights {
    tn_tensor *wi, *wh, *bi, *bh;
    tn_tensor *wr;   /* of the projection, or NULL */
    tn_tensor *peep; /* [3, units], or NULL */
} weights;

/* Gers and Schmidhuber 2000: the input and forget gates see the cell before, the output gate the new one. */
static tn_tensor *peepholes(tn_graph *g, tn_dtype dtype, int64_t units, const char *suffix)
{
    tn_tensor *const rows[] = {param(g, "weight_ci", suffix, dtype, TN_SHAPE(units), units),
                               param(g, "weight_cf", suffix, dtype, TN_SHAPE(units), units),
                               param(g, "weight_co", suffix, dtype, TN_SHAPE(units), units)};
    return tn_stack(3, rows, 0);
}

static weights weights_of(tn_tensor *x, int64_t gates, int64_t units, const char *suffix, const tn_rnn_opt *o)
{
    tn_graph *g = tn_tensor_graph(x);
    tn_dtype dtype = tn_tensor_dtype(x);
    int64_t rows = gates * units, fed_back = o->projection ? o->projection : units;
    weights w = {0};
    w.wi = param(g, "weight_ih", suffix, dtype, TN_SHAPE(rows, tn_dim_of(x, -1)), units);
    w.wh = param(g, "weight_hh", suffix, dtype, TN_SHAPE(rows, fed_back), units);
    w.bi = o->no_bias ? NULL : param(g, "bias_ih", suffix, dtype, TN_SHAPE(rows), units);
    w.bh = o->no_bias ? NULL : param(g, "bias_hh", suffix, dtype, TN_SHAPE(rows), units);
    w.wr = o->projection ? param(g, "weight_hr", suffix, dtype, TN_SHAPE(o->projection, units), units) : NULL;
    w.peep = o->peephole ? peepholes(g, dtype, units, suffix) : NULL;
    return w;
}

/* h's part in the first step of each row, added to the products x[T, B, gates]. */
static tn_tensor *with_first(tn_tensor *x, tn_tensor *h, tn_tensor *wh, tn_tensor *lengths, bool reverse)
{
    tn_graph *g = tn_tensor_graph(x);
    tn_tensor *first = tn_scalar(g, TN_I64, 0), *product = tn_linear(h, wh, NULL);
    if (reverse)
        first = tn_sub_f(lengths ? tn_cast(lengths, TN_I64) : tn_size_value(g, tn_dim_of(x, 0)), 1);
    tn_tensor *place = tn_unsqueeze(tn_arange(g, TN_I64, 0, 1, tn_dim_of(x, 0)), 1);
    tn_tensor *begins = tn_unsqueeze(tn_eq(place, first), -1);
    return tn_add(x, tn_where(begins, product, tn_scalar(g, tn_tensor_dtype(x), 0)));
}

/* An LSTM with projection (Sak et al. 2014): h is wr u, u being what an LSTM without gives, so that wh h is wh (wr u), and the operator
 * can go from u to u. Only the h before the first step is of no u. A wide projection is cheaper multiplied into wh. */
static tn_recurrent_result projected(op_rec *a, const weights *w, tn_tensor *h, int64_t units, bool reverse)
{
    if (h)
        a->x = with_first(a->x, h, w->wh, a->lengths, reverse);
    if (5 * tn_dim_of(w->wr, 0) < 4 * units)
        a->r = w->wr;
    else
        a->w = tn_matmul(w->wh, w->wr);
    tn_recurrent_result r = op_recurrent_of(TN_LSTM, a, reverse);
    r.y = tn_linear(r.y, w->wr, NULL);
    r.h = tn_linear(r.h, w->wr, NULL);
    if (h && a->lengths) { /* of rows without a step */
        tn_tensor *none = tn_scalar(tn_tensor_graph(h), tn_tensor_dtype(a->lengths), 0);
        r.h = tn_where(tn_unsqueeze(tn_eq(a->lengths, none), 1), h, r.h);
    }
    return r;
}

/* One direction of one layer: parameters with this suffix, all steps of x[T, B, in]. */
static tn_recurrent_result direction(tn_tensor *x, tn_recurrent_kind kind, int64_t units, const char *suffix,
                                     const tn_rnn_opt *o, tn_tensor *h, tn_tensor *c, bool reverse)
{
    tn_graph *g = tn_tensor_graph(x);
    weights w = weights_of(x, gates_of(kind), units, suffix, o);
    tn_tensor *none = tn_full(g, tn_tensor_dtype(x), TN_SHAPE(tn_dim_of(x, 1), units), 0);
    c = kind != TN_LSTM ? NULL : c ? c : none;
    op_rec a = {
        .x = tn_linear(x, w.wi, w.bi), .h = none, .c = c, .w = w.wh, .b = w.bh, .lengths = o->lengths, .peep = w.peep};
    if (w.wr)
        return projected(&a, &w, h, units, reverse);
    a.h = h ? h : none;
    return op_recurrent_of(kind, &a, reverse);
}

/* Whether a projection, if there is one, is of an lstm, and to fewer features (as in PyTorch); peepholes are of an lstm, too. */
static bool options_fit(tn_graph *g, const char *name, tn_recurrent_kind kind, int64_t units, const tn_rnn_opt *o)
{
    if (o->peephole && kind != TN_LSTM) {
        graph_fail(g, TN_INVALID, "layer '%s': peepholes are for lstm; the other kinds have no cell to see", name);
        return false;
    }
    if (o->projection == 0 || (kind == TN_LSTM && o->projection > 0 && o->projection < units))
        return true;
    graph_fail(g, TN_INVALID, "layer '%s': a projection is for lstm, and has fewer features (%lld) than units (%lld)",
               name, (long long)o->projection, (long long)units);
    return false;
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
    if (!options_fit(g, name, kind, units, o))
        return (tn_recurrent_result){x, x, x};
    tn_scope_push(g, name);
    tn_tensor *y = o->batch_first ? tn_transpose(x, 0, 1) : x;
    for (int l = 0; l < layers; l++) {
        tn_recurrent_result r[2] = {{0}};
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

static bool is_step(tn_tensor *x, const char *name, int64_t units)
{
    tn_graph *g = tn_tensor_graph(x);
    if (tn_graph_status(g) != TN_OK)
        return false;
    if (tn_tensor_rank(x) == 2 && tn_dim_of(x, -1) >= 0 && units >= 1)
        return true;
    graph_fail(g, TN_SHAPE, "layer '%s': x must be [batch, features], the features a number; units (%lld) 1 or more",
               name, (long long)units);
    return false;
}

tn_recurrent_result tn_layer_recurrent_cell(tn_tensor *x, tn_tensor *h, tn_tensor *c, const char *name,
                                            tn_recurrent_kind kind, int64_t units, const tn_rnn_opt *opt)
{
    static const tn_rnn_opt defaults;
    const tn_rnn_opt *o = opt ? opt : &defaults;
    tn_graph *g = tn_tensor_graph(x);
    if (!is_step(x, name, units) || !options_fit(g, name, kind, units, o))
        return (tn_recurrent_result){x, x, x};
    tn_scope_push(g, name);
    tn_recurrent_result r = direction(tn_unsqueeze(x, 0), kind, units, "", o, h, c, false);
    r.y = r.h;
    tn_scope_pop(g);
    return r;
}

tn_recurrent_result tn_layer_peephole_cell(tn_tensor *x, tn_tensor *h, tn_tensor *c, const char *name, int64_t units,
                                           const tn_rnn_opt *opt)
{
    tn_rnn_opt o = opt ? *opt : (tn_rnn_opt){0};
    o.peephole = true;
    return tn_layer_recurrent_cell(x, h, c, name, TN_LSTM, units, &o);
}
