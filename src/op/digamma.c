/* digamma: the derivative of log(gamma(x)); infinite at 0, NaN at -1, -2, .... */
#include "base/special.h"
#include "op/scheme/op.h"

static tn_status digamma_backward(const op_grad *c)
{
    return op_give(c, 0, tn_mul(op_dout(c, 0), tn_polygamma(op_in(c, 0), 1)));
}

static void digamma_ref(const op_ref *c)
{
    op_ref_unary(c, base_digamma, NULL);
}

const op_def op_digamma = {
    .name = "digamma",
    .doc = "The derivative of log(gamma(x)).",
    .torch = "torch.digamma",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = digamma_backward,
    .ref = digamma_ref,
    .cases =
        (const char *const[]){"x=x[5]:positive", "x=x[2x3x4]:above=0.5", "x=x[40]", "x=x[]:positive", "x=x[0x3]", NULL},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *tn_digamma(tn_tensor *x)
{
    return OP_MAKE(&op_digamma, NULL, x);
}
