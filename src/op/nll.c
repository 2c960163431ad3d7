/* nll: negative log-likelihood -weight[target] * x[target] of log-probabilities x along the axis of the classes (1, or 0 of a
 * single sample), averaged by the weights. Targets equal to ignore_index do not count; others that are no class are a fault. */
#include "op/scheme/loss.h"

#include "op/internal.h"

#include <math.h>

enum { REDUCTION, IGNORE };

static tn_status nll_infer(const op_infer *c)
{
    BASE_TRY(op_class_check(c, c->in[0], c->in[1], c->in[2]));
    return op_infer_loss(c, REDUCTION, c->in[1]);
}

static tn_status nll_lower(const op_lower *c)
{
    op_classes k = op_classes_of(c->in[1], c->in[2], (double)c->node->arg[IGNORE].i, c->in[0]->type.dtype);
    c->out[0] = op_reduce_classes(op_class_losses(c->in[0], &k), &k, c->node->arg[REDUCTION].i);
    return TN_OK;
}

static void nll_ref(const op_ref *c)
{
    const op_array *x = c->in[0], *target = c->in[1];
    op_array *y = c->out[0];
    int64_t how = c->arg[REDUCTION].i, ignore = c->arg[IGNORE].i;
    op_row row = op_row_of(x, op_class_axis(x->rank));
    double total = op_ref_class_total(c, x, target, c->in[2], ignore, how);
    for (int64_t r = 0; r < target->count; r++) {
        double weight = op_ref_class_weight(c, x, target, c->in[2], ignore, r);
        int64_t at = how == OP_REDUCE_NONE ? r : 0;
        double loss = weight != 0 ? -weight * x->f[op_row_first(&row, r) + target->i[r] * row.stride] / total : 0;
        y->f[at] += loss;
        y->magnitude[at] += fabs(loss);
    }
    if (how == OP_REDUCE_MEAN && total == 0)
        y->f[0] = (double)NAN;
}

static double nll_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)arg, (void)out;
    return 2 * op_elements(in[1]);
}

const op_def op_nll = {
    .name = "nll",
    .doc = "Negative log-likelihood of classes, from log-probabilities.",
    .torch = "torch.nn.functional.nll_loss",
    .onnx = "NegativeLogLikelihoodLoss",
    .in = {{"x", OP_FLOATS, 'T'}, {"target", OP_INDEX}, {"weight", OP_FLOATS, 'T', OP_OPTIONAL | OP_FIXED}},
    .out = {{"loss", 0, 'T'}},
    .arg = {[REDUCTION] = OP_ARG_REDUCTION, [IGNORE] = OP_ARG_INT("ignore_index", -100)},
    .flags = OP_FAULTS,
    .infer = nll_infer,
    .lower = nll_lower,
    .ref = nll_ref,
    .flops = nll_flops,
    .cases = (const char *const[]){"x=x[4x3] target=i[4]:index=3", "x=x[3] target=i[]:index=3 reduction=sum",
                                   "x=x[5x3] target=i[5]:index=3 weight=x[3]:positive",
                                   "x=x[2x3x4] target=i[2x4]:index=3 weight=x[3]:positive reduction=none",
                                   "x=x[9x3] target=i[9]:index=3 ignore_index=1",
                                   "x=x[2x4x3x2] target=i[2x3x2]:index=4 ignore_index=0 reduction=sum",
                                   "x=x[0x3] target=i[0]:index=3 reduction=sum", NULL},
    .bad = (const op_bad[]){{"x=x[] target=i[]:index=1", "a single number has no classes"},
                            {"x=x[4x3] target=i[4x3]:index=3", "target has 2 axes"},
                            {"x=x[4x3] target=i[5]:index=3", "target has size 5 where x has 4"},
                            {"x=x[4x3] target=i[4]:index=3 weight=x[3x1]", "weight has 2 axes"},
                            {"x=x[4x3] target=i[4]:index=3 weight=x[4]", "4 and 3 differ"},
                            {0}},
    .fault = (const op_bad[]){{"x=x[20x3] target=i[20]:index=9", "out of range"}, {0}},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *tn_nll(tn_tensor *x, tn_tensor *target, const tn_loss_opt *opt)
{
    int64_t ignore = opt && opt->ignore ? opt->ignore_index : -100;
    return OP_MAKE(&op_nll, OP_ARGS([REDUCTION] = OP_I(opt ? opt->reduction : TN_REDUCE_MEAN), [IGNORE] = OP_I(ignore)),
                   x, target, opt ? opt->weight : NULL);
}
