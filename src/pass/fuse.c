/* fuse.c: groups element-wise nodes of one shape into `fused` nodes that each operand passes through once.
 *
 * A node joins the group of a producer when both have the same shape and no path from the group to the node runs through a
 * node outside (the fused node would wait for itself). Values that are made from nothing (random masks) are cheaper to make
 * again than to keep: every consumer gets a copy of its own. */
#include "pass/pass.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_IN = 20, MOST_OUT = 8, MOST_NODES = 48 };

typedef struct fuser {
    const tn_graph *g;
    const pass_backend *backend;
    int *group; /* by node: group number (the id of its first member), or -1 */
    int *next;  /* by node: the next member of its group, -1 for the last */
    int *mark;  /* by node: the search that has seen it */
    int stamp;
    int *stack, depth; /* of nodes to look at */
    int *members;      /* by group: number of nodes */
    bool *early; /* by node: an output or a check waits for it. Such a node never joins one that only makes state to be
                     written: the updates would run before the check, and could not write in place */
} fuser;

static bool elementwise(const fuser *f, const graph_node *node)
{
    return (node->def->flags & OP_ELEMENTWISE) && node->n_out == 1 && f->backend->fuses(node);
}

static bool same_shape(const graph_type *a, const graph_type *b)
{
    return a->rank == b->rank && memcmp(a->dims, b->dims, (size_t)a->rank * sizeof *a->dims) == 0;
}

/* Puts the fused node that `node` will be part of, or the node itself, on the stack: all its members, once. */
static void push_unit(fuser *f, int node)
{
    int first = f->group[node] >= 0 ? f->group[node] : node;
    for (int i = first; i >= 0; i = f->next[i])
        if (f->mark[i] != f->stamp) {
            f->mark[i] = f->stamp;
            f->stack[f->depth++] = i;
        }
}

/* Whether something that group `source` makes comes to unit `target` (a node or its group) through a node of neither. */
static bool comes_around(fuser *f, int source, int target)
{
    f->stamp++;
    f->depth = 0;
    push_unit(f, target);
    for (int own = f->depth; f->depth > 0;) {
        int i = f->stack[--f->depth];
        const graph_node *node = f->g->nodes.at[i];
        bool inside = f->depth < own; /* the target's own members lie at the bottom */
        own = inside ? f->depth : own;
        for (int k = 0; k < node->n_in; k++) {
            int from = node->in[k] ? node->in[k]->node->id : -1;
            if (from < 0)
                continue;
            if (f->group[from] != source)
                push_unit(f, from);
            else if (!inside)
                return true;
        }
    }
    return false;
}

/* Whether group a and the unit of node b may become one: neither waits for the other by way of a third. */
static bool may_merge(fuser *f, int a, int b)
{
    return !comes_around(f, a, b) && !comes_around(f, f->group[b], a);
}

static void count_ports(const fuser *f, int a, int b, int *in, int *out)
{
    *in = *out = 0;
    for (size_t i = 0; i < f->g->nodes.n; i++) {
        if (f->group[i] != a && f->group[i] != b)
            continue;
        const graph_node *node = f->g->nodes.at[i];
        for (int k = 0; k < node->n_in; k++)
            if (node->in[k] && f->group[node->in[k]->node->id] != a && f->group[node->in[k]->node->id] != b)
                ++*in;
    }
}

static void find_early(fuser *f)
{
    const tn_graph *g = f->g;
    for (size_t i = 0; i < g->results.n; i++)
        if (g->results.at[i].kind != GRAPH_WRITE)
            f->early[g->results.at[i].value->node->id] = true;
    for (size_t i = g->nodes.n; i-- > 0;)
        for (int k = 0; f->early[i] && k < g->nodes.at[i]->n_in; k++)
            if (g->nodes.at[i]->in[k])
                f->early[g->nodes.at[i]->in[k]->node->id] = true;
}

static void join(fuser *f, const graph_node *node)
{
    int id = node->id;
    f->group[id] = id;
    f->members[id] = 1;
    for (int i = 0; i < node->n_in; i++) {
        const graph_node *from = node->in[i] ? node->in[i]->node : NULL;
        int a = from ? f->group[from->id] : -1, mine = f->group[id], in, out;
        if (a < 0 || a == mine || f->early[from->id] != f->early[id] ||
            !same_shape(&from->out[0].type, &node->out[0].type) || f->members[a] + f->members[mine] > MOST_NODES)
            continue;
        count_ports(f, a, mine, &in, &out);
        if (in > MOST_IN || !may_merge(f, a, id))
            continue;
        int to = a < mine ? a : mine, gone = a < mine ? mine : a;
        f->members[to] += f->members[gone];
        int last = to;
        while (f->next[last] >= 0)
            last = f->next[last];
        f->next[last] = gone;
        for (int k = gone; k >= 0; k = f->next[k])
            f->group[k] = to;
    }
}

