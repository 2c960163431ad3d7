/* bce: binary cross entropy of probabilities x in [0, 1]: -weight * (target * log(x) + (1 - target) * log(1 - x)), averaged.
 * As in PyTorch, logarithms are cut off at -100, and the denominator of the gradient at 1e-12. */
#include "op/scheme/loss.h"

#include <math.h>

enum { REDUCTION };

static tn_status bce_infer(const op_infer *c)
{
    BASE_TRY(op_want_shape(c, 1, c->in[0]));
    BASE_TRY(op_want_weight(c, 2, c->in[0]));
    return op_infer_loss(c, REDUCTION, c->in[0]);
}

static tn_tensor *cut_log(tn_tensor *x)
{
    return tn_clamp(x, -100, INFINITY);
}

static tn_tensor *log_of(tn_tensor *x)
{
    return cut_log(tn_log(x));
}

static tn_tensor *log_of_rest(tn_tensor *x)
{
    return cut_log(tn_log1p(tn_neg(x)));
}

static tn_status bce_backward(const op_grad *c)
{
    tn_tensor *x = op_in(c, 0), *target = op_in(c, 1),
              *share = op_loss_share(op_dout(c, 0), x, op_arg(c, REDUCTION)->i);
    if (op_in(c, 2))
        share = tn_mul(share, op_in(c, 2));
    if (op_wants(c, 0)) {
        tn_tensor *spread = tn_clamp(tn_mul(x, tn_sub(op_like_scalar(x, 1), x)), 1e-12, INFINITY);
        op_give(c, 0, tn_mul(share, tn_div(tn_sub(x, target), spread)));
    }
    if (op_wants(c, 1))
        op_give(c, 1, tn_mul(share, tn_sub(log_of_rest(x), log_of(x))));
    return TN_OK;
}

static tn_status bce_lower(const op_lower *c)
{
    tn_tensor *x = c->in[0], *target = c->in[1];
    tn_tensor *each =
        tn_add(tn_mul(target, log_of(x)), tn_mul(tn_sub(op_like_scalar(target, 1), target), log_of_rest(x)));
    each = tn_neg(c->in[2] ? tn_mul(each, c->in[2]) : each);
    c->out[0] = op_reduce_loss(each, c->node->arg[REDUCTION].i);
    return TN_OK;
}

static double loss_of(const op_ref *c, int64_t i, double *magnitude)
{
    double x = c->in[0]->f[i], target = c->in[1]->f[i], yes = log(x), no = log1p(-x);
    double weight = c->in[2] ? c->in[2]->f[op_ref_index(c->in[0], c->in[2], i)] : 1;
    yes = yes < -100 ? -100 : yes;
    no = no < -100 ? -100 : no;
    *magnitude = fabs(weight) * (fabs(target * yes) + fabs((1 - target) * no));
    return -weight * (target * yes + (1 - target) * no);
}

static void bce_ref(const op_ref *c)
{
    op_ref_loss(c, REDUCTION, loss_of);
}

const op_def op_bce = {
    .name = "bce",
    .doc = "Binary cross entropy of probabilities.",
    .torch = "torch.nn.functional.binary_cross_entropy",
    .in = {{"x", OP_FLOATS, 'T'}, {"target", OP_FLOATS, 'T'}, {"weight", OP_FLOATS, 'T', OP_OPTIONAL | OP_FIXED}},
    .out = {{"loss", 0, 'T'}},
    .arg = {[REDUCTION] = OP_ARG_REDUCTION},
    .infer = bce_infer,
    .grad = bce_backward,
    .lower = bce_lower,
    .ref = bce_ref,
    .flops_each = 8,
    .cases =
        (const char *const[]){"x=x[5]:unit target=x[5]:unit", "x=x[2x3]:unit target=x[2x3]:unit reduction=sum",
                              "x=x[2x3x4]:unit target=x[2x3x4]:unit weight=x[3x1]:positive reduction=none",
                              "x=x[]:unit target=x[]:unit", "x=x[0x3]:unit target=x[0x3]:unit reduction=sum", NULL},
    .bad = (const op_bad[]){{"x=x[2x3] target=x[3]", "'target' must have the shape of 'x'"},
                            {"x=x[2x3] target=x[2x3] weight=x[2]", "'weight' cannot be broadcast"},
                            {"x=x[3] target=x[3] weight=x[2x3]", "'weight' cannot be broadcast"},
                            {0}},
    .tol = {[TN_F64] = OP_TOL(1e-12, 1e-300),
            [TN_F32] = OP_TOL(5e-6, 1e-7),
            [TN_F16] = OP_TOL(5e-3, 1e-4),
            [TN_BF16] = OP_TOL(4e-2, 1e-3)},
};

tn_tensor *tn_bce(tn_tensor *x, tn_tensor *target, const tn_loss_opt *opt)
{
    return OP_MAKE(&op_bce, OP_ARGS([REDUCTION] = OP_I(opt ? opt->reduction : TN_REDUCE_MEAN)), x, target,
                   opt ? opt->weight : NULL);
}
