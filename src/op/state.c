/* state: reads an entry of the state: a parameter, a running statistic, an optimizer's slot. */
#include "op/scheme/op.h"

enum { NAME, DTYPE, SHAPE };

static tn_status state_infer(const op_infer *c)
{
    c->out[0].dtype = (tn_dtype)op_int(c, DTYPE);
    c->out[0].rank = c->arg[SHAPE].n;
    for (int i = 0; i < c->arg[SHAPE].n && i < TN_MAX_RANK; i++) {
        if (!dim_literal(c->arg[SHAPE].list[i]))
            return op_fail(c, TN_SHAPE, "the size of axis %d is not a number; state has a fixed size", i);
        c->out[0].dims[i] = c->arg[SHAPE].list[i];
    }
    return TN_OK;
}

const op_def op_state = {
    .name = "state",
    .doc = "Reads an entry of the state.",
    .out = {{"y", OP_ANY}},
    .arg =
        {[NAME] = {.name = "name", .kind = OP_TEXT}, [DTYPE] = OP_ARG_DTYPE("dtype"), [SHAPE] = OP_ARG_DIMS("shape")},
    .flags = OP_SOURCE,
    .infer = state_infer,
};

static bool is_like(const graph_state *s, tn_dtype dtype, tn_shape shape, bool trainable)
{
    bool same = s->trainable == trainable && s->type.dtype == dtype && s->type.rank == shape.rank;
    for (int i = 0; same && i < shape.rank; i++)
        same = s->type.dims[i] == shape.dims[i];
    return same;
}

static tn_tensor *add(tn_graph *g, const char *name, tn_dtype dtype, tn_shape shape, const tn_init *init,
                      bool trainable)
{
    const char *path = graph_path(g, name);
    graph_state *s = BASE_NEW(g->arena, graph_state);
    if (!path || !s)
        return graph_fail(g, TN_MEMORY, "out of memory while adding the state '%s'", name);
    const graph_state *known = g->sharing ? graph_find_state(g, path) : NULL;
    if (known && known->value && is_like(known, dtype, shape, trainable))
        return known->value;
    if (base_map_get(&g->names, path))
        return graph_fail(g, TN_INVALID,
                          "the name '%s' is in use already; give the layer a name of its own, or share it on purpose",
                          path);
    if (tn_dtype_size(dtype) == 0 || shape.rank < 0 || shape.rank > TN_MAX_RANK)
        return graph_fail(g, TN_INVALID, "the state '%s' has no valid dtype or rank", path);
    if (trainable && !tn_dtype_is_float(dtype))
        return graph_fail(g, TN_DTYPE, "the parameter '%s' is %s; parameters are floats", path, tn_dtype_name(dtype));
    if (init && (init->kind < 0 || init->kind > TN_INIT_NORMAL_BUT_ROW))
        return graph_fail(g, TN_INVALID, "the state '%s' has an initialiser of kind %d, which there is not", path,
                          (int)init->kind);
    op_value arg[OP_MAX_ARG] = {
        [NAME] = {.text = path}, [DTYPE] = {.i = dtype}, [SHAPE] = {.n = shape.rank, .list = shape.dims}};
    graph_node *node = op_apply_named(g, &op_state, path, 0, NULL, arg);
    if (!node)
        return &g->poison;
    *s = (graph_state){.name = path, .type = node->out[0].type, .trainable = trainable, .value = &node->out[0]};
    if (init)
        s->init = *init;
    return graph_add_state(g, s) ? s->value : &g->poison;
}

tn_tensor *tn_param(tn_graph *g, const char *name, tn_dtype dtype, tn_shape shape, const tn_init *init)
{
    return add(g, name, dtype, shape, init, true);
}

tn_tensor *tn_buffer(tn_graph *g, const char *name, tn_dtype dtype, tn_shape shape, const tn_init *init)
{
    return add(g, name, dtype, shape, init, false);
}
