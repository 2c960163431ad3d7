/* build.c: from a recipe to a model: the zoo by name, or a list of layers, each built by a row of a table. */
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/text.h"
#include "data/text/pairs.h"
#include "graph/graph.h"
#include "model/core/zoo.h"
#include "train/build.h"
#include "train/source/source.h"
#include <tarn/table.h>
#include <tarn/text.h>

typedef struct builder {
    tn_graph *g;
    const train_layer *layer;
    const train_model *model;
    const tn_preparation *preparation; /* of the data, or NULL */
    tn_edges edges;                    /* of data that are nodes of a graph; source NULL: there are none */
    tn_tensor *degree, *loop;          /* of edges that batches bring: as tn_dataset_neighbours says; else NULL */
    tn_tensor *input, **outputs;       /* of the layers before number `at` */
    tn_tensor *heard;                  /* what was said so far, once a decoder asked for it */
    size_t at;
    int classes;                    /* of the data; 0: none */
    int64_t again;                  /* layers left of a block whose values are computed again */
    int64_t count[TRAIN_LAYER_END]; /* layers of a kind so far: names that are not given are numbered */
    int64_t bare[TRAIN_LAYER_END];  /* the same for those that have no parameters to be named */
    const char *called;             /* what name_of called this layer, or NULL */
    char name[64];
} builder;

/* The layer's own name, or a short one with a number: conv1, fc2. */
static const char *name_of(builder *b, const char *given, const char *usual)
{
    if (given)
        return b->called = given;
    (void)base_print(b->name, sizeof b->name, "%s%lld", usual, (long long)++b->count[b->layer->kind]);
    return b->called = b->name;
}

/* What a table calls the layer that was built: as its parameters are; else as the recipe, or by its type and a number, as nodes are. */
static void tell_layer(builder *b)
{
    char name[64];
    const char *type = b->layer->type, *called = b->called ? b->called : b->layer->name;
    const int64_t n = ++b->bare[b->layer->kind];
    if (!called && n > 1)
        (void)base_print(name, sizeof name, "%s_%lld", type, (long long)n);
    graph_layer_end(b->g, called ? called : n > 1 ? name : type);
}

static int pick(const format_ints *v, size_t i, int usual)
{
    return v->n == 0 ? usual : (int)v->at[i < v->n ? i : v->n - 1];
}

static tn_tensor *linear(builder *b, tn_tensor *x)
{
    const train_linear *o = &b->layer->linear;
    return tn_layer_linear(x, name_of(b, o->name, "fc"), o->units,
                           TN_OPT(tn_linear_opt, .no_bias = !o->bias, .weight_by = (tn_weight_by)o->weight));
}

static tn_tensor *convolution(builder *b, tn_tensor *x)
{
    const train_conv *o = &b->layer->conv2d; /* one struct for all four */
    const train_layer_kind k = b->layer->kind;
    const bool transposed = k == TRAIN_LAYER_conv_transpose;
    const int n = k == TRAIN_LAYER_conv1d   ? 1
                  : k == TRAIN_LAYER_conv2d ? 2
                  : k == TRAIN_LAYER_conv3d ? 3
                                            : tn_tensor_rank(x) - 2;
    tn_conv_opt c = {.groups = (int)o->groups,
                     .no_bias = !o->bias,
                     .same = o->same,
                     .weight_by = (tn_weight_by)o->weight,
                     .border = (tn_conv_border)o->border};
    int64_t kernel[3] = {1, 1, 1};
    for (int d = 0; d < n && d < 3; d++) {
        kernel[d] = pick(&o->kernel, (size_t)d, 1);
        c.strides[d] = pick(&o->stride, (size_t)d, 1);
        c.dilations[d] = pick(&o->dilation, (size_t)d, 1);
        c.paddings[d] = c.paddings[d + n] = pick(&o->padding, (size_t)d, 0);
        c.output_paddings[d] = pick(&o->output_padding, (size_t)d, 0);
    }
    return tn_layer_conv_rect(x, name_of(b, o->name, transposed ? "deconv" : "conv"), o->units, n, kernel, transposed,
                              &c);
}

static tn_tensor *pool(builder *b, tn_tensor *x)
{
    const train_pool *o = &b->layer->max_pool2d; /* one struct for all six */
    tn_pool_opt p = {.ceil_mode = o->ceil, .exclude_padding = o->exclude_padding};
    const train_layer_kind k = b->layer->kind;
    const int n = k == TRAIN_LAYER_max_pool1d || k == TRAIN_LAYER_avg_pool1d   ? 1
                  : k == TRAIN_LAYER_max_pool3d || k == TRAIN_LAYER_avg_pool3d ? 3
                                                                               : 2;
    for (int d = 0; d < n; d++) {
        p.kernels[d] = pick(&o->kernel, (size_t)d, 1);
        p.strides[d] = pick(&o->stride, (size_t)d, p.kernels[d]);
        p.paddings[d] = p.paddings[d + n] = pick(&o->padding, (size_t)d, 0);
    }
    switch (k) {
    case TRAIN_LAYER_max_pool1d: return tn_max_pool1d(x, 1, &p);
    case TRAIN_LAYER_avg_pool1d: return tn_avg_pool1d(x, 1, &p);
    case TRAIN_LAYER_max_pool3d: return tn_max_pool3d(x, 1, &p);
    case TRAIN_LAYER_avg_pool3d: return tn_avg_pool3d(x, 1, &p);
    case TRAIN_LAYER_avg_pool2d: return tn_avg_pool2d(x, 1, &p);
    default: return tn_max_pool2d(x, 1, &p);
    }
}

