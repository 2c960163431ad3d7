/* fused: a chain of element-wise operators as one node. Its sub-graph has one `input` per input, in order, and its results
 * are the outputs, in order. Made by the fuse pass, after differentiation; it has no gradient and no builder. */
#include "op/scheme/op.h"

/* Types are set by the pass that makes the node. */
static tn_status fused_infer(const op_infer *c)
{
    return op_fail(c, TN_INTERNAL, "a fused node is made by a pass only");
}

/* Sum of the operations of the parts, one per element of each. */
static double fused_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)in;
    return op_elements(&out[0]) * (double)arg[0].i;
}

const op_def op_fused = {
    .name = "fused",
    .doc = "A chain of element-wise operators as one node.",
    .in = {{"x", OP_ANY, 0, OP_VARIADIC | OP_OPTIONAL}},
    .out = {{"y", OP_ANY}},
    .arg = {OP_ARG_INT("operators", 0)},
    .flags = OP_OPAQUE,
    .infer = fused_infer,
    .flops = fused_flops,
};
