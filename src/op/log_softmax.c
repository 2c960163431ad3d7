/* log_softmax: y = x - max - log(sum(e^(x - max))) along an axis. */
#include "op/internal.h"

#include <math.h>

enum { AXIS };

static tn_status log_softmax_backward(const op_grad *c)
{
    return op_give(c, 0, op_log_softmax_grad_of(op_dout(c, 0), op_out(c, 0), op_arg(c, AXIS)->i));
}

static tn_status log_softmax_lower(const op_lower *c)
{
    const int64_t *axis = &c->node->arg[AXIS].i;
    tn_tensor *x = c->in[0];
    tn_tensor *away = tn_sub(x, op_max_or_none(x, 1, axis));
    c->out[0] = tn_sub(away, tn_log(tn_sum_axes(tn_exp(away), 1, axis, true)));
    return TN_OK;
}

static void log_softmax_ref(const op_ref *c)
{
    const op_array *x = c->in[0];
    op_array *y = c->out[0];
    op_row row = op_row_of(x, c->arg[AXIS].i);
    for (int64_t r = 0; r < row.count; r++) {
        int64_t first = op_row_first(&row, r), last = first + row.size * row.stride;
        double most = op_row_max(x, &row, first), sum = 0;
        for (int64_t i = first; i < last; i += row.stride)
            sum += exp(x->f[i] - most);
        for (int64_t i = first; i < last; i += row.stride) {
            y->f[i] = x->f[i] - most - log(sum);
            /* an error in the sum, relative, is one in its logarithm, absolute */
            y->magnitude[i] = fabs(x->f[i]) + fabs(most) + fabs(log(sum)) + 1;
        }
    }
}

const op_def op_log_softmax = {
    .name = "log_softmax",
    .doc = "x - log(sum(e^x)) along an axis.",
    .torch = "torch.nn.functional.log_softmax",
    .onnx = "LogSoftmax",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {[AXIS] = OP_ARG_INT("axis", -1)},
    .infer = op_infer_along,
    .grad = log_softmax_backward,
    .lower = log_softmax_lower,
    .ref = log_softmax_ref,
    .flops_each = 5,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x5] axis=1", "x=x[4x7] axis=-1", "x=x[3x1] axis=1", "x=x[9x70]",
                                   "x=x[70x9] axis=0", "x=x[0x3] axis=1", "x=x[0x3] axis=0", NULL},
    .bad = (const op_bad[]){{"x=x[2x3] axis=2", "axis 2 of a 2-d tensor"},
                            {"x=x[] axis=0", "axis 0 of a 0-d tensor"},
                            {0}},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-15),
            [TN_F32] = OP_TOL(5e-6, 1e-7),
            [TN_F16] = OP_TOL(3e-3, 1e-5),
            [TN_BF16] = OP_TOL(2e-2, 1e-4)},
};

tn_tensor *tn_log_softmax(tn_tensor *x, int axis)
{
    return OP_MAKE(&op_log_softmax, OP_ARGS([AXIS] = OP_I(axis)), x);
}
