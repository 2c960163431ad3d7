/* Layers against PyTorch's modules: every case of layers.safetensors (see make_layers.py), outputs and gradients of parameters and inputs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "op/scheme/op.h"
#include "support/golden_file.h"
#include <tarn/tarn.h>

typedef struct golden {
    const format_safetensors *file;
    const char *name;
    tn_graph *graph;
    tn_tensor *out[3];
    tn_tensor *in[8]; /* those of floats */
    int n_in;
    tn_dtype as; /* in place of f32 */
} golden;

static tn_dtype due(const golden *c, tn_dtype stored)
{
    return stored == TN_F32 ? c->as : stored;
}

static const format_tensor *stored(const golden *c, const char *what)
{
    char name[160];
    snprintf(name, sizeof name, "%s.%s", c->name, what);
    for (size_t i = 0; i < c->file->n; i++)
        if (strcmp(c->file->tensors[i].name, name) == 0)
            return &c->file->tensors[i];
    return NULL;
}

static tn_tensor *in(golden *c, const char *what)
{
    char name[160];
    tn_shape shape = {.rank = 0};
    snprintf(name, sizeof name, "in.%s", what);
    const format_tensor *t = stored(c, name);
    if (!t)
        fail_msg("%s has no %s", c->name, name);
    shape.rank = t->rank;
    memcpy(shape.dims, t->dims, sizeof shape.dims);
    tn_tensor *x = tn_input(c->graph, name, due(c, t->dtype), shape);
    if (tn_dtype_is_float(t->dtype))
        c->in[c->n_in++] = x;
    return x;
}

static void mha(golden *c)
{
    tn_tensor *x = in(c, "x");
    tn_attended r = tn_layer_multihead_attention(x, x, x, "m", 2, TN_OPT(tn_mha_opt, .weights = true));
    c->out[0] = r.y;
    c->out[1] = r.weights;
}
static void mha_cross(golden *c)
{
    tn_tensor *y = in(c, "y");
    tn_attended r = tn_layer_multihead_attention(
        in(c, "x"), y, y, "m", 2, TN_OPT(tn_mha_opt, .weights = true, .each_head = true, .key_mask = in(c, "seen")));
    c->out[0] = r.y;
    c->out[1] = r.weights;
}
static void mha_sizes(golden *c)
{
    c->out[0] = tn_layer_multihead_attention(in(c, "x"), in(c, "k"), in(c, "v"), "m", 2, NULL).y;
}

static tn_transformer_opt options(bool first)
{
    return (tn_transformer_opt){.feed_forward = 12, .norm_first = first};
}
static void encoder(golden *c, bool first)
{
    tn_transformer_opt o = options(first);
    o.gelu = first;
    c->out[0] = tn_layer_transformer_encoder_layer(in(c, "y"), "m", 2, NULL, &o);
}
static void encoder_post(golden *c)
{
    encoder(c, false);
}
static void encoder_pre(golden *c)
{
    encoder(c, true);
}
static void decoder(golden *c, bool first)
{
    tn_transformer_opt o = options(first);
    const tn_sight own = {.causal = true}, memory = {.key_mask = in(c, "seen")};
    c->out[0] = tn_layer_transformer_decoder_layer(in(c, "x"), in(c, "y"), "m", 2, &own, &memory, &o);
}
static void decoder_post(golden *c)
{
    decoder(c, false);
}
static void decoder_pre(golden *c)
{
    decoder(c, true);
}
static void decoder_stack(golden *c, bool first)
{
    tn_transformer_opt o = options(first);
    const tn_sight own = {.causal = true}, memory = {.key_mask = in(c, "seen")};
    o.last_norm = first;
    c->out[0] = tn_layer_transformer_decoder(in(c, "x"), in(c, "y"), "m", 2, 2, &own, &memory, &o);
}
static void decoder_stack_post(golden *c)
{
    decoder_stack(c, false);
}
static void decoder_stack_pre(golden *c)
{
    decoder_stack(c, true);
}
static void transformer(golden *c, bool first)
{
    tn_transformer_opt o = options(first);
    const tn_sight own = {.causal = true}, source = {.key_mask = in(c, "seen")};
    c->out[0] = tn_layer_transformer(in(c, "y"), in(c, "x"), "m", 2, 2, &source, &own, &o);
}
static void transformer_post(golden *c)
{
    transformer(c, false);
}
static void transformer_pre(golden *c)
{
    transformer(c, true);
}

