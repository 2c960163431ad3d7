/* bench_nets.c: nets of the benchmark from a text: a list of layers, a model of the zoo, or one of a few others. */
#include <stdlib.h>
#include <string.h>

#include "bench.h"

enum { MOST_LAYERS = 10000, WORD = 32 };

typedef struct layers {
    bench_work *w;
    tn_tensor *x;
    int linears, convs, norms; /* so far: they are numbered, fc1, fc2, ... */
} layers;

/* ---- a list of layers ---------------------------------------------------------------------------------------------- */

/* Of pictures one pixel high the windows are so too: those are signals over time. */
static tn_tensor *conv(layers *l, int64_t channels, int64_t kernel, int stride)
{
    char name[WORD];
    bool flat = tn_dim_of(l->x, 2) == 1;
    const tn_conv_opt opt = {.strides = {flat ? 1 : stride, stride}};
    (void)snprintf(name, sizeof name, "conv%d", ++l->convs);
    if (flat)
        return tn_layer_conv2d_rect(l->x, name, channels, 1, kernel, &opt);
    return tn_layer_conv2d(l->x, name, channels, kernel, &opt);
}

static bool add_layer(layers *l, const char *kind, double a, int64_t b, int stride)
{
    char name[WORD];
    if (strcmp(kind, "linear") == 0) {
        (void)snprintf(name, sizeof name, "fc%d", ++l->linears);
        l->x = tn_layer_linear(l->x, name, (int64_t)a, NULL);
    } else if (strcmp(kind, "conv") == 0) {
        l->x = conv(l, (int64_t)a, b, stride);
    } else if (strcmp(kind, "batch_norm") == 0) {
        (void)snprintf(name, sizeof name, "bn%d", ++l->norms);
        l->x = tn_layer_batch_norm(l->x, name, NULL);
    } else if (strcmp(kind, "relu") == 0) {
        l->x = tn_relu(l->x);
    } else if (strcmp(kind, "max_pool") == 0) {
        bool flat = tn_dim_of(l->x, 2) == 1;
        l->x = tn_max_pool2d(l->x, (int)a, TN_OPT(tn_pool_opt, .kernels = {flat ? 1 : (int)a, (int)a}));
    } else if (strcmp(kind, "mean") == 0) {
        l->x = tn_mean_axes(l->x, 2, (const int64_t[]){2, 3}, false);
    } else if (strcmp(kind, "dropout") == 0) {
        l->x = tn_dropout(l->x, a);
    } else if (strcmp(kind, "log_mel") == 0) {
        l->x = tn_log_mel(l->x, TN_OPT(tn_mel_opt, .hop = (int64_t)a, .mels = b));
    } else if (strcmp(kind, "fft") == 0) { /* of numbers that lie as pairs */
        const tn_dim n = tn_dim_of(l->x, 0), size = tn_dim_of(l->x, 1);
        l->x = tn_reshape(tn_fft(tn_reshape(l->x, TN_SHAPE(n, size / 2, 2)), -2, TN_FFT_BACKWARD), TN_SHAPE(n, size));
    } else if (strcmp(kind, "flatten") == 0) {
        l->x = tn_flatten(l->x, 1);
    } else {
        return bench_fail(l->w, "'%s' is neither a layer nor a model of the zoo", kind);
    }
    return true;
}

/* "[N] KIND [A [B [STRIDE]]]": a layer, N times. */
static bool add_layers(layers *l, const char *text)
{
    char kind[WORD] = "", *rest;
    double a = 0;
    long long b = 0;
    int stride = 1;
    long n = strtol(text, &rest, 10);
    if (rest == text)
        n = 1;
    if (sscanf(rest, " %31[a-z0-9_] %lf %lld %d", kind, &a, &b, &stride) < 1 || n < 1 || n > MOST_LAYERS ||
        !(a >= 0 && a < 1e9))
        return bench_fail(l->w, "the layer '%.40s' is not understood", text);
    for (long i = 0; i < n; i++)
        if (!add_layer(l, kind, a, b, stride))
            return false;
    return true;
}

static tn_tensor *build_list(bench_work *w, tn_tensor *x)
{
    layers l = {.w = w, .x = x};
    for (const char *at = w->row.net; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        char one[2 * WORD] = "";
        (void)snprintf(one, sizeof one, "%.*s", (int)strcspn(at, ","), at + strspn(at, " "));
        if (!add_layers(&l, one))
            return NULL;
    }
    return l.x;
}

/* ---- a variational autoencoder, after Kingma and Welling, "Auto-Encoding Variational Bayes", 2014, appendix B and C ---- */

