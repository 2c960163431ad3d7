/* gemv.tile.c: rows of a packed matrix by the numbers of a vector that are not zero, built once per instruction set. */
#include "cpu/core/gemv.h"
#include "cpu/core/gemm_kernels.h"
#include "cpu/core/vec.h"

enum {
    BLOCK = GEMM_ROW_BLOCK,
    AHEAD = 6 /* rows of 512 bytes: as far as the stream of gemm_body.h's row_of is asked for */
};

static int64_t places(const float *x, int64_t k, int32_t *to)
{
    int64_t some = 0, i = 0;
#if CPU_VEC_AVX512
    __m512i at = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    for (; i + CPU_VF <= k; i += CPU_VF) {
        const __mmask16 there = _mm512_cmp_ps_mask(_mm512_loadu_ps(x + i), _mm512_setzero_ps(), _CMP_NEQ_UQ);
        _mm512_storeu_si512(to + some,
                            _mm512_maskz_compress_epi32(there, at)); /* to memory it would be slow on a Zen */
        some += __builtin_popcount(there);
        at = _mm512_add_epi32(at, _mm512_set1_epi32(CPU_VF));
    }
#endif
    for (; i < k; i++) {
        to[some] = (int32_t)i;
        some += x[i] != 0;
    }
    return some;
}

CPU_INLINE void add_row(cpu_vf sum[BLOCK], float x, const void *row, const bool half)
{
#pragma GCC unroll 8
    for (int v = 0; v < BLOCK; v++)
        sum[v] = cpu_vf_fma(cpu_vf_set1(x), cpu_vf_load_as(row, v * CPU_VF, CPU_VF, half), sum[v]);
}

CPU_INLINE void rows_of(const float *x, const int32_t *at, int64_t some, const char *b, const bool half, bool add,
                        float *y)
{
    const int64_t bytes = (int64_t)BLOCK * CPU_VF * (half ? 2 : 4);
    cpu_vf sum[BLOCK];
#pragma GCC unroll 8
    for (int v = 0; v < BLOCK; v++)
        sum[v] = add ? cpu_vf_load(y + v * CPU_VF) : cpu_vf_set1(0);
    int64_t i = 0;
    for (; i + AHEAD < some; i++) {
        const char *next = b + at[i + AHEAD] * bytes;
        for (int64_t line = 0; line < bytes; line += 64)
            __builtin_prefetch(next + line);
        add_row(sum, x[at[i]], b + at[i] * bytes, half);
    }
    for (; i < some; i++)
        add_row(sum, x[at[i]], b + at[i] * bytes, half);
#pragma GCC unroll 8
    for (int v = 0; v < BLOCK; v++)
        cpu_vf_store(y + v * CPU_VF, sum[v]);
}

static void rows(const float *x, const int32_t *at, int64_t some, const void *b, bool half, bool add, float *y)
{
    half ? rows_of(x, at, some, b, true, add, y) : rows_of(x, at, some, b, false, add, y);
}

extern const gemv_kernels CPU_NAME(cpu_gemv);
const gemv_kernels CPU_NAME(cpu_gemv) = {.places = places, .rows = rows};
