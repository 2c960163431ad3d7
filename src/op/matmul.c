/* matmul: y[..., i, j] = sum_k a[..., i, k] * b[..., k, j]; the leading axes are broadcast. Operands have two axes or more:
 * the builder gives rank-1 operands an axis and takes it away again, as PyTorch does. */
#include "op/scheme/op.h"

#include <math.h>

static tn_status matmul_infer(const op_infer *c)
{
    const graph_type *a = c->in[0], *b = c->in[1];
    graph_type *y = &c->out[0];
    if (a->rank < 2 || b->rank < 2)
        return op_fail(c, TN_SHAPE, "operands need two axes or more");
    tn_dim m = a->dims[a->rank - 2], k = a->dims[a->rank - 1], k2 = b->dims[b->rank - 2], n = b->dims[b->rank - 1];
    if (!dim_same(c->dims, k, k2, "matmul"))
        return op_fail(c, TN_SHAPE, "the inner sizes %lld and %lld differ", (long long)k, (long long)k2);
    BASE_TRY(op_infer_broadcast_lead(c, 2));
    y->dims[y->rank - 2] = m;
    y->dims[y->rank - 1] = n;
    return TN_OK;
}

/* dA = dY B^T, dB = A^T dY, summed over axes that were broadcast. */
static tn_status matmul_backward(const op_grad *c)
{
    tn_tensor *a = op_in(c, 0), *b = op_in(c, 1), *dy = op_dout(c, 0);
    if (op_wants(c, 0))
        op_give(c, 0, op_unbroadcast(tn_matmul(dy, tn_transpose(b, -1, -2)), a));
    if (op_wants(c, 1))
        op_give(c, 1, op_unbroadcast(tn_matmul(tn_transpose(a, -1, -2), dy), b));
    return TN_OK;
}

static void matmul_ref(const op_ref *c)
{
    const op_array *a = c->in[0], *b = c->in[1];
    op_array *y = c->out[0];
    int64_t k_size = a->dims[a->rank - 1];
    for (int64_t i = 0; i < y->count; i++) {
        int64_t at[TN_MAX_RANK], pa[TN_MAX_RANK], pb[TN_MAX_RANK];
        op_ref_coordinates(y, i, at);
        for (int d = 0; d < a->rank; d++)
            pa[d] = a->dims[d] == 1 ? 0 : at[y->rank - a->rank + d];
        for (int d = 0; d < b->rank; d++)
            pb[d] = b->dims[d] == 1 ? 0 : at[y->rank - b->rank + d];
        for (int64_t k = 0; k < k_size; k++) {
            pa[a->rank - 1] = k;
            pb[b->rank - 2] = k;
            double product = a->f[op_ref_at(a, pa)] * b->f[op_ref_at(b, pb)];
            y->f[i] += product;
            y->magnitude[i] += fabs(product);
        }
    }
}

static double matmul_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)arg;
    return 2 * op_elements(&out[0]) * (double)in[0]->dims[in[0]->rank - 1];
}

const op_def op_matmul = {
    .name = "matmul",
    .doc = "Matrix product; leading axes are broadcast.",
    .torch = "torch.matmul",
    .onnx = "MatMul",
    .in = {{"a", OP_FLOATS, 'T'}, {"b", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .infer = matmul_infer,
    .grad = matmul_backward,
    .ref = matmul_ref,
    .flops = matmul_flops,
    .cases = (const char *const[]){"a=x[2x3] b=x[3x4]", "a=x[5x2x3] b=x[3x4]", "a=x[2x1x2x3] b=x[4x3x1]",
                                   "a=x[17x33] b=x[33x19]", "a=x[1x7] b=x[7x1]", "a=x[2x0] b=x[0x3]",
                                   "a=x[0x3] b=x[3x2]", "a=x[3x64] b=x[64x70]", NULL},
    .bad = (const op_bad[]){{"a=x[2x3] b=x[4x2]", "the inner sizes 3 and 4 differ"},
                            {"a=x[3] b=x[3x2]", "two axes or more"},
                            {"a=x[2x2x3] b=x[3x3x2]", "cannot be broadcast"},
                            {0}},
    .tol = {[TN_F64] = OP_TOL(1e-13, 0),
            [TN_F32] = OP_TOL(1e-6, 0),
            [TN_F16] = OP_TOL(2e-3, 1e-7),
            [TN_BF16] = OP_TOL(1.6e-2, 0)},
};

tn_tensor *tn_matmul(tn_tensor *a, tn_tensor *b)
{
    if (!a || !b || graph_poisoned(a) || graph_poisoned(b))
        return op_binary(&op_matmul, a, b);
    bool row = a->type.rank == 1, column = b->type.rank == 1;
    if (row)
        a = tn_reshape(a, TN_SHAPE(1, a->type.dims[0]));
    if (column)
        b = tn_reshape(b, TN_SHAPE(b->type.dims[0], 1));
    tn_tensor *y = op_binary(&op_matmul, a, b);
    if (graph_poisoned(y) || (!row && !column))
        return y;
    tn_shape shape = {0};
    for (int i = 0; i < y->type.rank; i++)
        if (!(row && i == y->type.rank - 2) && !(column && i == y->type.rank - 1))
            shape.dims[shape.rank++] = y->type.dims[i];
    return tn_reshape(y, shape);
}
