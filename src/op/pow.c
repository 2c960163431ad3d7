/* pow: y = a^b. Integers wrap; with a negative exponent they are cut to 0, but for a = 1 and -1. */
#include "op/scheme/op.h"

#include <math.h>

static tn_status pow_backward(const op_grad *c)
{
    tn_tensor *a = op_in(c, 0), *b = op_in(c, 1), *y = op_out(c, 0), *dy = op_dout(c, 0);
    if (op_wants(c, 0)) {
        tn_tensor *da = tn_mul(dy, tn_mul(b, tn_pow(a, tn_sub_f(b, 1))));
        op_give(c, 0, tn_where(tn_eq(b, op_like_scalar(b, 0)), op_like_scalar(dy, 0), da));
    }
    if (op_wants(c, 1)) {
        tn_tensor *flat = tn_logical_and(tn_eq(a, op_like_scalar(a, 0)), tn_ge(b, op_like_scalar(b, 0)));
        op_give(c, 1, tn_where(flat, op_like_scalar(dy, 0), tn_mul(dy, tn_mul(y, tn_log(a)))));
    }
    return TN_OK;
}

static double f(double a, double b)
{
    return pow(a, b);
}
static int64_t g(int64_t a, int64_t b)
{
    if (b < 0)
        return a == 1 ? 1 : a == -1 ? (b % 2 ? -1 : 1) : 0;
    uint64_t y = 1;
    for (uint64_t power = (uint64_t)a; b; b >>= 1, power *= power)
        if (b & 1)
            y *= power;
    return (int64_t)y;
}
static void pow_ref(const op_ref *c)
{
    op_ref_binary(c, f, g);
}

const op_def op_pow = {
    .name = "pow",
    .doc = "a^b; integers wrap.",
    .torch = "torch.pow",
    .onnx = "Pow",
    .in = {{"a", OP_NUMBERS, 'T', OP_BROADCAST}, {"b", OP_NUMBERS, 'T', OP_BROADCAST}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_broadcast,
    .grad = pow_backward,
    .ref = pow_ref,
    .cases = (const char *const[]){"a=x[5]:positive b=x[5]", "a=x[2x3]:positive b=x[3]", "a=x[4x1x2]:positive b=x[3x1]",
                                   "a=x[]:positive b=x[2]", "a=x[0x3] b=x[1x3]", NULL},
    .bad = (const op_bad[]){{"a=x[2x3] b=x[2]", "cannot be broadcast"}, {0}},
    .tol = {[TN_F64] = OP_TOL(1e-12, 1e-300),
            [TN_F32] = OP_TOL(1e-5, 1e-37),
            [TN_F16] = OP_TOL(2e-3, 1e-7),
            [TN_BF16] = OP_TOL(1.6e-2, 1e-37),
            OP_TOL_INTS},
};

tn_tensor *tn_pow(tn_tensor *a, tn_tensor *b)
{
    return op_binary(&op_pow, a, b);
}

tn_tensor *tn_pow_f(tn_tensor *a, double b)
{
    if (op_unusable(a))
        return a;
    return b == 2 ? tn_square(a) : tn_pow(a, op_like_scalar(a, b));
}
