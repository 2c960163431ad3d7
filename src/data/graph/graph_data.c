/* graph_data.c: graphs out of tables; see <tarn/graph_data.h>. */
#include "data/graph/graph_data.h"

#include <math.h>
#include <string.h>

#include "base/text.h"
#include "data/dataset.h"
#include "data/table/prep.h"

enum { MOST_FEATURES = 1 << 28 };

/* ---- names of nodes ---------------------------------------------------------------------------------------------- */

/* From the values of a column to numbers of nodes: often they are the numbers 0, 1, ... themselves. */
typedef struct naming {
    bool plain;
    int64_t n;
    table_words words;
} naming;

static const char *const what[] = {"nodes", "edges", "features"};

static tn_status column_or(const tn_table *t, const char *name, const char *usual, int nth, int table, int *k,
                           base_error *e)
{
    *k = tn_table_find(t, name ? name : usual ? usual : "");
    if (*k < 0 && !name && nth >= 0 && nth < t->n_columns)
        *k = nth;
    if (*k >= 0 || (!name && nth < 0))
        return TN_OK;
    return name ? base_fail(e, TN_NOT_FOUND, "the table of %s has no column \"%s\"", what[table], BASE_SHOW(name))
                : base_fail(e, TN_FORMAT, "the table of %s has %d columns; at least %d are due", what[table],
                            t->n_columns, nth + 1);
}

static tn_status name_nodes(const tn_table *t, int k, naming *names, base_error *e)
{
    const tn_column *c = &t->columns[k];
    char buffer[PREP_TEXT];
    names->n = t->rows;
    names->plain = c->type == TN_COLUMN_INTEGER && c->n_missing == 0;
    for (int64_t i = 0; i < t->rows && names->plain; i++)
        names->plain = ((const int64_t *)c->values)[i] == i;
    for (int64_t i = 0; i < t->rows && !names->plain; i++) {
        const char *text;
        size_t length;
        if (prep_cell_text(t, k, i, buffer, &text, &length) != PREP_GOT)
            return base_fail(e, TN_FORMAT, "row %lld of the table of nodes: the node has no name", (long long)i + 1);
        int32_t number = table_word(&names->words, text, length, INT32_MAX);
        if (number == -1)
            return base_no_memory(e, "reading a graph");
        if (number != i)
            return base_fail(e, TN_FORMAT, "rows %lld and %lld of the table of nodes are the same node",
                             (long long)number + 1, (long long)i + 1);
    }
    return TN_OK;
}

/* The node that a cell names. */
static tn_status node_of(const naming *names, const tn_table *t, int table, int k, int64_t row, int64_t *node,
                         base_error *e)
{
    const tn_column *c = &t->columns[k];
    char buffer[PREP_TEXT], shown[PREP_TEXT] = "";
    const char *text = "";
    size_t length = 0;
    if (names->plain && c->type == TN_COLUMN_INTEGER && !table_bit(c->missing, row)) {
        *node = ((const int64_t *)c->values)[row];
        if (*node >= 0 && *node < names->n)
            return TN_OK;
    }
    if (prep_cell_text(t, k, row, buffer, &text, &length) == PREP_GOT && !names->plain) {
        int32_t number = table_word((table_words *)(uintptr_t)&names->words, text, length, names->words.ends.n);
        *node = number;
        if (number >= 0)
            return TN_OK;
        if (number == -1)
            return base_no_memory(e, "reading a graph");
    }
    memcpy(shown, text, length < sizeof shown - 1 ? length : sizeof shown - 1);
    return base_fail(e, TN_FORMAT, "row %lld of the table of %s: there is no node \"%s\"", (long long)row + 1,
                     what[table], BASE_SHOW(shown));
}

/* A number that stays one as f32. */
static bool is_finite(const tn_table *t, int k, int64_t row, double *v)
{
    return prep_cell_number(t, k, row, v) == PREP_GOT && isfinite((float)*v);
}

