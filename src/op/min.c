/* min: the smallest element over axes; NaN if there is one. The gradient is split evenly over equal elements, as PyTorch's
 * amin does. */
#include "op/scheme/extreme.h"

enum { AXES, KEEPDIM };

static void min_ref(const op_ref *c)
{
    op_ref_extreme(c, false);
}

const op_def op_min = {
    .name = "min",
    .doc = "The smallest element over axes (none named: all).",
    .torch = "torch.amin",
    .onnx = "ReduceMin",
    .in = {{"x", OP_ANY, 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {[AXES] = OP_ARG_INTS("axes"), [KEEPDIM] = OP_ARG_BOOL("keepdim", false)},
    .infer = op_infer_extreme,
    .grad = op_grad_extreme,
    .ref = min_ref,
    .flops_each = 1,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4] axes=1", "x=x[2x3x4] axes=0,2 keepdim=true",
                                   "x=x[2x3x4] axes=-1", "x=x[]", "x=x[6]:ties", "x=x[4x6]:ties axes=1",
                                   "x=x[0x3] axes=1", "x=x[70x9] axes=0", "x=x[9x70] axes=1", NULL},
    .bad = (const op_bad[]){{"x=x[2x3] axes=2", "axis 2 of a 2-d tensor"},
                            {"x=x[2x3] axes=1,1", "named twice"},
                            {"x=x[3x0] axes=1", "axis 1 has size 0"},
                            {0}},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *tn_min_axes(tn_tensor *x, int n, const int64_t *axes, bool keepdim)
{
    return OP_MAKE(&op_min, OP_ARGS([AXES] = OP_L(n, axes), [KEEPDIM] = OP_I(keepdim)), x);
}

tn_tensor *tn_min(tn_tensor *x)
{
    return tn_min_axes(x, 0, NULL, false);
}