static void take(golden *c, tn_recurrent_result r)
{
    c->out[0] = r.y;
    c->out[1] = r.h;
    c->out[2] = r.c;
}
static void lstm(golden *c)
{
    take(c, tn_layer_lstm(in(c, "x"), "m", 6, NULL));
}
static void lstm_all(golden *c)
{
    take(c, tn_layer_lstm(in(c, "x"), "m", 6,
                          TN_OPT(tn_rnn_opt, .layers = 2, .bidirectional = true, .lengths = in(c, "lengths"),
                                 .h = in(c, "h"), .c = in(c, "c"))));
}
static void gru(golden *c)
{
    take(c, tn_layer_gru(in(c, "x"), "m", 6, TN_OPT(tn_rnn_opt, .batch_first = true)));
}
static void gru_all(golden *c)
{
    take(c, tn_layer_gru(
                in(c, "x"), "m", 6,
                TN_OPT(tn_rnn_opt, .layers = 2, .bidirectional = true, .lengths = in(c, "lengths"), .h = in(c, "h"))));
}
static void rnn_relu(golden *c)
{
    take(c, tn_layer_rnn(in(c, "x"), "m", 6, TN_OPT(tn_rnn_opt, .relu = true, .no_bias = true)));
}
static void rnn_all(golden *c)
{
    take(c, tn_layer_rnn(
                in(c, "x"), "m", 6,
                TN_OPT(tn_rnn_opt, .layers = 2, .bidirectional = true, .lengths = in(c, "lengths"), .h = in(c, "h"))));
}
static void lstm_cell(golden *c)
{
    tn_recurrent_result r = tn_layer_recurrent_cell(in(c, "x"), in(c, "h"), in(c, "c"), "m", TN_LSTM, 6, NULL);
    c->out[0] = r.h;
    c->out[1] = r.c;
}
static void lstm_projected(golden *c)
{
    take(c, tn_layer_lstm(in(c, "x"), "m", 6,
                          TN_OPT(tn_rnn_opt, .layers = 2, .bidirectional = true, .lengths = in(c, "lengths"),
                                 .h = in(c, "h"), .c = in(c, "c"), .projection = 3)));
}
static void lstm_projected_plain(golden *c)
{
    take(c, tn_layer_lstm(in(c, "x"), "m", 6, TN_OPT(tn_rnn_opt, .no_bias = true, .projection = 2)));
}
static void peephole(golden *c)
{
    take(c, tn_layer_lstm(in(c, "x"), "m", 6, TN_OPT(tn_rnn_opt, .peephole = true)));
}
static void peephole_all(golden *c)
{
    take(c, tn_layer_lstm(in(c, "x"), "m", 6,
                          TN_OPT(tn_rnn_opt, .layers = 2, .bidirectional = true, .lengths = in(c, "lengths"),
                                 .h = in(c, "h"), .c = in(c, "c"), .peephole = true)));
}
static void peephole_projected(golden *c)
{
    take(c, tn_layer_lstm(in(c, "x"), "m", 6,
                          TN_OPT(tn_rnn_opt, .bidirectional = true, .lengths = in(c, "lengths"), .h = in(c, "h"),
                                 .c = in(c, "c"), .projection = 4, .peephole = true)));
}
static void peephole_cell(golden *c)
{
    tn_recurrent_result r = tn_layer_peephole_cell(in(c, "x"), in(c, "h"), in(c, "c"), "m", 6, NULL);
    c->out[0] = r.h;
    c->out[1] = r.c;
}
static void mixture(golden *c, const tn_moe_opt *o)
{
    tn_tensor *x = in(c, "x");
    tn_scope_push(c->graph, "m");
    tn_moe_result r = tn_layer_mixture_of_experts(tn_layer_linear(x, "before", 5, NULL), "moe", o);
    tn_scope_pop(c->graph);
    c->out[0] = r.y;
    c->out[1] = r.balance;
    c->out[2] = r.dropped;
}
static void moe_switch(golden *c)
{
    mixture(c, TN_OPT(tn_moe_opt, .experts = 3, .hidden = 6, .capacity = tn_f64(0.5)));
}
static void moe_two(golden *c)
{
    mixture(c, TN_OPT(tn_moe_opt, .experts = 4, .top = 2, .hidden = 6, .capacity = tn_f64(0.4), .normalize = true,
                      .drop = true));
}
static void moe_all(golden *c)
{
    mixture(c, TN_OPT(tn_moe_opt, .experts = 4, .top = 2, .hidden = 6, .capacity = tn_f64(INFINITY)));
}
static void embedding_cut(golden *c)
{
    c->out[0] = tn_layer_embedding(
        in(c, "i"), "m", 7, 3, TN_OPT(tn_embedding_opt, .padding = true, .padding_index = 2, .max_norm = tn_f64(0.4)));
}
static void embedding_cut_1(golden *c)
{
    c->out[0] = tn_layer_embedding(in(c, "i"), "m", 7, 3,
                                   TN_OPT(tn_embedding_opt, .max_norm = tn_f64(0.5), .norm_by = tn_f64(1)));
}
static void adaptive_of(golden *c, int n, const int64_t *cutoffs, const tn_adaptive_opt *o)
{
    tn_adaptive_result r = tn_layer_adaptive_log_softmax(in(c, "x"), in(c, "target"), "m", 12, n, cutoffs, o);
    c->out[0] = r.output;
    c->out[1] = r.loss;
    c->out[2] = n == 2 && cutoffs[0] == 4 ? r.log_prob : NULL;
}
static void adaptive(golden *c)
{
    adaptive_of(c, 2, (const int64_t[]){4, 7}, TN_OPT(tn_adaptive_opt, .divide = tn_f64(2)));
}
static void adaptive_row(golden *c)
{
    adaptive_of(c, 2, (const int64_t[]){1, 4}, TN_OPT(tn_adaptive_opt, .divide = tn_f64(1.5)));
}
static void adaptive_bias(golden *c)
{
    tn_adaptive_result r = tn_layer_adaptive_log_softmax(in(c, "x"), NULL, "m", 12, 1, (const int64_t[]){5},
                                                         TN_OPT(tn_adaptive_opt, .head_bias = true));
    c->out[0] = r.log_prob;
    c->out[1] = tn_cast(r.prediction, TN_F32);
}
static void gru_cell(golden *c)
{
    c->out[0] = tn_layer_recurrent_cell(in(c, "x"), in(c, "h"), NULL, "m", TN_GRU, 6, NULL).h;
}

