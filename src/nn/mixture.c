/* mixture.c: a mixture of experts as one layer: a router sends each token to its best few feed-forward nets, each of which has room
 * for a fixed number of tokens. Shazeer et al. 2017; GShard (Lepikhin et al. 2020, algorithm 1) for the room, which all first choices
 * are given before any second one; Switch Transformer (Fedus et al. 2021, section 2.2) for the loss that balances them. */
#include "graph/graph.h"
#include "nn/parts.h"

#include <math.h>

#include <tarn/nn.h>

enum { USUAL_EXPERTS = 8, PARTS = 1024, MOST_FACTOR = 1 << 20 }; /* capacity counts in parts of 1 / PARTS */

/* Choices in the order in which they are given room: all first ones, then all second ones, ... */
typedef struct choices {
    tn_tensor *expert, *gate; /* [top * tokens] */
    tn_tensor *slot;          /* row of the experts' tokens; the one behind the last of those without room */
    tn_tensor *taken;         /* bool */
} choices;

/* ceil(factor * tokens * top / experts), as an expression of the number of tokens. */
static tn_dim room_of(tn_graph *g, tn_dim tokens, const tn_moe_opt *o)
{
    double factor = o->capacity.set ? o->capacity.value : 1.25;
    if (isinf(factor))
        return tokens;
    tn_dim parts = tn_dim_mul(g, tokens, o->top * (int64_t)llround(factor * PARTS));
    return tn_dim_div(g, tn_dim_add(g, parts, o->experts * PARTS - 1), o->experts * PARTS);
}

/* [tokens, top] as one row, the first choices of all tokens in front. */
static tn_tensor *by_choice(tn_tensor *x)
{
    return tn_reshape(tn_transpose(x, 0, 1), TN_SHAPE(TN_INFER));
}

static choices choose(tn_tensor *p, tn_dim room, const tn_moe_opt *o)
{
    tn_graph *g = tn_tensor_graph(p);
    tn_sorted best = tn_topk(p, o->top, -1, true);
    tn_tensor *gate = best.values;
    if (o->normalize)
        gate = tn_div(gate, tn_sum_axes(gate, 1, (const int64_t[]){-1}, true));
    choices c = {.expert = by_choice(best.index), .gate = by_choice(gate)};
    tn_tensor *queue = tn_cumsum(tn_one_hot(c.expert, o->experts, TN_I64), 0);
    tn_tensor *place = tn_sub_f(tn_squeeze(tn_gather(queue, 1, tn_unsqueeze(c.expert, 1)), 1), 1);
    tn_tensor *size = tn_size_value(g, room);
    c.taken = tn_lt(place, size);
    c.slot = tn_where(c.taken, tn_add(tn_mul(c.expert, size), place), tn_mul_f(size, (double)o->experts));
    return c;
}

static tn_tensor *weight(tn_graph *g, const char *name, tn_dtype dtype, tn_shape shape, int64_t fan_in)
{
    const tn_init init = {TN_INIT_FAN_UNIFORM, (double)fan_in, 0};
    return tn_param(g, name, dtype, shape, &init);
}

/* All experts at once: rows[experts, room, features]. */
static tn_tensor *experts(tn_tensor *rows, int64_t features, const tn_moe_opt *o)
{
    tn_graph *g = tn_tensor_graph(rows);
    tn_dtype t = tn_tensor_dtype(rows);
    int64_t n = o->experts, hidden = o->hidden;
    tn_scope_push(g, "experts");
    tn_tensor *w1 = weight(g, "weight1", t, TN_SHAPE(n, hidden, features), features);
    tn_tensor *b1 = weight(g, "bias1", t, TN_SHAPE(n, hidden), features);
    tn_tensor *w2 = weight(g, "weight2", t, TN_SHAPE(n, features, hidden), hidden);
    tn_tensor *b2 = weight(g, "bias2", t, TN_SHAPE(n, features), hidden);
    tn_tensor *y = tn_add(tn_matmul(rows, tn_transpose(w1, 1, 2)), tn_unsqueeze(b1, 1));
    y = o->gelu ? tn_gelu(y) : tn_relu(y);
    y = tn_add(tn_matmul(y, tn_transpose(w2, 1, 2)), tn_unsqueeze(b2, 1));
    tn_scope_pop(g);
    return y;
}

