/* relu6: y = min(max(x, 0), 6); no gradient at 0 and 6. */
#include "op/scheme/op.h"

static tn_status relu6_lower(const op_lower *c)
{
    tn_tensor *x = c->in[0];
    c->out[0] = tn_hardtanh(x, 0, 6);
    return TN_OK;
}

static double f(double x)
{
    return x < 0 ? 0 : x > 6 ? 6 : x;
}
static void relu6_ref(const op_ref *c)
{
    op_ref_unary(c, f, NULL);
}

const op_def op_relu6 = {
    .name = "relu6",
    .doc = "min(max(x, 0), 6).",
    .torch = "torch.nn.functional.relu6",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .infer = op_infer_same,
    .lower = relu6_lower,
    .ref = relu6_ref,
    .cases =
        (const char *const[]){"x=x[5]", "x=x[2x3x4]", "x=x[6]:kinks=0", "x=x[6]:kinks=6", "x=x[]", "x=x[0x3]", NULL},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *tn_relu6(tn_tensor *x)
{
    return OP_MAKE(&op_relu6, NULL, x);
}
