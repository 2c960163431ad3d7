/* autodiff.c: reverse-mode gradients as graphs (Griewank and Walther, "Evaluating Derivatives", 2nd ed., section 3.2).
 *
 * Walks the nodes that lie between wrt and loss backwards; each gives the gradients of its inputs by its definition's .grad,
 * or by that of its lowered form. Gradients that arrive from several uses are added in node order, so that the result does
 * not depend on anything but the graph. */
#include "op/scheme/op.h"
#include "pass/pass.h"

#include <stdlib.h>
#include <string.h>

/* Of the values before the first node only those in wrt count: the others are constants, whatever they were made from. */
typedef struct autodiff {
    tn_graph *g;
    int first, last; /* the nodes that are visited */
    int first_id;    /* of the values that they make */
    int n;
    tn_tensor *const *wrt;
    bool *depends;                   /* by node from first on: depends on a wrt */
    tn_tensor **grad, **grad_of_wrt; /* by value from first_id on, and by wrt before it; NULL: none arrived */
    base_error error;
} autodiff;

/* Where the gradient of a value is gathered; NULL: it is a constant. */
static tn_tensor **slot_of(const autodiff *a, const tn_tensor *x)
{
    if (x->id >= a->first_id)
        return &a->grad[x->id - a->first_id];
    for (int i = 0; i < a->n; i++)
        if (a->wrt[i] == x)
            return &a->grad_of_wrt[i];
    return NULL;
}

/* Whether a value is asked for, or made from such a one. */
static bool depends(const autodiff *a, const tn_tensor *x)
{
    if (!x || !tn_dtype_is_float(x->type.dtype))
        return false;
    return x->node->id >= a->first ? a->depends[x->node->id - a->first] : slot_of(a, x) != NULL;
}

static void mark_dependents(autodiff *a)
{
    for (int i = 0; i < a->n; i++)
        if (a->wrt[i]->node->id >= a->first)
            a->depends[a->wrt[i]->node->id - a->first] = true;
    for (int i = a->first; i <= a->last; i++) {
        const graph_node *node = a->g->nodes.at[i];
        for (int k = 0; k < node->n_in; k++)
            a->depends[i - a->first] |= depends(a, node->in[k]);
    }
}

/* Whether input k of a node is asked for its gradient. */
static bool wanted(const autodiff *a, const graph_node *node, int k)
{
    int slots = op_count_in(node->def), slot = k < slots ? k : slots - 1;
    return !(node->def->in[slot].flags & OP_FIXED) && depends(a, node->in[k]);
}

static tn_status accumulate(autodiff *a, const graph_node *node, int k, tn_tensor *d)
{
    tn_tensor *x = node->in[k];
    int slots = op_count_in(node->def), slot = k < slots ? k : slots - 1;
    if (graph_poisoned(d))
        return a->g->error.status;
    if (node->def->in[slot].flags & OP_BROADCAST)
        d = op_unbroadcast(d, x);
    if (graph_poisoned(d))
        return a->g->error.status;
    if (d->type.dtype != x->type.dtype || !graph_same_dims(a->g->dims, &d->type, &x->type, "gradient")) {
        char want[128], got[128];
        return base_fail(&a->error, TN_INTERNAL,
                         "the gradient of %s (node '%s') for its input %d is %s; the input is %s", node->def->name,
                         node->name, k, tn_tensor_describe(d, got, sizeof got),
                         tn_tensor_describe(x, want, sizeof want));
    }
    tn_tensor **sum = slot_of(a, x);
    *sum = *sum ? tn_add(*sum, d) : d;
    return graph_poisoned(*sum) ? a->g->error.status : TN_OK;
}

/* Which inputs of a node are differentiated: the wanted ones, each value once. Its other slots get zero. */
static int distinct_inputs(const graph_node *node, const bool *wants, bool *zero, tn_tensor **wrt)
{
    int n = 0;
    for (int i = 0; i < node->n_in; i++) {
        for (int k = 0; wants[i] && k < i; k++)
            zero[i] |= wants[k] && node->in[k] == node->in[i];
        if (wants[i] && !zero[i])
            wrt[n++] = node->in[i];
    }
    return n;
}

/* The gradients of a node that has only a lowered form: the form is built beside it and differentiated in its place. Only
 * the nodes of the form are visited: what arrives from above is a constant to it, even where it depends on the inputs. */
static tn_status through_lowered(autodiff *a, const graph_node *node, const bool *wants, bool *zero, tn_tensor **din)
{
    tn_tensor *out[OP_MAX_OUT] = {0}, *wrt[node->n_in], *got[node->n_in], *loss = NULL;
    int last = (int)a->g->nodes.n - 1, n = distinct_inputs(node, wants, zero, wrt);
    op_lower c = {.graph = a->g, .node = node, .in = node->in, .training = true, .out = out};
    BASE_TRY(node->def->lower(&c));
    for (int i = 0; i < node->n_out; i++) {
        tn_tensor *arrived = *slot_of(a, &node->out[i]);
        if (!out[i] || !arrived)
            continue;
        /* The sum of <output, its gradient> has exactly the wanted gradients. */
        tn_tensor *part = tn_sum(tn_mul(out[i], arrived));
        loss = loss ? tn_add(loss, part) : part;
    }
    if (!loss || n == 0)
        return TN_OK;
    BASE_TRY(pass_gradients_between(loss, last, n, wrt, got));
    n = 0;
    for (int i = 0; i < node->n_in; i++)
        if (wants[i] && !zero[i])
            din[i] = got[n++];
    return TN_OK;
}

