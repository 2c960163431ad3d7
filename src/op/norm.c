/* norm: (sum |x|^p)^(1/p) over axes: p = 1 the sum, 2 the Euclidean length, infinity the largest |x|, 0 the number of elements
 * that are not 0. The gradient is 0 at 0, and equal largest elements share it, as in PyTorch's vector_norm. */
#include "op/scheme/extreme.h"

#include <math.h>

enum { AXES, KEEPDIM, P };

static tn_status norm_infer(const op_infer *c)
{
    return isinf(c->arg[P].f) ? op_infer_extreme(c) : op_infer_reduced(c);
}

static tn_status norm_lower(const op_lower *c)
{
    const op_value *axes = &c->node->arg[AXES];
    bool keepdim = c->node->arg[KEEPDIM].i;
    double p = c->node->arg[P].f;
    tn_tensor *x = c->in[0], *size = tn_abs(x);
    if (isinf(p))
        c->out[0] = tn_max_axes(size, axes->n, axes->list, keepdim);
    else if (p == 0)
        c->out[0] =
            tn_sum_axes(op_cast_to(tn_ne(x, op_like_scalar(x, 0)), x->type.dtype), axes->n, axes->list, keepdim);
    else if (p == 1)
        c->out[0] = tn_sum_axes(size, axes->n, axes->list, keepdim);
    else if (p == 2)
        c->out[0] = tn_sqrt(tn_sum_axes(tn_square(x), axes->n, axes->list, keepdim));
    else
        c->out[0] = tn_pow_f(tn_sum_axes(tn_pow_f(size, p), axes->n, axes->list, keepdim), 1 / p);
    return TN_OK;
}

static tn_status norm_backward(const op_grad *c)
{
    tn_tensor *x = op_in(c, 0), *none = op_like_scalar(x, 0);
    const op_value *axes = op_arg(c, AXES);
    bool kept = op_arg(c, KEEPDIM)->i;
    double p = op_arg(c, P)->f;
    tn_tensor *y = op_keep_reduced(op_out(c, 0), x, axes, kept), *dy = op_keep_reduced(op_dout(c, 0), x, axes, kept);
    if (p == 0)
        return op_grad_zero(c);
    if (p == 1)
        return op_give(c, 0, tn_mul(dy, tn_sign(x)));
    if (p == 2)
        return op_give(c, 0, tn_mul(x, tn_where(tn_eq(y, none), none, tn_div(dy, y))));
    if (isinf(p)) {
        tn_tensor *hit = tn_eq(tn_abs(x), y);
        tn_tensor *ties = tn_sum_axes(op_cast_to(hit, x->type.dtype), axes->n, axes->list, true);
        return op_give(c, 0, tn_where(hit, tn_mul(tn_sign(x), tn_div(dy, ties)), none));
    }
    tn_tensor *slope = tn_mul(tn_sign(x), tn_mul(tn_pow_f(tn_abs(x), p - 1), tn_mul(dy, tn_pow_f(y, 1 - p))));
    return op_give(c, 0, tn_where(tn_eq(x, none), none, slope));
}

static void norm_ref(const op_ref *c)
{
    const op_array *x = c->in[0];
    op_array *y = c->out[0];
    double p = c->arg[P].f;
    for (int64_t i = 0; i < x->count; i++) {
        double *to = &y->f[op_ref_reduced(c, i)], size = fabs(x->f[i]);
        if (isinf(p))
            *to = size > *to || isnan(size) ? size : *to; /* a NaN stays: nothing is larger */
        else
            *to += p == 0 ? size != 0 : pow(size, p);
    }
    for (int64_t i = 0; i < y->count && p > 0 && !isinf(p); i++)
        y->f[i] = pow(y->f[i], 1 / p);
}

const op_def op_norm = {
    .name = "norm",
    .doc = "(sum |x|^p)^(1/p) over axes (none named: all); p may be 0 and infinite.",
    .torch = "torch.linalg.vector_norm",
    .onnx = "ReduceL2",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {[AXES] = OP_ARG_INTS("axes"),
            [KEEPDIM] = OP_ARG_BOOL("keepdim", false),
            [P] = OP_ARG_FLOAT_IN("p", 2, 0, (double)INFINITY)},
    .infer = norm_infer,
    .grad = norm_backward,
    .lower = norm_lower,
    .ref = norm_ref,
    .flops_each = 2,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4] axes=1 p=1", "x=x[2x3x4] axes=0,2 keepdim=true p=inf",
                                   "x=x[4x6] axes=-1 p=3", "x=x[4x3] axes=1 p=1.5", "x=x[4x3]:index=3 axes=1 p=0",
                                   "x=x[6]:kinks=0", "x=x[6]:ties p=inf", "x=x[]", "x=x[0x3] axes=1", NULL},
    .bad = (const op_bad[]){{"x=x[2x3] axes=2", "axis 2 of a 2-d tensor"},
                            {"x=x[2x3] axes=1,1", "named twice"},
                            {"x=x[3x0] axes=1 p=inf", "axis 1 has size 0"},
                            {"x=x[2x3] p=-1", "p is -1"},
                            {0}},
    .tol = {[TN_F64] = OP_TOL(1e-12, 1e-300),
            [TN_F32] = OP_TOL(1e-5, 1e-37),
            [TN_F16] = OP_TOL(1e-2, 1e-6),
            [TN_BF16] = OP_TOL(5e-2, 1e-37)},
};

tn_tensor *tn_norm_axes(tn_tensor *x, double p, int n, const int64_t *axes, bool keepdim)
{
    return OP_MAKE(&op_norm, OP_ARGS([AXES] = OP_L(n, axes), [KEEPDIM] = OP_I(keepdim), [P] = OP_F(p)), x);
}
