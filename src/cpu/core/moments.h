/* moments.h: for each channel of pixels with channels last, x[rows][channels] of f32 or bf16, in one pass over memory: mean and
 * variance, or the sums of dy and of dy * (x - mean).
 *
 * Rows are cut into blocks by shape alone. A block adds short runs in f32 and the runs in f64, with deviations from its first
 * row, so that a mean far from zero costs no digits; blocks are joined in order (Chan, Golub, LeVeque 1979). So the bits do not
 * depend on the number of threads. Nothing is allocated: scratch is the caller's, aligned to 64. */
#ifndef CPU_MOMENTS_H
#define CPU_MOMENTS_H

#include "cpu/core/isa.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct cpu_moments {
    int64_t rows, channels;
    int threads;
    cpu_isa isa;
    bool half; /* x is bf16 */
    /* set by cpu_moments_plan */
    int64_t group; /* rows that are taken as one long row, to fill vectors where channels are few */
    int64_t block; /* rows of a block */
    int64_t blocks;
    size_t part, thread_bytes; /* of scratch: of the blocks' results, of each thread */
} cpu_moments;

/* From rows (at least 1), channels (at least 1), threads and isa. */
void cpu_moments_plan(cpu_moments *m);
size_t cpu_moments_scratch(const cpu_moments *m);
void cpu_moments_run(const cpu_moments *m, const void *x, float *mean, float *var, void *scratch);
void cpu_moments_sums(const cpu_moments *m, const float *dy, const void *x, const float *mean, float *sum, float *dot,
                      void *scratch);

/* The inner loops, per instruction set: a[i] and b[i] get the sums over `rows` rows of n numbers, which follow each other
 * in memory: of x - shift and its square, or of dy and dy * (x - shift). The second of each reads x as bf16. */
typedef struct cpu_moments_fns {
    void (*moments[2])(const void *x, int64_t rows, int64_t n, const float *shift, float *a, float *b);
    void (*sums[2])(const float *dy, const void *x, int64_t rows, int64_t n, const float *shift, float *a, float *b);
} cpu_moments_fns;

#endif
