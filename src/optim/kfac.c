/* kfac.c: K-FAC (Martens and Grosse 2015), for linear layers and convolutions (Grosse and Martens 2016, KFC). A layer's Fisher matrix
 * is taken as a product A x G: A of its inputs with a 1 behind them for the bias, G of the loss's gradients at its outputs, both
 * running averages. The gradient of weight and bias together becomes
 *     (G + gamma / pi I)^-1 dW (A + pi gamma I)^-1,   gamma = sqrt(damping),   pi^2 = (trace(A) / side) / (trace(G) / side)
 * (sections 3, 5 and 6.3), then all are shortened so that their change is not more than kl_clip (Ba, Grosse, Martens 2017, section 5).
 *
 * Targets are those of the batch, not drawn from the model (the empirical Fisher matrix), and the loss is taken for the mean over axis
 * 0. Gradients of several batches are added up, the factors go on with each of them. Places in a sample (of a sequence, a picture)
 * count as in KFC. What is no such layer goes by gradient and momentum. */
#include "optim/rule.h"

#include <stdlib.h>
#include <string.h>

#include "op/internal.h"
#include "op/scheme/window.h"

enum { MOST_SIDE = 4096, WEIGHT = 1, BIAS = 2 };

/* ---- layers -------------------------------------------------------------------------------------------------------- */

/* A linear layer or convolution of which weight and result are what the formula says. */
static bool is_layer(const graph_node *node)
{
    const op_value *arg = node->arg;
    if (strcmp(node->def->name, "linear") == 0)
        return arg[0].i == 0;
    return strcmp(node->def->name, "conv2d") == 0 && arg[OP_CONV_GROUPS].i == 1 && arg[OP_CONV_ACTIVATION].i == 0 &&
           !node->in[3];
}

static bool is_small(const tn_tensor *w)
{
    int64_t columns = 1;
    for (int i = 1; i < w->type.rank; i++)
        columns = w->type.dims[i] < 0 || columns > MOST_SIDE ? MOST_SIDE + 1 : columns * w->type.dims[i];
    return w->type.rank > 1 && w->type.dims[0] > 0 && w->type.dims[0] <= MOST_SIDE && columns > 0 &&
           columns < MOST_SIDE;
}

/* The node that alone reads x on the way to the loss, and as which input; NULL: none, or several. */
static const graph_node *reader_of(const optim_minimizer *m, const bool *on_the_way, const tn_tensor *x, int *input)
{
    const graph_node *found = NULL;
    for (int i = x->node->id + 1; i <= m->loss->node->id; i++) {
        const graph_node *node = m->g->nodes.at[i];
        for (int k = 0; on_the_way[i] && k < node->n_in; k++) {
            if (node->in[k] != x)
                continue;
            if (found)
                return NULL;
            found = node;
            *input = k;
        }
    }
    return found;
}

static void add_site(optim_minimizer *m, const graph_node *node, int input, int param)
{
    int at = 0;
    while (at < (int)m->sites.n && m->sites.at[at].node != node)
        at++;
    if (at == (int)m->sites.n) {
        optim_site new_site = {.node = node, .weight = -1, .bias = -1};
        if (!base_vec_push(&m->sites, new_site)) {
            graph_fail(m->g, TN_MEMORY, "out of memory while making an optimizer");
            return;
        }
    }
    *(input == WEIGHT ? &m->sites.at[at].weight : &m->sites.at[at].bias) = param;
}

static void mark_way(const optim_minimizer *m, bool *on_the_way)
{
    on_the_way[m->loss->node->id] = true;
    for (int i = m->loss->node->id; i >= 0; i--)
        for (int k = 0; on_the_way[i] && k < m->g->nodes.at[i]->n_in; k++)
            if (m->g->nodes.at[i]->in[k])
                on_the_way[m->g->nodes.at[i]->in[k]->node->id] = true;
}

tn_status optim_find_sites(optim_minimizer *m)
{
    bool *on_the_way = calloc(m->g->nodes.n + 1, 1);
    if (!on_the_way) {
        graph_fail(m->g, TN_MEMORY, "out of memory while making an optimizer");
        return m->g->error.status;
    }
    mark_way(m, on_the_way);
    for (int i = 0; i < (int)m->params.n; i++) {
        int input = 0;
        const graph_node *node = reader_of(m, on_the_way, m->params.at[i].param, &input);
        if (node && is_layer(node) && (input == WEIGHT || input == BIAS) && is_small(node->in[WEIGHT]))
            add_site(m, node, input, i);
    }
    for (int i = 0; i < (int)m->sites.n; i++) { /* a bias alone is nothing to multiply */
        const optim_site *site = &m->sites.at[i];
        for (int k = 0; site->weight >= 0 && k < 2; k++)
            if ((k ? site->bias : site->weight) >= 0)
                m->params.at[k ? site->bias : site->weight].site = i + 1;
    }
    free(on_the_way);
    return m->g->error.status;
}

