/* batch_norm_grad: the gradients of batch_norm for x, weight and bias. With xhat = (x - mean) * rstd and sums over all axes
 * but the channels: dbias = sum(dy), dweight = sum(dy * xhat), and
 *   training  dx = weight * rstd * (dy - (dbias + xhat * dweight) / n) + (dmean - drstd * rstd^2 * xhat) / n
 *   else      dx = weight * rstd * dy
 * where dmean and drstd are what arrives at the statistics themselves (second gradients; absent: nothing). */
#include "op/internal.h"

#include <math.h>

enum { DY, X, WEIGHT, MEAN, RSTD, DMEAN, DRSTD };
enum { DX, DWEIGHT, DBIAS };

static tn_status batch_norm_grad_infer(const op_infer *c)
{
    const graph_type *x = c->in[X];
    if (x->rank < 2)
        return op_fail(c, TN_SHAPE, "x has %d axes; it needs two or more: batch, channels, ...", x->rank);
    if (!graph_same_dims(c->dims, x, c->in[DY], "batch_norm_grad"))
        return op_fail(c, TN_SHAPE, "dy must have the shape of x");
    for (int i = WEIGHT; i < c->n_in; i++) {
        if (!c->in[i])
            continue;
        if (c->in[i]->rank != 1)
            return op_fail(c, TN_SHAPE, "'%s' has %d axes; it needs one", c->def->in[i].name, c->in[i]->rank);
        BASE_TRY(
            op_want_same(c, c->in[i]->dims[0], x->dims[1], "the size of a weight or statistic and the channels of x"));
    }
    op_like(c, DX, x);
    for (int i = DWEIGHT; i <= DBIAS; i++) {
        c->out[i].rank = 1;
        c->out[i].dims[0] = x->dims[1];
    }
    return TN_OK;
}

/* Holds for both modes, as second gradients are made before the mode is known; compiling drops what the mode does not need. */
static tn_status batch_norm_grad_lower(const op_lower *c)
{
    int rank = c->in[X]->type.rank;
    tn_dtype dtype = c->in[MEAN]->type.dtype;
    tn_tensor *x = op_cast_to(c->in[X], dtype), *dy = op_cast_to(c->in[DY], dtype);
    tn_tensor *mean = c->in[MEAN], *rstd = c->in[RSTD], *sum = op_channel_sums_of(dy, x, mean),
              *dot = op_sibling(sum, 1);
    /* not x - mean, which batch_norm has: one value for both would be kept from there to here */
    tn_tensor *away = tn_sub(op_along_channels(mean, rank), x);
    tn_tensor *scale = c->in[WEIGHT] ? tn_mul(rstd, c->in[WEIGHT]) : rstd;
    c->out[DBIAS] = sum;
    /* What flows through the batch's statistics, or nothing. What is one number for a channel is computed on vectors. The sums
     * come in before scale: scale * dy alone would be made, and kept, where dy is. */
    tn_tensor *training = op_training_of(c->graph), *n = op_count_value(x, ~(int64_t)2 & 0xff, dtype);
    /* of nothing, 0 as every sum, though rstd is then NaN when it is the batch's own */
    c->out[DWEIGHT] = tn_where(tn_gt(n, op_like_scalar(n, 0)), tn_mul(dot, rstd), op_like_scalar(dot, 0));
    n = tn_maximum(n, op_like_scalar(n, 1)); /* no 0 / 0, which would reach second gradients of an empty batch */
    tn_tensor *square = tn_square(rstd), *slope = tn_mul(tn_mul(scale, square), tn_div(dot, n));
    if (c->node->n_in > DRSTD && c->in[DRSTD])
        slope = tn_add(slope, tn_div(tn_mul(c->in[DRSTD], tn_mul(square, rstd)), n));
    scale = op_along_channels(scale, rank);
    tn_tensor *all = tn_add(tn_mul(tn_sub(dy, op_along_channels(tn_div(sum, n), rank)), scale),
                            tn_mul(away, op_along_channels(slope, rank)));
    if (c->node->n_in > DMEAN && c->in[DMEAN])
        all = tn_add(all, op_along_channels(tn_div(c->in[DMEAN], n), rank));
    tn_tensor *dx = tn_where(training, all, tn_mul(scale, dy));
    c->out[DX] = op_cast_to(dx, c->in[X]->type.dtype);
    return TN_OK;
}

int64_t op_channel_inner(const op_array *x)
{
    int64_t inner = 1;
    for (int i = 2; i < x->rank; i++)
        inner *= x->dims[i];
    return inner;
}