/* ---- lists by node ------------------------------------------------------------------------------------------------ */

typedef struct entry {
    int64_t node, other;
    float value;
} entry;

static bool in_order(const entry *entries, int64_t n)
{
    for (int64_t i = 1; i < n; i++)
        if (entries[i].node < entries[i - 1].node ||
            (entries[i].node == entries[i - 1].node && entries[i].other < entries[i - 1].other))
            return false;
    return true;
}

/* Entries by node, others ascending; equal ones one after the other. Counting sorts, so that large graphs take no longer. */
static tn_status sort_entries(entry *entries, int64_t n, int64_t nodes, int64_t others, base_error *e)
{
    if (in_order(entries, n))
        return TN_OK;
    entry *spare = malloc((size_t)(n + 1) * sizeof *spare);
    int64_t *start = calloc((size_t)(nodes > others ? nodes : others) + 2, sizeof *start);
    if (!spare || !start) {
        free(spare);
        free(start);
        return base_no_memory(e, "reading a graph");
    }
    for (int64_t i = 0; i < n; i++)
        start[entries[i].other + 1]++;
    for (int64_t i = 0; i < others; i++)
        start[i + 1] += start[i];
    for (int64_t i = 0; i < n; i++)
        spare[start[entries[i].other]++] = entries[i];
    memset(start, 0, (size_t)(nodes + 2) * sizeof *start);
    for (int64_t i = 0; i < n; i++)
        start[spare[i].node + 1]++;
    for (int64_t i = 0; i < nodes; i++)
        start[i + 1] += start[i];
    for (int64_t i = 0; i < n; i++)
        entries[start[spare[i].node]++] = spare[i];
    free(spare);
    free(start);
    return TN_OK;
}

/* Of several equal entries the first stays. */
static int64_t drop_repeats(entry *entries, int64_t n)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < n; i++)
        if (kept == 0 || entries[i].node != entries[kept - 1].node || entries[i].other != entries[kept - 1].other)
            entries[kept++] = entries[i];
    return kept;
}

static void *room(int64_t n, size_t size, base_error *e)
{
    void *p = calloc((size_t)(n > 0 ? n : 1), size);
    if (!p)
        base_no_memory(e, "reading a graph");
    return p;
}

/* Start of each node's entries, and the others. */
static tn_status lists(const entry *entries, int64_t n, int64_t nodes, int64_t **start, int64_t **others,
                       float **values, base_error *e)
{
    *start = room(nodes + 1, sizeof **start, e);
    *others = room(n, sizeof **others, e);
    if (values)
        *values = room(n, sizeof **values, e);
    if (!*start || !*others || (values && !*values))
        return TN_MEMORY;
    for (int64_t i = 0; i < n; i++) {
        (*start)[entries[i].node + 1]++;
        (*others)[i] = entries[i].other;
        if (values)
            (*values)[i] = entries[i].value;
    }
    for (int64_t i = 0; i < nodes; i++)
        (*start)[i + 1] += (*start)[i];
    return TN_OK;
}

/* ---- edges -------------------------------------------------------------------------------------------------------- */

static tn_status take_edges(const naming *names, const tn_table *t, const tn_graph_data_opt *o, entry *out, int64_t *n,
                            base_error *e)
{
    int source, target, weight = -1;
    BASE_TRY(column_or(t, o->source, NULL, 0, 1, &source, e));
    BASE_TRY(column_or(t, o->target, NULL, 1, 1, &target, e));
    if (o->weight)
        BASE_TRY(column_or(t, o->weight, NULL, -1, 1, &weight, e));
    for (int64_t r = 0; r < t->rows; r++) {
        int64_t u, v;
        double w = 1;
        BASE_TRY(node_of(names, t, 1, source, r, &u, e));
        BASE_TRY(node_of(names, t, 1, target, r, &v, e));
        if (weight >= 0 && !is_finite(t, weight, r, &w))
            return base_fail(e, TN_FORMAT,
                             "row %lld of the table of edges, column \"%s\": the weight is missing, no number, or not "
                             "finite",
                             (long long)r + 1, BASE_SHOW(t->columns[weight].name));
        out[(*n)++] = (entry){v, u, (float)w};
        if (!o->directed && u != v)
            out[(*n)++] = (entry){u, v, (float)w};
    }
    return TN_OK;
}

