/* swiglu: y = a * silu(b), a and b the halves of x along an axis (Shazeer 2020). As in glu the second half is the gate. */
#include "op/scheme/gated.h"

#include <math.h>

enum { AXIS };

static tn_status swiglu_infer(const op_infer *c)
{
    return op_infer_gated(c, AXIS);
}

static tn_status swiglu_lower(const op_lower *c)
{
    return op_lower_gated(c, AXIS, tn_silu);
}

static double f(double x)
{
    return x / (1 + exp(-x));
}
static void swiglu_ref(const op_ref *c)
{
    op_ref_gated(c, AXIS, f);
}

const op_def op_swiglu = {
    .name = "swiglu",
    .doc = "a * silu(b), a and b the halves of x along an axis.",
    .onnx = "SwiGLU",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {[AXIS] = OP_ARG_INT("axis", -1)},
    .infer = swiglu_infer,
    .lower = swiglu_lower,
    .ref = swiglu_ref,
    .cases = (const char *const[]){OP_GATED_CASES, NULL},
    .bad = (const op_bad[]){OP_GATED_BAD, {0}},
    .tol = {OP_GATED_TOL},
};

tn_tensor *tn_swiglu(tn_tensor *x, int axis)
{
    return OP_MAKE(&op_swiglu, OP_ARGS([AXIS] = OP_I(axis)), x);
}
