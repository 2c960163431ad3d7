/* conv_pairs.amx.c: tiles of a convolution of bf16 pictures, as those of conv.tile.c are of f32: output pixels x output channels are held
 * in registers through the whole sum, a step multiplies two input channels. For processors that have products of pairs and no matrix
 * registers: x is read where it lies, and no place beside a picture is computed, as conv_split.c must. */
#ifndef CPU_ISA_amx

#include <immintrin.h>
#include <string.h>

#include "cpu/core/conv_store.h"

enum { LANES = 16, MOST = 14 }; /* 28 sums, 2 weights and a broadcast in 32 registers */
/* Pixels are addressed as base, base + step, base + 2 * step, which x86 does within the load: a third of the pointers. */
enum { GROUP = 3, GROUPS = (MOST + GROUP - 1) / GROUP };
/* Keeps the compiler from turning a pointer back into arithmetic on another one. */
#define KEEP(pointer) __asm__("" : "+r"(pointer))

CPU_INLINE __mmask16 first(int n)
{
    return (__mmask16)(n >= LANES ? 0xffffu : (1u << n) - 1);
}

/* Asks for what the next tile writes and adds, lines that lie a pixel apart and would be waited for one by one. */
CPU_INLINE void fetch_next(const conv_tile *a, const int P)
{
    const float *y = a->y + P * a->y_pixel;
    CPU_UNROLL for (int p = 0; p < P; p++) __builtin_prefetch(y + p * a->y_pixel, 1);
    if (!a->half_y)
        CPU_UNROLL for (int p = 0; p < P; p++) __builtin_prefetch(y + p * a->y_pixel + LANES, 1);
    if (!a->add)
        return;
    const int64_t pixel = a->y_pixel * conv_bytes_of_add(a, true);
    const char *add = (const char *)a->add + P * pixel;
    CPU_UNROLL for (int p = 0; p < P; p++) __builtin_prefetch(add + p * pixel);
}

CPU_INLINE void tile(const conv_tile *a, const int P, const int V)
{
    conv_sums acc;
    const float *w = a->w, *ahead = a->ahead;
    const int64_t step = a->step, segments = a->segments;
    fetch_next(a, P);
    CPU_UNROLL for (int v = 0; v < V; v++)
    {
        const int n = v == V - 1 ? a->last : LANES;
        const cpu_vf bias = a->bias ? cpu_vf_load_upto(a->bias + v * LANES, n) : cpu_vf_set1(0.0f);
        CPU_UNROLL for (int p = 0; p < P; p++) acc[p][v] = bias;
    }
    for (int64_t t = 0; t < segments; t++) {
        const float *x[GROUPS];
        CPU_UNROLL for (int g = 0; g * GROUP < P; g++) x[g] = a->x + a->off[t] + GROUP * g * step;
        const float *end = x[0] + a->length;
        while (x[0] < end) {
            __m512bh b[CONV_VECTORS];
            CPU_UNROLL for (int v = 0; v < V; v++) b[v] = (__m512bh)_mm512_loadu_si512(w + v * LANES);
            __builtin_prefetch(ahead);
            ahead += LANES;
            CPU_UNROLL for (int v = 0; v < V; v++) __builtin_prefetch(w + (8 * V + v) * LANES);
            CPU_UNROLL for (int p = 0; p < P; p++)
            {
                int32_t pair;
                memcpy(&pair, &x[p / GROUP][p % GROUP * step], sizeof pair);
                const __m512bh xp = (__m512bh)_mm512_set1_epi32(pair);
                CPU_UNROLL for (int v = 0; v < V; v++) acc[p][v] =
                    (cpu_vf)_mm512_dpbf16_ps((__m512)acc[p][v], b[v], xp);
            }
            CPU_UNROLL for (int g = 0; g * GROUP < P; g++)
            {
                x[g]++;
                KEEP(x[g]);
            }
            w += V * LANES;
        }
    }
    conv_store_tile(a, acc, P, V, true);
}

static void pair(const float *src, int64_t next, int64_t step, float *dst, int64_t count)
{
    const __m512i at = _mm512_mullo_epi32(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
                                          _mm512_set1_epi32((int)step));
    for (int64_t i = 0; i < count; i += LANES) {
        const __mmask16 some = first((int)conv_min(count - i, LANES));
        const __m512 a = _mm512_mask_i32gather_ps(_mm512_setzero_ps(), some, at, src + i * step, 4);
        const __m512 b =
            _mm512_mask_i32gather_ps(_mm512_setzero_ps(), next ? some : (__mmask16)0, at, src + next + i * step, 4);
        const __m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(a));
        const __m512i high = _mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(b)), 16);
        _mm512_mask_storeu_epi32(dst + i, some, _mm512_or_si512(low, high));
    }
}

CPU_INLINE void halve_run(const float *src, int64_t count, uint16_t *dst)
{
    for (int64_t i = 0; i < count; i += LANES) {
        const __mmask16 some = first((int)conv_min(count - i, LANES));
        _mm256_mask_storeu_epi16(dst + i, some, (__m256i)_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(some, src + i)));
    }
}

static void halve(const float *src, int64_t pixels, int64_t channels, void *dst)
{
    uint16_t *to = dst;
    if (channels % 2 == 0) {
        halve_run(src, pixels * channels, to);
        return;
    }
    int64_t p = 0;
    for (; channels == 3 && p + 4 <= pixels; p += 4) /* a picture itself: four pixels to a vector */
        _mm256_storeu_si256((__m256i *)(void *)(to + 4 * p),
                            (__m256i)_mm512_cvtneps_pbh(_mm512_maskz_expandloadu_ps(0x7777, src + 3 * p)));
    for (; p < pixels; p++) {
        halve_run(src + p * channels, channels, to + p * (channels + 1));
        to[p * (channels + 1) + channels] = 0;
    }
}

#define EACH(X, V)                                                                                                     \
    X(1, V) X(2, V) X(3, V) X(4, V) X(5, V) X(6, V) X(7, V) X(8, V) X(9, V) X(10, V) X(11, V) X(12, V) X(13, V) X(14, V)
#define DEFINE(P, V)                                                                                                   \
    static void tile_##P##_##V(const conv_tile *a)                                                                     \
    {                                                                                                                  \
        tile(a, P, V);                                                                                                 \
    }
#define NAME(P, V) tile_##P##_##V,
EACH(DEFINE, 1)
EACH(DEFINE, 2)

const conv_kernels conv_kernels_pairs = {
    .lanes = LANES, .most = MOST, .tile = {{EACH(NAME, 1)}, {EACH(NAME, 2)}}, .pair = pair, .halve = halve};

#else
typedef int conv_pairs_without; /* a file has something in it */
#endif
