/* adam_rows_update: one step of Adam (Kingma, Ba 2015) for those rows of a table that index names; the others stay as they are, with their
 * averages, as with torch.optim.SparseAdam. dy[..., features] are the gradients of the rows that index[...] picked:
 *   g = the sum of dy over the places that name the row;  m' = m + (1 - beta1) * (g - m);  v' = beta2 * v + (1 - beta2) * g^2
 *   param' = param - lr * sqrt(1 - beta2^step) / (1 - beta1^step) * m' / (sqrt(v') + eps)
 * Places with padding_index do not count (below 0: all do). An index out of range is a fault of embedding; here it is passed over. */
#include "op/internal.h"

#include <math.h>
#include <stdlib.h>

enum { BETA1, BETA2, EPS, PADDING };
enum { PARAM, DY, INDEX, M, V, STEP, LR };

static tn_status adam_rows_update_infer(const op_infer *c)
{
    const graph_type *param = c->in[PARAM];
    BASE_TRY(op_infer_rows(c));
    BASE_TRY(op_want_shape(c, M, param));
    BASE_TRY(op_want_shape(c, V, param));
    if (c->in[STEP]->rank != 0)
        return op_fail(c, TN_SHAPE, "step must be a single number");
    for (int i = 0; i < 3; i++)
        op_like(c, i, param);
    return TN_OK;
}

/* 1 - beta^step as an f64 value. */
static tn_tensor *correction(const op_lower *c, double beta)
{
    tn_tensor *power = tn_pow(tn_scalar(c->graph, TN_F64, beta), op_cast_to(c->in[STEP], TN_F64));
    return tn_sub(tn_scalar(c->graph, TN_F64, 1), power);
}

static tn_status adam_rows_update_lower(const op_lower *c)
{
    const op_value *arg = c->node->arg;
    tn_tensor *param = c->in[PARAM], *index = c->in[INDEX];
    tn_dtype dtype = param->type.dtype;
    tn_dim rows = param->type.dims[0];
    double beta1 = arg[BETA1].f, beta2 = arg[BETA2].f;
    tn_tensor *g = op_embedding_grad_of(c->in[DY], index, rows, arg[PADDING].i);
    tn_tensor *used = op_used_rows(index, rows, arg[PADDING].i);
    tn_tensor *m = tn_add(c->in[M], tn_mul_f(tn_sub(g, c->in[M]), 1 - beta1));
    tn_tensor *v = tn_add(tn_mul_f(c->in[V], beta2), tn_mul_f(tn_square(g), 1 - beta2));
    tn_tensor *size =
        tn_div(tn_mul(op_cast_to(c->in[LR], TN_F64), tn_sqrt(correction(c, beta2))), correction(c, beta1));
    tn_tensor *move = tn_mul(op_cast_to(size, dtype), tn_div(m, tn_add_f(tn_sqrt(v), arg[EPS].f)));
    c->out[0] = tn_where(used, tn_sub(param, move), param);
    c->out[1] = tn_where(used, m, c->in[M]);
    c->out[2] = tn_where(used, v, c->in[V]);
    return TN_OK;
}

static void update_row(const op_ref *c, int64_t row, double size)
{
    const op_array *index = c->in[INDEX];
    const int64_t n = c->in[PARAM]->dims[1];
    double beta1 = c->arg[BETA1].f, beta2 = c->arg[BETA2].f;
    for (int64_t k = 0; k < n; k++) {
        int64_t at = row * n + k;
        double g = 0, whole = 0, old_m = c->in[M]->f[at], old_v = c->in[V]->f[at];
        for (int64_t i = 0; i < index->count; i++)
            if (index->i[i] == row) {
                g += c->in[DY]->f[i * n + k];
                whole += fabs(c->in[DY]->f[i * n + k]);
            }
        double m = old_m + (1 - beta1) * (g - old_m), v = beta2 * old_v + (1 - beta2) * g * g;
        double spread = sqrt(v) + c->arg[EPS].f;
        c->out[0]->f[at] -= size * (m / spread);
        c->out[1]->f[at] = m;
        c->out[2]->f[at] = v;
        c->out[1]->magnitude[at] = fabs(old_m) + whole;
        c->out[2]->magnitude[at] = fabs(old_v) + whole * whole;
        c->out[0]->magnitude[at] = fabs(c->in[PARAM]->f[at]) + fabs(size / spread) * c->out[1]->magnitude[at];
    }
}

static void adam_rows_update_ref(const op_ref *c)
{
    static const int from[] = {PARAM, M, V};
    const op_array *index = c->in[INDEX], *param = c->in[PARAM];
    double step = (double)c->in[STEP]->i[0];
    double size = c->in[LR]->f[0] * sqrt(1 - pow(c->arg[BETA2].f, step)) / (1 - pow(c->arg[BETA1].f, step));
    for (int k = 0; k < 3; k++)
        for (int64_t i = 0; i < param->count; i++)
            c->out[k]->f[i] = c->in[from[k]]->f[i];
    for (int64_t row = 0; row < param->dims[0]; row++)
        for (int64_t i = 0; row != c->arg[PADDING].i && i < index->count; i++)
            if (index->i[i] == row) {
                update_row(c, row, size);
                break;
            }
}

