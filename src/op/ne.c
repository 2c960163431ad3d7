/* ne: a != b, true where either is NaN. */
#include "op/scheme/op.h"

static bool f(double a, double b)
{
    return a != b;
}
static bool g(int64_t a, int64_t b)
{
    return a != b;
}
static void ne_ref(const op_ref *c)
{
    op_ref_compare(c, f, g);
}

const op_def op_ne = {
    .name = "ne",
    .doc = "a != b.",
    .torch = "torch.ne",
    .in = {{"a", OP_ANY, 'T', OP_BROADCAST}, {"b", OP_ANY, 'T', OP_BROADCAST}},
    .out = {{"y", OP_BOOLS}},
    .flags = OP_ELEMENTWISE | OP_COMMUTES,
    .infer = op_infer_broadcast,
    .grad = op_grad_zero,
    .ref = ne_ref,
    .cases =
        (const char *const[]){"a=x[6]:ties b=x[6]:ties", "a=x[2x3] b=x[3]", "a=x[] b=x[2]", "a=x[0x3] b=x[1x3]", NULL},
    .bad = (const op_bad[]){{"a=x[2x3] b=x[2]", "cannot be broadcast"}, {0}},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *tn_ne(tn_tensor *a, tn_tensor *b)
{
    return op_binary(&op_ne, a, b);
}
