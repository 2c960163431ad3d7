/* graph.c: making graphs and nodes, names, state, entries. */
#include "graph/graph.h"

#include <stdlib.h>
#include <string.h>

static void set_up(tn_graph *g, tn_context *context)
{
    g->context = context;
    g->arena = &g->own_arena;
    g->own_dims.arena = g->arena;
    g->dims = &g->own_dims;
    g->poison = (tn_tensor){.graph = g, .type = {.dtype = TN_F32}};
}

tn_graph *tn_graph_new(tn_context *context)
{
    tn_graph *g = calloc(1, sizeof *g);
    if (!g) {
        base_no_memory(&context->err, "making a graph");
        return NULL;
    }
    set_up(g, base_context_retain(context));
    return g;
}

static void free_vectors(tn_graph *g)
{
    for (size_t i = 0; i < g->nodes.n; i++)
        if (g->nodes.at[i]->sub)
            graph_release_sub(g->nodes.at[i]->sub);
    for (size_t i = 0; i < g->entries.n; i++)
        base_vec_free(&g->entries.at[i]->results);
    base_vec_free(&g->nodes);
    base_vec_free(&g->state);
    base_vec_free(&g->entries);
    base_vec_free(&g->updates);
    base_vec_free(&g->losses);
    base_vec_free(&g->layers);
    base_vec_free(&g->scopes);
    base_vec_free(&g->results);
    base_map_free(&g->names);
    base_map_free(&g->suffixes);
    base_map_free(&g->states);
}

void tn_graph_free(tn_graph *g)
{
    if (!g)
        return;
    free_vectors(g);
    dim_table_free(&g->own_dims);
    base_arena_free(&g->own_arena);
    tn_context_free(g->context);
    free(g);
}

tn_graph *graph_like(const tn_graph *g)
{
    tn_graph *like = tn_graph_new(g->context);
    if (like && !dim_copy_table(like->dims, g->dims)) {
        tn_graph_free(like);
        return NULL;
    }
    return like;
}

tn_graph *graph_sub(tn_graph *g)
{
    tn_graph *sub = BASE_NEW(g->arena, tn_graph);
    if (!sub)
        return NULL;
    set_up(sub, g->context);
    sub->arena = g->arena;
    sub->dims = g->dims;
    return sub;
}

void graph_release_sub(tn_graph *sub)
{
    free_vectors(sub);
}

tn_status tn_graph_status(const tn_graph *g)
{
    return g->error.status;
}

const char *tn_graph_error(const tn_graph *g)
{
    return g ? g->error.text : "";
}

tn_tensor *graph_fail(tn_graph *g, tn_status status, const char *fmt, ...)
{
    if (g->error.status == TN_OK) {
        va_list args;
        va_start(args, fmt);
        base_vfail(&g->error, status, fmt, args);
        va_end(args);
    }
    return &g->poison;
}

/* ---- layers ------------------------------------------------------------------------------------------------------ */

void graph_layer_begin(tn_graph *g, const char *type)
{
    const graph_layer layer = {.name = "", .type = base_arena_strdup(g->arena, type)};
    if (!layer.type || !base_vec_push(&g->layers, layer))
        graph_fail(g, TN_MEMORY, "out of memory while building a graph");
    else
        g->mark.layer = (int)g->layers.n;
}

void graph_layer_end(tn_graph *g, const char *name)
{
    const char *own = base_arena_strdup(g->arena, name);
    if (!own)
        graph_fail(g, TN_MEMORY, "out of memory while building a graph");
    else if (g->mark.layer)
        g->layers.at[g->mark.layer - 1].name = own;
    g->mark.layer = 0;
}

/* ---- names ----------------------------------------------------------------------------------------------------- */

const char *graph_path(tn_graph *g, const char *name)
{
    base_str s = {0};
    for (size_t i = 0; i < g->scopes.n; i++)
        base_str_printf(&s, "%s.", g->scopes.at[i]);
    base_str_add(&s, name);
    const char *path = s.failed ? NULL : base_arena_strdup(g->arena, base_str_text(&s));
    base_str_free(&s);
    return path;
}

