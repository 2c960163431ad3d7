/* rms_norm_grad: the gradients of rms_norm for x and weight. With xhat and rstd of x's rows, g = dy * weight:
 *   dx = rstd * (g - xhat * mean(g * xhat)),   dweight = sum(dy * xhat). */
#include "op/internal.h"
#include "op/scheme/norm.h"

static tn_status rms_norm_grad_lower(const op_lower *c)
{
    op_norm_grad_lower(c, false);
    return TN_OK;
}

static void rms_norm_grad_ref(const op_ref *c)
{
    op_norm_grad_ref(c, false);
}

const op_def op_rms_norm_grad = {
    .name = "rms_norm_grad",
    .doc = "The gradients of rms_norm.",
    .in = {{"dy", OP_FLOATS, 'T'}, {"x", OP_FLOATS, 'T'}, {"weight", OP_FLOATS, 0, OP_OPTIONAL}},
    .out = {{"dx", 0, 'T'}, {"dweight", OP_FLOATS}},
    .arg = OP_NORM_ARGS,
    .infer = op_norm_grad_infer,
    .lower = rms_norm_grad_lower,
    .ref = rms_norm_grad_ref,
    .flops = op_norm_flops,
    .cases = (const char *const[]){"dy=x[4x5] x=x[4x5] weight=x[5]", "dy=x[2x3x4] x=x[2x3x4] weight=x[3x4] axes=2",
                                   "dy=x[3x7] x=x[3x7] eps=0.01", "dy=x[6] x=x[6] weight=x[6]",
                                   "dy=x[300x17] x=x[300x17] weight=x[17]", "dy=x[0x3] x=x[0x3] weight=x[3]", NULL},
    .bad = (const op_bad[]){{"dy=x[4] x=x[4] axes=2", "axes is 2, and x has 1"},
                            {"dy=x[3] x=x[4]", "dy must have the shape of x"},
                            {"dy=x[4x3] x=x[4x3] weight=x[4x3]", "'weight' has 2 axes"},
                            {0}},
    .tol = OP_NORM_TOL,
};

tn_tensor *op_rms_norm_grad_of(tn_tensor *dy, tn_tensor *x, tn_tensor *weight, const op_value *arg)
{
    return OP_MAKE(&op_rms_norm_grad,
                   OP_ARGS([OP_NORM_AXES] = {true, arg[OP_NORM_AXES]}, [OP_NORM_EPS] = {true, arg[OP_NORM_EPS]}), dy, x,
                   weight);
}
