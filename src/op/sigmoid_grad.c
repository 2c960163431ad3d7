/* sigmoid_grad: dx = dy * y * (1 - y), where y = sigmoid(x). */
#include "op/internal.h"

#include <math.h>

static tn_status sigmoid_grad_backward(const op_grad *c)
{
    tn_tensor *dy = op_in(c, 0), *y = op_in(c, 1), *d = op_dout(c, 0);
    if (op_wants(c, 0))
        op_give(c, 0, op_sigmoid_grad_of(d, y));
    if (op_wants(c, 1))
        op_give(c, 1, tn_mul(tn_mul(d, dy), tn_add_f(tn_mul_f(y, -2), 1)));
    return TN_OK;
}

static void sigmoid_grad_ref(const op_ref *c)
{
    for (int64_t i = 0; i < c->out[0]->count; i++) {
        double dy = c->in[0]->f[i], y = c->in[1]->f[i];
        c->out[0]->f[i] = dy * y * (1 - y);
    }
}

const op_def op_sigmoid_grad = {
    .name = "sigmoid_grad",
    .doc = "The gradient of sigmoid from dy and y.",
    .in = {{"dy", OP_FLOATS, 'T'}, {"y", OP_FLOATS, 'T'}},
    .out = {{"dx", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_alike,
    .grad = sigmoid_grad_backward,
    .ref = sigmoid_grad_ref,
    .cases =
        (const char *const[]){"dy=x[5] y=x[5]", "dy=x[2x3x4] y=x[2x3x4]", "dy=x[] y=x[]", "dy=x[0x3] y=x[0x3]", NULL},
    .bad = (const op_bad[]){{"dy=x[2x3] y=x[2]", "must have the shape"}, {0}},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-15),
            [TN_F32] = OP_TOL(4e-6, 1e-7),
            [TN_F16] = OP_TOL(2e-3, 1e-6),
            [TN_BF16] = OP_TOL(1.6e-2, 1e-6)},
};

tn_tensor *op_sigmoid_grad_of(tn_tensor *dy, tn_tensor *y)
{
    return OP_MAKE(&op_sigmoid_grad, NULL, dy, y);
}
