/* lgamma: the logarithm of |gamma(x)|; infinite at 0, -1, -2, .... */
#include "base/special.h"
#include "op/scheme/op.h"

static tn_status lgamma_backward(const op_grad *c)
{
    return op_give(c, 0, tn_mul(op_dout(c, 0), tn_digamma(op_in(c, 0))));
}

static void lgamma_ref(const op_ref *c)
{
    op_ref_unary(c, base_lgamma, NULL);
}

const op_def op_lgamma = {
    .name = "lgamma",
    .doc = "log |gamma(x)|.",
    .torch = "torch.lgamma",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = lgamma_backward,
    .ref = lgamma_ref,
    .cases =
        (const char *const[]){"x=x[5]:positive", "x=x[2x3x4]:above=0.5", "x=x[40]", "x=x[]:positive", "x=x[0x3]", NULL},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *tn_lgamma(tn_tensor *x)
{
    return OP_MAKE(&op_lgamma, NULL, x);
}
