/* epilogue.c: an activation moves into the product or convolution that feeds it and nobody else, so that it is applied where
 * the sums are written and costs no pass over memory. Gradients were made before: relu's reads its result alone. */
#include "pass/pass.h"

#include "op/scheme/activation.h"

#include <stdlib.h>
#include <string.h>

typedef struct joiner {
    const pass_backend *backend;
    int *uses;       /* of each tensor, by nodes and results */
    bool *into_relu; /* one of them is a relu */
} joiner;

/* Which argument of the node is its activation; -1: it has none. */
static int activation_of(const graph_node *node)
{
    for (int i = 0; i < op_count_arg(node->def); i++)
        if (strcmp(node->def->arg[i].name, "activation") == 0)
            return i;
    return -1;
}

static bool joins(const joiner *j, const graph_node *maker)
{
    int at = activation_of(maker);
    return at >= 0 && maker->arg[at].i == OP_ACT_NONE && j->uses[maker->out[0].id] == 1 &&
           j->into_relu[maker->out[0].id] && j->backend->activates(maker);
}

static bool join(void *user, pass_map *m, const graph_node *node, tn_tensor *const *in, tn_tensor **out)
{
    const joiner *j = user;
    if (joins(j, node)) {
        op_value arg[OP_MAX_ARG];
        memcpy(arg, node->arg, (size_t)op_count_arg(node->def) * sizeof *arg);
        arg[activation_of(node)].i = OP_ACT_RELU;
        graph_node *joined = op_apply_named(m->to, node->def, node->name, node->n_in, in, arg);
        out[0] = joined ? &joined->out[0] : NULL;
        return true;
    }
    if (strcmp(node->def->name, "relu") != 0 || !joins(j, node->in[0]->node))
        return false;
    out[0] = in[0];
    return true;
}

static void count_uses(const joiner *j, const tn_graph *g)
{
    for (size_t i = 0; i < g->nodes.n; i++)
        for (int k = 0; k < g->nodes.at[i]->n_in; k++) {
            const tn_tensor *t = g->nodes.at[i]->in[k];
            if (!t)
                continue;
            j->uses[t->id]++;
            if (strcmp(g->nodes.at[i]->def->name, "relu") == 0)
                j->into_relu[t->id] = true;
        }
    for (size_t i = 0; i < g->results.n; i++)
        j->uses[g->results.at[i].value->id]++;
}

tn_graph *pass_epilogue(const tn_graph *g, const pass_backend *backend, base_error *e)
{
    joiner j = {backend, calloc((size_t)g->n_tensors + 1, sizeof *j.uses),
                calloc((size_t)g->n_tensors + 1, sizeof *j.into_relu)};
    tn_graph *out = NULL;
    if (j.uses && j.into_relu) {
        count_uses(&j, g);
        out = pass_rewrite(g, join, &j, e);
    } else {
        base_no_memory(e, "compiling");
    }
    free(j.uses);
    free(j.into_relu);
    return out;
}
