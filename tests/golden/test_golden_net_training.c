/* Nets beside PyTorch: the losses of 50 steps are those that make_sequence_training.py and make_net_training.py wrote down. The
 * vision Transformer computes the values of its layers again for gradients. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/golden_file.h"
#include <tarn/tarn.h>

enum { STEPS = 50, BATCHES = 4, WORDS = 13 };
/* Of the loss, and of the first one: where a net has all but learnt its batches, the loss is the difference of large numbers, and how they
 * are rounded, which compilers decide, shows in it. */
static const double TOLERANCE = 1e-3, OF_FIRST = 1e-4;
static const float LR = 0.02F;

static tn_tensor *seen_of(tn_tensor *tokens, tn_tensor *lengths)
{
    tn_tensor *place = tn_arange(tn_tensor_graph(tokens), TN_I64, 0, 1, tn_dim_of(tokens, 1));
    return tn_lt(place, tn_unsqueeze(lengths, 1));
}

static tn_tensor *lstm_attention(tn_tensor *const *in)
{
    tn_tensor *tokens = in[0], *lengths = in[1], *target = in[2];
    tn_tensor *x = tn_layer_embedding(tokens, "embedding", WORDS, 8, NULL);
    tn_recurrent_result r = tn_layer_lstm(x, "lstm", 12, TN_OPT(tn_rnn_opt, .batch_first = true, .lengths = lengths));
    tn_tensor *h = tn_squeeze(r.h, 0), *mask = tn_unsqueeze(seen_of(tokens, lengths), 1);
    tn_tensor *found = tn_attention(tn_unsqueeze(h, 1), r.y, r.y, TN_OPT(tn_attention_opt, .mask = mask));
    tn_tensor *both[] = {tn_squeeze(found, 1), h};
    return tn_cross_entropy(tn_layer_linear(tn_concat(2, both, -1), "fc", 3, NULL), target, NULL);
}

static tn_tensor *placed(tn_tensor *tokens, tn_tensor *table)
{
    return tn_add(tn_embedding(table, tokens, -1),
                  tn_sinusoids(tn_tensor_graph(tokens), TN_F32, tn_dim_of(tokens, 1), 16));
}

static tn_tensor *transformer(tn_tensor *const *in)
{
    tn_tensor *tokens = in[0], *lengths = in[1], *target = in[2];
    tn_dim n = tn_dim_of(target, 1);
    tn_tensor *table = tn_param(tn_tensor_graph(tokens), "embedding.weight", TN_F32, TN_SHAPE(WORDS, 16), NULL);
    const tn_sight source = {.key_mask = seen_of(tokens, lengths)}, own = {.causal = true};
    tn_tensor *y = tn_layer_transformer(
        placed(tokens, table), placed(tn_slice(target, 1, 0, n - 1), table), "m", 4, 2, &source, &own,
        TN_OPT(tn_transformer_opt, .feed_forward = 32, .norm_first = true, .dropout = tn_f64(0)));
    y = tn_reshape(tn_layer_linear(y, "fc", WORDS, NULL), TN_SHAPE(TN_INFER, WORDS));
    return tn_cross_entropy(y, tn_reshape(tn_slice(target, 1, 1, n), TN_SHAPE(TN_INFER)), NULL);
}

static tn_tensor *mixture(tn_tensor *const *in)
{
    tn_tensor *h = tn_tanh(tn_layer_linear(in[0], "first", 12, NULL));
    tn_moe_result r = tn_layer_mixture_of_experts(
        h, "m",
        TN_OPT(tn_moe_opt, .experts = 4, .top = 2, .hidden = 10, .normalize = true, .capacity = tn_f64(INFINITY)));
    tn_tensor *y = tn_layer_linear(tn_add(h, r.y), "last", 3, NULL);
    return tn_add(tn_cross_entropy(y, in[1], NULL), tn_mul_f(r.balance, 0.01));
}

static tn_tensor *block(tn_tensor *x, const char *conv, int64_t channels, const char *norm, int64_t groups)
{
    x = tn_layer_conv2d(x, conv, channels, 3, TN_OPT(tn_conv_opt, .padding = 1));
    return tn_relu(tn_layer_group_norm(x, norm, groups, NULL));
}

static tn_tensor *unet(tn_tensor *const *in)
{
    tn_tensor *high = block(in[0], "conv1", 8, "norm1", 4);
    tn_tensor *low = block(tn_max_pool2d(high, 2, NULL), "conv2", 12, "norm2", 3);
    tn_tensor *both[] = {tn_layer_conv_transpose2d(low, "up", 8, 2, TN_OPT(tn_conv_opt, .stride = 2)), high};
    tn_tensor *y = tn_layer_conv2d(block(tn_concat(2, both, 1), "conv3", 8, "norm3", 4), "last", 3, 1, NULL);
    y = tn_reshape(tn_permute(y, 4, (const int64_t[]){0, 2, 3, 1}), TN_SHAPE(TN_INFER, 3));
    return tn_cross_entropy(y, tn_flatten(in[1], 0), NULL);
}

