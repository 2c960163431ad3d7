/* embedding: rows of a table: y[..., :] = weight[index[...], :]. The row padding_index (below 0: none) is read like the others,
 * but gets no gradient. An index out of range is a fault at run time and gives zeros. */
#include "op/internal.h"

enum { PADDING };
enum { WEIGHT, INDEX };

static tn_status embedding_infer(const op_infer *c)
{
    const graph_type *weight = c->in[WEIGHT], *index = c->in[INDEX];
    if (weight->rank != 2)
        return op_fail(c, TN_SHAPE, "weight has %d axes; it needs two: rows, features", weight->rank);
    if (index->rank >= TN_MAX_RANK)
        return op_fail(c, TN_SHAPE, "index has %d axes; at most %d are supported", index->rank, TN_MAX_RANK - 1);
    if (dim_literal(weight->dims[0]) && op_int(c, PADDING) >= weight->dims[0])
        return op_fail(c, TN_INVALID, "padding_index is %lld and weight has %lld rows", (long long)op_int(c, PADDING),
                       (long long)weight->dims[0]);
    op_like(c, 0, index);
    c->out[0].rank = index->rank + 1;
    c->out[0].dims[index->rank] = weight->dims[1];
    return TN_OK;
}

static tn_status embedding_backward(const op_grad *c)
{
    op_give_zero(c, INDEX);
    if (!op_wants(c, WEIGHT))
        return TN_OK;
    return op_give(
        c, WEIGHT,
        op_embedding_grad_of(op_dout(c, 0), op_in(c, INDEX), op_in(c, WEIGHT)->type.dims[0], op_arg(c, PADDING)->i));
}

static tn_status embedding_lower(const op_lower *c)
{
    tn_tensor *rows = tn_index_select(c->in[WEIGHT], 0, tn_reshape(c->in[INDEX], TN_SHAPE(TN_INFER)));
    tn_shape shape = tn_tensor_shape(c->in[INDEX]);
    shape.dims[shape.rank++] = tn_dim_of(rows, 1);
    c->out[0] = tn_reshape(rows, shape);
    return TN_OK;
}

static void embedding_ref(const op_ref *c)
{
    const op_array *weight = c->in[WEIGHT], *index = c->in[INDEX];
    int64_t n = weight->dims[1];
    for (int64_t i = 0; i < index->count; i++) {
        bool there = index->i[i] >= 0 && index->i[i] < weight->dims[0];
        if (!there)
            op_ref_fault(c, "an index of embedding is out of range");
        for (int64_t k = 0; k < n; k++)
            c->out[0]->f[i * n + k] = there ? weight->f[index->i[i] * n + k] : 0;
    }
}

const op_def op_embedding = {
    .name = "embedding",
    .doc = "The rows of a table that index names.",
    .torch = "torch.nn.functional.embedding",
    .in = {{"weight", OP_FLOATS, 'T'}, {"index", OP_INDEX}},
    .out = {{"y", 0, 'T'}},
    .arg = {[PADDING] = OP_ARG_INT("padding_index", -1)},
    .flags = OP_FAULTS,
    .infer = embedding_infer,
    .grad = embedding_backward,
    .lower = embedding_lower,
    .ref = embedding_ref,
    .flops = op_no_flops,
    .cases = (const char *const[]){"weight=x[5x3] index=i[4]:index=5",
                                   "weight=x[5x3]:kinks=1 index=i[2x6]:index=5 padding_index=1",
                                   "weight=x[7x20] index=i[2x3x4]:index=7", "weight=x[3x4] index=i[]:index=3",
                                   "weight=x[3x4] index=i[0x2]:index=3", NULL},
    .bad = (const op_bad[]){{"weight=x[5] index=i[4]:index=5", "weight has 1 axes"},
                            {"weight=x[5x3] index=i[1x1x1x1x1x1x1x1]:index=5", "index has 8 axes"},
                            {"weight=x[5x3] index=i[4]:index=5 padding_index=5", "padding_index is 5"},
                            {0}},
    .fault = (const op_bad[]){{"weight=x[2x3] index=i[20]:index=5", "out of range"}, {0}},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *tn_embedding(tn_tensor *weight, tn_tensor *index, int64_t padding_index)
{
    return OP_MAKE(&op_embedding, OP_ARGS([PADDING] = OP_I(padding_index)), weight, index);
}
