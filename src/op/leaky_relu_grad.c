/* leaky_relu_grad: dx = dy where x > 0, else slope * dy. */
#include "op/internal.h"

#include <math.h>

enum { SLOPE };

static tn_status leaky_relu_grad_backward(const op_grad *c)
{
    op_give_zero(c, 1); /* but for a kink, piecewise linear */
    return op_wants(c, 0) ? op_give(c, 0, op_leaky_relu_grad_of(op_dout(c, 0), op_in(c, 1), op_arg(c, SLOPE)->f))
                          : TN_OK;
}

static void leaky_relu_grad_ref(const op_ref *c)
{
    double slope = c->arg[SLOPE].f;
    for (int64_t i = 0; i < c->out[0]->count; i++) {
        double dy = c->in[0]->f[i], x = c->in[1]->f[i];
        c->out[0]->f[i] = x > 0 ? dy : dy * slope;
    }
}

const op_def op_leaky_relu_grad = {
    .name = "leaky_relu_grad",
    .doc = "The gradient of leaky_relu from dy and x.",
    .in = {{"dy", OP_FLOATS, 'T'}, {"x", OP_FLOATS, 'T'}},
    .out = {{"dx", 0, 'T'}},
    .arg = {[SLOPE] = OP_ARG_FLOAT("slope", 0.01)},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_alike,
    .grad = leaky_relu_grad_backward,
    .ref = leaky_relu_grad_ref,
    .cases = (const char *const[]){"dy=x[5] x=x[5]:kinks=0", "dy=x[2x3x4] x=x[2x3x4] slope=0.2", "dy=x[] x=x[]",
                                   "dy=x[0x3] x=x[0x3]", NULL},
    .bad = (const op_bad[]){{"dy=x[2x3] x=x[2]", "must have the shape"}, {0}},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *op_leaky_relu_grad_of(tn_tensor *dy, tn_tensor *x, double slope)
{
    return OP_MAKE(&op_leaky_relu_grad, OP_ARGS([SLOPE] = OP_F(slope)), dy, x);
}