static tn_tensor *vision_transformer(tn_tensor *const *in)
{
    tn_graph *g = tn_tensor_graph(in[0]);
    tn_tensor *x = tn_layer_conv2d(in[0], "patches", 16, 4, TN_OPT(tn_conv_opt, .stride = 4));
    x = tn_transpose(tn_flatten(x, 2), 1, 2);
    tn_tensor *first = tn_param(g, "first", TN_F32, TN_SHAPE(1, 1, 16), NULL);
    tn_tensor *both[] = {tn_expand(first, TN_SHAPE(tn_dim_of(x, 0), 1, 16)), x};
    x = tn_add(tn_concat(2, both, 1), tn_param(g, "places", TN_F32, TN_SHAPE(1, 17, 16), NULL));
    x = tn_layer_transformer_encoder(x, "m", 4, 3, NULL,
                                     TN_OPT(tn_transformer_opt, .feed_forward = 32, .norm_first = true, .gelu = true,
                                            .dropout = tn_f64(0), .recompute = true));
    x = tn_reshape(tn_slice(x, 1, 0, 1), TN_SHAPE(TN_INFER, 16));
    return tn_cross_entropy(tn_layer_linear(x, "last", 3, NULL), in[1], NULL);
}

/* ---- a run -------------------------------------------------------------------------------------------------------------- */

static const format_tensor *stored(const format_safetensors *file, const char *net, const char *what)
{
    char name[160];
    (void)snprintf(name, sizeof name, "%s.%s", net, what);
    const format_tensor *t = format_safetensors_find(file, name);
    if (!t)
        fail_msg("the golden file has no '%s'", name);
    return t;
}

static void fill_state(const format_safetensors *file, const char *net, tn_state *state)
{
    char prefix[64];
    (void)snprintf(prefix, sizeof prefix, "%s.initial.", net);
    for (size_t i = 0; i < file->n; i++) {
        const format_tensor *t = &file->tensors[i];
        if (strncmp(t->name, prefix, strlen(prefix)) != 0)
            continue;
        tn_view v = tn_view_of((void *)(uintptr_t)t->data, t->dtype, t->rank, t->dims);
        if (tn_state_set(state, t->name + strlen(prefix), &v) != TN_OK)
            fail_msg("%s", tn_state_error(state));
    }
}

static tn_feed batch_of(const format_tensor *t, const char *name, int step)
{
    size_t bytes = t->bytes / BATCHES;
    const char *data = (const char *)t->data + (size_t)(step % BATCHES) * bytes;
    return (tn_feed){name, tn_view_of((void *)(uintptr_t)data, t->dtype, t->rank - 1, t->dims + 1)};
}

static void follow(const char *net, tn_tensor *(*build)(tn_tensor *const *in))
{
    static const char *const of_words[] = {"tokens", "lengths", "target"}, *const of_numbers[] = {"x", "target"};
    const bool words = build == lstm_attention || build == transformer;
    const char *const *names = words ? of_words : of_numbers;
    const int n = words ? 3 : 2;
    format_safetensors *file = golden_file(words ? "sequence_training" : "net_training");
    tn_context *context = tn_context_new(TN_OPT(tn_context_opt, .threads = 2));
    tn_graph *g = tn_graph_new(context);
    tn_tensor *in[3];
    const format_tensor *data[3];
    for (int i = 0; i < n; i++) {
        char what[32];
        (void)snprintf(what, sizeof what, "in.%s", names[i]);
        data[i] = stored(file, net, what);
        tn_shape shape = {.rank = data[i]->rank - 1};
        memcpy(shape.dims, data[i]->dims + 1, sizeof *shape.dims * (size_t)shape.rank);
        shape.dims[0] = tn_symbol(g, "batch");
        in[i] = tn_input(g, names[i], data[i]->dtype, shape);
    }
    tn_optim_opt o = {.kind = TN_SGD, .momentum = 0.9};
    if (tn_minimize(build(in), &o) != TN_OK)
        fail_msg("%s", tn_graph_error(g));
    tn_program *p = tn_compile(g, NULL);
    tn_state *state = tn_state_new(context);
    if (!p || tn_state_init(state, g, 0) != TN_OK)
        fail_msg("%s%s", tn_graph_error(g), tn_state_error(state));
    fill_state(file, net, state);
    tn_session *s = tn_session_new(p, state);
    double want[STEPS];
    memcpy(want, stored(file, net, "loss")->data, sizeof want); /* the file's may lie anywhere */
    for (int i = 0; i < STEPS; i++) {
        float loss = 0, lr = LR;
        tn_feed feeds[4] = {{"lr", tn_view_of(&lr, TN_F32, 0, NULL)}},
                out = {"loss", tn_view_of(&loss, TN_F32, 0, NULL)};
        for (int k = 0; k < n; k++)
            feeds[k + 1] = batch_of(data[k], names[k], i);
        if (tn_run(s, "step", n + 1, feeds, 1, &out) != TN_OK)
            fail_msg("step %d: %s", i, tn_session_error(s));
        if (!(fabs((double)loss - want[i]) <= TOLERANCE * fabs(want[i]) + OF_FIRST * fabs(want[0])))
            fail_msg("%s, step %d: the loss is %.9g; PyTorch says %.9g", net, i, (double)loss, want[i]);
    }
    tn_session_free(s);
    tn_state_free(state);
    tn_program_free(p);
    tn_graph_free(g);
    tn_context_free(context);
    format_safetensors_free(file);
}

static void lstm_with_attention(void **unused)
{
    (void)unused;
    follow("lstm_attention", lstm_attention);
}

static void encoder_and_decoder(void **unused)
{
    (void)unused;
    follow("transformer", transformer);
}

static void mixture_of_experts(void **unused)
{
    (void)unused;
    follow("mixture", mixture);
}

static void unet_with_group_norm(void **unused)
{
    (void)unused;
    follow("unet", unet);
}

static void vision_transformer_computed_again(void **unused)
{
    (void)unused;
    follow("vit", vision_transformer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lstm_with_attention),
        cmocka_unit_test(encoder_and_decoder),
        cmocka_unit_test(mixture_of_experts),
        cmocka_unit_test(unet_with_group_norm),
        cmocka_unit_test(vision_transformer_computed_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