static tn_status read_edges(tn_graph_data *g, const naming *names, const tn_table *t, const tn_graph_data_opt *o,
                            base_error *e)
{
    int64_t n = 0, most = t ? t->rows * 2 : 0;
    entry *edges = room(most, sizeof *edges, e);
    tn_status status = edges ? TN_OK : TN_MEMORY;
    if (status == TN_OK && t)
        status = take_edges(names, t, o, edges, &n, e);
    if (status == TN_OK)
        status = sort_entries(edges, n, g->view.nodes, g->view.nodes, e);
    if (status == TN_OK) {
        n = drop_repeats(edges, n);
        status = lists(edges, n, g->view.nodes, &g->in_start, &g->in_source, o->weight ? &g->in_weight : NULL, e);
    }
    g->in_target = status == TN_OK ? room(n, sizeof *g->in_target, e) : NULL;
    if (g->in_target) {
        for (int64_t i = 0; i < n; i++) {
            g->in_target[i] = edges[i].node;
            edges[i] = (entry){edges[i].other, edges[i].node, 0};
        }
        status = sort_entries(edges, n, g->view.nodes, g->view.nodes, e);
        if (status == TN_OK)
            status = lists(edges, n, g->view.nodes, &g->out_start, &g->out_target, NULL, e);
    } else {
        status = TN_MEMORY == status || !e ? TN_MEMORY : e->status;
    }
    g->view.edges = n;
    free(edges);
    return status;
}

/* ---- features ----------------------------------------------------------------------------------------------------- */

static tn_status no_value(const tn_table *t, int table, int k, int64_t row, base_error *e)
{
    return base_fail(e, TN_FORMAT,
                     "row %lld of the table of %s, column \"%s\": the value is missing, no number, or not finite; a "
                     "feature that a node does not have is 0",
                     (long long)row + 1, what[table], BASE_SHOW(t->columns[k].name));
}

static tn_status take_features(const naming *names, const tn_table *t, entry *out, int64_t *features, base_error *e)
{
    if (t->n_columns < 2 || t->n_columns > 3)
        return base_fail(e, TN_FORMAT,
                         "the table of features has %d columns; node, feature and perhaps a value are due",
                         t->n_columns);
    for (int64_t r = 0; r < t->rows; r++) {
        int64_t node;
        double feature, value = 1;
        BASE_TRY(node_of(names, t, 2, 0, r, &node, e));
        if (prep_cell_number(t, 1, r, &feature) != PREP_GOT || feature < 0 || feature >= MOST_FEATURES ||
            feature != floor(feature))
            return base_fail(e, TN_FORMAT,
                             "row %lld of the table of features: the number of the feature is not 0 to %d",
                             (long long)r + 1, MOST_FEATURES - 1);
        if (t->n_columns == 3 && !is_finite(t, 2, r, &value))
            return no_value(t, 2, 2, r, e);
        out[r] = (entry){node, (int64_t)feature, (float)value};
        *features = (int64_t)feature >= *features ? (int64_t)feature + 1 : *features;
    }
    return TN_OK;
}

static bool is_feature(const tn_graph_data *g, const tn_table *t, int k)
{
    const tn_column_type type = t->columns[k].type;
    return k != g->node_column && k != g->label_column && k != g->split_column &&
           (type == TN_COLUMN_INTEGER || type == TN_COLUMN_NUMBER || type == TN_COLUMN_BOOLEAN);
}

