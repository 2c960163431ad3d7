/* bench_gan.c: the benchmark's pairs of nets, after Goodfellow et al., "Generative Adversarial Nets", 2014, algorithm 1: of linear layers,
 * and of convolutions (Radford, Metz, Chintala 2015, "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
 * Networks") in the form of PyTorch's example, whose names it has. */
#include <string.h>

#include "bench.h"

enum { NAME = 64, NOISE = 100, MOST = 5 };
static const double slope = 0.2;

/* Normal numbers from uniform ones (Box and Muller 1958). */
tn_tensor *bench_normal(tn_graph *g, tn_shape shape)
{
    const double two_pi = 6.283185307179586;
    tn_tensor *radius = tn_sqrt(tn_mul_f(tn_log1p(tn_neg(tn_uniform(g, TN_F32, shape))), -2));
    return tn_mul(radius, tn_cos(tn_mul_f(tn_uniform(g, TN_F32, shape), two_pi)));
}

/* A layer whose parameters are used more than once; a norm where there is one. */
typedef struct stage {
    tn_tensor *weight, *bias, *scale, *shift, *mean, *var;
} stage;

typedef struct player {
    stage at[MOST];
    int n;
} player;

static tn_tensor *param(tn_graph *g, const char *net, const char *layer, const char *part, tn_shape shape, tn_init init)
{
    char name[NAME];
    (void)snprintf(name, sizeof name, "%s.%s.%s", net, layer, part);
    if (strncmp(part, "running", 7) == 0)
        return tn_buffer(g, name, TN_F32, shape, &init);
    return tn_param(g, name, TN_F32, shape, &init);
}

/* ---- linear layers --------------------------------------------------------------------------------------------------- */

static player make_linear(tn_graph *g, const char *net, const int64_t sizes[4])
{
    player p = {.n = 3};
    for (int i = 0; i < p.n; i++) {
        const tn_init init = {TN_INIT_FAN_UNIFORM, (double)sizes[i], 0};
        char layer[NAME];
        (void)snprintf(layer, sizeof layer, "fc%d", i + 1);
        p.at[i].weight = param(g, net, layer, "weight", TN_SHAPE(sizes[i + 1], sizes[i]), init);
        p.at[i].bias = param(g, net, layer, "bias", TN_SHAPE(sizes[i + 1]), init);
    }
    return p;
}

static tn_tensor *apply_linear(const player *p, tn_tensor *x)
{
    for (int i = 0; i < p->n; i++) {
        x = tn_linear(x, p->at[i].weight, p->at[i].bias);
        x = i + 1 < p->n ? tn_leaky_relu(x, slope) : x;
    }
    return x;
}

/* ---- convolutions of 4x4 ------------------------------------------------------------------------------------------------ */

/* What torch.nn.Sequential counts: layers, their norms and what is between. */
static player make_conv(tn_graph *g, const char *net, const int64_t channels[MOST + 1], bool up)
{
    const tn_init normal = {TN_INIT_NORMAL, 0, 0.02}, around = {TN_INIT_NORMAL, 1, 0.02},
                  one = {TN_INIT_CONSTANT, 1, 0}, zero = {TN_INIT_ZEROS, 0, 0};
    player p = {.n = MOST};
    for (int i = 0, number = 0; i < p.n; i++) {
        const int64_t from = channels[i], to = channels[i + 1];
        char layer[NAME];
        (void)snprintf(layer, sizeof layer, "main.%d", number);
        p.at[i].weight =
            param(g, net, layer, "weight", up ? TN_SHAPE(from, to, 4, 4) : TN_SHAPE(to, from, 4, 4), normal);
        bool normed = i + 1 < p.n && (up || i > 0);
        number += normed ? 3 : 2;
        if (!normed)
            continue;
        (void)snprintf(layer, sizeof layer, "main.%d", number - 2);
        p.at[i].scale = param(g, net, layer, "weight", TN_SHAPE(to), around);
        p.at[i].shift = param(g, net, layer, "bias", TN_SHAPE(to), zero);
        p.at[i].mean = param(g, net, layer, "running_mean", TN_SHAPE(to), zero);
        p.at[i].var = param(g, net, layer, "running_var", TN_SHAPE(to), one);
    }
    return p;
}

