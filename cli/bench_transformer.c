/* bench_transformer.c: the benchmark's Transformers: an encoder of vectors (Vaswani et al. 2017, "Attention Is All You Need",
 * section 3), ViT (Dosovitskiy et al. 2020, "An Image is Worth 16x16 Words"), BERT and GPT-2. */
#include <stdio.h>

#include "bench.h"

enum { NAME = 64 };

/* How blocks are made and what their layers are called: PyTorch's names of the encoder's, timm's of ViT's. */
typedef struct style {
    const char *scope, *norm1, *into, *out, *norm2, *up, *down;
    bool before; /* norms stand before attention and before the two layers, not behind the sums */
    bool gelu;   /* not relu */
    double dropped;
} style;

static const style encoder_style = {"layers", "norm1",   "self_attn.in_proj", "self_attn.out_proj",
                                    "norm2",  "linear1", "linear2",           .dropped = 0.1};
static const style vit_style = {"blocks",  "norm1",   "attn.qkv",     "attn.proj", "norm2",
                                "mlp.fc1", "mlp.fc2", .before = true, .gelu = true};

/* x: [batch, places, width]. */
static tn_tensor *attention(tn_tensor *x, const style *s, int heads)
{
    const tn_dim n = tn_dim_of(x, 0), places = tn_dim_of(x, 1), width = tn_dim_of(x, 2);
    const int64_t apart[] = {2, 0, 3, 1, 4}, together[] = {0, 2, 1, 3};
    tn_tensor *all = tn_layer_linear(x, s->into, 3 * width, NULL), *part[3];
    all = tn_permute(tn_reshape(all, TN_SHAPE(n, places, 3, heads, width / heads)), 5, apart);
    for (int i = 0; i < 3; i++)
        part[i] = tn_squeeze(tn_slice(all, 0, i, i + 1), 0); /* [batch, heads, places, width / heads] */
    tn_tensor *y = tn_attention(part[0], part[1], part[2], TN_OPT(tn_attention_opt, .dropout = s->dropped));
    y = tn_reshape(tn_permute(y, 4, together), TN_SHAPE(n, places, width));
    return tn_dropout(tn_layer_linear(y, s->out, width, NULL), s->dropped);
}

static tn_tensor *two_layers(tn_tensor *x, const style *s, int hidden)
{
    const tn_dim width = tn_dim_of(x, -1);
    tn_tensor *y = tn_layer_linear(x, s->up, hidden, NULL);
    y = tn_dropout(s->gelu ? tn_gelu(y) : tn_relu(y), s->dropped);
    return tn_dropout(tn_layer_linear(y, s->down, width, NULL), s->dropped);
}

static tn_tensor *block(tn_tensor *x, const style *s, int heads, int hidden)
{
    if (s->before) {
        x = tn_add(x, attention(tn_layer_layer_norm(x, s->norm1, NULL), s, heads));
        return tn_add(x, two_layers(tn_layer_layer_norm(x, s->norm2, NULL), s, hidden));
    }
    x = tn_layer_layer_norm(tn_add(x, attention(x, s, heads)), s->norm1, NULL);
    return tn_layer_layer_norm(tn_add(x, two_layers(x, s, hidden)), s->norm2, NULL);
}

static tn_tensor *blocks(tn_tensor *x, const style *s, int layers, int heads, int hidden)
{
    tn_graph *g = tn_tensor_graph(x);
    for (int i = 0; i < layers; i++) {
        char name[NAME];
        (void)snprintf(name, sizeof name, "%s.%d", s->scope, i);
        tn_scope_push(g, name);
        x = block(x, s, heads, hidden);
        tn_scope_pop(g);
    }
    return x;
}

tn_tensor *bench_encoder(tn_tensor *x, int layers, int heads, int hidden, int64_t classes)
{
    const int64_t place = 1;
    x = blocks(x, &encoder_style, layers, heads, hidden);
    return tn_layer_linear(tn_mean_axes(x, 1, &place, false), "fc", classes, NULL);
}