/* ---- factors ------------------------------------------------------------------------------------------------------- */

static tn_tensor *turned(tn_tensor *x)
{
    return tn_transpose(x, 0, 1);
}

static tn_tensor *number(const optim_step *s, double value)
{
    return tn_scalar(s->m->g, TN_F64, value);
}

static tn_tensor *size(const optim_step *s, tn_dim n)
{
    return tn_cast(tn_size_value(s->m->g, n), TN_F64);
}

/* What matrices are computed in: f32 where values are narrower. */
static tn_dtype wide(const tn_tensor *x)
{
    return tn_tensor_dtype(x) == TN_F64 ? TN_F64 : TN_F32;
}

/* The last axis as columns. */
static tn_tensor *as_rows(tn_tensor *x)
{
    return tn_reshape(tn_cast(x, wide(x)), TN_SHAPE(TN_INFER, tn_dim_of(x, -1)));
}

static int entry_of(const op_value *v, int i)
{
    return (int)v->list[v->n > i ? i : v->n == 2 ? i % 2 : 0];
}

/* What a convolution multiplies its kernels with: a row for each place, of as many columns as a kernel has elements. */
static tn_tensor *windows(const graph_node *node)
{
    const op_value *arg = node->arg;
    const graph_type *w = &node->in[WEIGHT]->type;
    const int kernel[2] = {(int)w->dims[2], (int)w->dims[3]};
    tn_conv_opt o = {.stride = 0};
    for (int i = 0; i < 4; i++) {
        o.paddings[i] = entry_of(&arg[OP_CONV_PADDING], i);
        if (i < 2) {
            o.strides[i] = entry_of(&arg[OP_CONV_STRIDE], i);
            o.dilations[i] = entry_of(&arg[OP_CONV_DILATION], i);
        }
    }
    return tn_permute(tn_unfold(node->in[0], kernel, &o), 3, (const int64_t[]){0, 2, 1});
}

/* A, with the bias's row and column if there is one, and G of this batch. Of R rows in N samples: sums over the rows divided by N; slopes
 * of a mean are those of a sample divided by N, and places share: times N^2 / R. */
static void measure(const optim_step *s, const optim_site *site, tn_tensor **a, tn_tensor **g)
{
    const graph_node *node = site->node;
    bool conv = strcmp(node->def->name, "conv2d") == 0;
    tn_tensor *x = as_rows(conv ? windows(node) : node->in[0]), *slope = site->slope;
    tn_tensor *samples = size(s, tn_tensor_rank(node->in[0]) > 1 ? tn_dim_of(node->in[0], 0) : 1);
    slope = as_rows(conv ? tn_permute(slope, 4, (const int64_t[]){0, 2, 3, 1}) : slope);
    if (s->m->scale)
        slope = tn_div(slope, s->m->scale);
    tn_tensor *rows = size(s, tn_dim_of(slope, 0)), *square = tn_matmul(turned(x), x);
    if (site->bias >= 0) {
        tn_tensor *sum = tn_sum_axes(x, 1, (const int64_t[]){0}, true);
        tn_tensor *corner = tn_reshape(tn_cast(rows, wide(x)), TN_SHAPE(1, 1));
        tn_tensor *top = tn_concat(2, (tn_tensor *[]){square, turned(sum)}, 1);
        square = tn_concat(2, (tn_tensor *[]){top, tn_concat(2, (tn_tensor *[]){sum, corner}, 1)}, 0);
    }
    *a = optim_over(square, samples);
    *g = optim_times(tn_matmul(turned(slope), slope), tn_div(tn_square(samples), rows));
}

/* Where the running average of a layer's A or G is kept; s is the step of its weight. */
static tn_tensor *factor(optim_step *s, const optim_site *site, bool of_input)
{
    const tn_tensor *weight = s->m->params.at[site->weight].param;
    const graph_type *w = &weight->type;
    int64_t columns = site->bias >= 0;
    for (int64_t i = 1, size = 1; i < w->rank; i++) {
        size *= w->dims[i];
        columns += i == w->rank - 1 ? size : 0;
    }
    tn_dim side = of_input ? columns : w->dims[0];
    return optim_slot_of(s, of_input ? "input" : "output", wide(weight), TN_SHAPE(side, side));
}

/* min(1 - 1/t, beta2) of the average stays. */
static tn_tensor *average(optim_step *s, tn_tensor *slot, tn_tensor *now)
{
    tn_tensor *keep = tn_minimum(tn_sub(number(s, 1), tn_reciprocal(s->t)), number(s, s->o->beta2.value));
    return optim_keep(s, slot, tn_add(now, optim_times(tn_sub(slot, now), keep)));
}

/* A and G with this batch in them, or as they were kept. */
static void factors(optim_step *s, const optim_site *site, tn_tensor **a, tn_tensor **g)
{
    tn_tensor *a_now, *g_now;
    *a = factor(s, site, true);
    *g = factor(s, site, false);
    if (s->m->applies)
        return;
    measure(s, site, &a_now, &g_now);
    *a = average(s, *a, a_now);
    *g = average(s, *g, g_now);
}

