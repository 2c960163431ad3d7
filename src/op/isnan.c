/* isnan: true where x is not a number. */
#include "op/scheme/op.h"

#include <math.h>

static void isnan_ref(const op_ref *c)
{
    for (int64_t i = 0; i < c->out[0]->count; i++)
        c->out[0]->i[i] = c->in[0]->f && isnan(c->in[0]->f[i]);
}

const op_def op_isnan = {
    .name = "isnan",
    .doc = "Not a number.",
    .torch = "torch.isnan",
    .onnx = "IsNaN",
    .in = {{"x", OP_NUMBERS, 'T'}},
    .out = {{"y", OP_BOOLS}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = op_grad_zero,
    .ref = isnan_ref,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4]", "x=x[]", "x=x[0x3]", NULL},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *tn_isnan(tn_tensor *x)
{
    return OP_MAKE(&op_isnan, NULL, x);
}
