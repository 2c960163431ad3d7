/* softmax_grad: dx = y * (dy - sum(y * dy)) along an axis, where y = softmax(x). */
#include "op/internal.h"

#include <math.h>

enum { AXIS };

static tn_status softmax_grad_backward(const op_grad *c)
{
    tn_tensor *dy = op_in(c, 0), *y = op_in(c, 1), *d = op_dout(c, 0);
    const int64_t *axis = &op_arg(c, AXIS)->i;
    if (op_wants(c, 0))
        op_give(c, 0, op_softmax_grad_of(d, y, *axis));
    if (op_wants(c, 1)) {
        tn_tensor *straight = tn_mul(d, tn_sub(dy, tn_sum_axes(tn_mul(y, dy), 1, axis, true)));
        op_give(c, 1, tn_sub(straight, tn_mul(dy, tn_sum_axes(tn_mul(d, y), 1, axis, true))));
    }
    return TN_OK;
}

static tn_status softmax_grad_lower(const op_lower *c)
{
    const int64_t *axis = &c->node->arg[AXIS].i;
    tn_tensor *dy = c->in[0], *y = c->in[1];
    c->out[0] = tn_mul(y, tn_sub(dy, tn_sum_axes(tn_mul(y, dy), 1, axis, true)));
    return TN_OK;
}

static void softmax_grad_ref(const op_ref *c)
{
    const op_array *dy = c->in[0], *y = c->in[1];
    op_array *dx = c->out[0];
    op_row row = op_row_of(dy, c->arg[AXIS].i);
    for (int64_t r = 0; r < row.count; r++) {
        int64_t first = op_row_first(&row, r), last = first + row.size * row.stride;
        double sum = 0, size = 0;
        for (int64_t i = first; i < last; i += row.stride) {
            sum += y->f[i] * dy->f[i];
            size += fabs(y->f[i] * dy->f[i]);
        }
        for (int64_t i = first; i < last; i += row.stride) {
            dx->f[i] = y->f[i] * (dy->f[i] - sum);
            dx->magnitude[i] = fabs(y->f[i]) * (fabs(dy->f[i]) + size);
        }
    }
}

const op_def op_softmax_grad = {
    .name = "softmax_grad",
    .doc = "The gradient of softmax from dy and y.",
    .in = {{"dy", OP_FLOATS, 'T'}, {"y", OP_FLOATS, 'T'}},
    .out = {{"dx", 0, 'T'}},
    .arg = {[AXIS] = OP_ARG_INT("axis", -1)},
    .infer = op_infer_along,
    .grad = softmax_grad_backward,
    .lower = softmax_grad_lower,
    .ref = softmax_grad_ref,
    .flops_each = 4,
    .cases =
        (const char *const[]){"dy=x[5] y=x[5]", "dy=x[2x3x5] y=x[2x3x5] axis=1", "dy=x[4x7] y=x[4x7] axis=-1",
                              "dy=x[9x70] y=x[9x70]", "dy=x[70x9] y=x[70x9] axis=0", "dy=x[0x3] y=x[0x3] axis=1", NULL},
    .bad = (const op_bad[]){{"dy=x[2x3] y=x[2x3] axis=2", "axis 2 of a 2-d tensor"},
                            {"dy=x[2x3] y=x[2x2]", "'y' must have the shape of 'dy'"},
                            {0}},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-15),
            [TN_F32] = OP_TOL(5e-6, 1e-7),
            [TN_F16] = OP_TOL(3e-3, 1e-5),
            [TN_BF16] = OP_TOL(2e-2, 1e-4)},
};

tn_tensor *op_softmax_grad_of(tn_tensor *dy, tn_tensor *y, int64_t axis)
{
    return OP_MAKE(&op_softmax_grad, OP_ARGS([AXIS] = OP_I(axis)), dy, y);
}
