/* scatter: x with source put at the places that index names along an axis; of several for one place the last stays. An index out of
 * range is a fault at run time, and what it points to is dropped. */
#include "op/scheme/scatter.h"

enum { AXIS };

/* Who stays is found out by scattering the elements' numbers: -1 is left where none came. */
static tn_status scatter_backward(const op_grad *c)
{
    int axis = (int)op_arg(c, AXIS)->i;
    tn_tensor *index = op_in(c, 1), *dy = op_dout(c, 0), *zero = op_like_scalar(dy, 0);
    tn_shape shape = tn_tensor_shape(index);
    tn_dim count = graph_count(c->graph->dims, &index->type);
    op_give_zero(c, 1);
    tn_tensor *number = tn_reshape(tn_arange(c->graph, TN_I64, 0, 1, count), shape);
    tn_tensor *last = tn_scatter(op_full_like(op_in(c, 0), TN_I64, -1), axis, index, number);
    if (op_wants(c, 0))
        op_give(c, 0, tn_where(tn_eq(last, op_like_scalar(last, -1)), dy, zero));
    tn_tensor *stays = tn_eq(tn_gather(last, axis, index), number);
    return op_wants(c, 2) ? op_give(c, 2, tn_where(stays, tn_gather(dy, axis, index), zero)) : TN_OK;
}

static void put(op_array *y, int64_t at, const op_array *source, int64_t i)
{
    if (y->f)
        y->f[at] = source->f[i];
    else
        y->i[at] = source->i[i];
}
static void scatter_ref(const op_ref *c)
{
    op_ref_scatter(c, put, "an index of scatter is out of range");
}

const op_def op_scatter = {
    .name = "scatter",
    .doc = "x with source put at the places that index names along an axis; the last stays.",
    .torch = "torch.scatter",
    .onnx = "ScatterElements",
    .in = OP_SCATTER_SLOTS,
    .out = {{"y", 0, 'T'}},
    .arg = {[AXIS] = OP_ARG_INT("axis", 0)},
    .flags = OP_FAULTS,
    .infer = op_infer_scatter,
    .grad = scatter_backward,
    .ref = scatter_ref,
    .flops = op_scatter_flops,
    .cases = (const char *const[]){OP_SCATTER_CASES, NULL},
    .bad = (const op_bad[]){OP_SCATTER_BAD, {0}},
    .fault = (const op_bad[]){OP_SCATTER_FAULT, {0}},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *tn_scatter(tn_tensor *x, int axis, tn_tensor *index, tn_tensor *source)
{
    return OP_MAKE(&op_scatter, OP_ARGS([AXIS] = OP_I(axis)), x, index, source);
}
