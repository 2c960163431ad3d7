/* rewrite.c: what passes share: which nodes are needed, copying nodes, carrying results over. */
#include "pass/pass.h"

#include <stdlib.h>
#include <string.h>

static void mark_needed(pass_map *m)
{
    for (int i = (int)m->from->nodes.n - 1; i >= 0; i--) {
        const graph_node *node = m->from->nodes.at[i];
        for (int k = 0; m->needed[i] && k < node->n_in; k++)
            if (node->in[k])
                m->needed[node->in[k]->node->id] = true;
    }
}

static tn_status copy_state(const tn_graph *from, tn_graph *to, base_error *e)
{
    for (size_t i = 0; i < from->state.n; i++) {
        graph_state *s = base_arena_copy(to->arena, from->state.at[i], sizeof *s);
        if (!s || !(s->name = base_arena_strdup(to->arena, s->name)))
            return base_no_memory(e, "running a pass");
        s->value = NULL; /* set when the node that reads it is cloned */
        if (!graph_add_state(to, s))
            return base_no_memory(e, "running a pass");
    }
    return TN_OK;
}

tn_status pass_map_new(pass_map *m, const tn_graph *from, const graph_result *results, size_t n_results, base_error *e)
{
    *m = (pass_map){.from = from, .to = graph_like(from)};
    m->value = calloc((size_t)from->n_tensors + 1, sizeof *m->value);
    m->needed = calloc(from->nodes.n + 1, sizeof *m->needed);
    if (!m->to || !m->value || !m->needed)
        return base_no_memory(e, "running a pass");
    m->to->training = from->training;
    for (size_t i = 0; i < n_results; i++)
        m->needed[results[i].value->node->id] = true;
    mark_needed(m);
    return copy_state(from, m->to, e);
}

tn_graph *pass_map_finish(pass_map *m, tn_status status)
{
    tn_graph *to = m->to;
    free(m->value);
    free(m->needed);
    *m = (pass_map){0};
    if (status == TN_OK)
        return to;
    tn_graph_free(to);
    return NULL;
}

void pass_inputs(const pass_map *m, const graph_node *node, tn_tensor **in)
{
    for (int i = 0; i < node->n_in; i++)
        in[i] = node->in[i] ? m->value[node->in[i]->id] : NULL;
}

graph_node *pass_clone(pass_map *m, const graph_node *node, tn_tensor *const *in)
{
    graph_node *copy = op_apply_named(m->to, node->def, node->name, node->n_in, in, node->arg);
    if (copy && strcmp(node->def->name, "state") == 0) {
        graph_state *s = graph_find_state(m->to, node->arg[0].text);
        if (s)
            s->value = &copy->out[0];
    }
    return copy;
}

void pass_set(pass_map *m, const graph_node *node, tn_tensor *const *out)
{
    for (int i = 0; i < node->n_out; i++)
        m->value[node->out[i].id] = out[i];
}

tn_status pass_results(pass_map *m, const graph_result *results, size_t n, base_error *e)
{
    for (size_t i = 0; i < n; i++) {
        graph_result r = results[i];
        r.name = base_arena_strdup(m->to->arena, r.name);
        r.value = m->value[r.value->id];
        if (!r.value)
            return base_fail(e, TN_INTERNAL, "a pass lost the result '%s'", results[i].name);
        if (!r.name || !base_vec_push(&m->to->results, r))
            return base_no_memory(e, "running a pass");
    }
    return TN_OK;
}

bool pass_is(const graph_node *node, const char *op)
{
    return strcmp(node->def->name, op) == 0;
}

int *pass_count_uses(const tn_graph *g, base_error *e)
{
    int *uses = calloc((size_t)g->n_tensors + 1, sizeof *uses);
    if (!uses) {
        base_no_memory(e, "compiling");
        return NULL;
    }
    for (size_t i = 0; i < g->nodes.n; i++)
        for (int k = 0; k < g->nodes.at[i]->n_in; k++)
            if (g->nodes.at[i]->in[k])
                uses[g->nodes.at[i]->in[k]->id]++;
    for (size_t i = 0; i < g->results.n; i++)
        uses[g->results.at[i].value->id]++;
    return uses;
}

bool pass_enter(pass_map *m, const graph_node *node)
{
    const char *path = base_arena_strdup(m->to->arena, node->name);
    if (path && base_vec_push(&m->to->scopes, path))
        return true;
    graph_fail(m->to, TN_MEMORY, "out of memory while rewriting '%s'", node->name);
    return false;
}

void pass_leave(pass_map *m)
{
    m->to->scopes.n--;
}

