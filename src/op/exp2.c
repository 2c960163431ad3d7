/* exp2: y = 2^x. */
#include "op/scheme/op.h"

#include <math.h>

static tn_status exp2_backward(const op_grad *c)
{
    return op_give(c, 0, tn_mul(op_dout(c, 0), tn_mul_f(op_out(c, 0), 0.69314718055994530942)));
}

static double f(double x)
{
    return exp2(x);
}
static void exp2_ref(const op_ref *c)
{
    op_ref_unary(c, f, NULL);
}

const op_def op_exp2 = {
    .name = "exp2",
    .doc = "2^x.",
    .torch = "torch.exp2",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = exp2_backward,
    .ref = exp2_ref,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4]", "x=x[]", "x=x[0x3]", NULL},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *tn_exp2(tn_tensor *x)
{
    return OP_MAKE(&op_exp2, NULL, x);
}