static double adam_rows_update_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)arg, (void)out;
    return 14 * op_elements(in[DY]);
}

const op_def op_adam_rows_update = {
    .name = "adam_rows_update",
    .doc = "One step of Adam for those rows of a table that index names.",
    .in = {{"param", OP_FLOATS, 'T'},
           {"dy", OP_FLOATS, 'T'},
           {"index", OP_INDEX},
           {"m", OP_FLOATS, 'T'},
           {"v", OP_FLOATS, 'T'},
           {"step", OP_BIT(TN_I64)},
           {"lr", OP_BIT(TN_F32)}},
    .out = {{"new_param", 0, 'T'}, {"new_m", 0, 'T'}, {"new_v", 0, 'T'}},
    .arg = {[BETA1] = OP_ARG_FLOAT_IN("beta1", 0.9, 0, 1),
            [BETA2] = OP_ARG_FLOAT_IN("beta2", 0.999, 0, 1),
            [EPS] = OP_ARG_FLOAT_IN("eps", 1e-8, 0, 1e9),
            [PADDING] = OP_ARG_INT("padding_index", -1)},
    .infer = adam_rows_update_infer,
    .lower = adam_rows_update_lower,
    .ref = adam_rows_update_ref,
    .flops = adam_rows_update_flops,
    .cases =
        (const char *const[]){"param=x[5x3] dy=x[4x3] index=i[4]:index=5 m=x[5x3] v=x[5x3]:positive step=i[]:positive "
                              "lr=x[]:unit",
                              "param=x[6x4] dy=x[2x6x4] index=i[2x6]:index=6 m=x[6x4] v=x[6x4]:positive "
                              "step=i[]:positive lr=x[]:unit padding_index=1 beta1=0.8 beta2=0.99 eps=0.001",
                              "param=x[9x20] dy=x[40x20] index=i[40]:index=9 m=x[9x20] v=x[9x20]:positive "
                              "step=i[]:positive lr=x[]:unit",
                              "param=x[4x3] dy=x[4x3] index=i[4]:index=4 m=x[4x3] v=x[4x3]:positive step=i[]:positive "
                              "lr=x[]:unit",
                              "param=x[3x4] dy=x[0x4] index=i[0]:index=3 m=x[3x4] v=x[3x4]:positive step=i[]:positive "
                              "lr=x[]:unit",
                              NULL},
    .bad =
        (const op_bad[]){
            {"param=x[5] dy=x[4x3] index=i[4]:index=5 m=x[5] v=x[5] step=i[] lr=x[]", "param has 1 axes"},
            {"param=x[5x3] dy=x[4x3] index=i[4x1]:index=5 m=x[5x3] v=x[5x3] step=i[] lr=x[]",
             "index's 2 and one more are due"},
            {"param=x[5x3] dy=x[3x3] index=i[4]:index=5 m=x[5x3] v=x[5x3] step=i[] lr=x[]",
             "the sizes of dy and index"},
            {"param=x[5x3] dy=x[4x2] index=i[4]:index=5 m=x[5x3] v=x[5x3] step=i[] lr=x[]", "2 and 3 differ"},
            {"param=x[5x3] dy=x[4x3] index=i[4]:index=5 m=x[5x2] v=x[5x3] step=i[] lr=x[]",
             "'m' must have the shape of 'param'"},
            {"param=x[5x3] dy=x[4x3] index=i[4]:index=5 m=x[5x3] v=x[5x3] step=i[1] lr=x[]",
             "step must be a single number"},
            {0}},
    .tol = {[TN_F64] = OP_TOL(1e-12, 1e-300),
            [TN_F32] = OP_TOL(5e-6, 1e-30),
            [TN_F16] = OP_TOL(5e-3, 1e-5),
            [TN_BF16] = OP_TOL(3e-2, 1e-30)},
};

tn_tensor *op_adam_rows_update_of(const op_adam *a, tn_tensor *index, int64_t padding_index, tn_tensor **new_m,
                                  tn_tensor **new_v)
{
    tn_tensor *param = OP_MAKE(&op_adam_rows_update,
                               OP_ARGS([BETA1] = OP_F(a->beta1), [BETA2] = OP_F(a->beta2), [EPS] = OP_F(a->eps),
                                       [PADDING] = OP_I(padding_index)),
                               a->param, a->grad, index, a->m, a->v, a->step, a->lr);
    *new_m = op_sibling(param, 1);
    *new_v = op_sibling(param, 2);
    return param;
}
