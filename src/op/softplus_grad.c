/* softplus_grad: dx = dy * sigmoid(beta x), and dy where beta x > threshold. */
#include "op/internal.h"

#include <math.h>

enum { BETA, THRESHOLD };

static tn_status softplus_grad_backward(const op_grad *c)
{
    tn_tensor *dy = op_in(c, 0), *x = op_in(c, 1), *d = op_dout(c, 0);
    double beta = op_arg(c, BETA)->f, threshold = op_arg(c, THRESHOLD)->f;
    if (op_wants(c, 0))
        op_give(c, 0, op_softplus_grad_of(d, x, beta, threshold));
    if (op_wants(c, 1)) {
        tn_tensor *z = tn_mul_f(x, beta), *flat = tn_gt(z, op_like_scalar(z, threshold));
        tn_tensor *slope = op_sigmoid_grad_of(tn_mul_f(tn_mul(d, dy), beta), tn_sigmoid(z));
        op_give(c, 1, tn_where(flat, op_like_scalar(d, 0), slope));
    }
    return TN_OK;
}

static void softplus_grad_ref(const op_ref *c)
{
    double beta = c->arg[BETA].f;
    double threshold = c->arg[THRESHOLD].f;
    for (int64_t i = 0; i < c->out[0]->count; i++) {
        double dy = c->in[0]->f[i], x = c->in[1]->f[i];
        c->out[0]->f[i] = beta * x > threshold ? dy : dy / (1 + exp(-beta * x));
    }
}

const op_def op_softplus_grad = {
    .name = "softplus_grad",
    .doc = "The gradient of softplus from dy and x.",
    .in = {{"dy", OP_FLOATS, 'T'}, {"x", OP_FLOATS, 'T'}},
    .out = {{"dx", 0, 'T'}},
    .arg = {[BETA] = OP_ARG_FLOAT_IN("beta", 1, 1e-30, 1e30), [THRESHOLD] = OP_ARG_FLOAT("threshold", 20)},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_alike,
    .grad = softplus_grad_backward,
    .ref = softplus_grad_ref,
    .cases = (const char *const[]){"dy=x[5] x=x[5]", "dy=x[2x3x4] x=x[2x3x4] beta=2 threshold=2", "dy=x[] x=x[]",
                                   "dy=x[0x3] x=x[0x3]", NULL},
    .bad = (const op_bad[]){{"dy=x[2x3] x=x[2]", "must have the shape"}, {"dy=x[2] x=x[2] beta=0", "beta is 0"}, {0}},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-15),
            [TN_F32] = OP_TOL(4e-6, 1e-7),
            [TN_F16] = OP_TOL(2e-3, 1e-6),
            [TN_BF16] = OP_TOL(1.6e-2, 1e-6)},
};

tn_tensor *op_softplus_grad_of(tn_tensor *dy, tn_tensor *x, double beta, double threshold)
{
    return OP_MAKE(&op_softplus_grad, OP_ARGS([BETA] = OP_F(beta), [THRESHOLD] = OP_F(threshold)), dy, x);
}
