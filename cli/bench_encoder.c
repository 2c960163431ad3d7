/* bench_encoder.c: the benchmark's Transformer encoder, written with operators: Vaswani et al., "Attention Is All You Need", 2017,
 * section 3, with learned layers only: what comes in are vectors already. */
#include <math.h>
#include <stdio.h>

#include "bench.h"

enum { NAME = 64 };
static const double dropped = 0.1;

/* Each vector brought to mean 0 and variance 1, then scaled and shifted. */
static tn_tensor *layer_norm(tn_tensor *x, const char *layer, const char *norm)
{
    const int64_t last = -1, width = tn_dim_of(x, -1);
    const double eps = 1e-5;
    const tn_init one = {TN_INIT_CONSTANT, 1, 0};
    tn_graph *g = tn_tensor_graph(x);
    char name[NAME];
    (void)snprintf(name, sizeof name, "%s.%s.weight", layer, norm);
    tn_tensor *weight = tn_param(g, name, TN_F32, TN_SHAPE(width), &one);
    (void)snprintf(name, sizeof name, "%s.%s.bias", layer, norm);
    tn_tensor *bias = tn_param(g, name, TN_F32, TN_SHAPE(width), NULL);
    tn_tensor *centred = tn_sub(x, tn_mean_axes(x, 1, &last, true));
    tn_tensor *scale = tn_rsqrt(tn_add_f(tn_var_axes(x, 1, &last, 0, true), eps));
    return tn_add(tn_mul(tn_mul(centred, scale), weight), bias);
}

static tn_tensor *linear(tn_tensor *x, const char *layer, const char *part, int64_t units)
{
    char name[NAME];
    (void)snprintf(name, sizeof name, "%s.%s", layer, part);
    return tn_layer_linear(x, name, units, NULL);
}

/* x: [batch, places, width]. */
static tn_tensor *attention(tn_tensor *x, const char *layer, int heads)
{
    const tn_dim n = tn_dim_of(x, 0), places = tn_dim_of(x, 1), width = tn_dim_of(x, 2), head = width / heads;
    const int64_t apart[] = {2, 0, 3, 1, 4}, together[] = {0, 2, 1, 3};
    tn_tensor *all = tn_reshape(linear(x, layer, "self_attn.in_proj", 3 * width), TN_SHAPE(n, places, 3, heads, head));
    tn_tensor *part[3];
    all = tn_permute(all, 5, apart); /* [3, batch, heads, places, head] */
    for (int i = 0; i < 3; i++)
        part[i] = tn_squeeze(tn_slice(all, 0, i, i + 1), 0);
    tn_tensor *scores = tn_mul_f(tn_matmul(part[0], tn_transpose(part[1], 2, 3)), 1 / sqrt((double)head));
    tn_tensor *y = tn_matmul(tn_dropout(tn_softmax(scores, -1), dropped), part[2]);
    y = tn_reshape(tn_permute(y, 4, together), TN_SHAPE(n, places, width));
    return linear(y, layer, "self_attn.out_proj", width);
}

tn_tensor *bench_encoder(tn_tensor *x, int layers, int heads, int hidden, int64_t classes)
{
    const int64_t width = tn_dim_of(x, -1), place = 1;
    for (int i = 0; i < layers; i++) {
        char layer[NAME / 2];
        (void)snprintf(layer, sizeof layer, "layers.%d", i);
        x = layer_norm(tn_add(x, tn_dropout(attention(x, layer, heads), dropped)), layer, "norm1");
        tn_tensor *y = tn_dropout(tn_relu(linear(x, layer, "linear1", hidden)), dropped);
        x = layer_norm(tn_add(x, tn_dropout(linear(y, layer, "linear2", width), dropped)), layer, "norm2");
    }
    return tn_layer_linear(tn_mean_axes(x, 1, &place, false), "fc", classes, NULL);
}