static tn_tensor *global_avg_pool(builder *b, tn_tensor *x)
{
    int64_t axes[TN_MAX_RANK];
    int n = 0;
    (void)b;
    for (int i = 2; i < tn_tensor_rank(x); i++)
        axes[n++] = i;
    return n ? tn_mean_axes(x, n, axes, false) : x;
}

static tn_tensor *resize(builder *b, tn_tensor *x)
{
    const train_resize *o = &b->layer->upsample; /* one struct for both */
    const bool adaptive = b->layer->kind == TRAIN_LAYER_adaptive_avg_pool;
    tn_interpolate_opt r = {.mode = adaptive ? TN_RESIZE_AREA : (tn_resize_mode)o->mode,
                            .align_corners = o->align_corners,
                            .antialias = o->antialias};
    for (size_t d = 0; d < 3; d++) {
        r.sizes[d] = pick(&o->size, d, 0);
        r.scales[d] = o->scale.n ? o->scale.at[d < o->scale.n ? d : o->scale.n - 1] : 0;
    }
    return tn_interpolate(x, &r);
}

static tn_tensor *adaptive_max_pool(builder *b, tn_tensor *x)
{
    tn_dim sizes[3];
    for (size_t d = 0; d < 3; d++)
        sizes[d] = pick(&b->layer->adaptive_max_pool.size, d, 1);
    return tn_adaptive_max_pool(x, sizes);
}

static tn_tensor *pixel_shuffle(builder *b, tn_tensor *x)
{
    return tn_pixel_shuffle(x, b->layer->pixel_shuffle.factor);
}

/* What the layer of this name gave; NULL and the error stuck to the graph if there is none before. */
static tn_tensor *output_of(builder *b, const char *name)
{
    for (size_t i = 0; i < b->at; i++)
        if (b->model->layers[i].name && strcmp(b->model->layers[i].name, name) == 0)
            return b->outputs[i];
    if (strcmp(name, "input") == 0)
        return b->input;
    graph_fail(b->g, TN_NOT_FOUND, "no layer before this one has the name '%s'; give it one ({relu: {name: %s}})",
               BASE_SHOW(name), BASE_SHOW(name));
    return NULL;
}

static tn_tensor *join(builder *b, tn_tensor *x)
{
    enum { MOST = 65 };
    const train_join *o = &b->layer->concat; /* one struct for both */
    tn_tensor *parts[MOST] = {x};
    int n = 1;
    for (size_t i = 0; i < o->with.n && n < MOST; i++) {
        tn_tensor *other = output_of(b, o->with.at[i]);
        if (!other)
            return x;
        if (b->layer->kind == TRAIN_LAYER_add)
            parts[0] = tn_add(parts[0], other);
        else
            parts[n++] = other;
    }
    return n > 1 ? tn_concat(n, parts, (int)o->axis) : parts[0];
}

static tn_tensor *batch_norm(builder *b, tn_tensor *x)
{
    const train_batch_norm *o = &b->layer->batch_norm1d; /* one struct for all three */
    return tn_layer_batch_norm(x, name_of(b, o->name, b->layer->kind == TRAIN_LAYER_batch_norm1d ? "norm" : "bn"),
                               TN_OPT(tn_batch_norm_opt, .eps = tn_f64(o->eps), .momentum = tn_f64(o->momentum),
                                      .no_affine = !o->affine, .cumulative = o->cumulative));
}

static tn_tensor *local_response_norm(builder *b, tn_tensor *x)
{
    const train_response *o = &b->layer->local_response_norm;
    return tn_local_response_norm(x, o->size, o->alpha, o->beta, o->k);
}

static tn_tensor *norm(builder *b, tn_tensor *x)
{
    const train_norm *o = &b->layer->layer_norm; /* one struct for all four */
    const tn_norm_opt n = {.axes = (int)o->axes, .eps = tn_f64(o->eps), .no_affine = !o->affine};
    const char *name = name_of(b, o->name, "norm");
    switch (b->layer->kind) {
    case TRAIN_LAYER_layer_norm: return tn_layer_layer_norm(x, name, &n);
    case TRAIN_LAYER_rms_norm: return tn_layer_rms_norm(x, name, &n);
    case TRAIN_LAYER_group_norm: return tn_layer_group_norm(x, name, o->groups, &n);
    default: return tn_layer_instance_norm(x, name, &n);
    }
}

