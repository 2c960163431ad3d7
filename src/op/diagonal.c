/* diagonal: the elements of two axes of which the second place is `offset` more than the first; they become the last axis. */
#include "op/scheme/op.h"

enum { OFFSET, AXIS_A, AXIS_B };

static int axis_of(const op_value *arg, int which, int rank)
{
    return (int)(arg[which].i < 0 ? arg[which].i + rank : arg[which].i);
}

static tn_status diagonal_infer(const op_infer *c)
{
    const graph_type *x = c->in[0];
    graph_type *y = &c->out[0];
    int a = op_axis(c, AXIS_A, x->rank), b = a < 0 ? -1 : op_axis(c, AXIS_B, x->rank);
    if (b < 0)
        return c->error->status;
    if (a == b)
        return op_fail(c, TN_SHAPE, "both axes are axis %d", a);
    int64_t offset = op_int(c, OFFSET);
    tn_dim rows = dim_sub(c->dims, x->dims[a], offset < 0 ? -offset : 0);
    tn_dim cols = dim_sub(c->dims, x->dims[b], offset > 0 ? offset : 0);
    if (x->dims[a] != x->dims[b] && !(dim_literal(x->dims[a]) && dim_literal(x->dims[b])))
        return op_fail(c, TN_SHAPE, "the axes %d and %d must have equal sizes if one is not a number", a, b);
    if (dim_literal(x->dims[a]) && (x->dims[a] < -offset || x->dims[b] < offset))
        return op_fail(c, TN_SHAPE, "there is no diagonal %lld of %lld x %lld elements", (long long)offset,
                       (long long)x->dims[a], (long long)x->dims[b]);
    for (int i = 0; i < x->rank; i++)
        if (i != a && i != b)
            y->dims[y->rank++] = x->dims[i];
    bool by_rows = dim_literal(rows) ? rows < cols : offset < 0;
    y->dims[y->rank++] = by_rows ? rows : cols;
    return TN_OK;
}

/* Put back by a mask: zeros elsewhere. */
static tn_status diagonal_backward(const op_grad *c)
{
    tn_tensor *x = op_in(c, 0), *dy = op_dout(c, 0);
    const op_value *arg = c->node->arg;
    int rank = x->type.rank, a = axis_of(arg, AXIS_A, rank), b = axis_of(arg, AXIS_B, rank), n = 0;
    int64_t offset = arg[OFFSET].i, low[TN_MAX_RANK] = {0}, high[TN_MAX_RANK] = {0}, order[TN_MAX_RANK],
            back[TN_MAX_RANK];
    if (!op_wants(c, 0))
        return TN_OK;
    for (int i = 0; i < rank; i++)
        if (i != a && i != b)
            order[n++] = i;
    order[n] = a;
    order[n + 1] = b;
    for (int i = 0; i < rank; i++)
        back[order[i]] = i;
    /* dy[..., k] goes to (k + down, k + right): repeated along b it is moved down, then all off the diagonal is left out */
    tn_dim rows = x->type.dims[a], cols = x->type.dims[b], size = tn_dim_of(dy, -1);
    tn_tensor *column = tn_unsqueeze(dy, -1);
    if (offset < 0) {
        low[rank - 2] = -offset;
        column = tn_pad(column, low, high, 0);
        size = dim_add(c->graph->dims, size, -offset);
    }
    if (dim_literal(rows) && size < rows) {
        int64_t none[TN_MAX_RANK] = {0};
        high[rank - 2] = rows - size;
        column = tn_pad(column, none, high, 0);
    }
    tn_tensor *i = tn_unsqueeze(tn_arange(c->graph, TN_I64, 0, 1, rows), -1),
              *j = tn_arange(c->graph, TN_I64, 0, 1, cols);
    tn_tensor *on = tn_eq(tn_add_f(i, (double)offset), j);
    return op_give(c, 0, tn_permute(tn_where(on, column, op_like_scalar(dy, 0)), rank, back));
}

static void diagonal_ref(const op_ref *c)
{
    const op_array *x = c->in[0];
    op_array *y = c->out[0];
    int a = axis_of(c->arg, AXIS_A, x->rank), b = axis_of(c->arg, AXIS_B, x->rank);
    int64_t offset = c->arg[OFFSET].i, at[TN_MAX_RANK] = {0}, to[TN_MAX_RANK] = {0};
    for (int64_t i = 0; i < y->count; i++) {
        op_ref_coordinates(y, i, to);
        for (int k = 0, n = 0; k < x->rank; k++)
            if (k != a && k != b)
                at[k] = to[n++];
        at[a] = to[y->rank - 1] + (offset < 0 ? -offset : 0);
        at[b] = to[y->rank - 1] + (offset > 0 ? offset : 0);
        if (y->f)
            y->f[i] = x->f[op_ref_at(x, at)];
        else
            y->i[i] = x->i[op_ref_at(x, at)];
    }
}

static bool diagonal_view(const op_value *arg, const op_operand *x, op_operand *y, int64_t *offset)
{
    int a = axis_of(arg, AXIS_A, x->rank), b = axis_of(arg, AXIS_B, x->rank), n = 0;
    for (int i = 0; i < x->rank; i++)
        if (i != a && i != b)
            y->strides[n++] = x->strides[i];
    y->strides[n] = x->strides[a] + x->strides[b];
    *offset += arg[OFFSET].i < 0 ? -arg[OFFSET].i * x->strides[a] : arg[OFFSET].i * x->strides[b];
    return true;
}

const op_def op_diagonal = {
    .name = "diagonal",
    .doc = "The diagonal of two axes, as the last axis.",
    .torch = "torch.diagonal",
    .in = {{"x", OP_ANY, 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {[OFFSET] = OP_ARG_INT_IN("offset", 0, -0x1p40, 0x1p40),
            [AXIS_A] = OP_ARG_INT("axis_a", -2),
            [AXIS_B] = OP_ARG_INT("axis_b", -1)},
    .flags = OP_VIEW,
    .view = diagonal_view,
    .infer = diagonal_infer,
    .grad = diagonal_backward,
    .ref = diagonal_ref,
    .flops = op_no_flops,
    .cases = (const char *const[]){"x=x[1x3x3]", "x=x[1x3x5] offset=1", "x=x[1x5x3] offset=-1", "x=x[1x3x5] offset=4",
                                   "x=x[4x3x1x3] axis_a=3 axis_b=1 offset=-1", "x=x[1x5x3] offset=2", "x=x[0x0]",
                                   "x=x[1x2x2] offset=-2", NULL},
    .bad = (const op_bad[]){{"x=x[3]", "axis -2 of a 1-d tensor"},
                            {"x=x[2x3] axis_a=1 axis_b=1", "both axes are axis 1"},
                            {"x=x[2x3] offset=4", "there is no diagonal 4 of 2 x 3"},
                            {0}},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *tn_diagonal(tn_tensor *x, int64_t offset, int axis_a, int axis_b)
{
    return OP_MAKE(&op_diagonal, OP_ARGS([OFFSET] = OP_I(offset), [AXIS_A] = OP_I(axis_a), [AXIS_B] = OP_I(axis_b)), x);
}
