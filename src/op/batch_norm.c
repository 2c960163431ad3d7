/* batch_norm (Ioffe, Szegedy 2015): y = (x - mean) * rstd * weight + bias for each channel (axis 1), rstd = 1 / sqrt(var + eps).
 * Training: mean and variance (of the elements, divided by n) are those of the batch, and the running values move towards
 * them by momentum, with the unbiased variance (divided by n - 1), as in PyTorch. Else: the running values are used and kept.
 * Statistics and weights may have a wider dtype than x. */
#include "op/internal.h"

#include <math.h>

enum { EPS, MOMENTUM };
enum { X, WEIGHT, BIAS, RUNNING_MEAN, RUNNING_VAR };
enum { Y, MEAN, RSTD, NEW_MEAN, NEW_VAR };

static tn_status batch_norm_infer(const op_infer *c)
{
    const graph_type *x = c->in[X];
    if (x->rank < 2)
        return op_fail(c, TN_SHAPE, "x has %d axes; it needs two or more: batch, channels, ...", x->rank);
    for (int i = WEIGHT; i <= RUNNING_VAR; i++) {
        if (!c->in[i])
            continue;
        if (c->in[i]->rank != 1)
            return op_fail(c, TN_SHAPE, "'%s' has %d axes; it needs one", c->def->in[i].name, c->in[i]->rank);
        BASE_TRY(
            op_want_same(c, c->in[i]->dims[0], x->dims[1], "the size of a weight or statistic and the channels of x"));
    }
    op_like(c, Y, x);
    for (int i = MEAN; i <= NEW_VAR; i++) {
        c->out[i].rank = 1;
        c->out[i].dims[0] = x->dims[1];
    }
    return TN_OK;
}

/* What arrives at the new running values goes on to mean and rstd, whose functions they are: var = 1 / rstd^2 - eps. When
 * the entry does not train, batch_norm_grad ignores what arrives at mean and rstd: they are then inputs. */
static void statistics(const op_grad *c, tn_tensor **dmean, tn_tensor **drstd)
{
    double momentum = op_arg(c, MOMENTUM)->f;
    tn_tensor *x = op_in(c, X), *rstd = op_out(c, RSTD);
    *dmean = c->dout[MEAN];
    *drstd = c->dout[RSTD];
    if (c->dout[NEW_MEAN]) {
        tn_tensor *d = tn_mul_f(c->dout[NEW_MEAN], momentum);
        *dmean = *dmean ? tn_add(*dmean, d) : d;
    }
    if (c->dout[NEW_VAR]) {
        tn_tensor *n = op_count_value(x, ~(int64_t)2 & 0xff, rstd->type.dtype);
        tn_tensor *d = tn_mul_f(tn_mul(c->dout[NEW_VAR], tn_div(n, tn_sub_f(n, 1))), -2 * momentum);
        d = tn_div(d, tn_mul(rstd, tn_square(rstd)));
        *drstd = *drstd ? tn_add(*drstd, d) : d;
    }
}

static tn_status batch_norm_backward(const op_grad *c)
{
    tn_tensor *dmean, *drstd;
    statistics(c, &dmean, &drstd);
    tn_tensor *dx = op_batch_norm_grad_of(op_dout(c, Y), op_in(c, X), op_in(c, WEIGHT), op_out(c, MEAN),
                                          op_out(c, RSTD), dmean, drstd);
    op_give(c, X, dx);
    op_give(c, WEIGHT, op_sibling(dx, 1));
    return op_give(c, BIAS, op_sibling(dx, 2));
}

tn_tensor *op_along_channels(tn_tensor *v, int rank)
{
    tn_shape shape = {.rank = rank - 1};
    for (int i = 0; i < rank - 1; i++)
        shape.dims[i] = i ? 1 : tn_dim_of(v, 0);
    return tn_reshape(v, shape);
}

