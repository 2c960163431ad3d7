/* max_pool2d_index: where each window of max_pool2d has its largest element: its number in the plane, row by row. A window without an
 * element gives 0. */
#include "op/internal.h"
#include "op/scheme/window.h"

enum { DILATION = OP_POOL_MORE };

static tn_status max_pool2d_index_infer(const op_infer *c)
{
    return op_pool_infer(c, c->in[0], DILATION, &c->out[0]);
}

static void max_pool2d_index_ref(const op_ref *c)
{
    op_window w = op_pool_window(c->arg, &c->arg[DILATION]);
    int64_t plane = c->in[0]->dims[2] * c->in[0]->dims[3];
    for (int64_t i = 0; i < c->out[0]->count; i++) {
        int64_t at = op_pool_largest(c->in[0], c->out[0], &w, i);
        c->out[0]->i[i] = at < 0 ? 0 : at % plane;
    }
}

static double max_pool2d_index_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)in;
    op_window w = op_pool_window(arg, NULL);
    return op_elements(&out[0]) * (double)(w.kernel[0] * w.kernel[1]);
}

const op_def op_max_pool2d_index = {
    .name = "max_pool2d_index",
    .doc = "Where the largest element of each window is, counted through its plane.",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"index", OP_BIT(TN_I64)}},
    .arg = {OP_POOL_ARGS, [DILATION] = OP_ARG_WINDOW("dilation", 1)},
    .infer = max_pool2d_index_infer,
    .grad = op_grad_zero,
    .ref = max_pool2d_index_ref,
    .flops = max_pool2d_index_flops,
    .cases =
        (const char *const[]){"x=x[2x3x6x4] kernel=2", "x=x[1x2x7x5] kernel=3,2 stride=2,1 padding=1",
                              "x=x[2x3x5x5]:ties kernel=3 stride=1", "x=x[1x1x7x8] kernel=2 stride=2 ceil_mode=true",
                              "x=x[1x2x8x9] kernel=2,3 dilation=2 stride=1",
                              "x=x[1x1x5x6] kernel=3 padding=0,1,1,0 stride=2 ceil_mode=true", "x=x[0x2x4x4] kernel=2",
                              NULL},
    .bad = (const op_bad[]){{"x=x[3x5x5] kernel=2", "the picture has 3 axes"},
                            {"x=x[1x3x5x5] kernel=6", "does not fit into 5"},
                            {"x=x[1x3x5x5] kernel=2 padding=2", "more than half of the window's reach"},
                            {"x=x[1x3x5x5] kernel=2 dilation=1,1,1", "dilation takes 1 or 2 numbers"},
                            {0}},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *op_max_pool2d_index_of(tn_tensor *x, const op_value *pool)
{
    return OP_MAKE(
        &op_max_pool2d_index,
        OP_ARGS([OP_POOL_KERNEL] = {true, pool[OP_POOL_KERNEL]}, [OP_POOL_STRIDE] = {true, pool[OP_POOL_STRIDE]},
                [OP_POOL_PADDING] = {true, pool[OP_POOL_PADDING]}, [OP_POOL_CEIL] = {true, pool[OP_POOL_CEIL]},
                [DILATION] = {true, pool[DILATION]}),
        x);
}
