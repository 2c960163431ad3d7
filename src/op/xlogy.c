/* xlogy: y = a * log(b), and 0 where a is 0 and b is not NaN. */
#include "op/scheme/op.h"

#include <math.h>

static tn_status xlogy_backward(const op_grad *c)
{
    tn_tensor *a = op_in(c, 0), *b = op_in(c, 1), *dy = op_dout(c, 0), *zero = op_like_scalar(b, 0);
    if (op_wants(c, 0)) {
        tn_tensor *flat = tn_logical_and(tn_eq(a, zero), tn_le(b, zero));
        op_give(c, 0, tn_mul(dy, tn_where(flat, zero, tn_log(b))));
    }
    if (op_wants(c, 1))
        op_give(c, 1, tn_div(tn_mul(dy, a), b));
    return TN_OK;
}

static tn_status xlogy_lower(const op_lower *c)
{
    tn_tensor *a = c->in[0], *b = c->in[1], *zero = op_like_scalar(a, 0);
    tn_tensor *none = tn_logical_and(tn_eq(a, zero), tn_eq(b, b)); /* b is equal to itself unless it is NaN */
    c->out[0] = tn_where(none, zero, tn_mul(a, tn_log(b)));
    return TN_OK;
}

static double f(double a, double b)
{
    return a == 0 && !isnan(b) ? 0 : a * log(b);
}
static void xlogy_ref(const op_ref *c)
{
    op_ref_binary(c, f, NULL);
}

const op_def op_xlogy = {
    .name = "xlogy",
    .doc = "a * log(b), 0 where a is 0.",
    .torch = "torch.xlogy",
    .in = {{"a", OP_FLOATS, 'T', OP_BROADCAST}, {"b", OP_FLOATS, 'T', OP_BROADCAST}},
    .out = {{"y", 0, 'T'}},
    .infer = op_infer_broadcast,
    .grad = xlogy_backward,
    .lower = xlogy_lower,
    .ref = xlogy_ref,
    .cases = (const char *const[]){"a=x[5] b=x[5]:positive", "a=x[2x3] b=x[3]:positive", "a=x[4x1x2] b=x[3x1]:positive",
                                   "a=x[] b=x[2]:positive", "a=x[0x3] b=x[1x3]", "a=x[6]:kinks=0 b=x[6]", NULL},
    .bad = (const op_bad[]){{"a=x[2x3] b=x[2]", "cannot be broadcast"}, {0}},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-15),
            [TN_F32] = OP_TOL(4e-6, 1e-7),
            [TN_F16] = OP_TOL(3e-3, 1e-6),
            [TN_BF16] = OP_TOL(2.4e-2, 1e-6)},
};

tn_tensor *tn_xlogy(tn_tensor *a, tn_tensor *b)
{
    return op_binary(&op_xlogy, a, b);
}