/* Columns of the table of nodes. */
static tn_status take_columns(const tn_graph_data *g, const tn_table *t, entry *out, int64_t *n, int64_t *features,
                              base_error *e)
{
    *n = 0;
    for (int64_t r = 0; r < t->rows; r++) {
        int64_t f = 0;
        for (int k = 0; k < t->n_columns; k++)
            if (is_feature(g, t, k)) {
                double v = 0;
                if (!is_finite(t, k, r, &v))
                    return no_value(t, 0, k, r, e);
                if (v != 0)
                    out[(*n)++] = (entry){r, f, (float)v};
                f++;
            }
        *features = f;
    }
    return TN_OK;
}

static tn_status read_features(tn_graph_data *g, const naming *names, const tn_table *nodes, const tn_table *t,
                               bool normalize, base_error *e)
{
    int columns = 0;
    for (int k = 0; k < nodes->n_columns; k++)
        columns += is_feature(g, nodes, k);
    int64_t most = t ? t->rows : nodes->rows * columns, n = most;
    entry *values = room(most, sizeof *values, e);
    tn_status status = values ? TN_OK : TN_MEMORY;
    if (status == TN_OK && t)
        status = take_features(names, t, values, &g->view.features, e);
    else if (status == TN_OK)
        status = take_columns(g, nodes, values, &n, &g->view.features, e);
    if (status == TN_OK)
        status = sort_entries(values, n, g->view.nodes, g->view.features, e);
    if (status == TN_OK) {
        n = drop_repeats(values, n);
        status = lists(values, n, g->view.nodes, &g->value_start, &g->value_feature, &g->value, e);
    }
    for (int64_t v = 0; status == TN_OK && normalize && v < g->view.nodes; v++) {
        double sum = 0;
        for (int64_t i = g->value_start[v]; i < g->value_start[v + 1]; i++)
            sum += (double)g->value[i];
        for (int64_t i = g->value_start[v]; sum != 0 && i < g->value_start[v + 1]; i++)
            g->value[i] = (float)((double)g->value[i] / sum);
    }
    g->view.values = n;
    free(values);
    return status;
}

/* ---- labels and splits -------------------------------------------------------------------------------------------- */

static tn_status name_classes(tn_graph_data *g, const table_words *words, base_error *e)
{
    size_t n = words->ends.n;
    g->class_names = BASE_ARRAY(&g->arena, const char *, n + 1);
    for (size_t i = 0; g->class_names && i < n; i++) {
        size_t length;
        const char *text = table_word_text(words, i, &length);
        char *copy = base_arena_alloc(&g->arena, length + 1);
        if (!copy)
            return base_no_memory(e, "reading a graph");
        memcpy(copy, text, length);
        g->class_names[i] = copy;
    }
    if (!g->class_names)
        return base_no_memory(e, "reading a graph");
    qsort((void *)g->class_names, n, sizeof *g->class_names, table_text_order);
    g->view.classes = (int)n;
    return TN_OK;
}

static tn_status read_labels(tn_graph_data *g, const tn_table *t, base_error *e)
{
    table_words words = {0};
    char buffer[PREP_TEXT];
    const char *text;
    size_t length;
    tn_status status = TN_OK;
    for (int64_t i = 0; i < t->rows && status == TN_OK; i++) {
        g->labels[i] = -1;
        if (g->label_column >= 0 && prep_cell_text(t, g->label_column, i, buffer, &text, &length) == PREP_GOT &&
            (g->labels[i] = table_word(&words, text, length, 1 << 20)) < 0)
            status = g->labels[i] == -1
                         ? base_no_memory(e, "reading a graph")
                         : base_fail(e, TN_LIMIT, "the nodes have more than %d different labels", 1 << 20);
    }
    status = status == TN_OK ? name_classes(g, &words, e) : status;
    int64_t *rank = room((int64_t)words.ends.n, sizeof *rank, e); /* from the order of coming to that of names */
    for (size_t i = 0; status == TN_OK && rank && i < words.ends.n; i++)
        rank[table_word(&words, g->class_names[i], strlen(g->class_names[i]), SIZE_MAX)] = (int64_t)i;
    for (int64_t i = 0; status == TN_OK && rank && i < t->rows; i++)
        g->labels[i] = g->labels[i] < 0 ? -1 : rank[g->labels[i]];
    status = status == TN_OK && !rank ? TN_MEMORY : status;
    free(rank);
    table_words_free(&words);
    return status;
}