void optim_measure(optim_minimizer *m, tn_entry *entry)
{
    for (size_t i = 0; i < m->sites.n; i++) {
        const optim_site *site = &m->sites.at[i];
        tn_tensor *a, *g;
        if (site->weight < 0)
            continue;
        optim_step s = {.m = m, .o = &m->o, .p = &m->params.at[site->weight], .entry = entry};
        s.t = tn_cast(m->new_step, TN_F64);
        factors(&s, site, &a, &g);
    }
}

/* The mean of the diagonal, in f64. */
static tn_tensor *level(tn_tensor *x)
{
    return tn_cast(tn_div_f(tn_trace(x), (double)tn_dim_of(x, 0)), TN_F64);
}

tn_tensor *optim_due(optim_step *s)
{
    return tn_eq(tn_remainder(tn_sub_f(s->t, 1), number(s, (double)s->o->refresh)), number(s, 0));
}

/* (x + ridge I)^-1, every so many steps anew. */
static tn_tensor *inverse(optim_step *s, const char *kind, tn_tensor *x, tn_tensor *ridge)
{
    tn_tensor *slot = optim_slot_of(s, kind, wide(x), tn_tensor_shape(x));
    tn_tensor *eye = tn_eye(s->m->g, wide(x), tn_dim_of(x, 0), tn_dim_of(x, 0));
    return optim_keep(s, slot, op_inverse_when(tn_add(x, optim_times(eye, ridge)), slot, optim_due(s)));
}

/* The gradient of weight and bias as one matrix. */
static tn_tensor *joined(const optim_step *s, const optim_site *site)
{
    tn_tensor *w = as_rows(tn_flatten(s->m->now[site->weight].grad, 1));
    if (site->bias < 0)
        return w;
    return tn_concat(2, (tn_tensor *[]){w, tn_unsqueeze(tn_cast(s->m->now[site->bias].grad, wide(w)), 1)}, 1);
}

/* The way of a layer, and its product with the gradient. */
static tn_tensor *way_of(const optim_step *from, optim_site *site)
{
    optim_step s = *from;
    tn_tensor *a, *g, *dw = joined(&s, site), *zero = number(&s, 0), *one = number(&s, 1);
    s.p = &s.m->now[site->weight];
    factors(&s, site, &a, &g);
    tn_tensor *high = level(a), *low = level(g), *gamma = number(&s, s.o->eps.value);
    tn_tensor *both = tn_logical_and(tn_gt(high, zero), tn_gt(low, zero));
    tn_tensor *pi = tn_sqrt(tn_where(both, tn_div(high, tn_where(both, low, one)), one));
    gamma = tn_sqrt(gamma);
    tn_tensor *left = inverse(&s, "output_inverse", g, tn_div(gamma, pi));
    tn_tensor *right = inverse(&s, "input_inverse", a, tn_mul(gamma, pi));
    site->way = tn_matmul(tn_matmul(left, dw), right);
    return tn_cast(tn_sum(tn_mul(site->way, dw)), TN_F64);
}

/* All layers' ways, once; and how much they are shortened. */
static void find_ways(const optim_step *s)
{
    tn_tensor *sum = NULL, *zero = number(s, 0), *one = number(s, 1);
    for (size_t i = 0; i < s->m->sites.n; i++) {
        if (s->m->sites.at[i].weight < 0)
            continue;
        tn_tensor *part = way_of(s, &s->m->sites.at[i]);
        sum = sum ? tn_add(sum, part) : part;
    }
    s->m->shorten = one;
    if (!sum || s->o->kl_clip.value <= 0)
        return;
    tn_tensor *change = tn_mul(sum, tn_square(tn_cast(s->m->lr, TN_F64))), *some = tn_gt(change, zero);
    tn_tensor *most = tn_sqrt(tn_div(number(s, s->o->kl_clip.value), tn_where(some, change, one)));
    s->m->shorten = tn_where(some, tn_minimum(most, one), one);
}

tn_tensor *optim_kfac(optim_step *s)
{
    tn_tensor *way = s->g, *buffer = optim_slot(s, "momentum", 0);
    if (s->p->site) {
        if (!s->m->shorten)
            find_ways(s);
        const optim_site *site = &s->m->sites.at[s->p->site - 1];
        tn_dim columns = tn_dim_of(site->way, 1), of_weight = site->bias < 0 ? columns : columns - 1;
        bool bias = s->p->param != s->m->now[site->weight].param;
        way = tn_slice(site->way, 1, bias ? of_weight : 0, bias ? columns : of_weight);
        way = tn_cast(tn_reshape(way, tn_tensor_shape(s->w)), s->dtype);
        way = optim_times(way, s->m->shorten);
    }
    buffer = optim_keep(s, buffer, tn_add(tn_mul_f(buffer, s->o->momentum), way));
    return tn_sub(s->w, optim_times(buffer, s->lr));
}
