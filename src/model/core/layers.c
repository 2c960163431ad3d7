/* layers.c: the layers of a model as a table: what a recipe listed, else what the names of nodes and parameters tell. A row holds the nodes
 * that are its own and, as children, rows of scopes with parameters below it; its figures include theirs. */
#include <stdlib.h>
#include <string.h>

#include "model/core/model.h"
#include "op/scheme/op.h"

enum { MOST_DEPTH = 32 };

typedef struct part part;
struct part {
    tn_layer_row row;
    part *parent, *first, *last, *next; /* children in the order in which they came */
    const tn_tensor *output;            /* the last of its values that somebody else reads */
    double most;                        /* FLOPs of the node that its type is of */
    bool told;                          /* a layer of a recipe, which says its type */
};

typedef struct table {
    tn_model *m;
    const tn_graph *g;
    base_arena arena;
    base_map parts;     /* by path */
    base_map scopes;    /* paths that hold parameters or statistics themselves, up to their last point */
    part root, **layer; /* by number of the graph's layers */
    part **of;          /* by node: whose it is; NULL: not needed for the output, or a source */
    bool *needed;
    int64_t *symbol;
    size_t n; /* nodes that the model had before a trainer came */
    base_error *e;
} table;

static tn_status no_memory(table *t)
{
    return base_no_memory(t->e, "listing layers");
}

/* ---- which nodes, which scopes ----------------------------------------------------------------------------------- */

static void find_needed(table *t)
{
    t->needed[t->m->output->node->id] = true;
    for (size_t i = t->n; i-- > 0;)
        for (int k = 0; t->needed[i] && k < t->g->nodes.at[i]->n_in; k++)
            if (t->g->nodes.at[i]->in[k])
                t->needed[t->g->nodes.at[i]->in[k]->node->id] = true;
}

/* "conv1" of "conv1.weight" and of "conv1.parametrizations.weight.original0"; "" where there is no point. NULL: no memory. */
static const char *scope_of(table *t, const char *name)
{
    const char *end = strstr(name, ".parametrizations."), *point = strrchr(name, '.');
    end = end ? end : point ? point : name;
    return base_arena_printf(&t->arena, "%.*s", (int)(end - name), name);
}

static bool is_model_state(const table *t, const graph_state *s)
{
    return s->value && (size_t)s->value->node->id < t->n;
}

static tn_status find_scopes(table *t)
{
    for (size_t i = 0; i < t->g->state.n; i++) {
        const graph_state *s = t->g->state.at[i];
        const char *scope = is_model_state(t, s) ? scope_of(t, s->name) : "";
        if (!scope || (scope[0] && !base_map_put(&t->scopes, scope, (void *)(uintptr_t)s)))
            return no_memory(t);
    }
    return TN_OK;
}

/* ---- parts ------------------------------------------------------------------------------------------------------- */

static part *add_part(table *t, part *parent, const char *name, const char *type)
{
    part *p = BASE_NEW(&t->arena, part);
    if (!p || !name)
        return NULL;
    *p = (part){.parent = parent, .row = {.name = name, .type = type, .depth = parent->row.depth + 1}};
    if (parent->last)
        parent->last->next = p;
    else
        parent->first = p;
    parent->last = p;
    parent->row.parts++;
    return p;
}

/* The part of a scope, below `top`, whose own path is the first `done` bytes of it: one for each point on the way, as far as people look. */
static part *part_of_scope(table *t, part *top, const char *scope, size_t done)
{
    while (scope[done] && top->row.depth < MOST_DEPTH) {
        done += scope[done] == '.';
        done += strcspn(scope + done, ".");
        const char *path = base_arena_printf(&t->arena, "%.*s", (int)done, scope);
        part *p = path ? base_map_get(&t->parts, path) : NULL;
        if (!p && (!(p = add_part(t, top, path, "")) || !base_map_put(&t->parts, path, p)))
            return NULL;
        top = p;
    }
    return top;
}

