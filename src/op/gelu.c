/* gelu: y = x * P(X <= x) for a standard normal X (Hendrycks, Gimpel 2016), by the error function. */
#include "op/internal.h"

#include <math.h>

static tn_status gelu_backward(const op_grad *c)
{
    return op_give(c, 0, op_gelu_grad_of(op_dout(c, 0), op_in(c, 0)));
}

static double f(double x)
{
    return x * 0.5 * erfc(-x * 0.70710678118654752440);
}
static void gelu_ref(const op_ref *c)
{
    op_ref_unary(c, f, NULL);
}

const op_def op_gelu = {
    .name = "gelu",
    .doc = "x * P(X <= x), X standard normal.",
    .torch = "torch.nn.functional.gelu",
    .onnx = "Gelu",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = gelu_backward,
    .ref = gelu_ref,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4]", "x=x[]", "x=x[0x3]", NULL},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-15),
            [TN_F32] = OP_TOL(4e-6, 1e-7),
            [TN_F16] = OP_TOL(2e-3, 1e-6),
            [TN_BF16] = OP_TOL(1.6e-2, 1e-6)},
};

tn_tensor *tn_gelu(tn_tensor *x)
{
    return OP_MAKE(&op_gelu, NULL, x);
}
