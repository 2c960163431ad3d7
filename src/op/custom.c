/* custom: an operator that the program using the library defines (tarn/custom.h). The node carries a copy of the definition; a context
 * has a list of those that model files may name, which only grows. */
#include <tarn/custom.h>

#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "op/internal.h"

enum { DEFINITION };

_Static_assert((int)TN_OPERATOR_INPUTS <= (int)OP_MAX_IN && (int)TN_OPERATOR_OUTPUTS <= (int)OP_MAX_OUT,
               "a node has room for them");

const tn_operator *op_custom_of(const graph_node *node)
{
    return node->arg[DEFINITION].data->data;
}

static tn_status custom_infer(const op_infer *c)
{
    const tn_operator *op = c->arg[DEFINITION].data->data;
    tn_operator_type in[TN_OPERATOR_INPUTS] = {0}, out[TN_OPERATOR_OUTPUTS] = {0};
    for (int i = 0; i < op->inputs; i++) {
        in[i] = (tn_operator_type){.dtype = c->in[i]->dtype, .shape = {.rank = c->in[i]->rank}};
        memcpy(in[i].shape.dims, c->in[i]->dims, sizeof in[i].shape.dims);
    }
    const char *wrong = op->infer(op, in, out);
    if (wrong)
        return op_fail(c, TN_SHAPE, "'%s': %s", op->name, wrong);
    for (int i = 0; i < op->outputs; i++) {
        if (tn_dtype_size(out[i].dtype) == 0 || out[i].shape.rank < 0 || out[i].shape.rank > TN_MAX_RANK)
            return op_fail(c, TN_INVALID, "'%s': infer gave output %d no valid dtype or rank", op->name, i);
        c->out[i] = (graph_type){.dtype = out[i].dtype, .rank = out[i].shape.rank};
        for (int d = 0; d < out[i].shape.rank; d++)
            if ((c->out[i].dims[d] = out[i].shape.dims[d]) == TN_INFER)
                return op_fail(c, TN_INVALID, "'%s': infer gave output %d no size on axis %d", op->name, i, d);
    }
    *c->n_out = op->outputs;
    return TN_OK;
}

static tn_status custom_backward(const op_grad *c)
{
    const tn_operator *op = op_custom_of(c->node);
    tn_tensor *in[TN_OPERATOR_INPUTS] = {0}, *out[TN_OPERATOR_OUTPUTS] = {0}, *din[TN_OPERATOR_INPUTS] = {0};
    tn_tensor *dout[TN_OPERATOR_OUTPUTS] = {0};
    if (!op->grad)
        return base_fail(c->error, TN_UNSUPPORTED, "the operator '%s' (node '%s') has no gradient", op->name,
                         c->node->name);
    for (int i = 0; i < op->inputs; i++)
        in[i] = op_in(c, i);
    for (int i = 0; i < op->outputs; i++) {
        out[i] = op_out(c, i);
        dout[i] = c->dout[i];
    }
    const char *wrong = op->grad(op, in, out, dout, din);
    if (wrong)
        return base_fail(c->error, TN_UNSUPPORTED, "the gradient of '%s' (node '%s'): %s", op->name, c->node->name,
                         wrong);
    for (int i = 0; i < op->inputs; i++)
        if (din[i])
            BASE_TRY(op_give(c, i, din[i]));
    return TN_OK;
}

const op_def op_custom = {
    .name = "custom",
    .doc = "An operator that the program using the library defines.",
    .in = {{"x", OP_ANY, 0, OP_VARIADIC}},
    .out = {{"y0", OP_ANY}, {"y1", OP_ANY}, {"y2", OP_ANY}, {"y3", OP_ANY}},
    .arg = {[DEFINITION] = {.name = "definition", .kind = OP_DATA}},
    .flags = OP_FAULTS | OP_OPAQUE,
    .infer = custom_infer,
    .grad = custom_backward,
};

static tn_graph *graph_of(int n, tn_tensor *const in[])
{
    for (int i = 0; i < n; i++)
        if (in[i])
            return in[i]->graph;
    return NULL;
}

/* Whether the definition is whole. */
static tn_status check_definition(const tn_operator *op, base_error *e)
{
    const char *name = op->name && op->name[0] ? op->name : "?";
    if (!op->infer || !op->run || name[0] == '?')
        return base_fail(e, TN_INVALID, "the operator '%s' needs a name, 'infer' and 'run'", name);
    if (op->outputs < 1 || op->outputs > TN_OPERATOR_OUTPUTS || op->inputs < 1 || op->inputs > TN_OPERATOR_INPUTS)
        return base_fail(e, TN_INVALID, "the operator '%s' has %d inputs and %d outputs; 1 to %d and 1 to %d can be",
                         name, op->inputs, op->outputs, TN_OPERATOR_INPUTS, TN_OPERATOR_OUTPUTS);
    if (op->version < 0)
        return base_fail(e, TN_INVALID, "the operator '%s' has version %lld; 0 and more can be", name,
                         (long long)op->version);
    return TN_OK;
}

