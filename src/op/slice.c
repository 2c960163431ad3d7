/* slice: along each named axis the elements start, start + step, ... below end. An end of -1 is the end of the axis; other
 * limits lie within it: nothing is cut silently. Sizes may be expressions. */
#include "op/internal.h"

#include <string.h>

enum { AXES, START, END, STEP };

tn_dim op_slice_size(dim_table *t, tn_dim start, tn_dim end, int64_t step)
{
    return dim_div(t, dim_add(t, dim_sub(t, end, start), step - 1), step);
}

tn_status op_slice_check(const op_infer *c, const graph_type *x)
{
    const op_value *axes = &c->arg[AXES];
    if (c->arg[START].n != axes->n || c->arg[END].n != axes->n || c->arg[STEP].n != axes->n)
        return op_fail(c, TN_INVALID,
                       "axes, start, end and step must have one number for each axis, not %d, %d, %d and %d", axes->n,
                       c->arg[START].n, c->arg[END].n, c->arg[STEP].n);
    if (axes->n && op_axes(c, AXES, x->rank) < 0)
        return c->error->status;
    for (int i = 0; i < axes->n; i++) {
        tn_dim size = x->dims[axes->list[i] < 0 ? axes->list[i] + x->rank : axes->list[i]],
               start = c->arg[START].list[i];
        tn_dim end = c->arg[END].list[i] == TN_INFER ? size : c->arg[END].list[i];
        if (start == TN_INFER)
            return op_fail(c, TN_INVALID, "the start on axis %lld is negative", (long long)axes->list[i]);
        bool wrong = dim_literal(start) && dim_literal(end) && start > end;
        if (wrong || (dim_literal(size) && ((dim_literal(end) && end > size) || (dim_literal(start) && start > size))))
            return op_fail(c, TN_SHAPE, "the range from %lld to %lld does not lie in axis %lld of size %lld",
                           (long long)start, (long long)end, (long long)axes->list[i], (long long)size);
    }
    return TN_OK;
}

static tn_status slice_infer(const op_infer *c)
{
    const graph_type *x = c->in[0];
    const op_value *axes = &c->arg[AXES];
    BASE_TRY(op_slice_check(c, x));
    op_like(c, 0, x);
    for (int i = 0; i < axes->n; i++) {
        int64_t axis = axes->list[i] < 0 ? axes->list[i] + x->rank : axes->list[i];
        tn_dim end = c->arg[END].list[i] == TN_INFER ? x->dims[axis] : c->arg[END].list[i];
        c->out[0].dims[axis] = op_slice_size(c->dims, c->arg[START].list[i], end, c->arg[STEP].list[i]);
    }
    return TN_OK;
}

static tn_status slice_backward(const op_grad *c)
{
    return op_give(c, 0, op_slice_grad_of(op_dout(c, 0), tn_tensor_shape(op_in(c, 0)), op_arg(c, AXES)));
}

void op_slice_from(const op_array *slice, const op_value *arg, int64_t at, int64_t *from)
{
    op_ref_coordinates(slice, at, from);
    for (int i = 0; i < arg[AXES].n; i++) {
        int64_t axis = arg[AXES].list[i] < 0 ? arg[AXES].list[i] + slice->rank : arg[AXES].list[i];
        from[axis] = arg[START].list[i] + from[axis] * arg[STEP].list[i];
    }
}

static void slice_ref(const op_ref *c)
{
    const op_array *x = c->in[0];
    op_array *y = c->out[0];
    int64_t from[TN_MAX_RANK] = {0};
    for (int64_t i = 0; i < y->count; i++) {
        op_slice_from(y, c->arg, i, from);
        int64_t at = op_ref_at(x, from);
        if (y->f)
            y->f[i] = x->f[at];
        else
            y->i[i] = x->i[at];
    }
}

static bool slice_view(const op_value *arg, const op_operand *x, op_operand *y, int64_t *offset)
{
    memcpy(y->strides, x->strides, sizeof y->strides);
    for (int i = 0; i < arg[AXES].n; i++) {
        int64_t axis = arg[AXES].list[i] < 0 ? arg[AXES].list[i] + x->rank : arg[AXES].list[i];
        *offset += arg[START].list[i] * x->strides[axis];
        y->strides[axis] = x->strides[axis] * arg[STEP].list[i];
    }
    return true;
}