static void rnn_cell(golden *c)
{
    c->out[0] = tn_layer_recurrent_cell(in(c, "x"), in(c, "h"), NULL, "m", TN_RNN_TANH, 6, NULL).h;
}
static void rnn_cell_relu(golden *c)
{
    c->out[0] =
        tn_layer_recurrent_cell(in(c, "x"), in(c, "h"), NULL, "m", TN_RNN_RELU, 6, TN_OPT(tn_rnn_opt, .no_bias = true))
            .h;
}
static void lstm_first(golden *c)
{
    take(c, tn_layer_lstm(in(c, "x"), "m", 6, TN_OPT(tn_rnn_opt, .layers = 2, .no_bias = true, .batch_first = true)));
}
static void gru_plain(golden *c)
{
    take(c, tn_layer_gru(in(c, "x"), "m", 6, TN_OPT(tn_rnn_opt, .no_bias = true, .bidirectional = true)));
}
static void mha_added(golden *c)
{
    tn_tensor *x = in(c, "x");
    tn_attended r = tn_layer_multihead_attention(
        x, x, x, "m", 2, TN_OPT(tn_mha_opt, .weights = true, .no_bias = true, .mask = in(c, "mask")));
    c->out[0] = r.y;
    c->out[1] = r.weights;
}
static void mha_causal(golden *c)
{
    tn_tensor *x = in(c, "x");
    c->out[0] = tn_layer_multihead_attention(x, x, x, "m", 4, TN_OPT(tn_mha_opt, .causal = true)).y;
}

