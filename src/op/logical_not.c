/* logical_not: true where x is 0. */
#include "op/scheme/op.h"

static void logical_not_ref(const op_ref *c)
{
    for (int64_t i = 0; i < c->out[0]->count; i++)
        c->out[0]->i[i] = c->in[0]->f ? c->in[0]->f[i] == 0 : c->in[0]->i[i] == 0;
}

const op_def op_logical_not = {
    .name = "logical_not",
    .doc = "True where x is 0.",
    .torch = "torch.logical_not",
    .onnx = "Not",
    .in = {{"x", OP_ANY, 'T'}},
    .out = {{"y", OP_BOOLS}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = op_grad_zero,
    .ref = logical_not_ref,
    .cases = (const char *const[]){"x=x[5]:kinks=0", "x=x[2x3x4]", "x=x[]", "x=x[0x3]", NULL},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *tn_logical_not(tn_tensor *x)
{
    return OP_MAKE(&op_logical_not, NULL, x);
}
