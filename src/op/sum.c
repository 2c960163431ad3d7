/* sum: adds up over axes. Integers and bool are added in i64. */
#include "op/scheme/op.h"

#include <math.h>

enum { AXES, KEEPDIM };

static tn_status sum_infer(const op_infer *c)
{
    c->out[0].dtype = tn_dtype_is_float(c->in[0]->dtype) ? c->in[0]->dtype : TN_I64;
    return op_infer_reduced(c);
}

static tn_status sum_backward(const op_grad *c)
{
    return op_give(c, 0, op_expand_reduced(op_dout(c, 0), op_in(c, 0), op_arg(c, AXES), op_arg(c, KEEPDIM)->i));
}

static void sum_ref(const op_ref *c)
{
    const op_array *x = c->in[0];
    op_array *y = c->out[0];
    for (int64_t i = 0; i < x->count; i++) {
        int64_t at = op_ref_reduced(c, i);
        if (y->f) {
            y->f[at] += x->f[i];
            y->magnitude[at] += fabs(x->f[i]);
        } else {
            y->i[at] += x->i[i];
        }
    }
}

const op_def op_sum = {
    .name = "sum",
    .doc = "Sum over axes (none named: all).",
    .torch = "torch.sum",
    .onnx = "ReduceSum",
    .in = {{"x", OP_ANY}},
    .out = {{"y", OP_FLOATS | OP_BIT(TN_I64)}},
    .arg = {[AXES] = OP_ARG_INTS("axes"), [KEEPDIM] = OP_ARG_BOOL("keepdim", false)},
    .infer = sum_infer,
    .grad = sum_backward,
    .ref = sum_ref,
    .flops_each = 1,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4] axes=1", "x=x[2x3x4] axes=0,2 keepdim=true",
                                   "x=x[2x3x4] axes=-1", "x=x[]", "x=x[0x3] axes=0", "x=x[3x0] axes=0",
                                   "x=x[300x7] axes=0", "x=x[7x300] axes=1", NULL},
    .bad = (const op_bad[]){{"x=x[2x3] axes=2", "axis 2 of a 2-d tensor"}, {"x=x[2x3] axes=1,1", "named twice"}, {0}},
    .tol = {OP_TOL_FLOATS, OP_TOL_INTS},
};

tn_tensor *tn_sum_axes(tn_tensor *x, int n, const int64_t *axes, bool keepdim)
{
    return OP_MAKE(&op_sum, OP_ARGS([AXES] = OP_L(n, axes), [KEEPDIM] = OP_I(keepdim)), x);
}

tn_tensor *tn_sum(tn_tensor *x)
{
    return tn_sum_axes(x, 0, NULL, false);
}
