/* multilabel_soft_margin: each class by itself is there (target 1) or not (0): the mean over the classes, the last axis, of weight *
 * -(target * log(sigmoid(x)) + (1 - target) * log(sigmoid(-x))). Reduced over the other axes. */
#include "op/scheme/loss.h"

#include <math.h>

enum { REDUCTION };

static tn_status multilabel_soft_margin_infer(const op_infer *c)
{
    if (c->in[0]->rank < 1)
        return op_fail(c, TN_SHAPE, "a single number has no classes; x needs the shape [..., classes]");
    graph_type each = *c->in[0];
    each.rank--;
    BASE_TRY(op_want_shape(c, 1, c->in[0]));
    BASE_TRY(op_want_weight(c, 2, c->in[0]));
    return op_infer_loss(c, REDUCTION, &each);
}

static tn_status multilabel_soft_margin_lower(const op_lower *c)
{
    tn_tensor *x = c->in[0], *target = c->in[1], *rest = tn_add_f(tn_neg(target), 1);
    tn_tensor *each = tn_add(tn_mul(target, tn_log_sigmoid(x)), tn_mul(rest, tn_log_sigmoid(tn_neg(x))));
    each = c->in[2] ? tn_mul(each, c->in[2]) : each;
    each = tn_neg(tn_mean_axes(each, 1, (const int64_t[]){-1}, false));
    c->out[0] = op_reduce_loss(each, c->node->arg[REDUCTION].i);
    return TN_OK;
}

static double log_sigmoid(double x)
{
    return x < 0 ? x - log1p(exp(x)) : -log1p(exp(-x));
}

static double loss_of(const op_ref *c, int64_t i, double *magnitude)
{
    const op_array *x = c->in[0], *weight = c->in[2];
    int64_t n = x->dims[x->rank - 1];
    double sum = 0;
    for (int64_t k = i * n; k < (i + 1) * n; k++) {
        double t = c->in[1]->f[k], w = weight ? weight->f[op_ref_index(x, weight, k)] : 1;
        double yes = w * t * log_sigmoid(x->f[k]) / (double)n, no = w * (1 - t) * log_sigmoid(-x->f[k]) / (double)n;
        sum -= yes + no;
        *magnitude += fabs(yes) + fabs(no);
    }
    return sum;
}

static void multilabel_soft_margin_ref(const op_ref *c)
{
    op_ref_losses(c, REDUCTION, op_outer(c->in[0], c->in[0]->rank - 1), loss_of);
}

const op_def op_multilabel_soft_margin = {
    .name = "multilabel_soft_margin",
    .doc = "Binary cross entropy of sigmoid(x), the mean over the classes, the last axis.",
    .torch = "torch.nn.functional.multilabel_soft_margin_loss",
    .in = {{"x", OP_FLOATS, 'T'}, {"target", OP_FLOATS, 'T'}, {"weight", OP_FLOATS, 'T', OP_OPTIONAL | OP_BROADCAST}},
    .out = {{"loss", 0, 'T'}},
    .arg = {[REDUCTION] = OP_ARG_REDUCTION},
    .infer = multilabel_soft_margin_infer,
    .lower = multilabel_soft_margin_lower,
    .ref = multilabel_soft_margin_ref,
    .flops_each = 12,
    .cases = (const char *const[]){"x=x[5] target=x[5]:unit", "x=x[4x3] target=x[4x3]:unit reduction=sum",
                                   "x=x[4x3] target=x[4x3]:unit weight=x[3]:positive",
                                   "x=x[2x3x4] target=x[2x3x4]:unit weight=x[4]:positive reduction=none",
                                   "x=x[0x3] target=x[0x3]:unit reduction=sum", NULL},
    .bad = (const op_bad[]){{"x=x[] target=x[]", "a single number has no classes"},
                            {"x=x[2x3] target=x[3]", "'target' must have the shape of 'x'"},
                            {"x=x[2x3] target=x[2x3] weight=x[2]", "'weight' cannot be broadcast"},
                            {0}},
    .tol = {[TN_F64] = OP_TOL(1e-12, 1e-15),
            [TN_F32] = OP_TOL(5e-6, 1e-7),
            [TN_F16] = OP_TOL(1e-2, 1e-3),
            [TN_BF16] = OP_TOL(5e-2, 1e-2)},
};

tn_tensor *tn_multilabel_soft_margin(tn_tensor *x, tn_tensor *target, const tn_loss_opt *opt)
{
    return OP_MAKE(&op_multilabel_soft_margin, OP_ARGS([REDUCTION] = OP_I(opt ? opt->reduction : TN_REDUCE_MEAN)), x,
                   target, opt ? opt->weight : NULL);
}
