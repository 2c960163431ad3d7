/* fuse.c: element-wise nodes of one shape as `fused` nodes, which each operand passes through once. Which nodes go together is
 * for fuse_group.c to say. Values that are made from nothing (random masks) are cheaper to make again than to keep: every
 * consumer gets a copy of its own. */
#include "pass/fuse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- emission ---------------------------------------------------------------------------------------------------- */

/* A unit that is being made: all its inputs come first. */
typedef struct frame {
    int unit;   /* its first member, or the node alone */
    int member; /* whose inputs are gone through, */
    int in;     /* and which is next */
} frame;

typedef struct emitter {
    const tn_graph *g;
    fuse_groups groups;
    pass_map m;
    bool *done;        /* by node: made, or being made */
    bool *shown;       /* by tensor: a result, or a node outside its group, needs it */
    tn_tensor **value; /* by tensor: in the sub-graph of its group, once that is being filled */
    frame *stack;      /* by depth */
    base_error *e;
} emitter;

static void find_shown(emitter *x)
{
    const tn_graph *g = x->g;
    const int *group = x->groups.group;
    for (size_t i = 0; i < g->results.n; i++)
        x->shown[g->results.at[i].value->id] = true;
    for (size_t i = 0; i < g->nodes.n; i++)
        for (int k = 0; x->m.needed[i] && k < g->nodes.at[i]->n_in; k++) {
            const tn_tensor *t = g->nodes.at[i]->in[k];
            if (t && (group[i] < 0 || group[t->node->id] != group[i]))
                x->shown[t->id] = true;
        }
}

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

static tn_status fill_sub(emitter *x, int group, tn_graph *sub, tn_tensor **in, int *n_in)
{
    for (int pass = 0; pass < 2; pass++) /* all inputs first, so that input i is node i of the sub-graph */
        for (int i = group; i >= 0; i = x->groups.next[i]) {
            const graph_node *node = x->g->nodes.at[i];
            tn_tensor *from[node->n_in + 1];
            for (int k = 0; k < node->n_in; k++) {
                tn_tensor *t = node->in[k];
                from[k] = !t                                      ? NULL
                          : x->groups.group[t->node->id] == group ? x->value[t->id]
                                                                  : sub_input(sub, x->m.value[t->id], in, n_in);
            }
            if (pass == 0)
                continue;
            graph_node *copy = op_apply_named(sub, node->def, node->name, node->n_in, from, node->arg);
            if (!copy)
                return base_fail(x->e, sub->error.status, "%s", sub->error.text);
            x->value[node->out[0].id] = &copy->out[0];
        }
    return TN_OK;
}

/* A fused node as it is put together. */
typedef struct fused {
    tn_graph *sub;
    int n_in, n_out, n_nodes;
    tn_tensor *in[4 * FUSE_MOST_NODES];
    const graph_node *out[FUSE_MOST_NODES + 1], *last;
    graph_type type[FUSE_MOST_NODES + 1];
} fused;

static tn_status find_outputs(emitter *x, int group, fused *y)
{
    for (int i = group; i >= 0; i = x->groups.next[i]) {
        const graph_node *node = y->last = x->g->nodes.at[i];
        graph_result r = {GRAPH_OUTPUT, "y", x->value[node->out[0].id], NULL};
        y->n_nodes++;
        if (!x->shown[node->out[0].id])
            continue;
        y->type[y->n_out] = node->out[0].type;
        y->out[y->n_out++] = node;
        if (!base_vec_push(&y->sub->results, r))
            return base_no_memory(x->e, "fusing");
    }
    return TN_OK;
}

static tn_status add_fused(emitter *x, fused *y)
{
    tn_graph *to = x->m.to;
    op_value *arg = BASE_NEW(to->arena, op_value);
    const char *name = y->n_nodes == 1 ? y->last->name : base_arena_printf(to->arena, "%s/fused", y->last->name);
    if (!arg || !name)
        return base_no_memory(x->e, "fusing");
    arg->i = y->n_nodes;
    graph_node *node = graph_add(to, &op_fused, name, y->n_in, y->in, y->n_out, y->type, arg);
    if (!node)
        return base_no_memory(x->e, "fusing");
    node->sub = y->sub;
    for (int i = 0; i < y->n_out; i++)
        x->m.value[y->out[i]->out[0].id] = &node->out[i];
    return TN_OK;
}

static tn_status emit_group(emitter *x, int group)
{
    fused y = {.sub = graph_sub(x->m.to)};
    tn_status status = y.sub ? fill_sub(x, group, y.sub, y.in, &y.n_in) : base_no_memory(x->e, "fusing");
    if (status == TN_OK)
        status = find_outputs(x, group, &y);
    if (status == TN_OK)
        status = add_fused(x, &y);
    if (status != TN_OK && y.sub)
        graph_release_sub(y.sub);
    return status;
}

static tn_status emit_alone(emitter *x, const graph_node *node)
{
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

static frame begin(emitter *x, int node)
{
    int unit = x->groups.group[node] >= 0 ? x->groups.group[node] : node;
    for (int i = unit; i >= 0; i = x->groups.next[i])
        x->done[i] = true;
    return (frame){unit, unit, 0};
}

/* The next input of a unit that is not made yet; -1: there is none. */
static int next_input(const emitter *x, frame *f)
{
    for (; f->member >= 0; f->member = x->groups.next[f->member], f->in = 0) {
        const graph_node *node = x->g->nodes.at[f->member];
        while (f->in < node->n_in) {
            const tn_tensor *t = node->in[f->in++];
            if (t && !x->done[t->node->id])
                return t->node->id;
        }
    }
    return -1;
}

/* A unit after all that it waits for. Not by recursion: that may be all of a long graph. */
static tn_status emit(emitter *x, int node)
{
    size_t depth = 0;
    x->stack[depth++] = begin(x, node);
    while (depth > 0) {
        frame *top = &x->stack[depth - 1];
        int wanted = next_input(x, top);
        if (wanted >= 0) {
            x->stack[depth++] = begin(x, wanted);
            continue;
        }
        depth--;
        BASE_TRY(x->groups.group[top->unit] >= 0 ? emit_group(x, top->unit) : emit_alone(x, x->g->nodes.at[top->unit]));
    }
    return TN_OK;
}

static tn_status emit_all(emitter *x)
{
    const tn_graph *g = x->g;
    find_shown(x);
    for (size_t i = 0; i < g->nodes.n; i++) /* a group where its last member stands, unless somebody waits for it */
        if (x->m.needed[i] && !x->done[i] && x->groups.next[i] < 0)
            BASE_TRY(emit(x, (int)i));
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
    size_t n = g->nodes.n + 1, tensors = (size_t)g->n_tensors + 1;
    emitter x = {.g = g,
                 .done = calloc(n, sizeof *x.done),
                 .shown = calloc(tensors, sizeof *x.shown),
                 .value = calloc(tensors, sizeof *x.value),
                 .stack = calloc(n, sizeof *x.stack),
                 .e = e};
    tn_status status = pass_map_new(&x.m, g, g->results.at, g->results.n, e);
    if (!x.done || !x.shown || !x.value || !x.stack)
        status = base_no_memory(e, "fusing");
    if (status == TN_OK)
        status = fuse_find_groups(g, backend, x.m.needed, &x.groups, e);
    if (status == TN_OK)
        status = emit_all(&x);
    tn_graph *out = pass_map_finish(&x.m, status);
    free(x.groups.group);
    free(x.groups.next);
    free(x.done);
    free(x.shown);
    free(x.value);
    free(x.stack);
    tn_graph_free(g);
    return out;
}
