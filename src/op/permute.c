/* permute: y's axis i is x's axis axes[i]. */
#include "op/scheme/op.h"

enum { AXES };

static tn_status permute_infer(const op_infer *c)
{
    const graph_type *x = c->in[0];
    const op_value *axes = &c->arg[AXES];
    if (axes->n != x->rank)
        return op_fail(c, TN_SHAPE, "%d axes are named for a %d-d tensor", axes->n, x->rank);
    if (x->rank && op_axes(c, AXES, x->rank) < 0)
        return c->error->status;
    c->out[0].rank = x->rank;
    for (int i = 0; i < x->rank; i++)
        c->out[0].dims[i] = x->dims[axes->list[i] < 0 ? axes->list[i] + x->rank : axes->list[i]];
    return TN_OK;
}

static tn_status permute_backward(const op_grad *c)
{
    const op_value *axes = op_arg(c, AXES);
    int64_t back[TN_MAX_RANK] = {0};
    for (int i = 0; i < axes->n; i++)
        back[axes->list[i] < 0 ? axes->list[i] + axes->n : axes->list[i]] = i;
    return op_give(c, 0, tn_permute(op_dout(c, 0), axes->n, back));
}

static void permute_ref(const op_ref *c)
{
    const op_array *x = c->in[0];
    op_array *y = c->out[0];
    int64_t from[TN_MAX_RANK] = {0}, to[TN_MAX_RANK] = {0};
    for (int64_t i = 0; i < y->count; i++) {
        op_ref_coordinates(y, i, to);
        for (int k = 0; k < y->rank; k++) {
            int64_t axis = c->arg[AXES].list[k];
            from[axis < 0 ? axis + y->rank : axis] = to[k];
        }
        int64_t at = op_ref_at(x, from);
        if (y->f)
            y->f[i] = x->f[at];
        else
            y->i[i] = x->i[at];
    }
}

static bool permute_view(const op_value *arg, const op_operand *x, op_operand *y, int64_t *offset)
{
    (void)offset;
    for (int i = 0; i < x->rank; i++) {
        int64_t axis = arg[AXES].list[i];
        y->strides[i] = x->strides[axis < 0 ? axis + x->rank : axis];
    }
    return true;
}

const op_def op_permute = {
    .name = "permute",
    .doc = "Reorders the axes.",
    .torch = "torch.permute",
    .onnx = "Transpose",
    .in = {{"x", OP_ANY, 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {[AXES] = OP_ARG_INTS("axes")},
    .flags = OP_VIEW,
    .view = permute_view,
    .infer = permute_infer,
    .grad = permute_backward,
    .ref = permute_ref,
    .flops = op_no_flops,
    .cases = (const char *const[]){"x=x[2x3] axes=1,0", "x=x[2x3x4] axes=2,0,1", "x=x[2x3x4] axes=0,-1,1",
                                   "x=x[] axes=", "x=x[0x3] axes=1,0", NULL},
    .bad = (const op_bad[]){{"x=x[2x3] axes=0", "1 axes are named for a 2-d tensor"},
                            {"x=x[2x3] axes=0,0", "named twice"},
                            {"x=x[2x3] axes=0,2", "axis 2 of a 2-d tensor"},
                            {0}},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *tn_permute(tn_tensor *x, int n, const int64_t *axes)
{
    return OP_MAKE(&op_permute, OP_ARGS([AXES] = OP_L(n, axes)), x);
}

tn_tensor *tn_transpose(tn_tensor *x, int axis_a, int axis_b)
{
    int64_t axes[TN_MAX_RANK];
    if (graph_poisoned(x))
        return x;
    int rank = x->type.rank, a = axis_a < 0 ? axis_a + rank : axis_a, b = axis_b < 0 ? axis_b + rank : axis_b;
    if (a < 0 || a >= rank || b < 0 || b >= rank)
        return graph_fail(x->graph, TN_SHAPE, "transpose of '%s': axes %d and %d of a %d-d tensor", tn_tensor_name(x),
                          axis_a, axis_b, rank);
    for (int i = 0; i < rank; i++)
        axes[i] = i == a ? b : i == b ? a : i;
    return tn_permute(x, rank, axes);
}