static void lower_training(const op_lower *c, tn_tensor *x)
{
    double eps = c->node->arg[EPS].f, momentum = c->node->arg[MOMENTUM].f;
    tn_tensor *mean = op_channel_moments_of(x), *var = op_sibling(mean, 1);
    tn_tensor *n = op_count_value(x, ~(int64_t)2 & 0xff, x->type.dtype);
    tn_tensor *unbiased = tn_mul(var, tn_div(n, tn_sub_f(n, 1)));
    c->out[MEAN] = mean;
    c->out[RSTD] = tn_rsqrt(tn_add_f(var, eps));
    c->out[NEW_MEAN] = tn_add(tn_mul_f(c->in[RUNNING_MEAN], 1 - momentum), tn_mul_f(mean, momentum));
    c->out[NEW_VAR] = tn_add(tn_mul_f(c->in[RUNNING_VAR], 1 - momentum), tn_mul_f(unbiased, momentum));
}

static tn_tensor *fixed_scale(const graph_node *node, tn_tensor *const *in)
{
    tn_tensor *rstd = tn_rsqrt(tn_add_f(in[RUNNING_VAR], node->arg[EPS].f));
    return in[WEIGHT] ? tn_mul(rstd, in[WEIGHT]) : rstd;
}

void op_batch_norm_line(const graph_node *node, tn_tensor *const *in, tn_tensor **scale, tn_tensor **shift)
{
    *scale = fixed_scale(node, in);
    tn_tensor *moved = tn_mul(in[RUNNING_MEAN], *scale);
    *shift = in[BIAS] ? tn_sub(in[BIAS], moved) : tn_neg(moved);
}

static tn_status batch_norm_lower(const op_lower *c)
{
    int rank = c->in[X]->type.rank;
    tn_tensor *x = op_cast_to(c->in[X], c->in[RUNNING_MEAN]->type.dtype);
    if (c->training) {
        lower_training(c, x);
    } else {
        c->out[MEAN] = c->out[NEW_MEAN] = c->in[RUNNING_MEAN];
        c->out[NEW_VAR] = c->in[RUNNING_VAR];
        c->out[RSTD] = tn_rsqrt(tn_add_f(c->in[RUNNING_VAR], c->node->arg[EPS].f));
    }
    tn_tensor *scale = c->in[WEIGHT] ? tn_mul(c->out[RSTD], c->in[WEIGHT]) : c->out[RSTD];
    tn_tensor *y = tn_mul(tn_sub(x, op_along_channels(c->out[MEAN], rank)), op_along_channels(scale, rank));
    if (c->in[BIAS])
        y = tn_add(y, op_along_channels(c->in[BIAS], rank));
    c->out[Y] = op_cast_to(y, c->in[X]->type.dtype);
    return TN_OK;
}

/* Mean and variance of each channel into the outputs MEAN and RSTD. */
static void batch_statistics(const op_ref *c, double n)
{
    const op_array *x = c->in[X];
    op_array *mean = c->out[MEAN], *var = c->out[RSTD];
    int64_t inner = op_channel_inner(x);
    for (int64_t k = 0; n == 0 && k < x->dims[1]; k++)
        mean->f[k] = var->f[k] = NAN; /* the mean of nothing */
    for (int64_t i = 0; i < x->count; i++)
        mean->f[i / inner % x->dims[1]] += x->f[i] / n;
    for (int64_t i = 0; i < x->count; i++) {
        int64_t channel = i / inner % x->dims[1];
        double away = x->f[i] - mean->f[channel];
        var->f[channel] += away * away / n;
        mean->magnitude[channel] += fabs(x->f[i]) / n;
    }
}

static void batch_norm_ref(const op_ref *c)
{
    const op_array *x = c->in[X], *weight = c->in[WEIGHT], *bias = c->in[BIAS];
    op_array *y = c->out[Y], *mean = c->out[MEAN], *rstd = c->out[RSTD];
    int64_t channels = x->dims[1], inner = op_channel_inner(x);
    double n = channels ? (double)(x->count / channels) : 0, m = c->training ? c->arg[MOMENTUM].f : 0;
    if (c->training && n == 1)
        op_ref_fault(c, "batch norm in training needs more than one value in each channel");
    if (c->training)
        batch_statistics(c, n);
    for (int64_t k = 0; k < channels; k++) {
        double running_mean = c->in[RUNNING_MEAN]->f[k], running_var = c->in[RUNNING_VAR]->f[k];
        if (!c->training) {
            mean->f[k] = running_mean;
            rstd->f[k] = running_var;
        }
        c->out[NEW_MEAN]->f[k] = m > 0 ? running_mean * (1 - m) + mean->f[k] * m : running_mean;
        c->out[NEW_MEAN]->magnitude[k] = fabs(running_mean) + mean->magnitude[k];
        c->out[NEW_VAR]->f[k] = m > 0 ? running_var * (1 - m) + rstd->f[k] * n / (n - 1) * m : running_var;
        rstd->f[k] = 1 / sqrt(rstd->f[k] + c->arg[EPS].f);
    }
    for (int64_t i = 0; i < x->count; i++) {
        int64_t k = i / inner % channels;
        double scale = rstd->f[k] * (weight ? weight->f[k] : 1), shift = bias ? bias->f[k] : 0;
        y->f[i] = (x->f[i] - mean->f[k]) * scale + shift;
        y->magnitude[i] = (fabs(x->f[i]) + fabs(mean->f[k])) * fabs(scale) + fabs(shift);
    }
}

