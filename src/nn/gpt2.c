/* gpt2.c: GPT-2 (Radford et al. 2019) under the parameter names of Hugging Face's GPT2LMHeadModel: weights of its Conv1D layers are
 * [in, out], and the head is the table of tokens. */
#include "graph/graph.h"
#include "nn/cache.h"

#include <stdio.h>

#include <tarn/nn.h>

/* x w + b with name.weight [in, out], name.bias [out]. */
static tn_tensor *conv1d(tn_tensor *x, const char *name, int64_t units, double deviation)
{
    tn_graph *g = tn_tensor_graph(x);
    const tn_init normal = {TN_INIT_NORMAL, 0, deviation};
    tn_scope_push(g, name);
    tn_tensor *w = tn_param(g, "weight", TN_F32, TN_SHAPE(tn_dim_of(x, -1), units), &normal);
    tn_tensor *b = tn_param(g, "bias", TN_F32, TN_SHAPE(units), NULL);
    tn_tensor *y = tn_linear(x, tn_transpose(w, 0, 1), b);
    tn_scope_pop(g);
    return y;
}

/* The part of width of x that belongs to q, k or v, by heads. */
static tn_tensor *part(tn_tensor *x, int64_t which, int64_t heads)
{
    tn_dim width = tn_dim_of(x, -1) / 3;
    x = tn_slice(x, -1, which * width, (which + 1) * width);
    x = tn_reshape(x, TN_SHAPE(tn_dim_of(x, 0), tn_dim_of(x, 1), heads, width / heads));
    return tn_transpose(x, 1, 2);
}

static tn_tensor *attend(tn_tensor *x, const tn_gpt2_opt *o, int64_t width, int64_t heads, double last, tn_kv_cache *c)
{
    tn_graph *g = tn_tensor_graph(x);
    tn_attention_opt how = {.causal = true, .dropout = o->dropout};
    tn_scope_push(g, "attn");
    tn_tensor *all = conv1d(x, "c_attn", 3 * width, 0.02);
    tn_tensor *q = part(all, 0, heads), *k = part(all, 1, heads), *v = part(all, 2, heads);
    if (c) {
        c->new_keys = k = nn_cached(c->at, c->keys, k);
        c->new_values = v = nn_cached(c->at, c->values, v);
        how = (tn_attention_opt){.mask = nn_past(c->at, k)};
    }
    tn_tensor *y = tn_attention(q, k, v, &how);
    y = tn_reshape(tn_transpose(y, 1, 2), tn_tensor_shape(x));
    y = conv1d(y, "c_proj", width, last);
    tn_scope_pop(g);
    return o->dropout > 0 ? tn_dropout(y, o->dropout) : y;
}

static tn_tensor *feed(tn_tensor *x, const tn_gpt2_opt *o, int64_t width, double last)
{
    tn_graph *g = tn_tensor_graph(x);
    tn_scope_push(g, "mlp");
    tn_tensor *y = conv1d(tn_gelu_tanh(conv1d(x, "c_fc", 4 * width, 0.02)), "c_proj", width, last);
    tn_scope_pop(g);
    return o->dropout > 0 ? tn_dropout(y, o->dropout) : y;
}

tn_tensor *tn_gpt2(tn_tensor *tokens, const tn_gpt2_opt *opt)
{
    static const tn_gpt2_opt defaults;
    const tn_gpt2_opt *o = opt ? opt : &defaults;
    int64_t width = o->width ? o->width : 768, heads = o->heads ? o->heads : 12, layers = o->layers ? o->layers : 12;
    int64_t words = o->vocabulary ? o->vocabulary : 50257, places = o->context ? o->context : 1024;
    const double last = 0.02 / __builtin_sqrt(2.0 * (double)layers);
    const tn_init normal = {TN_INIT_NORMAL, 0, 0.02}, small = {TN_INIT_NORMAL, 0, 0.01};
    tn_graph *g = tn_tensor_graph(tokens);
    if (tn_graph_status(g) != TN_OK)
        return tokens;
    if (tn_tensor_rank(tokens) != 2 || width < 1 || heads < 1 || width % heads || layers < 1) {
        graph_fail(g, TN_SHAPE,
                   "gpt2: tokens must be [batch, tokens], width (%lld) a multiple of heads (%lld), layers 1 or more",
                   (long long)width, (long long)heads);
        return tokens;
    }
    tn_scope_push(g, "transformer");
    tn_tensor *table = tn_param(g, "wte.weight", TN_F32, TN_SHAPE(words, width), &normal);
    tn_tensor *place = tn_param(g, "wpe.weight", TN_F32, TN_SHAPE(places, width), &small);
    tn_tensor *at = tn_arange(g, TN_I64, 0, 1, tn_dim_of(tokens, 1));
    if (o->caches)
        at = tn_reshape(tn_cast(o->caches[0].at, TN_I64), TN_SHAPE(1));
    tn_tensor *x = tn_add(tn_embedding(table, tokens, -1), tn_embedding(place, at, -1));
    x = o->dropout > 0 ? tn_dropout(x, o->dropout) : x;
    for (int64_t i = 0; i < layers; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "h.%lld", (long long)i);
        tn_scope_push(g, name);
        x = tn_add(
            x, attend(tn_layer_layer_norm(x, "ln_1", NULL), o, width, heads, last, o->caches ? &o->caches[i] : NULL));
        x = tn_add(x, feed(tn_layer_layer_norm(x, "ln_2", NULL), o, width, last));
        tn_scope_pop(g);
    }
    x = tn_layer_layer_norm(x, "ln_f", NULL);
    tn_scope_pop(g);
    return o->features ? x : tn_linear(x, table, NULL);
}
