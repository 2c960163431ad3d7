/* channel_moments: mean and variance (divided by n) of each channel (axis 1) over all other axes: what batch_norm needs, in
 * one pass over x. */
#include "op/internal.h"

#include <math.h>

enum { MEAN, VAR };

int op_axes_but_channels(int rank, int64_t *axes)
{
    for (int i = 0; i < rank - 1; i++)
        axes[i] = i ? i + 1 : 0;
    return rank - 1;
}

/* One value has no variance: the running one would become NaN, so PyTorch refuses it too. Sizes that are symbols yet are looked
 * at again when they are numbers. */
static bool has_one_value(const graph_type *x)
{
    bool one = x->dims[0] == 1;
    for (int i = 2; i < x->rank; i++)
        one = one && x->dims[i] == 1;
    return one;
}

static tn_status channel_moments_infer(const op_infer *c)
{
    const graph_type *x = c->in[0];
    if (x->rank < 2)
        return op_fail(c, TN_SHAPE, "x has %d axes; it needs two or more: batch, channels, ...", x->rank);
    if (has_one_value(x))
        return op_fail(c, TN_SHAPE,
                       "batch norm in training needs more than one value in each channel; take larger batches, or the "
                       "running statistics (frozen)");
    for (int i = MEAN; i <= VAR; i++) {
        c->out[i].rank = 1;
        c->out[i].dims[0] = x->dims[1];
    }
    return TN_OK;
}

static tn_status channel_moments_lower(const op_lower *c)
{
    tn_tensor *x = c->in[0];
    int64_t axes[TN_MAX_RANK];
    int n = op_axes_but_channels(x->type.rank, axes);
    c->out[MEAN] = tn_mean_axes(x, n, axes, false);
    c->out[VAR] = tn_mean_axes(tn_square(tn_sub(x, op_along_channels(c->out[MEAN], x->type.rank))), n, axes, false);
    return TN_OK;
}

static void channel_moments_ref(const op_ref *c)
{
    const op_array *x = c->in[0];
    op_array *mean = c->out[MEAN], *var = c->out[VAR];
    const int64_t channels = x->dims[1], inner = op_channel_inner(x);
    const double n = channels ? (double)(x->count / channels) : 0;
    for (int64_t k = 0; n == 0 && k < channels; k++)
        mean->f[k] = var->f[k] = NAN; /* the mean of nothing */
    for (int64_t i = 0; i < x->count; i++) {
        mean->f[i / inner % channels] += x->f[i] / n;
        mean->magnitude[i / inner % channels] += fabs(x->f[i]) / n;
    }
    for (int64_t i = 0; i < x->count; i++) {
        const int64_t k = i / inner % channels;
        const double away = x->f[i] - mean->f[k];
        var->f[k] += away * away / n;
        var->magnitude[k] += fabs(away) * (fabs(x->f[i]) + fabs(mean->f[k])) / n;
    }
}

const op_def op_channel_moments = {
    .name = "channel_moments",
    .doc = "Mean and variance of each channel.",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"mean", 0, 'T'}, {"var", 0, 'T'}},
    .infer = channel_moments_infer,
    .lower = channel_moments_lower,
    .ref = channel_moments_ref,
    .flops_each = 4,
    .cases = (const char *const[]){"x=x[4x3]", "x=x[2x3x4x5]", "x=x[3x2x5]", "x=x[7x17x3x3]", "x=x[2x300x2x1]",
                                   "x=x[3x5x29x7]", "x=x[600x2]", "x=x[0x3x2]", "x=x[2x0]", NULL},
    .bad = (const op_bad[]){{"x=x[4]", "x has 1 axes"},
                            {"x=x[1x3]", "more than one value in each channel"},
                            {"x=x[1x3x1x1]", "more than one value in each channel"},
                            {0}},
    .tol = {[TN_F64] = OP_TOL(1e-12, 1e-300),
            [TN_F32] = OP_TOL(2e-6, 1e-37),
            [TN_F16] = OP_TOL(5e-3, 1e-4),
            [TN_BF16] = OP_TOL(4e-2, 1e-3)},
};

tn_tensor *op_channel_moments_of(tn_tensor *x)
{
    return OP_MAKE(&op_channel_moments, NULL, x);
}
