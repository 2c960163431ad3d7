/* update_slice: x with source put along an axis, from `start` on: y[.., start + i, ..] = source[.., i, ..]. What would lie outside of x
 * is left out, so no start is a fault: a cache that is brought up to date a few rows at a time needs no look at the whole of it. */
#include "op/internal.h"

enum { AXIS };

static tn_status update_slice_infer(const op_infer *c)
{
    const graph_type *x = c->in[0], *source = c->in[1], *start = c->in[2];
    int axis = op_axis(c, AXIS, x->rank);
    if (axis < 0)
        return c->error->status;
    if (start->rank > 1 || (start->rank == 1 && start->dims[0] != 1))
        return op_fail(c, TN_SHAPE, "start must be one number");
    graph_type want = *x;
    if (source->rank == x->rank)
        want.dims[axis] = source->dims[axis];
    if (!graph_same_dims(c->dims, &want, source, "update_slice"))
        return op_fail(c, TN_SHAPE, "source must have x's shape, but on axis %d", axis);
    op_like(c, 0, x);
    return TN_OK;
}

/* The rows of source in dy, and zeros for those that were left out, are dy put into zeros, as far from their start the other way. */
static tn_status update_slice_backward(const op_grad *c)
{
    tn_tensor *dy = op_dout(c, 0), *none = op_full_like(op_in(c, 1), TN_NONE, 0), *start = op_in(c, 2);
    const int axis = (int)op_arg(c, AXIS)->i;
    op_give_zero(c, 2);
    if (op_wants(c, 0))
        op_give(c, 0, tn_update_slice(dy, none, start, axis));
    return op_wants(c, 1) ? op_give(c, 1, tn_update_slice(none, dy, tn_neg(tn_cast(start, TN_I64)), axis)) : TN_OK;
}

static void update_slice_ref(const op_ref *c)
{
    const op_array *x = c->in[0], *source = c->in[1];
    op_array *y = c->out[0];
    const int64_t given = c->arg[AXIS].i, axis = given < 0 ? given + x->rank : given, start = c->in[2]->i[0];
    for (int64_t i = 0; i < y->count; i++) {
        int64_t at[TN_MAX_RANK] = {0};
        op_ref_coordinates(y, i, at);
        const uint64_t row = (uint64_t)at[axis] - (uint64_t)start;
        const bool put = at[axis] >= start && row < (uint64_t)source->dims[axis];
        const op_array *from = put ? source : x;
        at[axis] = put ? (int64_t)row : at[axis];
        const int64_t k = op_ref_at(from, at);
        if (y->f)
            y->f[i] = from->f[k];
        else
            y->i[i] = from->i[k];
    }
}

const op_def op_update_slice = {
    .name = "update_slice",
    .doc = "x with source put along an axis from start on; what would lie outside is left out.",
    .in = {{"x", OP_ANY, 'T'}, {"source", OP_ANY, 'T'}, {"start", OP_INDEX}},
    .out = {{"y", 0, 'T'}},
    .arg = {[AXIS] = OP_ARG_INT("axis", 0)},
    .infer = update_slice_infer,
    .grad = update_slice_backward,
    .ref = update_slice_ref,
    .flops = op_no_flops,
    .cases =
        (const char *const[]){"x=x[5] source=x[2] start=i[]:index=7",
                              "x=x[4x3] source=x[1x3] start=i[1]:index=4 axis=0",
                              "x=x[2x6x4] source=x[2x3x4] start=i[]:index=6 axis=1",
                              "x=x[2x3x4x5] source=x[2x3x1x5] start=i[]:index=4 axis=-2",
                              "x=x[2x3] source=x[2x3] start=i[]:index=2 axis=1",
                              "x=x[2x3] source=x[0x3] start=i[]:index=2", "x=x[0x3] source=x[2x3] start=i[]:index=2",
                              "x=x[3x40x33] source=x[3x2x33] start=i[]:index=39 axis=1", NULL},
    .bad = (const op_bad[]){{"x=x[2x3] source=x[2x2] start=i[]:index=2", "source must have x's shape"},
                            {"x=x[2x3] source=x[1x3] start=i[2]:index=2", "start must be one number"},
                            {"x=x[2x3] source=x[1x3] start=i[]:index=2 axis=2", "axis 2 of a 2-d tensor"},
                            {0}},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *tn_update_slice(tn_tensor *x, tn_tensor *source, tn_tensor *start, int axis)
{
    return OP_MAKE(&op_update_slice, OP_ARGS([AXIS] = OP_I(axis)), x, source, start);
}
