/* bag.tile.c: the inner loops of bag.h, built once per instruction set. */
#include "cpu/core/bag.h"
#include "cpu/core/vec.h"

static void sum(const float *const *row, const float *weight, int64_t n, int64_t features, float *y)
{
    for (int64_t i = 0; i < features; i += CPU_VF) {
        const int64_t lanes = features - i < CPU_VF ? features - i : CPU_VF;
        cpu_vf total = {0};
        for (int64_t k = 0; k < n; k++) {
            cpu_vf x = lanes == CPU_VF ? cpu_vf_load(row[k] + i) : cpu_vf_load_n(row[k] + i, lanes);
            total = weight ? cpu_vf_fma(cpu_vf_set1(weight[k]), x, total) : total + x;
        }
        if (lanes == CPU_VF)
            cpu_vf_store(y + i, total);
        else
            cpu_vf_store_n(y + i, total, lanes);
    }
}

static void max(const float *const *row, const float *weight, int64_t n, int64_t features, float *y)
{
    (void)weight;
    for (int64_t i = 0; i < features; i += CPU_VF) {
        const int64_t lanes = features - i < CPU_VF ? features - i : CPU_VF;
        cpu_vf most = {0};
        for (int64_t k = 0; k < n; k++) {
            cpu_vf x = cpu_vf_load_n(row[k] + i, lanes);
            most = k ? cpu_vf_select((x > most) | (x != x), x, most) : x;
        }
        cpu_vf_store_n(y + i, most, lanes);
    }
}

extern const cpu_bag CPU_NAME(cpu_bag_loops);
const cpu_bag CPU_NAME(cpu_bag_loops) = {sum, max};