static tn_status visit(autodiff *a, const graph_node *node)
{
    tn_tensor *dout[OP_MAX_OUT] = {0}, *din[node->n_in + 1];
    bool wants[node->n_in + 1], zero[node->n_in + 1], any_out = false, any_in = false;
    for (int i = 0; i < node->n_out; i++)
        any_out |= (dout[i] = *slot_of(a, &node->out[i])) != NULL;
    for (int i = 0; i < node->n_in; i++) {
        din[i] = NULL;
        zero[i] = false;
        any_in |= wants[i] = wanted(a, node, i);
    }
    if (!any_out || !any_in)
        return TN_OK;
    if (node->def->grad) {
        op_grad c = {
            .graph = a->g, .node = node, .dout = dout, .wants = wants, .din = din, .zero = zero, .error = &a->error};
        BASE_TRY(node->def->grad(&c));
    } else if (node->def->lower) {
        BASE_TRY(through_lowered(a, node, wants, zero, din));
    } else {
        return base_fail(&a->error, TN_UNSUPPORTED, "%s (node '%s') cannot be differentiated", node->def->name,
                         node->name);
    }
    if (a->g->error.status != TN_OK)
        return a->g->error.status;
    for (int i = 0; i < node->n_in; i++) {
        if (!wants[i] || zero[i])
            continue;
        if (!din[i])
            return base_fail(&a->error, TN_INTERNAL, "the gradient of %s (node '%s') gave no answer for its input %d",
                             node->def->name, node->name, i);
        BASE_TRY(accumulate(a, node, i, din[i]));
    }
    return TN_OK;
}

/* Gradients of what was added while walking are never asked for: nodes beyond `last` are new. */
static tn_status walk(autodiff *a, tn_tensor *loss, tn_tensor *grads[])
{
    mark_dependents(a);
    *slot_of(a, loss) = tn_scalar(a->g, loss->type.dtype, 1);
    for (int i = a->last; i >= a->first; i--)
        if (a->depends[i - a->first])
            BASE_TRY(visit(a, a->g->nodes.at[i]));
    for (int i = 0; i < a->n; i++) {
        tn_tensor *d = *slot_of(a, a->wrt[i]);
        grads[i] = d ? d : op_full_like(a->wrt[i], TN_NONE, 0);
    }
    return a->g->error.status;
}

static tn_status run(tn_tensor *loss, int n, tn_tensor *const wrt[], tn_tensor *grads[], int first)
{
    tn_graph *g = loss->graph;
    autodiff a = {.g = g, .first = first, .last = loss->node->id, .n = n, .wrt = wrt};
    a.first_id = g->nodes.at[first]->out[0].id;
    a.depends = calloc((size_t)(a.last - first) + 1, sizeof *a.depends);
    a.grad = calloc((size_t)(g->n_tensors - a.first_id), sizeof *a.grad);
    a.grad_of_wrt = calloc((size_t)n + 1, sizeof *a.grad_of_wrt);
    tn_status status = TN_OK;
    for (int i = 0; i < n && status == TN_OK; i++)
        if (wrt[i]->node->id > a.last) /* made after the loss: it cannot depend on it; its gradient is zero */
            status = TN_NOT_FOUND;
    if (!a.depends || !a.grad || !a.grad_of_wrt)
        status = base_no_memory(&a.error, "making gradients");
    else if (status == TN_OK)
        status = walk(&a, loss, grads);
    else
        status = base_fail(&a.error, TN_INVALID, "a value made after the loss '%s' cannot have a gradient",
                           tn_tensor_name(loss));
    if (status != TN_OK && g->error.status == TN_OK)
        graph_fail(g, status, "%s", a.error.text);
    free(a.depends);
    free(a.grad);
    free(a.grad_of_wrt);
    return g->error.status;
}

tn_status pass_gradients_between(tn_tensor *loss, int first, int n, tn_tensor *const wrt[], tn_tensor *grads[])
{
    if (graph_poisoned(loss))
        return loss->graph->error.status;
    return run(loss, n, wrt, grads, first + 1);
}

tn_status tn_gradients(tn_tensor *loss, int n, tn_tensor *const wrt[], tn_tensor *grads[])
{
    tn_graph *g = loss->graph;
    for (int i = 0; i < n; i++)
        grads[i] = &g->poison;
    if (g->error.status != TN_OK)
        return g->error.status;
    if (loss->type.rank != 0 || !tn_dtype_is_float(loss->type.dtype)) {
        char text[128];
        graph_fail(g, TN_SHAPE, "gradients need a loss of rank 0 and a float dtype; '%s' is %s. Take its sum or mean.",
                   tn_tensor_name(loss), tn_tensor_describe(loss, text, sizeof text));
        return g->error.status;
    }
    for (int i = 0; i < n; i++)
        if (wrt[i]->graph != g || !tn_dtype_is_float(wrt[i]->type.dtype)) {
            graph_fail(g, TN_DTYPE, "no gradient for '%s': it is not a float value of the loss's graph",
                       tn_tensor_name(wrt[i]));
            return g->error.status;
        }
    const graph_mark before = g->mark;
    g->mark = (graph_mark){.backward = true};
    tn_status status = run(loss, n, wrt, grads, 0);
    g->mark = before;
    return status;
}
