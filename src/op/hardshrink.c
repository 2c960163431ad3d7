/* hardshrink: y = 0 where -lambda <= x <= lambda, else x. */
#include "op/scheme/op.h"

#include <math.h>

enum { LAMBDA };

static tn_status hardshrink_lower(const op_lower *c)
{
    tn_tensor *x = c->in[0];
    c->out[0] = tn_where(tn_le(tn_abs(x), op_like_scalar(x, c->node->arg[LAMBDA].f)), op_like_scalar(x, 0), x);
    return TN_OK;
}

static void hardshrink_ref(const op_ref *c)
{
    double lambda = c->arg[LAMBDA].f;
    for (int64_t i = 0; i < c->out[0]->count; i++) {
        double x = c->in[0]->f[i];
        c->out[0]->f[i] = fabs(x) <= lambda ? 0 : x;
    }
}

const op_def op_hardshrink = {
    .name = "hardshrink",
    .doc = "0 where |x| <= lambda, else x.",
    .torch = "torch.nn.functional.hardshrink",
    .onnx = "Shrink",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {[LAMBDA] = OP_ARG_FLOAT_IN("lambda", 0.5, 0, 1e30)},
    .infer = op_infer_same,
    .lower = hardshrink_lower,
    .ref = hardshrink_ref,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4] lambda=1.25", "x=x[8]:kinks=0.5", "x=x[]", "x=x[0x3]", NULL},
    .bad = (const op_bad[]){{"x=x[2] lambda=-1", "lambda is -1"}, {0}},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *tn_hardshrink(tn_tensor *x, double lambda)
{
    return OP_MAKE(&op_hardshrink, OP_ARGS([LAMBDA] = OP_F(lambda)), x);
}
