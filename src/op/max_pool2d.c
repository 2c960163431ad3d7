/* max_pool2d: the largest element of each window; NaN wins. The gradient goes to the first largest element row by row.
 * Elements outside of the picture do not count. */
#include "op/internal.h"
#include "op/scheme/window.h"

#include <math.h>

static tn_status max_pool2d_infer(const op_infer *c)
{
    return op_pool_infer(c, c->in[0], OP_POOL_DILATION, &c->out[0]);
}

static tn_status max_pool2d_backward(const op_grad *c)
{
    return op_give(c, 0, op_max_pool2d_grad_of(op_dout(c, 0), op_in(c, 0), op_arg(c, 0)));
}

static void max_pool2d_ref(const op_ref *c)
{
    op_window w = op_pool_window(c->arg, &c->arg[OP_POOL_DILATION]);
    for (int64_t i = 0; i < c->out[0]->count; i++) {
        int64_t at = op_pool_largest(c->in[0], c->out[0], &w, i);
        c->out[0]->f[i] = at < 0 ? -(double)INFINITY : c->in[0]->f[at];
    }
}

const op_def op_max_pool2d = {
    .name = "max_pool2d",
    .doc = "The largest element of each window.",
    .torch = "torch.nn.functional.max_pool2d",
    .onnx = "MaxPool",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {OP_MAX_POOL_ARGS},
    .infer = max_pool2d_infer,
    .grad = max_pool2d_backward,
    .ref = max_pool2d_ref,
    .flops = op_pool_flops,
    .cases = (const char *const[]){OP_MAX_POOL_CASES, NULL},
    .bad = (const op_bad[]){OP_MAX_POOL_BAD, {0}},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *op_max_pool2d_of(tn_tensor *x, const op_value *pool)
{
    return OP_MAKE(&op_max_pool2d, OP_ARGS(OP_MAX_POOL_SAME(pool)), x);
}

tn_tensor *tn_max_pool2d(tn_tensor *x, int kernel, const tn_pool_opt *opt)
{
    op_value pool[OP_POOL_DILATION + 1];
    int64_t numbers[8], dilation[1] = {opt && opt->dilation ? opt->dilation : 1};
    op_pool_options(kernel, opt, pool, numbers);
    pool[OP_POOL_DILATION] = (op_value){.n = 1, .list = dilation};
    return op_max_pool2d_of(x, pool);
}
