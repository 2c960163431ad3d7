/* argmin: where the smallest element is along an axis, or, none named, in the whole tensor in row-major order. The first
 * of equal ones; the first NaN if there is one. */
#include "op/scheme/extreme.h"

enum { AXES, KEEPDIM };

static void argmin_ref(const op_ref *c)
{
    op_ref_where_extreme(c, false);
}

const op_def op_argmin = {
    .name = "argmin",
    .doc = "The place of the smallest element along an axis (none named: in the whole tensor).",
    .torch = "torch.argmin",
    .onnx = "ArgMin",
    .in = {{"x", OP_ANY}},
    .out = {{"y", OP_BIT(TN_I64)}},
    .arg = {[AXES] = OP_ARG_INTS("axes"), [KEEPDIM] = OP_ARG_BOOL("keepdim", false)},
    .infer = op_infer_where_extreme,
    .grad = op_grad_zero,
    .ref = argmin_ref,
    .flops_each = 1,
    .cases =
        (const char *const[]){"x=x[5] axes=0", "x=x[2x3x4] axes=1", "x=x[2x3x4] axes=0 keepdim=true",
                              "x=x[2x3x4] axes=-1", "x=x[2x3x4]", "x=x[]", "x=x[6]:ties axes=0", "x=x[4x6]:ties axes=1",
                              "x=x[0x3] axes=1", "x=x[9x70] axes=1", "x=x[5x77]:ties axes=1", NULL},
    .bad = (const op_bad[]){{"x=x[2x3] axes=2", "axis 2 of a 2-d tensor"},
                            {"x=x[2x3] axes=0,1", "takes one axis"},
                            {"x=x[3x0] axes=1", "axis 1 has size 0"},
                            {0}},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *tn_argmin(tn_tensor *x, int axis, bool keepdim)
{
    int64_t axes[1] = {axis};
    return OP_MAKE(&op_argmin, OP_ARGS([AXES] = OP_L(1, axes), [KEEPDIM] = OP_I(keepdim)), x);
}

tn_tensor *tn_argmin_all(tn_tensor *x)
{
    return OP_MAKE(&op_argmin, NULL, x);
}

tn_sorted tn_min_along(tn_tensor *x, int axis, bool keepdim)
{
    tn_tensor *index = tn_argmin(x, axis, true);
    tn_sorted r = {tn_gather(x, axis, index), index};
    if (!keepdim)
        r = (tn_sorted){tn_squeeze(r.values, axis), tn_squeeze(r.index, axis)};
    return r;
}
