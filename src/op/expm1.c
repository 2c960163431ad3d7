/* expm1: y = e^x - 1, exact for small x. */
#include "op/scheme/op.h"

#include <math.h>

static tn_status expm1_backward(const op_grad *c)
{
    return op_give(c, 0, tn_mul(op_dout(c, 0), tn_add_f(op_out(c, 0), 1)));
}

static double f(double x)
{
    return expm1(x);
}
static void expm1_ref(const op_ref *c)
{
    op_ref_unary(c, f, NULL);
}

const op_def op_expm1 = {
    .name = "expm1",
    .doc = "e^x - 1, exact for small x.",
    .torch = "torch.expm1",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = expm1_backward,
    .ref = expm1_ref,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4]", "x=x[]", "x=x[0x3]", NULL},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-15),
            [TN_F32] = OP_TOL(4e-6, 1e-7),
            [TN_F16] = OP_TOL(2e-3, 1e-6),
            [TN_BF16] = OP_TOL(1.6e-2, 1e-6)},
};

tn_tensor *tn_expm1(tn_tensor *x)
{
    return OP_MAKE(&op_expm1, NULL, x);
}