static tn_tensor *vae(bench_work *w, tn_graph *g, tn_tensor *x, int64_t hidden, int64_t latent, tn_tensor **loss)
{
    tn_tensor *h = tn_relu(tn_layer_linear(x, "fc1", hidden, NULL));
    tn_tensor *mean = tn_layer_linear(h, "fc21", latent, NULL), *logvar = tn_layer_linear(h, "fc22", latent, NULL);
    tn_tensor *z = mean;
    if (bench_trains(w))
        z = tn_add(mean, tn_mul(bench_normal(g, tn_tensor_shape(mean)), tn_exp(tn_mul_f(logvar, 0.5))));
    tn_tensor *y =
        tn_layer_linear(tn_relu(tn_layer_linear(z, "fc3", hidden, NULL)), "fc4", w->row.sample.dims[0], NULL);
    if (bench_trains(w)) {
        tn_tensor *picture = tn_bce_with_logits(y, x, TN_OPT(tn_loss_opt, .reduction = TN_REDUCE_SUM));
        tn_tensor *spread = tn_sub(tn_add_f(logvar, 1), tn_add(tn_square(mean), tn_exp(logvar)));
        *loss = tn_div_f(tn_add(picture, tn_mul_f(tn_sum(spread), -0.5)), (double)w->row.batch);
    }
    return y;
}

/* ---- a graph convolutional net, after Kipf and Welling, "Semi-Supervised Classification with Graph Convolutional Networks", 2017 */

/* The mean over a node's neighbours, itself included: `degree` for each of n nodes, which lie anywhere; the targets rise. */
static tn_tensor *neighbours(bench_work *w, tn_tensor *x, int64_t degree)
{
    const int64_t n = tn_dim_of(x, 0), count = n * degree, ends = n + 1;
    int64_t *from = malloc((size_t)(2 * count + ends) * sizeof *from);
    if (!from) {
        bench_fail(w, "out of memory");
        return NULL;
    }
    int64_t *to = from + count, *first = to + count;
    for (int64_t k = 0; k < count; k++) {
        to[k] = k / degree;
        from[k] = (to[k] * (k % degree * 31 + 1) + k % degree * 977) % n;
    }
    for (int64_t i = 0; i < ends; i++)
        first[i] = i * degree;
    const tn_view sources = tn_view_of(from, TN_I64, 1, &count), targets = tn_view_of(to, TN_I64, 1, &count);
    const tn_view rows = tn_view_of(first, TN_I64, 1, &ends);
    tn_graph *g = tn_tensor_graph(x);
    const tn_edges edges = {
        .source = tn_constant(g, &sources), .target = tn_constant(g, &targets), .indptr = tn_constant(g, &rows)};
    free(from);
    return tn_mul_f(tn_propagate(x, &edges, n, TN_AGGREGATE_SUM), 1.0 / (double)degree);
}

/* The samples of the batch are the nodes. */
static tn_tensor *gcn(bench_work *w, tn_tensor *x, int64_t hidden, int64_t edges)
{
    x = neighbours(w, tn_layer_linear(x, "fc1", hidden, NULL), edges);
    return x ? neighbours(w, tn_layer_linear(tn_relu(x), "fc2", w->row.classes, NULL), edges) : NULL;
}

/* ---- all of them --------------------------------------------------------------------------------------------------- */

/* The target's shape: a class number, or 0 or 1 as a number. */
static tn_tensor *loss_of(const bench_work *w, tn_graph *g, tn_tensor *x, tn_tensor *y)
{
    tn_dim n = w->row.batch;
    if (strcmp(w->row.loss, "bce_with_logits") == 0)
        return tn_bce_with_logits(y, tn_input(g, "target", TN_F32, TN_SHAPE(n, 1)), NULL);
    if (strcmp(w->row.loss, "next_token") == 0) {
        tn_tensor *target = tn_input(g, "target", TN_I64, TN_SHAPE(n, w->label_count));
        return tn_cross_entropy(tn_reshape(y, TN_SHAPE(n * w->label_count, tn_dim_of(y, 2))), tn_flatten(target, 0),
                                NULL);
    }
    if (strcmp(w->row.loss, "mask") == 0) /* the picture's first channel, as good as any */
        return tn_bce_with_logits(y, tn_slice(x, 1, 0, 1), NULL);
    return tn_cross_entropy(y, tn_input(g, "target", TN_I64, TN_SHAPE(n)), NULL);
}

