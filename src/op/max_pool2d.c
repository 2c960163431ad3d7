/* max_pool2d: the largest element of each window; NaN wins. The gradient goes to the first largest element row by row.
 * Elements outside of the picture do not count. */
#include "op/internal.h"
#include "op/scheme/window.h"

#include <math.h>

enum { DILATION = OP_POOL_MORE };

static tn_status max_pool2d_infer(const op_infer *c)
{
    return op_pool_infer(c, c->in[0], DILATION, &c->out[0]);
}

static tn_status max_pool2d_backward(const op_grad *c)
{
    return op_give(c, 0, op_max_pool2d_grad_of(op_dout(c, 0), op_in(c, 0), op_arg(c, 0)));
}

static void max_pool2d_ref(const op_ref *c)
{
    op_window w = op_pool_window(c->arg, &c->arg[DILATION]);
    for (int64_t i = 0; i < c->out[0]->count; i++) {
        int64_t at = op_pool_largest(c->in[0], c->out[0], &w, i);
        c->out[0]->f[i] = at < 0 ? -(double)INFINITY : c->in[0]->f[at];
    }
}

static double max_pool2d_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)in;
    op_window w = op_pool_window(arg, NULL);
    return op_elements(&out[0]) * (double)(w.kernel[0] * w.kernel[1]);
}

const op_def op_max_pool2d = {
    .name = "max_pool2d",
    .doc = "The largest element of each window.",
    .torch = "torch.nn.functional.max_pool2d",
    .onnx = "MaxPool",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {OP_POOL_ARGS, [DILATION] = OP_ARG_WINDOW("dilation", 1)},
    .infer = max_pool2d_infer,
    .grad = max_pool2d_backward,
    .ref = max_pool2d_ref,
    .flops = max_pool2d_flops,
    .cases =
        (const char *const[]){"x=x[2x3x6x4] kernel=2", "x=x[1x2x7x5] kernel=3,2 stride=2,1 padding=1",
                              "x=x[2x3x5x5]:ties kernel=3 stride=1", "x=x[1x1x7x8] kernel=2 stride=2 ceil_mode=true",
                              "x=x[1x2x8x9] kernel=2,3 dilation=2 stride=1",
                              "x=x[1x1x5x6] kernel=3 padding=0,1,1,0 stride=2 ceil_mode=true", "x=x[0x2x4x4] kernel=2",
                              NULL},
    .bad = (const op_bad[]){{"x=x[3x5x5] kernel=2", "the picture has 3 axes"},
                            {"x=x[1x3x5x5] kernel=6", "does not fit into 5"},
                            {"x=x[1x3x5x5]", "kernel takes 1 or 2 numbers, not 0"},
                            {"x=x[1x3x5x5] kernel=2 stride=1,1,1", "stride takes 1 or 2 numbers"},
                            {"x=x[1x3x5x5] kernel=2 padding=1,1,1", "padding takes 1, 2 or 4 numbers"},
                            {"x=x[1x3x5x5] kernel=2 padding=2", "more than half of the window's reach"},
                            {"x=x[1x3x5x5] kernel=0", "kernel is 0"},
                            {"x=x[1x3x5x5] kernel=2 stride=0", "stride is 0"},
                            {"x=x[1x3x5x5] kernel=2 padding=-1", "padding is -1"},
                            {"x=x[1x3x5x5] kernel=2 dilation=1,1,1", "dilation takes 1 or 2 numbers"},
                            {"x=x[1x3x5x5] kernel=2 dilation=0", "dilation is 0"},
                            {0}},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *op_max_pool2d_of(tn_tensor *x, const op_value *pool)
{
    return OP_MAKE(
        &op_max_pool2d,
        OP_ARGS([OP_POOL_KERNEL] = {true, pool[OP_POOL_KERNEL]}, [OP_POOL_STRIDE] = {true, pool[OP_POOL_STRIDE]},
                [OP_POOL_PADDING] = {true, pool[OP_POOL_PADDING]}, [OP_POOL_CEIL] = {true, pool[OP_POOL_CEIL]},
                [DILATION] = {true, pool[DILATION]}),
        x);
}

tn_tensor *tn_max_pool2d(tn_tensor *x, int kernel, const tn_pool_opt *opt)
{
    op_value pool[DILATION + 1];
    int64_t numbers[8], dilation[1] = {opt && opt->dilation ? opt->dilation : 1};
    op_pool_options(kernel, opt, pool, numbers);
    pool[DILATION] = (op_value){.n = 1, .list = dilation};
    return op_max_pool2d_of(x, pool);
}
