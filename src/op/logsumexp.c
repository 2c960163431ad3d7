/* logsumexp: log(sum(e^x)) over axes, the largest element taken out so that nothing overflows; -infinity of nothing. */
#include "op/internal.h"
#include "op/scheme/extreme.h"

#include <math.h>

enum { AXES, KEEPDIM };

/* e^(x - most) and what it adds up to, the reduced axes kept; `most` is the largest element, or 0 where that is infinite. */
static tn_tensor *shares(tn_tensor *x, const op_value *axes, tn_tensor **most, tn_tensor **sum)
{
    tn_tensor *largest = op_max_or_none(x, axes->n, axes->list);
    *most = tn_where(tn_isfinite(largest), largest, op_like_scalar(largest, 0));
    tn_tensor *e = tn_exp(tn_sub(x, *most));
    *sum = tn_sum_axes(e, axes->n, axes->list, true);
    return e;
}

/* The softmax of x: e^(x - y) would have y's error, which is large where x is. */
static tn_status logsumexp_backward(const op_grad *c)
{
    tn_tensor *x = op_in(c, 0), *most, *sum;
    tn_tensor *e = shares(x, op_arg(c, AXES), &most, &sum);
    tn_tensor *dy = op_keep_reduced(op_dout(c, 0), x, op_arg(c, AXES), op_arg(c, KEEPDIM)->i);
    return op_give(c, 0, tn_mul(e, tn_div(dy, sum)));
}

static tn_status logsumexp_lower(const op_lower *c)
{
    tn_tensor *most, *sum;
    (void)shares(c->in[0], &c->node->arg[AXES], &most, &sum);
    c->out[0] = tn_reshape(tn_add(tn_log(sum), most), tn_tensor_shape(&c->node->out[0]));
    return TN_OK;
}

static void logsumexp_ref(const op_ref *c)
{
    const op_array *x = c->in[0];
    op_array *y = c->out[0], most = *y;
    most.f = y->magnitude; /* for a while */
    op_ref_extreme_of(c, true, &most);
    for (int64_t i = 0; i < y->count; i++)
        most.f[i] = isfinite(most.f[i]) ? most.f[i] : 0;
    for (int64_t i = 0; i < x->count; i++) {
        int64_t at = op_ref_reduced(c, i);
        y->f[at] += exp(x->f[i] - most.f[at]);
    }
    for (int64_t i = 0; i < y->count; i++) {
        y->f[i] = log(y->f[i]) + most.f[i];
        y->magnitude[i] = fabs(y->f[i]) + fabs(most.f[i]) + 1; /* a relative error of the sum is an absolute one here */
    }
}

const op_def op_logsumexp = {
    .name = "logsumexp",
    .doc = "log(sum(e^x)) over axes (none named: all), without overflow.",
    .torch = "torch.logsumexp",
    .onnx = "ReduceLogSumExp",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {[AXES] = OP_ARG_INTS("axes"), [KEEPDIM] = OP_ARG_BOOL("keepdim", false)},
    .infer = op_infer_reduced,
    .grad = logsumexp_backward,
    .lower = logsumexp_lower,
    .ref = logsumexp_ref,
    .flops_each = 4,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4] axes=1", "x=x[2x3x4] axes=0,2 keepdim=true",
                                   "x=x[4x6] axes=-1", "x=x[]", "x=x[0x3] axes=1", "x=x[3x0] axes=1", "x=x[0]", NULL},
    .bad = (const op_bad[]){{"x=x[2x3] axes=2", "axis 2 of a 2-d tensor"}, {"x=x[2x3] axes=1,1", "named twice"}, {0}},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-15),
            [TN_F32] = OP_TOL(5e-6, 1e-7),
            [TN_F16] = OP_TOL(5e-3, 1e-5),
            [TN_BF16] = OP_TOL(4e-2, 1e-4)},
};

tn_tensor *tn_logsumexp(tn_tensor *x, int n, const int64_t *axes, bool keepdim)
{
    return OP_MAKE(&op_logsumexp, OP_ARGS([AXES] = OP_L(n, axes), [KEEPDIM] = OP_I(keepdim)), x);
}
