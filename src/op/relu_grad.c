/* relu_grad: dx = dy where y > 0, else 0, where y = relu(x) (or x itself: the sign decides). */
#include "op/internal.h"

static tn_status relu_grad_backward(const op_grad *c)
{
    op_give_zero(c, 1); /* but for a kink, piecewise linear */
    return op_wants(c, 0) ? op_give(c, 0, op_relu_grad_of(op_dout(c, 0), op_in(c, 1))) : TN_OK;
}

static double f(double dy, double y)
{
    return y > 0 ? dy : 0;
}
static int64_t g(int64_t dy, int64_t y)
{
    return y > 0 ? dy : 0;
}
static void relu_grad_ref(const op_ref *c)
{
    op_ref_binary(c, f, g);
}

const op_def op_relu_grad = {
    .name = "relu_grad",
    .doc = "The gradient of relu from dy and y.",
    .in = {{"dy", OP_NUMBERS, 'T'}, {"y", OP_NUMBERS, 'T'}},
    .out = {{"dx", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_alike,
    .grad = relu_grad_backward,
    .ref = relu_grad_ref,
    .cases = (const char *const[]){"dy=x[5] y=x[5]:kinks=0", "dy=x[2x3x4] y=x[2x3x4]", "dy=x[] y=x[]",
                                   "dy=x[0x3] y=x[0x3]", NULL},
    .bad = (const op_bad[]){{"dy=x[2x3] y=x[2]", "must have the shape"}, {0}},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *op_relu_grad_of(tn_tensor *dy, tn_tensor *y)
{
    return OP_MAKE(&op_relu_grad, NULL, dy, y);
}
