/* remainder: what a division leaves, with the sign of b: a - b * floor(a / b). An integer b = 0 is a fault and gives 0. */
#include "op/scheme/op.h"

#include <math.h>

static tn_status remainder_backward(const op_grad *c)
{
    tn_tensor *dy = op_dout(c, 0);
    op_give(c, 0, dy);
    if (op_wants(c, 1))
        op_give(c, 1, tn_neg(tn_mul(dy, tn_floor(tn_div(op_in(c, 0), op_in(c, 1))))));
    return TN_OK;
}

static double f(double a, double b)
{
    double r = fmod(a, b);
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
static int64_t g(int64_t a, int64_t b)
{
    int64_t r = b == -1 ? 0 : a % b;
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
static void remainder_ref(const op_ref *c)
{
    op_ref_division(c, f, g);
}

const op_def op_remainder = {
    .name = "remainder",
    .doc = "The rest of a / b, with b's sign; an integer b = 0 is a fault.",
    .torch = "torch.remainder",
    .onnx = "Mod",
    .in = {{"a", OP_NUMBERS, 'T', OP_BROADCAST}, {"b", OP_NUMBERS, 'T', OP_BROADCAST}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE | OP_FAULTS,
    .infer = op_infer_broadcast,
    .grad = remainder_backward,
    .ref = remainder_ref,
    .cases = (const char *const[]){"a=x[5] b=x[5]:positive", "a=x[2x3] b=x[3]:positive", "a=x[4x1x2] b=x[3x1]:positive",
                                   "a=x[] b=x[2]:positive", "a=x[0x3] b=x[1x3]:positive", NULL},
    .bad = (const op_bad[]){{"a=x[2x3] b=x[2]", "cannot be broadcast"}, {0}},
    .fault = (const op_bad[]){{"a=i[5] b=i[5]:kinks=0", "division of an integer by zero"}, {0}},
    .tol = {OP_TOL_FLOATS, OP_TOL_INTS},
};

tn_tensor *tn_remainder(tn_tensor *a, tn_tensor *b)
{
    return op_binary(&op_remainder, a, b);
}