/* The longest beginning of the node's path that holds parameters, or NULL; it is cut off in place. */
static char *stateful(table *t, char *scope)
{
    while (scope[0] && !base_map_get(&t->scopes, scope)) {
        char *point = strrchr(scope, '.');
        if (!point)
            return NULL;
        *point = '\0';
    }
    return scope[0] ? scope : NULL;
}

static part *layer_part(table *t, int number)
{
    part **p = &t->layer[number - 1];
    const graph_layer *l = &t->g->layers.at[number - 1];
    if (!*p && (*p = add_part(t, &t->root, l->name, l->type)) != NULL) {
        (*p)->told = true;
        if (!base_map_get(&t->parts, l->name) && !base_map_put(&t->parts, l->name, *p))
            return NULL;
    }
    return *p;
}

/* A node that is part of no layer with parameters is a row of its own in its scope; where it only shows the elements of another value in
 * another order, it counts to the scope, as there are many. */
static part *node_part(table *t, const graph_node *node, const char *scope)
{
    part *inside = part_of_scope(t, &t->root, scope, 0);
    if (!inside || (inside != &t->root && (node->def->flags & OP_VIEW)))
        return inside;
    return add_part(t, inside, node->name, node->def->name);
}

static part *part_of(table *t, const graph_node *node)
{
    const char *scope = scope_of(t, node->name);
    char *longest = scope ? base_arena_strdup(&t->arena, scope) : NULL;
    if (!longest)
        return NULL;
    longest = stateful(t, longest);
    if (!node->mark.layer)
        return longest ? part_of_scope(t, &t->root, longest, 0) : node_part(t, node, scope);
    part *layer = layer_part(t, node->mark.layer);
    const size_t n = layer ? strlen(layer->row.name) : 0;
    const bool below = layer && longest && strncmp(longest, layer->row.name, n) == 0 && longest[n] == '.';
    return below ? part_of_scope(t, layer, longest, n) : layer;
}

static bool is_source(const graph_node *node)
{
    return (node->def->flags & OP_SOURCE) != 0;
}

static tn_status place_nodes(table *t)
{
    for (size_t i = 0; i < t->n; i++) {
        const graph_node *node = t->g->nodes.at[i];
        if (t->needed[i] && !is_source(node) && !(t->of[i] = part_of(t, node)))
            return no_memory(t);
    }
    return TN_OK;
}

/* ---- figures ----------------------------------------------------------------------------------------------------- */

static tn_status numbers_of(const table *t, const graph_type *type, graph_type *numbers)
{
    *numbers = *type;
    for (int i = 0; i < type->rank; i++)
        BASE_TRY(dim_eval(t->g->dims, type->dims[i], t->symbol, &numbers->dims[i], t->e));
    return TN_OK;
}

static double bytes_of(const graph_type *numbers)
{
    return op_elements(numbers) * (double)tn_dtype_size(numbers->dtype);
}

static tn_status flops_of(const table *t, const graph_node *node, double *flops)
{
    graph_type in[node->n_in + 1], out[node->n_out + 1];
    const graph_type *pin[node->n_in + 1];
    for (int k = 0; k < node->n_in; k++) {
        pin[k] = node->in[k] ? &in[k] : NULL;
        if (node->in[k])
            BASE_TRY(numbers_of(t, &node->in[k]->type, &in[k]));
    }
    for (int k = 0; k < node->n_out; k++)
        BASE_TRY(numbers_of(t, &node->out[k].type, &out[k]));
    *flops = op_flops_of(node->def, node->arg, pin, out, node->n_out);
    return TN_OK;
}

static void add_up(part *p, double flops, double bytes)
{
    for (; p; p = p->parent) {
        p->row.flops += flops;
        p->row.bytes += bytes;
    }
}

static tn_status count_flops(table *t)
{
    for (size_t i = 0; i < t->n; i++) {
        double flops = 0;
        part *p = t->of[i];
        if (!p)
            continue;
        const graph_node *node = t->g->nodes.at[i];
        BASE_TRY(flops_of(t, node, &flops));
        add_up(p, flops, 0);
        const bool view = (node->def->flags & OP_VIEW) != 0; /* says little of what a layer does */
        if (!p->told && !view && (!p->row.type[0] || flops > p->most)) {
            p->row.type = node->def->name;
            p->most = flops;
        }
    }
    return TN_OK;
}

