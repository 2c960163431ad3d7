/* recompute.c: values that gradients read are computed again when they are read instead of being kept since the forward pass
 * (Chen, Xu, Zhang, Guestrin, "Training Deep Nets with Sublinear Memory Cost", 2016). Which ones is said by regions of the graph
 * (tn_recompute_begin) or, where memory is limited, found by recompute_choose.c.
 *
 * A copy of a node runs the same kernel on the same operands, random operators have their stream as an argument, and state is
 * not written before its last reader has run: so the results are the same, bit for bit. This pass comes after the last that
 * merges equal nodes, and a copy stands right before the first node that reads it. */
#include "pass/pass.h"

#include <stdlib.h>

bool *pass_find_backward(const tn_graph *g, base_error *e)
{
    bool *backward = calloc(g->nodes.n + 1, sizeof *backward);
    if (!backward) {
        base_no_memory(e, "finding gradients");
        return NULL;
    }
    for (size_t i = 0; i < g->nodes.n; i++) {
        const graph_node *node = g->nodes.at[i];
        backward[i] = node->mark.backward && !(node->def->flags & OP_SOURCE);
        for (int k = 0; !backward[i] && k < node->n_in; k++)
            backward[i] = node->in[k] && backward[node->in[k]->node->id];
    }
    return backward;
}

/* ---- by hand ------------------------------------------------------------------------------------------------------- */

/* Views of what is kept are kept: they cost nothing. */
static void keep_views(const tn_graph *g, bool *again)
{
    for (size_t i = 0; i < g->nodes.n; i++) {
        const graph_node *node = g->nodes.at[i];
        if (again[i] && (node->def->flags & OP_VIEW) && node->in[0] && !again[node->in[0]->node->id])
            again[i] = false;
    }
}

/* What a view shows is kept with it. */
static void keep(bool *again, const tn_tensor *x)
{
    const graph_node *node = x->node;
    again[node->id] = false;
    while ((node->def->flags & OP_VIEW) && node->in[0]) {
        node = node->in[0]->node;
        again[node->id] = false;
    }
}

bool *pass_find_regions(const tn_graph *g, base_error *e)
{
    bool *again = calloc(g->nodes.n + 1, sizeof *again), *backward = pass_find_backward(g, e);
    if (!again && backward)
        base_no_memory(e, "finding what is computed again");
    if (!again || !backward) {
        free(again);
        free(backward);
        return NULL;
    }
    for (size_t i = 0; i < g->nodes.n; i++)
        again[i] = g->nodes.at[i]->mark.region && !backward[i] && !(g->nodes.at[i]->def->flags & OP_SOURCE);
    for (size_t i = 0; i < g->nodes.n; i++) {
        const graph_node *node = g->nodes.at[i];
        for (int k = 0; !backward[i] && k < node->n_in; k++)
            if (node->in[k] && node->in[k]->node->mark.region != node->mark.region)
                keep(again, node->in[k]);
    }
    for (size_t i = 0; i < g->results.n; i++)
        if (g->results.at[i].kind == GRAPH_OUTPUT)
            keep(again, g->results.at[i].value);
    keep_views(g, again);
    free(backward);
    return again;
}

/* ---- copies -------------------------------------------------------------------------------------------------------- */

typedef struct copier {
    const bool *again, *backward;
    pass_map m;
    tn_tensor **copy; /* by value: computed again */
    const graph_node **stack;
    base_error *e;
} copier;

/* A copy of the node whose inputs are there. */
static tn_status copy_node(copier *x, const graph_node *node)
{
    tn_tensor *in[node->n_in + 1];
    for (int k = 0; k < node->n_in; k++) {
        const tn_tensor *t = node->in[k];
        in[k] = !t ? NULL : x->again[t->node->id] ? x->copy[t->id] : x->m.value[t->id];
    }
    const char *name = base_arena_printf(x->m.to->arena, "%s/again", node->name);
    if (!name)
        return base_no_memory(x->e, "computing values again");
    x->m.to->mark = (graph_mark){.backward = true, .again = true};
    const graph_node *copy = op_apply_named(x->m.to, node->def, name, node->n_in, in, node->arg);
    if (!copy)
        return base_fail(x->e, x->m.to->error.status, "%s", x->m.to->error.text);
    for (int k = 0; k < node->n_out; k++)
        x->copy[node->out[k].id] = (tn_tensor *)&copy->out[k];
    return TN_OK;
}

/* An input of the node that has to be copied first; NULL: there is none. */
static const graph_node *uncopied(const copier *x, const graph_node *node)
{
    for (int k = 0; k < node->n_in; k++) {
        const tn_tensor *t = node->in[k];
        if (t && x->again[t->node->id] && !x->copy[t->id])
            return t->node;
    }
    return NULL;
}

/* What the node reads again, after all that needs. */
static tn_status copy_inputs(copier *x, const graph_node *node)
{
    size_t depth = 0;
    x->stack[depth++] = node;
    while (depth > 0) {
        const graph_node *wanted = uncopied(x, x->stack[depth - 1]);
        if (wanted)
            x->stack[depth++] = wanted;
        else if (--depth > 0)
            BASE_TRY(copy_node(x, x->stack[depth]));
    }
    return TN_OK;
}

static tn_status emit(copier *x, const graph_node *node)
{
    tn_tensor *in[node->n_in + 1], *out[node->n_out + 1];
    const bool backward = x->backward[node->id];
    if (backward)
        BASE_TRY(copy_inputs(x, node));
    pass_inputs(&x->m, node, in);
    for (int k = 0; backward && k < node->n_in; k++)
        if (in[k] && x->again[node->in[k]->node->id])
            in[k] = x->copy[node->in[k]->id];
    x->m.to->mark = node->mark;
    graph_node *copy = pass_clone(&x->m, node, in);
    if (!copy)
        return base_fail(x->e, x->m.to->error.status, "%s", x->m.to->error.text);
    for (int k = 0; k < node->n_out; k++)
        out[k] = &copy->out[k];
    pass_set(&x->m, node, out);
    return TN_OK;
}

static tn_status emit_all(copier *x, const tn_graph *g)
{
    BASE_TRY(pass_map_new(&x->m, g, g->results.at, g->results.n, x->e));
    for (size_t i = 0; i < g->nodes.n; i++)
        if (x->m.needed[i])
            BASE_TRY(emit(x, g->nodes.at[i]));
    return pass_results(&x->m, g->results.at, g->results.n, x->e);
}

tn_graph *pass_recompute(const tn_graph *g, const bool *again, base_error *e)
{
    bool *backward = pass_find_backward(g, e);
    copier x = {.again = again,
                .backward = backward,
                .copy = calloc((size_t)g->n_tensors + 1, sizeof *x.copy),
                .stack = malloc((g->nodes.n + 1) * sizeof *x.stack),
                .e = e};
    tn_status status = !backward ? e->status : x.copy && x.stack ? TN_OK : base_no_memory(e, "computing values again");
    if (status == TN_OK)
        status = emit_all(&x, g);
    tn_graph *copied = pass_map_finish(&x.m, status);
    free(backward);
    free(x.copy);
    free(x.stack);
    /* what only gradients read is not computed twice: the first time is needed by nobody now */
    tn_graph *out = copied ? pass_rewrite(copied, NULL, NULL, e) : NULL;
    tn_graph_free(copied);
    return out;
}
