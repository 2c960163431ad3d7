/* hardsigmoid: y = min(max(x + 3, 0), 6) / 6; no gradient at -3 and 3. */
#include "op/scheme/op.h"

static tn_status hardsigmoid_lower(const op_lower *c)
{
    tn_tensor *x = c->in[0];
    c->out[0] = tn_div_f(tn_hardtanh(tn_add_f(x, 3), 0, 6), 6);
    return TN_OK;
}

static double f(double x)
{
    return (x < -3 ? 0 : x > 3 ? 6 : x + 3) / 6;
}
static void hardsigmoid_ref(const op_ref *c)
{
    op_ref_unary(c, f, NULL);
}

const op_def op_hardsigmoid = {
    .name = "hardsigmoid",
    .doc = "min(max(x + 3, 0), 6) / 6.",
    .torch = "torch.nn.functional.hardsigmoid",
    .onnx = "HardSigmoid",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .infer = op_infer_same,
    .lower = hardsigmoid_lower,
    .ref = hardsigmoid_ref,
    .cases =
        (const char *const[]){"x=x[5]", "x=x[2x3x4]", "x=x[6]:kinks=3", "x=x[6]:kinks=-3", "x=x[]", "x=x[0x3]", NULL},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-15),
            [TN_F32] = OP_TOL(4e-6, 1e-7),
            [TN_F16] = OP_TOL(3e-3, 1e-6),
            [TN_BF16] = OP_TOL(2.4e-2, 1e-6)},
};

tn_tensor *tn_hardsigmoid(tn_tensor *x)
{
    return OP_MAKE(&op_hardsigmoid, NULL, x);
}