static void read_split(tn_graph_data *g, const tn_table *t)
{
    static const char *const words[] = {"train", "training", "val", "valid", "validation", "test"};
    static const uint8_t kinds[] = {TN_NODE_TRAIN, TN_NODE_TRAIN, TN_NODE_VALID,
                                    TN_NODE_VALID, TN_NODE_VALID, TN_NODE_TEST};
    for (int64_t i = 0; i < t->rows; i++) {
        size_t length;
        const char *text = g->split_column >= 0 ? tn_table_text(t, g->split_column, i, &length) : NULL;
        g->split[i] = g->split_column >= 0 ? TN_NODE_NONE : TN_NODE_TRAIN;
        for (int k = 0; text && k < 6; k++)
            if (strlen(words[k]) == length && memcmp(words[k], text, length) == 0)
                g->split[i] = kinds[k];
    }
}

/* ---- all ---------------------------------------------------------------------------------------------------------- */

/* In front of a sentence about a table's values its file. */
static tn_status in_table(const tn_table *t, tn_status status, base_error *e)
{
    if (status == TN_OK || status == TN_MEMORY || !t || !t->name)
        return status;
    return base_prefix(e, "%s: ", t->name);
}

static tn_status read_all(tn_graph_data *g, naming *names, const tn_table *nodes, const tn_table *edges,
                          const tn_table *features, const tn_graph_data_opt *o, base_error *e)
{
    if (!nodes || nodes->rows < 1)
        return base_fail(e, TN_INVALID, "a graph needs a table of nodes, with one at least");
    BASE_TRY(in_table(nodes, column_or(nodes, o->node, "node", 0, 0, &g->node_column, e), e));
    BASE_TRY(in_table(nodes, column_or(nodes, o->label, "label", -1, 0, &g->label_column, e), e));
    BASE_TRY(in_table(nodes, column_or(nodes, o->split, "split", -1, 0, &g->split_column, e), e));
    g->view.nodes = nodes->rows;
    BASE_TRY(in_table(nodes, name_nodes(nodes, g->node_column, names, e), e));
    g->labels = room(nodes->rows, sizeof *g->labels, e);
    g->split = room(nodes->rows, sizeof *g->split, e);
    if (!g->labels || !g->split)
        return TN_MEMORY;
    BASE_TRY(in_table(nodes, read_labels(g, nodes, e), e));
    read_split(g, nodes);
    BASE_TRY(in_table(edges, read_edges(g, names, edges, o, e), e));
    BASE_TRY(in_table(features ? features : nodes, read_features(g, names, nodes, features, o->normalize, e), e));
    tn_graph_view *v = &g->view;
    v->in_start = g->in_start;
    v->in_source = g->in_source;
    v->in_target = g->in_target;
    v->in_weight = g->in_weight;
    v->out_start = g->out_start;
    v->out_target = g->out_target;
    v->value_start = g->value_start;
    v->value_feature = g->value_feature;
    v->value = g->value;
    v->class_names = g->class_names;
    v->labels = g->labels;
    v->split = g->split;
    return TN_OK;
}

tn_graph_data *tn_graph_data_new(tn_context *context, const tn_table *nodes, const tn_table *edges,
                                 const tn_table *features, const tn_graph_data_opt *opt)
{
    base_error own = {0}, *e = base_context_begin(context);
    naming names = {0};
    tn_graph_data *g = calloc(1, sizeof *g);
    e = e ? e : &own;
    if (!g) {
        base_no_memory(e, "reading a graph");
        return NULL;
    }
    atomic_init(&g->references, 1);
    tn_status status = read_all(g, &names, nodes, edges, features, opt ? opt : &(tn_graph_data_opt){0}, e);
    table_words_free(&names.words);
    if (status == TN_OK)
        return g;
    tn_graph_data_free(g);
    return NULL;
}

