/* hardswish: y = x * min(max(x + 3, 0), 6) / 6 (Howard et al., Searching for MobileNetV3, 2019). */
#include "op/scheme/op.h"

static tn_status hardswish_lower(const op_lower *c)
{
    tn_tensor *x = c->in[0];
    c->out[0] = tn_mul(x, tn_hardsigmoid(x));
    return TN_OK;
}

static double f(double x)
{
    return x * ((x < -3 ? 0 : x > 3 ? 6 : x + 3) / 6);
}
static void hardswish_ref(const op_ref *c)
{
    op_ref_unary(c, f, NULL);
}

const op_def op_hardswish = {
    .name = "hardswish",
    .doc = "x * min(max(x + 3, 0), 6) / 6.",
    .torch = "torch.nn.functional.hardswish",
    .onnx = "HardSwish",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .infer = op_infer_same,
    .lower = hardswish_lower,
    .ref = hardswish_ref,
    .cases =
        (const char *const[]){"x=x[5]", "x=x[2x3x4]", "x=x[6]:kinks=3", "x=x[6]:kinks=-3", "x=x[]", "x=x[0x3]", NULL},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-15),
            [TN_F32] = OP_TOL(4e-6, 1e-7),
            [TN_F16] = OP_TOL(3e-3, 1e-6),
            [TN_BF16] = OP_TOL(2.4e-2, 1e-6)},
};

tn_tensor *tn_hardswish(tn_tensor *x)
{
    return OP_MAKE(&op_hardswish, NULL, x);
}