/* Tokens to their slots, through the experts, and back: what each choice has given, [top * tokens, features]. */
static tn_tensor *sent(tn_tensor *x, const choices *c, tn_dim room, const tn_moe_opt *o)
{
    tn_graph *g = tn_tensor_graph(x);
    tn_dtype dtype = tn_tensor_dtype(x);
    tn_dim tokens = tn_dim_of(x, 0), features = tn_dim_of(x, 1), slots = tn_dim_mul(g, o->experts, room);
    tn_tensor *each = tn_expand(tn_unsqueeze(x, 0), TN_SHAPE(o->top, tokens, features));
    tn_tensor *rows = tn_full(g, dtype, TN_SHAPE(tn_dim_add(g, slots, 1), features), 0);
    rows = tn_index_add(rows, 0, c->slot, tn_reshape(each, TN_SHAPE(TN_INFER, features)));
    rows = tn_reshape(tn_slice(rows, 0, 0, slots), TN_SHAPE(o->experts, room, features));
    rows = tn_reshape(experts(rows, features, o), TN_SHAPE(slots, features));
    tn_tensor *const with_none[] = {rows, tn_full(g, dtype, TN_SHAPE(1, features), 0)};
    return tn_index_select(tn_concat(2, with_none, 0), 0, c->slot);
}

/* experts * the sum over them of (share of tokens whose first choice it is) * (mean of its probabilities); 1 when even. */
static tn_tensor *balance(tn_tensor *p, const choices *c, const tn_moe_opt *o)
{
    const int64_t tokens[] = {0};
    tn_tensor *first = tn_slice(c->expert, 0, 0, tn_dim_of(p, 0));
    tn_tensor *share = tn_mean_axes(tn_one_hot(first, o->experts, tn_tensor_dtype(p)), 1, tokens, false);
    return tn_mul_f(tn_sum(tn_mul(share, tn_mean_axes(p, 1, tokens, false))), (double)o->experts);
}

static bool is_right(tn_tensor *x, const char *name, const tn_moe_opt *o)
{
    tn_graph *g = tn_tensor_graph(x);
    double factor = o->capacity.set ? o->capacity.value : 1.25;
    if (tn_graph_status(g) != TN_OK)
        return false;
    if (tn_tensor_rank(x) < 2 || tn_dim_of(x, -1) < 0)
        graph_fail(g, TN_SHAPE, "layer '%s': x must be [..., tokens, features], the features a number", name);
    else if (o->experts < 1 || o->experts > PARTS * PARTS || o->top < 1 || o->top > o->experts || o->hidden < 1)
        graph_fail(g, TN_INVALID,
                   "layer '%s': experts (%lld) and hidden (%lld) must be 1 or more, top (%lld) from 1 to the experts",
                   name, (long long)o->experts, (long long)o->hidden, (long long)o->top);
    else if (!(factor >= 1.0 / PARTS && (factor <= MOST_FACTOR || isinf(factor))))
        graph_fail(g, TN_INVALID, "layer '%s': capacity is %g; it must be from 1/%d to %d, or infinite", name, factor,
                   PARTS, MOST_FACTOR);
    return tn_graph_status(g) == TN_OK;
}

tn_moe_result tn_layer_mixture_of_experts(tn_tensor *x, const char *name, const tn_moe_opt *opt)
{
    tn_moe_opt o = opt ? *opt : (tn_moe_opt){0};
    tn_graph *g = tn_tensor_graph(x);
    o.experts = o.experts ? o.experts : USUAL_EXPERTS;
    o.top = o.top ? o.top : 1;
    o.hidden = o.hidden || tn_graph_status(g) != TN_OK ? o.hidden : 4 * nn_features(x, -1, name);
    if (!is_right(x, name, &o))
        return (tn_moe_result){x, x, x};
    tn_shape shape = tn_tensor_shape(x);
    int64_t features = shape.dims[shape.rank - 1];
    tn_scope_push(g, name);
    x = tn_reshape(x, TN_SHAPE(TN_INFER, features));
    tn_dim tokens = tn_dim_of(x, 0), room = room_of(g, tokens, &o);
    tn_tensor *p = tn_softmax(tn_layer_linear(x, "router", o.experts, TN_OPT(tn_linear_opt, .no_bias = true)), -1);
    choices c = choose(p, room, &o);
    const tn_shape apart = TN_SHAPE(o.top, tokens, features);
    tn_tensor *y = tn_mul(sent(x, &c, room, &o), tn_unsqueeze(c.gate, 1));
    y = tn_sum_axes(tn_reshape(y, apart), 1, (const int64_t[]){0}, false);
    if (!o.drop) {
        tn_tensor *any = tn_any(tn_reshape(c.taken, TN_SHAPE(o.top, tokens)), 1, (const int64_t[]){0}, false);
        y = tn_where(tn_unsqueeze(any, 1), y, x);
    }
    tn_tensor *lost = tn_cast(tn_logical_not(c.taken), tn_tensor_dtype(x));
    tn_moe_result r = {tn_reshape(y, shape), balance(p, &c, &o), tn_mean(lost)};
    tn_scope_pop(g);
    return r;
}
