/* resize.tile.c: the inner loops of resize.h, built once per instruction set. */
#include "cpu/core/resize.h"
#include "cpu/core/vec.h"

CPU_INLINE cpu_vf sum_at(const cpu_resize_row *r, int64_t inner, const float *x)
{
    cpu_vf sum = r->weight[0] * cpu_vf_load(x);
    for (int64_t k = 1; k < r->n; k++)
        sum = cpu_vf_fma(cpu_vf_set1(r->weight[k]), cpu_vf_load(x + k * inner), sum);
    return sum;
}

CPU_INLINE cpu_vf pair_at(const cpu_vf a, const cpu_vf b, int64_t inner, const float *x)
{
    return cpu_vf_fma(b, cpu_vf_load(x + inner), a * cpu_vf_load(x));
}

CPU_INLINE void put(float *y, cpu_vf v, bool past)
{
#if CPU_VEC_AVX512
    if (past) {
        _mm512_stream_ps(y, (__m512)v);
        return;
    }
#elif CPU_VEC_AVX2
    if (past) {
        _mm256_stream_ps(y, (__m256)v);
        return;
    }
#endif
    (void)past;
    cpu_vf_store(y, v);
}

/* One row; `past`: past the caches, y and inner are multiples of vectors. */
CPU_INLINE void long_row(const cpu_resize_row *r, int64_t inner, const float *x, float *y, bool past)
{
    int64_t i = 0;
    if (r->n == 1 && r->weight[0] == 1) { /* a copy, whatever stands there */
        for (; past && i < inner; i += CPU_VF)
            put(y + i, cpu_vf_load(x + i), true);
        memcpy(y + i, x + i, (size_t)(inner - i) * sizeof *y);
        return;
    }
    if (r->n == 2) {
        cpu_vf a = cpu_vf_set1(r->weight[0]), b = cpu_vf_set1(r->weight[1]);
        for (; i + CPU_VF <= inner; i += CPU_VF)
            put(y + i, pair_at(a, b, inner, x + i), past);
    }
    for (; i + CPU_VF <= inner; i += CPU_VF)
        put(y + i, sum_at(r, inner, x + i), past);
    for (; i < inner; i++) {
        float sum = r->weight[0] * x[i];
        for (int64_t k = 1; k < r->n; k++)
            sum += r->weight[k] * x[i + k * inner];
        y[i] = sum;
    }
}

/* The last axis of rows: an element each, from neighbours. */
static void short_rows(const cpu_resize_row *row, const float *x, float *y, int64_t from, int64_t to)
{
    for (int64_t i = from; i < to; i++) {
        const cpu_resize_row *r = &row[i];
        const float *at = x + r->first;
        float sum = r->n ? r->n == 1 && r->weight[0] == 1 ? at[0] : r->weight[0] * at[0] : 0;
        for (int64_t k = 1; k < r->n; k++)
            sum += r->weight[k] * at[k];
        *y++ = sum;
    }
}

static void sweep(const cpu_resize_row *row, int64_t inner, const float *x, float *y, int64_t from, int64_t to,
                  bool past)
{
    if (inner == 1) {
        short_rows(row, x, y, from, to);
        return;
    }
    past = past && inner % CPU_VF == 0 && (uintptr_t)y % sizeof(cpu_vf) == 0;
    for (int64_t i = from; i < to; i++, y += inner) {
        const cpu_resize_row *r = &row[i];
        if (!r->n)
            memset(y, 0, (size_t)inner * sizeof *y);
        else if (past)
            long_row(r, inner, x + r->first * inner, y, true);
        else
            long_row(r, inner, x + r->first * inner, y, false);
    }
#if CPU_VF > 4
    if (past)
        _mm_sfence();
#endif
}

extern const cpu_resize_fn CPU_NAME(cpu_resize_sweep);
const cpu_resize_fn CPU_NAME(cpu_resize_sweep) = sweep;