/* For numbers x [batch, 2]: two tables, of users and of things, and a net that says whether they go together. */
static tn_tensor *recommender(tn_tensor *x, int64_t rows, int64_t width)
{
    const tn_init small = {TN_INIT_NORMAL, 0, 0.02};
    const tn_embedding_opt opt = {.init = &small};
    tn_tensor *both[2];
    for (int i = 0; i < 2; i++) {
        char name[WORD];
        (void)snprintf(name, sizeof name, "tables.%d", i);
        both[i] = tn_layer_embedding(tn_squeeze(tn_slice(x, 1, i, i + 1), 1), name, rows, width, &opt);
    }
    x = tn_relu(tn_layer_linear(tn_concat(2, both, 1), "fc1", 128, NULL));
    return tn_layer_linear(tn_relu(tn_layer_linear(x, "fc2", 64, NULL)), "fc3", 1, NULL);
}

/* For x [batch, steps, values]: scores after the last step. */
static tn_tensor *recurrent(tn_tensor *x, bool gru, int depth, int64_t width, int64_t classes)
{
    const tn_rnn_opt opt = {.layers = depth, .batch_first = true};
    const tn_dim steps = tn_dim_of(x, 1);
    tn_recurrent_result r = gru ? tn_layer_gru(x, "rnn", width, &opt) : tn_layer_lstm(x, "rnn", width, &opt);
    return tn_layer_linear(tn_squeeze(tn_slice(r.y, 1, steps - 1, steps), 1), "fc", classes, NULL);
}

/* The same for one step x [batch, values], from the state that the step before left. */
static tn_tensor *recurrent_step(bench_work *w, tn_tensor *x, int depth, int64_t width)
{
    tn_graph *g = tn_tensor_graph(x);
    const tn_shape shape = TN_SHAPE(depth, w->row.batch, width);
    tn_tensor *h = tn_buffer(g, "state.h", TN_F32, shape, NULL), *c = tn_buffer(g, "state.c", TN_F32, shape, NULL);
    tn_recurrent_result r =
        tn_layer_lstm(tn_unsqueeze(x, 0), "rnn", width, TN_OPT(tn_rnn_opt, .layers = depth, .h = h, .c = c));
    w->kept[w->n_kept++] = (bench_kept){h, r.h};
    w->kept[w->n_kept++] = (bench_kept){c, r.c};
    return tn_layer_linear(tn_squeeze(r.y, 0), "fc", w->row.classes, NULL);
}

/* One of the nets that a text names with numbers; NULL when the text is none of them. */
static tn_tensor *by_numbers(bench_work *w, tn_tensor *x)
{
    const char *net = w->row.net;
    int depth, heads, width, past;
    if (sscanf(net, "lstm %d %d", &depth, &width) == 2 || sscanf(net, "gru %d %d", &depth, &width) == 2)
        return recurrent(x, net[0] == 'g', depth, width, w->row.classes);
    if (sscanf(net, "encoder %d %d %d", &depth, &heads, &width) == 3)
        return bench_encoder(x, depth, heads, width, w->row.classes);
    if (sscanf(net, "recommender %d %d", &depth, &width) == 2)
        return recommender(x, depth, width);
    if (sscanf(net, "lstm_step %d %d", &depth, &width) == 2)
        return recurrent_step(w, x, depth, width);
    if (sscanf(net, "bert %d %d %d", &depth, &width, &heads) == 3)
        return bench_bert(x, depth, width, heads, w->row.classes);
    if (sscanf(net, "gpt2 %d %d %d", &depth, &width, &heads) == 3)
        return bench_gpt2(x, depth, width, heads, false, w->row.classes);
    if (sscanf(net, "gpt2_last %d %d %d", &depth, &width, &heads) == 3)
        return bench_gpt2(x, depth, width, heads, true, w->row.classes);
    if (sscanf(net, "gpt2_step %d %d %d %d", &depth, &width, &heads, &past) == 4)
        return bench_gpt2_step(w, x, depth, width, heads, past);
    if (sscanf(net, "gcn %d %d", &width, &depth) == 2)
        return gcn(w, x, width, depth);
    if (sscanf(net, "vit %d %d %d", &depth, &heads, &width) == 3)
        return bench_vit(x, depth, heads, width, w->row.classes);
    return NULL;
}

bool bench_build_net(bench_work *w, tn_graph *g, tn_tensor *x, tn_tensor **y)
{
    int hidden, latent;
    tn_tensor *loss = NULL;
    tn_optim_opt o = bench_optimizer(w);
    if (strcmp(w->row.loss, "gan") == 0)
        return bench_gan(w, g, x);
    if (sscanf(w->row.net, "vae %d %d", &hidden, &latent) == 2)
        *y = vae(w, g, x, hidden, latent, &loss);
    else if ((*y = by_numbers(w, x)) == NULL && (*y = tn_zoo_build(w->row.net, x, w->row.classes)) == NULL)
        *y = build_list(w, x);
    if (*y && bench_trains(w))
        tn_minimize(loss ? loss : loss_of(w, g, x, *y), &o);
    return *y != NULL;
}
