/* conv_few.h: convolution of pictures with few channels (the first layer of most nets) in the matrix registers, in bf16
 * or as split products (conv_split.h); the gradient of its weights is conv_split_weight.c's. The window's row, kw * c_in numbers next
 * to each other in memory, is what the registers sum over, straight from a copy of the picture's rows in bf16: the next place begins
 * step * c_in numbers on. Rows overlap in the registers, and nothing is copied twice.
 *
 * Where kw * c_in is odd, one number more is multiplied by zero: a NaN or an infinity in it makes a NaN. */
#ifndef CPU_CONV_FEW_H
#define CPU_CONV_FEW_H

#include "cpu/core/conv_split.h"

enum { CONV_FEW_SIDE = 32 }; /* the most numbers of a window's row; places and output channels of a block */

/* The sums of 32 places and 32 output channels. */
typedef struct conv_few_tile {
    const char *x; /* the first place's window; 16 places, `step` bytes apart, `half` bytes on 16 more */
    int64_t step, half;
    const int64_t *off; /* bytes, of each row of the window */
    int64_t rows, terms;
    const char *w; /* [row][32 output channels], each 2 KB of high and 2 KB of low parts, or of high parts alone */
    int64_t low;   /* bytes from the high parts of x to the low ones; 0: there are none */
    float *sums;   /* [32][32] */
} conv_few_tile;

typedef struct conv_few_kernels {
    void (*enter)(int64_t terms); /* of a row of the window */
    void (*leave)(void);
    void (*tile)(const conv_few_tile *t);
    /* `count` numbers to bf16, and unless NULL to their low parts. */
    void (*line)(const float *x, int64_t count, char *high, char *low);
} conv_few_kernels;
extern const conv_few_kernels conv_few_amx, conv_few_avx512_bf16;

/* For the gradient of weights: a place reads a whole row of the window, so that taps are the rows, and channels all numbers
 * of one. A window's row that leaves the picture is copied to `edge`, 32 floats for each place. */
void conv_few_map_set(conv_split_map *m, const conv_problem *p, int64_t *off, int64_t *stream);
void conv_few_inputs(const conv_split_map *m, const conv_problem *p, int64_t stream, const float *x, int64_t first,
                     int64_t count, const float **at, float *edge);

bool conv_few_takes(const conv_problem *p);
/* As their namesakes in conv_parts.h. */
int64_t conv_few_packed_floats(const conv_problem *p);
void conv_few_pack(const conv_problem *p, const conv_pack_plan *plan, const float *w, float *packed);
size_t conv_few_scratch(const conv_problem *p, int threads);
void conv_few_run(const conv_problem *p, int threads, const void *x, const float *packed, const conv_end *end, void *y,
                  void *scratch);

#endif
