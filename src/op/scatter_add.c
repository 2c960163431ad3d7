/* scatter_add: x with source added at the places that index names along an axis: y[.., index[.., i, ..], ..] += source[.., i, ..].
 * Sums run in the order of source. An index out of range is a fault at run time, and what it points to is dropped. */
#include "op/internal.h"

#include <math.h>

enum { AXIS };

static tn_status scatter_add_infer(const op_infer *c)
{
    const graph_type *index = c->in[1], *source = c->in[2];
    BASE_TRY(op_gather_check(c, c->in[0], index));
    if (!graph_same_dims(c->dims, index, source, "scatter_add"))
        return op_fail(c, TN_SHAPE, "source must have the shape of index");
    return op_infer_same(c);
}

static tn_status scatter_add_backward(const op_grad *c)
{
    op_give(c, 0, op_dout(c, 0));
    op_give_zero(c, 1);
    return op_wants(c, 2) ? op_give(c, 2, tn_gather(op_dout(c, 0), (int)op_arg(c, AXIS)->i, op_in(c, 1))) : TN_OK;
}

static void scatter_add_ref(const op_ref *c)
{
    const op_array *x = c->in[0], *index = c->in[1], *source = c->in[2];
    op_array *y = c->out[0];
    for (int64_t i = 0; i < y->count; i++) {
        if (y->f) {
            y->f[i] = x->f[i];
            y->magnitude[i] = fabs(x->f[i]);
        } else {
            y->i[i] = x->i[i];
        }
    }
    for (int64_t i = 0; i < source->count; i++) {
        int64_t at = op_gather_at(y, index, c->arg[AXIS].i, i);
        if (at < 0) {
            op_ref_fault(c, "an index of scatter_add is out of range");
        } else if (y->f) {
            y->f[at] += source->f[i];
            y->magnitude[at] += fabs(source->f[i]);
        } else {
            y->i[at] = op_ref_wrap(y->dtype, (int64_t)((uint64_t)y->i[at] + (uint64_t)source->i[i]));
        }
    }
}

static double scatter_add_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)arg, (void)out;
    return op_elements(in[2]);
}

const op_def op_scatter_add = {
    .name = "scatter_add",
    .doc = "x with source added at the places that index names along an axis.",
    .in = {{"x", OP_NUMBERS, 'T'}, {"index", OP_INDEX}, {"source", OP_NUMBERS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {[AXIS] = OP_ARG_INT("axis", 0)},
    .flags = OP_FAULTS,
    .infer = scatter_add_infer,
    .grad = scatter_add_backward,
    .ref = scatter_add_ref,
    .flops = scatter_add_flops,
    .cases = (const char *const[]){"x=x[5] index=i[7]:index=5 source=x[7]",
                                   "x=x[4x3] index=i[6x2]:index=4 source=x[6x2] axis=0",
                                   "x=x[2x3x4] index=i[2x3x7]:index=4 source=x[2x3x7] axis=-1",
                                   "x=x[2x3] index=i[0x3]:index=2 source=x[0x3]", NULL},
    .bad =
        (const op_bad[]){{"x=x[2x3] index=i[2]:index=2 source=x[2]", "index has 1 axes"},
                         {"x=x[2x3] index=i[3x4]:index=2 source=x[3x4] axis=0", "size 4 on axis 1"},
                         {"x=x[2x3] index=i[2x3]:index=2 source=x[2x3] axis=2", "axis 2 of a 2-d tensor"},
                         {"x=x[2x3] index=i[2x3]:index=2 source=x[2x2] axis=0", "source must have the shape of index"},
                         {0}},
    .fault = (const op_bad[]){{"x=x[2] index=i[20]:index=5 source=x[20]", "out of range"}, {0}},
    .tol = {OP_TOL_FLOATS, OP_TOL_INTS},
};

tn_tensor *tn_scatter_add(tn_tensor *x, int axis, tn_tensor *index, tn_tensor *source)
{
    return OP_MAKE(&op_scatter_add, OP_ARGS([AXIS] = OP_I(axis)), x, index, source);
}