/* ---- emission ---------------------------------------------------------------------------------------------------- */

typedef struct emitter {
    fuser *f;
    pass_map m;
    bool *done;   /* by node of the old graph */
    bool *result; /* by tensor: some result shows it */
    base_error *e;
} emitter;

static bool used_outside(const emitter *x, const graph_node *node)
{
    const tn_graph *g = x->f->g;
    int group = x->f->group[node->id];
    if (x->result[node->out[0].id])
        return true;
    for (size_t i = (size_t)node->id + 1; i < g->nodes.n; i++)
        for (int k = 0; x->m.needed[i] && x->f->group[i] != group && k < g->nodes.at[i]->n_in; k++)
            if (g->nodes.at[i]->in[k] == &node->out[0])
                return true;
    return false;
}

static tn_status emit_node(emitter *x, const graph_node *node);

/* The sub-graph's value for an outer one: an input node of the sub-graph, made once per outer value. */
static tn_tensor *sub_input(tn_graph *sub, tn_tensor *outer, tn_tensor **in, int *n_in)
{
    char name[32];
    if (sub->error.status != TN_OK) /* input i is node i no more */
        return &sub->poison;
    for (int i = 0; i < *n_in; i++)
        if (in[i] == outer)
            return &sub->nodes.at[i]->out[0];
    (void)snprintf(name, sizeof name, "in%d", *n_in);
    in[(*n_in)++] = outer;
    tn_shape shape = tn_tensor_shape(outer);
    return tn_input(sub, name, outer->type.dtype, shape);
}

static tn_status fill_sub(emitter *x, int group, tn_graph *sub, tn_tensor **in, int *n_in, tn_tensor **value)
{
    const tn_graph *g = x->f->g;
    for (int pass = 0; pass < 2; pass++) /* all inputs first, so that input i is node i of the sub-graph */
        for (size_t i = 0; i < g->nodes.n; i++) {
            const graph_node *node = g->nodes.at[i];
            if (x->f->group[i] != group)
                continue;
            tn_tensor *from[node->n_in + 1];
            for (int k = 0; k < node->n_in; k++) {
                tn_tensor *t = node->in[k];
                from[k] = !t                                  ? NULL
                          : x->f->group[t->node->id] == group ? value[t->id]
                                                              : sub_input(sub, x->m.value[t->id], in, n_in);
            }
            if (pass == 0)
                continue;
            graph_node *copy = op_apply_named(sub, node->def, node->name, node->n_in, from, node->arg);
            if (!copy)
                return base_fail(x->e, sub->error.status, "%s", sub->error.text);
            value[node->out[0].id] = &copy->out[0];
        }
    return TN_OK;
}

static tn_status emit_group(emitter *x, int group)
{
    const tn_graph *g = x->f->g;
    tn_graph *to = x->m.to, *sub = graph_sub(to);
    tn_tensor *in[4 * MOST_NODES], **value = calloc((size_t)g->n_tensors + 1, sizeof *value);
    const graph_node *outs[MOST_NODES + 1], *last = NULL;
    graph_type types[MOST_NODES + 1];
    int n_in = 0, n_out = 0, n_nodes = 0;
    tn_status status = sub && value ? fill_sub(x, group, sub, in, &n_in, value) : base_no_memory(x->e, "fusing");
    for (size_t i = 0; i < g->nodes.n && status == TN_OK; i++) {
        if (x->f->group[i] != group)
            continue;
        last = g->nodes.at[i];
        n_nodes++;
        if (!used_outside(x, last))
            continue;
        graph_result r = {GRAPH_OUTPUT, "y", value[last->out[0].id], NULL};
        types[n_out] = last->out[0].type;
        outs[n_out++] = last;
        if (!base_vec_push(&sub->results, r))
            status = base_no_memory(x->e, "fusing");
    }
    op_value *arg = BASE_NEW(to->arena, op_value);
    if (!arg)
        status = base_no_memory(x->e, "fusing");
    if (status == TN_OK) {
        arg->i = n_nodes;
        graph_node *node =
            graph_add(to, &op_fused, n_nodes == 1 ? last->name : base_arena_printf(to->arena, "%s/fused", last->name),
                      n_in, in, n_out, types, arg);
        if (node) {
            node->sub = sub;
            for (int i = 0; i < n_out; i++)
                x->m.value[outs[i]->out[0].id] = &node->out[i];
        } else {
            status = base_no_memory(x->e, "fusing");
        }
    }
    if (status != TN_OK && sub)
        graph_release_sub(sub);
    free(value);
    return status;
}

