/* bag.tile.c: the inner loops of bag.h, built once per instruction set. */
#include "cpu/core/bag.h"
#include "cpu/core/vec.h"

enum { SUM, MAX, MIN };
enum { BLOCK = 4 /* vectors of a row that are read at once */, AHEAD = 8 /* rows that are called for early */ };

/* So many vectors from place `at` on, of which the last may have fewer lanes. */
CPU_INLINE void block(const void *const *row, int64_t at, const float *weight, int64_t n, int64_t lanes, float *y,
                      int vectors, int mode)
{
    cpu_vf all[BLOCK] = {{0}};
    for (int64_t k = 0; k < n; k++) {
        const float *x = (const float *)row[k] + at;
        const cpu_vf by = cpu_vf_set1(weight ? weight[k] : 1);
        if (vectors == BLOCK && k + AHEAD < n)
            for (int v = 0; v < vectors; v += 64 / (int)sizeof(cpu_vf))
                __builtin_prefetch((const float *)row[k + AHEAD] + at + (int64_t)v * CPU_VF);
        for (int v = 0; v < vectors; v++) {
            cpu_vf one = cpu_vf_load_upto(x + (int64_t)v * CPU_VF, lanes - (int64_t)v * CPU_VF);
            if (mode == SUM) {
                all[v] = weight ? cpu_vf_fma(by, one, all[v]) : all[v] + one;
                continue;
            }
            one = weight ? one * by : one;
            cpu_vi better = (mode == MAX ? one > all[v] : one < all[v]) | (one != one);
            all[v] = k ? cpu_vf_select(better, one, all[v]) : one;
        }
    }
    for (int v = 0; v < vectors; v++)
        cpu_vf_store_upto(y + (int64_t)v * CPU_VF, all[v], lanes - (int64_t)v * CPU_VF);
}

CPU_INLINE void put(const void *const *row, int64_t at, const float *weight, int64_t n, int64_t features, float *y,
                    int mode)
{
    int64_t i = 0;
    for (; i + BLOCK * CPU_VF <= features; i += BLOCK * CPU_VF)
        block(row, at + i, weight, n, BLOCK * CPU_VF, y + i, BLOCK, mode);
    for (; i + CPU_VF <= features; i += CPU_VF)
        block(row, at + i, weight, n, CPU_VF, y + i, 1, mode);
    if (i < features)
        block(row, at + i, weight, n, features - i, y + i, 1, mode);
}

#define PUT(name, mode)                                                                                                \
    static void name(const void *const *row, int64_t at, const void *weight, int64_t n, int64_t features, void *y)     \
    {                                                                                                                  \
        put(row, at, weight, n, features, y, mode);                                                                    \
    }
PUT(sum, SUM)
PUT(max, MAX)
PUT(min, MIN)

static double dot(const void *x, const void *y, int64_t features)
{
    const float *a = x, *b = y;
    cpu_vf total = {0}, second = {0};
    int64_t i = 0;
    for (; i + 2 * CPU_VF <= features; i += 2 * CPU_VF) {
        total = cpu_vf_fma(cpu_vf_load(a + i), cpu_vf_load(b + i), total);
        second = cpu_vf_fma(cpu_vf_load(a + i + CPU_VF), cpu_vf_load(b + i + CPU_VF), second);
    }
    for (; i < features; i += CPU_VF)
        total = cpu_vf_fma(cpu_vf_load_upto(a + i, features - i), cpu_vf_load_upto(b + i, features - i), total);
    return cpu_vf_sum(total + second);
}

extern const cpu_bag CPU_NAME(cpu_bag_loops);
const cpu_bag CPU_NAME(cpu_bag_loops) = {sum, max, min, dot};