static tn_tensor *recurrent(builder *b, tn_tensor *x)
{
    const train_recurrent *o = &b->layer->lstm; /* one struct for all three */
    const train_layer_kind k = b->layer->kind;
    const tn_recurrent_kind kind = k == TRAIN_LAYER_lstm ? TN_LSTM : k == TRAIN_LAYER_gru ? TN_GRU : TN_RNN_TANH;
    const tn_rnn_opt r = {.layers = (int)o->layers,
                          .bidirectional = o->bidirectional,
                          .dropout = o->dropout,
                          .batch_first = true,
                          .projection = o->projection};
    tn_recurrent_result y = tn_layer_recurrent(x, name_of(b, o->name, b->layer->type), kind, o->units, &r);
    int64_t last = o->bidirectional ? 2 : 1;
    if (o->steps || tn_graph_status(b->g) != TN_OK)
        return y.y;
    if (last == 1)
        return tn_squeeze(tn_slice(y.h, 0, o->layers - 1, o->layers), 0);
    y.h = tn_slice(y.h, 0, 2 * o->layers - 2, 2 * o->layers); /* both directions of the last layer, side by side */
    return tn_flatten(tn_transpose(y.h, 0, 1), 1);
}

static tn_transformer_opt transformer_opt(const train_encoder *o)
{
    return (tn_transformer_opt){.feed_forward = o->feed_forward,
                                .dropout = tn_f64(o->dropout),
                                .norm_first = o->norm_first,
                                .last_norm = o->norm_first,
                                .recompute = o->recompute};
}

/* Which tokens of the model's input are no padding; NULL where all count. */
static tn_tensor *seen_of(builder *b, const train_encoder *o)
{
    if (o->padding < 0)
        return NULL;
    if (tn_tensor_rank(b->input) == 2)
        return tn_ne(tn_cast(b->input, TN_I64), tn_scalar(b->g, TN_I64, (double)o->padding));
    graph_fail(b->g, TN_INVALID, "padding is a token, and the model's input is not [tokens]");
    return NULL;
}

static tn_tensor *transformer_encoder(builder *b, tn_tensor *x)
{
    const train_encoder *o = &b->layer->transformer_encoder;
    const tn_transformer_opt t = transformer_opt(o);
    const tn_sight sight = {.causal = o->causal, .key_mask = seen_of(b, o)};
    return tn_layer_transformer_encoder(x, name_of(b, o->name, "encoder"), o->heads, (int)o->layers, &sight, &t);
}

/* Every token of the data has a row, which the first one without would show only when its turn comes in training. */
static void check_rows(builder *b, int64_t rows, bool target)
{
    const pairs_prep *pairs = data_preparation_self(b->preparation, &data_prepare_pairs);
    const tn_tokenizer *t = pairs            ? (target ? pairs->target : pairs->source)
                            : b->preparation ? tn_text_tokenizer(b->preparation)
                                             : NULL;
    const int64_t size = t ? (int64_t)tn_tokenizer_size(t) : 0;
    if (rows < size)
        graph_fail(b->g, TN_INVALID,
                   "rows: %lld are too few for the %stokenizer of the data, which has %lld entries: set rows of this "
                   "layer to %lld or more, or take a smaller tokenizer (data.vocabulary, if it is trained)",
                   (long long)rows,
                   !pairs   ? ""
                   : target ? "target's "
                            : "source's ",
                   (long long)size, (long long)size);
}

static tn_tensor *transformer_decoder(builder *b, tn_tensor *x)
{
    const train_encoder *o = &b->layer->transformer_decoder;
    const tn_transformer_opt t = transformer_opt(o);
    if (!b->preparation || strcmp(tn_preparation_kind(b->preparation), "pairs") != 0 || b->heard) {
        graph_fail(b->g, TN_INVALID,
                   b->heard ? "a model has one decoder; more layers are its key layers"
                            : "a decoder hears what was said so far, which data of the kind pairs alone have");
        return x;
    }
    char name[256], of[300];
    check_rows(b, o->rows, true);
    (void)base_print(name, sizeof name, "%s", name_of(b, o->name, "decoder"));
    (void)base_print(of, sizeof of, "%s.embedding", name);
    b->heard = tn_input(b->g, "given", TN_I64, TN_SHAPE(tn_dim_of(x, 0), tn_symbol(b->g, "said")));
    tn_tensor *y = tn_layer_embedding(b->heard, of, o->rows, tn_dim_of(x, -1), NULL);
    y = tn_add(y, tn_sinusoids(b->g, TN_F32, tn_dim_of(b->heard, 1), tn_dim_of(x, -1)));
    const tn_sight said = {.causal = true}, source = {.key_mask = seen_of(b, o)};
    return tn_layer_transformer_decoder(tn_dropout(y, o->dropout), x, name, o->heads, (int)o->layers, &said, &source,
                                        &t);
}

