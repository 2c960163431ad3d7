/* verify.c: what holds in every graph, checked after every pass in debug builds. */
#include "op/scheme/op.h"

#include <string.h>

static tn_status verify_node(const tn_graph *g, const graph_node *node, int at, base_error *e)
{
    const char *op = node->def ? node->def->name : "?";
    if (!node->def || node->id != at)
        return base_fail(e, TN_INTERNAL, "verify: node %d has no operator or a wrong number", at);
    if (base_map_get(&g->names, node->name) != node)
        return base_fail(e, TN_INTERNAL, "verify: node %d (%s) is not found under its name '%s'", at, op, node->name);
    for (int i = 0; i < node->n_in; i++) {
        const tn_tensor *x = node->in[i];
        if (!x)
            continue;
        if (x->graph != g)
            return base_fail(e, TN_INTERNAL, "verify: node %d (%s '%s') reads a value of another graph", at, op,
                             node->name);
        if (!x->node || x->node->id >= at)
            return base_fail(e, TN_INTERNAL, "verify: node %d (%s '%s') reads a value that is made after it", at, op,
                             node->name);
    }
    for (int i = 0; i < node->n_out; i++) {
        const tn_tensor *y = &node->out[i];
        if (y->graph != g || y->node != node || y->index != i || y->id >= g->n_tensors)
            return base_fail(e, TN_INTERNAL, "verify: output %d of node %d (%s '%s') is wired wrongly", i, at, op,
                             node->name);
        if (tn_dtype_size(y->type.dtype) == 0 || y->type.rank < 0 || y->type.rank > TN_MAX_RANK)
            return base_fail(e, TN_INTERNAL, "verify: output %d of node %d (%s '%s') has no valid type", i, at, op,
                             node->name);
    }
    return TN_OK;
}

tn_status graph_verify(const tn_graph *g, base_error *e)
{
    for (size_t i = 0; i < g->nodes.n; i++) {
        BASE_TRY(verify_node(g, g->nodes.at[i], (int)i, e));
        if (g->nodes.at[i]->sub)
            BASE_TRY(graph_verify(g->nodes.at[i]->sub, e));
    }
    for (size_t i = 0; i < g->results.n; i++) {
        const graph_result *r = &g->results.at[i];
        if (!r->value || r->value->graph != g)
            return base_fail(e, TN_INTERNAL, "verify: the result '%s' is not a value of the graph", r->name);
        const graph_state *s = r->kind == GRAPH_WRITE ? graph_find_state(g, r->name) : NULL;
        if (r->kind == GRAPH_WRITE &&
            (!s || s->type.dtype != r->value->type.dtype || s->type.rank != r->value->type.rank))
            return base_fail(e, TN_INTERNAL, "verify: the write to '%s' does not fit the state", r->name);
    }
    return TN_OK;
}
