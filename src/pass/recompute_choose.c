/* recompute_choose.c: which values are worth computing again. Two kinds of ways, from what costs little to what saves most:
 *
 * cheap ones: a value that gradients read is dropped where a few nodes that do little arithmetic make it from values that are
 * kept anyway, or from smaller ones: activations, norms, dropout, masks. Greedy, in the order of the graph, as what is made
 * first lives longest.
 *
 * segments (Chen et al., 2016, section 4): the forward pass is cut where little crosses, into parts of about equal bytes; only
 * what crosses is kept, and each part runs again when gradients come to it. Memory falls like the root of the depth, for about
 * one more forward pass.
 *
 * Bytes are those of this size. Nothing here knows the memory plan: who asks plans each way and takes the first that fits. */
#include "pass/recompute_choose.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_CHAIN = 16, MOST_DEPTH = 6 };

typedef struct chooser {
    recompute_ways *w;
    const tn_graph *g;
    const int64_t *symbol;
    const bool *backward;
    bool *cheap;   /* by node: little arithmetic for what it moves */
    bool *saved;   /* by value: gradients read it, or a view of it */
    double *bytes; /* by value */
    int *base;     /* by value: the value whose bytes it shows */
    int *depth;    /* by node that is computed again: how many such nodes it waits for, one after the other */
    const tn_tensor **value;
    base_error *e;
} chooser;

/* ---- what is known of the graph ------------------------------------------------------------------------------------ */

static tn_status measure(chooser *x, const tn_tensor *t, graph_type *numbers)
{
    double bytes = (double)tn_dtype_size(t->type.dtype);
    *numbers = t->type;
    for (int i = 0; i < t->type.rank; i++) {
        int64_t size;
        BASE_TRY(dim_eval(x->g->dims, t->type.dims[i], x->symbol, &size, x->e));
        numbers->dims[i] = size;
        bytes *= (double)size;
    }
    x->bytes[t->id] = bytes;
    return TN_OK;
}

static tn_status look_at(chooser *x, const graph_node *node)
{
    graph_type in[node->n_in + 1], out[node->n_out + 1];
    const graph_type *pin[node->n_in + 1];
    double elements = 0;
    for (int k = 0; k < node->n_in; k++) {
        pin[k] = NULL;
        if (!node->in[k])
            continue;
        BASE_TRY(measure(x, node->in[k], &in[k]));
        elements += op_elements(pin[k] = &in[k]);
    }
    for (int k = 0; k < node->n_out; k++) {
        BASE_TRY(measure(x, &node->out[k], &out[k]));
        elements += op_elements(&out[k]);
        x->value[node->out[k].id] = &node->out[k];
        x->base[node->out[k].id] = node->out[k].id;
    }
    if ((node->def->flags & OP_VIEW) && node->in[0])
        x->base[node->out[0].id] = x->base[node->in[0]->id];
    const double flops = op_flops_of(node->def, node->arg, pin, out, node->n_out);
    x->cheap[node->id] = !(node->def->flags & (OP_SOURCE | OP_OPAQUE)) && flops <= 8 * elements;
    return TN_OK;
}

static bool is_view(const graph_node *node)
{
    return (node->def->flags & OP_VIEW) && node->in[0];
}

/* Whether the node may be computed again at all. */
static bool may(const chooser *x, const graph_node *node)
{
    return !x->backward[node->id] && !(node->def->flags & (OP_SOURCE | OP_OPAQUE));
}

static void find_saved(chooser *x)
{
    for (size_t i = 0; i < x->g->nodes.n; i++)
        for (int k = 0; x->backward[i] && k < x->g->nodes.at[i]->n_in; k++)
            if (x->g->nodes.at[i]->in[k])
                x->saved[x->base[x->g->nodes.at[i]->in[k]->id]] = true;
    for (size_t i = 0; i < x->g->results.n; i++)
        if (x->g->results.at[i].kind == GRAPH_OUTPUT)
            x->saved[x->base[x->g->results.at[i].value->id]] = true;
}

/* ---- cheap ones ---------------------------------------------------------------------------------------------------- */

/* Nodes from which a value is made again. */
typedef struct chain {
    const graph_node *node[MOST_CHAIN];
    int n;
    double added; /* bytes of values that have to be kept for it */
} chain;

