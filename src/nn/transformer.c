/* transformer.c: multi-head attention, encoder and decoder layers, the whole Transformer (Vaswani et al. 2017), under the names that
 * PyTorch's modules give their parameters. Everything is batch first: x[N, L, features]. */
#include "graph/graph.h"
#include "nn/cache.h"

#include <math.h>
#include <stdio.h>

#include <tarn/nn.h>

static tn_tensor *failed(tn_tensor *x, const char *name, const char *why, long long a, long long b)
{
    graph_fail(tn_tensor_graph(x), TN_SHAPE, "layer '%s': %s (%lld and %lld)", name, why, a, b);
    return x;
}

/* ---- multi-head attention ------------------------------------------------------------------------------------------- */

/* x w^T + b with rows from..to of in_proj_weight, or with a weight of its own. */
static tn_tensor *project(tn_tensor *x, tn_tensor *w, tn_tensor *b, tn_dim from, tn_dim to)
{
    if (to) {
        w = tn_slice(w, 0, from, to);
        b = b ? tn_slice(b, 0, from, to) : NULL;
    }
    return tn_linear(x, w, b);
}

/* [N, L, heads * size] as [N, heads, L, size], a view. */
static tn_tensor *by_heads(tn_tensor *x, int64_t heads)
{
    tn_dim size = tn_dim_of(x, -1) / heads;
    x = tn_reshape(x, TN_SHAPE(tn_dim_of(x, 0), tn_dim_of(x, 1), heads, size));
    return tn_transpose(x, 1, 2);
}

/* [N, heads, L, size] as [N, L, heads * size]. */
static tn_tensor *joined(tn_tensor *x)
{
    tn_dim width = tn_dim_mul(tn_tensor_graph(x), tn_dim_of(x, 1), tn_dim_of(x, 3));
    x = tn_transpose(x, 1, 2);
    return tn_reshape(x, TN_SHAPE(tn_dim_of(x, 0), tn_dim_of(x, 1), width));
}

/* A mask [N, S] (true: seen) for all heads and queries; a mask with an axis for heads as it is. */
static tn_tensor *key_mask(tn_tensor *seen)
{
    return seen ? tn_unsqueeze(tn_unsqueeze(seen, 1), 1) : NULL;
}

/* Both masks as one. */
static tn_tensor *both(tn_tensor *mask, tn_tensor *keys)
{
    keys = key_mask(keys);
    if (!mask || !keys)
        return mask ? mask : keys;
    if (tn_tensor_dtype(mask) == TN_BOOL)
        return tn_logical_and(mask, keys);
    return tn_masked_fill(mask, tn_logical_not(keys), -INFINITY);
}

typedef struct projections {
    tn_tensor *q, *k, *v;
} projections;

static projections projected(tn_tensor *q, tn_tensor *k, tn_tensor *v, int64_t n, const tn_mha_opt *o)
{
    tn_graph *g = tn_tensor_graph(q);
    tn_dtype dtype = tn_tensor_dtype(q);
    tn_dim e = tn_dim_of(q, -1), ek = tn_dim_of(k, -1), ev = tn_dim_of(v, -1);
    int64_t kv = o->key_heads ? o->key_heads * (e / n) : e;
    const tn_init xavier = {TN_INIT_XAVIER_UNIFORM, 0, 0};
    tn_tensor *b = o->no_bias ? NULL : tn_param(g, "in_proj_bias", dtype, TN_SHAPE(e + 2 * kv), NULL);
    projections h;
    if (ek == e && ev == e) {
        tn_tensor *w = tn_param(g, "in_proj_weight", dtype, TN_SHAPE(e + 2 * kv, e), &xavier);
        if (q == k && k == v) { /* one product for all three */
            tn_tensor *all = tn_linear(q, w, b);
            h.q = tn_slice(all, -1, 0, e);
            h.k = tn_slice(all, -1, e, e + kv);
            h.v = tn_slice(all, -1, e + kv, e + 2 * kv);
        } else {
            h.q = project(q, w, b, 0, e);
            h.k = project(k, w, b, e, e + kv);
            h.v = project(v, w, b, e + kv, e + 2 * kv);
        }
    } else {
        h.q = tn_linear(q, tn_param(g, "q_proj_weight", dtype, TN_SHAPE(e, e), &xavier), b ? tn_slice(b, 0, 0, e) : b);
        h.k = tn_linear(k, tn_param(g, "k_proj_weight", dtype, TN_SHAPE(kv, ek), &xavier),
                        b ? tn_slice(b, 0, e, e + kv) : b);
        h.v = tn_linear(v, tn_param(g, "v_proj_weight", dtype, TN_SHAPE(kv, ev), &xavier),
                        b ? tn_slice(b, 0, e + kv, e + 2 * kv) : b);
    }
    h.q = by_heads(h.q, n);
    h.k = by_heads(h.k, o->key_heads ? o->key_heads : n);
    h.v = by_heads(h.v, o->key_heads ? o->key_heads : n);
    return h;
}

