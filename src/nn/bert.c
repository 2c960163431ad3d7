/* bert.c: BERT (Devlin et al. 2018, "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding") under the
 * parameter names of Hugging Face's BertModel. */
#include "graph/graph.h"

#include <stdio.h>

#include <tarn/nn.h>

static const double deviation = 0.02;

static double rate(const tn_bert_opt *o)
{
    return o->dropout.set ? o->dropout.value : 0.1;
}

static tn_tensor *dropped(tn_tensor *x, const tn_bert_opt *o)
{
    return rate(o) > 0 ? tn_dropout(x, rate(o)) : x;
}

static tn_tensor *linear(tn_tensor *x, const char *name, int64_t units)
{
    const tn_init normal = {TN_INIT_NORMAL, 0, deviation}, zeros = {TN_INIT_ZEROS, 0, 0};
    return tn_layer_linear(x, name, units, TN_OPT(tn_linear_opt, .weight_init = &normal, .bias_init = &zeros));
}

static tn_tensor *normed(tn_tensor *x, const char *name)
{
    return tn_layer_layer_norm(x, name, TN_OPT(tn_norm_opt, .eps = tn_f64(1e-12)));
}

/* A table that several layers or none may read. */
static tn_tensor *table(tn_graph *g, const char *name, int64_t rows, int64_t width)
{
    const tn_init normal = {TN_INIT_NORMAL, 0, deviation};
    return tn_param(g, name, TN_F32, TN_SHAPE(rows, width), &normal);
}

/* Tokens, where they stand, and which of two texts they belong to. */
static tn_tensor *embeddings(tn_tensor *tokens, const tn_bert_opt *o)
{
    tn_graph *g = tn_tensor_graph(tokens);
    int64_t words = o->vocabulary ? o->vocabulary : 30522, places = o->places ? o->places : 512;
    int64_t kinds = o->kinds ? o->kinds : 2, width = o->width;
    tn_dim n = tn_dim_of(tokens, 1);
    tn_scope_push(g, "embeddings");
    tn_tensor *word = table(g, "word_embeddings.weight", words, width);
    tn_tensor *place = table(g, "position_embeddings.weight", places, width);
    tn_tensor *kind = table(g, "token_type_embeddings.weight", kinds, width);
    tn_tensor *x = tn_embedding(word, tokens, -1);
    x = tn_add(x, n >= 0 && n <= places ? tn_slice(place, 0, 0, n)
                                        : tn_embedding(place, tn_arange(g, TN_I64, 0, 1, n), -1));
    x = tn_add(x, o->kind_of ? tn_embedding(kind, o->kind_of, -1) : tn_slice(kind, 0, 0, 1));
    x = dropped(normed(x, "LayerNorm"), o);
    tn_scope_pop(g);
    return x;
}

/* [N, L, width] as [N, heads, L, width / heads]. */
static tn_tensor *by_heads(tn_tensor *x, int64_t heads)
{
    tn_dim size = tn_dim_of(x, -1) / heads;
    return tn_transpose(tn_reshape(x, TN_SHAPE(tn_dim_of(x, 0), tn_dim_of(x, 1), heads, size)), 1, 2);
}

static tn_tensor *attend(tn_tensor *x, const tn_bert_opt *o)
{
    tn_tensor *q = by_heads(linear(x, "attention.self.query", o->width), o->heads);
    tn_tensor *k = by_heads(linear(x, "attention.self.key", o->width), o->heads);
    tn_tensor *v = by_heads(linear(x, "attention.self.value", o->width), o->heads);
    tn_tensor *seen = o->key_mask ? tn_unsqueeze(tn_unsqueeze(o->key_mask, 1), 1) : NULL;
    tn_tensor *y = tn_attention(q, k, v, TN_OPT(tn_attention_opt, .mask = seen, .dropout = rate(o)));
    y = tn_reshape(tn_transpose(y, 1, 2), tn_tensor_shape(x));
    y = dropped(linear(y, "attention.output.dense", o->width), o);
    return normed(tn_add(y, x), "attention.output.LayerNorm");
}

static tn_tensor *feed(tn_tensor *x, const tn_bert_opt *o)
{
    int64_t hidden = o->feed_forward ? o->feed_forward : 4 * o->width;
    tn_tensor *y = tn_gelu(linear(x, "intermediate.dense", hidden));
    y = dropped(linear(y, "output.dense", o->width), o);
    return normed(tn_add(y, x), "output.LayerNorm");
}

tn_tensor *tn_bert(tn_tensor *tokens, const char *name, const tn_bert_opt *opt)
{
    tn_bert_opt o = {0};
    tn_graph *g = tn_tensor_graph(tokens);
    if (opt)
        o = *opt;
    if (tn_graph_status(g) != TN_OK)
        return tokens;
    o.width = o.width ? o.width : 768;
    o.heads = o.heads ? o.heads : 12;
    o.layers = o.layers ? o.layers : 12;
    if (tn_tensor_rank(tokens) != 2 || o.width < 1 || o.heads < 1 || o.width % o.heads || o.layers < 1) {
        graph_fail(g, TN_SHAPE,
                   "bert: tokens must be [batch, tokens], width (%lld) a multiple of heads (%lld), layers 1 or more",
                   (long long)o.width, (long long)o.heads);
        return tokens;
    }
    tn_scope_push(g, name);
    tn_tensor *x = embeddings(tokens, &o);
    for (int64_t i = 0; i < o.layers; i++) {
        char layer[32];
        (void)snprintf(layer, sizeof layer, "encoder.layer.%lld", (long long)i);
        tn_scope_push(g, layer);
        x = feed(attend(x, &o), &o);
        tn_scope_pop(g);
    }
    if (o.pooled)
        x = tn_tanh(linear(tn_squeeze(tn_slice(x, 1, 0, 1), 1), "pooler.dense", o.width));
    tn_scope_pop(g);
    return x;
}
