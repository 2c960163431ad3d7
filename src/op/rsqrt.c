/* rsqrt: y = 1 / sqrt(x). */
#include "op/scheme/op.h"

#include <math.h>

static tn_status rsqrt_backward(const op_grad *c)
{
    tn_tensor *y = op_out(c, 0);
    return op_give(c, 0, tn_mul(tn_mul_f(op_dout(c, 0), -0.5), tn_mul(y, tn_square(y))));
}

static double f(double x)
{
    return 1 / sqrt(x);
}
static void rsqrt_ref(const op_ref *c)
{
    op_ref_unary(c, f, NULL);
}

const op_def op_rsqrt = {
    .name = "rsqrt",
    .doc = "1 / sqrt(x).",
    .torch = "torch.rsqrt",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = rsqrt_backward,
    .ref = rsqrt_ref,
    .cases = (const char *const[]){"x=x[5]:positive", "x=x[2x3x4]:positive", "x=x[]:positive", "x=x[0x3]", NULL},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *tn_rsqrt(tn_tensor *x)
{
    return OP_MAKE(&op_rsqrt, NULL, x);
}
