/* drawn.c: nodes as samples whose batches bring the neighbourhood that is drawn for them; see tn_dataset_neighbours in
 * <tarn/graph_data.h>. */
#include <string.h>

#include "base/room.h"
#include "data/dataset.h"
#include "data/graph/graph_data.h"

enum { MOST_ROUNDS = 16 };
enum { NODES, SOURCE, TARGET, START, WEIGHT, DEGREE, LOOP, PLACE, LISTS };
_Static_assert((int)LISTS <= (int)DATA_MOST_LISTS, "a loader has room for so many lists");

static const data_list list[LISTS] = {
    [NODES] = {"nodes", TN_I64},      [SOURCE] = {"edge_source", TN_I64}, [TARGET] = {"edge_target", TN_I64},
    [START] = {"edge_start", TN_I64}, [WEIGHT] = {"edge_weight", TN_F32}, [DEGREE] = {"degree", TN_F32},
    [LOOP] = {"loop", TN_F32},        [PLACE] = {"place", TN_I64}};

/* In the data set's arena, as what it points to. The data set holds the graph. */
typedef struct drawn {
    const tn_graph_view *g;
    int rounds;
    int fanout[MOST_ROUNDS];
    float *degree, *loop; /* by node */
    data_lists lists;
} drawn;

/* Up to eight sizes an octave, never less than asked for. */
static int64_t rounded(int64_t n)
{
    int64_t step = 1;
    while (n / step >= 16)
        step *= 2;
    return (n + step - 1) / step * step;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The most nodes and edges of a batch's neighbourhood: each edge brings a new node, but there are no more than the graph has. */
static void most_of(const drawn *d, int64_t batch, int64_t *nodes, int64_t *edges)
{
    int64_t last = least(batch, d->g->nodes), more; /* nodes that came in the round before */
    *nodes = last;
    *edges = 0;
    for (int h = 0; h < d->rounds; h++, last = least(more, d->g->nodes)) {
        if (d->fanout[h] <= 0 || __builtin_mul_overflow(last, (int64_t)d->fanout[h], &more))
            more = d->g->edges;
        *edges = least(more, d->g->edges - *edges) + *edges;
        *nodes = least(more, d->g->nodes - *nodes) + *nodes;
    }
}

static int64_t most_in_list(const void *user, int which, int64_t batch)
{
    int64_t nodes, edges;
    most_of(user, batch, &nodes, &edges);
    switch (which) {
    case PLACE: return batch;
    case START: return rounded(nodes + 1) + 1;
    case SOURCE:
    case TARGET:
    case WEIGHT: return rounded(edges > 0 ? edges : 1);
    default: return rounded(nodes + 1);
    }
}

/* Room for n entries; NULL: out of memory. */
static void *entries(data_filled *out, int which, int64_t n)
{
    const size_t bytes = (size_t)n * tn_dtype_size(list[which].dtype);
    if (bytes > out[which].room) {
        out[which].room = 0;
        if (!base_grow(&out[which].at, bytes))
            return NULL;
        out[which].room = bytes;
    }
    out[which].n = n;
    return out[which].at;
}

static bool take_edges(const drawn *d, const tn_graph_sample *s, int64_t last, int64_t n, data_filled *out)
{
    int64_t *source = entries(out, SOURCE, n), *target = entries(out, TARGET, n);
    float *weight = entries(out, WEIGHT, n);
    if (!source || !target || !weight)
        return false;
    for (int64_t i = 0; i < s->edges; i++) {
        const int64_t v = s->target[i], *start = d->g->in_start + s->node[v];
        const float share = (float)(start[1] - start[0]) / (float)(s->start[v + 1] - s->start[v]);
        source[i] = s->source[i];
        target[i] = v;
        weight[i] = d->g->in_weight ? d->g->in_weight[s->edge[i]] * share : share;
    }
    for (int64_t i = s->edges; i < n; i++) {
        source[i] = target[i] = last;
        weight[i] = 0;
    }
    return true;
}

static bool take_nodes(const drawn *d, const tn_graph_sample *s, int64_t n, int64_t edges, data_filled *out)
{
    int64_t *node = entries(out, NODES, n), *start = entries(out, START, n + 1);
    float *degree = entries(out, DEGREE, n), *loop = entries(out, LOOP, n);
    if (!node || !start || !degree || !loop)
        return false;
    memcpy(start, s->start, (size_t)s->nodes * sizeof *start);
    for (int64_t v = 0; v < n; v++) {
        node[v] = v < s->nodes ? s->node[v] : s->node[s->nodes - 1 - (v - s->nodes) % s->nodes];
        degree[v] = d->degree[node[v]];
        loop[v] = d->loop[node[v]];
    }
    for (int64_t v = s->nodes; v < n; v++)
        start[v] = s->edges;
    start[n] = edges;
    return true;
}

/* Where each sample's node stands: among the first, in the order of the samples, but for one that comes twice. */
static bool take_places(const tn_graph_sample *s, const int64_t *x, int64_t n, data_filled *out)
{
    int64_t *place = entries(out, PLACE, n), at = 0;
    for (int64_t i = 0; place && i < n; i++) {
        place[i] = at;
        if (at < s->nodes && s->node[at] == x[i])
            at++;
        else
            for (place[i] = 0; s->node[place[i]] != x[i];)
                place[i]++;
    }
    return place != NULL;
}

static tn_status fill(const void *user, const tn_view *fields, int64_t n, uint64_t key, data_filled *out, base_error *e)
{
    const drawn *d = user;
    tn_graph_sample s;
    BASE_TRY(graph_sample(d->g, fields[0].data, n, d->fanout, d->rounds, key, &s, e));
    const int64_t nodes = rounded(s.nodes + 1), edges = rounded(s.edges > 0 ? s.edges : 1);
    const bool fine = take_edges(d, &s, nodes - 1, edges, out) && take_nodes(d, &s, nodes, edges, out) &&
                      take_places(&s, fields[0].data, n, out);
    tn_graph_sample_free(&s);
    return fine ? TN_OK : base_no_memory(e, "drawing neighbours");
}

static void measure(drawn *d)
{
    for (int64_t v = 0; v < d->g->nodes; v++) {
        double sum = 0;
        d->loop[v] = 1;
        for (int64_t i = d->g->in_start[v]; i < d->g->in_start[v + 1]; i++) {
            sum += d->g->in_weight ? (double)d->g->in_weight[i] : 1;
            if (d->g->in_source[i] == v)
                d->loop[v] = 0;
        }
        d->degree[v] = (float)sum;
    }
}

tn_dataset *tn_dataset_neighbours(tn_context *context, const tn_graph_data *graph, int kind, const int *fanout,
                                  int rounds)
{
    if (rounds < 1 || rounds > MOST_ROUNDS) {
        base_fail(base_context_begin(context), TN_INVALID, "neighbours are drawn in 1 to %d rounds, not %d",
                  MOST_ROUNDS, rounds);
        return NULL;
    }
    tn_dataset *set = tn_dataset_nodes(context, graph, kind);
    drawn *d = set ? BASE_NEW(&set->arena, drawn) : NULL;
    if (!set)
        return NULL;
    if (d) {
        *d = (drawn){.g = &graph->view,
                     .rounds = rounds,
                     .degree = BASE_ARRAY(&set->arena, float, (size_t)graph->view.nodes),
                     .loop = BASE_ARRAY(&set->arena, float, (size_t)graph->view.nodes),
                     .lists = {.list = list, .n = LISTS, .most = most_in_list, .fill = fill, .user = d}};
        memcpy(d->fanout, fanout, (size_t)rounds * sizeof *fanout);
    }
    if (!d || !d->degree || !d->loop) {
        base_no_memory(base_context_begin(context), "reading a graph");
        tn_dataset_free(set);
        return NULL;
    }
    measure(d);
    set->lists = &d->lists;
    return set;
}