const char *graph_unique(tn_graph *g, const char *path)
{
    if (!base_map_get(&g->names, path))
        return path;
    /* Names are never taken back, so what was tried once need not be tried again. */
    int *k = base_map_get(&g->suffixes, path);
    if (!k) {
        const char *key = base_arena_strdup(g->arena, path);
        k = BASE_NEW(g->arena, int);
        if (!key || !k || !base_map_put(&g->suffixes, key, k))
            return NULL;
        *k = 2;
    }
    for (;; ++*k) {
        const char *name = base_arena_printf(g->arena, "%s_%d", path, *k);
        if (!name || !base_map_get(&g->names, name))
            return name;
    }
}

void tn_scope_push(tn_graph *g, const char *name)
{
    const char *copy = base_arena_strdup(g->arena, name);
    if (name[0] == '\0' || strchr(name, '/'))
        graph_fail(g, TN_INVALID, "the scope name '%s' is empty or holds '/'", name);
    if (!copy || !base_vec_push(&g->scopes, copy))
        graph_fail(g, TN_MEMORY, "out of memory while entering a scope");
}

void tn_scope_pop(tn_graph *g)
{
    if (g->scopes.n)
        g->scopes.n--;
    else
        graph_fail(g, TN_INVALID, "tn_scope_pop without tn_scope_push");
}

void tn_recompute_begin(tn_graph *g)
{
    if (g->mark.region)
        graph_fail(g, TN_INVALID,
                   "tn_recompute_begin twice: a region of values that are computed again cannot hold another");
    g->mark.region = ++g->n_regions;
}

void tn_recompute_end(tn_graph *g)
{
    if (!g->mark.region)
        graph_fail(g, TN_INVALID, "tn_recompute_end without tn_recompute_begin");
    g->mark.region = 0;
}

/* ---- nodes ----------------------------------------------------------------------------------------------------- */

static graph_node *no_memory(tn_graph *g)
{
    graph_fail(g, TN_MEMORY, "out of memory while building a graph of %zu nodes", g->nodes.n);
    return NULL;
}

graph_node *graph_add(tn_graph *g, const struct op_def *def, const char *path, int n_in, tn_tensor *const *in,
                      int n_out, const graph_type *types, struct op_value *arg)
{
    graph_node *node = BASE_NEW(g->arena, graph_node);
    const char *name = path ? graph_unique(g, path) : NULL;
    if (name == path) /* what is made unique is in the arena already */
        name = base_arena_strdup(g->arena, path);
    if (!node || !name)
        return no_memory(g);
    *node = (graph_node){
        .def = def, .name = name, .id = (int)g->nodes.n, .n_in = n_in, .n_out = n_out, .arg = arg, .mark = g->mark};
    node->in = base_arena_copy(g->arena, in, (size_t)n_in * sizeof(tn_tensor *));
    node->out = BASE_ARRAY(g->arena, tn_tensor, n_out);
    if (!node->in || !node->out || !base_map_put(&g->names, name, node) || !base_vec_push(&g->nodes, node))
        return no_memory(g);
    for (int i = 0; i < n_out; i++)
        node->out[i] = (tn_tensor){.graph = g, .node = node, .index = i, .id = g->n_tensors++, .type = types[i]};
    return node;
}

/* ---- sizes and values ------------------------------------------------------------------------------------------ */

tn_dim tn_symbol(tn_graph *g, const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
    if (n == 0 || n > 63 || name[n] || (name[0] >= '0' && name[0] <= '9')) {
        graph_fail(g, TN_INVALID, "'%s' is no name for a size: letters, digits and '_' are, not beginning with a digit",
                   name);
        return 1;
    }
    return dim_symbol(g->dims, name);
}

tn_dim tn_dim_add(tn_graph *g, tn_dim a, tn_dim b)
{
    return dim_add(g->dims, a, b);
}

tn_dim tn_dim_mul(tn_graph *g, tn_dim a, tn_dim b)
{
    return dim_mul(g->dims, a, b);
}

tn_dim tn_dim_div(tn_graph *g, tn_dim a, tn_dim b)
{
    return dim_div(g->dims, a, b);
}

tn_dtype tn_tensor_dtype(const tn_tensor *x)
{
    return x->type.dtype;
}

int tn_tensor_rank(const tn_tensor *x)
{
    return x->type.rank;
}

tn_shape tn_tensor_shape(const tn_tensor *x)
{
    tn_shape s = {.rank = x->type.rank};
    memcpy(s.dims, x->type.dims, sizeof s.dims);
    return s;
}

