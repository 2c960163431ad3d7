/* bag.h: rows of tables put together, and multiplied by one another. Those of core/bag.tile.c are f32. */
#ifndef CPU_BAG_H
#define CPU_BAG_H

#include "cpu/core/isa.h"

#include <stdint.h>

/* y[features] = the sum of weight[k] * row[k][at ..], k < n (weight NULL: 1), in this order, or the largest or smallest of these
 * products for each feature; NaN wins. n = 0: zeros. y may be one of the rows. */
typedef void (*cpu_bag_fn)(const void *const *row, int64_t at, const void *weight, int64_t n, int64_t features,
                           void *y);
typedef struct cpu_bag {
    cpu_bag_fn sum, max, min;
    /* a[features] . b[features] */
    double (*dot)(const void *a, const void *b, int64_t features);
} cpu_bag;
const cpu_bag *cpu_bag_of(cpu_isa isa);

#endif