static bool inputs_are_there(tn_graph *g, const tn_operator *op, int n, tn_tensor *const in[])
{
    base_error e = {0};
    if (check_definition(op, &e) != TN_OK)
        graph_fail(g, e.status, "%s", e.text);
    else if (n != op->inputs)
        graph_fail(g, TN_INVALID, "the operator '%s' takes %d inputs and was given %d", op->name, op->inputs, n);
    for (int i = 0; i < n && g->error.status == TN_OK; i++)
        if (!in[i])
            graph_fail(g, TN_INVALID, "input %d of the operator '%s' is absent", i, op->name);
    return g->error.status == TN_OK;
}

tn_tensor *op_custom_apply(tn_graph *g, const tn_operator *op, const char *path, int n, tn_tensor *const in[])
{
    const int64_t bytes = sizeof *op;
    tn_operator copy = *op;
    tn_view view = tn_view_of(&copy, TN_U8, 1, &bytes);
    if (!inputs_are_there(g, op, n, in))
        return &g->poison;
    graph_node *node =
        path ? op_apply_named(g, &op_custom, path, n, in, (const op_value[]){[DEFINITION] = {.data = &view}})
             : op_apply(g, &op_custom, n, in, OP_ARGS([DEFINITION] = OP_D(&view)));
    return node ? &node->out[0] : &g->poison;
}

tn_tensor *tn_custom(const tn_operator *op, int n, tn_tensor *const in[])
{
    tn_graph *g = graph_of(n, in);
    return g ? op_custom_apply(g, op, NULL, n, in) : NULL;
}

/* ---- what files may name --------------------------------------------------------------------------------------------- */

typedef struct registered {
    base_owned owned; /* with all that came before it */
    tn_operator op;
    base_owned *before;
} registered;

static void free_registered(base_owned *owned)
{
    while (owned) {
        base_owned *before = ((registered *)(void *)owned)->before;
        free(owned);
        owned = before;
    }
}

static const char *domain_of(const tn_operator *op)
{
    return op->domain ? op->domain : "";
}

static const tn_operator *look_up(const base_owned *from, const char *domain, const char *name, int64_t version)
{
    for (; from; from = ((const registered *)(const void *)from)->before) {
        const tn_operator *op = &((const registered *)(const void *)from)->op;
        if (strcmp(domain_of(op), domain) == 0 && strcmp(op->name, name) == 0 &&
            (version < 0 || op->version == version))
            return op;
    }
    return NULL;
}

static bool is_same(const tn_operator *a, const tn_operator *b)
{
    return a->inputs == b->inputs && a->outputs == b->outputs && a->infer == b->infer && a->run == b->run &&
           a->grad == b->grad && a->user == b->user;
}

const tn_operator *op_custom_find(tn_context *context, const char *domain, const char *name, int64_t version)
{
    return look_up(atomic_load_explicit(&context->operators, memory_order_acquire), domain, name, version);
}

tn_status tn_operator_register(tn_context *context, const tn_operator *op)
{
    base_error *e = base_context_begin(context);
    registered *made = NULL;
    if (!context)
        return TN_INVALID;
    BASE_TRY(check_definition(op, e));
    base_owned *have = atomic_load_explicit(&context->operators, memory_order_acquire);
    do {
        const tn_operator *known = look_up(have, domain_of(op), op->name, op->version);
        if (known) {
            free(made);
            return is_same(known, op) ? TN_OK
                                      : base_fail(e, TN_INVALID,
                                                  "another operator '%s' of the domain '%s' and version %lld is "
                                                  "registered already; give this one a version or domain of its own",
                                                  op->name, domain_of(op), (long long)op->version);
        }
        if (!made && !(made = calloc(1, sizeof *made)))
            return base_no_memory(e, "registering an operator");
        made->owned.free = free_registered;
        made->op = *op;
        made->before = have;
    } while (!atomic_compare_exchange_weak_explicit(&context->operators, &have, &made->owned, memory_order_acq_rel,
                                                    memory_order_acquire));
    return TN_OK;
}

tn_tensor *tn_custom_output(tn_tensor *y, int i)
{
    if (op_unusable(y) || y->node->def != &op_custom)
        return y;
    if (i < 0 || i >= y->node->n_out)
        return graph_fail(y->graph, TN_INVALID, "the operator '%s' has no output %d", op_custom_of(y->node)->name, i);
    return op_sibling(y, i);
}
