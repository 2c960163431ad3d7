/* schedule.c: the order in which an entry's nodes run. What can stop the run (checks, operators that find bad data) and what
 * is handed out comes first; then, as early as they can, the nodes whose values are written to state, each after every
 * other reader of what it overwrites. No recursion, and time in proportion to the graph: graphs may be long. */
#include "program/schedule.h"

#include <stdlib.h>
#include <string.h>

#include "base/lists.h"

/* A node that waits for its inputs. */
typedef struct frame {
    const graph_node *node;
    int in; /* the next input to look at */
} frame;

typedef struct scheduler {
    const tn_graph *g;
    schedule *s;
    bool *placed;      /* by node */
    bool *final;       /* by node: all it is for is to be written */
    int *waits;        /* by node that is final: how many of those it follows are not placed */
    base_lists follow; /* by node: the final ones that follow it */
    int *ready;        /* a heap of the final nodes that wait for nothing any more, the first of the graph on top */
    int n_ready;
    frame *stack;
} scheduler;

/* What is bad in data is an integer: an index, a class, a divisor. Floats alone give NaN, and never stop a run, but for matrices
 * that cannot be inverted. */
bool schedule_can_fault(const graph_node *node)
{
    if ((node->def->flags & OP_FAULTS) && (node->def->flags & (OP_OPAQUE | OP_SINGULAR)))
        return true; /* an operator from outside may find anything */
    for (int i = 0; (node->def->flags & OP_FAULTS) && i < node->n_in; i++)
        if (node->in[i] && !tn_dtype_is_float(node->in[i]->type.dtype))
            return true;
    for (size_t i = 0; node->sub && i < node->sub->nodes.n; i++)
        if (schedule_can_fault(node->sub->nodes.at[i]))
            return true;
    return false;
}

/* ---- placing ----------------------------------------------------------------------------------------------------- */

static void add_ready(scheduler *x, int final)
{
    int i = x->n_ready++;
    for (; i > 0 && x->ready[(i - 1) / 2] > final; i = (i - 1) / 2)
        x->ready[i] = x->ready[(i - 1) / 2];
    x->ready[i] = final;
}

static int take_ready(scheduler *x)
{
    int first = x->ready[0], last = x->ready[--x->n_ready], i = 0;
    for (int k; (k = 2 * i + 1) < x->n_ready; i = k) {
        k += k + 1 < x->n_ready && x->ready[k + 1] < x->ready[k];
        if (x->ready[k] >= last)
            break;
        x->ready[i] = x->ready[k];
    }
    x->ready[i] = last;
    return first;
}

static void append(scheduler *x, const graph_node *node)
{
    x->s->item[x->s->n++] = (schedule_item){.node = node};
    for (int i = base_lists_first(&x->follow, node->id); i >= 0; i = base_lists_next(&x->follow, i)) {
        int final = base_lists_item(&x->follow, i);
        if (--x->waits[final] == 0)
            add_ready(x, final);
    }
}

static const graph_node *next_input(const scheduler *x, frame *f)
{
    while (f->in < f->node->n_in) {
        const tn_tensor *t = f->node->in[f->in++];
        if (t && !x->placed[t->node->id])
            return t->node;
    }
    return NULL;
}

/* A node after all that it needs. */
static void place(scheduler *x, const graph_node *node)
{
    size_t depth = 0;
    if (!x->placed[node->id])
        x->stack[depth++] = (frame){node, 0};
    x->placed[node->id] = true;
    while (depth > 0) {
        const graph_node *wanted = next_input(x, &x->stack[depth - 1]);
        if (wanted) {
            x->placed[wanted->id] = true;
            x->stack[depth++] = (frame){wanted, 0};
        } else {
            append(x, x->stack[--depth].node);
        }
    }
}

static void place_ready(scheduler *x)
{
    while (x->n_ready > 0)
        place(x, x->g->nodes.at[take_ready(x)]);
}

/* ---- nodes that only make state ---------------------------------------------------------------------------------- */

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

/* The state that each node's output is, or is a view of; -1: none. */
static void find_states(const tn_graph *g, int *state)
{
    for (size_t i = 0; i < g->nodes.n; i++) {
        const graph_node *node = g->nodes.at[i];
        const graph_state *s = strcmp(node->def->name, "state") == 0 ? graph_find_state(g, node->arg[0].text) : NULL;
        state[i] = s ? s->id : (node->def->flags & OP_VIEW) && node->in[0] ? state[node->in[0]->node->id] : -1;
    }
}

static bool follows(scheduler *x, int final, int node)
{
    x->waits[final]++;
    return base_lists_add(&x->follow, node, final);
}

