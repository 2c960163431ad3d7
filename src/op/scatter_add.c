/* scatter_add: x with source added at the places that index names along an axis: y[.., index[.., i, ..], ..] += source[.., i, ..].
 * Sums run in the order of source. An index out of range is a fault at run time, and what it points to is dropped. */
#include "op/scheme/scatter.h"

enum { AXIS };

static tn_status scatter_add_backward(const op_grad *c)
{
    op_give(c, 0, op_dout(c, 0));
    op_give_zero(c, 1);
    return op_wants(c, 2) ? op_give(c, 2, tn_gather(op_dout(c, 0), (int)op_arg(c, AXIS)->i, op_in(c, 1))) : TN_OK;
}

static void scatter_add_ref(const op_ref *c)
{
    op_ref_scatter(c, op_put_sum, "an index of scatter_add is out of range");
}

const op_def op_scatter_add = {
    .name = "scatter_add",
    .doc = "x with source added at the places that index names along an axis.",
    .torch = "torch.scatter_add",
    .onnx = "ScatterElements",
    .in = OP_SCATTER_SLOTS,
    .out = {{"y", 0, 'T'}},
    .arg = {[AXIS] = OP_ARG_INT("axis", 0)},
    .flags = OP_FAULTS,
    .infer = op_infer_scatter,
    .grad = scatter_add_backward,
    .ref = scatter_add_ref,
    .flops = op_scatter_flops,
    .cases = (const char *const[]){OP_SCATTER_CASES, NULL},
    .bad = (const op_bad[]){OP_SCATTER_BAD, {0}},
    .fault = (const op_bad[]){OP_SCATTER_FAULT, {0}},
    .tol = {OP_TOL_FLOATS, OP_TOL_INTS},
};

tn_tensor *tn_scatter_add(tn_tensor *x, int axis, tn_tensor *index, tn_tensor *source)
{
    return OP_MAKE(&op_scatter_add, OP_ARGS([AXIS] = OP_I(axis)), x, index, source);
}
