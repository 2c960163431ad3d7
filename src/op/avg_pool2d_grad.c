/* avg_pool2d_grad: each dy spread evenly over its window, in a picture of the given shape. Linear. */
#include "op/internal.h"
#include "op/scheme/window.h"

#include <math.h>

enum { INCLUDE = OP_POOL_MORE, DIVISOR, SHAPE };

static tn_status avg_pool2d_grad_infer(const op_infer *c)
{
    const op_value *shape = &c->arg[SHAPE];
    graph_type *x = &c->out[0], y = {0};
    x->rank = shape->n;
    for (int i = 0; i < shape->n && i < TN_MAX_RANK; i++)
        x->dims[i] = shape->list[i];
    BASE_TRY(op_pool_infer(c, x, -1, &y));
    if (!graph_same_dims(c->dims, &y, c->in[0], "avg_pool2d_grad"))
        return op_fail(c, TN_SHAPE, "dy must have the shape of the pooled picture");
    return TN_OK;
}

static tn_status avg_pool2d_grad_backward(const op_grad *c)
{
    return op_give(c, 0, op_avg_pool2d_of(op_dout(c, 0), op_arg(c, 0)));
}

static void avg_pool2d_grad_ref(const op_ref *c)
{
    const op_array *dy = c->in[0];
    op_array *x = c->out[0];
    int64_t from[3], to[3];
    for (int64_t i = 0; i < dy->count; i++) {
        double share = dy->f[i] * op_pool_average(c, x, dy, i, from, to);
        for (int64_t row = from[0]; row < to[0]; row++)
            for (int64_t column = from[1]; column < to[1]; column++) {
                int64_t at = from[2] + row * x->dims[3] + column;
                x->f[at] += share;
                x->magnitude[at] += fabs(share);
            }
    }
}

static double avg_pool2d_grad_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)out;
    op_window w = op_pool_window(arg, NULL);
    return op_elements(in[0]) * (double)(w.kernel[0] * w.kernel[1]);
}

const op_def op_avg_pool2d_grad = {
    .name = "avg_pool2d_grad",
    .doc = "The gradient of avg_pool2d.",
    .in = {{"dy", OP_FLOATS, 'T'}},
    .out = {{"dx", 0, 'T'}},
    .arg = {OP_POOL_ARGS, [INCLUDE] = OP_ARG_BOOL("count_include_pad", true),
            [DIVISOR] = OP_ARG_INT_IN("divisor", 0, 0, 0x1p30), [SHAPE] = OP_ARG_DIMS("shape")},
    .infer = avg_pool2d_grad_infer,
    .grad = avg_pool2d_grad_backward,
    .ref = avg_pool2d_grad_ref,
    .flops = avg_pool2d_grad_flops,
    .cases =
        (const char *const[]){"dy=x[2x3x3x2] kernel=2 shape=2,3,6,4",
                              "dy=x[1x2x4x6] kernel=3,2 stride=2,1 padding=1 shape=1,2,7,5",
                              "dy=x[1x2x4x6] kernel=3,2 stride=2,1 padding=1 count_include_pad=false shape=1,2,7,5",
                              "dy=x[1x1x4x4] kernel=2,3 stride=2 ceil_mode=true shape=1,1,7,8",
                              "dy=x[1x2x4x6] kernel=3,2 stride=2,1 padding=1 divisor=4 shape=1,2,7,5",
                              "dy=x[0x2x2x2] kernel=2 shape=0,2,4,4", NULL},
    .bad = (const op_bad[]){{"dy=x[1x3x2x3] kernel=2 shape=1,3,4,4", "dy must have the shape of the pooled picture"},
                            {"dy=x[1x3x2x3] kernel=2 shape=3,4,4", "the picture has 3 axes"},
                            {0}},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *op_avg_pool2d_grad_of(tn_tensor *dy, tn_shape shape, const op_value *pool)
{
    return OP_MAKE(&op_avg_pool2d_grad,
                   OP_ARGS(OP_POOL_SAME(pool), [INCLUDE] = {true, pool[INCLUDE]}, [DIVISOR] = {true, pool[DIVISOR]},
                           [SHAPE] = OP_L(shape.rank, shape.dims)),
                   dy);
}