tn_attended tn_layer_multihead_attention(tn_tensor *q, tn_tensor *k, tn_tensor *v, const char *name, int64_t n,
                                         const tn_mha_opt *opt)
{
    static const tn_mha_opt defaults;
    const tn_mha_opt *o = opt ? opt : &defaults;
    tn_graph *g = tn_tensor_graph(q);
    if (tn_graph_status(g) != TN_OK)
        return (tn_attended){q, q};
    tn_dim e = tn_dim_of(q, -1);
    if (n < 1 || e < 0 || e % n || o->key_heads < 0 || (o->key_heads > 0 && n % o->key_heads) ||
        tn_tensor_rank(q) != 3) {
        failed(q, name, "q must be [N, L, features], the features a multiple of the heads", (long long)e, (long long)n);
        return (tn_attended){q, q};
    }
    tn_scope_push(g, name);
    projections h = projected(q, k, v, n, o);
    if (o->rotary) {
        h.q = tn_rotary(h.q, o->rotary_at, o->rotary_base);
        h.k = tn_rotary(h.k, o->rotary_at, o->rotary_base);
    }
    tn_attention_opt a = {
        .mask = both(o->mask, o->key_mask), .causal = o->causal, .window = o->window, .dropout = o->dropout};
    if (o->cache) {
        tn_kv_cache *c = o->cache;
        c->new_keys = h.k = nn_cached(c->at, c->keys, h.k);
        c->new_values = h.v = nn_cached(c->at, c->values, h.v);
        tn_tensor *past = nn_past(c->at, h.k);
        a.mask = !a.mask                              ? past
                 : tn_tensor_dtype(a.mask) == TN_BOOL ? tn_logical_and(a.mask, past)
                                                      : tn_masked_fill(a.mask, tn_logical_not(past), -INFINITY);
        a.causal = false;
    }
    tn_attended r = {tn_attention(h.q, h.k, h.v, &a), NULL};
    if (o->weights) /* PyTorch gives their mean over the heads */
        r = tn_attention_weights(h.q, h.k, h.v, &a);
    tn_init zeros = {TN_INIT_ZEROS, 0, 0};
    r.y =
        tn_layer_linear(joined(r.y), "out_proj", e, TN_OPT(tn_linear_opt, .no_bias = o->no_bias, .bias_init = &zeros));
    if (r.weights && !o->each_head)
        r.weights = tn_mean_axes(r.weights, 1, (const int64_t[]){1}, false);
    tn_scope_pop(g);
    return r;
}

/* ---- positions ------------------------------------------------------------------------------------------------------ */

tn_tensor *tn_layer_positions(tn_tensor *x, const char *name, int64_t places)
{
    const tn_init normal = {TN_INIT_NORMAL, 0, 1};
    tn_graph *g = tn_tensor_graph(x);
    if (tn_graph_status(g) != TN_OK)
        return x;
    tn_dim n = tn_dim_of(x, -2), width = tn_dim_of(x, -1);
    if (width < 0 || (n >= 0 && n > places))
        return failed(x, name, "x must be [..., L, features], the features a number, L at most the places",
                      (long long)n, (long long)places);
    tn_scope_push(g, name);
    tn_tensor *w = tn_param(g, "weight", tn_tensor_dtype(x), TN_SHAPE(places, width), &normal);
    tn_tensor *y =
        tn_add(x, tn_embedding(w, tn_arange(g, TN_I64, 0, 1, n), -1)); /* more steps than places are a fault */
    tn_scope_pop(g);
    return y;
}

