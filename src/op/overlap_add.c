/* overlap_add: frames x[..., frames, size] added up where they lie in y[..., length], `step` elements apart; places that no frame
 * covers are 0. The frames must be those that `length` elements have, as operator frames makes them; its gradient needs this one. */
#include "op/internal.h"

#include <math.h>

enum { STEP, LENGTH };

static tn_status overlap_add_infer(const op_infer *c)
{
    const graph_type *x = c->in[0];
    const op_value *length = &c->arg[LENGTH];
    tn_dim count;
    if (x->rank < 2)
        return op_fail(c, TN_SHAPE, "takes frames [..., frames, size]");
    tn_dim size = x->dims[x->rank - 1];
    if (length->n != 1 || length->list[0] == TN_INFER || !dim_literal(size))
        return op_fail(c, TN_INVALID, "the length and the size of a frame must be given");
    BASE_TRY(op_frames_check(c, length->list[0], size, op_int(c, STEP), &count));
    BASE_TRY(op_want_same(c, x->dims[x->rank - 2], count, "frames, and those that the length has"));
    BASE_TRY(op_like(c, 0, x));
    c->out[0].rank--;
    c->out[0].dims[x->rank - 2] = length->list[0];
    return TN_OK;
}

static tn_status overlap_add_backward(const op_grad *c)
{
    return op_give(c, 0, op_frames_of(op_dout(c, 0), tn_dim_of(op_in(c, 0), -1), op_arg(c, STEP)->i));
}

static void overlap_add_ref(const op_ref *c)
{
    const op_array *x = c->in[0];
    op_array *y = c->out[0];
    int64_t size = x->dims[x->rank - 1], count = x->dims[x->rank - 2], length = y->dims[y->rank - 1];
    for (int64_t i = 0; i < y->count; i++)
        y->magnitude[i] = 0;
    for (int64_t i = 0; i < x->count; i++) {
        int64_t row = i / size / count, at = row * length + i / size % count * c->arg[STEP].i + i % size;
        y->f[at] += x->f[i];
        y->magnitude[at] += fabs(x->f[i]);
    }
}

const op_def op_overlap_add = {
    .name = "overlap_add",
    .doc = "Frames x[..., frames, size] added up where they lie in y[..., length], `step` apart.",
    .torch = "torch.nn.functional.fold",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {[STEP] = OP_ARG_INT_IN("step", 1, 1, 0x1p40), [LENGTH] = OP_ARG_DIMS("length")},
    .infer = overlap_add_infer,
    .grad = overlap_add_backward,
    .ref = overlap_add_ref,
    .flops_each = 1,
    .cases = (const char *const[]){"x=x[3x3] step=2 length=7", "x=x[2x3x5x4] step=1 length=8",
                                   "x=x[2x3x33] step=16 length=70", "x=x[2x2x2] step=5 length=9",
                                   "x=x[1x4] step=9 length=4", "x=x[0x4x2] step=1 length=5", NULL},
    .bad = (const op_bad[]){{"x=x[3] step=1 length=3", "takes frames [..., frames, size]"},
                            {"x=x[2x3] step=1 length=-1", "must be given"},
                            {"x=x[2x3] step=1 length=2", "a frame of 3 elements does not fit into 2"},
                            {"x=x[2x3] step=1 length=5", "those that the length has"},
                            {"x=x[2x3] step=0 length=5", "step is 0"},
                            {0}},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *op_overlap_add_of(tn_tensor *x, int64_t step, tn_dim length)
{
    return OP_MAKE(&op_overlap_add, OP_ARGS([STEP] = OP_I(step), [LENGTH] = OP_L(1, &length)), x);
}

tn_tensor *tn_overlap_add(tn_tensor *x, int64_t step)
{
    if (op_unusable(x) || x->type.rank < 2)
        return op_overlap_add_of(x, step, 0);
    dim_table *t = x->graph->dims;
    tn_dim count = tn_dim_of(x, -2), last = dim_mul(t, dim_sub(t, count, 1), step);
    return op_overlap_add_of(x, step, dim_add(t, last, tn_dim_of(x, -1)));
}
