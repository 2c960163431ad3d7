/* mean: sum over axes, divided by the number of elements; NaN of nothing. */
#include "op/scheme/op.h"

#include <math.h>

enum { AXES, KEEPDIM };

static tn_tensor *count_of(tn_tensor *x, const op_value *axes)
{
    return op_count_value(x, op_axes_mask(axes, x->type.rank), x->type.dtype);
}

static tn_status mean_backward(const op_grad *c)
{
    tn_tensor *x = op_in(c, 0), *share = tn_div(op_dout(c, 0), count_of(x, op_arg(c, AXES)));
    return op_give(c, 0, op_expand_reduced(share, x, op_arg(c, AXES), op_arg(c, KEEPDIM)->i));
}

static tn_status mean_lower(const op_lower *c)
{
    const op_value *axes = &c->node->arg[AXES];
    tn_tensor *x = c->in[0];
    c->out[0] = tn_div(tn_sum_axes(x, axes->n, axes->list, c->node->arg[KEEPDIM].i), count_of(x, axes));
    return TN_OK;
}

static void mean_ref(const op_ref *c)
{
    const op_array *x = c->in[0];
    op_array *y = c->out[0];
    double n = y->count ? (double)(x->count / y->count) : 0;
    for (int64_t i = 0; i < x->count; i++) {
        int64_t at = op_ref_reduced(c, i);
        y->f[at] += x->f[i];
        y->magnitude[at] += fabs(x->f[i]) / n;
    }
    for (int64_t i = 0; i < y->count; i++)
        y->f[i] /= n;
}

static double mean_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)arg;
    return op_elements(in[0]) + op_elements(&out[0]);
}

const op_def op_mean = {
    .name = "mean",
    .doc = "Mean over axes (none named: all).",
    .torch = "torch.mean",
    .onnx = "ReduceMean",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {[AXES] = OP_ARG_INTS("axes"), [KEEPDIM] = OP_ARG_BOOL("keepdim", false)},
    .infer = op_infer_reduced,
    .grad = mean_backward,
    .lower = mean_lower,
    .ref = mean_ref,
    .flops = mean_flops,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4] axes=1", "x=x[2x3x4] axes=0,2 keepdim=true",
                                   "x=x[2x3x4] axes=-1", "x=x[]", "x=x[0x3] axes=1", "x=x[3x0] axes=1",
                                   "x=x[70x9] axes=0", "x=x[2x3x7x7] axes=2,3", NULL},
    .bad = (const op_bad[]){{"x=x[2x3] axes=2", "axis 2 of a 2-d tensor"}, {"x=x[2x3] axes=1,1", "named twice"}, {0}},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *tn_mean_axes(tn_tensor *x, int n, const int64_t *axes, bool keepdim)
{
    return OP_MAKE(&op_mean, OP_ARGS([AXES] = OP_L(n, axes), [KEEPDIM] = OP_I(keepdim)), x);
}

tn_tensor *tn_mean(tn_tensor *x)
{
    return tn_mean_axes(x, 0, NULL, false);
}
