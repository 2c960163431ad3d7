/* gather: y[.., i, ..] = x[.., index[.., i, ..], ..] along an axis, as PyTorch's gather: index has x's rank, and y index's
 * shape. An index out of range is a fault at run time and gives 0. */
#include "op/internal.h"

enum { AXIS };

tn_status op_gather_check(const op_infer *c, const graph_type *x, const graph_type *index)
{
    int axis = op_axis(c, AXIS, x->rank);
    if (axis < 0)
        return c->error->status;
    if (index->rank != x->rank)
        return op_fail(c, TN_SHAPE, "index has %d axes; it needs as many as x, %d", index->rank, x->rank);
    for (int i = 0; i < x->rank; i++)
        if (i != axis && dim_literal(x->dims[i]) && dim_literal(index->dims[i]) && index->dims[i] > x->dims[i])
            return op_fail(c, TN_SHAPE, "index has size %lld on axis %d, more than the %lld of x",
                           (long long)index->dims[i], i, (long long)x->dims[i]);
    return TN_OK;
}

static tn_status gather_infer(const op_infer *c)
{
    BASE_TRY(op_gather_check(c, c->in[0], c->in[1]));
    return op_like(c, 0, c->in[1]);
}

static tn_status gather_backward(const op_grad *c)
{
    op_give_zero(c, 1);
    if (!op_wants(c, 0))
        return TN_OK;
    return op_give(
        c, 0,
        tn_scatter_add(op_full_like(op_in(c, 0), TN_NONE, 0), (int)op_arg(c, AXIS)->i, op_in(c, 1), op_dout(c, 0)));
}

int64_t op_gather_at(const op_array *x, const op_array *index, int64_t axis, int64_t i)
{
    int64_t at[TN_MAX_RANK] = {0};
    axis = axis < 0 ? axis + x->rank : axis;
    op_ref_coordinates(index, i, at);
    at[axis] = index->i[i];
    return at[axis] < 0 || at[axis] >= x->dims[axis] ? -1 : op_ref_at(x, at);
}

static void gather_ref(const op_ref *c)
{
    const op_array *x = c->in[0], *index = c->in[1];
    op_array *y = c->out[0];
    for (int64_t i = 0; i < y->count; i++) {
        int64_t at = op_gather_at(x, index, c->arg[AXIS].i, i);
        if (at < 0)
            op_ref_fault(c, "an index of gather is out of range");
        else if (y->f)
            y->f[i] = x->f[at];
        else
            y->i[i] = x->i[at];
    }
}

const op_def op_gather = {
    .name = "gather",
    .doc = "Elements of x picked by index along an axis; index has x's rank.",
    .torch = "torch.gather",
    .onnx = "GatherElements",
    .in = {{"x", OP_ANY, 'T'}, {"index", OP_INDEX}},
    .out = {{"y", 0, 'T'}},
    .arg = {[AXIS] = OP_ARG_INT("axis", 0)},
    .flags = OP_FAULTS,
    .infer = gather_infer,
    .grad = gather_backward,
    .ref = gather_ref,
    .flops = op_no_flops,
    .cases = (const char *const[]){"x=x[5] index=i[3]:index=5", "x=x[4x3] index=i[6x2]:index=4 axis=0",
                                   "x=x[2x3x4] index=i[2x3x7]:index=4 axis=-1",
                                   "x=x[2x3x4] index=i[1x5x2]:index=3 axis=1", "x=x[2x3] index=i[0x3]:index=2", NULL},
    .bad = (const op_bad[]){{"x=x[2x3] index=i[2]:index=2", "index has 1 axes"},
                            {"x=x[2x3] index=i[3x4]:index=2 axis=0", "size 4 on axis 1"},
                            {"x=x[2x3] index=i[2x3]:index=2 axis=2", "axis 2 of a 2-d tensor"},
                            {0}},
    .fault = (const op_bad[]){{"x=x[2] index=i[20]:index=5", "out of range"}, {0}},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *tn_gather(tn_tensor *x, int axis, tn_tensor *index)
{
    return OP_MAKE(&op_gather, OP_ARGS([AXIS] = OP_I(axis)), x, index);
}
