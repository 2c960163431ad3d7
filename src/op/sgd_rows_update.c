/* sgd_rows_update: one step of gradient descent for those rows of a table that index names; the others stay as they are, as with
 * torch.optim.SGD and a sparse gradient. dy[..., features] are the gradients of the rows that index[...] picked:
 *   param' = param - lr * (the sum of dy over the places that name the row)
 * Places with padding_index do not count (below 0: all do). An index out of range is a fault of embedding; here it is passed over. */
#include "op/internal.h"

#include <math.h>

enum { PADDING };
enum { PARAM, DY, INDEX, LR };

static tn_status sgd_rows_update_infer(const op_infer *c)
{
    BASE_TRY(op_infer_rows(c));
    return op_like(c, 0, c->in[PARAM]);
}

static tn_status sgd_rows_update_lower(const op_lower *c)
{
    tn_tensor *param = c->in[PARAM], *rate = op_cast_to(c->in[LR], param->type.dtype);
    tn_tensor *g = op_embedding_grad_of(c->in[DY], c->in[INDEX], param->type.dims[0], c->node->arg[PADDING].i);
    tn_tensor *used = op_used_rows(c->in[INDEX], param->type.dims[0], c->node->arg[PADDING].i);
    c->out[0] = tn_where(used, tn_sub(param, tn_mul(g, rate)), param);
    return TN_OK;
}

static void sgd_rows_update_ref(const op_ref *c)
{
    const op_array *index = c->in[INDEX], *param = c->in[PARAM];
    const int64_t n = param->dims[1];
    double lr = c->in[LR]->f[0];
    for (int64_t i = 0; i < param->count; i++) {
        c->out[0]->f[i] = param->f[i];
        c->out[0]->magnitude[i] = fabs(param->f[i]);
    }
    for (int64_t i = 0; i < index->count; i++)
        for (int64_t k = 0; k < n && index->i[i] != c->arg[PADDING].i; k++) {
            c->out[0]->f[index->i[i] * n + k] -= lr * c->in[DY]->f[i * n + k];
            c->out[0]->magnitude[index->i[i] * n + k] += fabs(lr * c->in[DY]->f[i * n + k]);
        }
}

static double sgd_rows_update_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)arg, (void)out;
    return 2 * op_elements(in[DY]);
}

const op_def op_sgd_rows_update = {
    .name = "sgd_rows_update",
    .doc = "One step of gradient descent for those rows of a table that index names.",
    .in = {{"param", OP_FLOATS, 'T'}, {"dy", OP_FLOATS, 'T'}, {"index", OP_INDEX}, {"lr", OP_BIT(TN_F32)}},
    .out = {{"new_param", 0, 'T'}},
    .arg = {[PADDING] = OP_ARG_INT("padding_index", -1)},
    .infer = sgd_rows_update_infer,
    .lower = sgd_rows_update_lower,
    .ref = sgd_rows_update_ref,
    .flops = sgd_rows_update_flops,
    .cases = (const char *const[]){"param=x[5x3] dy=x[4x3] index=i[4]:index=5 lr=x[]:unit",
                                   "param=x[6x4] dy=x[2x6x4] index=i[2x6]:index=6 lr=x[]:unit padding_index=1",
                                   "param=x[9x20] dy=x[40x20] index=i[40]:index=9 lr=x[]:unit",
                                   "param=x[3x4] dy=x[0x4] index=i[0]:index=3 lr=x[]:unit", NULL},
    .bad = (const op_bad[]){{"param=x[5] dy=x[4x3] index=i[4]:index=5 lr=x[]", "param has 1 axes"},
                            {"param=x[5x3] dy=x[4x3] index=i[4x1]:index=5 lr=x[]", "index's 2 and one more are due"},
                            {"param=x[5x3] dy=x[3x3] index=i[4]:index=5 lr=x[]", "the sizes of dy and index"},
                            {"param=x[5x3] dy=x[4x2] index=i[4]:index=5 lr=x[]", "2 and 3 differ"},
                            {"param=x[5x3] dy=x[4x3] index=i[4]:index=5 lr=x[1]", "lr must be a single number"},
                            {0}},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *op_sgd_rows_update_of(tn_tensor *param, tn_tensor *dy, tn_tensor *index, int64_t padding_index,
                                 tn_tensor *lr)
{
    return OP_MAKE(&op_sgd_rows_update, OP_ARGS([PADDING] = OP_I(padding_index)), param, dy, index, lr);
}