const tn_graph_data *graph_data_retain(const tn_graph_data *g)
{
    atomic_fetch_add_explicit(&((tn_graph_data *)(uintptr_t)g)->references, 1, memory_order_relaxed);
    return g;
}

void tn_graph_data_free(tn_graph_data *g)
{
    if (!g || atomic_fetch_sub_explicit(&g->references, 1, memory_order_acq_rel) != 1)
        return;
    void *all[] = {g->in_start,    g->in_source,     g->in_target, g->in_weight, g->out_start, g->out_target,
                   g->value_start, g->value_feature, g->value,     g->labels,    g->split};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    base_arena_free(&g->arena);
    free(g);
}

const tn_graph_view *tn_graph_data_view(const tn_graph_data *g)
{
    return &g->view;
}

void tn_graph_data_features(const tn_graph_data *g, const int64_t *nodes, int64_t count, float *x)
{
    memset(x, 0, (size_t)count * (size_t)g->view.features * sizeof *x);
    for (int64_t i = 0; i < count; i++) {
        int64_t v = nodes ? nodes[i] : i;
        for (int64_t k = g->value_start[v]; k < g->value_start[v + 1]; k++)
            x[i * g->view.features + g->value_feature[k]] = g->value[k];
    }
}

/* ---- nodes as samples ---------------------------------------------------------------------------------------------- */

typedef struct node_set {
    const tn_graph_data *graph;
    int64_t *nodes;
} node_set;

static tn_status set_get(void *user, int64_t index, uint64_t key, const tn_sample *sample)
{
    const node_set *s = user;
    (void)key;
    *(int64_t *)sample->at[0] = s->nodes[index];
    *(int64_t *)sample->at[1] = s->graph->labels[s->nodes[index]];
    return TN_OK;
}

static int64_t set_label(void *user, int64_t index)
{
    const node_set *s = user;
    return s->graph->labels[s->nodes[index]];
}

static void set_release(void *user)
{
    node_set *s = user;
    tn_graph_data_free((tn_graph_data *)(uintptr_t)s->graph);
    free(s->nodes);
    free(s);
}

const tn_graph_data *graph_data_of(const tn_dataset *set)
{
    return set->def.get == set_get ? ((const node_set *)set->def.user)->graph : NULL;
}

tn_dataset *tn_dataset_nodes(tn_context *context, const tn_graph_data *g, int kind)
{
    base_error own = {0}, *e = base_context_begin(context);
    e = e ? e : &own;
    if (g->view.classes < 2) {
        base_fail(e, TN_INVALID, "the nodes of this graph have %d classes; there must be two at least",
                  g->view.classes);
        return NULL;
    }
    node_set *s = calloc(1, sizeof *s);
    int64_t *nodes = room(g->view.nodes, sizeof *nodes, e), n = 0;
    if (!s || !nodes) {
        base_no_memory(e, "reading a graph");
        free(s);
        free(nodes);
        return NULL;
    }
    s->graph = graph_data_retain(g);
    s->nodes = nodes;
    for (int64_t v = 0; v < g->view.nodes; v++)
        if (g->labels[v] >= 0 && (kind < 0 || g->split[v] == kind))
            nodes[n++] = v;
    const tn_field fields[] = {{.name = "x", .dtype = TN_I64}, {.name = "y", .dtype = TN_I64}};
    const tn_dataset_def def = {.count = n,
                                .fields = fields,
                                .n_fields = 2,
                                .classes = g->view.classes,
                                .class_names = g->class_names,
                                .get = set_get,
                                .label = set_label,
                                .release = set_release,
                                .user = s};
    tn_dataset *d = data_new(&def, e);
    if (!d)
        set_release(s);
    return d;
}
