/* adam_update: one step of Adam (Kingma, Ba 2015), or of AdamW (Loshchilov, Hutter 2019) if `decoupled`, as PyTorch's:
 *   g = scale * grad + weight_decay * param (decoupled: param is first multiplied by 1 - lr * weight_decay) + l1 * sign(param)
 *   m' = m + (1 - beta1) * (g - m),  v' = beta2 * v + (1 - beta2) * g^2
 *   param' = param - lr / (1 - beta1^step) * m' / (sqrt(v') / sqrt(1 - beta2^step) + eps)
 * `step` is the number of this update: 1 for the first. The corrections are computed in f64. */
#include "op/internal.h"

#include <math.h>

enum { BETA1, BETA2, EPS, WEIGHT_DECAY, DECOUPLED, L1 };
enum { PARAM, GRAD, M, V, STEP, LR, SCALE };

static tn_status adam_update_infer(const op_infer *c)
{
    for (int i = GRAD; i <= V; i++)
        BASE_TRY(op_want_shape(c, i, c->in[PARAM]));
    if (c->in[LR]->rank != 0 || c->in[STEP]->rank != 0)
        return op_fail(c, TN_SHAPE, "lr and step must be single numbers");
    if (c->in[SCALE] && c->in[SCALE]->rank != 0)
        return op_fail(c, TN_SHAPE, "scale must be a single number");
    for (int i = 0; i < 3; i++)
        op_like(c, i, c->in[PARAM]);
    return TN_OK;
}

/* 1 - beta^step as an f64 value. */
static tn_tensor *correction(const op_lower *c, double beta)
{
    tn_tensor *power = tn_pow(tn_scalar(c->graph, TN_F64, beta), op_cast_to(c->in[STEP], TN_F64));
    return tn_sub(tn_scalar(c->graph, TN_F64, 1), power);
}

static tn_status adam_update_lower(const op_lower *c)
{
    const op_value *arg = c->node->arg;
    tn_tensor *param = c->in[PARAM], *g = c->in[GRAD], *lr = op_cast_to(c->in[LR], TN_F64);
    tn_dtype dtype = param->type.dtype;
    double beta1 = arg[BETA1].f, beta2 = arg[BETA2].f, decay = arg[WEIGHT_DECAY].f;
    if (c->in[SCALE])
        g = tn_mul(g, op_cast_to(c->in[SCALE], dtype));
    if (arg[L1].f != 0)
        g = tn_add(g, tn_mul_f(tn_sign(param), arg[L1].f));
    if (decay != 0 && !arg[DECOUPLED].i)
        g = tn_add(g, tn_mul_f(param, decay));
    if (decay != 0 && arg[DECOUPLED].i)
        param = tn_mul(param, op_cast_to(tn_add_f(tn_mul_f(lr, -decay), 1), dtype));
    c->out[1] = tn_add(c->in[M], tn_mul_f(tn_sub(g, c->in[M]), 1 - beta1));
    c->out[2] = tn_add(tn_mul_f(c->in[V], beta2), tn_mul_f(tn_square(g), 1 - beta2));
    tn_tensor *size = op_cast_to(tn_div(lr, correction(c, beta1)), dtype);
    tn_tensor *spread =
        tn_add_f(tn_div(tn_sqrt(c->out[2]), op_cast_to(tn_sqrt(correction(c, beta2)), dtype)), arg[EPS].f);
    c->out[0] = tn_sub(param, tn_mul(size, tn_div(c->out[1], spread)));
    return TN_OK;
}

static void adam_update_ref(const op_ref *c)
{
    double beta1 = c->arg[BETA1].f, beta2 = c->arg[BETA2].f, decay = c->arg[WEIGHT_DECAY].f, lr = c->in[LR]->f[0];
    double step = (double)c->in[STEP]->i[0], size = lr / (1 - pow(beta1, step)), bias = sqrt(1 - pow(beta2, step));
    for (int64_t i = 0; i < c->out[0]->count; i++) {
        double p = c->in[PARAM]->f[i], given = c->in[GRAD]->f[i] * (c->in[SCALE] ? c->in[SCALE]->f[0] : 1);
        double g = given + c->arg[L1].f * ((p > 0) - (p < 0));
        if (c->arg[DECOUPLED].i)
            p *= decay != 0 ? 1 - lr * decay : 1;
        else if (decay != 0)
            g += decay * p;
        double m = c->in[M]->f[i] + (1 - beta1) * (g - c->in[M]->f[i]),
               v = beta2 * c->in[V]->f[i] + (1 - beta2) * g * g;
        double spread = sqrt(v) / bias + c->arg[EPS].f;
        c->out[0]->f[i] = p - size * (m / spread);
        c->out[1]->f[i] = m;
        c->out[2]->f[i] = v;
        c->out[1]->magnitude[i] = fabs(c->in[M]->f[i]) + fabs(given) + fabs(p);
        c->out[2]->magnitude[i] = fabs(v) + fabs(p * g);
        c->out[0]->magnitude[i] = fabs(p) + fabs(size / spread) * c->out[1]->magnitude[i];
    }
}

