/* square: y = x * x; integers wrap. */
#include "op/scheme/op.h"

static tn_status square_backward(const op_grad *c)
{
    return op_give(c, 0, tn_mul(op_dout(c, 0), tn_mul_f(op_in(c, 0), 2)));
}

static double f(double x)
{
    return x * x;
}
static int64_t g(int64_t x)
{
    return (int64_t)((uint64_t)x * (uint64_t)x);
}
static void square_ref(const op_ref *c)
{
    op_ref_unary(c, f, g);
}

const op_def op_square = {
    .name = "square",
    .doc = "x * x; integers wrap.",
    .torch = "torch.square",
    .in = {{"x", OP_NUMBERS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = square_backward,
    .ref = square_ref,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4]", "x=x[]", "x=x[0x3]", NULL},
    .tol = {OP_TOL_FLOATS, OP_TOL_INTS},
};

tn_tensor *tn_square(tn_tensor *x)
{
    return OP_MAKE(&op_square, NULL, x);
}
