/* ctc.h: the sum over all alignments of one sample (Graves et al. 2006, sections 4.1 and 4.2), in logarithms and double; what the
 * operators ctc and ctc_grad, their references and their kernel share.
 *
 * A target of L labels has 2 L + 1 states: a blank, the first label, a blank, the second label, ..., a blank. */
#ifndef OP_CTC_H
#define OP_CTC_H

#include "op/scheme/op.h"

enum { OP_CTC_BLANK, OP_CTC_ZERO_INFINITY, OP_CTC_REDUCTION }; /* arguments */
#define OP_CTC_ARGS                                                                                                    \
    {                                                                                                                  \
        [OP_CTC_BLANK] = OP_ARG_INT_IN("blank", 0, 0, 2147483647),                                                     \
        [OP_CTC_ZERO_INFINITY] = OP_ARG_BOOL("zero_infinity", false), [OP_CTC_REDUCTION] = OP_ARG_REDUCTION            \
    }

/* log_p[N, T, C], target[N, S], lengths[N] or absent, given as slots from `first` on; the number of axes and the sizes. */
tn_status op_ctc_check(const op_infer *c, int first);
/* The labels that there is room for, at least 1, as a value of rank 0. */
tn_tensor *op_ctc_most_labels(const tn_tensor *target, tn_dtype dtype);
/* The loss of each sample, written with other operators: one step after another, so T must be a number. */
tn_status op_ctc_lowered(tn_tensor *const *in, const op_value *arg, tn_tensor **loss);

typedef struct op_alignment {
    int64_t steps, labels; /* T and L of the sample */
    const int64_t *target; /* L labels */
} op_alignment;

/* Numbers of double that the two functions below need behind `e`. */
static inline int64_t op_ctc_room(int64_t steps, int64_t labels)
{
    return (steps + 2) * (2 * labels + 1);
}
/* e[T][L + 1] has log_p of the blank and of each label. The negative logarithm of the sum; INFINITY where nothing fits. `work`
 * has op_ctc_room numbers and keeps what the next function needs. */
double op_ctc_loss(const op_alignment *s, const double *e, double *work);
/* e becomes the share of all alignments that is at the blank, and at each label, in each step. */
void op_ctc_shares(const op_alignment *s, double *e, double *work, double loss);

/* The sample n of a reference: its sizes, labels into room (L of them) and e; false after a fault. */
bool op_ctc_take(const op_ref *c, int first, int64_t n, op_alignment *s, int64_t *labels, double *e);

#endif