tn_tensor *tn_layer_relative_bias(tn_graph *graph, const char *name, int64_t heads, tn_dim queries, tn_dim keys,
                                  int64_t buckets, int64_t most, bool causal)
{
    const tn_init normal = {TN_INIT_NORMAL, 0, 1};
    buckets = buckets ? buckets : 32;
    tn_tensor *index = tn_relative_buckets(graph, queries, keys, buckets, most ? most : 128, causal);
    if (tn_graph_status(graph) != TN_OK)
        return index;
    tn_scope_push(graph, name);
    tn_tensor *w = tn_param(graph, "weight", TN_F32, TN_SHAPE(buckets, heads), &normal);
    tn_tensor *y = tn_permute(tn_embedding(w, index, -1), 3, (const int64_t[]){2, 0, 1});
    tn_scope_pop(graph);
    return y;
}

/* ---- layers --------------------------------------------------------------------------------------------------------- */

static const tn_transformer_opt *options(const tn_transformer_opt *opt)
{
    static const tn_transformer_opt defaults;
    return opt ? opt : &defaults;
}

static double rate(const tn_transformer_opt *o)
{
    return o->dropout.set ? o->dropout.value : 0.1;
}

static tn_tensor *dropped(tn_tensor *x, const tn_transformer_opt *o)
{
    return rate(o) > 0 ? tn_dropout(x, rate(o)) : x;
}

static tn_tensor *normed(tn_tensor *x, const char *name, const tn_transformer_opt *o)
{
    return tn_layer_layer_norm(x, name, TN_OPT(tn_norm_opt, .eps = tn_f64(o->eps.set ? o->eps.value : 1e-5)));
}

static tn_tensor *feed_forward(tn_tensor *x, const tn_transformer_opt *o)
{
    tn_dim e = tn_dim_of(x, -1);
    tn_tensor *y = tn_layer_linear(x, "linear1", o->feed_forward ? o->feed_forward : 2048, NULL);
    y = dropped(o->gelu ? tn_gelu(y) : tn_relu(y), o);
    return dropped(tn_layer_linear(y, "linear2", e, NULL), o);
}

static tn_tensor *attend(tn_tensor *x, tn_tensor *memory, const char *name, int64_t n, const tn_transformer_opt *o,
                         const tn_sight *s)
{
    const tn_mha_opt m = {.mask = s->mask, .key_mask = s->key_mask, .causal = s->causal, .dropout = rate(o)};
    return dropped(tn_layer_multihead_attention(x, memory, memory, name, n, &m).y, o);
}

static const tn_sight *sight_of(const tn_sight *s)
{
    static const tn_sight all;
    return s ? s : &all;
}

tn_tensor *tn_layer_transformer_encoder_layer(tn_tensor *x, const char *name, int64_t n, const tn_sight *sight,
                                              const tn_transformer_opt *opt)
{
    const tn_transformer_opt *o = options(opt);
    tn_graph *g = tn_tensor_graph(x);
    if (tn_graph_status(g) != TN_OK)
        return x;
    tn_scope_push(g, name);
    if (o->norm_first) {
        tn_tensor *y = normed(x, "norm1", o);
        x = tn_add(x, attend(y, y, "self_attn", n, o, sight_of(sight)));
        x = tn_add(x, feed_forward(normed(x, "norm2", o), o));
    } else {
        x = normed(tn_add(x, attend(x, x, "self_attn", n, o, sight_of(sight))), "norm1", o);
        x = normed(tn_add(x, feed_forward(x, o)), "norm2", o);
    }
    tn_scope_pop(g);
    return x;
}