static tn_tensor *mixture_of_experts(builder *b, tn_tensor *x)
{
    const train_mixture *o = &b->layer->mixture_of_experts;
    tn_moe_result r =
        tn_layer_mixture_of_experts(x, name_of(b, o->name, "experts"),
                                    TN_OPT(tn_moe_opt, .experts = o->experts, .top = o->top, .hidden = o->hidden,
                                           .capacity = tn_f64(o->capacity), .normalize = o->normalize));
    if (o->balance > 0)
        tn_graph_add_loss(r.balance, o->balance);
    return r.y;
}

/* tn_gcn_norm for edges that were drawn: degrees are those of the whole graph, so that a node counts for as much as when all its
 * neighbours are there. */
static tn_edges norm_of_drawn(builder *b, tn_tensor *x, bool loops)
{
    tn_edges e = b->edges;
    tn_tensor *degree = loops ? tn_add(b->degree, b->loop) : b->degree, *zero = tn_scalar(b->g, TN_F32, 0);
    tn_tensor *some = tn_ne(degree, zero);
    tn_tensor *scale = tn_where(some, tn_rsqrt(tn_where(some, degree, tn_scalar(b->g, TN_F32, 1))), zero);
    if (loops) {
        tn_tensor *own = tn_arange(b->g, TN_I64, 0, 1, tn_dim_of(x, 0));
        e.source = tn_concat(2, (tn_tensor *const[]){e.source, own}, 0);
        e.target = tn_concat(2, (tn_tensor *const[]){e.target, own}, 0);
        e.weight = tn_concat(2, (tn_tensor *const[]){e.weight, b->loop}, 0);
        e.indptr = NULL; /* no longer in their order */
    }
    e.weight = tn_mul(tn_mul(tn_index_select(scale, 0, e.source), e.weight), tn_index_select(scale, 0, e.target));
    return e;
}

static tn_tensor *gcn(builder *b, tn_tensor *x)
{
    const train_edges *o = &b->layer->gcn;
    const tn_edges drawn = b->degree ? norm_of_drawn(b, x, o->self_loops) : b->edges;
    return tn_layer_gcn(
        x, name_of(b, o->name, "gcn"), o->units, &drawn,
        TN_OPT(tn_gcn_opt, .normalized = b->degree != NULL, .no_bias = !o->bias, .no_self_loops = !o->self_loops));
}

static tn_tensor *along_edges(builder *b, tn_tensor *x)
{
    const train_edges *o = &b->layer->gcn; /* one struct for all three */
    const train_layer_kind k = b->layer->kind;
    if (!b->edges.source) {
        graph_fail(b->g, TN_INVALID, "there are no edges to follow: this layer needs data of the kind graph");
        return x;
    }
    if (k == TRAIN_LAYER_gcn)
        return gcn(b, x);
    if (k == TRAIN_LAYER_sage)
        return tn_layer_sage(x, name_of(b, o->name, "sage"), o->units, &b->edges,
                             TN_OPT(tn_sage_opt, .no_bias = !o->bias, .aggregate = TN_AGGREGATE_MEAN));
    return tn_layer_gat(x, name_of(b, o->name, "gat"), o->units, o->heads, &b->edges,
                        TN_OPT(tn_gat_opt, .no_bias = !o->bias, .mean_heads = o->mean_heads, .dropout = o->dropout,
                               .no_self_loops = !o->self_loops));
}

/* Codes become rows of a table each; what lies between them stays. */
static tn_tensor *embed_codes(builder *b, tn_tensor *x)
{
    const train_embedding *o = &b->layer->embed_codes;
    const int features = b->preparation ? tn_table_features(b->preparation) : 0;
    tn_shape shape = tn_tensor_shape(x);
    char of[128], name[256];
    const char *own = name_of(b, o->name, "codes");
    if (features == 0 || shape.rank != 2 || shape.dims[1] != features) {
        graph_fail(b->g, TN_INVALID,
                   "codes are columns of a table: this layer comes first, with data of the kind table");
        return x;
    }
    tn_tensor **parts = calloc((size_t)features + 1, sizeof *parts);
    int n = 0, from = 0;
    if (!parts) {
        graph_fail(b->g, TN_MEMORY, "out of memory while building a model");
        return x;
    }
    for (int i = 0, codes = 0; i <= features; i++) {
        const bool code =
            i < features && tn_table_feature(b->preparation, i, of, sizeof of, &codes) == TN_OK && codes > 0;
        if ((code || i == features) && i > from)
            parts[n++] = tn_slice(x, 1, from, i);
        if (!code)
            continue;
        (void)base_print(name, sizeof name, "%s.%d", own, i);
        tn_tensor *which = tn_cast(tn_reshape(tn_slice(x, 1, i, i + 1), TN_SHAPE(-1)), TN_I64);
        parts[n++] = tn_layer_embedding(which, name, codes, o->units, NULL);
        from = i + 1;
    }
    x = n > 1 ? tn_concat(n, parts, 1) : parts[0];
    free(parts);
    return x;
}