/* One element of dx: by the formula, and what it was rounded from. */
static void element(const op_ref *c, int64_t i, int64_t k, double n)
{
    const op_array *dmean = c->n_in > DMEAN ? c->in[DMEAN] : NULL, *drstd = c->n_in > DRSTD ? c->in[DRSTD] : NULL;
    double rstd = c->in[RSTD]->f[k], xhat = (c->in[X]->f[i] - c->in[MEAN]->f[k]) * rstd, dy = c->in[DY]->f[i];
    double scale = rstd * (c->in[WEIGHT] ? c->in[WEIGHT]->f[k] : 1), db = c->out[DBIAS]->f[k] / n,
           dw = c->out[DWEIGHT]->f[k] / n;
    double more = (dmean ? dmean->f[k] : 0) / n, bend = (drstd ? drstd->f[k] : 0) * rstd * rstd * xhat / n;
    c->out[DX]->f[i] = c->training ? scale * (dy - db - xhat * dw) + more - bend : scale * dy;
    c->out[DX]->magnitude[i] =
        fabs(scale) * (fabs(dy) + (c->out[DBIAS]->magnitude[k] + fabs(xhat) * c->out[DWEIGHT]->magnitude[k]) / n);
    c->out[DX]->magnitude[i] += fabs(more) + fabs(bend);
}

static void batch_norm_grad_ref(const op_ref *c)
{
    const op_array *dy = c->in[DY], *x = c->in[X];
    int64_t channels = x->dims[1], inner = op_channel_inner(x);
    for (int64_t i = 0; i < x->count; i++) {
        int64_t k = i / inner % channels;
        double mean = c->in[MEAN]->f[k], rstd = c->in[RSTD]->f[k];
        c->out[DBIAS]->f[k] += dy->f[i];
        c->out[DBIAS]->magnitude[k] += fabs(dy->f[i]);
        c->out[DWEIGHT]->f[k] += dy->f[i] * (x->f[i] - mean) * rstd;
        c->out[DWEIGHT]->magnitude[k] += fabs(dy->f[i]) * (fabs(x->f[i]) + fabs(mean)) * fabs(rstd);
    }
    for (int64_t i = 0; i < x->count; i++)
        element(c, i, i / inner % channels, (double)(x->count / channels));
}

static double batch_norm_grad_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)arg, (void)out;
    return 11 * op_elements(in[X]);
}

const op_def op_batch_norm_grad = {
    .name = "batch_norm_grad",
    .doc = "The gradients of batch_norm.",
    .in = {{"dy", OP_FLOATS, 'T'},
           {"x", OP_FLOATS, 'T'},
           {"weight", OP_FLOATS, 'P', OP_OPTIONAL},
           {"mean", OP_FLOATS, 'P'},
           {"rstd", OP_FLOATS, 'P'},
           {"dmean", OP_FLOATS, 'P', OP_OPTIONAL},
           {"drstd", OP_FLOATS, 'P', OP_OPTIONAL}},
    .out = {{"dx", 0, 'T'}, {"dweight", 0, 'P'}, {"dbias", 0, 'P'}},
    .infer = batch_norm_grad_infer,
    .lower = batch_norm_grad_lower,
    .ref = batch_norm_grad_ref,
    .flops = batch_norm_grad_flops,
    .cases =
        (const char *const[]){
            "dy=x[4x3] x=x[4x3] weight=x[3] mean=x[3] rstd=x[3]:positive",
            "dy=x[2x3x4x5] x=x[2x3x4x5] weight=x[3] mean=x[3] rstd=x[3]:positive dmean=x[3] drstd=x[3]",
            "dy=x[3x2x5] x=x[3x2x5] mean=x[2] rstd=x[2]:positive",
            "dy=x[2x17x7x7] x=x[2x17x7x7] weight=x[17] mean=x[17] rstd=x[17]:positive",
            "dy=x[0x17x2] x=x[0x17x2] weight=x[17] mean=x[17] rstd=x[17]:positive", NULL},
    .bad = (const op_bad[]){{"dy=x[4] x=x[4] mean=x[4] rstd=x[4]", "x has 1 axes"},
                            {"dy=x[4x2] x=x[4x3] mean=x[3] rstd=x[3]", "dy must have the shape of x"},
                            {"dy=x[4x3] x=x[4x3] mean=x[3x1] rstd=x[3]", "'mean' has 2 axes"},
                            {"dy=x[4x3] x=x[4x3] mean=x[3] rstd=x[2]", "2 and 3 differ"},
                            {0}},
    .tol = {[TN_F64] = OP_TOL(1e-12, 1e-300),
            [TN_F32] = OP_TOL(1e-5, 1e-7),
            [TN_F16] = OP_TOL(5e-3, 1e-4),
            [TN_BF16] = OP_TOL(4e-2, 1e-3)},
};

tn_tensor *op_batch_norm_grad_of(tn_tensor *dy, tn_tensor *x, tn_tensor *weight, tn_tensor *mean, tn_tensor *rstd,
                                 tn_tensor *dmean, tn_tensor *drstd)
{
    return OP_MAKE(&op_batch_norm_grad, NULL, dy, x, weight, mean, rstd, dmean, drstd);
}
