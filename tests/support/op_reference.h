/* op_reference.h: runs a graph as it stands by the references of its operators, in double and 64-bit integers: no pass, no
 * kernel and no rounding between nodes. What values, lowered forms and gradients are held against. */
#ifndef TEST_OP_REFERENCE_H
#define TEST_OP_REFERENCE_H

#include "op/scheme/op.h"

typedef struct op_reference {
    const tn_graph *graph;
    op_array **value; /* by tensor id */
    base_arena arena;
    bool training;
    bool unrounded; /* casts between floats change nothing: differences cannot be taken across a staircase */
    uint64_t seed, step;
    const char *fault; /* of the last run; NULL: none */
} op_reference;

/* Takes the nodes that the graph has now; sizes must be numbers. Memory out aborts: this is for tests. */
void op_reference_open(op_reference *r, const tn_graph *graph);
void op_reference_close(op_reference *r);
/* Row-major data of x's own dtype. */
void op_reference_set(op_reference *r, const tn_tensor *x, const void *data);
/* Computes the nodes that x depends on, in order; x's array. */
const op_array *op_reference_get(op_reference *r, const tn_tensor *x);
/* The same without computing: as the last run left it. */
static inline op_array *op_reference_at(const op_reference *r, const tn_tensor *x)
{
    return r->value[x->id];
}

#endif
