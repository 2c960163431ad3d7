/* schedule.c: the order in which an entry's nodes run. What can stop the run (checks, operators that find bad data) comes
 * first; then the others, and as early as they can the nodes whose values are written to state, each after every other reader
 * of what it overwrites. Sums that free a term come as early, and so do a step's few numbers (its count, its rate), so
 * that an update waits for its gradient alone. No recursion, and time in proportion to the graph: graphs may be long. */
#include "program/schedule.h"

#include <stdlib.h>
#include <string.h>

#include "base/lists.h"
#include "pass/pass.h"

enum { FEW = 64 }; /* numbers that are no work at all */

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
    bool *frees;       /* by node: once it is made, more is given back than it takes */
    int *waits;        /* by node that is one of these: how many of those it follows are not placed */
    base_lists follow; /* by node: such ones that follow it */
    int *ready;        /* a heap of such nodes that wait for nothing any more, the first of the graph on top */
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

static void add_ready(scheduler *x, int node)
{
    int i = x->n_ready++;
    for (; i > 0 && x->ready[(i - 1) / 2] > node; i = (i - 1) / 2)
        x->ready[i] = x->ready[(i - 1) / 2];
    x->ready[i] = node;
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
        int waiting = base_lists_item(&x->follow, i);
        if (--x->waits[waiting] == 0)
            add_ready(x, waiting);
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

/* Whether two or more of the node's inputs are as large as its output and read by nobody else. */
static bool frees_a_term(const graph_node *node, const int *uses)
{
    int n = 0;
    for (int k = 0; k < node->n_in && node->n_out == 1; k++) {
        const tn_tensor *t = node->in[k], *y = &node->out[0];
        bool same = t && !(t->node->def->flags & (OP_SOURCE | OP_VIEW)) && uses[t->id] == 1 &&
                    t->type.dtype == y->type.dtype && t->type.rank == y->type.rank;
        for (int i = 0; same && i < y->type.rank; i++)
            same = t->type.dims[i] == y->type.dims[i];
        n += same;
    }
    return n > 1;
}

static void find_frees(scheduler *x, const int *uses)
{
    for (size_t i = 0; i < x->g->nodes.n; i++)
        x->frees[i] = !x->final[i] && frees_a_term(x->g->nodes.at[i], uses);
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

static bool follows(scheduler *x, int waiting, int node)
{
    x->waits[waiting]++;
    return base_lists_add(&x->follow, node, waiting);
}

/* What a node that frees something follows: what it needs; a final one also every other reader of the states that it overwrites. */
static bool find_waits(scheduler *x, const int *state, base_lists *readers)
{
    const tn_graph *g = x->g;
    bool ok = true;
    for (size_t i = g->nodes.n; i-- > 0;)
        for (int k = 0; k < g->nodes.at[i]->n_in; k++) {
            const tn_tensor *t = g->nodes.at[i]->in[k];
            if (t && (x->final[i] || x->frees[i]))
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

static bool prepare_waiting(scheduler *x, base_error *e)
{
    base_lists readers = {0};
    int *state = malloc((x->g->nodes.n + 1) * sizeof *state), *uses = pass_count_uses(x->g, e);
    if (state && uses) {
        find_final(x);
        find_frees(x, uses);
        find_states(x->g, state);
    }
    bool ok = state && uses && find_waits(x, state, &readers);
    for (size_t i = 0; ok && i < x->g->nodes.n; i++)
        if (x->final[i] && x->waits[i] == 0)
            add_ready(x, (int)i);
    free(state);
    free(uses);
    base_lists_free(&readers);
    return ok;
}

/* ---- what can stop a run ------------------------------------------------------------------------------------------ */

/* An index of rows, and the size that its numbers must stay below, for operators that find no other fault; NULL: another one. */
static const tn_tensor *rows_asked(const graph_node *node, tn_dim *below)
{
    if (!pass_is(node, "index_select") && !pass_is(node, "index_add"))
        return NULL;
    const int64_t axis = node->arg[0].i;
    *below = node->in[0]->type.dims[axis < 0 ? axis + node->in[0]->type.rank : axis];
    return node->in[1];
}

/* Whether the numbers of the node's index were looked at before: it finds no fault then, as the gradient of a look-up, which must not wait
 * for it nor have all updates wait. */
static bool was_looked_at(const scheduler *x, const base_lists *asked, const graph_node *node)
{
    tn_dim below, other;
    const tn_tensor *index = rows_asked(node, &below);
    for (int i = index ? base_lists_first(asked, index->id) : -1; i >= 0; i = base_lists_next(asked, i)) {
        const int before = base_lists_item(asked, i);
        if (before < node->id && rows_asked(x->g->nodes.at[before], &other) && other == below)
            return true;
    }
    return false;
}

/* By node: it can stop the run. */
static bool find_faults(const scheduler *x, bool *early)
{
    base_lists asked = {0}; /* by tensor that is an index of rows: the nodes that look at it */
    bool ok = true;
    for (size_t i = 0; i < x->g->nodes.n; i++) {
        const graph_node *node = x->g->nodes.at[i];
        tn_dim below;
        const tn_tensor *index = rows_asked(node, &below);
        early[i] = schedule_can_fault(node) && !was_looked_at(x, &asked, node);
        if (index && early[i])
            ok &= base_lists_add(&asked, index->id, node->id);
    }
    base_lists_free(&asked);
    return ok;
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

/* By node: a check needs it, or it can stop the run. */
static void find_early(const scheduler *x, bool *early, base_lists *checks, bool *ok)
{
    const tn_graph *g = x->g;
    *ok = find_faults(x, early);
    for (size_t i = 0; i < g->results.n; i++) {
        const graph_result *r = &g->results.at[i];
        if (r->kind != GRAPH_CHECK)
            continue;
        early[r->value->node->id] = true;
        *ok &= base_lists_add(checks, r->value->node->id, (int)i);
    }
    for (size_t i = g->nodes.n; i-- > 0;) {
        const graph_node *node = g->nodes.at[i];
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
    base_lists_free(&checks);
    free(early);
    return ok;
}

/* Sources, and few numbers that follow from such: they cost nothing, and what waits for nothing else can go as soon as it likes. */
static void place_small(scheduler *x, bool *small)
{
    const tn_graph *g = x->g;
    for (size_t i = 0; i < g->nodes.n; i++) {
        const graph_node *node = g->nodes.at[i];
        bool known = node->n_out == 1;
        int64_t count = 1;
        for (int k = 0; known && k < node->out[0].type.rank; k++) {
            const tn_dim d = node->out[0].type.dims[k];
            known = dim_literal(d) && d <= FEW && (count *= d) <= FEW;
        }
        for (int k = 0; known && k < node->n_in; k++)
            known = !node->in[k] || small[node->in[k]->node->id];
        small[i] = known;
        if ((known && !x->final[i]) || node->def->flags & OP_SOURCE)
            place(x, node);
    }
}

static bool order(scheduler *x)
{
    const tn_graph *g = x->g;
    bool *small = calloc(g->nodes.n + 1, sizeof *small), ok = small && place_early(x);
    x->s->writes_from = x->s->n;
    if (ok)
        place_small(x, small);
    free(small);
    if (!ok)
        return false;
    place_ready(x);
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
                   .frees = calloc(n, sizeof *x.frees),
                   .waits = calloc(n, sizeof *x.waits),
                   .ready = calloc(n, sizeof *x.ready),
                   .stack = calloc(n, sizeof *x.stack)};
    *s = (schedule){.item = calloc(n + g->results.n, sizeof *s->item)};
    bool ok = x.placed && x.final && x.frees && x.waits && x.ready && x.stack && s->item && prepare_waiting(&x, e);
    ok = ok && order(&x);
    free(x.placed);
    free(x.final);
    free(x.frees);
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
