/* gelu_grad: dx = dy * (P(X <= x) + x * density(x)) of the standard normal. */
#include "op/internal.h"

#include <math.h>

/* (2 - x^2) e^(-x^2 / 2) / sqrt(2 pi) is the slope of the slope. */
static tn_status gelu_grad_backward(const op_grad *c)
{
    tn_tensor *dy = op_in(c, 0), *x = op_in(c, 1), *d = op_dout(c, 0);
    if (op_wants(c, 0))
        op_give(c, 0, op_gelu_grad_of(d, x));
    if (op_wants(c, 1)) {
        tn_tensor *square = tn_square(x), *density = tn_mul_f(tn_exp(tn_mul_f(square, -0.5)), 0.39894228040143267794);
        op_give(c, 1, tn_mul(tn_mul(d, dy), tn_mul(density, tn_add_f(tn_neg(square), 2))));
    }
    return TN_OK;
}

static void gelu_grad_ref(const op_ref *c)
{
    for (int64_t i = 0; i < c->out[0]->count; i++) {
        double dy = c->in[0]->f[i], x = c->in[1]->f[i];
        double density = exp(-0.5 * x * x) * 0.39894228040143267794; /* 1 / sqrt(2 pi) */
        c->out[0]->f[i] = dy * (0.5 * erfc(-x * 0.70710678118654752440) + x * density);
    }
}

const op_def op_gelu_grad = {
    .name = "gelu_grad",
    .doc = "The gradient of gelu from dy and x.",
    .in = {{"dy", OP_FLOATS, 'T'}, {"x", OP_FLOATS, 'T'}},
    .out = {{"dx", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_alike,
    .grad = gelu_grad_backward,
    .ref = gelu_grad_ref,
    .cases =
        (const char *const[]){"dy=x[5] x=x[5]", "dy=x[2x3x4] x=x[2x3x4]", "dy=x[] x=x[]", "dy=x[0x3] x=x[0x3]", NULL},
    .bad = (const op_bad[]){{"dy=x[2x3] x=x[2]", "must have the shape"}, {0}},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-15),
            [TN_F32] = OP_TOL(4e-6, 1e-7),
            [TN_F16] = OP_TOL(2e-3, 1e-6),
            [TN_BF16] = OP_TOL(1.6e-2, 1e-6)},
};

tn_tensor *op_gelu_grad_of(tn_tensor *dy, tn_tensor *x)
{
    return OP_MAKE(&op_gelu_grad, NULL, dy, x);
}
