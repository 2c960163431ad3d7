/* slice_grad: the values of a slice put back to where they came from, in zeros of the given shape. */
#include "op/internal.h"

enum { AXES, START, END, STEP, SHAPE }; /* the first four as in slice.c */

static tn_status slice_grad_infer(const op_infer *c)
{
    const op_value *axes = &c->arg[AXES], *shape = &c->arg[SHAPE];
    graph_type *x = &c->out[0];
    if (shape->n != c->in[0]->rank)
        return op_fail(c, TN_SHAPE, "a %d-d slice cannot come from a %d-d tensor", c->in[0]->rank, shape->n);
    op_like(c, 0, c->in[0]);
    for (int i = 0; i < shape->n; i++)
        x->dims[i] = shape->list[i];
    BASE_TRY(op_slice_check(c, x));
    graph_type want = *x;
    for (int i = 0; i < axes->n; i++) {
        int64_t axis = axes->list[i] < 0 ? axes->list[i] + x->rank : axes->list[i];
        tn_dim end = c->arg[END].list[i] == TN_INFER ? x->dims[axis] : c->arg[END].list[i];
        want.dims[axis] = op_slice_size(c->dims, c->arg[START].list[i], end, c->arg[STEP].list[i]);
    }
    for (int i = 0; i < x->rank; i++)
        BASE_TRY(op_want_same(c, c->in[0]->dims[i], want.dims[i], "the sizes of dy and of the slice"));
    return TN_OK;
}

static tn_status slice_grad_backward(const op_grad *c)
{
    const op_value *a = op_arg(c, AXES);
    return op_give(c, 0,
                   tn_slice_axes(op_dout(c, 0), a[AXES].n, a[AXES].list, a[START].list, a[END].list, a[STEP].list));
}

static void slice_grad_ref(const op_ref *c)
{
    const op_array *dy = c->in[0];
    op_array *dx = c->out[0];
    int64_t to[TN_MAX_RANK] = {0};
    for (int64_t i = 0; i < dy->count; i++) {
        op_slice_from(dy, c->arg, i, to);
        int64_t at = op_ref_at(dx, to);
        if (dx->f)
            dx->f[at] = dy->f[i];
        else
            dx->i[at] = dy->i[i];
    }
}

const op_def op_slice_grad = {
    .name = "slice_grad",
    .doc = "A slice put back into zeros of the shape that it came from.",
    .in = {{"dy", OP_ANY, 'T'}},
    .out = {{"dx", 0, 'T'}},
    .arg = {[AXES] = OP_ARG_INTS("axes"),
            [START] = OP_ARG_DIMS("start"),
            [END] = OP_ARG_DIMS("end"),
            [STEP] = {.name = "step", .kind = OP_INTS_LIST, .bounded = true, .min = 1, .max = 0x1p62},
            [SHAPE] = OP_ARG_DIMS("shape")},
    .infer = slice_grad_infer,
    .grad = slice_grad_backward,
    .ref = slice_grad_ref,
    .flops = op_no_flops,
    .cases = (const char *const[]){"dy=x[3] axes=0 start=1 end=4 step=1 shape=6",
                                   "dy=x[4x2] axes=1 start=1 end=-1 step=2 shape=4,5",
                                   "dy=x[2x5x2] axes=0,-1 start=2,0 end=4,2 step=1,1 shape=4,5,3",
                                   "dy=x[0] axes=0 start=3 end=3 step=1 shape=3",
                                   "dy=x[0x2] axes=1 start=1 end=3 step=1 shape=0,3",
                                   "dy=x[1x2] axes=1 start=1 end=3 step=1 shape=1,3", NULL},
    .bad =
        (const op_bad[]){{"dy=x[2x3] axes=1 start=0 end=2 step=1 shape=4", "a 2-d slice cannot come from a 1-d tensor"},
                         {"dy=x[2x3] axes=1 start=0 end=2 step=1 shape=2,5", "3 and 2 differ"},
                         {0}},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *op_slice_grad_of(tn_tensor *dy, tn_shape shape, const op_value *slice)
{
    return OP_MAKE(&op_slice_grad,
                   OP_ARGS([AXES] = {true, slice[AXES]}, [START] = {true, slice[START]}, [END] = {true, slice[END]},
                           [STEP] = {true, slice[STEP]}, [SHAPE] = OP_L(shape.rank, shape.dims)),
                   dy);
}
