/* ctc: connectionist temporal classification (Graves et al. 2006): the negative logarithm of the probability that log_p[N, T, C], log-
 * probabilities of the classes and of a blank in each step, gives the labels target[N, S], whenever each of them comes. Of each sample
 * input_lengths steps and target_lengths labels count; absent: all. The mean is over samples, each divided by its number of labels, as
 * PyTorch's. Where no alignment fits the loss is infinite, or 0 with zero_infinity, and has no gradient. */
#include "op/scheme/ctc.h"
#include "op/internal.h"
#include "op/scheme/loss.h"

#include <math.h>
#include <stdlib.h>

enum { LOG_P, TARGET, INPUT_LENGTHS, TARGET_LENGTHS };

static tn_status ctc_infer(const op_infer *c)
{
    BASE_TRY(op_ctc_check(c, LOG_P));
    graph_type each = *c->in[TARGET];
    each.rank = 1;
    return op_infer_loss(c, OP_CTC_REDUCTION, &each);
}

static tn_status ctc_backward(const op_grad *c)
{
    for (int i = TARGET; i <= TARGET_LENGTHS; i++)
        op_give_zero(c, i);
    return op_give(c, LOG_P, op_ctc_grad_of(op_dout(c, 0), c->node->in, op_arg(c, 0)));
}

/* Samples divided by their numbers of labels. */
static tn_tensor *by_labels(const op_lower *c, tn_tensor *loss)
{
    tn_tensor *lengths = c->in[TARGET_LENGTHS];
    if (!lengths)
        return tn_div(loss, op_ctc_most_labels(c->in[TARGET], loss->type.dtype));
    return tn_div(loss, op_cast_to(tn_maximum(lengths, op_like_scalar(lengths, 1)), loss->type.dtype));
}

static tn_status ctc_lower(const op_lower *c)
{
    int64_t how = c->node->arg[OP_CTC_REDUCTION].i;
    tn_tensor *loss;
    BASE_TRY(op_ctc_lowered(c->in, c->node->arg, &loss));
    loss = how == OP_REDUCE_MEAN ? by_labels(c, loss) : loss;
    c->out[0] = op_cast_to(op_reduce_loss(loss, how), c->in[LOG_P]->type.dtype);
    return TN_OK;
}

static double loss_of(const op_ref *c, int64_t n, double *magnitude)
{
    int64_t steps = c->in[LOG_P]->dims[1], labels = c->in[TARGET]->dims[1];
    op_alignment s = {0};
    int64_t *target = calloc((size_t)labels + 1, sizeof *target);
    double *e = calloc((size_t)(steps * (labels + 1) + 1), sizeof *e);
    double *work = calloc((size_t)op_ctc_room(steps, labels), sizeof *work), loss = (double)NAN;
    if (target && e && work && op_ctc_take(c, LOG_P, n, &s, target, e)) {
        loss = op_ctc_loss(&s, e, work);
        if (isinf(loss) && c->arg[OP_CTC_ZERO_INFINITY].i)
            loss = 0;
        for (int64_t i = 0; i < s.steps * (s.labels + 1); i++)
            *magnitude = fmax(*magnitude, fabs(e[i]) * (double)s.steps);
        *magnitude += fabs(loss) + 1;
        double share = c->arg[OP_CTC_REDUCTION].i == OP_REDUCE_MEAN ? fmax(1, (double)s.labels) : 1;
        loss /= share;
        *magnitude /= share;
    }
    free(target);
    free(e);
    free(work);
    return loss;
}

static void ctc_ref(const op_ref *c)
{
    op_ref_losses(c, OP_CTC_REDUCTION, c->in[LOG_P]->dims[0], loss_of);
}

static double ctc_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)arg, (void)out;
    return 20 * (double)in[LOG_P]->dims[0] * (double)in[LOG_P]->dims[1] * (2 * (double)in[TARGET]->dims[1] + 1);
}

const op_def op_ctc = {
    .name = "ctc",
    .doc = "Connectionist temporal classification: labels of a sequence without their places.",
    .torch = "torch.nn.functional.ctc_loss",
    .in = {{"log_p", OP_FLOATS, 'T'},
           {"target", OP_INDEX, 'I'},
           {"input_lengths", OP_INDEX, 'I', OP_OPTIONAL},
           {"target_lengths", OP_INDEX, 'I', OP_OPTIONAL}},
    .out = {{"loss", 0, 'T'}},
    .arg = OP_CTC_ARGS,
    .flags = OP_FAULTS,
    .infer = ctc_infer,
    .grad = ctc_backward,
    .lower = ctc_lower,
    .ref = ctc_ref,
    .flops = ctc_flops,
    .cases = (const char *const[]){"log_p=x[2x5x3] target=i[2x2]:index=3",
                                   "log_p=x[3x4x5] target=i[3x3]:index=5 reduction=sum",
                                   "log_p=x[4x6x4] target=i[4x3]:index=4 input_lengths=i[4]:index=7 "
                                   "target_lengths=i[4]:index=4 reduction=none zero_infinity=true",
                                   "log_p=x[3x5x4] target=i[3x2]:index=4 target_lengths=i[3]:index=3 blank=3",
                                   "log_p=x[2x3x2] target=i[2x0]:index=2 reduction=none",
                                   "log_p=x[0x3x4] target=i[0x2]:index=4 reduction=sum", NULL},
    .bad = (const op_bad[]){{"log_p=x[5x3] target=i[2x2]:index=3", "log_p has 2 axes"},
                            {"log_p=x[2x5x3] target=i[4]:index=3", "target has 1 axes"},
                            {"log_p=x[2x5x3] target=i[3x2]:index=3", "the samples of log_p and target"},
                            {"log_p=x[2x5x3] target=i[2x2]:index=3 input_lengths=i[2x1]:index=3",
                             "input_lengths has 2 axes"},
                            {"log_p=x[2x5x3] target=i[2x2]:index=3 target_lengths=i[3]:index=3",
                             "the samples of log_p and the lengths"},
                            {"log_p=x[2x5x3] target=i[2x2]:index=3 blank=3", "blank is 3; log_p has 3 classes"},
                            {0}},
    .fault = (const op_bad[]){{"log_p=x[8x5x3] target=i[8x2]:index=9", "not a class"},
                              {"log_p=x[8x5x3] target=i[8x2]:index=3 input_lengths=i[8]:index=99", "length"},
                              {"log_p=x[8x5x3] target=i[8x2]:index=3 target_lengths=i[8]:index=99", "length"},
                              {0}},
    .tol = {[TN_F64] = OP_TOL(1e-12, 1e-15),
            [TN_F32] = OP_TOL(5e-6, 1e-6),
            [TN_F16] = OP_TOL(1e-2, 1e-3),
            [TN_BF16] = OP_TOL(5e-2, 1e-2)},
};

tn_tensor *tn_ctc(tn_tensor *log_p, tn_tensor *target, tn_tensor *input_lengths, tn_tensor *target_lengths,
                  const tn_ctc_opt *opt)
{
    static const tn_ctc_opt none = {0};
    const tn_ctc_opt *o = opt ? opt : &none;
    return OP_MAKE(&op_ctc,
                   OP_ARGS([OP_CTC_BLANK] = OP_I(o->blank), [OP_CTC_ZERO_INFINITY] = OP_I(o->zero_infinity),
                           [OP_CTC_REDUCTION] = OP_I(o->reduction)),
                   log_p, target, input_lengths, target_lengths);
}
