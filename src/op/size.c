/* size: an expression over symbolic sizes as a rank-0 i64 value, known when sizes are bound. */
#include "op/scheme/op.h"

enum { SIZE };

static tn_status size_infer(const op_infer *c)
{
    c->out[0].rank = 0;
    return c->arg[SIZE].n == 1 ? TN_OK : op_fail(c, TN_INVALID, "takes one size, not %d", c->arg[SIZE].n);
}

const op_def op_size = {
    .name = "size",
    .doc = "A size as a value.",
    .out = {{"y", OP_BIT(TN_I64)}},
    .arg = {[SIZE] = OP_ARG_DIMS("size")},
    .flags = OP_SOURCE,
    .infer = size_infer,
};

tn_tensor *tn_size_value(tn_graph *g, tn_dim size)
{
    graph_node *node = op_apply(g, &op_size, 0, NULL, OP_ARGS([SIZE] = OP_L(1, &size)));
    return node ? &node->out[0] : &g->poison;
}
