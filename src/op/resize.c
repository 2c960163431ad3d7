/* resize: an axis brought to another size by its neighbours: the nearest one (nearest, nearest_exact: by its middle), linear or cubic
 * interpolation, or the mean of what an element covers (area). align_corners: the first and last elements stay where they are.
 * antialias: filters are stretched over what is left out. scale: how much longer the axis becomes; 0: by the sizes. Pictures are
 * brought to another size axis by axis. */
#include "op/scheme/resize.h"
#include "op/internal.h"

static tn_status resize_backward(const op_grad *c)
{
    int axis = (int)op_arg(c, OP_RESIZE_AXIS)->i;
    return op_give(c, 0, op_resize_grad_of(op_dout(c, 0), tn_dim_of(op_in(c, 0), axis), op_arg(c, 0)));
}

static void resize_ref(const op_ref *c)
{
    op_resize_ref(c, false);
}

const op_def op_resize = {
    .name = "resize",
    .doc = "An axis brought to another size by interpolation.",
    .torch = "torch.nn.functional.interpolate",
    .onnx = "Resize",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {OP_RESIZE_ARGS},
    .infer = op_resize_infer,
    .grad = resize_backward,
    .ref = resize_ref,
    .flops_each = 2,
    .cases = (const char *const[]){"x=x[2x3x4] axis=2 size=8 mode=nearest",
                                   "x=x[2x3x5x4] axis=2 size=8 mode=nearest_exact",
                                   "x=x[2x3x5x4] axis=3 size=9 mode=linear",
                                   "x=x[2x5] axis=0 size=3 mode=linear",
                                   "x=x[2x7x3] axis=1 size=3 mode=linear align_corners=true",
                                   "x=x[2x7x3] axis=1 size=1 mode=linear align_corners=true",
                                   "x=x[6x2] axis=0 size=11 mode=cubic",
                                   "x=x[2x6] axis=1 size=3 mode=cubic",
                                   "x=x[2x9] axis=-1 size=4 mode=cubic align_corners=true",
                                   "x=x[2x9x3] axis=1 size=4 mode=linear antialias=true",
                                   "x=x[2x11x2] axis=1 size=4 mode=cubic antialias=true",
                                   "x=x[2x4x19x3] axis=2 size=7 mode=area",
                                   "x=x[2x4x3] axis=1 size=7 mode=area",
                                   "x=x[2x17x4x5] axis=3 size=12 mode=linear scale=2.5",
                                   "x=x[2x16x6x5] axis=2 size=13 mode=linear",
                                   "x=x[2x16x4x5] axis=3 size=11 mode=nearest",
                                   "x=x[2x5] axis=1 size=7 mode=nearest scale=1.5",
                                   "x=x[1] axis=0 size=3 mode=cubic",
                                   "x=x[0x4] axis=1 size=2 mode=linear",
                                   NULL},
    .bad = (const op_bad[]){{"x=x[2x3] axis=2 size=4", "axis 2 of a 2-d tensor"},
                            {"x=x[2x3] axis=1 size=0", "both must be above 0"},
                            {"x=x[2x0] axis=1 size=3", "both must be above 0"},
                            {"x=x[2x3] axis=1 size=3,4", "takes one size"},
                            {"x=x[2x3] axis=1 size=3 align_corners=true", "align_corners goes with linear and cubic"},
                            {"x=x[2x3] axis=1 size=3 mode=area antialias=true", "antialias goes with linear and cubic"},
                            {"x=x[2x3] axis=1 size=3 scale=-1", "scale is -1"},
                            {0}},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *op_resize_of(tn_tensor *x, tn_dim size, const op_value *arg)
{
    return OP_MAKE(
        &op_resize,
        OP_ARGS([OP_RESIZE_AXIS] = {true, arg[OP_RESIZE_AXIS]}, [OP_RESIZE_SIZE] = OP_L(1, &size),
                [OP_RESIZE_MODE] = {true, arg[OP_RESIZE_MODE]}, [OP_RESIZE_ALIGN] = {true, arg[OP_RESIZE_ALIGN]},
                [OP_RESIZE_ANTIALIAS] = {true, arg[OP_RESIZE_ANTIALIAS]},
                [OP_RESIZE_SCALE] = {true, arg[OP_RESIZE_SCALE]}),
        x);
}