static tn_status emit_inputs(emitter *x, const graph_node *node)
{
    for (int k = 0; k < node->n_in; k++)
        if (node->in[k] && !x->done[node->in[k]->node->id])
            BASE_TRY(emit_node(x, node->in[k]->node));
    return TN_OK;
}

static tn_status emit_node(emitter *x, const graph_node *node)
{
    const tn_graph *g = x->f->g;
    int group = x->f->group[node->id];
    if (group >= 0) {
        for (size_t i = 0; i < g->nodes.n; i++)
            if (x->f->group[i] == group)
                x->done[i] = true;
        for (size_t i = 0; i < g->nodes.n; i++)
            if (x->f->group[i] == group)
                BASE_TRY(emit_inputs(x, g->nodes.at[i]));
        return emit_group(x, group);
    }
    x->done[node->id] = true;
    BASE_TRY(emit_inputs(x, node));
    tn_tensor *in[node->n_in + 1], *out[node->n_out + 1];
    pass_inputs(&x->m, node, in);
    graph_node *copy = pass_clone(&x->m, node, in);
    if (!copy)
        return base_fail(x->e, x->m.to->error.status, "%s", x->m.to->error.text);
    for (int i = 0; i < node->n_out; i++)
        out[i] = &copy->out[i];
    pass_set(&x->m, node, out);
    return TN_OK;
}

static tn_status emit_all(emitter *x)
{
    const tn_graph *g = x->f->g;
    for (size_t i = 0; i < g->results.n; i++)
        x->result[g->results.at[i].value->id] = true;
    for (size_t i = 0; i < g->nodes.n; i++)
        if (x->m.needed[i] && !x->done[i])
            BASE_TRY(emit_node(x, g->nodes.at[i]));
    return pass_results(&x->m, g->results.at, g->results.n, x->e);
}

/* ---- copies of what is made from nothing -------------------------------------------------------------------------- */

static bool made_from_nothing(const graph_node *node)
{
    return node->n_in == 0 && (node->def->flags & OP_ELEMENTWISE);
}

static bool copy_cheap(void *user, pass_map *m, const graph_node *node, tn_tensor *const *in, tn_tensor **out)
{
    tn_tensor *own[node->n_in + 1];
    bool any = false;
    (void)user;
    for (int i = 0; i < node->n_in; i++) {
        own[i] = in[i];
        if (!in[i] || !made_from_nothing(in[i]->node) || !(node->def->flags & OP_ELEMENTWISE))
            continue;
        graph_node *copy = op_apply_named(m->to, in[i]->node->def, in[i]->node->name, 0, NULL, in[i]->node->arg);
        if (!copy)
            return true;
        own[i] = &copy->out[0];
        any = true;
    }
    if (!any)
        return false;
    graph_node *copy = pass_clone(m, node, own);
    if (copy)
        out[0] = &copy->out[0];
    return true;
}

tn_graph *pass_fuse(const tn_graph *given, const pass_backend *backend, base_error *e)
{
    tn_graph *g = pass_rewrite(given, copy_cheap, NULL, e);
    if (!g)
        return NULL;
    fuser f = {.g = g, .backend = backend};
    emitter x = {.f = &f, .e = e};
    size_t n = g->nodes.n + 1;
    f.group = malloc(n * sizeof *f.group);
    f.next = malloc(n * sizeof *f.next);
    f.mark = calloc(n, sizeof *f.mark);
    f.stack = calloc(n, sizeof *f.stack);
    f.members = calloc(n, sizeof *f.members);
    f.early = calloc(n, 1);
    x.done = calloc(n, 1);
    x.result = calloc((size_t)g->n_tensors + 1, 1);
    tn_status status = pass_map_new(&x.m, g, g->results.at, g->results.n, e);
    if (!f.group || !f.next || !f.mark || !f.stack || !f.members || !f.early || !x.done || !x.result)
        status = base_no_memory(e, "fusing");
    for (size_t i = 0; status == TN_OK && i < n; i++)
        f.group[i] = f.next[i] = -1;
    if (status == TN_OK)
        find_early(&f);
    for (size_t i = 0; status == TN_OK && i < g->nodes.n; i++)
        if (x.m.needed[i] && elementwise(&f, g->nodes.at[i]))
            join(&f, g->nodes.at[i]);
    if (status == TN_OK)
        status = emit_all(&x);
    tn_graph *out = pass_map_finish(&x.m, status);
    free(f.group);
    free(f.next);
    free(f.mark);
    free(f.stack);
    free(f.members);
    free(f.early);
    free(x.done);
    free(x.result);
    tn_graph_free(g);
    return out;
}
