/* glu: y = a * sigmoid(b), a and b the halves of x along an axis (Dauphin et al. 2017). */
#include "op/scheme/gated.h"

#include <math.h>

enum { AXIS };

static tn_status glu_infer(const op_infer *c)
{
    return op_infer_gated(c, AXIS);
}

static tn_status glu_lower(const op_lower *c)
{
    return op_lower_gated(c, AXIS, tn_sigmoid);
}

static double f(double x)
{
    return 1 / (1 + exp(-x));
}
static void glu_ref(const op_ref *c)
{
    op_ref_gated(c, AXIS, f);
}

const op_def op_glu = {
    .name = "glu",
    .doc = "a * sigmoid(b), a and b the halves of x along an axis.",
    .torch = "torch.nn.functional.glu",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {[AXIS] = OP_ARG_INT("axis", -1)},
    .infer = glu_infer,
    .lower = glu_lower,
    .ref = glu_ref,
    .cases = (const char *const[]){OP_GATED_CASES, NULL},
    .bad = (const op_bad[]){OP_GATED_BAD, {0}},
    .tol = {OP_GATED_TOL},
};

tn_tensor *tn_glu(tn_tensor *x, int axis)
{
    return OP_MAKE(&op_glu, OP_ARGS([AXIS] = OP_I(axis)), x);
}
