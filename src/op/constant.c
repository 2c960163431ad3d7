/* constant: a value known when the graph is built. */
#include "op/scheme/op.h"

#include <string.h>

enum { DATA };

static tn_status constant_infer(const op_infer *c)
{
    const tn_view *v = c->arg[DATA].data;
    c->out[0].dtype = v->dtype;
    c->out[0].rank = v->rank;
    memcpy(c->out[0].dims, v->dims, sizeof v->dims);
    return TN_OK;
}

const op_def op_constant = {
    .name = "constant",
    .doc = "A value known when the graph is built.",
    .torch = "torch.tensor",
    .onnx = "Constant",
    .out = {{"y", OP_ANY}},
    .arg = {[DATA] = {.name = "data", .kind = OP_DATA}},
    .flags = OP_SOURCE,
    .infer = constant_infer,
};

tn_tensor *tn_constant(tn_graph *g, const tn_view *view)
{
    int64_t count = tn_view_count(view);
    size_t size = tn_dtype_size(view->dtype);
    if (size == 0 || view->rank < 0 || view->rank > TN_MAX_RANK)
        return graph_fail(g, TN_INVALID, "a constant has no valid dtype or rank");
    if (view->strided)
        return graph_fail(g, TN_UNSUPPORTED, "a constant must be given row-major");
    if (count < 0 || (uint64_t)count > SIZE_MAX / size || view->bytes < (size_t)count * size)
        return graph_fail(g, TN_SHAPE, "a constant's view has %zu bytes, too few for its shape", view->bytes);
    tn_view exact = *view;
    exact.bytes = (size_t)count * size;
    graph_node *node = op_apply(g, &op_constant, 0, NULL, OP_ARGS([DATA] = OP_D(&exact)));
    return node ? &node->out[0] : &g->poison;
}

tn_tensor *tn_scalar(tn_graph *g, tn_dtype dtype, double value)
{
    unsigned char element[8] = {0};
    if (!op_element_from_f64(dtype, value, element))
        return graph_fail(g, TN_DTYPE, "a scalar has no valid dtype (number %d)", (int)dtype);
    tn_view view = tn_view_of(element, dtype, 0, NULL);
    return tn_constant(g, &view);
}
