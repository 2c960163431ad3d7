/* erfinv: y with erf(y) = x; infinite at -1 and 1, NaN beyond. */
#include "base/special.h"
#include "op/scheme/op.h"

static tn_status erfinv_backward(const op_grad *c)
{
    tn_tensor *slope = tn_mul_f(tn_exp(tn_square(op_out(c, 0))), 0.88622692545275801365); /* sqrt(pi) / 2 */
    return op_give(c, 0, tn_mul(op_dout(c, 0), slope));
}

static double f(double x)
{
    return base_erfinv(x);
}
static void erfinv_ref(const op_ref *c)
{
    op_ref_unary(c, f, NULL);
}

const op_def op_erfinv = {
    .name = "erfinv",
    .doc = "Inverse of erf.",
    .torch = "torch.erfinv",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = erfinv_backward,
    .ref = erfinv_ref,
    .cases = (const char *const[]){"x=x[5]:unit", "x=x[2x3x4]", "x=x[3x4]:unit", "x=x[]:unit", "x=x[0x3]", NULL},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *tn_erfinv(tn_tensor *x)
{
    return OP_MAKE(&op_erfinv, NULL, x);
}
