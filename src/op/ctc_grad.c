/* ctc_grad: the gradient of ctc for log_p: less the share of all alignments that is at each class in each step (Graves et al. 2006, eq.
 * 15, before the softmax). */
#include "op/internal.h"
#include "op/scheme/ctc.h"
#include "op/scheme/loss.h"

#include <math.h>
#include <stdlib.h>

enum { DLOSS, LOG_P, TARGET, INPUT_LENGTHS, TARGET_LENGTHS };

static tn_status ctc_grad_infer(const op_infer *c)
{
    BASE_TRY(op_ctc_check(c, LOG_P));
    const graph_type *dloss = c->in[DLOSS];
    bool none = c->arg[OP_CTC_REDUCTION].i == OP_REDUCE_NONE;
    if (dloss->rank != (none ? 1 : 0))
        return op_fail(c, TN_SHAPE, "dloss must have the shape of the loss");
    if (none)
        BASE_TRY(op_want_same(c, dloss->dims[0], c->in[LOG_P]->dims[0], "the samples of dloss and log_p"));
    return op_like(c, 0, c->in[LOG_P]);
}

/* What is differentiated again is the loss written with other operators. */
static tn_status ctc_grad_lower(const op_lower *c)
{
    int64_t how = c->node->arg[OP_CTC_REDUCTION].i;
    tn_tensor *loss, *log_p = c->in[LOG_P], *dloss = c->in[DLOSS], *lengths = c->in[TARGET_LENGTHS];
    BASE_TRY(op_ctc_lowered(c->in + LOG_P, c->node->arg, &loss));
    dloss = op_cast_to(dloss, loss->type.dtype);
    if (how == OP_REDUCE_MEAN) {
        dloss = tn_div(dloss, op_count_value(log_p, 1, loss->type.dtype));
        dloss = lengths ? tn_div(dloss, op_cast_to(tn_maximum(lengths, op_like_scalar(lengths, 1)), loss->type.dtype))
                        : tn_div(dloss, op_ctc_most_labels(c->in[TARGET], loss->type.dtype));
    }
    return tn_gradients(tn_sum(tn_mul(loss, dloss)), 1, &log_p, &c->out[0]);
}

static void add_sample(const op_ref *c, int64_t n, const op_alignment *s, const double *e, double share)
{
    op_array *dx = c->out[0];
    int64_t steps = dx->dims[1], classes = dx->dims[2];
    for (int64_t t = 0; t < s->steps; t++)
        for (int64_t k = 0; k <= s->labels; k++) {
            int64_t at = (n * steps + t) * classes + (k ? s->target[k - 1] : c->arg[OP_CTC_BLANK].i);
            dx->f[at] -= share * e[t * (s->labels + 1) + k];
            dx->magnitude[at] += fabs(share);
        }
}

static void ctc_grad_ref(const op_ref *c)
{
    const op_array *x = c->in[LOG_P];
    int64_t steps = x->dims[1], labels = c->in[TARGET]->dims[1], how = c->arg[OP_CTC_REDUCTION].i;
    int64_t *target = calloc((size_t)labels + 1, sizeof *target);
    double *e = calloc((size_t)(steps * (labels + 1) + 1), sizeof *e);
    double *work = calloc((size_t)op_ctc_room(steps, labels), sizeof *work);
    for (int64_t n = 0; target && e && work && n < x->dims[0]; n++) {
        op_alignment s = {0};
        double share = c->in[DLOSS]->f[how == OP_REDUCE_NONE ? n : 0];
        if (!op_ctc_take(c, LOG_P, n, &s, target, e))
            continue;
        op_ctc_shares(&s, e, work, op_ctc_loss(&s, e, work));
        add_sample(c, n, &s, e, how == OP_REDUCE_MEAN ? share / fmax(1, (double)s.labels) / (double)x->dims[0] : share);
    }
    free(target);
    free(e);
    free(work);
}

static double ctc_grad_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)arg, (void)out;
    return 60 * (double)in[LOG_P]->dims[0] * (double)in[LOG_P]->dims[1] * (2 * (double)in[TARGET]->dims[1] + 1);
}

const op_def op_ctc_grad = {
    .name = "ctc_grad",
    .doc = "The gradient of ctc for log_p.",
    .in = {{"dloss", OP_FLOATS, 'T'},
           {"log_p", OP_FLOATS, 'T'},
           {"target", OP_INDEX, 'I'},
           {"input_lengths", OP_INDEX, 'I', OP_OPTIONAL},
           {"target_lengths", OP_INDEX, 'I', OP_OPTIONAL}},
    .out = {{"dlog_p", 0, 'T'}},
    .arg = OP_CTC_ARGS,
    .flags = OP_FAULTS,
    .infer = ctc_grad_infer,
    .lower = ctc_grad_lower,
    .ref = ctc_grad_ref,
    .flops = ctc_grad_flops,
    .cases = (const char *const[]){"dloss=x[] log_p=x[2x5x3] target=i[2x2]:index=3",
                                   "dloss=x[] log_p=x[3x4x5] target=i[3x3]:index=5 reduction=sum",
                                   "dloss=x[4] log_p=x[4x6x4] target=i[4x3]:index=4 input_lengths=i[4]:index=7 "
                                   "target_lengths=i[4]:index=4 reduction=none zero_infinity=true",
                                   "dloss=x[] log_p=x[3x5x4] target=i[3x2]:index=4 target_lengths=i[3]:index=3 blank=3",
                                   "dloss=x[2] log_p=x[2x3x2] target=i[2x0]:index=2 reduction=none",
                                   "dloss=x[] log_p=x[0x3x4] target=i[0x2]:index=4 reduction=sum", NULL},
    .bad =
        (const op_bad[]){
            {"dloss=x[] log_p=x[5x3] target=i[2x2]:index=3", "log_p has 2 axes"},
            {"dloss=x[2] log_p=x[2x5x3] target=i[2x2]:index=3", "dloss must have the shape of the loss"},
            {"dloss=x[3] log_p=x[2x5x3] target=i[2x2]:index=3 reduction=none", "the samples of dloss and log_p"},
            {0}},
    .fault = (const op_bad[]){{"dloss=x[] log_p=x[8x5x3] target=i[8x2]:index=9", "not a class"}, {0}},
    .tol = {[TN_F64] = OP_TOL(1e-12, 1e-15),
            [TN_F32] = OP_TOL(5e-6, 1e-6),
            [TN_F16] = OP_TOL(1e-2, 1e-3),
            [TN_BF16] = OP_TOL(5e-2, 1e-2)},
};

tn_tensor *op_ctc_grad_of(tn_tensor *dloss, tn_tensor *const *in, const op_value *arg)
{
    return OP_MAKE(
        &op_ctc_grad,
        OP_ARGS([OP_CTC_BLANK] = {true, arg[OP_CTC_BLANK]}, [OP_CTC_ZERO_INFINITY] = {true, arg[OP_CTC_ZERO_INFINITY]},
                [OP_CTC_REDUCTION] = {true, arg[OP_CTC_REDUCTION]}),
        dloss, in[0], in[1], in[2], in[3]);
}