static bool in_chain(const chain *c, const graph_node *node)
{
    for (int i = 0; i < c->n; i++)
        if (c->node[i] == node)
            return true;
    return false;
}

/* Whether a value is there when gradients are computed, whatever is decided. */
static bool is_there(const chooser *x, const tn_tensor *base)
{
    return (base->node->def->flags & OP_SOURCE) || x->saved[base->id] || x->w->cheap[base->node->id] ||
           x->w->by_hand[base->node->id];
}

/* The chain behind `node` that goes so many nodes back from it; false: it would hold too many. */
static bool grow_chain(const chooser *x, const graph_node *node, int levels, chain *c)
{
    int first = 0;
    *c = (chain){.node = {node}, .n = 1};
    for (int level = 0;; level++) {
        const int end = c->n;
        for (int i = first; i < end; i++)
            for (int k = 0; k < c->node[i]->n_in; k++) {
                const tn_tensor *t = c->node[i]->in[k] ? x->value[x->base[c->node[i]->in[k]->id]] : NULL;
                if (!t || is_there(x, t) || in_chain(c, t->node))
                    continue;
                if (level == levels || !may(x, t->node) || !x->cheap[t->node->id]) {
                    c->added += x->bytes[t->id];
                    continue;
                }
                if (c->n == MOST_CHAIN)
                    return false;
                c->node[c->n++] = t->node;
            }
        if (c->n == end)
            return true;
        first = end;
    }
}

static double saved_by(const chooser *x, const chain *c)
{
    double bytes = -c->added;
    for (int k = 0; k < c->node[0]->n_out; k++)
        if (x->saved[c->node[0]->out[k].id])
            bytes += x->bytes[c->node[0]->out[k].id];
    return bytes;
}

/* How many nodes wait for each other in the chain and in what was taken before. */
static int depth_of(const chooser *x, const chain *c)
{
    int depth = 0;
    for (int i = 0; i < c->n; i++)
        for (int k = 0; k < c->node[i]->n_in; k++)
            if (c->node[i]->in[k]) {
                int behind = x->depth[x->value[x->base[c->node[i]->in[k]->id]]->node->id];
                depth = behind > depth ? behind : depth;
            }
    return depth + 1;
}

static void take_chain(chooser *x, const chain *c, int depth)
{
    x->w->n_cheap++;
    for (int i = 0; i < c->n; i++)
        for (int k = 0; k < c->node[i]->n_in; k++) {
            const tn_tensor *t = c->node[i]->in[k] ? x->value[x->base[c->node[i]->in[k]->id]] : NULL;
            if (t && !is_there(x, t) && !in_chain(c, t->node))
                x->saved[t->id] = true;
        }
    for (int i = 0; i < c->n; i++) {
        x->w->cheap[c->node[i]->id] = x->w->n_cheap;
        x->depth[c->node[i]->id] = depth;
        for (int k = 0; k < c->node[i]->n_out; k++)
            x->saved[c->node[i]->out[k].id] = false;
    }
}

static void find_cheap(chooser *x)
{
    for (size_t i = 0; i < x->g->nodes.n; i++) {
        const graph_node *node = x->g->nodes.at[i];
        if (!may(x, node) || !x->cheap[i] || is_view(node) || x->w->cheap[i])
            continue;
        chain best = {0}, c;
        for (int levels = 0; levels < MOST_DEPTH; levels++)
            if (grow_chain(x, node, levels, &c) && saved_by(x, &c) > 0 &&
                (!best.n || saved_by(x, &c) > saved_by(x, &best)))
                best = c;
        if (best.n && depth_of(x, &best) <= MOST_DEPTH)
            take_chain(x, &best, depth_of(x, &best));
    }
}

/* ---- segments ------------------------------------------------------------------------------------------------------ */

typedef struct cuts {
    double *weight;   /* by node: bytes that it makes and gradients read */
    double *crossing; /* by node: bytes that live on behind it in the forward pass */
    int *last;        /* by value: the last node of the forward pass that reads it */
} cuts;

