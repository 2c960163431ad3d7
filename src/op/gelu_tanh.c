/* gelu_tanh: y = x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) / 2, the approximation of gelu in the same paper. */
#include "op/internal.h"

#include <math.h>

static tn_status gelu_tanh_backward(const op_grad *c)
{
    return op_give(c, 0, op_gelu_tanh_grad_of(op_dout(c, 0), op_in(c, 0)));
}

static double f(double x)
{
    return 0.5 * x * (1 + tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
}
static void gelu_tanh_ref(const op_ref *c)
{
    op_ref_unary(c, f, NULL);
}

const op_def op_gelu_tanh = {
    .name = "gelu_tanh",
    .doc = "gelu by its approximation with tanh.",
    .torch = "torch.nn.functional.gelu",
    .onnx = "Gelu",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = gelu_tanh_backward,
    .ref = gelu_tanh_ref,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4]", "x=x[]", "x=x[0x3]", NULL},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-15),
            [TN_F32] = OP_TOL(4e-6, 1e-7),
            [TN_F16] = OP_TOL(2e-3, 1e-6),
            [TN_BF16] = OP_TOL(1.6e-2, 1e-6)},
};

tn_tensor *tn_gelu_tanh(tn_tensor *x)
{
    return OP_MAKE(&op_gelu_tanh, NULL, x);
}
