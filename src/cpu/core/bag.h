/* bag.h: rows of an f32 table put together. */
#ifndef CPU_BAG_H
#define CPU_BAG_H

#include "cpu/core/isa.h"

#include <stdint.h>

/* y[features] = the sum of weight[k] * row[k], k < n (weight NULL: 1), or the largest of each feature; NaN wins. n = 0: zeros. */
typedef void (*cpu_bag_fn)(const float *const *row, const float *weight, int64_t n, int64_t features, float *y);
typedef struct cpu_bag {
    cpu_bag_fn sum, max;
} cpu_bag;
const cpu_bag *cpu_bag_of(cpu_isa isa);

#endif
