/* lower.c: replaces operators by their lowered forms wherever the backend has no kernel for the whole. */
#include "pass/pass.h"

enum { MOST_ROUNDS = 16 };

typedef struct lowering {
    const pass_backend *backend;
    int changed;
} lowering;

static bool lower_node(void *user, pass_map *m, const graph_node *node, tn_tensor *const *in, tn_tensor **out)
{
    lowering *l = user;
    if (!node->def->lower || l->backend->keeps(node, m->to->training))
        return false;
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
