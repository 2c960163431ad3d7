/* group_norm (Wu, He 2018): the channels of x[N, C, ...] in `groups` groups, each sample's group brought to mean 0 and variance
 * 1, then each channel times weight plus bias. groups = 0: every channel is a group, which is instance_norm (Ulyanov et al. 2016). */
#include "op/internal.h"

#include <math.h>

enum { GROUPS, EPS };
enum { X, WEIGHT, BIAS };

static tn_status group_norm_infer(const op_infer *c)
{
    const graph_type *x = c->in[X];
    int64_t groups = op_int(c, GROUPS);
    if (x->rank < 2)
        return op_fail(c, TN_SHAPE, "x has %d axes; it needs two or more: batch, channels, ...", x->rank);
    if (groups && !dim_literal(x->dims[1]))
        return op_fail(c, TN_SHAPE, "the number of channels must be known to cut them into groups");
    if (groups && x->dims[1] % groups)
        return op_fail(c, TN_SHAPE, "%lld channels cannot be cut into %lld equal groups", (long long)x->dims[1],
                       (long long)groups);
    for (int i = WEIGHT; i <= BIAS; i++) {
        if (!c->in[i])
            continue;
        if (c->in[i]->rank != 1)
            return op_fail(c, TN_SHAPE, "'%s' has %d axes; it needs one", c->def->in[i].name, c->in[i]->rank);
        BASE_TRY(op_want_same(c, c->in[i]->dims[0], x->dims[1], "the size of a weight and the channels of x"));
    }
    return op_like(c, 0, x);
}

static tn_status group_norm_lower(const op_lower *c)
{
    tn_tensor *x = c->in[X], *w = c->in[WEIGHT], *b = c->in[BIAS];
    tn_dtype dtype = w ? w->type.dtype : b ? b->type.dtype : x->type.dtype;
    int rank = x->type.rank;
    int64_t groups = c->node->arg[GROUPS].i;
    tn_dim size = 1;
    for (int k = 2; k < rank; k++)
        size = tn_dim_mul(c->graph, size, x->type.dims[k]);
    tn_shape rows = TN_SHAPE(x->type.dims[0], groups ? groups : x->type.dims[1],
                             groups ? tn_dim_mul(c->graph, size, x->type.dims[1] / groups) : size);
    tn_tensor *y = tn_layer_norm(tn_reshape(op_cast_to(x, dtype), rows), 1, NULL, NULL, c->node->arg[EPS].f);
    y = tn_reshape(y, tn_tensor_shape(x));
    y = w ? tn_mul(y, op_along_channels(w, rank)) : y;
    y = b ? tn_add(y, op_along_channels(b, rank)) : y;
    c->out[0] = op_cast_to(y, x->type.dtype);
    return TN_OK;
}

static void group_norm_ref(const op_ref *c)
{
    const op_array *x = c->in[X], *w = c->in[WEIGHT], *b = c->in[BIAS];
    int64_t groups = c->arg[GROUPS].i ? c->arg[GROUPS].i : x->dims[1], inner = op_channel_inner(x);
    int64_t rows = x->dims[0] * groups, size = rows ? x->count / rows : 0;
    for (int64_t r = 0; r < rows; r++) {
        const double *from = x->f + r * size;
        double mean = 0, var = 0, wide = 0;
        for (int64_t i = 0; i < size; i++) {
            mean += from[i] / (double)size;
            wide += fabs(from[i]) / (double)size;
        }
        for (int64_t i = 0; i < size; i++)
            var += (from[i] - mean) * (from[i] - mean) / (double)size;
        for (int64_t i = 0; i < size; i++) {
            int64_t channel = (r * size + i) / inner % x->dims[1];
            double scale = (w ? w->f[channel] : 1) / sqrt(var + c->arg[EPS].f), add = b ? b->f[channel] : 0;
            c->out[0]->f[r * size + i] = (from[i] - mean) * scale + add;
            c->out[0]->magnitude[r * size + i] = (fabs(from[i]) + wide) * fabs(scale) + fabs(add);
        }
    }
}

static double group_norm_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)arg, (void)out;
    return 8 * op_elements(in[X]);
}

const op_def op_group_norm = {
    .name = "group_norm",
    .doc = "Groups of channels brought to mean 0 and variance 1, then each channel times weight plus bias.",
    .torch = "torch.nn.functional.group_norm",
    .onnx = "GroupNormalization",
    .in = {{"x", OP_FLOATS, 'T'}, {"weight", OP_FLOATS, 'P', OP_OPTIONAL}, {"bias", OP_FLOATS, 'P', OP_OPTIONAL}},
    .out = {{"y", 0, 'T'}},
    .arg = {[GROUPS] = OP_ARG_INT_IN("groups", 1, 0, 1e9), [EPS] = OP_ARG_FLOAT_IN("eps", 1e-5, 0, 1e9)},
    .infer = group_norm_infer,
    .lower = group_norm_lower,
    .ref = group_norm_ref,
    .flops = group_norm_flops,
    .cases = (const char *const[]){"x=x[2x6x3] weight=x[6] bias=x[6] groups=2",
                                   "x=x[3x4x2x3] weight=x[4] bias=x[4] groups=0 eps=0.01", "x=x[2x4x5] groups=4",
                                   "x=x[3x6] bias=x[6] groups=3", "x=x[2x6x5x3] weight=x[6] groups=1", NULL},
    .bad = (const op_bad[]){{"x=x[4]", "x has 1 axes"},
                            {"x=x[2x6x3] groups=4", "6 channels cannot be cut into 4 equal groups"},
                            {"x=x[2x6x3] weight=x[6x1]", "'weight' has 2 axes"},
                            {"x=x[2x6x3] bias=x[5]", "5 and 6 differ"},
                            {"x=x[2x6x3] eps=-1", "eps is -1"},
                            {0}},
    .tol = {[TN_F64] = OP_TOL(1e-12, 1e-300),
            [TN_F32] = OP_TOL(1e-5, 1e-7),
            [TN_F16] = OP_TOL(5e-3, 1e-4),
            [TN_BF16] = OP_TOL(4e-2, 1e-3)},
};

tn_tensor *tn_group_norm(tn_tensor *x, int64_t groups, tn_tensor *weight, tn_tensor *bias, double eps)
{
    if (!op_unusable(x) && groups < 1) {
        graph_fail(x->graph, TN_INVALID, "group_norm: groups is %lld; there must be one or more", (long long)groups);
        return &x->graph->poison;
    }
    return OP_MAKE(&op_group_norm, OP_ARGS([GROUPS] = OP_I(groups), [EPS] = OP_F(eps)), x, weight, bias);
}

tn_tensor *tn_instance_norm(tn_tensor *x, tn_tensor *weight, tn_tensor *bias, double eps)
{
    return OP_MAKE(&op_group_norm, OP_ARGS([GROUPS] = OP_I(0), [EPS] = OP_F(eps)), x, weight, bias);
}
