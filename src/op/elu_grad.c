/* elu_grad: dx = dy where x > 0, else dy * alpha * e^x. */
#include "op/internal.h"

#include <math.h>

enum { ALPHA };

static tn_status elu_grad_backward(const op_grad *c)
{
    tn_tensor *dy = op_in(c, 0), *x = op_in(c, 1), *d = op_dout(c, 0);
    double alpha = op_arg(c, ALPHA)->f;
    if (op_wants(c, 0))
        op_give(c, 0, op_elu_grad_of(d, x, alpha));
    if (op_wants(c, 1)) { /* below 0 the gradient is an exponential, its own slope; above it is flat */
        tn_tensor *flat = tn_gt(x, op_like_scalar(x, 0));
        op_give(c, 1, tn_where(flat, op_like_scalar(d, 0), tn_mul(d, op_elu_grad_of(dy, x, alpha))));
    }
    return TN_OK;
}

static void elu_grad_ref(const op_ref *c)
{
    double alpha = c->arg[ALPHA].f;
    for (int64_t i = 0; i < c->out[0]->count; i++) {
        double dy = c->in[0]->f[i], x = c->in[1]->f[i];
        c->out[0]->f[i] = x > 0 ? dy : dy * alpha * exp(x);
    }
}

const op_def op_elu_grad = {
    .name = "elu_grad",
    .doc = "The gradient of elu from dy and x.",
    .in = {{"dy", OP_FLOATS, 'T'}, {"x", OP_FLOATS, 'T'}},
    .out = {{"dx", 0, 'T'}},
    .arg = {[ALPHA] = OP_ARG_FLOAT("alpha", 1)},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_alike,
    .grad = elu_grad_backward,
    .ref = elu_grad_ref,
    .cases = (const char *const[]){"dy=x[5] x=x[5]:kinks=0", "dy=x[2x3x4] x=x[2x3x4] alpha=0.5", "dy=x[] x=x[]",
                                   "dy=x[0x3] x=x[0x3]", NULL},
    .bad = (const op_bad[]){{"dy=x[2x3] x=x[2]", "must have the shape"}, {0}},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-15),
            [TN_F32] = OP_TOL(4e-6, 1e-7),
            [TN_F16] = OP_TOL(2e-3, 1e-6),
            [TN_BF16] = OP_TOL(1.6e-2, 1e-6)},
};

tn_tensor *op_elu_grad_of(tn_tensor *dy, tn_tensor *x, double alpha)
{
    return OP_MAKE(&op_elu_grad, OP_ARGS([ALPHA] = OP_F(alpha)), dy, x);
}
