/* epilogue.c: what follows a product or a convolution and nobody else reads is done where its sums are written, and costs no
 * pass over memory: an activation; before or behind it, where nothing trains, the sum with a residual. Gradients were made before:
 * those of these activations read the result alone. */
#include "pass/pass.h"

#include "op/scheme/activation.h"

#include <stdlib.h>
#include <string.h>

/* A node that takes others in. It is made where the last of them was. */
typedef struct ending {
    const graph_node *add, *activation; /* NULL: none */
    int64_t which;                      /* OP_ACT_... */
    bool last;                          /* the sum comes behind the activation */
} ending;

typedef struct joiner {
    const pass_backend *backend;
    int *uses;                 /* of each tensor, by nodes and results */
    const graph_node **reader; /* by tensor: the last node that reads it */
    const graph_node **maker;  /* by node: the one that takes it in, NULL: none */
    ending *end;               /* by node */
} joiner;

/* Which argument of the node is its activation, which input is added; -1: it has none. */
static int argument(const graph_node *node, const char *name)
{
    for (int i = 0; i < op_count_arg(node->def); i++)
        if (strcmp(node->def->arg[i].name, name) == 0)
            return i;
    return -1;
}

static int activation_of(const graph_node *node)
{
    return argument(node, "activation");
}

static int add_of(const graph_node *node)
{
    for (int i = 0; i < op_count_in(node->def); i++)
        if (strcmp(node->def->in[i].name, "add") == 0)
            return i;
    return -1;
}

static int64_t activation_by(const graph_node *node)
{
    if (pass_is(node, "relu"))
        return OP_ACT_RELU;
    if (pass_is(node, "leaky_relu") && node->arg[0].f > 0 && node->arg[0].f <= 1)
        return OP_ACT_LEAKY_RELU;
    return pass_is(node, "clamp") && node->arg[0].f == 0 && node->arg[1].f == 6 ? OP_ACT_RELU6 : OP_ACT_NONE;
}

static bool same_shape(const graph_type *a, const graph_type *b)
{
    return a->dtype == b->dtype && a->rank == b->rank &&
           memcmp(a->dims, b->dims, (size_t)a->rank * sizeof *a->dims) == 0;
}

/* The one node that reads the node's result, if there is one and no entry hands that out. */
static const graph_node *only_reader(const joiner *j, const graph_node *node)
{
    return j->uses[node->out[0].id] == 1 ? j->reader[node->out[0].id] : NULL; /* a result is a use and no reader */
}

/* Whether `sum` adds the node's result and another tensor of its shape, and is free to be made where the node writes. */
static bool takes_sum(const joiner *j, const graph_node *node, const graph_node *sum)
{
    return sum && pass_is(sum, "add") && sum->in[0] != sum->in[1] && !j->maker[sum->id] && j->backend->adds(node) &&
           same_shape(&sum->in[0]->type, &sum->in[1]->type);
}

static void find_ending(const joiner *j, const graph_node *node, bool training)
{
    const int at = activation_of(node);
    if (at < 0 || node->arg[at].i != OP_ACT_NONE)
        return;
    ending *e = &j->end[node->id];
    const int slot = add_of(node);
    const graph_node *next = only_reader(j, node);
    if (!training && slot >= 0 && !node->in[slot] && takes_sum(j, node, next)) {
        j->maker[next->id] = node;
        e->add = next;
        next = only_reader(j, next);
    }
    e->which = next ? activation_by(next) : OP_ACT_NONE;
    if (e->which == OP_ACT_NONE || !j->backend->activates(node, e->which))
        return;
    j->maker[next->id] = node;
    e->activation = next;
    if (training || e->add || slot < 0 || node->in[slot] || argument(node, "add_last") < 0)
        return;
    next = only_reader(j, next);
    if (!takes_sum(j, node, next))
        return;
    j->maker[next->id] = node;
    e->add = next;
    e->last = true;
}

static tn_tensor *make(const joiner *j, pass_map *m, const graph_node *node)
{
    const ending *e = &j->end[node->id];
    tn_tensor *in[OP_MAX_IN];
    op_value arg[OP_MAX_ARG];
    pass_inputs(m, node, in);
    memcpy(arg, node->arg, (size_t)op_count_arg(node->def) * sizeof *arg);
    if (e->activation)
        arg[activation_of(node)].i = e->which;
    if (e->which == OP_ACT_LEAKY_RELU && e->activation)
        arg[argument(node, "slope")].f = e->activation->arg[0].f;
    if (e->last)
        arg[argument(node, "add_last")].i = true;
    if (e->add) {
        const tn_tensor *own = e->last ? &e->activation->out[0] : &node->out[0];
        in[add_of(node)] = m->value[e->add->in[e->add->in[0] == own]->id];
    }
    graph_node *made = op_apply_named(m->to, node->def, node->name, node->n_in, in, arg);
    return made ? &made->out[0] : NULL;
}

static bool join(void *user, pass_map *m, const graph_node *node, tn_tensor *const *in, tn_tensor **out)
{
    (void)in;
    const joiner *j = user;
    const graph_node *maker = j->maker[node->id] ? j->maker[node->id] : node;
    const ending *e = &j->end[maker->id];
    if (!e->add && !e->activation)
        return false;
    if (node == (e->activation && !e->last ? e->activation : e->add))
        out[0] = make(j, m, maker);
    return true;
}

static void find_endings(const joiner *j, const tn_graph *g)
{
    for (size_t i = 0; i < g->nodes.n; i++)
        for (int k = 0; k < g->nodes.at[i]->n_in; k++) {
            const tn_tensor *t = g->nodes.at[i]->in[k];
            if (t)
                j->reader[t->id] = g->nodes.at[i];
        }
    for (size_t i = g->nodes.n; i-- > 0;) /* of two that are added up the later one adds */
        find_ending(j, g->nodes.at[i], g->training);
}

tn_graph *pass_epilogue(const tn_graph *g, const pass_backend *backend, base_error *e)
{
    size_t tensors = (size_t)g->n_tensors + 1, nodes = g->nodes.n + 1;
    joiner j = {.backend = backend,
                .uses = pass_count_uses(g, e),
                .reader = calloc(tensors, sizeof *j.reader),
                .maker = calloc(nodes, sizeof *j.maker),
                .end = calloc(nodes, sizeof *j.end)};
    tn_graph *out = NULL;
    if (j.uses && j.reader && j.maker && j.end) {
        find_endings(&j, g);
        out = pass_rewrite(g, join, &j, e);
    } else {
        base_no_memory(e, "compiling");
    }
    free(j.uses);
    free(j.reader);
    free(j.maker);
    free(j.end);
    return out;
}
