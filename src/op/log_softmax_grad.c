/* log_softmax_grad: dx = dy - e^y * sum(dy) along an axis, where y = log_softmax(x). */
#include "op/internal.h"

#include <math.h>

enum { AXIS };

static tn_status log_softmax_grad_backward(const op_grad *c)
{
    tn_tensor *dy = op_in(c, 0), *y = op_in(c, 1), *d = op_dout(c, 0);
    const int64_t *axis = &op_arg(c, AXIS)->i;
    tn_tensor *p = tn_exp(y);
    if (op_wants(c, 0))
        op_give(c, 0, tn_sub(d, tn_sum_axes(tn_mul(d, p), 1, axis, true)));
    if (op_wants(c, 1))
        op_give(c, 1, tn_neg(tn_mul(tn_mul(d, p), tn_sum_axes(dy, 1, axis, true))));
    return TN_OK;
}

static tn_status log_softmax_grad_lower(const op_lower *c)
{
    const int64_t *axis = &c->node->arg[AXIS].i;
    tn_tensor *dy = c->in[0], *y = c->in[1];
    c->out[0] = tn_sub(dy, tn_mul(tn_exp(y), tn_sum_axes(dy, 1, axis, true)));
    return TN_OK;
}

static void log_softmax_grad_ref(const op_ref *c)
{
    const op_array *dy = c->in[0], *y = c->in[1];
    op_array *dx = c->out[0];
    op_row row = op_row_of(dy, c->arg[AXIS].i);
    for (int64_t r = 0; r < row.count; r++) {
        int64_t first = op_row_first(&row, r), last = first + row.size * row.stride;
        double sum = 0, size = 0;
        for (int64_t i = first; i < last; i += row.stride) {
            sum += dy->f[i];
            size += fabs(dy->f[i]);
        }
        for (int64_t i = first; i < last; i += row.stride) {
            dx->f[i] = dy->f[i] - exp(y->f[i]) * sum;
            dx->magnitude[i] = fabs(dy->f[i]) + exp(y->f[i]) * size;
        }
    }
}

const op_def op_log_softmax_grad = {
    .name = "log_softmax_grad",
    .doc = "The gradient of log_softmax from dy and y.",
    .in = {{"dy", OP_FLOATS, 'T'}, {"y", OP_FLOATS, 'T'}},
    .out = {{"dx", 0, 'T'}},
    .arg = {[AXIS] = OP_ARG_INT("axis", -1)},
    .infer = op_infer_along,
    .grad = log_softmax_grad_backward,
    .lower = log_softmax_grad_lower,
    .ref = log_softmax_grad_ref,
    .flops_each = 6,
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

tn_tensor *op_log_softmax_grad_of(tn_tensor *dy, tn_tensor *y, int64_t axis)
{
    return OP_MAKE(&op_log_softmax_grad, OP_ARGS([AXIS] = OP_I(axis)), dy, y);
}
