/* half.h: which f32 values of an entry lie in memory as bf16. */
#ifndef PROGRAM_HALF_H
#define PROGRAM_HALF_H

#include "program/backend.h"
#include "program/schedule.h"

/* What is asked about: the nodes of a schedule. `describe` says what a kernel would be told of one, were all its operands f32; in
 * and out have room for them. */
typedef struct half_question {
    const tn_graph *g;
    const schedule *order;
    const backend *backend;
    tn_status (*describe)(const void *user, const graph_node *node, kernel_operand *in, kernel_operand *out,
                          kernel_bind *k);
    const void *user;
} half_question;

/* half[tensor]: it lies as bf16. All false to begin with. */
tn_status half_choose(const half_question *q, bool *half, base_error *e);

#endif
