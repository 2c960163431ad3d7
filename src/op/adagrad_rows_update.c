/* adagrad_rows_update: one step of Adagrad (Duchi et al. 2011) for those rows of a table that index names; the others stay as they are,
 * as with torch.optim.Adagrad and a sparse gradient. dy[..., features] are the gradients of the rows that index[...] picked:
 *   g = the sum of dy over the places that name the row;  sum' = sum + g^2;  param' = param - lr * g / (sqrt(sum') + eps)
 * Places with padding_index do not count (below 0: all do). An index out of range is a fault of embedding; here it is passed over. */
#include "op/internal.h"

#include <math.h>

enum { EPS, PADDING };
enum { PARAM, DY, INDEX, SUM, LR };

static tn_status adagrad_rows_update_infer(const op_infer *c)
{
    BASE_TRY(op_infer_rows(c));
    BASE_TRY(op_want_shape(c, SUM, c->in[PARAM]));
    op_like(c, 0, c->in[PARAM]);
    return op_like(c, 1, c->in[PARAM]);
}

static tn_status adagrad_rows_update_lower(const op_lower *c)
{
    const op_value *arg = c->node->arg;
    tn_tensor *param = c->in[PARAM], *rate = op_cast_to(c->in[LR], param->type.dtype);
    tn_tensor *g = op_embedding_grad_of(c->in[DY], c->in[INDEX], param->type.dims[0], arg[PADDING].i);
    tn_tensor *none = tn_eq(g, op_like_scalar(g, 0)), *one = op_like_scalar(g, 1);
    c->out[1] = tn_add(c->in[SUM], tn_square(g));
    /* where eps is 0, and was no gradient ever, there is no 0 / 0 */
    tn_tensor *spread = tn_where(none, one, tn_add_f(tn_sqrt(c->out[1]), arg[EPS].f));
    tn_tensor *move = tn_mul(tn_div(g, spread), rate), *zero = op_like_scalar(g, 0);
    c->out[0] = tn_sub(param, tn_where(none, zero, move));
    return TN_OK;
}

static void adagrad_rows_update_ref(const op_ref *c)
{
    const op_array *index = c->in[INDEX], *param = c->in[PARAM];
    const int64_t n = param->dims[1];
    double lr = c->in[LR]->f[0];
    for (int64_t at = 0; at < param->count; at++) {
        double g = 0, whole = 0;
        for (int64_t i = 0; at / n != c->arg[PADDING].i && i < index->count; i++)
            if (index->i[i] == at / n) {
                g += c->in[DY]->f[i * n + at % n];
                whole += fabs(c->in[DY]->f[i * n + at % n]);
            }
        double sum = c->in[SUM]->f[at] + g * g, spread = g != 0 ? sqrt(sum) + c->arg[EPS].f : 1;
        c->out[0]->f[at] = param->f[at] - (g != 0 ? lr * (g / spread) : 0); /* NOLINT */
        c->out[1]->f[at] = sum;
        c->out[1]->magnitude[at] = fabs(c->in[SUM]->f[at]) + whole * whole;
        c->out[0]->magnitude[at] = fabs(param->f[at]) + fabs(lr) * (whole / spread) * (1 + whole / spread);
    }
}

static double adagrad_rows_update_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)arg, (void)out;
    return 7 * op_elements(in[DY]);
}

const op_def op_adagrad_rows_update = {
    .name = "adagrad_rows_update",
    .doc = "One step of Adagrad for those rows of a table that index names.",
    .in = {{"param", OP_FLOATS, 'T'},
           {"dy", OP_FLOATS, 'T'},
           {"index", OP_INDEX},
           {"sum", OP_FLOATS, 'T'},
           {"lr", OP_BIT(TN_F32)}},
    .out = {{"new_param", 0, 'T'}, {"new_sum", 0, 'T'}},
    .arg = {[EPS] = OP_ARG_FLOAT_IN("eps", 1e-10, 0, 1e9), [PADDING] = OP_ARG_INT("padding_index", -1)},
    .infer = adagrad_rows_update_infer,
    .lower = adagrad_rows_update_lower,
    .ref = adagrad_rows_update_ref,
    .flops = adagrad_rows_update_flops,
    .cases =
        (const char *const[]){
            "param=x[5x3] dy=x[4x3] index=i[4]:index=5 sum=x[5x3]:positive lr=x[]:unit",
            "param=x[6x4] dy=x[2x6x4] index=i[2x6]:index=6 sum=x[6x4]:positive lr=x[]:unit padding_index=1 eps=0.01",
            "param=x[9x20] dy=x[40x20] index=i[40]:index=9 sum=x[9x20]:positive lr=x[]:unit",
            "param=x[3x4] dy=x[0x4] index=i[0]:index=3 sum=x[3x4]:positive lr=x[]:unit", NULL},
    .bad = (const op_bad[]){{"param=x[5] dy=x[4x3] index=i[4]:index=5 sum=x[5] lr=x[]", "param has 1 axes"},
                            {"param=x[5x3] dy=x[4x3] index=i[4]:index=5 sum=x[5x2] lr=x[]",
                             "'sum' must have the shape of 'param'"},
                            {0}},
    .tol = {[TN_F64] = OP_TOL(1e-12, 1e-300),
            [TN_F32] = OP_TOL(5e-6, 1e-30),
            [TN_F16] = OP_TOL(5e-3, 1e-5),
            [TN_BF16] = OP_TOL(3e-2, 1e-30)},
};

tn_tensor *op_adagrad_rows_update_of(const op_adagrad_rows *a, tn_tensor **new_sum)
{
    tn_tensor *param =
        OP_MAKE(&op_adagrad_rows_update, OP_ARGS([EPS] = OP_F(a->eps), [PADDING] = OP_I(a->padding_index)), a->param,
                a->grad, a->index, a->sum, a->lr);
    *new_sum = op_sibling(param, 1);
    return param;
}
