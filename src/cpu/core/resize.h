/* resize.h: rows of f32 that are weighted sums of rows. */
#ifndef CPU_RESIZE_H
#define CPU_RESIZE_H

#include "cpu/core/isa.h"

#include <stdint.h>

/* A row of the result: the sum over k < n of weight[k] * row (first + k) of the argument. */
typedef struct cpu_resize_row {
    int64_t first, n;
    const float *weight;
} cpu_resize_row;

/* y[i][:] for the rows i in [from, to) of one plane of x, rows being `inner` long; `past`: past the caches, where that can be. */
typedef void (*cpu_resize_fn)(const cpu_resize_row *row, int64_t inner, const float *x, float *y, int64_t from,
                              int64_t to, bool past);
cpu_resize_fn cpu_resize_of(cpu_isa isa);

#endif
