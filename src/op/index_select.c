/* index_select: the rows of x that index names, along an axis: y[.., i, ..] = x[.., index[i], ..]; index has one axis. An index
 * out of range is a fault at run time and gives zeros. */
#include "op/internal.h"

enum { AXIS };

static tn_status index_select_infer(const op_infer *c)
{
    int axis = op_axis(c, AXIS, c->in[0]->rank);
    if (axis < 0)
        return c->error->status;
    if (c->in[1]->rank != 1)
        return op_fail(c, TN_SHAPE, "index has %d axes; it needs one", c->in[1]->rank);
    op_like(c, 0, c->in[0]);
    c->out[0].dims[axis] = c->in[1]->dims[0];
    return TN_OK;
}

static tn_status index_select_backward(const op_grad *c)
{
    op_give_zero(c, 1);
    if (!op_wants(c, 0))
        return TN_OK;
    return op_give(
        c, 0, tn_index_add(op_full_like(op_in(c, 0), TN_NONE, 0), (int)op_arg(c, AXIS)->i, op_in(c, 1), op_dout(c, 0)));
}

int64_t op_index_at(const op_array *x, const op_array *y, const op_array *index, int64_t axis, int64_t i)
{
    int64_t at[TN_MAX_RANK] = {0};
    axis = axis < 0 ? axis + x->rank : axis;
    op_ref_coordinates(y, i, at);
    at[axis] = index->i[at[axis]];
    return at[axis] < 0 || at[axis] >= x->dims[axis] ? -1 : op_ref_at(x, at);
}

static void index_select_ref(const op_ref *c)
{
    const op_array *x = c->in[0], *index = c->in[1];
    op_array *y = c->out[0];
    for (int64_t i = 0; i < y->count; i++) {
        int64_t at = op_index_at(x, y, index, c->arg[AXIS].i, i);
        if (at < 0)
            op_ref_fault(c, "an index of index_select is out of range");
        else if (y->f)
            y->f[i] = x->f[at];
        else
            y->i[i] = x->i[at];
    }
}

const op_def op_index_select = {
    .name = "index_select",
    .doc = "The rows of x that index names, along an axis.",
    .torch = "torch.index_select",
    .onnx = "Gather",
    .in = {{"x", OP_ANY, 'T'}, {"index", OP_INDEX}},
    .out = {{"y", 0, 'T'}},
    .arg = {[AXIS] = OP_ARG_INT("axis", 0)},
    .flags = OP_FAULTS,
    .infer = index_select_infer,
    .grad = index_select_backward,
    .ref = index_select_ref,
    .flops = op_no_flops,
    .cases = (const char *const[]){"x=x[5] index=i[3]:index=5", "x=x[4x3] index=i[6]:index=4 axis=0",
                                   "x=x[2x3x4] index=i[5]:index=3 axis=1", "x=x[2x3x4x5] index=i[6]:index=4 axis=2",
                                   "x=x[2x3x4x5] index=i[3]:index=5 axis=-1", "x=x[2x3x4x5] index=i[4]:index=2 axis=0",
                                   "x=x[2x3x4] index=i[2]:index=4 axis=-1", "x=x[2x3] index=i[0]:index=2", NULL},
    .bad = (const op_bad[]){{"x=x[2x3] index=i[2x1]:index=2", "index has 2 axes"},
                            {"x=x[2x3] index=i[2]:index=2 axis=2", "axis 2 of a 2-d tensor"},
                            {0}},
    .fault = (const op_bad[]){{"x=x[2x3] index=i[20]:index=5", "out of range"}, {0}},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *tn_index_select(tn_tensor *x, int axis, tn_tensor *index)
{
    return OP_MAKE(&op_index_select, OP_ARGS([AXIS] = OP_I(axis)), x, index);
}
