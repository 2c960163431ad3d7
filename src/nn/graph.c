/* graph.c: layers on the nodes of graphs, with the parameters of PyTorch Geometric: GCN (Kipf, Welling 2017), GraphSAGE (Hamilton et al.
 * 2017), GAT (Velickovic et al. 2018), GIN (Xu et al. 2019) and GIN with edge features (Hu et al. 2020). x is [N, features]. */
#include <math.h>

#include "graph/graph.h"
#include "nn/parts.h"
#include "op/compose/compose.h"

/* The layer's scope is open and x is what it takes. */
static bool begin(tn_tensor *x, const char *name, const tn_edges *edges)
{
    tn_graph *g = tn_tensor_graph(x);
    if (tn_graph_status(g) != TN_OK)
        return false;
    if (tn_tensor_rank(x) != 2 || !edges || !edges->source || !edges->target) {
        graph_fail(g, TN_SHAPE,
                   "layer '%s': x must be [nodes, features], and edges have a source and a target; x has %d axes", name,
                   tn_tensor_rank(x));
        return false;
    }
    tn_scope_push(g, name);
    return true;
}

static tn_tensor *plus_bias(tn_tensor *y, int64_t units, bool none)
{
    return none ? y : tn_add(y, tn_param(tn_tensor_graph(y), "bias", tn_tensor_dtype(y), TN_SHAPE(units), NULL));
}

static tn_tensor *linear(tn_tensor *x, const char *name, int64_t units, bool glorot, bool bias)
{
    static const tn_init xavier = {TN_INIT_XAVIER_UNIFORM, 0, 0};
    return tn_layer_linear(x, name, units,
                           TN_OPT(tn_linear_opt, .no_bias = !bias, .weight_init = glorot ? &xavier : NULL));
}

/* ---- GCN and GraphSAGE ------------------------------------------------------------------------------------------- */

tn_tensor *tn_layer_gcn(tn_tensor *x, const char *name, int64_t units, const tn_edges *edges, const tn_gcn_opt *opt)
{
    static const tn_gcn_opt defaults;
    const tn_gcn_opt *o = opt ? opt : &defaults;
    if (!begin(x, name, edges))
        return x;
    tn_graph *g = tn_tensor_graph(x);
    tn_dim nodes = tn_dim_of(x, 0);
    tn_edges e = o->normalized ? *edges : tn_gcn_norm(edges, nodes, tn_tensor_dtype(x), o->no_self_loops);
    tn_tensor *y = tn_propagate(linear(x, "lin", units, true, false), &e, nodes, TN_AGGREGATE_SUM);
    y = plus_bias(y, units, o->no_bias);
    tn_scope_pop(g);
    return y;
}

tn_tensor *tn_layer_sage(tn_tensor *x, const char *name, int64_t units, const tn_edges *edges, const tn_sage_opt *opt)
{
    static const tn_sage_opt defaults = {.aggregate = TN_AGGREGATE_MEAN};
    const tn_sage_opt *o = opt ? opt : &defaults;
    if (!begin(x, name, edges))
        return x;
    tn_graph *g = tn_tensor_graph(x);
    const tn_edges plain = {.source = edges->source, .target = edges->target, .indptr = edges->indptr};
    tn_tensor *from = o->project ? tn_relu(linear(x, "lin", nn_features(x, 1, name), false, true)) : x;
    tn_tensor *y = tn_propagate(from, &plain, tn_dim_of(x, 0), o->aggregate);
    y = linear(y, "lin_l", units, false, !o->no_bias);
    if (!o->no_root)
        y = tn_add(y, linear(x, "lin_r", units, false, false));
    if (o->normalize) {
        tn_tensor *length = tn_norm_axes(y, 2, 1, (const int64_t[]){1}, true);
        y = tn_div(y, tn_maximum(length, tn_scalar(g, tn_tensor_dtype(y), 1e-12)));
    }
    tn_scope_pop(g);
    return y;
}

/* ---- GAT --------------------------------------------------------------------------------------------------------- */

typedef struct gat {
    const tn_gat_opt *o;
    tn_graph *g;
    int64_t heads, units;
    tn_dim nodes;
    tn_dtype dtype;
} gat;

/* h[rows, heads * units] by heads, and what a vector of each head says of it: [rows, heads]. */
static tn_tensor *by_heads(const gat *c, tn_tensor *h)
{
    return tn_reshape(h, TN_SHAPE(tn_dim_of(h, 0), c->heads, c->units));
}

static tn_tensor *judged(const gat *c, tn_tensor *h, const char *name)
{
    const double reach = sqrt(6 / (double)(c->heads + c->units));
    const tn_init init = {TN_INIT_UNIFORM, -reach, reach};
    tn_tensor *by = tn_param(c->g, name, c->dtype, TN_SHAPE(1, c->heads, c->units), &init);
    return tn_sum_axes(tn_mul(h, by), 1, (const int64_t[]){2}, false);
}

/* Each node's edge to itself is put behind the others, with the mean of the features that come to the node. Those that were there
 * stay, so that sizes are known, and *own says which. */