static tn_status emit(pass_map *m, const graph_node *node, pass_rule rule, void *user, base_error *e)
{
    tn_tensor *in[node->n_in + 1], *out[node->n_out + 1];
    pass_inputs(m, node, in);
    memset(out, 0, sizeof out);
    m->to->mark = node->mark; /* what a rule makes in the node's place is to gradients what the node was */
    if (!rule || !rule(user, m, node, in, out)) {
        graph_node *copy = pass_clone(m, node, in);
        for (int i = 0; copy && i < node->n_out; i++)
            out[i] = &copy->out[i];
    }
    pass_set(m, node, out);
    if (m->to->error.status != TN_OK)
        return base_fail(e, m->to->error.status, "%s", m->to->error.text);
    return TN_OK;
}

/* `alone`: equalities of sizes that other entries' nodes asked for are forgotten; the nodes that stay ask for theirs anew. */
static tn_graph *rewrite(const tn_graph *g, const graph_result *results, size_t n, bool alone, pass_rule rule,
                         void *user, base_error *e)
{
    pass_map m;
    tn_status status = pass_map_new(&m, g, results, n, e);
    if (status == TN_OK && alone)
        m.to->dims->equals.n = 0;
    for (size_t i = 0; i < g->nodes.n && status == TN_OK; i++)
        if (m.needed[i])
            status = emit(&m, g->nodes.at[i], rule, user, e);
    if (status == TN_OK)
        status = pass_results(&m, results, n, e);
    return pass_map_finish(&m, status);
}

tn_graph *pass_rewrite(const tn_graph *g, pass_rule rule, void *user, base_error *e)
{
    return rewrite(g, g->results.at, g->results.n, false, rule, user, e);
}

/* Whether the entry itself writes this state. */
static bool writes(const tn_entry *entry, const char *name)
{
    for (size_t i = 0; i < entry->results.n; i++)
        if (entry->results.at[i].kind == GRAPH_WRITE && strcmp(entry->results.at[i].name, name) == 0)
            return true;
    return false;
}

/* The updates whose node the entry computes anyway, added to its results. Repeated until none is new, as an update may need
 * nodes with updates of their own. Of state that the entry writes its own write is the one that counts. */
static bool add_updates(const tn_entry *entry, bool *taken, bool *needed, graph_result *results, size_t *n)
{
    const tn_graph *g = entry->graph;
    bool any = false;
    for (size_t i = 0; i < g->updates.n; i++)
        if (!taken[i] && needed[g->updates.at[i].when->node->id] && !writes(entry, g->updates.at[i].name)) {
            taken[i] = any = true;
            results[(*n)++] = g->updates.at[i];
            needed[g->updates.at[i].value->node->id] = true;
        }
    return any;
}

static void spread(const tn_graph *g, bool *needed)
{
    for (int i = (int)g->nodes.n - 1; i >= 0; i--)
        for (int k = 0; needed[i] && k < g->nodes.at[i]->n_in; k++)
            if (g->nodes.at[i]->in[k])
                needed[g->nodes.at[i]->in[k]->node->id] = true;
}

/* Which of two writes is the last is nobody's to guess. */
static tn_status check_writes(const tn_entry *entry, const graph_result *results, size_t n, base_error *e)
{
    base_map names = {0};
    tn_status status = TN_OK;
    for (size_t i = 0; i < n && status == TN_OK; i++) {
        if (results[i].kind != GRAPH_WRITE)
            continue;
        if (base_map_get(&names, results[i].name))
            status =
                base_fail(e, TN_INVALID, "the entry '%s' writes the state '%s' twice", entry->name, results[i].name);
        else if (!base_map_put(&names, results[i].name, &names))
            status = base_no_memory(e, "compiling");
    }
    base_map_free(&names);
    return status;
}

tn_graph *pass_extract(const tn_entry *entry, base_error *e)
{
    const tn_graph *g = entry->graph;
    size_t n = entry->results.n;
    graph_result *results = calloc(n + g->updates.n + 1, sizeof *results);
    bool *needed = calloc(g->nodes.n + 1, 1), *taken = calloc(g->updates.n + 1, 1);
    tn_graph *out = NULL;
    if (!results || !needed || !taken) {
        base_no_memory(e, "compiling");
    } else {
        if (n)
            memcpy(results, entry->results.at, n * sizeof *results);
        for (size_t i = 0; i < n; i++)
            needed[results[i].value->node->id] = true;
        do
            spread(g, needed);
        while (entry->training && add_updates(entry, taken, needed, results, &n));
        if (check_writes(entry, results, n, e) == TN_OK)
            out = rewrite(g, results, n, true, NULL, NULL, e);
    }
    if (out)
        out->training = entry->training;
    free(results);
    free(needed);
    free(taken);
    return out;
}
