/* transpose.h: a square matrix in registers, transposed: CPU_VF vectors of CPU_VF floats, CPU_VD of CPU_VD doubles. Halves
 * are exchanged between vectors half the square apart, then quarters, and so on down to single lanes. */
#ifndef CPU_TRANSPOSE_H
#define CPU_TRANSPOSE_H

#include "cpu/core/vec.h"

/* Lane l, of n, of the two results of exchanging pieces of d lanes between two vectors. */
#define CPU_LOW(l, d, n) (((l) & (d)) ? (l) - (d) + (n) : (l))
#define CPU_HIGH(l, d, n) (((l) & (d)) ? (l) + (n) : (l) + (d))
#define CPU_LIST2(f, d, n) f(0, d, n), f(1, d, n)
#define CPU_LIST4(f, d, n) CPU_LIST2(f, d, n), f(2, d, n), f(3, d, n)
#define CPU_LIST8(f, d, n) CPU_LIST4(f, d, n), f(4, d, n), f(5, d, n), f(6, d, n), f(7, d, n)
#define CPU_LIST16(f, d, n)                                                                                            \
    CPU_LIST8(f, d, n), f(8, d, n), f(9, d, n), f(10, d, n), f(11, d, n), f(12, d, n), f(13, d, n), f(14, d, n),       \
        f(15, d, n)
#define CPU_EXCHANGE(list, type, d, n)                                                                                 \
    _Pragma("GCC unroll 16") for (int i = 0; i < (n); i++) if (!(i & (d)))                                             \
    {                                                                                                                  \
        type low = __builtin_shufflevector(r[i], r[i + (d)], list(CPU_LOW, d, n));                                     \
        r[i + (d)] = __builtin_shufflevector(r[i], r[i + (d)], list(CPU_HIGH, d, n));                                  \
        r[i] = low;                                                                                                    \
    }

CPU_INLINE void cpu_vf_transpose(cpu_vf r[CPU_VF])
{
#if CPU_VF == 16
    CPU_EXCHANGE(CPU_LIST16, cpu_vf, 8, 16)
    CPU_EXCHANGE(CPU_LIST16, cpu_vf, 4, 16)
    CPU_EXCHANGE(CPU_LIST16, cpu_vf, 2, 16)
    CPU_EXCHANGE(CPU_LIST16, cpu_vf, 1, 16)
#elif CPU_VF == 8
    CPU_EXCHANGE(CPU_LIST8, cpu_vf, 4, 8)
    CPU_EXCHANGE(CPU_LIST8, cpu_vf, 2, 8)
    CPU_EXCHANGE(CPU_LIST8, cpu_vf, 1, 8)
#else
    CPU_EXCHANGE(CPU_LIST4, cpu_vf, 2, 4)
    CPU_EXCHANGE(CPU_LIST4, cpu_vf, 1, 4)
#endif
}

CPU_INLINE void cpu_vd_transpose(cpu_vd r[CPU_VD])
{
#if CPU_VF == 16
    CPU_EXCHANGE(CPU_LIST8, cpu_vd, 4, 8)
    CPU_EXCHANGE(CPU_LIST8, cpu_vd, 2, 8)
    CPU_EXCHANGE(CPU_LIST8, cpu_vd, 1, 8)
#elif CPU_VF == 8
    CPU_EXCHANGE(CPU_LIST4, cpu_vd, 2, 4)
    CPU_EXCHANGE(CPU_LIST4, cpu_vd, 1, 4)
#else
    CPU_EXCHANGE(CPU_LIST2, cpu_vd, 1, 2)
#endif
}

#endif
