/* max_pool2d_select: for each window the element of d that stands where x has its first largest element: the gradient of
 * max_pool2d_grad. Linear in d. */
#include "op/internal.h"
#include "op/scheme/window.h"

static tn_status max_pool2d_select_infer(const op_infer *c)
{
    BASE_TRY(op_pool_infer(c, c->in[1], OP_POOL_DILATION, &c->out[0]));
    if (!graph_same_dims(c->dims, c->in[1], c->in[0], "max_pool2d_select"))
        return op_fail(c, TN_SHAPE, "d must have the shape of x");
    return TN_OK;
}

static tn_status max_pool2d_select_backward(const op_grad *c)
{
    op_give_zero(c, 1);
    return op_wants(c, 0) ? op_give(c, 0, op_max_pool2d_grad_of(op_dout(c, 0), op_in(c, 1), op_arg(c, 0))) : TN_OK;
}

static void max_pool2d_select_ref(const op_ref *c)
{
    op_window w = op_pool_window(c->arg, &c->arg[OP_POOL_DILATION]);
    for (int64_t i = 0; i < c->out[0]->count; i++) {
        int64_t at = op_pool_largest(c->in[1], c->out[0], &w, i);
        c->out[0]->f[i] = at < 0 ? 0 : c->in[0]->f[at];
    }
}

static double max_pool2d_select_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)in;
    op_window w = op_pool_window(arg, NULL);
    return op_elements(&out[0]) * (double)(w.kernel[0] * w.kernel[1]);
}

const op_def op_max_pool2d_select = {
    .name = "max_pool2d_select",
    .doc = "The elements of d where the windows of x have their largest.",
    .in = {{"d", OP_FLOATS, 'T'}, {"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {OP_MAX_POOL_ARGS},
    .infer = max_pool2d_select_infer,
    .grad = max_pool2d_select_backward,
    .ref = max_pool2d_select_ref,
    .flops = max_pool2d_select_flops,
    .cases = (const char *const[]){"d=x[2x3x6x4] x=x[2x3x6x4] kernel=2",
                                   "d=x[1x2x7x5] x=x[1x2x7x5] kernel=3,2 stride=2,1 padding=1",
                                   "d=x[2x3x5x5] x=x[2x3x5x5]:ties kernel=3 stride=1",
                                   "d=x[0x2x4x4] x=x[0x2x4x4] kernel=2", NULL},
    .bad = (const op_bad[]){{"d=x[1x3x2x2] x=x[1x3x4x4] kernel=2", "d must have the shape of x"},
                            {"d=x[3x4x4] x=x[3x4x4] kernel=2", "the picture has 3 axes"},
                            {0}},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *op_max_pool2d_select_of(tn_tensor *d, tn_tensor *x, const op_value *pool)
{
    return OP_MAKE(&op_max_pool2d_select, OP_ARGS(OP_MAX_POOL_SAME(pool)), d, x);
}