static void gpt2(golden *c)
{
    tn_tensor *tokens = in(c, "tokens");
    tn_scope_push(c->graph, "m");
    c->out[0] =
        tn_gpt2(tokens, TN_OPT(tn_gpt2_opt, .vocabulary = 11, .context = 9, .width = 8, .heads = 2, .layers = 2));
    tn_scope_pop(c->graph);
}

static void bert(golden *c)
{
    tn_tensor *tokens = in(c, "tokens"), *seen = tn_ne(tokens, tn_scalar(c->graph, TN_I64, 0));
    c->out[0] = tn_bert(tokens, "m",
                        TN_OPT(tn_bert_opt, .vocabulary = 11, .places = 9, .width = 8, .heads = 2, .layers = 2,
                               .feed_forward = 12, .dropout = tn_f64(0), .key_mask = seen, .kind_of = in(c, "kinds"),
                               .pooled = true));
}

static void plain(golden *c, tn_tensor *y)
{
    c->out[0] = y;
}
static void conv1d(golden *c)
{
    plain(c, tn_layer_conv1d(in(c, "x"), "m", 6, 3, TN_OPT(tn_conv_opt, .padding = 1, .groups = 2)));
}
static void conv3d(golden *c)
{
    plain(c, tn_layer_conv_rect(in(c, "x"), "m", 2, 3, (int64_t[]){2, 3, 1}, false, NULL));
}
static void conv_transpose1d(golden *c)
{
    plain(c, tn_layer_conv_transpose1d(in(c, "x"), "m", 6, 4, TN_OPT(tn_conv_opt, .stride = 2, .groups = 2)));
}
static void conv_transpose2d(golden *c)
{
    plain(c, tn_layer_conv_transpose2d(in(c, "x"), "m", 3, 3,
                                       TN_OPT(tn_conv_opt, .stride = 2, .padding = 1, .output_padding = 1)));
}
static void conv_transpose3d(golden *c)
{
    plain(c, tn_layer_conv_transpose3d(in(c, "x"), "m", 2, 2, TN_OPT(tn_conv_opt, .stride = 2)));
}
static void conv2d_reflect(golden *c)
{
    plain(c, tn_layer_conv2d(in(c, "x"), "m", 3, 3,
                             TN_OPT(tn_conv_opt, .padding = 1, .paddings = {1, 0, 1, 0}, .border = TN_CONV_REFLECT)));
}
static void conv1d_circular(golden *c)
{
    plain(c, tn_layer_conv1d(in(c, "x"), "m", 3, 4, TN_OPT(tn_conv_opt, .same = true, .border = TN_CONV_CIRCULAR)));
}
static void conv3d_replicate(golden *c)
{
    plain(c, tn_layer_conv3d(in(c, "x"), "m", 3, 3, TN_OPT(tn_conv_opt, .padding = 1, .border = TN_CONV_REPLICATE)));
}
static void weight_norm(golden *c)
{
    plain(c, tn_layer_conv2d(in(c, "x"), "m", 3, 3, TN_OPT(tn_conv_opt, .weight_by = TN_WEIGHT_NORM)));
}
static void weight_norm_linear(golden *c)
{
    plain(c, tn_layer_linear(in(c, "x"), "m", 5, TN_OPT(tn_linear_opt, .weight_by = TN_WEIGHT_NORM)));
}
static void spectral_norm(golden *c)
{
    plain(c, tn_layer_conv2d(in(c, "x"), "m", 3, 3, TN_OPT(tn_conv_opt, .weight_by = TN_WEIGHT_SPECTRAL)));
}
static void spectral_norm_transposed(golden *c)
{
    plain(c, tn_layer_conv_transpose2d(in(c, "x"), "m", 3, 2, TN_OPT(tn_conv_opt, .weight_by = TN_WEIGHT_SPECTRAL)));
}
static void bilinear(golden *c)
{
    plain(c, tn_layer_bilinear(in(c, "x"), in(c, "y"), "m", 5, NULL));
}
static void batch_norm_cumulative(golden *c)
{
    plain(c, tn_layer_batch_norm(in(c, "x"), "m", TN_OPT(tn_batch_norm_opt, .cumulative = true)));
}
static void batch_norm_frozen(golden *c)
{
    plain(c, tn_layer_batch_norm(in(c, "x"), "m", TN_OPT(tn_batch_norm_opt, .frozen = true)));
}
static void instance_norm_tracked(golden *c)
{
    plain(c, tn_layer_instance_norm(in(c, "x"), "m", TN_OPT(tn_norm_opt, .track = true)));
}
static void batch_norm(golden *c)
{
    plain(c, tn_layer_batch_norm(in(c, "x"), "m", NULL));
}

