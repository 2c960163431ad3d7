/* schedule.c: the order in which an entry's nodes run. What can stop the run (checks, operators that find bad data) and what
 * is handed out comes first; then, as early as they can, the nodes whose values are written to state, each after every
 * other reader of what it overwrites. */
#include "program/schedule.h"

#include <stdlib.h>
#include <string.h>

typedef struct scheduler {
    const tn_graph *g;
    schedule *s;
    bool *placed; /* by node */
    bool *final;  /* by node: all it is for is to be written */
} scheduler;

/* What is bad in data is an integer: an index, a class, a divisor. Floats alone give NaN, and never stop a run. */
static bool can_fault(const graph_node *node)
{
    for (int i = 0; (node->def->flags & OP_FAULTS) && i < node->n_in; i++)
        if (node->in[i] && !tn_dtype_is_float(node->in[i]->type.dtype))
            return true;
    for (size_t i = 0; node->sub && i < node->sub->nodes.n; i++)
        if (can_fault(node->sub->nodes.at[i]))
            return true;
    return false;
}

static void place(scheduler *x, const graph_node *node)
{
    if (x->placed[node->id])
        return;
    x->placed[node->id] = true;
    for (int i = 0; i < node->n_in; i++)
        if (node->in[i])
            place(x, node->in[i]->node);
    x->s->item[x->s->n++] = (schedule_item){.node = node};
}

/* A node is final when results write its outputs and no node reads them. */
static void find_final(scheduler *x)
{
    const tn_graph *g = x->g;
    for (size_t i = 0; i < g->results.n; i++)
        if (g->results.at[i].kind == GRAPH_WRITE && !(g->results.at[i].value->node->def->flags & OP_SOURCE))
            x->final[g->results.at[i].value->node->id] = true;
    for (size_t i = 0; i < g->nodes.n; i++)
        for (int k = 0; k < g->nodes.at[i]->n_in; k++)
            if (g->nodes.at[i]->in[k])
                x->final[g->nodes.at[i]->in[k]->node->id] = false;
}

static bool reads(const graph_node *node, const char *state)
{
    for (int i = 0; i < node->n_in; i++) {
        const tn_tensor *t = node->in[i];
        while (t && (t->node->def->flags & OP_VIEW)) /* a view of the state reads it too */
            t = t->node->in[0];
        if (t && strcmp(t->node->def->name, "state") == 0 && strcmp(t->node->arg[0].text, state) == 0)
            return true;
    }
    return false;
}

/* Whether everything that node needs is placed, and every other reader of the states that it overwrites. */
static bool ready(const scheduler *x, const graph_node *node)
{
    const tn_graph *g = x->g;
    for (int i = 0; i < node->n_in; i++)
        if (node->in[i] && !x->placed[node->in[i]->node->id])
            return false;
    for (size_t r = 0; r < g->results.n; r++) {
        const graph_result *w = &g->results.at[r];
        if (w->kind != GRAPH_WRITE || w->value->node != node)
            continue;
        for (size_t i = 0; i < g->nodes.n; i++)
            if (g->nodes.at[i] != node && !x->placed[i] && reads(g->nodes.at[i], w->name))
                return false;
    }
    return true;
}

static void place_ready(scheduler *x)
{
    for (size_t i = 0; i < x->g->nodes.n; i++)
        if (x->final[i] && !x->placed[i] && ready(x, x->g->nodes.at[i]))
            place(x, x->g->nodes.at[i]);
}

static void order(scheduler *x)
{
    const tn_graph *g = x->g;
    for (size_t i = 0; i < g->results.n; i++) {
        const graph_result *r = &g->results.at[i];
        if (r->kind == GRAPH_WRITE)
            continue;
        place(x, r->value->node);
        if (r->kind == GRAPH_CHECK)
            x->s->item[x->s->n++] = (schedule_item){.check = r->value};
    }
    for (size_t i = 0; i < g->nodes.n; i++)
        if (can_fault(g->nodes.at[i]))
            place(x, g->nodes.at[i]);
    x->s->writes_from = x->s->n;
    for (size_t i = 0; i < g->nodes.n; i++) {
        const graph_node *node = g->nodes.at[i];
        if (x->final[i] || x->placed[i])
            continue;
        place(x, node);
        if (!(node->def->flags & (OP_SOURCE | OP_VIEW)))
            place_ready(x);
    }
    place_ready(x);
    for (size_t i = 0; i < g->nodes.n; i++) /* two that wait for each other: their writes are committed at the end */
        place(x, g->nodes.at[i]);
}

tn_status schedule_make(schedule *s, const tn_graph *g, base_error *e)
{
    size_t n = g->nodes.n + 1;
    scheduler x = {.g = g, .s = s, .placed = calloc(n, 1), .final = calloc(n, 1)};
    *s = (schedule){.item = calloc(n + g->results.n, sizeof *s->item)};
    tn_status status = x.placed && x.final && s->item ? TN_OK : base_no_memory(e, "ordering a program");
    if (status == TN_OK) {
        find_final(&x);
        order(&x);
    }
    free(x.placed);
    free(x.final);
    return status;
}

void schedule_free(schedule *s)
{
    free(s->item);
    *s = (schedule){0};
}