/* Running statistics follow the batches of which `keep` is told. */
static tn_tensor *apply_conv(const player *p, tn_tensor *x, bool up, bool keep)
{
    const tn_conv_opt whole = {.stride = 1}, half = {.stride = 2, .padding = 1};
    tn_graph *g = tn_tensor_graph(x);
    for (int i = 0; i < p->n; i++) {
        const stage *s = &p->at[i];
        const tn_conv_opt *o = i == (up ? 0 : p->n - 1) ? &whole : &half;
        x = up ? tn_conv_transpose2d(x, s->weight, NULL, o) : tn_conv2d(x, s->weight, NULL, o);
        if (s->scale) {
            tn_batch_norm_result r = tn_batch_norm(x, s->scale, s->shift, s->mean, s->var, 1e-5, 0.1);
            x = r.y;
            if (keep) {
                tn_graph_update(g, s->mean, r.new_running_mean, NULL);
                tn_graph_update(g, s->var, r.new_running_var, NULL);
            }
        }
        if (i + 1 < p->n)
            x = up ? tn_relu(x) : tn_leaky_relu(x, slope);
    }
    return x;
}

/* ---- both ------------------------------------------------------------------------------------------------------------------- */

/* Two updates, each by an entry: the critic learns to tell pictures from what is made, then the generator to make what the
 * critic takes for pictures. Each run draws its own noise. `made` and `told` are the critic's scores of what was made and of pictures. */
static void train(const bench_work *w, tn_tensor *made, tn_tensor *told)
{
    const tn_param_group generator = {.pattern = "g.*", .frozen = true}, critic = {.pattern = "d.*", .frozen = true};
    tn_tensor *taken = tn_mean(tn_softplus(tn_neg(made), 1, 20)); /* minus the logarithm of the chance to be taken */
    tn_tensor *loss = tn_add(tn_mean(tn_softplus(tn_neg(told), 1, 20)), tn_mean(tn_softplus(made, 1, 20)));
    tn_optim_opt o = bench_optimizer(w);
    o.n_groups = 1;
    o.groups = &generator;
    o.name = "critic";
    tn_minimize(loss, &o);
    o.groups = &critic;
    o.name = "generator";
    tn_minimize(taken, &o);
}

static void linear_gan(const bench_work *w, tn_graph *g, tn_tensor *x)
{
    const int64_t pixels = w->row.sample.dims[0], up[] = {NOISE, 256, 512, pixels}, down[] = {pixels, 512, 256, 1};
    const player make = make_linear(g, "g", up), tell = make_linear(g, "d", down);
    tn_tensor *made = tn_tanh(apply_linear(&make, bench_normal(g, TN_SHAPE(w->row.batch, NOISE))));
    train(w, apply_linear(&tell, made), apply_linear(&tell, x));
}

static void conv_gan(const bench_work *w, tn_graph *g, tn_tensor *x)
{
    const int64_t colours = w->row.sample.dims[0], up[] = {NOISE, 512, 256, 128, 64, colours},
                  down[] = {colours, 64, 128, 256, 512, 1};
    const player make = make_conv(g, "g", up, true), tell = make_conv(g, "d", down, false);
    tn_tensor *noise = bench_normal(g, TN_SHAPE(w->row.batch, NOISE, 1, 1));
    tn_tensor *made = tn_tanh(apply_conv(&make, noise, true, true));
    train(w, apply_conv(&tell, made, false, true), apply_conv(&tell, x, false, false));
}

bool bench_gan(bench_work *w, tn_graph *g, tn_tensor *x)
{
    if (strcmp(w->row.net, "gan") == 0)
        linear_gan(w, g, x);
    else if (strcmp(w->row.net, "dcgan") == 0)
        conv_gan(w, g, x);
    else
        return bench_fail(w, "there is no pair of nets '%s'", w->row.net);
    return true;
}