const op_def op_slice = {
    .name = "slice",
    .doc = "A range of elements along axes; end -1 is the end of the axis.",
    .torch = "torch.Tensor.__getitem__",
    .onnx = "Slice",
    .in = {{"x", OP_ANY, 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {[AXES] = OP_ARG_INTS("axes"),
            [START] = OP_ARG_DIMS("start"),
            [END] = OP_ARG_DIMS("end"),
            [STEP] = {.name = "step", .kind = OP_INTS_LIST, .bounded = true, .min = 1, .max = 0x1p62}},
    .flags = OP_VIEW,
    .view = slice_view,
    .infer = slice_infer,
    .grad = slice_backward,
    .ref = slice_ref,
    .flops = op_no_flops,
    .cases = (const char *const[]){"x=x[6] axes=0 start=1 end=4 step=1", "x=x[4x5] axes=1 start=1 end=-1 step=2",
                                   "x=x[4x5x3] axes=0,-1 start=2,0 end=4,2 step=1,1",
                                   "x=x[7] axes=0 start=0 end=7 step=3", "x=x[3] axes=0 start=3 end=3 step=1",
                                   "x=x[2x3] axes= start= end= step=", "x=x[0x3] axes=1 start=1 end=3 step=1", NULL},
    .bad = (const op_bad[]){{"x=x[2x3] axes=2 start=0 end=1 step=1", "axis 2 of a 2-d tensor"},
                            {"x=x[2x3] axes=1,1 start=0,0 end=1,1 step=1,1", "named twice"},
                            {"x=x[2x3] axes=1 start=0 end=4 step=1", "does not lie in axis 1 of size 3"},
                            {"x=x[2x3] axes=1 start=2 end=1 step=1", "the range from 2 to 1"},
                            {"x=x[2x3] axes=1 start=-1 end=3 step=1", "is negative"},
                            {"x=x[2x3] axes=1 start=0,1 end=2 step=1", "one number for each axis"},
                            {"x=x[2x3] axes=1 start=0 end=2 step=0", "step is 0"},
                            {0}},
    .tol = {OP_TOL_EXACT},
};

/* A range that runs backwards, start, start - k, ... above end, as the same elements forwards; a start or end of TN_INFER is the
 * last element, or one before the first. */
static void turn(tn_tensor *x, int axis, tn_dim *start, tn_dim *end, int64_t *step)
{
    dim_table *t = x->graph->dims;
    const int64_t far = (int64_t)1 << 62; /* a longer step leaves one element too */
    int64_t k = *step < -far ? far : -*step;
    tn_dim last = *start == TN_INFER ? dim_sub(t, tn_dim_of(x, axis), 1) : *start;
    tn_dim span = *end == TN_INFER ? dim_add(t, last, 1) : dim_sub(t, last, *end);
    tn_dim count = dim_div(t, dim_add(t, span, k - 1), k);
    *step = k;
    *start = dim_literal(count) && count == 0 ? 0 : dim_sub(t, last, dim_mul(t, dim_sub(t, count, 1), k));
    *end = dim_literal(count) && count == 0 ? 0 : dim_add(t, last, 1);
}

tn_tensor *tn_slice_axes(tn_tensor *x, int n, const int64_t *axes, const tn_dim *start, const tn_dim *end,
                         const int64_t *step)
{
    tn_dim from[TN_MAX_RANK], to[TN_MAX_RANK];
    int64_t by[TN_MAX_RANK], turned[TN_MAX_RANK], backwards = 0;
    bool fits = n >= 0 && n <= TN_MAX_RANK;
    for (int i = 0; fits && i < n; i++) {
        from[i] = start[i];
        to[i] = end[i];
        by[i] = step ? step[i] : 1;
        if (by[i] < 0 && !op_unusable(x) && axes[i] >= -x->type.rank && axes[i] < x->type.rank) {
            turn(x, (int)axes[i], &from[i], &to[i], &by[i]);
            turned[backwards++] = axes[i];
        }
    }
    tn_tensor *y =
        fits ? OP_MAKE(
                   &op_slice,
                   OP_ARGS([AXES] = OP_L(n, axes), [START] = OP_L(n, from), [END] = OP_L(n, to), [STEP] = OP_L(n, by)),
                   x)
             : graph_fail(x->graph, TN_SHAPE, "slice: %d axes asked for; at most %d are supported", n, TN_MAX_RANK);
    return backwards ? tn_flip(y, (int)backwards, turned) : y;
}

tn_tensor *tn_slice(tn_tensor *x, int axis, tn_dim start, tn_dim end)
{
    int64_t axes[1] = {axis};
    return tn_slice_axes(x, 1, axes, &start, &end, NULL);
}
