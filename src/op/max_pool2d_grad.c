/* max_pool2d_grad: each dy goes to the first largest element of its window in x; windows that overlap add up. Linear in dy. */
#include "op/internal.h"
#include "op/scheme/window.h"

#include <math.h>

static tn_status max_pool2d_grad_infer(const op_infer *c)
{
    graph_type y = {0};
    BASE_TRY(op_pool_infer(c, c->in[1], OP_POOL_DILATION, &y));
    if (!graph_same_dims(c->dims, &y, c->in[0], "max_pool2d_grad"))
        return op_fail(c, TN_SHAPE, "dy must have the shape of the pooled x");
    return op_like(c, 0, c->in[1]);
}

static tn_status max_pool2d_grad_backward(const op_grad *c)
{
    op_give_zero(c, 1);
    return op_wants(c, 0) ? op_give(c, 0, op_max_pool2d_select_of(op_dout(c, 0), op_in(c, 1), op_arg(c, 0))) : TN_OK;
}

static void max_pool2d_grad_ref(const op_ref *c)
{
    const op_array *dy = c->in[0], *x = c->in[1];
    op_window w = op_pool_window(c->arg, &c->arg[OP_POOL_DILATION]);
    for (int64_t i = 0; i < dy->count; i++) {
        int64_t at = op_pool_largest(x, dy, &w, i);
        if (at < 0)
            continue;
        c->out[0]->f[at] += dy->f[i];
        c->out[0]->magnitude[at] += fabs(dy->f[i]);
    }
}

static double max_pool2d_grad_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)out;
    op_window w = op_pool_window(arg, NULL);
    return op_elements(in[0]) * (double)(w.kernel[0] * w.kernel[1] + 1);
}

const op_def op_max_pool2d_grad = {
    .name = "max_pool2d_grad",
    .doc = "The gradient of max_pool2d from dy and x.",
    .in = {{"dy", OP_FLOATS, 'T'}, {"x", OP_FLOATS, 'T'}},
    .out = {{"dx", 0, 'T'}},
    .arg = {OP_MAX_POOL_ARGS},
    .infer = max_pool2d_grad_infer,
    .grad = max_pool2d_grad_backward,
    .ref = max_pool2d_grad_ref,
    .flops = max_pool2d_grad_flops,
    .cases = (const char *const[]){"dy=x[2x3x3x2] x=x[2x3x6x4] kernel=2",
                                   "dy=x[1x2x4x6] x=x[1x2x7x5] kernel=3,2 stride=2,1 padding=1",
                                   "dy=x[2x3x3x3] x=x[2x3x5x5]:ties kernel=3 stride=1",
                                   "dy=x[1x1x4x4] x=x[1x1x7x8] kernel=2 stride=2 ceil_mode=true",
                                   "dy=x[1x2x6x5] x=x[1x2x8x9] kernel=2,3 dilation=2 stride=1",
                                   "dy=x[0x2x2x2] x=x[0x2x4x4] kernel=2", NULL},
    .bad = (const op_bad[]){{"dy=x[1x3x2x3] x=x[1x3x4x4] kernel=2", "dy must have the shape of the pooled x"},
                            {"dy=x[3x2x2] x=x[3x4x4] kernel=2", "the picture has 3 axes"},
                            {0}},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *op_max_pool2d_grad_of(tn_tensor *dy, tn_tensor *x, const op_value *pool)
{
    return OP_MAKE(&op_max_pool2d_grad, OP_ARGS(OP_MAX_POOL_SAME(pool)), dy, x);
}

tn_tensor *op_max_pool2d_spread(tn_tensor *dx, const tn_tensor *x, const op_value **pool)
{
    if (graph_poisoned(dx) || !dx->node || dx->node->def != &op_max_pool2d_grad || (x && dx->node->in[1] != x))
        return NULL;
    *pool = dx->node->arg;
    return dx->node->in[0];
}
