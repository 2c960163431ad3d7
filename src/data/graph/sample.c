/* sample.c: the neighbourhood of some nodes, drawn by chance; see <tarn/graph_data.h>. What is drawn for a node is a function of key,
 * round and node: it does not matter in which order nodes come, or which others do. A node's neighbours are drawn once, when its turn
 * comes, so edges are in the order of their targets and none comes twice. */
#include "base/philox.h"
#include "base/vec.h"
#include "data/graph/graph_data.h"

typedef base_vec(int64_t) list;

typedef struct drawing {
    const tn_graph_view *g;
    list nodes;        /* in the graph, in the order in which they came */
    list source, edge; /* by new numbers; the edge's number in the graph */
    list start;        /* of each node whose turn has come: its first edge */
    int64_t *slots;    /* place in nodes + 1, by hash */
    int64_t capacity;
    int64_t *chosen; /* of one node: which of its edges */
} drawing;

static int64_t slot_of(const drawing *d, int64_t node)
{
    int64_t at = (int64_t)(base_mix((uint64_t)node) & (uint64_t)(d->capacity - 1));
    while (d->slots[at] && d->nodes.at[d->slots[at] - 1] != node)
        at = (at + 1) & (d->capacity - 1);
    return at;
}

static bool grow(drawing *d)
{
    int64_t capacity = d->capacity ? d->capacity * 2 : 256;
    int64_t *slots = calloc((size_t)capacity, sizeof *slots);
    if (!slots)
        return false;
    free(d->slots);
    d->slots = slots;
    d->capacity = capacity;
    for (size_t i = 0; i < d->nodes.n; i++)
        d->slots[slot_of(d, d->nodes.at[i])] = (int64_t)i + 1;
    return true;
}

/* The new number of a node; -1: out of memory. */
static int64_t number_of(drawing *d, int64_t node)
{
    if ((int64_t)d->nodes.n * 2 >= d->capacity && !grow(d))
        return -1;
    int64_t at = slot_of(d, node);
    if (!d->slots[at]) {
        if (!base_vec_push(&d->nodes, node))
            return -1;
        d->slots[at] = (int64_t)d->nodes.n;
    }
    return d->slots[at] - 1;
}

static bool add_edge(drawing *d, int64_t edge)
{
    const int64_t source = number_of(d, d->g->in_source[edge]);
    return source >= 0 && base_vec_push(&d->source, source) && base_vec_push(&d->edge, edge);
}

/* `most` of n numbers, in no order: Floyd's way, which looks at those chosen so far. */
static void choose_few(base_random *random, int64_t n, int64_t most, int64_t *chosen)
{
    int64_t count = 0;
    for (int64_t j = n - most; j < n; j++) {
        int64_t pick = (int64_t)base_random_below(random, (uint64_t)j + 1);
        for (int64_t k = 0; k < count; k++)
            if (chosen[k] == pick) {
                pick = j;
                break;
            }
        chosen[count++] = pick;
    }
}

/* The same, ascending: each is taken with the chance that is left for it (Knuth, volume 2, algorithm S), which looks at all n. */
static void choose_many(base_random *random, int64_t n, int64_t most, int64_t *chosen)
{
    int64_t count = 0;
    for (int64_t i = 0; i < n && count < most; i++)
        if ((int64_t)base_random_below(random, (uint64_t)(n - i)) < most - count)
            chosen[count++] = i;
}

/* `most` of the node's in-neighbours, without repeats. */
static bool draw(drawing *d, int64_t node, int64_t most, uint64_t key, int round)
{
    const int64_t from = d->g->in_start[node], n = d->g->in_start[node + 1] - from;
    if (!base_vec_push(&d->start, (int64_t)d->edge.n))
        return false;
    if (most <= 0 || n <= most) {
        for (int64_t i = from; i < from + n; i++)
            if (!add_edge(d, i))
                return false;
        return true;
    }
    base_random random = base_random_new(base_philox_key(key, (uint64_t)round), (uint64_t)node);
    (most / 8 < n / most ? choose_few : choose_many)(&random, n, most, d->chosen);
    for (int64_t k = 0; k < most; k++)
        if (!add_edge(d, from + d->chosen[k]))
            return false;
    return true;
}

static bool draw_all(drawing *d, const int64_t *seeds, int64_t count, const int *fanout, int rounds, uint64_t key)
{
    int most = 1;
    for (int h = 0; h < rounds; h++)
        most = fanout[h] > most ? fanout[h] : most;
    d->chosen = malloc((size_t)most * sizeof *d->chosen);
    if (!d->chosen || !grow(d))
        return false;
    for (int64_t i = 0; i < count; i++)
        if (number_of(d, seeds[i]) < 0)
            return false;
    size_t from = 0;
    for (int h = 0; h < rounds; h++)
        for (size_t to = d->nodes.n; from < to; from++)
            if (!draw(d, d->nodes.at[from], fanout[h], key, h))
                return false;
    while (d->start.n <= d->nodes.n) /* those that came last have no edges */
        if (!base_vec_push(&d->start, (int64_t)d->edge.n))
            return false;
    return true;
}

/* Which node each edge comes to. */
static int64_t *targets(const drawing *d)
{
    int64_t *target = malloc((d->edge.n + 1) * sizeof *target);
    for (size_t v = 0; target && v < d->nodes.n; v++)
        for (int64_t i = d->start.at[v]; i < d->start.at[v + 1]; i++)
            target[i] = (int64_t)v;
    return target;
}

tn_status graph_sample(const tn_graph_view *g, const int64_t *seeds, int64_t count, const int *fanout, int rounds,
                       uint64_t key, tn_graph_sample *sample, base_error *e)
{
    drawing d = {.g = g};
    *sample = (tn_graph_sample){0};
    for (int64_t i = 0; i < count; i++)
        if (seeds[i] < 0 || seeds[i] >= g->nodes)
            return base_fail(e, TN_INVALID, "there is no node %lld in a graph of %lld", (long long)seeds[i],
                             (long long)g->nodes);
    bool fine = draw_all(&d, seeds, count, fanout, rounds, key);
    *sample = (tn_graph_sample){.nodes = (int64_t)d.nodes.n,
                                .edges = (int64_t)d.edge.n,
                                .node = d.nodes.at,
                                .start = d.start.at,
                                .source = d.source.at,
                                .target = fine ? targets(&d) : NULL,
                                .edge = d.edge.at};
    free(d.chosen);
    free(d.slots);
    if (fine && sample->target)
        return TN_OK;
    tn_graph_sample_free(sample);
    return base_no_memory(e, "drawing neighbours");
}

tn_status tn_graph_data_sample(tn_context *context, const tn_graph_data *graph, const int64_t *seeds, int64_t count,
                               const int *fanout, int rounds, uint64_t key, tn_graph_sample *sample)
{
    return graph_sample(&graph->view, seeds, count, fanout, rounds, key, sample, base_context_begin(context));
}

void tn_graph_sample_free(tn_graph_sample *s)
{
    free(s->node);
    free(s->start);
    free(s->source);
    free(s->target);
    free(s->edge);
    *s = (tn_graph_sample){0};
}