static void layer_norm(golden *c)
{
    plain(c, tn_layer_layer_norm(in(c, "x"), "m", TN_OPT(tn_norm_opt, .axes = 2, .eps = tn_f64(1e-3))));
}
static void layer_norm_no_bias(golden *c)
{
    plain(c, tn_layer_layer_norm(in(c, "x"), "m", TN_OPT(tn_norm_opt, .no_bias = true)));
}
static void rms_norm(golden *c)
{
    plain(c, tn_layer_rms_norm(in(c, "x"), "m", TN_OPT(tn_norm_opt, .axes = 2)));
}
static void group_norm(golden *c)
{
    plain(c, tn_layer_group_norm(in(c, "x"), "m", 3, NULL));
}
static void instance_norm(golden *c)
{
    plain(c, tn_layer_instance_norm(in(c, "x"), "m", TN_OPT(tn_norm_opt, .eps = tn_f64(1e-2))));
}
static void instance_norm_plain(golden *c)
{
    plain(c, tn_layer_instance_norm(in(c, "x"), "m", NULL));
}
static void conv2d_rect(golden *c)
{
    plain(c,
          tn_layer_conv2d_rect(in(c, "x"), "m", 8, 3, 1, TN_OPT(tn_conv_opt, .stride = 2, .padding = 1, .groups = 2)));
}
static void prelu(golden *c)
{
    plain(c, tn_layer_prelu(in(c, "x"), "m", TN_OPT(tn_prelu_opt, .channels = true)));
}
static void prelu_one(golden *c)
{
    plain(c, tn_layer_prelu(in(c, "x"), "m", NULL));
}
static void places(golden *c)
{
    plain(c, tn_layer_positions(in(c, "x"), "m", 9));
}
static void relative(golden *c)
{
    plain(c, tn_layer_relative_bias(c->graph, "m", 2, 6, 150, 0, 0, false));
}
static void relative_causal(golden *c)
{
    plain(c, tn_layer_relative_bias(c->graph, "m", 2, 6, 150, 0, 0, true));
}

#define ROW(name)                                                                                                      \
    {                                                                                                                  \
#name, name                                                                                                    \
    }
static const struct {
    const char *name;
    void (*build)(golden *);
} table[] = {ROW(mha),
             ROW(mha_cross),
             ROW(mha_sizes),
             ROW(encoder_post),
             ROW(encoder_pre),
             ROW(decoder_post),
             ROW(decoder_pre),
             ROW(decoder_stack_post),
             ROW(decoder_stack_pre),
             ROW(transformer_post),
             ROW(transformer_pre),
             ROW(lstm),
             ROW(lstm_all),
             ROW(gru),
             ROW(gru_all),
             ROW(rnn_relu),
             ROW(rnn_all),
             ROW(lstm_cell),
             ROW(gru_cell),
             ROW(rnn_cell),
             ROW(rnn_cell_relu),
             ROW(lstm_first),
             ROW(gru_plain),
             ROW(mha_added),
             ROW(mha_causal),
             ROW(lstm_projected),
             ROW(lstm_projected_plain),
             ROW(peephole),
             ROW(peephole_all),
             ROW(peephole_projected),
             ROW(peephole_cell),
             ROW(moe_switch),
             ROW(moe_two),
             ROW(moe_all),
             ROW(embedding_cut),
             ROW(embedding_cut_1),
             ROW(adaptive),
             ROW(adaptive_bias),
             ROW(adaptive_row),
             ROW(gpt2),
             ROW(bert),
             ROW(conv1d),
             ROW(conv3d),
             ROW(conv_transpose1d),
             ROW(conv_transpose2d),
             ROW(conv_transpose3d),
             ROW(conv2d_reflect),
             ROW(conv1d_circular),
             ROW(conv3d_replicate),
             ROW(weight_norm),
             ROW(weight_norm_linear),
             ROW(spectral_norm),
             ROW(spectral_norm_transposed),
             {"train_spectral_norm", spectral_norm},
             {"train_spectral_norm_transposed", spectral_norm_transposed},
             ROW(bilinear),
             {"train_batch_norm3d", batch_norm_cumulative},
             {"train_batch_norm_frozen", batch_norm_frozen},
             {"train_instance_norm", instance_norm_tracked},
             {"train_batch_norm1d", batch_norm},
             ROW(layer_norm),
             ROW(layer_norm_no_bias),
             ROW(rms_norm),
             ROW(group_norm),
             ROW(instance_norm),
             ROW(instance_norm_plain),
             ROW(conv2d_rect),
             ROW(prelu),
             ROW(prelu_one),
             ROW(places),
             ROW(relative),
             ROW(relative_causal)};

