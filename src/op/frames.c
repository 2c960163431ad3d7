/* frames: windows of the last axis, `size` elements long and `step` apart, as rows; what is left behind the last whole one is in none.
 * They overlap in memory: nothing is copied. */
#include "op/internal.h"

#include <string.h>

enum { SIZE, STEP };

tn_status op_frames_check(const op_infer *c, tn_dim length, int64_t size, int64_t step, tn_dim *count)
{
    if (dim_literal(length) && length < size)
        return op_fail(c, TN_SHAPE, "a frame of %lld elements does not fit into %lld", (long long)size,
                       (long long)length);
    *count = dim_add(c->dims, dim_div(c->dims, dim_sub(c->dims, length, size), step), 1);
    return TN_OK;
}

static tn_status frames_infer(const op_infer *c)
{
    const graph_type *x = c->in[0];
    int rank = x->rank;
    if (rank < 1 || rank == TN_MAX_RANK)
        return op_fail(c, TN_SHAPE, "takes 1 to %d axes", TN_MAX_RANK - 1);
    BASE_TRY(op_like(c, 0, x));
    c->out[0].rank = rank + 1;
    c->out[0].dims[rank] = op_int(c, SIZE);
    return op_frames_check(c, x->dims[rank - 1], op_int(c, SIZE), op_int(c, STEP), &c->out[0].dims[rank - 1]);
}

static tn_status frames_backward(const op_grad *c)
{
    return op_give(c, 0, op_overlap_add_of(op_dout(c, 0), op_arg(c, STEP)->i, tn_dim_of(op_in(c, 0), -1)));
}

static void frames_ref(const op_ref *c)
{
    const op_array *x = c->in[0];
    op_array *y = c->out[0];
    int64_t size = y->dims[y->rank - 1], count = y->dims[y->rank - 2], length = x->dims[x->rank - 1];
    for (int64_t i = 0; i < y->count; i++) {
        int64_t row = i / size / count, frame = i / size % count, at = row * length + frame * c->arg[STEP].i + i % size;
        if (y->f)
            y->f[i] = x->f[at];
        else
            y->i[i] = x->i[at];
    }
}

static bool frames_view(const op_value *arg, const op_operand *x, op_operand *y, int64_t *offset)
{
    (void)offset;
    memcpy(y->strides, x->strides, sizeof y->strides);
    y->strides[x->rank] = x->strides[x->rank - 1];
    y->strides[x->rank - 1] = x->strides[x->rank - 1] * arg[STEP].i;
    return true;
}

const op_def op_frames = {
    .name = "frames",
    .doc = "Windows of the last axis, `size` long and `step` apart, as rows.",
    .torch = "torch.Tensor.unfold",
    .in = {{"x", OP_ANY, 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {[SIZE] = OP_ARG_INT_IN("size", 1, 1, 0x1p40), [STEP] = OP_ARG_INT_IN("step", 1, 1, 0x1p40)},
    .flags = OP_VIEW,
    .view = frames_view,
    .infer = frames_infer,
    .grad = frames_backward,
    .ref = frames_ref,
    .flops = op_no_flops,
    .cases = (const char *const[]){"x=x[7] size=3 step=2", "x=x[2x3x8] size=4 step=1", "x=x[2x9] size=2 step=5",
                                   "x=x[4] size=4 step=9", "x=x[0x5] size=2 step=2", NULL},
    .bad = (const op_bad[]){{"x=x[2x3] size=4 step=1", "a frame of 4 elements does not fit into 3"},
                            {"x=x[] size=1 step=1", "takes 1 to 7 axes"},
                            {"x=x[1x1x1x1x1x1x1x2] size=1", "takes 1 to 7 axes"},
                            {"x=x[3] size=0 step=1", "size is 0"},
                            {"x=x[3] size=1 step=0", "step is 0"},
                            {0}},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *op_frames_of(tn_tensor *x, int64_t size, int64_t step)
{
    return OP_MAKE(&op_frames, OP_ARGS([SIZE] = OP_I(size), [STEP] = OP_I(step)), x);
}

tn_tensor *tn_frames(tn_tensor *x, int64_t size, int64_t step)
{
    return op_frames_of(x, size, step);
}
