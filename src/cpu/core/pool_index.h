/* pool_index.h: where the largest elements of windows are, pictures lying by planes. */
#ifndef CPU_POOL_INDEX_H
#define CPU_POOL_INDEX_H

#include "cpu/core/isa.h"

#include <stdint.h>

enum { CPU_POOL_STRETCH = 64 /* windows that are looked at together */ };

/* The windows so far: the largest elements and their places in the plane; -1: none yet. */
typedef struct cpu_pool_best {
    float value[CPU_POOL_STRETCH];
    int32_t place[CPU_POOL_STRETCH];
} cpu_pool_best;

/* Window i meets x[i * stride], which is element `place` + i * stride of its plane, for i < n: it is the largest if there is none, if it
 * is larger, or if it is NaN. */
typedef void (*cpu_pool_meet_fn)(const float *x, int64_t stride, int32_t place, int64_t n, float *value, int32_t *at);
cpu_pool_meet_fn cpu_pool_meet_of(cpu_isa isa);

#endif
