/* silu: y = x * sigmoid(x) (Elfwing, Uchibe, Doya 2018). */
#include "op/internal.h"

#include <math.h>

static tn_status silu_backward(const op_grad *c)
{
    return op_give(c, 0, op_silu_grad_of(op_dout(c, 0), op_in(c, 0)));
}

static double f(double x)
{
    return x / (1 + exp(-x));
}
static void silu_ref(const op_ref *c)
{
    op_ref_unary(c, f, NULL);
}

const op_def op_silu = {
    .name = "silu",
    .doc = "x * sigmoid(x).",
    .torch = "torch.nn.functional.silu",
    .onnx = "Swish",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = silu_backward,
    .ref = silu_ref,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4]", "x=x[]", "x=x[0x3]", NULL},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-15),
            [TN_F32] = OP_TOL(4e-6, 1e-7),
            [TN_F16] = OP_TOL(2e-3, 1e-6),
            [TN_BF16] = OP_TOL(1.6e-2, 1e-6)},
};

tn_tensor *tn_silu(tn_tensor *x)
{
    return OP_MAKE(&op_silu, NULL, x);
}
