/* softshrink: y = x moved towards 0 by lambda, 0 within it. */
#include "op/scheme/op.h"

enum { LAMBDA };

static tn_status softshrink_lower(const op_lower *c)
{
    tn_tensor *x = c->in[0];
    double lambda = c->node->arg[LAMBDA].f;
    c->out[0] = tn_sub(x, tn_clamp(x, -lambda, lambda));
    return TN_OK;
}

static void softshrink_ref(const op_ref *c)
{
    double lambda = c->arg[LAMBDA].f;
    for (int64_t i = 0; i < c->out[0]->count; i++) {
        double x = c->in[0]->f[i];
        c->out[0]->f[i] = x > lambda ? x - lambda : x < -lambda ? x + lambda : x * 0;
    }
}

const op_def op_softshrink = {
    .name = "softshrink",
    .doc = "x moved towards 0 by lambda, 0 within it.",
    .torch = "torch.nn.functional.softshrink",
    .onnx = "Shrink",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {[LAMBDA] = OP_ARG_FLOAT_IN("lambda", 0.5, 0, 1e30)},
    .infer = op_infer_same,
    .lower = softshrink_lower,
    .ref = softshrink_ref,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4] lambda=1.25", "x=x[8]:kinks=0.5", "x=x[]", "x=x[0x3]", NULL},
    .bad = (const op_bad[]){{"x=x[2] lambda=-1", "lambda is -1"}, {0}},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *tn_softshrink(tn_tensor *x, double lambda)
{
    return OP_MAKE(&op_softshrink, OP_ARGS([LAMBDA] = OP_F(lambda)), x);
}
