/* tanh: y = (e^x - e^-x) / (e^x + e^-x). */
#include "op/internal.h"

#include <math.h>

static tn_status tanh_backward(const op_grad *c)
{
    return op_give(c, 0, op_tanh_grad_of(op_dout(c, 0), op_out(c, 0)));
}

static double f(double x)
{
    return tanh(x);
}
static void tanh_ref(const op_ref *c)
{
    op_ref_unary(c, f, NULL);
}

const op_def op_tanh = {
    .name = "tanh",
    .doc = "Hyperbolic tangent.",
    .torch = "torch.tanh",
    .onnx = "Tanh",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = tanh_backward,
    .ref = tanh_ref,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4]", "x=x[]", "x=x[0x3]", NULL},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-15),
            [TN_F32] = OP_TOL(4e-6, 1e-7),
            [TN_F16] = OP_TOL(2e-3, 1e-6),
            [TN_BF16] = OP_TOL(1.6e-2, 1e-6)},
};

tn_tensor *tn_tanh(tn_tensor *x)
{
    return OP_MAKE(&op_tanh, NULL, x);
}
