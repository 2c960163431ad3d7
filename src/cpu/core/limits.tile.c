/* limits.tile.c: f32 multiply-adds that need nothing but registers, once per instruction set: the ceiling of this machine. */
#include "cpu/core/vec.h"

enum { CHAINS = 12 }; /* independent, so that no one waits for another */

float CPU_NAME(cpu_limits_madd)(int64_t rounds);
int CPU_NAME(cpu_limits_width)(void);

/* rounds * CHAINS multiply-adds of a vector each; the result depends on all of them. */
float CPU_NAME(cpu_limits_madd)(int64_t rounds)
{
    cpu_vf a[CHAINS], x = cpu_vf_set1(1.0000001F), y = cpu_vf_set1(1e-9F), sum = cpu_vf_set1(0);
    for (int i = 0; i < CHAINS; i++)
        a[i] = cpu_vf_set1((float)i);
    for (int64_t r = 0; r < rounds; r++) {
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++)
            a[i] = a[i] * x + y;
    }
    for (int i = 0; i < CHAINS; i++)
        sum += a[i];
    return cpu_vf_sum(sum);
}

int CPU_NAME(cpu_limits_width)(void)
{
    return (int)(sizeof(cpu_vf) / sizeof(float));
}
