/* fmod: what a division leaves, with the sign of a: a - b * trunc(a / b), exact. An integer b = 0 is a fault and gives 0. */
#include "op/scheme/op.h"

#include <math.h>

static tn_status fmod_backward(const op_grad *c)
{
    tn_tensor *dy = op_dout(c, 0);
    op_give(c, 0, dy);
    if (op_wants(c, 1))
        op_give(c, 1, tn_neg(tn_mul(dy, tn_trunc(tn_div(op_in(c, 0), op_in(c, 1))))));
    return TN_OK;
}

static double f(double a, double b)
{
    return fmod(a, b);
}
static int64_t g(int64_t a, int64_t b)
{
    return b == -1 ? 0 : a % b;
}
static void fmod_ref(const op_ref *c)
{
    op_ref_division(c, f, g);
}

const op_def op_fmod = {
    .name = "fmod",
    .doc = "The rest of a / b, with a's sign; an integer b = 0 is a fault.",
    .torch = "torch.fmod",
    .onnx = "Mod",
    .in = {{"a", OP_NUMBERS, 'T', OP_BROADCAST}, {"b", OP_NUMBERS, 'T', OP_BROADCAST}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE | OP_FAULTS,
    .infer = op_infer_broadcast,
    .grad = fmod_backward,
    .ref = fmod_ref,
    .cases = (const char *const[]){"a=x[5] b=x[5]:positive", "a=x[2x3] b=x[3]:positive", "a=x[4x1x2] b=x[3x1]:positive",
                                   "a=x[] b=x[2]:positive", "a=x[0x3] b=x[1x3]:positive", NULL},
    .bad = (const op_bad[]){{"a=x[2x3] b=x[2]", "cannot be broadcast"}, {0}},
    .fault = (const op_bad[]){{"a=i[5] b=i[5]:kinks=0", "division of an integer by zero"}, {0}},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *tn_fmod(tn_tensor *a, tn_tensor *b)
{
    return op_binary(&op_fmod, a, b);
}
