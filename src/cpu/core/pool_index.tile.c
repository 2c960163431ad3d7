/* pool_index.tile.c: the inner loop of pool_index.h, built once per instruction set. */
#include "cpu/core/pool_index.h"
#include "cpu/core/vec.h"

CPU_INLINE void meet_by(const float *restrict x, int64_t stride, int32_t place, int64_t n, float *restrict value,
                        int32_t *restrict at)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        float v = x[i * stride];
        const int wins = (at[i] < 0) | (v > value[i]) | (v != v);
        value[i] = wins ? v : value[i];
        at[i] = wins ? place + (int32_t)(i * stride) : at[i];
    }
}

static void meet(const float *x, int64_t stride, int32_t place, int64_t n, float *value, int32_t *at)
{
    if (stride == 1)
        meet_by(x, 1, place, n, value, at);
    else if (stride == 2)
        meet_by(x, 2, place, n, value, at);
    else
        meet_by(x, stride, place, n, value, at);
}

extern const cpu_pool_meet_fn CPU_NAME(cpu_pool_meet);
const cpu_pool_meet_fn CPU_NAME(cpu_pool_meet) = meet;
