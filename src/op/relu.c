/* relu: y = max(x, 0); NaN stays. The gradient at 0 is 0, as in PyTorch. */
#include "op/internal.h"

/* Behind a pooling the pooled values tell as well which elements count, and are fewer: the winner is above 0 where y is. */
static tn_status relu_backward(const op_grad *c)
{
    const op_value *pool;
    tn_tensor *y = op_out(c, 0), *dy = op_dout(c, 0), *pooled = op_max_pool2d_spread(dy, y, &pool);
    if (pooled)
        return op_give(c, 0, op_max_pool2d_grad_of(op_relu_grad_of(pooled, op_max_pool2d_of(y, pool)), y, pool));
    return op_give(c, 0, op_relu_grad_of(dy, y));
}

static double f(double x)
{
    return x <= 0 ? 0 : x;
}
static int64_t g(int64_t x)
{
    return x <= 0 ? 0 : x;
}
static void relu_ref(const op_ref *c)
{
    op_ref_unary(c, f, g);
}

const op_def op_relu = {
    .name = "relu",
    .doc = "max(x, 0); the gradient at 0 is 0.",
    .torch = "torch.nn.functional.relu",
    .onnx = "Relu",
    .in = {{"x", OP_NUMBERS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = relu_backward,
    .ref = relu_ref,
    .cases = (const char *const[]){"x=x[5]:kinks=0", "x=x[2x3x4]", "x=x[]", "x=x[0x3]", "x=x[3x0]", NULL},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *tn_relu(tn_tensor *x)
{
    return OP_MAKE(&op_relu, NULL, x);
}