static tn_tensor *embedding(builder *b, tn_tensor *x)
{
    const train_embedding *o = &b->layer->embedding;
    if (x == b->input)
        check_rows(b, o->rows, false);
    return tn_layer_embedding(tn_cast(x, TN_I64), name_of(b, o->name, "embedding"), o->rows, o->units, NULL);
}

static tn_tensor *positions(builder *b, tn_tensor *x)
{
    return tn_add(x, tn_sinusoids(b->g, TN_F32, tn_dim_of(x, -2), tn_dim_of(x, -1)));
}

static tn_tensor *mean_steps(builder *b, tn_tensor *x)
{
    (void)b;
    return tn_mean_axes(x, 1, (const int64_t[]){1}, false);
}

static tn_tensor *dropout(builder *b, tn_tensor *x)
{
    const double rate = b->layer->dropout.rate; /* one struct for all four */
    switch (b->layer->kind) {
    case TRAIN_LAYER_dropout_channels: return tn_dropout_channels(x, rate);
    case TRAIN_LAYER_drop_path: return tn_drop_path(x, rate);
    case TRAIN_LAYER_alpha_dropout: return tn_alpha_dropout(x, rate);
    default: return tn_dropout(x, rate);
    }
}

static tn_tensor *spec_augment(builder *b, tn_tensor *x)
{
    const train_spec_augment *o = &b->layer->spec_augment;
    return tn_spec_augment(x, (int)o->masks, o->bands, o->frames);
}

static tn_tensor *log_mel(builder *b, tn_tensor *x)
{
    const train_mel *o = &b->layer->log_mel;
    const tn_mel_opt m = {.rate = o->rate,
                          .n_fft = o->n_fft,
                          .window_length = o->window_length,
                          .hop = o->hop,
                          .mels = o->mels,
                          .low = o->low,
                          .high = o->high,
                          .slaney = o->slaney,
                          .slaney_norm = o->slaney_norm,
                          .log = (tn_mel_log)o->log};
    return o->coefficients ? tn_mfcc(x, o->coefficients, &m) : tn_log_mel(x, &m);
}

static tn_tensor *flatten(builder *b, tn_tensor *x)
{
    return tn_flatten(x, (int)b->layer->flatten.from);
}

/* Classes become the last axis, and each pixel a place. */
static tn_tensor *pixels(builder *b, tn_tensor *x)
{
    static const int64_t inwards[] = {0, 2, 3, 1};
    if (tn_tensor_rank(x) != 4) {
        graph_fail(b->g, TN_SHAPE, "pixels have scores in maps [batch, classes, height, width]; this has %d axes",
                   tn_tensor_rank(x));
        return x;
    }
    return tn_reshape(tn_permute(x, 4, inwards), TN_SHAPE(tn_dim_of(x, 0), -1, tn_dim_of(x, 1)));
}

static tn_tensor *boxes(builder *b, tn_tensor *x)
{
    enum { MOST = 16 };
    const train_boxes *o = &b->layer->boxes;
    const int64_t classes = o->classes ? o->classes : b->classes;
    tn_tensor *maps[MOST] = {x};
    const int n = o->from.n ? (int)o->from.n : 1;
    for (int i = 0; i < (int)o->from.n && i < MOST; i++)
        if (!(maps[i] = output_of(b, o->from.at[i])))
            return x;
    if (classes < 1) {
        graph_fail(b->g, TN_INVALID, "boxes need to know how many classes there are; the data have none");
        return x;
    }
    return tn_layer_boxes(n, maps, b->input, name_of(b, o->name, "boxes"), classes);
}

/* As many elements as before, where they can be counted: a graph would find out only when it runs. */
static void check_count(builder *b, tn_tensor *x, const format_ints *shape)
{
    const tn_shape from = tn_tensor_shape(x);
    int64_t have = 1, want = 1;
    bool known = true;
    for (int i = 1; i < from.rank; i++)
        known = known && from.dims[i] >= 0 && !__builtin_mul_overflow(have, from.dims[i], &have);
    for (size_t i = 0; i < shape->n; i++)
        known = known && shape->at[i] >= 0 && !__builtin_mul_overflow(want, shape->at[i], &want);
    if (known && have != want)
        graph_fail(b->g, TN_SHAPE, "the new shape has %lld elements in a sample, and what comes in %lld",
                   (long long)want, (long long)have);
}