const op_def op_adam_update = {
    .name = "adam_update",
    .doc = "One step of Adam or AdamW.",
    .in = {{"param", OP_FLOATS, 'T'},
           {"grad", OP_FLOATS, 'T'},
           {"m", OP_FLOATS, 'T'},
           {"v", OP_FLOATS, 'T'},
           {"step", OP_BIT(TN_I64)},
           {"lr", OP_BIT(TN_F32)},
           {"scale", OP_BIT(TN_F32), 0, OP_OPTIONAL}},
    .out = {{"new_param", 0, 'T'}, {"new_m", 0, 'T'}, {"new_v", 0, 'T'}},
    .arg = {[BETA1] = OP_ARG_FLOAT_IN("beta1", 0.9, 0, 1),
            [BETA2] = OP_ARG_FLOAT_IN("beta2", 0.999, 0, 1),
            [EPS] = OP_ARG_FLOAT_IN("eps", 1e-8, 0, 1e9),
            [WEIGHT_DECAY] = OP_ARG_FLOAT("weight_decay", 0),
            [DECOUPLED] = OP_ARG_BOOL("decoupled", false),
            [L1] = OP_ARG_FLOAT("l1", 0)},
    .infer = adam_update_infer,
    .lower = adam_update_lower,
    .ref = adam_update_ref,
    .flops_each = 14,
    .cases =
        (const char *const[]){"param=x[5] grad=x[5] m=x[5] v=x[5]:positive step=i[]:positive lr=x[]:unit",
                              "param=x[2x3] grad=x[2x3] m=x[2x3] v=x[2x3]:positive step=i[]:positive lr=x[]:unit "
                              "weight_decay=0.01 beta1=0.8 beta2=0.99 eps=0.001",
                              "param=x[2x3] grad=x[2x3] m=x[2x3] v=x[2x3]:positive step=i[]:positive lr=x[]:unit "
                              "weight_decay=0.01 decoupled=true l1=0.1",
                              "param=x[7] grad=x[7] m=x[7] v=x[7]:positive step=i[]:positive lr=x[]:unit scale=x[] "
                              "l1=0.1",
                              "param=x[] grad=x[] m=x[] v=x[]:positive step=i[]:positive lr=x[]:unit",
                              "param=x[0x3] grad=x[0x3] m=x[0x3] v=x[0x3]:positive step=i[]:positive lr=x[]:unit",
                              NULL},
    .bad =
        (const op_bad[]){
            {"param=x[5] grad=x[4] m=x[5] v=x[5] step=i[] lr=x[]", "'grad' must have the shape of 'param'"},
            {"param=x[5] grad=x[5] m=x[5] v=x[4] step=i[] lr=x[]", "'v' must have the shape of 'param'"},
            {"param=x[5] grad=x[5] m=x[5] v=x[5] step=i[1] lr=x[]", "single numbers"},
            {"param=x[5] grad=x[5] m=x[5] v=x[5] step=i[] lr=x[] scale=x[1]", "scale must be a single number"},
            {"param=x[5] grad=x[5] m=x[5] v=x[5] step=i[] lr=x[] beta1=2", "beta1 is 2"},
            {"param=x[5] grad=x[5] m=x[5] v=x[5] step=i[] lr=x[] beta2=-1", "beta2 is -1"},
            {"param=x[5] grad=x[5] m=x[5] v=x[5] step=i[] lr=x[] eps=-1", "eps is -1"},
            {0}},
    .tol = {[TN_F64] = OP_TOL(1e-12, 1e-300),
            [TN_F32] = OP_TOL(5e-6, 1e-30),
            [TN_F16] = OP_TOL(5e-3, 1e-5),
            [TN_BF16] = OP_TOL(3e-2, 1e-30)},
};

tn_tensor *op_adam_update_of(const op_adam *a, tn_tensor **new_m, tn_tensor **new_v)
{
    tn_tensor *param =
        OP_MAKE(&op_adam_update,
                OP_ARGS([BETA1] = OP_F(a->beta1), [BETA2] = OP_F(a->beta2), [EPS] = OP_F(a->eps),
                        [WEIGHT_DECAY] = OP_F(a->weight_decay), [DECOUPLED] = OP_I(a->decoupled), [L1] = OP_F(a->l1)),
                a->param, a->grad, a->m, a->v, a->step, a->lr, a->scale);
    *new_m = op_sibling(param, 1);
    *new_v = op_sibling(param, 2);
    return param;
}
