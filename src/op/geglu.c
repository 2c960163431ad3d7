/* geglu: y = a * gelu(b), a and b the halves of x along an axis (Shazeer 2020). As in glu the second half is the gate. */
#include "op/scheme/gated.h"

#include <math.h>

enum { AXIS };

static tn_status geglu_infer(const op_infer *c)
{
    return op_infer_gated(c, AXIS);
}

static tn_status geglu_lower(const op_lower *c)
{
    return op_lower_gated(c, AXIS, tn_gelu);
}

static double f(double x)
{
    return x * 0.5 * erfc(-x * 0.70710678118654752440);
}
static void geglu_ref(const op_ref *c)
{
    op_ref_gated(c, AXIS, f);
}

const op_def op_geglu = {
    .name = "geglu",
    .doc = "a * gelu(b), a and b the halves of x along an axis.",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {[AXIS] = OP_ARG_INT("axis", -1)},
    .infer = geglu_infer,
    .lower = geglu_lower,
    .ref = geglu_ref,
    .cases = (const char *const[]){"x=x[6]", "x=x[2x3x4]", "x=x[3x4x5] axis=1", "x=x[4x3] axis=-2", "x=x[0x2]", NULL},
    .bad = (const op_bad[]){{"x=x[2x3]", "axis 1 has size 3, which has no halves"},
                            {"x=x[2x3] axis=2", "axis 2 of a 2-d tensor"},
                            {0}},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-15),
            [TN_F32] = OP_TOL(4e-6, 1e-7),
            [TN_F16] = OP_TOL(3e-3, 1e-6),
            [TN_BF16] = OP_TOL(2.4e-2, 1e-6)},
};

tn_tensor *tn_geglu(tn_tensor *x, int axis)
{
    return OP_MAKE(&op_geglu, OP_ARGS([AXIS] = OP_I(axis)), x);
}
