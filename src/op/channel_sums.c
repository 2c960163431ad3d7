/* channel_sums: for each channel (axis 1), over all other axes, sum(dy) and sum(dy * (x - mean)): what the gradient of
 * batch_norm needs, in one pass over dy and x. */
#include "op/internal.h"

#include <math.h>

enum { DY, X, MEAN };
enum { SUM, DOT };

static tn_status channel_sums_infer(const op_infer *c)
{
    const graph_type *x = c->in[X], *mean = c->in[MEAN];
    if (x->rank < 2)
        return op_fail(c, TN_SHAPE, "x has %d axes; it needs two or more: batch, channels, ...", x->rank);
    if (!graph_same_dims(c->dims, x, c->in[DY], "channel_sums"))
        return op_fail(c, TN_SHAPE, "dy must have the shape of x");
    if (mean->rank != 1)
        return op_fail(c, TN_SHAPE, "'mean' has %d axes; it needs one", mean->rank);
    BASE_TRY(op_want_same(c, mean->dims[0], x->dims[1], "the size of the mean and the channels of x"));
    for (int i = SUM; i <= DOT; i++) {
        c->out[i].rank = 1;
        c->out[i].dims[0] = x->dims[1];
    }
    return TN_OK;
}

static tn_status channel_sums_lower(const op_lower *c)
{
    tn_tensor *dy = c->in[DY], *x = c->in[X];
    int64_t axes[TN_MAX_RANK];
    int n = op_axes_but_channels(x->type.rank, axes);
    c->out[SUM] = tn_sum_axes(dy, n, axes, false);
    c->out[DOT] = tn_sum_axes(tn_mul(dy, tn_sub(x, op_along_channels(c->in[MEAN], x->type.rank))), n, axes, false);
    return TN_OK;
}

static void channel_sums_ref(const op_ref *c)
{
    const op_array *dy = c->in[DY], *x = c->in[X], *mean = c->in[MEAN];
    op_array *sum = c->out[SUM], *dot = c->out[DOT];
    const int64_t channels = x->dims[1], inner = op_channel_inner(x);
    for (int64_t i = 0; i < x->count; i++) {
        const int64_t k = i / inner % channels;
        sum->f[k] += dy->f[i];
        sum->magnitude[k] += fabs(dy->f[i]);
        dot->f[k] += dy->f[i] * (x->f[i] - mean->f[k]);
        dot->magnitude[k] += fabs(dy->f[i]) * (fabs(x->f[i]) + fabs(mean->f[k]));
    }
}

static double channel_sums_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)arg, (void)out;
    return 4 * op_elements(in[X]);
}

const op_def op_channel_sums = {
    .name = "channel_sums",
    .doc = "Sums of dy and of dy * (x - mean) for each channel.",
    .in = {{"dy", OP_FLOATS, 'T'}, {"x", OP_FLOATS, 'T'}, {"mean", OP_FLOATS, 'T'}},
    .out = {{"sum", 0, 'T'}, {"dot", 0, 'T'}},
    .infer = channel_sums_infer,
    .lower = channel_sums_lower,
    .ref = channel_sums_ref,
    .flops = channel_sums_flops,
    .cases = (const char *const[]){"dy=x[4x3] x=x[4x3] mean=x[3]", "dy=x[2x3x4x5] x=x[2x3x4x5] mean=x[3]",
                                   "dy=x[3x2x5] x=x[3x2x5] mean=x[2]", "dy=x[7x17x3x3] x=x[7x17x3x3] mean=x[17]",
                                   "dy=x[2x300x2x1] x=x[2x300x2x1] mean=x[300]", "dy=x[600x2] x=x[600x2] mean=x[2]",
                                   "dy=x[0x3x2] x=x[0x3x2] mean=x[3]", NULL},
    .bad = (const op_bad[]){{"dy=x[4] x=x[4] mean=x[4]", "x has 1 axes"},
                            {"dy=x[4x2] x=x[4x3] mean=x[3]", "dy must have the shape of x"},
                            {"dy=x[4x3] x=x[4x3] mean=x[3x1]", "'mean' has 2 axes"},
                            {"dy=x[4x3] x=x[4x3] mean=x[2]", "2 and 3 differ"},
                            {0}},
    .tol = {[TN_F64] = OP_TOL(1e-12, 1e-300),
            [TN_F32] = OP_TOL(2e-6, 1e-37),
            [TN_F16] = OP_TOL(5e-3, 1e-4),
            [TN_BF16] = OP_TOL(4e-2, 1e-3)},
};

tn_tensor *op_channel_sums_of(tn_tensor *dy, tn_tensor *x, tn_tensor *mean)
{
    return OP_MAKE(&op_channel_sums, NULL, dy, x, mean);
}
