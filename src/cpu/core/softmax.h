/* softmax.h: rows of adjacent f32 numbers: softmax, its logarithm, their gradients, and what cross entropy needs. One row is
 * worked on by one thread; sums of long rows go to double every few thousand numbers. NaN propagates. */
#ifndef CPU_SOFTMAX_H
#define CPU_SOFTMAX_H

#include "cpu/core/isa.h"

#include <stdint.h>

/* The inner loops, per instruction set. `to` may be the source. */
typedef struct cpu_softmax_fns {
    float (*top)(const float *x, int64_t n); /* the largest, n >= 1; a NaN may be passed over */
    /* Sum of e^(x - top); these go to `to` unless it is NULL. */
    double (*exps)(const float *x, int64_t n, float top, float *to);
    void (*scale)(const float *x, int64_t n, float by, float *to);                      /* x * by */
    void (*shift)(const float *x, int64_t n, float by, float *to);                      /* x - by */
    double (*dot)(const float *x, const float *y, int64_t n);                           /* y may be NULL: ones */
    void (*grad)(const float *y, const float *dy, int64_t n, float dot, float *to);     /* y * (dy - dot) */
    void (*log_grad)(const float *y, const float *dy, int64_t n, float sum, float *to); /* dy - e^y * sum */
    /* Up to `lanes` rows of up to `lanes` numbers each, side by side: top and sum of each row as above, and unless `to` is NULL what
     * goes there is e^(x - top) * by[row] / sum. top, sum and by hold `lanes` numbers, however few rows there are. */
    void (*few)(const float *x, int64_t rows, int64_t n, float *top, float *sum, const float *by, float *to);
    int64_t lanes; /* at most CPU_SOFTMAX_MOST_LANES */
} cpu_softmax_fns;
enum { CPU_SOFTMAX_MOST_LANES = 16 };
const cpu_softmax_fns *cpu_softmax_fns_of(cpu_isa isa);

#endif