static tn_edges with_loops(const gat *c, const tn_edges *edges, tn_tensor **own)
{
    tn_tensor *loop;
    tn_edges e = op_with_loops(edges, c->nodes, &loop);
    if (e.features) {
        tn_tensor *away = tn_cast(tn_size_value(c->g, c->nodes), tn_tensor_dtype(edges->target));
        tn_tensor *mean =
            tn_segment_mean(e.features, tn_where(loop, away, edges->target), tn_dim_add(c->g, c->nodes, 1));
        e.features = tn_concat(2, (tn_tensor *const[]){e.features, tn_slice(mean, 0, 0, c->nodes)}, 0);
    }
    *own = tn_concat(2, (tn_tensor *const[]){loop, tn_full(c->g, TN_BOOL, TN_SHAPE(c->nodes), 0)}, 0);
    return e;
}

/* How much each edge counts among those to its target: [edges, heads]. */
static tn_tensor *attention(const gat *c, tn_tensor *h, const tn_edges *e, tn_tensor *own)
{
    tn_tensor *of_source = judged(c, h, "att_src"), *of_target = judged(c, h, "att_dst");
    tn_tensor *a = tn_add(tn_index_select(of_source, 0, e->source), tn_index_select(of_target, 0, e->target));
    if (e->features) {
        tn_tensor *f = linear(e->features, "lin_edge", c->heads * c->units, true, false);
        a = tn_add(a, judged(c, by_heads(c, f), "att_edge"));
    }
    a = tn_leaky_relu(a, c->o->slope.set ? c->o->slope.value : 0.2);
    a = own ? tn_masked_fill(a, tn_unsqueeze(own, 1), -INFINITY) : a;
    a = tn_segment_softmax(a, e->target, c->nodes);
    return c->o->dropout > 0 ? tn_dropout(a, c->o->dropout) : a;
}

tn_tensor *tn_layer_gat(tn_tensor *x, const char *name, int64_t units, int64_t heads, const tn_edges *edges,
                        const tn_gat_opt *opt)
{
    static const tn_gat_opt defaults;
    if (!begin(x, name, edges))
        return x;
    gat c = {opt ? opt : &defaults, tn_tensor_graph(x), heads, units, tn_dim_of(x, 0), tn_tensor_dtype(x)};
    tn_tensor *own = NULL, *h, *y;
    if (heads < 1 || units < 1) {
        graph_fail(c.g, TN_INVALID, "layer '%s': %lld heads of %lld units; there must be at least one of both", name,
                   (long long)heads, (long long)units);
        tn_scope_pop(c.g);
        return x;
    }
    const tn_edges e = c.o->no_self_loops ? *edges : with_loops(&c, edges, &own);
    h = by_heads(&c, linear(x, "lin", heads * units, true, false));
    const tn_edges weighed = {
        .source = e.source, .target = e.target, .weight = attention(&c, h, &e, own), .indptr = e.indptr};
    y = tn_graph_status(c.g) == TN_OK ? op_propagate(h, &weighed, c.nodes, TN_AGGREGATE_SUM) : h;
    y = c.o->mean_heads ? tn_mean_axes(y, 1, (const int64_t[]){1}, false)
                        : tn_reshape(y, TN_SHAPE(c.nodes, heads * units));
    y = plus_bias(y, c.o->mean_heads ? units : heads * units, c.o->no_bias);
    tn_scope_pop(c.g);
    return y;
}

/* ---- GIN --------------------------------------------------------------------------------------------------------- */

/* nn.0, relu, nn.2; or what the user builds. */
static tn_tensor *perceptron(tn_tensor *x, int64_t units, const tn_gin_opt *o)
{
    tn_graph *g = tn_tensor_graph(x);
    tn_scope_push(g, "nn");
    if (o->nn)
        x = o->nn(x, o->user);
    else
        x = linear(tn_relu(linear(x, "0", o->hidden ? o->hidden : units, false, true)), "2", units, false, true);
    tn_scope_pop(g);
    return x;
}

/* What comes to each node: the sum of x at the sources; of relu(x + lin(features)) where edges have features. */
static tn_tensor *arriving(tn_tensor *x, const char *name, const tn_edges *edges)
{
    const tn_edges plain = {.source = edges->source, .target = edges->target, .indptr = edges->indptr};
    if (!edges->features)
        return tn_propagate(x, &plain, tn_dim_of(x, 0), TN_AGGREGATE_SUM);
    tn_tensor *f = linear(edges->features, "lin", nn_features(x, 1, name), false, true);
    tn_tensor *message = tn_relu(tn_add(tn_index_select(x, 0, edges->source), f));
    return tn_segment_sum(message, edges->target, tn_dim_of(x, 0));
}

tn_tensor *tn_layer_gin(tn_tensor *x, const char *name, int64_t units, const tn_edges *edges, const tn_gin_opt *opt)
{
    static const tn_gin_opt defaults;
    const tn_gin_opt *o = opt ? opt : &defaults;
    if (!begin(x, name, edges))
        return x;
    tn_graph *g = tn_tensor_graph(x);
    const tn_init init = {TN_INIT_CONSTANT, o->eps, 0};
    tn_tensor *eps = (o->train_eps ? tn_param : tn_buffer)(g, "eps", tn_tensor_dtype(x), TN_SHAPE(1), &init);
    tn_tensor *y = tn_add(arriving(x, name, edges), tn_mul(x, tn_add_f(eps, 1)));
    y = perceptron(y, units, o);
    tn_scope_pop(g);
    return y;
}
