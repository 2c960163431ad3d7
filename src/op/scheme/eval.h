/* eval.h: runs the reference of an operator on data of any dtype and strides: elements are widened to double or int64, the
 * reference computes, results are rounded once. Slow and right; used for folding constants, as the kernel of last resort,
 * and by the tests. */
#ifndef OP_EVAL_H
#define OP_EVAL_H

#include "op/scheme/op.h"

typedef struct op_eval {
    const graph_node *node; /* its operator, arguments and name */
    int n_in, n_out;
    const op_operand *in, *out;
    bool training;
    uint64_t seed, step;
} op_eval;

/* Bytes of scratch that op_eval_run needs. */
size_t op_eval_scratch(const op_eval *v);
/* `fault` receives the sentence of a fault, if there is one and it was NULL before. Allocates nothing. */
void op_eval_run(const op_eval *v, const void *const *in, void *const *out, void *scratch, const char **fault);
/* Row-major operand of these sizes. */
op_operand op_operand_of(tn_dtype dtype, int rank, const int64_t *dims);

#endif
