/* fold.c: for entries that do not train, what weights can do beforehand. A batch norm after a convolution or a linear layer
 * goes into its weight and bias; a linear layer that reads a flattened picture has its weight put in the order in which the
 * picture lies in memory, channels last, so that flattening copies nothing. The new weights follow from state alone: the
 * program computes them when the state has changed, not with every run. Sums are rounded otherwise than without. */
#include "pass/pass.h"

#include <stdlib.h>
#include <string.h>

#include "op/internal.h"

typedef struct folder {
    int *uses;   /* of each tensor, by nodes and results */
    bool *fixed; /* by tensor: follows from state that the entry does not write */
} folder;

/* Convolutions and linear layers have x, w, bias in this order, and what they make along axis 0 of w. */
enum { X, W, BIAS };

static bool has_free_weight(const folder *f, const graph_node *node)
{
    if (!pass_is(node, "conv2d") && !pass_is(node, "linear"))
        return false;
    return f->fixed[node->in[W]->id] && (node->n_in <= BIAS || !node->in[BIAS] || f->fixed[node->in[BIAS]->id]);
}

/* The node again with another input, weight or bias. */
static tn_tensor *with_inputs(pass_map *m, const graph_node *node, tn_tensor *x, tn_tensor *w, tn_tensor *bias)
{
    tn_tensor *in[OP_MAX_IN] = {x, w, bias};
    graph_node *made = op_apply_named(m->to, node->def, node->name, BIAS + 1, in, node->arg);
    return made ? &made->out[0] : NULL;
}

static tn_tensor *now(const pass_map *m, const tn_tensor *t)
{
    return t ? m->value[t->id] : NULL;
}

/* ---- batch norm -------------------------------------------------------------------------------------------------- */

static bool joins_weight(const folder *f, const graph_node *norm)
{
    if (!pass_is(norm, "batch_norm"))
        return false;
    const graph_node *maker = norm->in[0]->node;
    bool ok = has_free_weight(f, maker) && f->uses[norm->in[0]->id] == 1 && maker->in[W]->type.dtype == TN_F32 &&
              norm->in[0]->type.rank == (pass_is(maker, "conv2d") ? 4 : 2);
    for (int i = 1; ok && i < norm->n_in; i++)
        ok = !norm->in[i] || (f->fixed[norm->in[i]->id] && norm->in[i]->type.dtype == TN_F32);
    for (int k = 1; ok && k < norm->n_out; k++)
        ok = f->uses[norm->out[k].id] == 0;
    return ok;
}

static void fold_norm(pass_map *m, const graph_node *norm, tn_tensor *const *in, tn_tensor **out)
{
    const graph_node *maker = norm->in[0]->node;
    tn_tensor *scale, *shift, *w = now(m, maker->in[W]), *bias = maker->n_in > BIAS ? now(m, maker->in[BIAS]) : NULL;
    op_batch_norm_line(norm, in, &scale, &shift);
    tn_shape each = {.rank = w->type.rank, .dims = {tn_dim_of(w, 0), 1, 1, 1}};
    tn_tensor *scaled = tn_mul(w, tn_reshape(scale, each));
    tn_tensor *moved = bias ? tn_add(tn_mul(bias, scale), shift) : shift;
    out[0] = with_inputs(m, maker, now(m, maker->in[X]), scaled, moved);
}

/* ---- flattening -------------------------------------------------------------------------------------------------- */

/* Whether the tensor comes from a kernel that leaves pictures with channels last, through nothing that changes that. */
static bool lies_channels_last(const tn_tensor *t)
{
    while (t->node->n_in > 0 && t->node->in[0] && t->node->in[0]->type.rank == 4) {
        const graph_node *node = t->node;
        if (pass_is(node, "conv2d") || pass_is(node, "max_pool2d") || pass_is(node, "avg_pool2d"))
            return true;
        if (!(node->def->flags & OP_ELEMENTWISE) && !pass_is(node, "dropout") && !pass_is(node, "batch_norm"))
            return false;
        t = node->in[0];
    }
    return false;
}

static bool reads_picture(const folder *f, const graph_node *node)
{
    if (!pass_is(node, "linear") || !has_free_weight(f, node) || !pass_is(node->in[X]->node, "reshape"))
        return false;
    const tn_tensor *flat = node->in[X], *picture = flat->node->in[0];
    const graph_type *t = &picture->type;
    if (flat->type.rank != 2 || t->rank != 4 || flat->type.dims[0] != t->dims[0] || t->dtype != TN_F32)
        return false;
    for (int i = 1; i < 4; i++)
        if (!dim_literal(t->dims[i]))
            return false;
    return t->dims[1] > 1 && t->dims[2] * t->dims[3] > 1 && lies_channels_last(picture);
}

static tn_tensor *channels_last(tn_tensor *x, tn_shape to)
{
    static const int64_t order[] = {0, 2, 3, 1};
    return tn_reshape(tn_permute(x, 4, order), to);
}

static void read_as_it_lies(pass_map *m, const graph_node *node, tn_tensor *const *in, tn_tensor **out)
{
    tn_tensor *picture = now(m, node->in[X]->node->in[0]), *w = in[W];
    tn_shape apart = {.rank = 4,
                      .dims = {tn_dim_of(w, 0), tn_dim_of(picture, 1), tn_dim_of(picture, 2), tn_dim_of(picture, 3)}};
    tn_tensor *turned = channels_last(tn_reshape(w, apart), tn_tensor_shape(w));
    out[0] = with_inputs(m, node, channels_last(picture, tn_tensor_shape(in[X])), turned,
                         node->n_in > BIAS ? in[BIAS] : NULL);
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

static bool fold(void *user, pass_map *m, const graph_node *node, tn_tensor *const *in, tn_tensor **out)
{
    const folder *f = user;
    const bool norm = joins_weight(f, node);
    if (!norm && !reads_picture(f, node))
        return false;
    if (!pass_enter(m, node))
        return true;
    (norm ? fold_norm : read_as_it_lies)(m, node, in, out);
    pass_leave(m);
    return true;
}

static void find_fixed(const folder *f, const tn_graph *g)
{
    for (size_t i = 0; i < g->nodes.n; i++) {
        const graph_node *node = g->nodes.at[i];
        bool fixed = node->n_in > 0 && !(node->def->flags & OP_RANDOM);
        for (int k = 0; fixed && k < node->n_in; k++)
            fixed = !node->in[k] || f->fixed[node->in[k]->id];
        fixed |= pass_is(node, "state") || pass_is(node, "constant");
        for (size_t r = 0; pass_is(node, "state") && r < g->results.n; r++)
            fixed &= g->results.at[r].kind != GRAPH_WRITE || strcmp(g->results.at[r].name, node->arg[0].text) != 0;
        for (int k = 0; k < node->n_out; k++)
            f->fixed[node->out[k].id] = fixed;
    }
}

tn_graph *pass_fold(const tn_graph *g, base_error *e)
{
    folder f = {pass_count_uses(g, e), calloc((size_t)g->n_tensors + 1, sizeof *f.fixed)};
    tn_graph *out = NULL;
    if (f.uses && f.fixed) {
        find_fixed(&f, g);
        out = pass_rewrite(g, fold, &f, e);
    } else {
        base_no_memory(e, "compiling");
    }
    free(f.uses);
    free(f.fixed);
    return out;
}