static void find_crossing(const chooser *x, cuts *c)
{
    const tn_graph *g = x->g;
    for (size_t i = 0; i < g->nodes.n; i++) {
        const graph_node *node = g->nodes.at[i];
        for (int k = 0; k < node->n_out; k++)
            if (x->saved[node->out[k].id] && may(x, node))
                c->weight[i] += x->bytes[node->out[k].id];
        for (int k = 0; !x->backward[i] && k < node->n_in; k++)
            if (node->in[k])
                c->last[x->base[node->in[k]->id]] = (int)i;
    }
    for (size_t i = 0; i < g->nodes.n; i++) /* rises where it is made, falls at its last reader */
        for (int k = 0; k < g->nodes.at[i]->n_out; k++) {
            const tn_tensor *t = &g->nodes.at[i]->out[k];
            if (!may(x, g->nodes.at[i]) || x->base[t->id] != t->id || c->last[t->id] <= (int)i)
                continue;
            c->crossing[i] += x->bytes[t->id];
            c->crossing[c->last[t->id]] -= x->bytes[t->id];
        }
    for (size_t i = 1; i < g->nodes.n; i++)
        c->crossing[i] += c->crossing[i - 1];
}

/* The nodes after which the forward pass is cut, into about n segments; how many. */
static int place_cuts(const chooser *x, const cuts *c, int n, int *at)
{
    double total = 0, sum = 0;
    int found = 0, best = -1;
    for (size_t i = 0; i < x->g->nodes.n; i++)
        total += c->weight[i];
    for (int i = 0; i < (int)x->g->nodes.n; i++) {
        if (!may(x, x->g->nodes.at[i]))
            continue;
        sum += c->weight[i];
        if (sum >= 0.7 * total / n && (best < 0 || c->crossing[i] <= c->crossing[best]))
            best = i;
        if (sum < 1.3 * total / n || best < 0)
            continue;
        at[found++] = best;
        sum = 0;
        for (int k = best + 1; k <= i; k++)
            sum += c->weight[k];
        best = -1;
    }
    return found;
}

/* Which nodes run again if the forward pass is cut there. What crosses a cut is kept; what comes after the last one too. */
static double mark_segments(const chooser *x, const cuts *c, const int *at, int n, int *segment)
{
    double kept = 0, largest = 0, sum = 0;
    for (int i = 0, s = 0; i < (int)x->g->nodes.n; i++) {
        const graph_node *node = x->g->nodes.at[i];
        bool crosses = false;
        for (; s < n && i > at[s]; s++, sum = 0)
            largest = sum > largest ? sum : largest;
        sum += c->weight[i];
        for (int k = 0; k < node->n_out; k++) {
            int base = x->base[node->out[k].id];
            if (s < n && c->last[base] > at[s])
                crosses = true;
            if (s < n && c->last[base] > at[s] && base == node->out[k].id && may(x, node))
                kept += x->bytes[base];
        }
        segment[i] = s < n && may(x, node) && !crosses ? s + 1 : 0;
    }
    for (int i = 0; i < (int)x->g->nodes.n; i++) { /* a view goes with what it shows */
        const graph_node *node = x->g->nodes.at[i];
        if (is_view(node) && segment[i])
            segment[i] = segment[x->value[x->base[node->out[0].id]]->node->id];
    }
    return kept + (sum > largest ? sum : largest);
}

typedef struct way {
    double peak;
    int n, *segment;
} way;

/* Keeps the ways with the lowest expected peaks, the lowest first. */
static void keep_way(recompute_ways *w, double *peaks, way new)
{
    enum { MOST = sizeof w->segment / sizeof *w->segment };
    int i = w->n_cuts;
    if (i == MOST && new.peak >= peaks[MOST - 1]) {
        free(new.segment);
        return;
    }
    if (i == MOST)
        free(w->segment[--i]);
    else
        w->n_cuts++;
    for (; i > 0 && peaks[i - 1] > new.peak; i--) {
        peaks[i] = peaks[i - 1];
        w->segment[i] = w->segment[i - 1];
        w->segments[i] = w->segments[i - 1];
    }
    peaks[i] = new.peak;
    w->segment[i] = new.segment;
    w->segments[i] = new.n;
}

