/* multi_margin: the hinge loss of several classes (Crammer, Singer 2001): sum over the wrong classes of max(0, margin - x[right] + x)^p, times
 * the right class's weight, divided by the number of classes. x is [batch, classes] or [classes], p 1 or 2. */
#include "op/scheme/loss.h"

#include <math.h>

enum { P, MARGIN, REDUCTION };

static tn_status multi_margin_infer(const op_infer *c)
{
    BASE_TRY(op_class_check(c, c->in[0], c->in[1], c->in[2]));
    if (c->in[0]->rank > 2)
        return op_fail(c, TN_SHAPE, "x has %d axes; it needs the shape [classes] or [batch, classes]", c->in[0]->rank);
    return op_infer_loss(c, REDUCTION, c->in[1]);
}

static tn_status multi_margin_lower(const op_lower *c)
{
    tn_tensor *x = c->in[0], *target = tn_unsqueeze(c->in[1], -1), *none = op_like_scalar(x, 0);
    tn_dim classes = tn_dim_of(x, -1);
    tn_tensor *z = tn_sub(x, tn_sub_f(tn_gather(x, -1, target), c->node->arg[MARGIN].f));
    tn_tensor *right = tn_eq(tn_arange(c->graph, target->type.dtype, 0, 1, classes), target);
    z = tn_where(right, none, tn_clamp(z, 0, (double)INFINITY));
    z = tn_sum_axes(c->node->arg[P].i == 2 ? tn_square(z) : z, 1, (const int64_t[]){-1}, false);
    tn_tensor *each = tn_div(z, op_count_value(x, (int64_t)1 << (x->type.rank - 1), x->type.dtype));
    if (c->in[2])
        each = tn_mul(each, tn_reshape(tn_index_select(c->in[2], 0, tn_flatten(target, 0)), tn_tensor_shape(c->in[1])));
    c->out[0] = op_reduce_loss(each, c->node->arg[REDUCTION].i);
    return TN_OK;
}

static double loss_of(const op_ref *c, int64_t i, double *magnitude)
{
    const op_array *x = c->in[0], *weight = c->in[2];
    int64_t n = x->dims[x->rank - 1], right = c->in[1]->i[i];
    double sum = 0, size = 0;
    if (right < 0 || right >= n) {
        op_ref_fault(c, "a target is not a class: its number is out of range");
        return 0;
    }
    for (int64_t k = 0; k < n; k++) {
        double z = x->f[i * n + k] - x->f[i * n + right] + c->arg[MARGIN].f;
        z = k == right || z < 0 ? 0 : z;
        sum += c->arg[P].i == 2 ? z * z : z;
        size += fabs(x->f[i * n + k]) + fabs(x->f[i * n + right]) + fabs(c->arg[MARGIN].f);
    }
    double w = (weight ? weight->f[right] : 1) / (double)n;
    *magnitude = fabs(w) * (size + sum);
    return w * sum;
}

static void multi_margin_ref(const op_ref *c)
{
    op_ref_losses(c, REDUCTION, c->in[1]->count, loss_of);
}

const op_def op_multi_margin = {
    .name = "multi_margin",
    .doc = "Hinge loss of several classes.",
    .torch = "torch.nn.functional.multi_margin_loss",
    .in = {{"x", OP_FLOATS, 'T'}, {"target", OP_INDEX, 0}, {"weight", OP_FLOATS, 'T', OP_OPTIONAL}},
    .out = {{"loss", 0, 'T'}},
    .arg = {[P] = OP_ARG_INT_IN("p", 1, 1, 2), [MARGIN] = OP_ARG_FLOAT("margin", 1), [REDUCTION] = OP_ARG_REDUCTION},
    .flags = OP_FAULTS,
    .infer = multi_margin_infer,
    .lower = multi_margin_lower,
    .ref = multi_margin_ref,
    .flops_each = 5,
    .cases = (const char *const[]){"x=x[5] target=i[]:index=5", "x=x[4x3] target=i[4]:index=3 p=2 margin=0.5",
                                   "x=x[4x6] target=i[4]:index=6 weight=x[6]:positive reduction=none",
                                   "x=x[3x4] target=i[3]:index=4 reduction=sum",
                                   "x=x[0x3] target=i[0]:index=2 reduction=sum", NULL},
    .bad =
        (const op_bad[]){{"x=x[] target=i[]", "a single number has no classes"},
                         {"x=x[2x3] target=i[3]:index=2", "target has size 3 where x has 2"},
                         {"x=x[2x3x4] target=i[2x4]:index=2", "x has 3 axes"},
                         {"x=x[2x3] target=i[2]:index=2 weight=x[2]", "the size of weight and the number of classes"},
                         {"x=x[3] target=i[] p=3", "p is 3"},
                         {0}},
    .fault = (const op_bad[]){{"x=x[8x3] target=i[8]:index=9", "out of range"}, {0}},
    .tol = {[TN_F64] = OP_TOL(1e-12, 1e-15),
            [TN_F32] = OP_TOL(5e-6, 1e-7),
            [TN_F16] = OP_TOL(1e-2, 1e-3),
            [TN_BF16] = OP_TOL(5e-2, 1e-2)},
};

tn_tensor *tn_multi_margin(tn_tensor *x, tn_tensor *target, int p, double margin, const tn_loss_opt *opt)
{
    return OP_MAKE(
        &op_multi_margin,
        OP_ARGS([P] = OP_I(p), [MARGIN] = OP_F(margin), [REDUCTION] = OP_I(opt ? opt->reduction : TN_REDUCE_MEAN)), x,
        target, opt ? opt->weight : NULL);
}