static bool within(const part *inner, const part *outer)
{
    while (inner && inner != outer)
        inner = inner->parent;
    return inner != NULL;
}

/* Somebody who is `reader` (NULL: who asks for the output) reads a value: it is an output of all parts that it leaves. */
static void leaves(table *t, const tn_tensor *value, const part *reader)
{
    for (part *p = t->of[value->node->id]; p && !within(reader, p); p = p->parent)
        if (!p->output || p->output->id < value->id)
            p->output = value;
}

/* Bytes of the values that go in and out of the nodes of one part, each once. `stamp` is by value, all below `now` at first. What only shows
 * elements in another order moves nothing. */
static tn_status count_value(table *t, part *p, const tn_tensor *value, int *stamp, int now)
{
    graph_type numbers;
    if (stamp[value->id] == now)
        return TN_OK;
    stamp[value->id] = now;
    BASE_TRY(numbers_of(t, &value->type, &numbers));
    add_up(p, 0, bytes_of(&numbers));
    return TN_OK;
}

/* Nodes of a part stand apart in the graph: they are sorted by part first, as pairs of part and node. */
typedef struct pair {
    part *p;
    const graph_node *node;
} pair;

static int by_part(const void *a, const void *b)
{
    const pair *x = a, *y = b;
    if (x->p != y->p)
        return (uintptr_t)x->p < (uintptr_t)y->p ? -1 : 1;
    return x->node->id < y->node->id ? -1 : x->node->id > y->node->id;
}

static tn_status count_nodes(table *t, const pair *at, size_t n, int *stamp, int now)
{
    bool moves = false;
    for (size_t i = 0; i < n; i++)
        moves |= !(at[i].node->def->flags & OP_VIEW);
    for (size_t i = 0; moves && i < n; i++) /* what comes in */
        for (int k = 0; k < at[i].node->n_in; k++) {
            const tn_tensor *in = at[i].node->in[k];
            if (in && t->of[in->node->id] != at[i].p)
                BASE_TRY(count_value(t, at[i].p, in, stamp, now));
        }
    return TN_OK;
}

/* What others read was given out once. */
static tn_status count_given(table *t, const tn_tensor *value, int *stamp, int now)
{
    part *p = t->of[value->node->id];
    return p && !(value->node->def->flags & OP_VIEW) ? count_value(t, p, value, stamp, now) : TN_OK;
}

static tn_status count_bytes(table *t)
{
    pair *pairs = BASE_ARRAY(&t->arena, pair, t->n + 1);
    int *stamp = BASE_ARRAY(&t->arena, int, t->g->n_tensors + 1), now = 0;
    size_t n = 0;
    if (!pairs || !stamp)
        return no_memory(t);
    for (size_t i = 0; i < t->n; i++)
        if (t->of[i])
            pairs[n++] = (pair){t->of[i], t->g->nodes.at[i]};
    qsort(pairs, n, sizeof *pairs, by_part);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i; end < n && pairs[end].p == pairs[i].p;)
            end++;
        BASE_TRY(count_nodes(t, pairs + i, end - i, stamp, ++now));
    }
    now++;
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < pairs[i].node->n_in; k++) {
            const tn_tensor *in = pairs[i].node->in[k];
            if (!in || t->of[in->node->id] == pairs[i].p)
                continue;
            leaves(t, in, pairs[i].p);
            BASE_TRY(count_given(t, in, stamp, now));
        }
    leaves(t, t->m->output, NULL);
    return count_given(t, t->m->output, stamp, now);
}

