/* max_pool2d_index: where each window of max_pool2d has its largest element: its number in the plane, row by row. A window without an
 * element gives 0. */
#include "op/internal.h"
#include "op/scheme/window.h"

static tn_status max_pool2d_index_infer(const op_infer *c)
{
    return op_pool_infer(c, c->in[0], OP_POOL_DILATION, &c->out[0]);
}

static void max_pool2d_index_ref(const op_ref *c)
{
    op_window w = op_pool_window(c->arg, &c->arg[OP_POOL_DILATION]);
    int64_t plane = c->in[0]->dims[2] * c->in[0]->dims[3];
    for (int64_t i = 0; i < c->out[0]->count; i++) {
        int64_t at = op_pool_largest(c->in[0], c->out[0], &w, i);
        c->out[0]->i[i] = at < 0 ? 0 : at % plane;
    }
}

const op_def op_max_pool2d_index = {
    .name = "max_pool2d_index",
    .doc = "Where the largest element of each window is, counted through its plane.",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"index", OP_BIT(TN_I64)}},
    .arg = {OP_MAX_POOL_ARGS},
    .infer = max_pool2d_index_infer,
    .grad = op_grad_zero,
    .ref = max_pool2d_index_ref,
    .flops = op_pool_flops,
    .cases = (const char *const[]){OP_MAX_POOL_CASES, NULL},
    .bad = (const op_bad[]){OP_MAX_POOL_BAD, {0}},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *op_max_pool2d_index_of(tn_tensor *x, const op_value *pool)
{
    return OP_MAKE(&op_max_pool2d_index, OP_ARGS(OP_MAX_POOL_SAME(pool)), x);
}
