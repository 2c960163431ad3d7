/* index_add: x with the rows of source added at the places that index names along an axis: y[.., index[i], ..] += source[.., i, ..].
 * Sums run in the order of source. An index out of range is a fault at run time, and its row is dropped. */
#include "op/scheme/scatter.h"

enum { AXIS };

static tn_status index_add_infer(const op_infer *c)
{
    const graph_type *x = c->in[0], *source = c->in[2];
    int axis = op_axis(c, AXIS, x->rank);
    if (axis < 0)
        return c->error->status;
    if (c->in[1]->rank != 1)
        return op_fail(c, TN_SHAPE, "index has %d axes; it needs one", c->in[1]->rank);
    graph_type want = *x;
    want.dims[axis] = c->in[1]->dims[0];
    if (!graph_same_dims(c->dims, &want, source, "index_add"))
        return op_fail(c, TN_SHAPE, "source must have x's shape, but as many rows on axis %d as index has numbers",
                       axis);
    return op_infer_same(c);
}

static tn_status index_add_backward(const op_grad *c)
{
    op_give(c, 0, op_dout(c, 0));
    op_give_zero(c, 1);
    return op_wants(c, 2) ? op_give(c, 2, tn_index_select(op_dout(c, 0), (int)op_arg(c, AXIS)->i, op_in(c, 1))) : TN_OK;
}

static void index_add_ref(const op_ref *c)
{
    op_ref_scatter_rows(c, op_put_sum, "an index of index_add is out of range");
}

const op_def op_index_add = {
    .name = "index_add",
    .doc = "x with the rows of source added at the places that index names along an axis.",
    .torch = "torch.index_add",
    .in = {{"x", OP_NUMBERS, 'T'}, {"index", OP_INDEX}, {"source", OP_NUMBERS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {[AXIS] = OP_ARG_INT("axis", 0)},
    .flags = OP_FAULTS,
    .infer = index_add_infer,
    .grad = index_add_backward,
    .ref = index_add_ref,
    .flops = op_scatter_flops,
    .cases = (const char *const[]){"x=x[5] index=i[7]:index=5 source=x[7]",
                                   "x=x[4x3] index=i[6]:index=4 source=x[6x3] axis=0",
                                   "x=x[2x3x4] index=i[5]:index=3 source=x[2x5x4] axis=1",
                                   "x=x[2x3] index=i[0]:index=2 source=x[0x3]",
                                   "x=x[7x33] index=i[500]:index=7 source=x[500x33]", NULL},
    .bad = (const op_bad[]){{"x=x[2x3] index=i[2x1]:index=2 source=x[2x3]", "index has 2 axes"},
                            {"x=x[2x3] index=i[2]:index=2 source=x[2x3] axis=2", "axis 2 of a 2-d tensor"},
                            {"x=x[2x3] index=i[4]:index=2 source=x[3x3]", "source must have x's shape"},
                            {0}},
    .fault = (const op_bad[]){{"x=x[2] index=i[20]:index=5 source=x[20]", "out of range"}, {0}},
    .tol = {OP_TOL_FLOATS, OP_TOL_INTS},
};

tn_tensor *tn_index_add(tn_tensor *x, int axis, tn_tensor *index, tn_tensor *source)
{
    return OP_MAKE(&op_index_add, OP_ARGS([AXIS] = OP_I(axis)), x, index, source);
}