/* ---- running ----------------------------------------------------------------------------------------------------------- */

static void add_outputs(golden *c, tn_entry *e)
{
    tn_tensor *loss = NULL, *wrt[128], *got[128];
    int n = 0;
    for (int i = 0; i < 3 && c->out[i]; i++) {
        char name[32];
        tn_shape shape = tn_tensor_shape(c->out[i]);
        snprintf(name, sizeof name, "out.%d", i);
        tn_entry_output(e, name, c->out[i]);
        snprintf(name, sizeof name, "gout.%d", i);
        tn_tensor *part = tn_sum(tn_mul(c->out[i], tn_input(c->graph, name, c->as, shape)));
        loss = loss ? tn_add(loss, part) : part;
    }
    while (n < 120 && (wrt[n] = tn_graph_param(c->graph, n)))
        n++;
    for (int i = 0; i < c->n_in; i++)
        wrt[n++] = c->in[i];
    tn_entry_output(e, "loss", loss); /* so that a layer without parameters takes its gout as well */
    if (n == 0 || tn_gradients(loss, n, wrt, got) != TN_OK)
        return;
    for (int i = 0; i < n; i++) {
        char name[160];
        if (i >= n - c->n_in) /* "in.x" */
            snprintf(name, sizeof name, "g%s", tn_tensor_name(wrt[i]));
        else
            snprintf(name, sizeof name, "grad.%s", tn_tensor_name(wrt[i]));
        tn_entry_output(e, name, got[i]);
    }
}

static double element(tn_dtype dtype, const void *data, size_t i)
{
    return op_element_to_f64(dtype, (const char *)data + i * tn_dtype_size(dtype));
}

/* A tensor of the file as an array of the dtype that is due, to be freed; `filled` or zeros. */
static tn_view converted(const format_tensor *t, tn_dtype dtype, bool filled)
{
    size_t n = t->bytes / tn_dtype_size(t->dtype), size = tn_dtype_size(dtype);
    char *data = calloc(n + 1, size);
    assert_non_null(data);
    if (filled && dtype == t->dtype)
        memcpy(data, t->data, t->bytes);
    for (size_t i = 0; filled && dtype != t->dtype && i < n; i++)
        (void)op_element_from_f64(dtype, element(t->dtype, t->data, i), data + i * size);
    return tn_view_of(data, dtype, t->rank, t->dims);
}

/* f64 but for the rounding of what the file holds. */
static int compare(const format_tensor *want, const tn_view *got)
{
    double most = 0;
    size_t n = want->bytes / tn_dtype_size(want->dtype);
    bool exact = got->dtype == TN_F64;
    for (size_t i = 0; i < n; i++)
        most = fmax(fabs(element(want->dtype, want->data, i)), most);
    for (size_t i = 0; i < n; i++) {
        double w = element(want->dtype, want->data, i), y = element(got->dtype, got->data, i);
        double bound = exact ? 1.2e-7 * fabs(w) + 2e-11 * most + 1e-13 : 1e-5 * fabs(w) + 5e-6 * most + 1e-7;
        if (!(fabs(y - w) <= bound)) {
            print_error("%s in %s: element %zu is %.9g; PyTorch says %.9g\n", want->name, tn_dtype_name(got->dtype), i,
                        y, w);
            return 1;
        }
    }
    return 0;
}

