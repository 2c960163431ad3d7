/* topk: the k largest elements along an axis (or smallest), in order, and where they are; of equal ones the first. */
#include "op/internal.h"

enum { K, AXIS, LARGEST };

static tn_status topk_infer(const op_infer *c)
{
    int axis = op_axis(c, AXIS, c->in[0]->rank);
    if (axis < 0)
        return c->error->status;
    tn_dim size = c->in[0]->dims[axis];
    if (dim_literal(size) && op_int(c, K) > size)
        return op_fail(c, TN_SHAPE, "axis %d has %lld elements, fewer than k = %lld", axis, (long long)size,
                       (long long)op_int(c, K));
    for (int i = 0; i < 2; i++) {
        op_like(c, i, c->in[0]);
        c->out[i].dims[axis] = op_int(c, K);
    }
    return TN_OK;
}

static tn_status topk_lower(const op_lower *c)
{
    const op_value *arg = c->node->arg;
    tn_sorted all = tn_sort(c->in[0], (int)arg[AXIS].i, arg[LARGEST].i);
    c->out[0] = tn_slice(all.values, (int)arg[AXIS].i, 0, arg[K].i);
    c->out[1] = tn_slice(all.index, (int)arg[AXIS].i, 0, arg[K].i);
    return TN_OK;
}

/* The places that rows of the outputs have begun with are left out, one after the other. */
static void topk_ref(const op_ref *c)
{
    const op_array *x = c->in[0];
    op_array *y = c->out[0], *index = c->out[1];
    op_row row = op_row_of(x, c->arg[AXIS].i), few = op_row_of(y, c->arg[AXIS].i);
    for (int64_t r = 0; r < row.count; r++) {
        int64_t first = op_row_first(&row, r), to = op_row_first(&few, r);
        for (int64_t k = 0; k < few.size; k++) {
            int64_t best = -1;
            for (int64_t i = 0; i < row.size; i++) {
                bool taken = false;
                for (int64_t j = 0; j < k && !taken; j++)
                    taken = index->i[to + j * few.stride] == i;
                if (!taken && (best < 0 || op_ref_order(x, first + i * row.stride, first + best * row.stride) *
                                                   (c->arg[LARGEST].i ? -1 : 1) <
                                               0))
                    best = i;
            }
            index->i[to + k * few.stride] = best;
            if (y->f)
                y->f[to + k * few.stride] = x->f[first + best * row.stride];
            else
                y->i[to + k * few.stride] = x->i[first + best * row.stride];
        }
    }
}

const op_def op_topk = {
    .name = "topk",
    .doc = "The k largest (or smallest) elements along an axis in order, and where they are.",
    .torch = "torch.topk",
    .onnx = "TopK",
    .in = {{"x", OP_ANY, 'T'}},
    .out = {{"y", 0, 'T'}, {"index", OP_BIT(TN_I64)}},
    .arg = {[K] = OP_ARG_INT_IN("k", 1, 0, 0x1p40),
            [AXIS] = OP_ARG_INT("axis", -1),
            [LARGEST] = OP_ARG_BOOL("largest", true)},
    .infer = topk_infer,
    .lower = topk_lower,
    .ref = topk_ref,
    .cases = (const char *const[]){"x=x[5] k=2", "x=x[2x3x4] axis=1 k=3", "x=x[4x6] axis=0 largest=false k=2",
                                   "x=x[20]:ties k=7", "x=x[5] k=0", "x=x[0x3] k=1", NULL},
    .bad = (const op_bad[]){{"x=x[2x3] axis=2", "axis 2 of a 2-d tensor"},
                            {"x=x[2x3] k=4", "fewer than k = 4"},
                            {"x=x[3] k=-1", "k is -1"},
                            {0}},
    .tol = {OP_TOL_EXACT},
};

tn_sorted tn_topk(tn_tensor *x, int64_t k, int axis, bool largest)
{
    tn_tensor *y = OP_MAKE(&op_topk, OP_ARGS([K] = OP_I(k), [AXIS] = OP_I(axis), [LARGEST] = OP_I(largest)), x);
    return (tn_sorted){y, y ? op_sibling(y, 1) : NULL};
}
