/* expand: repeats axes of size 1, and missing leading axes, to a shape. */
#include "op/scheme/op.h"

enum { SHAPE };

static tn_status expand_infer(const op_infer *c)
{
    const graph_type *x = c->in[0];
    const op_value *shape = &c->arg[SHAPE];
    int lead = shape->n - x->rank;
    if (lead < 0 || shape->n > TN_MAX_RANK)
        return op_fail(c, TN_SHAPE, "a %d-d tensor cannot be expanded to %d axes", x->rank, shape->n);
    c->out[0].rank = shape->n;
    for (int i = 0; i < shape->n; i++) {
        tn_dim from = i < lead ? 1 : x->dims[i - lead], to = shape->list[i];
        if (to == TN_INFER)
            to = from; /* "leave it", as in PyTorch */
        if (from != 1 && !dim_same(c->dims, from, to, "expand"))
            return op_fail(c, TN_SHAPE, "axis %d has size %lld, which cannot be expanded to %lld", i - lead,
                           (long long)from, (long long)to);
        c->out[0].dims[i] = to;
    }
    return TN_OK;
}

static tn_status expand_backward(const op_grad *c)
{
    return op_give(c, 0, op_unbroadcast(op_dout(c, 0), op_in(c, 0)));
}

static void expand_ref(const op_ref *c)
{
    const op_array *x = c->in[0];
    op_array *y = c->out[0];
    for (int64_t i = 0; i < y->count; i++) {
        if (y->f)
            y->f[i] = x->f[op_ref_index(y, x, i)];
        else
            y->i[i] = x->i[op_ref_index(y, x, i)];
    }
}

static bool expand_view(const op_value *arg, const op_operand *x, op_operand *y, int64_t *offset)
{
    (void)arg, (void)offset;
    for (int i = y->rank - 1, k = x->rank - 1; i >= 0; i--, k--)
        y->strides[i] = k < 0 || (x->dims[k] == 1 && y->dims[i] != 1) ? 0 : x->strides[k];
    return true;
}

const op_def op_expand = {
    .name = "expand",
    .doc = "Repeats axes of size 1, and missing leading axes, to a shape; -1 leaves an axis as it is.",
    .torch = "torch.Tensor.expand",
    .onnx = "Expand",
    .in = {{"x", OP_ANY, 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {[SHAPE] = OP_ARG_DIMS("shape")},
    .flags = OP_VIEW,
    .view = expand_view,
    .infer = expand_infer,
    .grad = expand_backward,
    .ref = expand_ref,
    .flops = op_no_flops,
    .cases = (const char *const[]){"x=x[1x3] shape=2,3", "x=x[3] shape=2,3", "x=x[] shape=2,2", "x=x[2x1] shape=-1,4",
                                   "x=x[1] shape=0", NULL},
    .bad = (const op_bad[]){{"x=x[2x3] shape=3", "cannot be expanded to 1 axes"},
                            {"x=x[2x3] shape=2,4", "cannot be expanded to 4"},
                            {0}},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *tn_expand(tn_tensor *x, tn_shape shape)
{
    return OP_MAKE(&op_expand, OP_ARGS([SHAPE] = OP_L(shape.rank, shape.dims)), x);
}
