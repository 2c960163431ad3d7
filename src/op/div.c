/* div: y = a / b. Integers are cut towards 0; an integer divided by 0 is a fault at run time and gives 0. */
#include "op/scheme/op.h"

static tn_status div_backward(const op_grad *c)
{
    tn_tensor *b = op_in(c, 1), *dy = op_dout(c, 0);
    if (op_wants(c, 0))
        op_give(c, 0, tn_div(dy, b));
    if (op_wants(c, 1))
        op_give(c, 1, tn_neg(tn_div(tn_mul(dy, op_out(c, 0)), b)));
    return TN_OK;
}

static double f(double a, double b)
{
    return a / b;
}
static int64_t g(int64_t a, int64_t b)
{
    return b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b; /* the smallest integer over -1 wraps */
}
static void div_ref(const op_ref *c)
{
    op_ref_division(c, f, g);
}

const op_def op_div = {
    .name = "div",
    .doc = "a / b; integers are cut towards 0, and b = 0 is a fault.",
    .torch = "torch.div",
    .onnx = "Div",
    .in = {{"a", OP_NUMBERS, 'T', OP_BROADCAST}, {"b", OP_NUMBERS, 'T', OP_BROADCAST}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE | OP_FAULTS,
    .infer = op_infer_broadcast,
    .grad = div_backward,
    .ref = div_ref,
    .cases = (const char *const[]){"a=x[5] b=x[5]:positive", "a=x[2x3] b=x[3]:positive", "a=x[4x1x2] b=x[3x1]:positive",
                                   "a=x[] b=x[2]:positive", "a=x[0x3] b=x[1x3]:positive", NULL},
    .bad = (const op_bad[]){{"a=x[2x3] b=x[2]", "cannot be broadcast"}, {0}},
    .fault = (const op_bad[]){{"a=i[5] b=i[5]:kinks=0", "division of an integer by zero"}, {0}},
    .tol = {OP_TOL_FLOATS, OP_TOL_INTS},
};

tn_tensor *tn_div(tn_tensor *a, tn_tensor *b)
{
    return op_binary(&op_div, a, b);
}

tn_tensor *tn_div_f(tn_tensor *a, double b)
{
    return op_unusable(a) ? a : tn_div(a, op_like_scalar(a, b));
}
