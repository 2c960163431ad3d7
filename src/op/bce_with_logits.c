/* bce_with_logits: binary cross entropy of sigmoid(x), without computing it: weight * ((1 - target) * x + l * log(1 + e^-x)),
 * l = 1 + (pos_weight - 1) * target, averaged; pos_weight is the weight of targets of 1. */
#include "op/scheme/loss.h"

#include <math.h>

enum { REDUCTION };

static tn_status bce_with_logits_infer(const op_infer *c)
{
    BASE_TRY(op_want_shape(c, 1, c->in[0]));
    BASE_TRY(op_want_weight(c, 2, c->in[0]));
    BASE_TRY(op_want_weight(c, 3, c->in[0]));
    return op_infer_loss(c, REDUCTION, c->in[0]);
}

static tn_status bce_with_logits_lower(const op_lower *c)
{
    const double never = 1e30; /* the threshold above which softplus would be taken as linear */
    tn_tensor *x = c->in[0], *target = c->in[1], *weight = c->in[2], *positive = c->in[3];
    tn_tensor *tail = tn_softplus(tn_neg(x), 1, never);
    if (positive)
        tail = tn_mul(tail, tn_add_f(tn_mul(tn_sub_f(positive, 1), target), 1));
    tn_tensor *each = tn_add(tn_mul(tn_sub(op_like_scalar(target, 1), target), x), tail);
    c->out[0] = op_reduce_loss(weight ? tn_mul(each, weight) : each, c->node->arg[REDUCTION].i);
    return TN_OK;
}

static double loss_of(const op_ref *c, int64_t i, double *magnitude)
{
    const op_array *weight = c->in[2], *positive = c->in[3];
    double x = c->in[0]->f[i], target = c->in[1]->f[i], w = weight ? weight->f[op_ref_index(c->in[0], weight, i)] : 1;
    double l = positive ? 1 + (positive->f[op_ref_index(c->in[0], positive, i)] - 1) * target : 1;
    double tail = l * (log1p(exp(-fabs(x))) + fmax(-x, 0));
    *magnitude = fabs(w) * (fabs((1 - target) * x) + fabs(tail));
    return w * ((1 - target) * x + tail);
}

static void bce_with_logits_ref(const op_ref *c)
{
    op_ref_loss(c, REDUCTION, loss_of);
}

const op_def op_bce_with_logits = {
    .name = "bce_with_logits",
    .doc = "Binary cross entropy of sigmoid(x).",
    .torch = "torch.nn.functional.binary_cross_entropy_with_logits",
    .in = {{"x", OP_FLOATS, 'T'},
           {"target", OP_FLOATS, 'T'},
           {"weight", OP_FLOATS, 'T', OP_OPTIONAL},
           {"pos_weight", OP_FLOATS, 'T', OP_OPTIONAL}},
    .out = {{"loss", 0, 'T'}},
    .arg = {[REDUCTION] = OP_ARG_REDUCTION},
    .infer = bce_with_logits_infer,
    .lower = bce_with_logits_lower,
    .ref = bce_with_logits_ref,
    .flops_each = 9,
    .cases =
        (const char *const[]){
            "x=x[5] target=x[5]:unit", "x=x[2x3] target=x[2x3]:unit pos_weight=x[3]:positive reduction=sum",
            "x=x[2x3x4] target=x[2x3x4]:unit weight=x[3x1]:positive pos_weight=x[4]:positive reduction=none",
            "x=x[] target=x[]:unit", "x=x[0x3] target=x[0x3]:unit reduction=sum", NULL},
    .bad = (const op_bad[]){{"x=x[2x3] target=x[3]", "'target' must have the shape of 'x'"},
                            {"x=x[2x3] target=x[2x3] weight=x[2]", "'weight' cannot be broadcast"},
                            {"x=x[2x3] target=x[2x3] pos_weight=x[2]", "'pos_weight' cannot be broadcast"},
                            {0}},
    .tol = {[TN_F64] = OP_TOL(1e-12, 1e-300),
            [TN_F32] = OP_TOL(5e-6, 1e-7),
            [TN_F16] = OP_TOL(5e-3, 1e-4),
            [TN_BF16] = OP_TOL(4e-2, 1e-3)},
};

tn_tensor *tn_bce_with_logits(tn_tensor *x, tn_tensor *target, const tn_loss_opt *opt)
{
    return OP_MAKE(&op_bce_with_logits, OP_ARGS([REDUCTION] = OP_I(opt ? opt->reduction : TN_REDUCE_MEAN)), x, target,
                   opt ? opt->weight : NULL, opt ? opt->pos_weight : NULL);
}
