/* prelu: y = x above 0, else slope * x with a slope that is learned (He et al. 2015): one for all elements, or one for each
 * channel (axis 1, or axis 0 of a vector). */
#include "op/internal.h"

static tn_status prelu_infer(const op_infer *c)
{
    const graph_type *x = c->in[0], *slope = c->in[1];
    if (slope->rank != 1)
        return op_fail(c, TN_SHAPE, "slope has %d axes; it needs one, of size 1 or a number for each channel",
                       slope->rank);
    if (slope->dims[0] != 1 && x->rank < 1)
        return op_fail(c, TN_SHAPE, "a single number has no channels; slope needs the size 1");
    if (slope->dims[0] != 1)
        BASE_TRY(op_want_same(c, slope->dims[0], x->dims[x->rank > 1 ? 1 : 0],
                              "the size of slope and the number of channels"));
    return op_infer_same(c);
}

static tn_status prelu_lower(const op_lower *c)
{
    tn_tensor *x = c->in[0], *slope = c->in[1];
    slope = slope->type.dims[0] == 1 ? tn_squeeze(slope, 0)
            : x->type.rank > 1       ? op_along_channels(slope, x->type.rank)
                                     : slope;
    c->out[0] = tn_where(tn_gt(x, op_like_scalar(x, 0)), x, tn_mul(x, slope));
    return TN_OK;
}

static void prelu_ref(const op_ref *c)
{
    const op_array *x = c->in[0], *slope = c->in[1];
    int64_t inner = x->rank > 1 ? op_channel_inner(x) : 1;
    for (int64_t i = 0; i < x->count; i++)
        c->out[0]->f[i] = x->f[i] > 0 ? x->f[i] : x->f[i] * slope->f[i / inner % slope->count];
}

const op_def op_prelu = {
    .name = "prelu",
    .doc = "x above 0, else slope * x; slope[1] or [channels].",
    .torch = "torch.nn.functional.prelu",
    .onnx = "PRelu",
    .in = {{"x", OP_FLOATS, 'T'}, {"slope", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .infer = prelu_infer,
    .lower = prelu_lower,
    .ref = prelu_ref,
    .cases = (const char *const[]){"x=x[5] slope=x[1]", "x=x[5] slope=x[5]", "x=x[2x3x4] slope=x[3]",
                                   "x=x[2x3x2x2] slope=x[3]", "x=x[2x4] slope=x[4]", "x=x[6]:kinks=0 slope=x[1]",
                                   "x=x[] slope=x[1]", "x=x[0x3] slope=x[3]", NULL},
    .bad = (const op_bad[]){{"x=x[2x3] slope=x[3x1]", "slope has 2 axes"},
                            {"x=x[2x3] slope=x[2]", "the size of slope and the number of channels: 2 and 3 differ"},
                            {"x=x[] slope=x[2]", "a single number has no channels"},
                            {0}},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *tn_prelu(tn_tensor *x, tn_tensor *slope)
{
    return OP_MAKE(&op_prelu, NULL, x, slope);
}