tn_tensor *tn_layer_transformer_decoder_layer(tn_tensor *x, tn_tensor *memory, const char *name, int64_t n,
                                              const tn_sight *sight, const tn_sight *memory_sight,
                                              const tn_transformer_opt *opt)
{
    const tn_transformer_opt *o = options(opt);
    tn_graph *g = tn_tensor_graph(x);
    if (tn_graph_status(g) != TN_OK)
        return x;
    tn_scope_push(g, name);
    if (o->norm_first) {
        tn_tensor *y = normed(x, "norm1", o);
        x = tn_add(x, attend(y, y, "self_attn", n, o, sight_of(sight)));
        x = tn_add(x, attend(normed(x, "norm2", o), memory, "multihead_attn", n, o, sight_of(memory_sight)));
        x = tn_add(x, feed_forward(normed(x, "norm3", o), o));
    } else {
        x = normed(tn_add(x, attend(x, x, "self_attn", n, o, sight_of(sight))), "norm1", o);
        x = normed(tn_add(x, attend(x, memory, "multihead_attn", n, o, sight_of(memory_sight))), "norm2", o);
        x = normed(tn_add(x, feed_forward(x, o)), "norm3", o);
    }
    tn_scope_pop(g);
    return x;
}

/* ---- stacks --------------------------------------------------------------------------------------------------------- */

tn_tensor *tn_layer_transformer_encoder(tn_tensor *x, const char *name, int64_t n, int layers, const tn_sight *sight,
                                        const tn_transformer_opt *opt)
{
    const tn_transformer_opt *o = options(opt);
    tn_graph *g = tn_tensor_graph(x);
    char layer[32];
    if (tn_graph_status(g) != TN_OK)
        return x;
    tn_scope_push(g, name);
    for (int i = 0; i < layers; i++) {
        (void)snprintf(layer, sizeof layer, "layers.%d", i);
        if (o->recompute)
            tn_recompute_begin(g);
        x = tn_layer_transformer_encoder_layer(x, layer, n, sight, o);
        if (o->recompute)
            tn_recompute_end(g);
    }
    x = o->last_norm ? normed(x, "norm", o) : x;
    tn_scope_pop(g);
    return x;
}

tn_tensor *tn_layer_transformer_decoder(tn_tensor *x, tn_tensor *memory, const char *name, int64_t n, int layers,
                                        const tn_sight *sight, const tn_sight *memory_sight,
                                        const tn_transformer_opt *opt)
{
    const tn_transformer_opt *o = options(opt);
    tn_graph *g = tn_tensor_graph(x);
    char layer[32];
    if (tn_graph_status(g) != TN_OK)
        return x;
    tn_scope_push(g, name);
    for (int i = 0; i < layers; i++) {
        (void)snprintf(layer, sizeof layer, "layers.%d", i);
        if (o->recompute)
            tn_recompute_begin(g);
        x = tn_layer_transformer_decoder_layer(x, memory, layer, n, sight, memory_sight, o);
        if (o->recompute)
            tn_recompute_end(g);
    }
    x = o->last_norm ? normed(x, "norm", o) : x;
    tn_scope_pop(g);
    return x;
}

tn_tensor *tn_layer_transformer(tn_tensor *source, tn_tensor *target, const char *name, int64_t n, int layers,
                                const tn_sight *source_sight, const tn_sight *target_sight,
                                const tn_transformer_opt *opt)
{
    tn_transformer_opt o = *options(opt);
    tn_graph *g = tn_tensor_graph(source);
    if (tn_graph_status(g) != TN_OK)
        return target;
    tn_scope_push(g, name);
    o.last_norm = true;
    const tn_sight memory_sight = {.key_mask = source_sight ? source_sight->key_mask : NULL};
    tn_tensor *memory = tn_layer_transformer_encoder(source, "encoder", n, layers, source_sight, &o);
    tn_tensor *y = tn_layer_transformer_decoder(target, memory, "decoder", n, layers, target_sight, &memory_sight, &o);
    tn_scope_pop(g);
    return y;
}
