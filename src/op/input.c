/* input: a value that is fed at each run. */
#include "op/scheme/op.h"

enum { NAME, DTYPE, SHAPE };

static tn_status input_infer(const op_infer *c)
{
    c->out[0].dtype = (tn_dtype)op_int(c, DTYPE);
    c->out[0].rank = c->arg[SHAPE].n;
    for (int i = 0; i < c->arg[SHAPE].n && i < TN_MAX_RANK; i++)
        c->out[0].dims[i] = c->arg[SHAPE].list[i];
    return TN_OK;
}

const op_def op_input = {
    .name = "input",
    .doc = "A value that is fed at each run.",
    .out = {{"y", OP_ANY}},
    .arg =
        {[NAME] = {.name = "name", .kind = OP_TEXT}, [DTYPE] = OP_ARG_DTYPE("dtype"), [SHAPE] = OP_ARG_DIMS("shape")},
    .flags = OP_SOURCE,
    .infer = input_infer,
};

/* A shape given by the user of a graph is checked here, once for all sources. */
static bool shape_is_good(tn_graph *g, const char *name, tn_dtype dtype, tn_shape shape)
{
    if (tn_dtype_size(dtype) == 0)
        graph_fail(g, TN_DTYPE, "'%s' has no valid dtype (number %d)", name, (int)dtype);
    else if (shape.rank < 0 || shape.rank > TN_MAX_RANK)
        graph_fail(g, TN_SHAPE, "'%s' has %d axes; at most %d are supported", name, shape.rank, TN_MAX_RANK);
    else {
        for (int i = 0; i < shape.rank; i++)
            if (shape.dims[i] == TN_INFER) {
                graph_fail(g, TN_SHAPE, "'%s': the size of axis %d is not given; use a number or tn_symbol", name, i);
                return false;
            }
        return true;
    }
    return false;
}

tn_tensor *tn_input(tn_graph *g, const char *name, tn_dtype dtype, tn_shape shape)
{
    if (!shape_is_good(g, name, dtype, shape))
        return &g->poison;
    if (base_map_get(&g->names, name))
        return graph_fail(g, TN_INVALID, "the name '%s' is in use already; inputs need names of their own", name);
    op_value arg[OP_MAX_ARG] = {
        [NAME] = {.text = name}, [DTYPE] = {.i = dtype}, [SHAPE] = {.n = shape.rank, .list = shape.dims}};
    graph_node *node = op_apply_named(g, &op_input, name, 0, NULL, arg);
    return node ? &node->out[0] : &g->poison;
}