/* Whose a parameter is: its scope's, else the first's that reads it. */
static part *owner(table *t, const graph_state *s)
{
    const char *scope = scope_of(t, s->name);
    part *p = scope && scope[0] ? base_map_get(&t->parts, scope) : NULL;
    for (size_t i = 0; !p && i < t->n; i++)
        for (int k = 0; !p && t->of[i] && k < t->g->nodes.at[i]->n_in; k++)
            p = t->g->nodes.at[i]->in[k] == s->value ? t->of[i] : NULL;
    return p ? p : &t->root;
}

static void count_state(table *t)
{
    for (size_t i = 0; i < t->g->state.n; i++) {
        const graph_state *s = t->g->state.at[i];
        if (!is_model_state(t, s))
            continue;
        int64_t n = 1;
        for (int k = 0; k < s->type.rank; k++)
            n *= s->type.dims[k];
        for (part *p = owner(t, s); p; p = p->parent)
            *(!s->trainable ? &p->row.kept : s->frozen ? &p->row.frozen : &p->row.parameters) += n;
    }
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

/* How many parts are below p, and the bytes of their names. */
static void count_parts(const part *p, size_t *n, size_t *bytes)
{
    for (const part *child = p->first; child; child = child->next) {
        ++*n;
        *bytes += strlen(child->row.name) + 1;
        count_parts(child, n, bytes);
    }
}

static tn_status put_rows(table *t, const part *p, tn_layer_row *rows, int *n, char **names)
{
    graph_type numbers;
    for (const part *child = p->first; child; child = child->next) {
        tn_layer_row *row = &rows[(*n)++];
        *row = child->row;
        row->type = child->told || !child->first ? row->type : ""; /* what holds others is no operator */
        const size_t bytes = strlen(row->name) + 1;
        row->name = memcpy(*names, row->name, bytes);
        *names += bytes;
        if (child->output) {
            BASE_TRY(numbers_of(t, &child->output->type, &numbers));
            row->output = tn_view_of(NULL, numbers.dtype, numbers.rank, numbers.dims);
        }
        BASE_TRY(put_rows(t, child, rows, n, names));
    }
    return TN_OK;
}

static tn_status make(table *t, int64_t batch, int64_t open)
{
    const size_t atoms = t->g->dims->atoms.n;
    t->needed = BASE_ARRAY(&t->arena, bool, t->g->nodes.n + 1);
    t->of = BASE_ARRAY(&t->arena, part *, t->g->nodes.n + 1);
    t->layer = BASE_ARRAY(&t->arena, part *, t->g->layers.n + 1);
    t->symbol = BASE_ARRAY(&t->arena, int64_t, atoms + 1);
    if (!t->needed || !t->of || !t->layer || !t->symbol)
        return no_memory(t);
    for (size_t i = 0; i < atoms; i++)
        t->symbol[i] = open;
    const int first = dim_symbol_of(t->g->dims, t->m->input->type.dims[0]);
    if (first >= 0)
        t->symbol[first] = batch;
    find_needed(t);
    BASE_TRY(find_scopes(t));
    BASE_TRY(place_nodes(t));
    BASE_TRY(count_flops(t));
    BASE_TRY(count_bytes(t));
    count_state(t);
    return TN_OK;
}

tn_status tn_model_layers(tn_model *m, int64_t batch, int64_t open, tn_layer_row **rows, int *n)
{
    base_clear(&m->error);
    table t = {.m = m, .g = m->graph, .n = m->given.nodes, .e = &m->error, .root = {.row = {.depth = -1}}};
    tn_status status = make(&t, batch, open);
    size_t count = 0, bytes = 0;
    *rows = NULL;
    *n = 0;
    count_parts(&t.root, &count, &bytes);
    if (status == TN_OK && !(*rows = malloc(count * sizeof **rows + bytes + 1)))
        status = no_memory(&t);
    if (status == TN_OK) {
        char *names = (char *)(*rows + count);
        status = put_rows(&t, &t.root, *rows, n, &names);
    }
    if (status != TN_OK) {
        free(*rows);
        *rows = NULL;
        *n = 0;
    }
    base_map_free(&t.parts);
    base_map_free(&t.scopes);
    base_arena_free(&t.arena);
    return status;
}