const op_def op_batch_norm = {
    .name = "batch_norm",
    .doc = "Normalises each channel by the batch's statistics (training) or the running ones.",
    .torch = "torch.nn.functional.batch_norm",
    .onnx = "BatchNormalization",
    .in = {{"x", OP_FLOATS, 'T'},
           {"weight", OP_FLOATS, 'P', OP_OPTIONAL},
           {"bias", OP_FLOATS, 'P', OP_OPTIONAL},
           {"running_mean", OP_FLOATS, 'P', OP_FIXED},
           {"running_var", OP_FLOATS, 'P', OP_FIXED}},
    .out = {{"y", 0, 'T'},
            {"mean", 0, 'P', OP_SAVED},
            {"rstd", 0, 'P', OP_SAVED},
            {"new_running_mean", 0, 'P'},
            {"new_running_var", 0, 'P'}},
    .arg = {[EPS] = OP_ARG_FLOAT_IN("eps", 1e-5, 0, 1e9), [MOMENTUM] = OP_ARG_FLOAT_IN("momentum", 0.1, 0, 1)},
    .infer = batch_norm_infer,
    .grad = batch_norm_backward,
    .lower = batch_norm_lower,
    .ref = batch_norm_ref,
    .flops_each = 7,
    .cases =
        (const char *const[]){
            "x=x[4x3] weight=x[3] bias=x[3] running_mean=x[3] running_var=x[3]:positive",
            "x=x[2x3x4x5] weight=x[3] bias=x[3] running_mean=x[3] running_var=x[3]:positive eps=0.01 momentum=0.3",
            "x=x[3x2x5] running_mean=x[2] running_var=x[2]:positive",
            "x=x[1x2x5] running_mean=x[2] running_var=x[2]:positive",
            "x=x[2x2x3] weight=x[2] running_mean=x[2] running_var=x[2]:positive",
            "x=x[2x17x7x7] weight=x[17] bias=x[17] running_mean=x[17] running_var=x[17]:positive", NULL},
    .bad = (const op_bad[]){{"x=x[4] running_mean=x[4] running_var=x[4]", "x has 1 axes"},
                            {"x=x[4x3] running_mean=x[3x1] running_var=x[3]", "'running_mean' has 2 axes"},
                            {"x=x[4x3] weight=x[4] running_mean=x[3] running_var=x[3]", "4 and 3 differ"},
                            {"x=x[4x3] running_mean=x[3] running_var=x[3] eps=-1", "eps is -1"},
                            {"x=x[4x3] running_mean=x[3] running_var=x[3] momentum=2", "momentum is 2"},
                            {0}},
    .tol = {[TN_F64] = OP_TOL(1e-12, 1e-300),
            [TN_F32] = OP_TOL(1e-5, 1e-7),
            [TN_F16] = OP_TOL(5e-3, 1e-4),
            [TN_BF16] = OP_TOL(4e-2, 1e-3)},
};

tn_batch_norm_result tn_batch_norm(tn_tensor *x, tn_tensor *weight, tn_tensor *bias, tn_tensor *running_mean,
                                   tn_tensor *running_var, double eps, double momentum)
{
    tn_tensor *y = OP_MAKE(&op_batch_norm, OP_ARGS([EPS] = OP_F(eps), [MOMENTUM] = OP_F(momentum)), x, weight, bias,
                           running_mean, running_var);
    if (!y)
        return (tn_batch_norm_result){0};
    return (tn_batch_norm_result){y, op_sibling(y, NEW_MEAN), op_sibling(y, NEW_VAR)};
}
