/* resize_grad: each dy given back to what it was made of, with the same weights, on an axis of the given size. Linear. */
#include "op/internal.h"
#include "op/scheme/resize.h"

static tn_status resize_grad_backward(const op_grad *c)
{
    int axis = (int)op_arg(c, OP_RESIZE_AXIS)->i;
    return op_give(c, 0, op_resize_of(op_dout(c, 0), tn_dim_of(op_in(c, 0), axis), op_arg(c, 0)));
}

static void resize_grad_ref(const op_ref *c)
{
    op_resize_ref(c, true);
}

const op_def op_resize_grad = {
    .name = "resize_grad",
    .doc = "The gradient of resize.",
    .in = {{"dy", OP_FLOATS, 'T'}},
    .out = {{"dx", 0, 'T'}},
    .arg = {OP_RESIZE_ARGS},
    .infer = op_resize_infer,
    .grad = resize_grad_backward,
    .ref = resize_grad_ref,
    .flops_each = 2,
    .cases =
        (const char *const[]){
            "dy=x[2x3x8] axis=2 size=4 mode=nearest", "dy=x[2x3x9x4] axis=2 size=5 mode=linear",
            "dy=x[2x3] axis=1 size=7 mode=linear", "dy=x[2x7x3] axis=1 size=3 mode=linear align_corners=true",
            "dy=x[11x2] axis=0 size=6 mode=cubic", "dy=x[2x4x3] axis=1 size=9 mode=linear antialias=true",
            "dy=x[2x4x7x3] axis=2 size=19 mode=area", "dy=x[2x17x4x12] axis=3 size=5 mode=linear scale=2.5",
            "dy=x[0x2] axis=1 size=4 mode=linear", NULL},
    .bad = (const op_bad[]){{"dy=x[2x3] axis=2 size=4", "axis 2 of a 2-d tensor"},
                            {"dy=x[2x3] axis=1 size=0", "both must be above 0"},
                            {"dy=x[2x3] axis=1 size=3,4", "takes one size"},
                            {"dy=x[2x3] axis=1 size=3 align_corners=true", "align_corners goes with linear and cubic"},
                            {"dy=x[2x3] axis=1 size=3 antialias=true", "antialias goes with linear and cubic"},
                            {0}},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *op_resize_grad_of(tn_tensor *dy, tn_dim size, const op_value *arg)
{
    return OP_MAKE(
        &op_resize_grad,
        OP_ARGS([OP_RESIZE_AXIS] = {true, arg[OP_RESIZE_AXIS]}, [OP_RESIZE_SIZE] = OP_L(1, &size),
                [OP_RESIZE_MODE] = {true, arg[OP_RESIZE_MODE]}, [OP_RESIZE_ALIGN] = {true, arg[OP_RESIZE_ALIGN]},
                [OP_RESIZE_ANTIALIAS] = {true, arg[OP_RESIZE_ANTIALIAS]},
                [OP_RESIZE_SCALE] = {true, arg[OP_RESIZE_SCALE]}),
        dy);
}
