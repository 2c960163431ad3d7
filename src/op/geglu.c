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
    .cases = (const char *const[]){OP_GATED_CASES, NULL},
    .bad = (const op_bad[]){OP_GATED_BAD, {0}},
    .tol = {OP_GATED_TOL},
};

tn_tensor *tn_geglu(tn_tensor *x, int axis)
{
    return OP_MAKE(&op_geglu, OP_ARGS([AXIS] = OP_I(axis)), x);
}
