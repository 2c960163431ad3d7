/* var: sum of squared distances from the mean over axes, divided by max(n - correction, 0): correction 1 is the unbiased
 * estimate (PyTorch's default), 0 the variance of the elements themselves. */
#include "op/scheme/op.h"

enum { AXES, KEEPDIM, CORRECTION };

static tn_status var_lower(const op_lower *c)
{
    const op_value *axes = &c->node->arg[AXES];
    tn_tensor *x = c->in[0], *away = tn_sub(x, tn_mean_axes(x, axes->n, axes->list, true));
    tn_tensor *n = op_count_value(x, op_axes_mask(axes, x->type.rank), x->type.dtype);
    n = tn_sub_f(n, c->node->arg[CORRECTION].f);
    n = tn_maximum(n, op_like_scalar(n, 0));
    c->out[0] = tn_div(tn_sum_axes(tn_square(away), axes->n, axes->list, c->node->arg[KEEPDIM].i), n);
    return TN_OK;
}

static void var_ref(const op_ref *c)
{
    const op_array *x = c->in[0];
    op_array *y = c->out[0];
    double n = y->count ? (double)(x->count / y->count) : 0, rest = n - c->arg[CORRECTION].f;
    for (int64_t i = 0; i < x->count; i++) /* the magnitude holds the mean for a while */
        y->magnitude[op_ref_reduced(c, i)] += x->f[i] / n;
    for (int64_t i = 0; i < x->count; i++) {
        int64_t at = op_ref_reduced(c, i);
        double away = x->f[i] - y->magnitude[at];
        y->f[at] += away * away;
    }
    for (int64_t i = 0; i < y->count; i++) {
        y->f[i] /= rest > 0 ? rest : 0;
        y->magnitude[i] = y->f[i] + y->magnitude[i] * y->magnitude[i];
    }
}

static double var_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)arg;
    return 4 * op_elements(in[0]) + op_elements(&out[0]);
}

const op_def op_var = {
    .name = "var",
    .doc = "Variance over axes (none named: all).",
    .torch = "torch.var",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {[AXES] = OP_ARG_INTS("axes"),
            [KEEPDIM] = OP_ARG_BOOL("keepdim", false),
            [CORRECTION] = OP_ARG_FLOAT_IN("correction", 1, 0, 1e9)},
    .infer = op_infer_reduced,
    .lower = var_lower,
    .ref = var_ref,
    .flops = var_flops,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4] axes=1", "x=x[2x3x4] axes=0,2 keepdim=true correction=0",
                                   "x=x[4x6] axes=-1", "x=x[0x3] axes=1", NULL},
    .bad = (const op_bad[]){{"x=x[2x3] axes=2", "axis 2 of a 2-d tensor"},
                            {"x=x[2x3] axes=1,1", "named twice"},
                            {"x=x[2x3] correction=-1", "correction is -1"},
                            {0}},
    .tol = {[TN_F64] = OP_TOL(1e-12, 0),
            [TN_F32] = OP_TOL(1e-5, 0),
            [TN_F16] = OP_TOL(5e-3, 1e-6),
            [TN_BF16] = OP_TOL(4e-2, 0)},
};

tn_tensor *tn_var_axes(tn_tensor *x, int n, const int64_t *axes, double correction, bool keepdim)
{
    return OP_MAKE(&op_var, OP_ARGS([AXES] = OP_L(n, axes), [KEEPDIM] = OP_I(keepdim), [CORRECTION] = OP_F(correction)),
                   x);
}
