/* op_case.h: the case strings of operator definitions: "x=x[2x3]:ties index=i[4]:index=3 axis=-1".
 *
 *   NAME=K[AxBx...]:FILL     an input: K is x (every dtype of the slot), f (its floats), i (its integers) or b (bool); [] is
 *                            rank 0; a variadic slot takes several with commas; inputs that are not named are absent
 *   NAME=VALUE               an argument: a number, true or false, a name of its list, a dtype, numbers with commas
 *
 * Fills: none: distinct values away from integers and from each other; ties: few values, halves among them; kinks=V: V at
 * every second place; signs: -1 and 1; index=N: integers in [0, N); above=V: more than V; positive; unit: inside (0, 1); prob:
 * probabilities along the axis of the classes; finite: as none, and never NaN or infinite (what meets zeros that the operator adds,
 * such as padding); offsets=N: rising from 0 to N; order: each number below the count once; dominant: matrices with a rising diagonal
 * that is larger than the rest of its row (two axes or more). Everything depends on the case's text alone. */
#ifndef TEST_OP_CASE_H
#define TEST_OP_CASE_H

#include "op/scheme/op.h"

typedef enum op_fill {
    OP_FILL_DISTINCT,
    OP_FILL_TIES,
    OP_FILL_KINKS,
    OP_FILL_INDEX,
    OP_FILL_POSITIVE,
    OP_FILL_UNIT,
    OP_FILL_PROB,
    OP_FILL_FINITE,
    OP_FILL_ABOVE,
    OP_FILL_SIGNS,
    OP_FILL_OFFSETS,
    OP_FILL_ORDER,
    OP_FILL_DOMINANT
} op_fill;

typedef struct op_case_input {
    const op_slot *slot;
    char letter; /* 0: absent */
    int rank;
    int64_t dims[TN_MAX_RANK], count;
    op_fill fill;
    double with; /* the number of kinks and index */
} op_case_input;

typedef struct op_case {
    const op_def *def;
    const char *text;
    int n_in;
    op_case_input in[OP_MAX_IN];
    int64_t batch; /* the size of axis 0 of the first input; 0: it has none */
    bool open;     /* set by who wants the batch to be a symbol in what op_check_build makes */
    op_args args;
    int64_t list[OP_MAX_ARG][2 * TN_MAX_RANK]; /* room for what must be refused */
    char word[OP_MAX_ARG][64];
} op_case;

/* Whether an input of the case has an axis of this size. */
bool op_case_has_size(const op_case *c, int64_t size);
/* The text with sizes `from` as `to`, and as many classes for index; false where that has no meaning, or changes nothing. */
bool op_case_resized(const char *text, int64_t from, int64_t to, char *out, size_t size);
/* The case keeps def and text, and points into itself. TN_FORMAT and a sentence when the text is no case of def. */
tn_status op_case_parse(op_case *c, const op_def *def, const char *text, base_error *e);
/* The dtypes of the inputs in assignment k = 0, 1, ...: variables are equal, each class is walked through, and where there are two
 * variables of floats, f16 and bf16 stand beside f32 too; false beyond the last. Assignment 0 is f64 (or bool, i64) throughout. */
bool op_case_dtypes(const op_case *c, int k, tn_dtype dtypes[OP_MAX_IN]);
/* Fills a row-major buffer of input i. `poison`: some elements of float inputs become NaN, infinities and zeros. */
void op_case_fill(const op_case *c, int i, tn_dtype dtype, bool poison, void *data);
/* Whether values are such that a function may have kinks there: no differences are taken. */
bool op_case_has_kinks(const op_case *c);

/* Random numbers of the tests: a step of splitmix64, and one in (-1, 1) made of it. */
uint64_t op_case_next(uint64_t *seed);
double op_case_random(uint64_t *seed);

#endif