static tn_tensor *reshape(builder *b, tn_tensor *x)
{
    tn_shape s = {.rank = 1, .dims = {tn_dim_of(x, 0)}};
    const format_ints *shape = &b->layer->reshape.shape;
    for (size_t i = 0; i < shape->n && s.rank < TN_MAX_RANK; i++)
        s.dims[s.rank++] = shape->at[i];
    check_count(b, x, shape);
    return tn_reshape(x, s);
}

static tn_tensor *recompute(builder *b, tn_tensor *x)
{
    const int64_t layers = b->layer->recompute.layers, left = (int64_t)(b->model->n - b->at) - 1;
    if (b->again)
        graph_fail(b->g, TN_INVALID,
                   "the block before, which is computed again, has %lld layers left; blocks do not nest",
                   (long long)b->again);
    else if (layers > left)
        graph_fail(b->g, TN_INVALID, "%lld layers are to be computed again; %lld follow", (long long)layers,
                   (long long)left);
    else
        tn_recompute_begin(b->g);
    b->again = layers + 1; /* this one counts too */
    return x;
}

static tn_tensor *prelu(builder *b, tn_tensor *x)
{
    const train_prelu *o = &b->layer->prelu;
    return tn_layer_prelu(x, name_of(b, o->name, "prelu"),
                          TN_OPT(tn_prelu_opt, .channels = o->channels, .slope = tn_f64(o->slope)));
}

#define ACTIVATION(function, call)                                                                                     \
    static tn_tensor *function(builder *b, tn_tensor *x)                                                               \
    {                                                                                                                  \
        const train_layer *l = b->layer;                                                                               \
        (void)l;                                                                                                       \
        return call;                                                                                                   \
    }
ACTIVATION(relu, tn_relu(x))
ACTIVATION(leaky_relu, tn_leaky_relu(x, l->leaky_relu.slope))
ACTIVATION(elu, tn_elu(x, l->elu.alpha))
ACTIVATION(gelu, l->gelu.tanh ? tn_gelu_tanh(x) : tn_gelu(x))
ACTIVATION(silu, tn_silu(x))
ACTIVATION(sigmoid, tn_sigmoid(x))
ACTIVATION(tanh_layer, tn_tanh(x))
ACTIVATION(softplus, tn_softplus(x, 1, 20))
ACTIVATION(relu6, tn_relu6(x))
ACTIVATION(selu, tn_selu(x))
ACTIVATION(celu, tn_celu(x, l->celu.alpha))
ACTIVATION(mish, tn_mish(x))
ACTIVATION(hardswish, tn_hardswish(x))
ACTIVATION(hardsigmoid, tn_hardsigmoid(x))
ACTIVATION(hardtanh, tn_hardtanh(x, l->hardtanh.min, l->hardtanh.max))
ACTIVATION(rrelu, tn_rrelu(x, l->rrelu.lower, l->rrelu.upper))
ACTIVATION(softsign, tn_softsign(x))
ACTIVATION(log_sigmoid, tn_log_sigmoid(x))
ACTIVATION(softshrink, tn_softshrink(x, l->softshrink.lambda))
ACTIVATION(hardshrink, tn_hardshrink(x, l->hardshrink.lambda))
ACTIVATION(tanhshrink, tn_tanhshrink(x))
ACTIVATION(threshold, tn_threshold(x, l->threshold.threshold, l->threshold.value))
ACTIVATION(glu, tn_glu(x, (int)l->glu.axis))
ACTIVATION(swiglu, tn_swiglu(x, (int)l->swiglu.axis))
ACTIVATION(geglu, tn_geglu(x, (int)l->geglu.axis))
ACTIVATION(softmax, tn_softmax(x, (int)l->softmax.axis))
ACTIVATION(log_softmax, tn_log_softmax(x, (int)l->log_softmax.axis))

