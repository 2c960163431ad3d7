/* sample.c: the neighbourhood of some nodes, drawn by chance; see <tarn/graph_data.h>. What is drawn for a node is a function of key,
 * round and node: it does not matter in which order nodes come, or which others do. */
#include <string.h>

#include "base/philox.h"
#include "base/vec.h"
#include "data/graph/graph_data.h"

typedef base_vec(int64_t) list;

typedef struct drawing {
    const tn_graph_view *g;
    list nodes;          /* in the graph, in the order in which they came */
    list source, target; /* edges by numbers of the graph */
    int64_t *slots;      /* place in nodes + 1, by hash */
    int64_t capacity;
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

static bool add_node(drawing *d, int64_t node)
{
    if ((int64_t)d->nodes.n * 2 >= d->capacity && !grow(d))
        return false;
    int64_t at = slot_of(d, node);
    if (d->slots[at])
        return true;
    if (!base_vec_push(&d->nodes, node))
        return false;
    d->slots[at] = (int64_t)d->nodes.n;
    return true;
}

/* `most` of the node's in-neighbours (Floyd's way to draw without repeats), ascending as they stand. */
static bool draw(drawing *d, int64_t node, int most, uint64_t key, int round, int64_t *chosen)
{
    int64_t from = d->g->in_start[node], n = d->g->in_start[node + 1] - from;
    int count = 0;
    if (most <= 0 || n <= most) {
        for (int64_t i = from; i < from + n; i++)
            if (!base_vec_push(&d->source, d->g->in_source[i]) || !base_vec_push(&d->target, node) ||
                !add_node(d, d->g->in_source[i]))
                return false;
        return true;
    }
    base_random random = base_random_new(base_philox_key(key, (uint64_t)round), (uint64_t)node);
    for (int64_t j = n - most; j < n; j++) {
        int64_t pick = (int64_t)base_random_below(&random, (uint64_t)j + 1);
        for (int k = 0; k < count; k++)
            if (chosen[k] == pick) {
                pick = j;
                break;
            }
        chosen[count++] = pick;
    }
    for (int k = 0; k < count; k++) {
        int64_t u = d->g->in_source[from + chosen[k]];
        if (!base_vec_push(&d->source, u) || !base_vec_push(&d->target, node) || !add_node(d, u))
            return false;
    }
    return true;
}

/* Edges by target, by new numbers; one that was drawn twice counts once. */
static bool order_edges(const drawing *d, tn_graph_sample *s)
{
    int64_t n = (int64_t)d->source.n;
    int64_t *start = calloc((size_t)s->nodes + 2, sizeof *start), *source = malloc((size_t)(n + 1) * sizeof *source);
    s->start = calloc((size_t)s->nodes + 1, sizeof *s->start);
    s->source = malloc((size_t)(n + 1) * sizeof *s->source);
    s->target = malloc((size_t)(n + 1) * sizeof *s->target);
    if (start && source && s->start && s->source && s->target) {
        for (int64_t i = 0; i < n; i++)
            start[d->slots[slot_of(d, d->target.at[i])]]++;
        for (int64_t v = 0; v < s->nodes; v++)
            start[v + 1] += start[v];
        for (int64_t i = 0; i < n; i++)
            source[start[d->slots[slot_of(d, d->target.at[i])] - 1]++] = d->slots[slot_of(d, d->source.at[i])] - 1;
        for (int64_t v = 0, from = 0; v < s->nodes; from = start[v++]) { /* start[v] is now where v ends */
            for (int64_t i = from; i < start[v]; i++) {
                bool again = false;
                for (int64_t k = s->start[v]; k < s->edges && !again; k++)
                    again = s->source[k] == source[i];
                if (again)
                    continue;
                s->source[s->edges] = source[i];
                s->target[s->edges++] = v;
            }
            s->start[v + 1] = s->edges;
        }
    }
    bool fine = start && source && s->start && s->source && s->target;
    free(start);
    free(source);
    return fine;
}

tn_status tn_graph_data_sample(tn_context *context, const tn_graph_data *graph, const int64_t *seeds, int64_t count,
                               const int *fanout, int rounds, uint64_t key, tn_graph_sample *sample)
{
    base_error *e = base_context_begin(context);
    drawing d = {.g = &graph->view};
    int most = 1;
    *sample = (tn_graph_sample){0};
    for (int64_t i = 0; i < count; i++)
        if (seeds[i] < 0 || seeds[i] >= graph->view.nodes)
            return base_fail(e, TN_INVALID, "there is no node %lld in a graph of %lld", (long long)seeds[i],
                             (long long)graph->view.nodes);
    for (int h = 0; h < rounds; h++)
        most = fanout[h] > most ? fanout[h] : most;
    int64_t *chosen = malloc((size_t)most * sizeof *chosen);
    bool fine = chosen != NULL;
    for (int64_t i = 0; i < count && fine; i++)
        fine = add_node(&d, seeds[i]);
    size_t from = 0;
    for (int h = 0; h < rounds && fine; h++) {
        size_t to = d.nodes.n;
        for (; from < to && fine; from++)
            fine = draw(&d, d.nodes.at[from], fanout[h], key, h, chosen);
    }
    sample->nodes = (int64_t)d.nodes.n;
    fine = fine && order_edges(&d, sample);
    sample->node = d.nodes.at;
    free(chosen);
    free(d.slots);
    base_vec_free(&d.source);
    base_vec_free(&d.target);
    if (fine)
        return TN_OK;
    tn_graph_sample_free(sample);
    return base_no_memory(e, "drawing neighbours");
}

void tn_graph_sample_free(tn_graph_sample *s)
{
    free(s->node);
    free(s->start);
    free(s->source);
    free(s->target);
    *s = (tn_graph_sample){0};
}