/* Squares of the picture as vectors, one more for the class, and where each is; the class is read off that one. */
tn_tensor *bench_vit(tn_tensor *x, int layers, int heads, int64_t width, int64_t classes)
{
    enum { PATCH = 16, WIDEN = 4 };
    tn_graph *g = tn_tensor_graph(x);
    const tn_init small = {TN_INIT_TRUNC_NORMAL, 0, 0.02};
    x = tn_layer_conv2d(x, "patch_embed.proj", width, PATCH, TN_OPT(tn_conv_opt, .stride = PATCH));
    x = tn_transpose(tn_flatten(x, 2), 1, 2);
    tn_tensor *class = tn_param(g, "cls_token", TN_F32, TN_SHAPE(1, 1, width), &small);
    tn_tensor *both[] = {tn_expand(class, TN_SHAPE(tn_dim_of(x, 0), 1, width)), x};
    x = tn_concat(2, both, 1);
    x = tn_add(x, tn_param(g, "pos_embed", TN_F32, TN_SHAPE(1, tn_dim_of(x, 1), width), &small));
    x = blocks(x, &vit_style, layers, heads, (int)(WIDEN * width));
    x = tn_squeeze(tn_slice(tn_layer_layer_norm(x, "norm", NULL), 1, 0, 1), 1);
    return tn_layer_linear(x, "head", classes, NULL);
}

tn_tensor *bench_bert(tn_tensor *x, int layers, int width, int heads, int64_t classes)
{
    x = tn_bert(x, "bert", TN_OPT(tn_bert_opt, .layers = layers, .width = width, .heads = heads, .pooled = true));
    return tn_layer_linear(tn_dropout(x, 0.1), "classifier", classes, NULL);
}

tn_tensor *bench_gpt2(tn_tensor *x, int layers, int width, int heads, bool last, int64_t classes)
{
    const tn_dim places = tn_dim_of(x, 1);
    tn_graph *g = tn_tensor_graph(x);
    x = tn_gpt2(x, TN_OPT(tn_gpt2_opt, .vocabulary = classes, .width = width, .heads = heads, .layers = layers,
                          .dropout = 0.1, .features = last));
    if (!last)
        return x;
    x = tn_squeeze(tn_slice(x, 1, places - 1, places), 1);
    return tn_linear(x, tn_graph_state(g, "transformer.wte.weight"), NULL);
}

tn_tensor *bench_gpt2_step(bench_work *w, tn_tensor *x, int layers, int width, int heads, int past)
{
    enum { ROOM = 32 };
    tn_graph *g = tn_tensor_graph(x);
    const tn_init start = {TN_INIT_CONSTANT, past, 0};
    const tn_shape shape = TN_SHAPE(w->row.batch, heads, past + ROOM, width / heads);
    tn_kv_cache caches[BENCH_KEPT / 2] = {{0}};
    tn_tensor *at = tn_buffer(g, "state.at", TN_I64, TN_SCALAR, &start);
    if (layers > BENCH_KEPT / 2)
        return NULL;
    for (int i = 0; i < layers; i++) {
        char name[NAME];
        (void)snprintf(name, sizeof name, "cache_keys_%d", i);
        caches[i].keys = tn_buffer(g, name, TN_F32, shape, NULL);
        (void)snprintf(name, sizeof name, "cache_values_%d", i);
        caches[i].values = tn_buffer(g, name, TN_F32, shape, NULL);
        caches[i].at = at;
    }
    x = tn_gpt2(x, TN_OPT(tn_gpt2_opt, .vocabulary = w->row.classes, .width = width, .heads = heads, .layers = layers,
                          .caches = caches));
    for (int i = 0; i < layers; i++) {
        w->kept[w->n_kept++] = (bench_kept){caches[i].keys, caches[i].new_keys};
        w->kept[w->n_kept++] = (bench_kept){caches[i].values, caches[i].new_values};
    }
    return tn_squeeze(x, 1);
}
