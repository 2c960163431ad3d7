/* tanhshrink: y = x - tanh(x). */
#include "op/scheme/op.h"

#include <math.h>

static tn_status tanhshrink_lower(const op_lower *c)
{
    tn_tensor *x = c->in[0];
    c->out[0] = tn_sub(x, tn_tanh(x));
    return TN_OK;
}

static void tanhshrink_ref(const op_ref *c)
{
    for (int64_t i = 0; i < c->out[0]->count; i++) {
        double x = c->in[0]->f[i];
        c->out[0]->f[i] = x - tanh(x);
        c->out[0]->magnitude[i] = fabs(x);
    }
}

const op_def op_tanhshrink = {
    .name = "tanhshrink",
    .doc = "x - tanh(x).",
    .torch = "torch.nn.functional.tanhshrink",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .infer = op_infer_same,
    .lower = tanhshrink_lower,
    .ref = tanhshrink_ref,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4]", "x=x[]", "x=x[0x3]", NULL},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-15),
            [TN_F32] = OP_TOL(4e-6, 1e-7),
            [TN_F16] = OP_TOL(3e-3, 1e-6),
            [TN_BF16] = OP_TOL(2.4e-2, 1e-6)},
};

tn_tensor *tn_tanhshrink(tn_tensor *x)
{
    return OP_MAKE(&op_tanhshrink, NULL, x);
}
