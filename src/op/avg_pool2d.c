/* avg_pool2d: the mean of each window, or (divisor above 0) its sum divided by that. The border counts as zeros if count_include_pad
 * says so, as far as it reaches: what ceil_mode puts beyond it never counts, as in PyTorch. */
#include "op/internal.h"
#include "op/scheme/window.h"

#include <math.h>

enum { INCLUDE = OP_POOL_MORE, DIVISOR };

static tn_status avg_pool2d_infer(const op_infer *c)
{
    return op_pool_infer(c, c->in[0], -1, &c->out[0]);
}

static tn_status avg_pool2d_backward(const op_grad *c)
{
    return op_give(c, 0, op_avg_pool2d_grad_of(op_dout(c, 0), tn_tensor_shape(op_in(c, 0)), op_arg(c, 0)));
}

double op_pool_average(const op_ref *c, const op_array *x, const op_array *y, int64_t i, int64_t from[3], int64_t to[3])
{
    op_window w = op_pool_window(c->arg, NULL);
    int64_t at[TN_MAX_RANK] = {0}, count = 1;
    op_ref_coordinates(y, i, at);
    from[2] = (at[0] * x->dims[1] + at[1]) * x->dims[2] * x->dims[3]; /* where the plane starts */
    for (int d = 0; d < 2; d++) {
        int64_t start = at[2 + d] * w.stride[d] - w.pad[d], end = start + w.kernel[d],
                last = x->dims[2 + d] + w.pad[d + 2];
        end = end < last ? end : last;
        from[d] = start > 0 ? start : 0;
        to[d] = end < x->dims[2 + d] ? end : x->dims[2 + d];
        count *= c->arg[INCLUDE].i ? end - start : to[d] - from[d];
    }
    count = c->arg[DIVISOR].i ? c->arg[DIVISOR].i : count;
    return count > 0 ? 1 / (double)count : 0;
}

static void avg_pool2d_ref(const op_ref *c)
{
    const op_array *x = c->in[0];
    op_array *y = c->out[0];
    int64_t from[3], to[3];
    for (int64_t i = 0; i < y->count; i++) {
        double share = op_pool_average(c, x, y, i, from, to);
        for (int64_t row = from[0]; row < to[0]; row++)
            for (int64_t column = from[1]; column < to[1]; column++) {
                double v = x->f[from[2] + row * x->dims[3] + column] * share;
                y->f[i] += v;
                y->magnitude[i] += fabs(v);
            }
    }
}

const op_def op_avg_pool2d = {
    .name = "avg_pool2d",
    .doc = "The mean of each window.",
    .torch = "torch.nn.functional.avg_pool2d",
    .onnx = "AveragePool",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {OP_POOL_ARGS, [INCLUDE] = OP_ARG_BOOL("count_include_pad", true),
            [DIVISOR] = OP_ARG_INT_IN("divisor", 0, 0, 0x1p30)},
    .infer = avg_pool2d_infer,
    .grad = avg_pool2d_backward,
    .ref = avg_pool2d_ref,
    .flops = op_pool_flops,
    .cases =
        (const char *const[]){"x=x[2x3x6x4] kernel=2", "x=x[1x2x7x5] kernel=3,2 stride=2,1 padding=1",
                              "x=x[1x2x7x5] kernel=3,2 stride=2,1 padding=1 count_include_pad=false",
                              "x=x[1x1x7x8] kernel=2,3 stride=2 ceil_mode=true",
                              "x=x[1x1x6x6] kernel=3 padding=1 stride=2 ceil_mode=true",
                              "x=x[1x1x5x6] kernel=3 padding=0,1,1,0 stride=2 ceil_mode=true count_include_pad=false",
                              "x=x[1x2x7x5] kernel=3,2 stride=2,1 padding=1 divisor=5", "x=x[0x2x4x4] kernel=2", NULL},
    .bad = (const op_bad[]){{"x=x[3x5x5] kernel=2", "the picture has 3 axes"},
                            {"x=x[1x3x5x5] kernel=6", "does not fit into 5"},
                            {"x=x[1x3x5x5]", "kernel takes 1 or 2 numbers, not 0"},
                            {"x=x[1x3x5x5] kernel=2 stride=1,1,1", "stride takes 1 or 2 numbers"},
                            {"x=x[1x3x5x5] kernel=2 padding=1,1,1", "padding takes 1, 2 or 4 numbers"},
                            {"x=x[1x3x5x5] kernel=2 padding=2", "more than half of the window's reach"},
                            {"x=x[1x3x5x5] kernel=0", "kernel is 0"},
                            {"x=x[1x3x5x5] kernel=2 stride=0", "stride is 0"},
                            {"x=x[1x3x5x5] kernel=2 padding=-1", "padding is -1"},
                            {"x=x[1x3x5x5] kernel=2 divisor=-1", "divisor is -1"},
                            {0}},
    .tol = {OP_TOL_FLOATS},
};

/* Kernel, stride, border and rounding from the options into pool[]; numbers[8] holds the lists. */
void op_pool_options(int kernel, const tn_pool_opt *opt, op_value *pool, int64_t *numbers)
{
    static const tn_pool_opt none = {0};
    const tn_pool_opt *o = opt ? opt : &none;
    for (int d = 0; d < 2; d++) {
        numbers[d] = o->kernels[d] ? o->kernels[d] : kernel;
        numbers[2 + d] = o->strides[d] ? o->strides[d] : o->stride ? o->stride : numbers[d];
    }
    for (int side = 0; side < 4; side++)
        numbers[4 + side] = (int64_t)o->padding + o->paddings[side];
    pool[OP_POOL_KERNEL] = (op_value){.n = 2, .list = numbers};
    pool[OP_POOL_STRIDE] = (op_value){.n = 2, .list = numbers + 2};
    pool[OP_POOL_PADDING] = (op_value){.n = 4, .list = numbers + 4};
    pool[OP_POOL_CEIL] = (op_value){.i = o->ceil_mode};
}

tn_tensor *op_avg_pool2d_of(tn_tensor *x, const op_value *pool)
{
    return OP_MAKE(&op_avg_pool2d,
                   OP_ARGS(OP_POOL_SAME(pool), [INCLUDE] = {true, pool[INCLUDE]}, [DIVISOR] = {true, pool[DIVISOR]}),
                   x);
}

tn_tensor *tn_avg_pool2d(tn_tensor *x, int kernel, const tn_pool_opt *opt)
{
    op_value pool[DIVISOR + 1];
    int64_t numbers[8];
    if (opt && opt->dilation > 1 && !op_unusable(x))
        return graph_fail(x->graph, TN_UNSUPPORTED, "avg_pool2d of '%s': a dilation of %d is not supported",
                          tn_tensor_name(x), opt->dilation);
    op_pool_options(kernel, opt, pool, numbers);
    pool[INCLUDE] = (op_value){.i = !(opt && opt->exclude_padding)};
    pool[DIVISOR] = (op_value){.i = opt ? opt->divisor : 0};
    return op_avg_pool2d_of(x, pool);
}
