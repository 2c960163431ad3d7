/* pieces.h: outputs put together from blocks: copies of inputs, of any strides, and blocks of one value. Each is a loop of the
 * tile engine (elem.h); together they must cover the output once. */
#ifndef CPU_PIECES_H
#define CPU_PIECES_H

#include "cpu/core/elem.h"
#include "cpu/core/kernels.h"

typedef struct cpu_piece {
    const cpu_elem *elem;
    int input;      /* -1: none, a value */
    int64_t offset; /* bytes from the beginning of the output */
} cpu_piece;

/* What kernels of this kind keep as their plan. */
typedef struct cpu_pieces {
    int n;
    cpu_piece *piece;
} cpu_pieces;

/* An empty list with room for n. NULL and a sentence: out of memory. */
cpu_pieces *cpu_pieces_new(kernel_bind *b, int n);
/* Puts output 0 channels last if most of the inputs' elements lie so: before anything else. */
void cpu_pieces_follow(kernel_bind *b);
/* Input `input` to the block of output 0 that begins at element `start` and has these strides. */
tn_status cpu_pieces_copy(kernel_bind *b, cpu_pieces *p, int input, int64_t start, const int64_t *strides);
/* `value` in the block of these dims, the same way. */
tn_status cpu_pieces_fill(kernel_bind *b, cpu_pieces *p, double value, int64_t start, const int64_t *dims,
                          const int64_t *strides);
/* `value` wherever output 0 is outside the box of these dims that begins at these coordinates; at most 2 * rank pieces. */
tn_status cpu_pieces_border(kernel_bind *b, cpu_pieces *p, double value, const int64_t *low, const int64_t *dims);
/* The `run` of such kernels. */
void cpu_pieces_run(const kernel_call *c);

#endif
