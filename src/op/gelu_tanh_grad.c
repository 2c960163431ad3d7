/* gelu_tanh_grad: dx = dy * (s + x s (1 - s) u'), where u = 2 sqrt(2 / pi) (x + 0.044715 x^3), s = sigmoid(u). */
#include "op/internal.h"

#include <math.h>

/* With s = sigmoid(u), u = 2 k (x + c x^3): the slope is s + x s (1 - s) u', its slope s (1 - s) (2 u' + x ((1 - 2 s) u'^2 + u'')). */
static tn_status gelu_tanh_grad_backward(const op_grad *c)
{
    const double k2 = 2 * 0.79788456080286535588, cube = 0.044715;
    tn_tensor *dy = op_in(c, 0), *x = op_in(c, 1), *d = op_dout(c, 0);
    if (op_wants(c, 0))
        op_give(c, 0, op_gelu_tanh_grad_of(d, x));
    if (op_wants(c, 1)) {
        tn_tensor *square = tn_square(x), *s = tn_sigmoid(tn_mul_f(tn_mul(x, tn_add_f(tn_mul_f(square, cube), 1)), k2));
        tn_tensor *u1 = tn_mul_f(tn_add_f(tn_mul_f(square, 3 * cube), 1), k2), *u2 = tn_mul_f(x, 6 * cube * k2);
        tn_tensor *inner = tn_add(tn_mul(tn_add_f(tn_mul_f(s, -2), 1), tn_square(u1)), u2);
        tn_tensor *bend = tn_add(tn_mul_f(u1, 2), tn_mul(x, inner));
        op_give(c, 1, op_sigmoid_grad_of(tn_mul(tn_mul(d, dy), bend), s));
    }
    return TN_OK;
}

static void gelu_tanh_grad_ref(const op_ref *c)
{
    for (int64_t i = 0; i < c->out[0]->count; i++) {
        double dy = c->in[0]->f[i], x = c->in[1]->f[i];
        double k = 0.79788456080286535588, s = 1 / (1 + exp(-2 * k * (x + 0.044715 * x * x * x)));
        c->out[0]->f[i] = dy * (s + x * s * (1 - s) * 2 * k * (1 + 3 * 0.044715 * x * x));
    }
}

const op_def op_gelu_tanh_grad = {
    .name = "gelu_tanh_grad",
    .doc = "The gradient of gelu_tanh from dy and x.",
    .in = {{"dy", OP_FLOATS, 'T'}, {"x", OP_FLOATS, 'T'}},
    .out = {{"dx", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_alike,
    .grad = gelu_tanh_grad_backward,
    .ref = gelu_tanh_grad_ref,
    .cases =
        (const char *const[]){"dy=x[5] x=x[5]", "dy=x[2x3x4] x=x[2x3x4]", "dy=x[] x=x[]", "dy=x[0x3] x=x[0x3]", NULL},
    .bad = (const op_bad[]){{"dy=x[2x3] x=x[2]", "must have the shape"}, {0}},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-15),
            [TN_F32] = OP_TOL(4e-6, 1e-7),
            [TN_F16] = OP_TOL(2e-3, 1e-6),
            [TN_BF16] = OP_TOL(1.6e-2, 1e-6)},
};

tn_tensor *op_gelu_tanh_grad_of(tn_tensor *dy, tn_tensor *x)
{
    return OP_MAKE(&op_gelu_tanh_grad, NULL, dy, x);
}
