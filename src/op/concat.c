/* concat: tensors one behind the other along an axis. */
#include "op/internal.h"

enum { AXIS };

static tn_status concat_infer(const op_infer *c)
{
    const graph_type *first = c->in[0];
    int axis = op_axis(c, AXIS, first->rank);
    if (axis < 0)
        return c->error->status;
    op_like(c, 0, first);
    for (int i = 1; i < c->n_in; i++) {
        const graph_type *x = c->in[i];
        if (x->rank != first->rank)
            return op_fail(c, TN_SHAPE, "input %d has %d axes where the first has %d", i, x->rank, first->rank);
        for (int k = 0; k < x->rank; k++)
            if (k != axis && !dim_same(c->dims, c->out[0].dims[k], x->dims[k], "concat"))
                return op_fail(c, TN_SHAPE, "input %d has size %lld on axis %d where the first has %lld", i,
                               (long long)x->dims[k], k, (long long)c->out[0].dims[k]);
        c->out[0].dims[axis] = dim_add(c->dims, c->out[0].dims[axis], x->dims[axis]);
    }
    return TN_OK;
}

static tn_status concat_backward(const op_grad *c)
{
    int rank = op_out(c, 0)->type.rank, axis = (int)op_arg(c, AXIS)->i;
    tn_dim from = 0;
    axis = axis < 0 ? axis + rank : axis;
    for (int i = 0; i < c->node->n_in; i++) {
        tn_dim to = dim_add(c->graph->dims, from, op_in(c, i)->type.dims[axis]);
        if (op_wants(c, i))
            op_give(c, i, tn_slice(op_dout(c, 0), axis, from, to));
        from = to;
    }
    return TN_OK;
}

static void concat_ref(const op_ref *c)
{
    op_array *y = c->out[0];
    int64_t at[TN_MAX_RANK] = {0}, from = 0, axis = c->arg[AXIS].i;
    axis = axis < 0 ? axis + y->rank : axis;
    for (int k = 0; k < c->n_in; k++) {
        const op_array *x = c->in[k];
        for (int64_t i = 0; i < x->count; i++) {
            op_ref_coordinates(x, i, at);
            at[axis] += from;
            if (y->f)
                y->f[op_ref_at(y, at)] = x->f[i];
            else
                y->i[op_ref_at(y, at)] = x->i[i];
        }
        from += x->dims[axis];
    }
}

const op_def op_concat = {
    .name = "concat",
    .doc = "Tensors one behind the other along an axis.",
    .torch = "torch.cat",
    .onnx = "Concat",
    .in = {{"x", OP_ANY, 'T', OP_VARIADIC}},
    .out = {{"y", 0, 'T'}},
    .arg = {[AXIS] = OP_ARG_INT("axis", 0)},
    .infer = concat_infer,
    .grad = concat_backward,
    .ref = concat_ref,
    .flops = op_no_flops,
    .cases =
        (const char *const[]){"x=x[2x3],x[4x3] axis=0", "x=x[2x3],x[2x1],x[2x5] axis=1", "x=x[2x3x4],x[2x3x4] axis=-2",
                              "x=x[3]", "x=x[0],x[3]", "x=x[2x0],x[2x0] axis=0", NULL},
    .bad = (const op_bad[]){{"x=x[2x3],x[2x4] axis=0", "size 4 on axis 1 where the first has 3"},
                            {"x=x[2x3],x[2] axis=0", "has 1 axes where the first has 2"},
                            {"x=x[2],x[2] axis=1", "axis 1 of a 1-d tensor"},
                            {0}},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *tn_concat(int n, tn_tensor *const x[], int axis)
{
    tn_dtype dtype = TN_NONE;
    for (int i = 0; i < n; i++) {
        if (op_unusable(x[i]))
            return op_make(&op_concat, n, x, NULL);
        dtype = dtype ? op_promote(dtype, x[i]->type.dtype) : x[i]->type.dtype;
    }
    tn_tensor *same[n > 0 ? n : 1];
    for (int i = 0; i < n; i++)
        same[i] = op_cast_to(x[i], dtype);
    return op_make(&op_concat, n, same, OP_ARGS([AXIS] = OP_I(axis)));
}