static tn_status find_cuts(chooser *x)
{
    static const int counts[] = {2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64, 91, 128};
    size_t n = x->g->nodes.n + 1;
    double peaks[8];
    cuts c = {calloc(n, sizeof *c.weight), calloc(n, sizeof *c.crossing),
              malloc(((size_t)x->g->n_tensors + 1) * sizeof *c.last)};
    int *at = malloc(n * sizeof *at), before = 0;
    bool ok = c.weight && c.crossing && c.last && at;
    for (int i = 0; ok && i < x->g->n_tensors; i++)
        c.last[i] = -1;
    if (ok)
        find_crossing(x, &c);
    for (size_t i = 0; ok && i < sizeof counts / sizeof *counts; i++) {
        way new = {.n = place_cuts(x, &c, counts[i], at)};
        if (new.n <= before)
            continue;
        before = new.n;
        new.segment = malloc(n * sizeof *new.segment);
        ok = new.segment != NULL;
        if (!ok)
            break;
        new.peak = mark_segments(x, &c, at, new.n, new.segment);
        keep_way(x->w, peaks, new);
    }
    free(c.weight);
    free(c.crossing);
    free(c.last);
    free(at);
    return ok ? TN_OK : base_no_memory(x->e, "finding what is computed again");
}

/* ---- all ----------------------------------------------------------------------------------------------------------- */

static tn_status find_all(chooser *x)
{
    for (size_t i = 0; i < x->g->nodes.n; i++)
        BASE_TRY(look_at(x, x->g->nodes.at[i]));
    find_saved(x);
    BASE_TRY(find_cuts(x));
    for (size_t i = 0; i < x->g->nodes.n; i++)
        for (int k = 0; x->w->by_hand[i] && k < x->g->nodes.at[i]->n_out; k++)
            x->saved[x->g->nodes.at[i]->out[k].id] = false;
    find_cheap(x);
    return TN_OK;
}

tn_status recompute_find_ways(recompute_ways *w, const tn_graph *g, const int64_t *symbol, base_error *e)
{
    size_t n = g->nodes.n + 1, tensors = (size_t)g->n_tensors + 1;
    *w = (recompute_ways){.g = g, .by_hand = pass_find_regions(g, e), .backward = pass_find_backward(g, e)};
    w->cheap = calloc(n, sizeof *w->cheap);
    if (!w->by_hand || !w->backward)
        return e->status;
    chooser x = {.w = w,
                 .g = g,
                 .symbol = symbol,
                 .backward = w->backward,
                 .cheap = calloc(n, sizeof *x.cheap),
                 .saved = calloc(tensors, sizeof *x.saved),
                 .bytes = calloc(tensors, sizeof *x.bytes),
                 .base = calloc(tensors, sizeof *x.base),
                 .depth = calloc(n, sizeof *x.depth),
                 .value = calloc(tensors, sizeof *x.value),
                 .e = e};
    bool ok = w->cheap && x.cheap && x.saved && x.bytes && x.base && x.depth && x.value;
    tn_status status = ok ? find_all(&x) : base_no_memory(e, "finding what is computed again");
    free(x.cheap);
    free(x.saved);
    free(x.bytes);
    free(x.base);
    free(x.depth);
    free(x.value);
    return status;
}

/* A view is computed again with what it shows. */
static void follow_views(const recompute_ways *w, bool *again)
{
    for (size_t i = 0; i < w->g->nodes.n; i++)
        if (is_view(w->g->nodes.at[i]) && !w->backward[i])
            again[i] = again[w->g->nodes.at[i]->in[0]->node->id];
}

void recompute_take_cheap(const recompute_ways *w, int n, bool *again)
{
    for (size_t i = 0; i < w->g->nodes.n; i++)
        again[i] = w->by_hand[i] || (w->cheap[i] && w->cheap[i] <= n);
    follow_views(w, again);
}

void recompute_take_segments(const recompute_ways *w, int cut, int n, bool *again)
{
    int end = 0;
    for (int i = 0; i < (int)w->g->nodes.n; i++) {
        again[i] = w->segment[cut][i] && w->segment[cut][i] <= n;
        end = again[i] ? i : end;
    }
    for (size_t i = (size_t)end + 1; i < w->g->nodes.n; i++)
        again[i] = w->by_hand[i] || w->cheap[i];
    follow_views(w, again);
}

void recompute_free_ways(recompute_ways *w)
{
    free(w->by_hand);
    free(w->backward);
    free(w->cheap);
    for (int i = 0; i < w->n_cuts; i++)
        free(w->segment[i]);
    *w = (recompute_ways){0};
}