/* What the call has made of the state. */
static int compare_after(const golden *c, const tn_state *state)
{
    int failures = 0;
    for (size_t i = 0; i < c->file->n; i++) {
        const format_tensor *t = &c->file->tensors[i];
        size_t length = strlen(c->name);
        tn_view v;
        if (strncmp(t->name, c->name, length) != 0 || strncmp(t->name + length, ".after.", 7) != 0)
            continue;
        if (tn_state_find(state, t->name + length + 7, &v) != TN_OK)
            print_error("%s: there is no such state\n", t->name), failures++;
        else if (t->dtype == TN_F32)
            failures += compare(t, &v);
        else
            failures += memcmp(t->data, v.data, t->bytes) != 0;
    }
    return failures;
}

/* What a tensor of the case is fed, set or fetched as: outputs may have a dtype of their own. */
static tn_dtype what_dtype(const golden *c, const char *what, tn_dtype stored)
{
    return strncmp(what, "out.", 4) == 0 ? tn_tensor_dtype(c->out[atoi(what + 4)]) : due(c, stored);
}

static int run(golden *c, tn_context *context, tn_program *p)
{
    tn_feed feeds[16], out[160];
    const format_tensor *want[160];
    int n = 0, m = 0, failures = 0;
    tn_state *state = tn_state_new(context);
    tn_state_init(state, c->graph, 0);
    for (size_t i = 0; i < c->file->n; i++) {
        const format_tensor *t = &c->file->tensors[i];
        size_t length = strlen(c->name);
        if (strncmp(t->name, c->name, length) != 0 || t->name[length] != '.')
            continue;
        const char *what = t->name + length + 1;
        tn_view v = converted(t, what_dtype(c, what, t->dtype), strncmp(what, "out.", 4) != 0);
        if (strncmp(what, "state.", 6) == 0) {
            if (tn_state_set(state, what + 6, &v) != TN_OK)
                print_error("%s: %s\n", c->name, tn_state_error(state)), failures++;
            free(v.data);
        } else if (strncmp(what, "in.", 3) == 0 || strncmp(what, "gout.", 5) == 0) {
            feeds[n++] = (tn_feed){what, v};
        } else if (strncmp(what, "after.", 6) == 0) {
            free(v.data);
        } else {
            want[m] = t;
            out[m++] = (tn_feed){what, v};
        }
    }
    tn_session *s = tn_session_new(p, state);
    if (tn_run(s, "e", n, feeds, m, out) != TN_OK) {
        print_error("%s: %s\n", c->name, tn_session_error(s));
        failures++;
    }
    for (int i = 0; i < m; i++) {
        failures += failures ? 0 : compare(want[i], &out[i].view);
        free(out[i].view.data);
    }
    for (int i = 0; i < n; i++)
        free(feeds[i].view.data);
    failures += failures ? 0 : compare_after(c, state);
    tn_session_free(s);
    tn_state_free(state);
    return failures;
}

static int check(const format_safetensors *file, tn_context *context, size_t i, tn_dtype as)
{
    golden c = {.file = file, .name = table[i].name, .graph = tn_graph_new(context), .as = as};
    table[i].build(&c);
    int failures = 0;
    if (as == TN_F32 || c.n_in > 0) { /* of numbers of tokens alone layers make f32 */
        tn_entry *entry = tn_entry_new(c.graph, "e", strncmp(c.name, "train_", 6) == 0 ? TN_TRAINING : 0);
        if (tn_graph_status(c.graph) == TN_OK)
            add_outputs(&c, entry);
        tn_program *p = tn_compile(c.graph, NULL);
        if (!p)
            print_error("%s: %s\n", c.name, tn_graph_error(c.graph));
        failures = p ? run(&c, context, p) : 1;
        tn_program_free(p);
    }
    tn_graph_free(c.graph);
    return failures;
}

static void layers_are_as_in_pytorch(void **unused)
{
    (void)unused;
    format_safetensors *file = golden_file("layers");
    int failures = 0;
    tn_context *context = tn_context_new(TN_OPT(tn_context_opt, .threads = 2));
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        failures += check(file, context, i, TN_F32) + check(file, context, i, TN_F64);
    tn_context_free(context);
    format_safetensors_free(file);
    assert_int_equal(failures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(layers_are_as_in_pytorch)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
