/* embedding_grad: the gradient of embedding for its table: dweight[r] = the sum of dy[i] over the places i with index[i] = r, in
 * their order; nothing for padding_index. An index out of range is a fault of embedding already; here it is passed over. */
#include "op/internal.h"

#include <math.h>

enum { ROWS, PADDING };
enum { DY, INDEX };

static tn_status embedding_grad_infer(const op_infer *c)
{
    const graph_type *dy = c->in[DY], *index = c->in[INDEX];
    if (c->arg[ROWS].n != 1)
        return op_fail(c, TN_INVALID, "rows must be one size");
    if (dy->rank != index->rank + 1)
        return op_fail(c, TN_SHAPE, "dy has %d axes; index's %d and one more are due", dy->rank, index->rank);
    for (int k = 0; k < index->rank; k++)
        BASE_TRY(op_want_same(c, dy->dims[k], index->dims[k], "the sizes of dy and index"));
    c->out[0].rank = 2;
    c->out[0].dims[0] = c->arg[ROWS].list[0];
    c->out[0].dims[1] = dy->dims[index->rank];
    return TN_OK;
}

/* dy's gradient is a look-up again; places of padding got nothing, so they give nothing. */
static tn_status embedding_grad_backward(const op_grad *c)
{
    op_give_zero(c, INDEX);
    if (!op_wants(c, DY))
        return TN_OK;
    tn_tensor *index = op_in(c, INDEX), *d = tn_embedding(op_dout(c, 0), index, -1);
    if (op_arg(c, PADDING)->i >= 0)
        d = tn_masked_fill(d, tn_unsqueeze(tn_eq(index, op_like_scalar(index, (double)op_arg(c, PADDING)->i)), -1), 0);
    return op_give(c, DY, d);
}

static tn_status embedding_grad_lower(const op_lower *c)
{
    tn_tensor *dy = c->in[DY], *index = c->in[INDEX];
    tn_dim rows = c->node->arg[ROWS].list[0], features = tn_dim_of(dy, -1);
    if (c->node->arg[PADDING].i >= 0) {
        tn_tensor *none = tn_eq(index, op_like_scalar(index, (double)c->node->arg[PADDING].i));
        dy = tn_masked_fill(dy, tn_unsqueeze(none, -1), 0);
    }
    tn_tensor *zeros = tn_full(c->graph, dy->type.dtype, TN_SHAPE(rows, features), 0);
    c->out[0] =
        tn_index_add(zeros, 0, tn_reshape(index, TN_SHAPE(TN_INFER)), tn_reshape(dy, TN_SHAPE(TN_INFER, features)));
    return TN_OK;
}

static void embedding_grad_ref(const op_ref *c)
{
    const op_array *dy = c->in[DY], *index = c->in[INDEX];
    op_array *dw = c->out[0];
    int64_t n = dw->dims[1];
    for (int64_t i = 0; i < index->count; i++) {
        int64_t row = index->i[i];
        for (int64_t k = 0; k < n && row >= 0 && row < dw->dims[0] && row != c->arg[PADDING].i; k++) {
            dw->f[row * n + k] += dy->f[i * n + k];
            dw->magnitude[row * n + k] += fabs(dy->f[i * n + k]);
        }
    }
}

static double embedding_grad_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)arg, (void)out;
    return op_elements(in[DY]);
}

const op_def op_embedding_grad = {
    .name = "embedding_grad",
    .doc = "The gradient of embedding for its table.",
    .in = {{"dy", OP_FLOATS, 'T'}, {"index", OP_INDEX}},
    .out = {{"dweight", 0, 'T'}},
    .arg = {[ROWS] = OP_ARG_DIMS("rows"), [PADDING] = OP_ARG_INT("padding_index", -1)},
    .infer = embedding_grad_infer,
    .grad = embedding_grad_backward,
    .lower = embedding_grad_lower,
    .ref = embedding_grad_ref,
    .flops = embedding_grad_flops,
    .cases = (const char *const[]){"dy=x[4x3] index=i[4]:index=5 rows=5",
                                   "dy=x[2x6x3] index=i[2x6]:index=5 rows=5 padding_index=1",
                                   "dy=x[40x20] index=i[40]:index=7 rows=9", "dy=x[4] index=i[]:index=3 rows=3",
                                   "dy=x[0x4] index=i[0]:index=3 rows=3", NULL},
    .bad = (const op_bad[]){{"dy=x[4x3] index=i[4x1]:index=5 rows=5", "dy has 2 axes; index's 2 and one more are due"},
                            {"dy=x[4x3] index=i[5]:index=5 rows=5", "4 and 5 differ"},
                            {"dy=x[4x3] index=i[4]:index=5 rows=5,2", "rows must be one size"},
                            {0}},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *op_embedding_grad_of(tn_tensor *dy, tn_tensor *index, tn_dim rows, int64_t padding_index)
{
    return OP_MAKE(&op_embedding_grad, OP_ARGS([ROWS] = OP_L(1, &rows), [PADDING] = OP_I(padding_index)), dy, index);
}
