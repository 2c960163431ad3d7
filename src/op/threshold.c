/* threshold: y = x above the threshold, else a value. */
#include "op/scheme/op.h"

enum { THRESHOLD, VALUE };

static tn_status threshold_lower(const op_lower *c)
{
    tn_tensor *x = c->in[0];
    c->out[0] =
        tn_where(tn_le(x, op_like_scalar(x, c->node->arg[THRESHOLD].f)), op_like_scalar(x, c->node->arg[VALUE].f), x);
    return TN_OK;
}

static void threshold_ref(const op_ref *c)
{
    for (int64_t i = 0; i < c->out[0]->count; i++) {
        double x = c->in[0]->f[i];
        c->out[0]->f[i] = x <= c->arg[THRESHOLD].f ? c->arg[VALUE].f : x;
    }
}

const op_def op_threshold = {
    .name = "threshold",
    .doc = "x above a threshold, else a value.",
    .torch = "torch.nn.functional.threshold",
    .onnx = "ThresholdedRelu",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {[THRESHOLD] = OP_ARG_FLOAT("threshold", 0), [VALUE] = OP_ARG_FLOAT("value", 0)},
    .infer = op_infer_same,
    .lower = threshold_lower,
    .ref = threshold_ref,
    .cases = (const char *const[]){"x=x[5] threshold=0.3 value=7", "x=x[2x3x4]",
                                   "x=x[8]:kinks=0.5 threshold=0.5 value=-1", "x=x[]", "x=x[0x3]", NULL},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *tn_threshold(tn_tensor *x, double threshold, double value)
{
    return OP_MAKE(&op_threshold, OP_ARGS([THRESHOLD] = OP_F(threshold), [VALUE] = OP_F(value)), x);
}