tn_dim tn_dim_of(tn_tensor *x, int axis)
{
    int a = axis < 0 ? axis + x->type.rank : axis;
    if (!graph_poisoned(x) && a >= 0 && a < x->type.rank)
        return x->type.dims[a];
    if (!graph_poisoned(x))
        graph_fail(x->graph, TN_SHAPE, "axis %d asked of '%s', which has rank %d", axis, tn_tensor_name(x),
                   x->type.rank);
    return 1;
}

tn_graph *tn_tensor_graph(const tn_tensor *x)
{
    return x->graph;
}

const char *tn_tensor_name(const tn_tensor *x)
{
    return x->node ? x->node->name : "(failed)";
}

char *tn_tensor_describe(const tn_tensor *x, char *buffer, size_t bytes)
{
    base_str s = {0};
    graph_print_type(x->graph->dims, &x->type, &s);
    if (bytes) {
        size_t n = s.length < bytes - 1 ? s.length : bytes - 1;
        memcpy(buffer, base_str_text(&s), n);
        buffer[n] = '\0';
    }
    base_str_free(&s);
    return buffer;
}

tn_dim graph_count(dim_table *t, const graph_type *type)
{
    tn_dim n = 1;
    for (int i = 0; i < type->rank; i++)
        n = dim_mul(t, n, type->dims[i]);
    return n;
}

bool graph_same_dims(dim_table *t, const graph_type *a, const graph_type *b, const char *what)
{
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (!dim_same(t, a->dims[i], b->dims[i], what))
            return false;
    return true;
}

void graph_print_type(const dim_table *t, const graph_type *type, base_str *out)
{
    base_str_printf(out, "%s[", tn_dtype_name(type->dtype));
    for (int i = 0; i < type->rank; i++) {
        base_str_add(out, i ? "," : "");
        dim_print(t, type->dims[i], out);
    }
    base_str_add(out, "]");
}

/* ---- state and entries ----------------------------------------------------------------------------------------- */

const char *const graph_init_names[] = {[TN_INIT_ZEROS] = "zeros",
                                        [TN_INIT_CONSTANT] = "constant",
                                        [TN_INIT_UNIFORM] = "uniform",
                                        [TN_INIT_NORMAL] = "normal",
                                        [TN_INIT_TRUNC_NORMAL] = "trunc_normal",
                                        [TN_INIT_KAIMING_UNIFORM] = "kaiming_uniform",
                                        [TN_INIT_KAIMING_NORMAL] = "kaiming_normal",
                                        [TN_INIT_XAVIER_UNIFORM] = "xavier_uniform",
                                        [TN_INIT_XAVIER_NORMAL] = "xavier_normal",
                                        [TN_INIT_ORTHOGONAL] = "orthogonal",
                                        [TN_INIT_FAN_UNIFORM] = "fan_uniform",
                                        [TN_INIT_NORMAL_BUT_ROW] = "normal_but_row",
                                        NULL};

graph_state *graph_find_state(const tn_graph *g, const char *name)
{
    return base_map_get(&g->states, name);
}

bool graph_add_state(tn_graph *g, graph_state *s)
{
    s->id = (int)g->state.n;
    if (base_map_put(&g->states, s->name, s) && base_vec_push(&g->state, s))
        return true;
    graph_fail(g, TN_MEMORY, "out of memory while adding the state '%s'", s->name);
    return false;
}

tn_tensor *tn_graph_state(tn_graph *g, const char *name)
{
    graph_state *s = graph_find_state(g, name);
    return s ? s->value : NULL;
}

tn_tensor *tn_graph_param(tn_graph *g, int i)
{
    for (size_t k = 0; k < g->state.n; k++)
        if (g->state.at[k]->trainable && i-- == 0)
            return g->state.at[k]->value;
    return NULL;
}

static graph_state *state_of(const tn_tensor *x)
{
    graph_state *s = x && x->node ? graph_find_state(x->graph, x->node->name) : NULL;
    return s && s->value == x ? s : NULL;
}

void tn_param_freeze(tn_tensor *param, bool frozen)
{
    graph_state *s = state_of(param);
    if (s)
        s->frozen = frozen;
    else if (!graph_poisoned(param))
        graph_fail(param->graph, TN_INVALID, "'%s' is not a parameter and cannot be frozen", tn_tensor_name(param));
}