static tn_tensor *(*const build_layer[TRAIN_LAYER_END])(builder *, tn_tensor *) = {
    [TRAIN_LAYER_linear] = linear,
    [TRAIN_LAYER_conv1d] = convolution,
    [TRAIN_LAYER_conv2d] = convolution,
    [TRAIN_LAYER_conv3d] = convolution,
    [TRAIN_LAYER_conv_transpose] = convolution,
    [TRAIN_LAYER_max_pool1d] = pool,
    [TRAIN_LAYER_max_pool2d] = pool,
    [TRAIN_LAYER_max_pool3d] = pool,
    [TRAIN_LAYER_avg_pool1d] = pool,
    [TRAIN_LAYER_avg_pool2d] = pool,
    [TRAIN_LAYER_avg_pool3d] = pool,
    [TRAIN_LAYER_global_avg_pool] = global_avg_pool,
    [TRAIN_LAYER_adaptive_avg_pool] = resize,
    [TRAIN_LAYER_adaptive_max_pool] = adaptive_max_pool,
    [TRAIN_LAYER_upsample] = resize,
    [TRAIN_LAYER_pixel_shuffle] = pixel_shuffle,
    [TRAIN_LAYER_concat] = join,
    [TRAIN_LAYER_add] = join,
    [TRAIN_LAYER_batch_norm1d] = batch_norm,
    [TRAIN_LAYER_batch_norm2d] = batch_norm,
    [TRAIN_LAYER_batch_norm3d] = batch_norm,
    [TRAIN_LAYER_local_response_norm] = local_response_norm,
    [TRAIN_LAYER_layer_norm] = norm,
    [TRAIN_LAYER_rms_norm] = norm,
    [TRAIN_LAYER_group_norm] = norm,
    [TRAIN_LAYER_instance_norm] = norm,
    [TRAIN_LAYER_rnn] = recurrent,
    [TRAIN_LAYER_lstm] = recurrent,
    [TRAIN_LAYER_gru] = recurrent,
    [TRAIN_LAYER_transformer_encoder] = transformer_encoder,
    [TRAIN_LAYER_transformer_decoder] = transformer_decoder,
    [TRAIN_LAYER_mixture_of_experts] = mixture_of_experts,
    [TRAIN_LAYER_log_mel] = log_mel,
    [TRAIN_LAYER_spec_augment] = spec_augment,
    [TRAIN_LAYER_gcn] = along_edges,
    [TRAIN_LAYER_sage] = along_edges,
    [TRAIN_LAYER_gat] = along_edges,
    [TRAIN_LAYER_embed_codes] = embed_codes,
    [TRAIN_LAYER_embedding] = embedding,
    [TRAIN_LAYER_positions] = positions,
    [TRAIN_LAYER_mean_steps] = mean_steps,
    [TRAIN_LAYER_dropout] = dropout,
    [TRAIN_LAYER_dropout_channels] = dropout,
    [TRAIN_LAYER_drop_path] = dropout,
    [TRAIN_LAYER_alpha_dropout] = dropout,
    [TRAIN_LAYER_flatten] = flatten,
    [TRAIN_LAYER_pixels] = pixels,
    [TRAIN_LAYER_boxes] = boxes,
    [TRAIN_LAYER_reshape] = reshape,
    [TRAIN_LAYER_relu] = relu,
    [TRAIN_LAYER_leaky_relu] = leaky_relu,
    [TRAIN_LAYER_elu] = elu,
    [TRAIN_LAYER_gelu] = gelu,
    [TRAIN_LAYER_silu] = silu,
    [TRAIN_LAYER_sigmoid] = sigmoid,
    [TRAIN_LAYER_tanh] = tanh_layer,
    [TRAIN_LAYER_softplus] = softplus,
    [TRAIN_LAYER_relu6] = relu6,
    [TRAIN_LAYER_prelu] = prelu,
    [TRAIN_LAYER_selu] = selu,
    [TRAIN_LAYER_celu] = celu,
    [TRAIN_LAYER_mish] = mish,
    [TRAIN_LAYER_hardswish] = hardswish,
    [TRAIN_LAYER_hardsigmoid] = hardsigmoid,
    [TRAIN_LAYER_hardtanh] = hardtanh,
    [TRAIN_LAYER_rrelu] = rrelu,
    [TRAIN_LAYER_softsign] = softsign,
    [TRAIN_LAYER_log_sigmoid] = log_sigmoid,
    [TRAIN_LAYER_softshrink] = softshrink,
    [TRAIN_LAYER_hardshrink] = hardshrink,
    [TRAIN_LAYER_tanhshrink] = tanhshrink,
    [TRAIN_LAYER_threshold] = threshold,
    [TRAIN_LAYER_glu] = glu,
    [TRAIN_LAYER_swiglu] = swiglu,
    [TRAIN_LAYER_geglu] = geglu,
    [TRAIN_LAYER_softmax] = softmax,
    [TRAIN_LAYER_log_softmax] = log_softmax,
    [TRAIN_LAYER_recompute] = recompute,
};

/* One layer after the other, from x on. */
static tn_tensor *build_layers(builder *b, tn_tensor *x, base_error *e)
{
    const train_model *m = b->model;
    b->input = x;
    b->outputs = calloc(m->n + 1, sizeof(tn_tensor *));
    if (!b->outputs)
        base_no_memory(e, "building a model");
    for (; b->outputs && b->at < m->n; b->at++) {
        b->layer = &m->layers[b->at];
        b->called = NULL;
        tn_tensor *before = x;
        if (!b->g->sharing) /* told the first time */
            graph_layer_begin(b->g, b->layer->type);
        x = b->outputs[b->at] = build_layer[b->layer->kind](b, x);
        if (!b->g->sharing)
            tell_layer(b);
        if (b->again && --b->again == 0)
            tn_recompute_end(b->g);
        if (tn_graph_status(b->g) != TN_OK) {
            train_blame_layer(b->layer, before, e);
            break;
        }
    }
    bool done = b->outputs && b->at == m->n;
    free(b->outputs);
    return done ? x : NULL;
}

