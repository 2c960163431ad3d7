/* lower.c: replaces operators by their lowered forms wherever the backend has no kernel for the whole. Operators without such a form,
 * on half floats, become those on f32, between casts, where the backend has a kernel for these. */
#include "pass/pass.h"

enum { MOST_ROUNDS = 16 };

typedef struct lowering {
    const pass_backend *backend;
    int changed;
} lowering;

static bool is_half(const tn_tensor *x)
{
    return x && (x->type.dtype == TN_F16 || x->type.dtype == TN_BF16);
}

/* Whether the backend keeps the node with f32 in place of half floats, of which it must have some among its inputs. */
static bool keeps_wide(const lowering *l, const graph_node *node, bool training)
{
    tn_tensor in[OP_MAX_IN], *pointer[OP_MAX_IN], out[OP_MAX_OUT];
    graph_node wide = *node;
    bool any = false;
    if (node->n_in > OP_MAX_IN || node->n_out > OP_MAX_OUT || (node->def->flags & (OP_VIEW | OP_SOURCE | OP_OPAQUE)))
        return false;
    for (int i = 0; i < node->n_in; i++) {
        pointer[i] = NULL;
        if (!node->in[i])
            continue;
        in[i] = *node->in[i];
        any |= is_half(&in[i]);
        in[i].type.dtype = is_half(&in[i]) ? TN_F32 : in[i].type.dtype;
        pointer[i] = &in[i];
    }
    for (int i = 0; i < node->n_out; i++) {
        out[i] = node->out[i];
        out[i].type.dtype = is_half(&out[i]) ? TN_F32 : out[i].type.dtype;
    }
    wide.in = pointer;
    wide.out = out;
    return any && l->backend->keeps(&wide, training);
}

static void widen(pass_map *m, const graph_node *node, tn_tensor *const *in, tn_tensor **out)
{
    tn_tensor *wide[OP_MAX_IN];
    if (!pass_enter(m, node))
        return;
    for (int i = 0; i < node->n_in; i++)
        wide[i] = is_half(in[i]) ? tn_cast(in[i], TN_F32) : in[i];
    graph_node *y = op_apply_named(m->to, node->def, node->name, node->n_in, wide, node->arg);
    for (int i = 0; y && i < node->n_out; i++)
        out[i] = is_half(&node->out[i]) ? tn_cast(&y->out[i], node->out[i].type.dtype) : &y->out[i];
    pass_leave(m);
}

static bool lower_node(void *user, pass_map *m, const graph_node *node, tn_tensor *const *in, tn_tensor **out)
{
    lowering *l = user;
    if (l->backend->keeps(node, m->to->training))
        return false;
    if (!node->def->lower) {
        bool wide = keeps_wide(l, node, m->to->training);
        if (wide)
            widen(m, node, in, out);
        l->changed += wide;
        return wide;
    }
    op_lower c = {.graph = m->to, .node = node, .in = in, .training = m->to->training, .out = out};
    if (!pass_enter(m, node))
        return true;
    tn_status status = node->def->lower(&c);
    pass_leave(m);
    if (status != TN_OK)
        graph_fail(m->to, status, "%s (node '%s') cannot be lowered", node->def->name, node->name);
    l->changed++;
    return true;
}

tn_graph *pass_lower(const tn_graph *g, const pass_backend *backend, base_error *e)
{
    lowering l = {.backend = backend};
    tn_graph *now = pass_rewrite(g, lower_node, &l, e);
    for (int round = 1; now && l.changed; round++) {
        if (round == MOST_ROUNDS) {
            base_fail(e, TN_INTERNAL, "lowering does not come to an end");
            tn_graph_free(now);
            return NULL;
        }
        l.changed = 0;
        tn_graph *next = pass_rewrite(now, lower_node, &l, e);
        tn_graph_free(now);
        now = next;
    }
    return now;
}
