/* softsign: y = x / (1 + |x|). */
#include "op/scheme/op.h"

#include <math.h>

static tn_status softsign_lower(const op_lower *c)
{
    tn_tensor *x = c->in[0];
    c->out[0] = tn_div(x, tn_add_f(tn_abs(x), 1));
    return TN_OK;
}

static double f(double x)
{
    return x / (1 + fabs(x));
}
static void softsign_ref(const op_ref *c)
{
    op_ref_unary(c, f, NULL);
}

const op_def op_softsign = {
    .name = "softsign",
    .doc = "x / (1 + |x|).",
    .torch = "torch.nn.functional.softsign",
    .onnx = "Softsign",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .infer = op_infer_same,
    .lower = softsign_lower,
    .ref = softsign_ref,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4]", "x=x[]", "x=x[0x3]", NULL},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *tn_softsign(tn_tensor *x)
{
    return OP_MAKE(&op_softsign, NULL, x);
}
