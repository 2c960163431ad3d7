/* max: the largest element over axes; NaN if there is one. The gradient is split evenly over equal elements, as PyTorch's
 * amax does. Nothing has no largest element, but where `empty` says that it is -infinity: for sizes that are symbols. */
#include "op/internal.h"
#include "op/scheme/extreme.h"

enum { AXES, KEEPDIM, EMPTY };

static tn_status max_infer(const op_infer *c)
{
    if (!c->arg[EMPTY].i)
        return op_infer_extreme(c);
    if (!tn_dtype_is_float(c->in[0]->dtype))
        return op_fail(c, TN_DTYPE, "with 'empty' needs a float dtype, which has an infinity");
    return op_infer_reduced(c);
}

static void max_ref(const op_ref *c)
{
    op_ref_extreme(c, true);
}

const op_def op_max = {
    .name = "max",
    .doc = "The largest element over axes (none named: all).",
    .torch = "torch.amax",
    .onnx = "ReduceMax",
    .in = {{"x", OP_ANY, 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {[AXES] = OP_ARG_INTS("axes"),
            [KEEPDIM] = OP_ARG_BOOL("keepdim", false),
            [EMPTY] = OP_ARG_BOOL("empty", false)},
    .infer = max_infer,
    .grad = op_grad_extreme,
    .ref = max_ref,
    .flops_each = 1,
    .cases =
        (const char *const[]){"x=x[5]", "x=x[2x3x4] axes=1", "x=x[2x3x4] axes=0,2 keepdim=true", "x=x[2x3x4] axes=-1",
                              "x=x[]", "x=x[6]:ties", "x=x[4x6]:ties axes=1", "x=x[0x3] axes=1", "x=x[70x9] axes=0",
                              "x=x[9x70] axes=1", "x=f[3x0] axes=1 empty=true", "x=f[3x4] axes=1 empty=true", NULL},
    .bad = (const op_bad[]){{"x=x[2x3] axes=2", "axis 2 of a 2-d tensor"},
                            {"x=x[2x3] axes=1,1", "named twice"},
                            {"x=x[3x0] axes=1", "axis 1 has size 0"},
                            {"x=i[3x2] axes=1 empty=true", "needs a float dtype"},
                            {0}},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *tn_max_axes(tn_tensor *x, int n, const int64_t *axes, bool keepdim)
{
    return OP_MAKE(&op_max, OP_ARGS([AXES] = OP_L(n, axes), [KEEPDIM] = OP_I(keepdim)), x);
}

tn_tensor *op_max_or_none(tn_tensor *x, int n, const int64_t *axes)
{
    return OP_MAKE(&op_max, OP_ARGS([AXES] = OP_L(n, axes), [KEEPDIM] = OP_I(true), [EMPTY] = OP_I(true)), x);
}

tn_tensor *tn_max(tn_tensor *x)
{
    return tn_max_axes(x, 0, NULL, false);
}