static tn_tensor *build_list(const train_recipe *r, const tn_dataset *data, tn_graph *g, tn_tensor *x, tn_tensor **all,
                             base_error *e)
{
    tn_tensor *chosen = r->source->enter ? x : NULL; /* nodes, of which the output is wanted */
    builder b = {
        .g = g, .model = &r->model, .preparation = tn_dataset_preparation(data), .classes = tn_dataset_classes(data)};
    if (chosen && !(x = *all = r->source->enter(r, data, g, &b.edges, e)))
        return NULL;
    x = build_layers(&b, x, e);
    return x && chosen ? tn_index_select(x, 0, chosen) : x;
}

tn_tensor *train_build_drawn(const train_recipe *r, const tn_dataset *data, tn_dim batch, tn_graph *g, tn_tensor *all,
                             base_error *e)
{
    const tn_dim n = tn_symbol(g, "nodes_drawn"), edges = tn_symbol(g, "edges_drawn");
    tn_tensor *nodes = tn_input(g, "nodes", TN_I64, TN_SHAPE(n)),
              *place = tn_input(g, "place", TN_I64, TN_SHAPE(batch));
    builder b = {.g = g,
                 .model = &r->model,
                 .classes = tn_dataset_classes(data),
                 .edges = {.source = tn_input(g, "edge_source", TN_I64, TN_SHAPE(edges)),
                           .target = tn_input(g, "edge_target", TN_I64, TN_SHAPE(edges)),
                           .weight = tn_input(g, "edge_weight", TN_F32, TN_SHAPE(edges)),
                           .indptr = tn_input(g, "edge_start", TN_I64, TN_SHAPE(tn_dim_add(g, n, 1)))},
                 .degree = tn_input(g, "degree", TN_F32, TN_SHAPE(n)),
                 .loop = tn_input(g, "loop", TN_F32, TN_SHAPE(n))};
    g->losses.n = 0; /* those of the net that sees everything, which training does not run */
    g->sharing = true;
    tn_tensor *y = build_layers(&b, tn_index_select(all, 0, nodes), e);
    g->sharing = false;
    y = y ? tn_index_select(y, 0, place) : NULL;
    if (y && tn_graph_status(g) != TN_OK)
        base_fail(e, tn_graph_status(g), "%s", tn_graph_error(g));
    return y && tn_graph_status(g) == TN_OK ? y : NULL;
}

/* The input of the model: as the recipe says, or as the data are. */
static tn_tensor *input_of(const train_model *m, tn_graph *g, const tn_field *x)
{
    tn_shape s = {.rank = 1, .dims = {tn_symbol(g, "batch")}};
    size_t n = m->input.n ? m->input.n : (size_t)x->rank;
    for (size_t i = 0; i < n && s.rank < TN_MAX_RANK; i++)
        s.dims[s.rank++] = m->input.n ? m->input.at[i] : x->varies && i == 0 ? tn_symbol(g, "time") : x->dims[i];
    return tn_input(g, "x", x->dtype == TN_I64 ? TN_I64 : TN_F32, s);
}

/* No model of the zoo has options yet: what is written beside the name would do nothing. */
static tn_status check_zoo_options(const train_model *m, base_error *e)
{
    char place[FORMAT_YAML_PLACE];
    for (size_t i = 0; m->options && i < m->options->n; i++) {
        const format_yaml_item *item = &m->options->items[i];
        if (strcmp(item->key, "name") == 0)
            continue;
        (void)base_fail(e, TN_FORMAT, "the model %s has no option '%s'; take it out, or list the layers", m->name,
                        BASE_SHOW(item->key));
        return base_prefix(e, "%s", format_yaml_place(item->source, item->line, place));
    }
    return TN_OK;
}

tn_tensor *train_build_graph(const train_recipe *r, const tn_dataset *data, const tn_field *field, tn_graph *g,
                             tn_tensor **all, base_error *e)
{
    const train_model *m = &r->model;
    const int classes = tn_dataset_classes(data);
    tn_tensor *x, *y;
    *all = NULL;
    if (train_check_input(r, field, e) != TN_OK)
        return NULL;
    x = input_of(m, g, field);
    if (!m->name) {
        y = build_list(r, data, g, x, all, e);
    } else {
        const zoo_model *zoo = zoo_find(m->name);
        if (!zoo) {
            train_unknown_model(m->name, e);
            train_blame_model(r, e);
            return NULL;
        }
        if (check_zoo_options(m, e) != TN_OK)
            return NULL;
        y = zoo->build(x, classes > 0 ? classes : 1);
        if (tn_graph_status(g) != TN_OK)
            train_blame_zoo(r, x, e);
    }
    if (y && tn_graph_status(g) != TN_OK && e->status == TN_OK)
        base_fail(e, tn_graph_status(g), "%s", tn_graph_error(g));
    return y && tn_graph_status(g) == TN_OK ? y : NULL;
}
