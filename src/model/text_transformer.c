/* text_transformer: a classifier of texts as numbers of tokens [batch, tokens] below 32,768, 0 being padding: embedding, sinusoids, two
 * encoder layers, the mean over the tokens that are none. */
#include "model/core/zoo.h"

enum { VOCABULARY = 32768, WIDTH = 128, HEADS = 4, LAYERS = 2 };

static tn_tensor *build(tn_tensor *x, int64_t classes)
{
    tn_graph *g = tn_tensor_graph(x);
    tn_tensor *tokens = tn_tensor_dtype(x) == TN_I64 ? x : tn_cast(x, TN_I64);
    tn_tensor *seen = tn_ne(tokens, tn_scalar(g, TN_I64, 0));
    tn_tensor *y = tn_layer_embedding(tokens, "embedding", VOCABULARY, WIDTH,
                                      TN_OPT(tn_embedding_opt, .padding = true, .padding_index = 0));
    y = tn_add(y, tn_sinusoids(g, TN_F32, tn_dim_of(tokens, 1), WIDTH));
    const tn_sight sight = {.key_mask = seen};
    y = tn_layer_transformer_encoder(tn_dropout(y, 0.1), "encoder", HEADS, LAYERS, &sight,
                                     TN_OPT(tn_transformer_opt, .feed_forward = 4 * WIDTH));
    tn_tensor *count = tn_unsqueeze(tn_cast(seen, TN_F32), 2);
    y = tn_sum_axes(tn_mul(y, count), 1, (const int64_t[]){1}, false);
    count = tn_sum_axes(count, 1, (const int64_t[]){1}, false);
    y = tn_div(y, tn_maximum(count, tn_scalar(g, TN_F32, 1)));
    return tn_layer_linear(y, "fc", classes, NULL);
}

const zoo_model model_text_transformer = {
    "text_transformer", "embedding 128, 2 encoder layers with 4 heads, mean over tokens, linear; token 0 is padding",
    build};