/* What is given to the graph must be one of its values. */
static bool is_own(tn_graph *g, const tn_tensor *x, const char *what)
{
    if (x && x->graph == g)
        return true;
    graph_fail(g, TN_INVALID, x ? "%s is a value of another graph" : "%s is absent (NULL)", what);
    return false;
}

/* A write of value to the state that `to` reads, checked; kind GRAPH_WRITE with name NULL when it is refused. */
static graph_result make_write(tn_graph *g, const tn_tensor *to, tn_tensor *value)
{
    graph_result r = {.kind = GRAPH_WRITE, .value = value};
    if (!is_own(g, to, "the state to write") || !is_own(g, value, "the value to write") || graph_poisoned(to) ||
        graph_poisoned(value))
        return r;
    graph_state *s = state_of(to);
    if (!s)
        graph_fail(g, TN_INVALID, "'%s' is not state: only parameters and buffers are written", tn_tensor_name(to));
    else if (to->type.dtype != value->type.dtype || !graph_same_dims(g->dims, &to->type, &value->type, s->name)) {
        char a[128], b[128];
        graph_fail(g, TN_SHAPE, "state '%s' is %s, the value '%s' written to it is %s", s->name,
                   tn_tensor_describe(to, a, sizeof a), tn_tensor_name(value), tn_tensor_describe(value, b, sizeof b));
    } else {
        r.name = s->name;
    }
    return r;
}

void tn_graph_update(tn_graph *g, tn_tensor *to, tn_tensor *value, tn_tensor *when)
{
    graph_result r = make_write(g, to, value);
    r.when = when ? when : value;
    if (r.name && is_own(g, r.when, "what the update waits for") && !graph_poisoned(r.when) &&
        !base_vec_push(&g->updates, r))
        no_memory(g);
}

void tn_graph_add_loss(tn_tensor *value, double weight)
{
    tn_graph *g = value->graph;
    const graph_loss l = {value, weight};
    if (graph_poisoned(value))
        return;
    if (value->type.rank != 0 || !tn_dtype_is_float(value->type.dtype))
        graph_fail(g, TN_SHAPE, "'%s' is to be added to the loss: it must have rank 0 and a float dtype",
                   tn_tensor_name(value));
    else if (!base_vec_push(&g->losses, l))
        no_memory(g);
}

tn_entry *tn_entry_new(tn_graph *g, const char *name, unsigned flags)
{
    for (size_t i = 0; i < g->entries.n; i++)
        if (strcmp(g->entries.at[i]->name, name) == 0)
            graph_fail(g, TN_INVALID, "the graph has an entry '%s' already", name);
    tn_entry *entry = BASE_NEW(g->arena, tn_entry);
    const char *copy = base_arena_strdup(g->arena, name);
    if (!entry || !copy || !base_vec_push(&g->entries, entry)) {
        no_memory(g);
        return &g->nowhere;
    }
    entry->graph = g;
    entry->name = copy;
    entry->training = flags & TN_TRAINING;
    return entry;
}

static void add_result(tn_entry *entry, graph_result r)
{
    if (entry->graph && !graph_poisoned(r.value) && !base_vec_push(&entry->results, r))
        no_memory(entry->graph);
}

void tn_entry_output(tn_entry *entry, const char *name, tn_tensor *value)
{
    tn_graph *g = entry->graph;
    for (size_t i = 0; g && i < entry->results.n; i++)
        if (entry->results.at[i].kind == GRAPH_OUTPUT && strcmp(entry->results.at[i].name, name) == 0)
            graph_fail(g, TN_INVALID, "the entry '%s' has an output '%s' already", entry->name, name);
    if (!g || !is_own(g, value, "the output"))
        return;
    graph_result r = {GRAPH_OUTPUT, base_arena_strdup(g->arena, name), value, NULL};
    if (!r.name)
        no_memory(g);
    else
        add_result(entry, r);
}

void tn_entry_write(tn_entry *entry, tn_tensor *to, tn_tensor *value)
{
    if (!entry->graph)
        return;
    graph_result r = make_write(entry->graph, to, value);
    if (r.name)
        add_result(entry, r);
}

void tn_entry_check(tn_entry *entry, tn_tensor *value)
{
    graph_result r = {GRAPH_CHECK, "check", value, NULL};
    if (entry->graph && is_own(entry->graph, value, "the value to check"))
        add_result(entry, r);
}
