/* std: the square root of the variance over axes; see var. */
#include "op/scheme/op.h"

#include <math.h>

enum { AXES, KEEPDIM, CORRECTION };

static tn_status std_lower(const op_lower *c)
{
    const op_value *arg = c->node->arg;
    c->out[0] = tn_sqrt(tn_var_axes(c->in[0], arg[AXES].n, arg[AXES].list, arg[CORRECTION].f, arg[KEEPDIM].i));
    return TN_OK;
}

static void std_ref(const op_ref *c)
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
        y->f[i] = sqrt(y->f[i] / (rest > 0 ? rest : 0));
        y->magnitude[i] = y->f[i] + fabs(y->magnitude[i]);
    }
}

const op_def op_std = {
    .name = "std",
    .doc = "Standard deviation over axes (none named: all).",
    .torch = "torch.std",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {[AXES] = OP_ARG_INTS("axes"),
            [KEEPDIM] = OP_ARG_BOOL("keepdim", false),
            [CORRECTION] = OP_ARG_FLOAT_IN("correction", 1, 0, 1e9)},
    .infer = op_infer_reduced,
    .lower = std_lower,
    .ref = std_ref,
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

tn_tensor *tn_std_axes(tn_tensor *x, int n, const int64_t *axes, double correction, bool keepdim)
{
    return OP_MAKE(&op_std, OP_ARGS([AXES] = OP_L(n, axes), [KEEPDIM] = OP_I(keepdim), [CORRECTION] = OP_F(correction)),
                   x);
}