/* What a final node follows: what it needs, and every other reader of the states that it overwrites. */
static bool find_waits(scheduler *x, const int *state, base_lists *readers)
{
    const tn_graph *g = x->g;
    bool ok = true;
    for (size_t i = g->nodes.n; i-- > 0;)
        for (int k = 0; k < g->nodes.at[i]->n_in; k++) {
            const tn_tensor *t = g->nodes.at[i]->in[k];
            if (t && x->final[i])
                ok &= follows(x, (int)i, t->node->id);
            if (t && state[t->node->id] >= 0)
                ok &= base_lists_add(readers, state[t->node->id], (int)i);
        }
    for (size_t r = 0; r < g->results.n; r++) {
        const graph_result *w = &g->results.at[r];
        const graph_state *s = w->kind == GRAPH_WRITE ? graph_find_state(g, w->name) : NULL;
        int final = w->value->node->id;
        for (int i = s && x->final[final] ? base_lists_first(readers, s->id) : -1; i >= 0;
             i = base_lists_next(readers, i))
            if (base_lists_item(readers, i) != final)
                ok &= follows(x, final, base_lists_item(readers, i));
    }
    return ok;
}

static bool prepare_final(scheduler *x)
{
    base_lists readers = {0};
    int *state = malloc((x->g->nodes.n + 1) * sizeof *state);
    if (state) {
        find_final(x);
        find_states(x->g, state);
    }
    bool ok = state && find_waits(x, state, &readers);
    for (size_t i = 0; ok && i < x->g->nodes.n; i++)
        if (x->final[i] && x->waits[i] == 0)
            add_ready(x, (int)i);
    free(state);
    base_lists_free(&readers);
    return ok;
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

/* By node: what is handed out or checked needs it, or it can stop the run. */
static void find_early(const scheduler *x, bool *early, base_lists *checks, bool *ok)
{
    const tn_graph *g = x->g;
    for (size_t i = 0; i < g->results.n; i++) {
        const graph_result *r = &g->results.at[i];
        if (r->kind != GRAPH_WRITE)
            early[r->value->node->id] = true;
        if (r->kind == GRAPH_CHECK)
            *ok &= base_lists_add(checks, r->value->node->id, (int)i);
    }
    for (size_t i = g->nodes.n; i-- > 0;) {
        const graph_node *node = g->nodes.at[i];
        early[i] |= schedule_can_fault(node);
        for (int k = 0; early[i] && k < node->n_in; k++)
            if (node->in[k])
                early[node->in[k]->node->id] = true;
    }
}

/* In the order of the graph: a gradient follows what it is made from, so that both are soon done with. Each check comes right
 * after the value that it looks at. */
static bool place_early(scheduler *x)
{
    const tn_graph *g = x->g;
    bool *early = calloc(g->nodes.n + 1, sizeof *early), ok = early != NULL;
    base_lists checks = {0};
    if (early)
        find_early(x, early, &checks, &ok);
    for (size_t i = 0; ok && i < g->nodes.n; i++) {
        if (early[i] && !(g->nodes.at[i]->def->flags & OP_SOURCE))
            place(x, g->nodes.at[i]);
        for (int k = base_lists_first(&checks, (int)i); k >= 0; k = base_lists_next(&checks, k)) {
            place(x, g->nodes.at[i]);
            x->s->item[x->s->n++] = (schedule_item){.check = g->results.at[base_lists_item(&checks, k)].value};
        }
    }
    for (size_t i = 0; ok && i < g->nodes.n; i++) /* a source that is handed out as it is */
        if (early[i])
            place(x, g->nodes.at[i]);
    base_lists_free(&checks);
    free(early);
    return ok;
}

static bool order(scheduler *x)
{
    const tn_graph *g = x->g;
    if (!place_early(x))
        return false;
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
    return true;
}

tn_status schedule_make(schedule *s, const tn_graph *g, base_error *e)
{
    size_t n = g->nodes.n + 1;
    scheduler x = {.g = g,
                   .s = s,
                   .placed = calloc(n, sizeof *x.placed),
                   .final = calloc(n, sizeof *x.final),
                   .waits = calloc(n, sizeof *x.waits),
                   .ready = calloc(n, sizeof *x.ready),
                   .stack = calloc(n, sizeof *x.stack)};
    *s = (schedule){.item = calloc(n + g->results.n, sizeof *s->item)};
    bool ok = x.placed && x.final && x.waits && x.ready && x.stack && s->item && prepare_final(&x);
    ok = ok && order(&x);
    free(x.placed);
    free(x.final);
    free(x.waits);
    free(x.ready);
    free(x.stack);
    base_lists_free(&x.follow);
    return ok ? TN_OK : base_no_memory(e, "ordering a program");
}

void schedule_free(schedule *s)
{
    free(s->item);
    *s = (schedule){0};
}
