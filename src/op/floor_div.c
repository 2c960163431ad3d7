/* floor_div: the largest whole number not above a / b; the gradient is 0. An integer b = 0 is a fault and gives 0. */
#include "op/scheme/op.h"

#include <math.h>

/* By way of the rest, which is exact: a / b itself may be rounded up to a whole number. */
static double f(double a, double b)
{
    double r = fmod(a, b), q = rint((a - r) / b);
    if (b == 0)
        return a / b;
    return r != 0 && (r < 0) != (b < 0) ? q - 1 : q;
}
static int64_t g(int64_t a, int64_t b)
{
    if (b == -1) /* the smallest integer wraps */
        return (int64_t)(0 - (uint64_t)a);
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}
static void floor_div_ref(const op_ref *c)
{
    op_ref_division(c, f, g);
}

const op_def op_floor_div = {
    .name = "floor_div",
    .doc = "a / b, rounded down; the gradient is 0; an integer b = 0 is a fault.",
    .torch = "torch.floor_divide",
    .in = {{"a", OP_NUMBERS, 'T', OP_BROADCAST}, {"b", OP_NUMBERS, 'T', OP_BROADCAST}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE | OP_FAULTS,
    .infer = op_infer_broadcast,
    .grad = op_grad_zero,
    .ref = floor_div_ref,
    .cases = (const char *const[]){"a=x[5] b=x[5]:positive", "a=x[2x3] b=x[3]:positive", "a=x[4x1x2] b=x[3x1]:positive",
                                   "a=x[] b=x[2]:positive", "a=x[0x3] b=x[1x3]:positive", NULL},
    .bad = (const op_bad[]){{"a=x[2x3] b=x[2]", "cannot be broadcast"}, {0}},
    .fault = (const op_bad[]){{"a=i[5] b=i[5]:kinks=0", "division of an integer by zero"}, {0}},
    .tol = {OP_TOL_FLOATS, OP_TOL_INTS},
};

tn_tensor *tn_floor_div(tn_tensor *a, tn_tensor *b)
{
    return op_binary(&op_floor_div, a, b);
}
