/* isinf: true where x is infinite, of either sign. */
#include "op/scheme/op.h"

#include <math.h>

static void isinf_ref(const op_ref *c)
{
    for (int64_t i = 0; i < c->out[0]->count; i++)
        c->out[0]->i[i] = c->in[0]->f && isinf(c->in[0]->f[i]);
}

const op_def op_isinf = {
    .name = "isinf",
    .doc = "Infinite, of either sign.",
    .torch = "torch.isinf",
    .onnx = "IsInf",
    .in = {{"x", OP_NUMBERS, 'T'}},
    .out = {{"y", OP_BOOLS}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = op_grad_zero,
    .ref = isinf_ref,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4]", "x=x[]", "x=x[0x3]", NULL},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *tn_isinf(tn_tensor *x)
{
    return OP_MAKE(&op_isinf, NULL, x);
}
