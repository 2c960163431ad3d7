/* silu_grad: dx = dy * s * (1 + x * (1 - s)), where s = sigmoid(x). */
#include "op/internal.h"

#include <math.h>

/* s (1 - s) (2 + x (1 - 2 s)) is the slope of the slope. */
static tn_status silu_grad_backward(const op_grad *c)
{
    tn_tensor *dy = op_in(c, 0), *x = op_in(c, 1), *d = op_dout(c, 0);
    if (op_wants(c, 0))
        op_give(c, 0, op_silu_grad_of(d, x));
    if (op_wants(c, 1)) {
        tn_tensor *s = tn_sigmoid(x), *bend = tn_add_f(tn_mul(x, tn_add_f(tn_mul_f(s, -2), 1)), 2);
        op_give(c, 1, op_sigmoid_grad_of(tn_mul(tn_mul(d, dy), bend), s));
    }
    return TN_OK;
}

static void silu_grad_ref(const op_ref *c)
{
    for (int64_t i = 0; i < c->out[0]->count; i++) {
        double dy = c->in[0]->f[i], x = c->in[1]->f[i];
        double s = 1 / (1 + exp(-x));
        c->out[0]->f[i] = dy * s * (1 + x * (1 - s));
    }
}

const op_def op_silu_grad = {
    .name = "silu_grad",
    .doc = "The gradient of silu from dy and x.",
    .in = {{"dy", OP_FLOATS, 'T'}, {"x", OP_FLOATS, 'T'}},
    .out = {{"dx", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_alike,
    .grad = silu_grad_backward,
    .ref = silu_grad_ref,
    .cases =
        (const char *const[]){"dy=x[5] x=x[5]", "dy=x[2x3x4] x=x[2x3x4]", "dy=x[] x=x[]", "dy=x[0x3] x=x[0x3]", NULL},
    .bad = (const op_bad[]){{"dy=x[2x3] x=x[2]", "must have the shape"}, {0}},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-15),
            [TN_F32] = OP_TOL(4e-6, 1e-7),
            [TN_F16] = OP_TOL(2e-3, 1e-6),
            [TN_BF16] = OP_TOL(1.6e-2, 1e-6)},
};

tn_tensor *op_silu_grad_of(tn_tensor *dy, tn_tensor *x)
{
    return OP_MAKE(&op_silu_grad, NULL, dy, x);
}
