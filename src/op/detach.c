/* detach: x, through which no gradient flows: what is made from it counts as a constant. */
#include "op/scheme/op.h"

static tn_status detach_lower(const op_lower *c)
{
    c->out[0] = c->in[0];
    return TN_OK;
}

static void detach_ref(const op_ref *c)
{
    for (int64_t i = 0; i < c->out[0]->count; i++)
        c->out[0]->f[i] = c->in[0]->f[i];
}

const op_def op_detach = {
    .name = "detach",
    .doc = "x, through which no gradient flows.",
    .torch = "torch.Tensor.detach",
    .in = {{"x", OP_FLOATS, 'T', OP_FIXED}},
    .out = {{"y", 0, 'T'}},
    .infer = op_infer_same,
    .grad = op_grad_zero,
    .lower = detach_lower,
    .ref = detach_ref,
    .flops = op_no_flops,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4]", "x=x[]", "x=x[0x3]", NULL},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *tn_detach(tn_tensor *x)
{
    return op_unusable(x) || !tn_dtype_is_float(x->type.dtype) ? x : OP_MAKE(&op_detach, NULL, x);
}
