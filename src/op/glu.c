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
    .cases = (const char *const[]){"x=x[6]", "x=x[2x3x4]", "x=x[3x4x5] axis=1", "x=x[4x3] axis=-2", "x=x[0x2]", NULL},
    .bad = (const op_bad[]){{"x=x[2x3]", "axis 1 has size 3, which has no halves"},
                            {"x=x[2x3] axis=2", "axis 2 of a 2-d tensor"},
                            {0}},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-15),
            [TN_F32] = OP_TOL(4e-6, 1e-7),
            [TN_F16] = OP_TOL(3e-3, 1e-6),
            [TN_BF16] = OP_TOL(2.4e-2, 1e-6)},
};

tn_tensor *tn_glu(tn_tensor *x, int axis)
{
    return OP_MAKE(&op_glu, OP_ARGS([AXIS] = OP_I(axis)), x);
}
