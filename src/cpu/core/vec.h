/* vec.h: vectors of the widest kind that this build of a *.tile.c file has: 16 floats (avx512), 8 (avx2) or 4
 * (portable, also plain C on any processor). Each such file is compiled once per instruction set; what it exports is
 * named with CPU_NAME(foo), which makes foo_avx512, foo_avx2, foo_portable.
 *
 * Arithmetic and comparisons are written with the operators of GCC's vector types (+ - * / < ==, with scalars too), and
 * a * b + c is contracted to a fused multiply-add where there is one. A comparison gives a cpu_vi of 0 and -1.
 * Loads and stores need no alignment. The forms ending in _n move the first n elements, 0 <= n <= width, touch no
 * memory beyond them and fill the rest with zeros. */
#ifndef CPU_VEC_H
#define CPU_VEC_H

#include "cpu/core/half.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined(CPU_ISA_avx512) || defined(CPU_ISA_avx512_bf16) || defined(CPU_ISA_amx)
#define CPU_VF 16
#define CPU_VEC_AVX512 1
#elif defined(CPU_ISA_avx2)
#define CPU_VF 8
#define CPU_VEC_AVX2 1
#else
#define CPU_VF 4
#endif
#if CPU_VF > 4
#include <immintrin.h>
#endif
#ifndef CPU_ISA
#define CPU_ISA portable
#endif

#define CPU_GLUE2(name, isa) name##_##isa
#define CPU_GLUE(name, isa) CPU_GLUE2(name, isa)
#define CPU_NAME(name) CPU_GLUE(name, CPU_ISA)
#define CPU_INLINE static inline __attribute__((always_inline, unused))
/* Before a loop of so many steps at most that all are written out. */
#if defined(__clang__)
#define CPU_UNROLL _Pragma("unroll")
#else
#define CPU_UNROLL _Pragma("GCC unroll 16")
#endif

enum { CPU_VD = CPU_VF / 2 }; /* doubles in a vector */

typedef float cpu_vf __attribute__((vector_size(CPU_VF * 4)));
typedef double cpu_vd __attribute__((vector_size(CPU_VF * 4)));
typedef int32_t cpu_vi __attribute__((vector_size(CPU_VF * 4)));
typedef uint32_t cpu_vu __attribute__((vector_size(CPU_VF * 4)));
typedef int64_t cpu_vl __attribute__((vector_size(CPU_VF * 4)));
typedef uint16_t cpu_vh __attribute__((vector_size(CPU_VF * 2))); /* as many halves as there are floats in a cpu_vf */

/* ---- f32 ------------------------------------------------------------------------------------------------------- */

CPU_INLINE cpu_vf cpu_vf_set1(float x)
{
    return x - (cpu_vf){0};
}

CPU_INLINE cpu_vf cpu_vf_load(const float *p)
{
    cpu_vf v;
    memcpy(&v, p, sizeof v);
    return v;
}

CPU_INLINE void cpu_vf_store(float *p, cpu_vf v)
{
    memcpy(p, &v, sizeof v);
}

#if CPU_VEC_AVX2
/* The first n of eight lanes. */
CPU_INLINE __m256i cpu_mask8(int64_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
CPU_INLINE __m256i cpu_mask4(int64_t n)
{
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3));
}
#endif

CPU_INLINE cpu_vf cpu_vf_load_n(const float *p, int64_t n)
{
#if CPU_VEC_AVX512
    return (cpu_vf)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
#elif CPU_VEC_AVX2
    return (cpu_vf)_mm256_maskload_ps(p, cpu_mask8(n));
#else
    cpu_vf v = {0};
    for (int64_t i = 0; i < n; i++)
        v[i] = p[i];
    return v;
#endif
}

CPU_INLINE void cpu_vf_store_n(float *p, cpu_vf v, int64_t n)
{
#if CPU_VEC_AVX512
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v);
#elif CPU_VEC_AVX2
    _mm256_maskstore_ps(p, cpu_mask8(n), (__m256)v);
#else
    for (int64_t i = 0; i < n; i++)
        p[i] = v[i];
#endif
}

/* a * b + c, rounded once where the instruction set can. */
CPU_INLINE cpu_vf cpu_vf_fma(cpu_vf a, cpu_vf b, cpu_vf c)
{
#if CPU_VEC_AVX512
    return (cpu_vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif CPU_VEC_AVX2
    return (cpu_vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
    return a * b + c;
#endif
}

/* Lane by lane, m ? a : b; m is a comparison's 0 and -1. */
CPU_INLINE cpu_vf cpu_vf_select(cpu_vi m, cpu_vf a, cpu_vf b)
{
#if CPU_VEC_AVX512
    return (cpu_vf)_mm512_mask_blend_ps(_mm512_movepi32_mask((__m512i)m), (__m512)b, (__m512)a);
#elif CPU_VEC_AVX2
    return (cpu_vf)_mm256_blendv_ps((__m256)b, (__m256)a, (__m256)m);
#else
    return (cpu_vf)(((cpu_vi)a & m) | ((cpu_vi)b & ~m));
#endif
}

CPU_INLINE cpu_vi cpu_vi_select(cpu_vi m, cpu_vi a, cpu_vi b)
{
    return (cpu_vi)cpu_vf_select(m, (cpu_vf)a, (cpu_vf)b);
}

/* The larger, the smaller; b where either is NaN, so that cpu_vf_max(limit, x) keeps the NaN of x. */
CPU_INLINE cpu_vf cpu_vf_max(cpu_vf a, cpu_vf b)
{
#if CPU_VEC_AVX512
    return (cpu_vf)_mm512_max_ps((__m512)a, (__m512)b);
#elif CPU_VEC_AVX2
    return (cpu_vf)_mm256_max_ps((__m256)a, (__m256)b);
#else
    return cpu_vf_select(a > b, a, b);
#endif
}

CPU_INLINE cpu_vf cpu_vf_min(cpu_vf a, cpu_vf b)
{
#if CPU_VEC_AVX512
    return (cpu_vf)_mm512_min_ps((__m512)a, (__m512)b);
#elif CPU_VEC_AVX2
    return (cpu_vf)_mm256_min_ps((__m256)a, (__m256)b);
#else
    return cpu_vf_select(a < b, a, b);
#endif
}

CPU_INLINE cpu_vf cpu_vf_abs(cpu_vf a)
{
    return (cpu_vf)((cpu_vi)a & 0x7fffffff);
}

/* Sum, maximum and minimum of the lanes, always in the same order (by halves). The maximum and the minimum are
 * unspecified if a lane is NaN. */
CPU_INLINE float cpu_vf_sum(cpu_vf v)
{
#if CPU_VF == 16
    for (int i = 0; i < 8; i++)
        v[i] += v[i + 8];
#endif
#if CPU_VF >= 8
    for (int i = 0; i < 4; i++)
        v[i] += v[i + 4];
#endif
    return (v[0] + v[2]) + (v[1] + v[3]);
}

#define CPU_FOLD(better)                                                                                               \
    for (int half = CPU_VF / 2; half; half /= 2)                                                                       \
        for (int i = 0; i < half; i++)                                                                                 \
            v[i] = v[i + half] better v[i] ? v[i + half] : v[i];

CPU_INLINE float cpu_vf_top(cpu_vf v)
{
    CPU_FOLD(>)
    return v[0];
}

CPU_INLINE float cpu_vf_bottom(cpu_vf v)
{
    CPU_FOLD(<)
    return v[0];
}
#undef CPU_FOLD

/* ---- conversions of 32-bit lanes ------------------------------------------------------------------------------- */

/* Towards zero; the number must fit. */
CPU_INLINE cpu_vi cpu_vi_of_vf(cpu_vf v)
{
    return __builtin_convertvector(v, cpu_vi);
}

CPU_INLINE cpu_vf cpu_vf_of_vi(cpu_vi v)
{
    return __builtin_convertvector(v, cpu_vf);
}

/* ---- bf16 and f16, CPU_VF at a time ---------------------------------------------------------------------------- */

CPU_INLINE cpu_vh cpu_vh_load(const uint16_t *p)
{
    cpu_vh v;
    memcpy(&v, p, sizeof v);
    return v;
}

CPU_INLINE cpu_vh cpu_vh_load_n(const uint16_t *p, int64_t n)
{
#if CPU_VEC_AVX512
    return (cpu_vh)_mm256_maskz_loadu_epi16((__mmask16)((1u << n) - 1), p);
#else
    cpu_vh v = {0};
    for (int64_t i = 0; i < n; i++)
        v[i] = p[i];
    return v;
#endif
}

CPU_INLINE void cpu_vh_store(uint16_t *p, cpu_vh v)
{
    memcpy(p, &v, sizeof v);
}

CPU_INLINE void cpu_vh_store_n(uint16_t *p, cpu_vh v, int64_t n)
{
#if CPU_VEC_AVX512
    _mm256_mask_storeu_epi16(p, (__mmask16)((1u << n) - 1), (__m256i)v);
#else
    for (int64_t i = 0; i < n; i++)
        p[i] = v[i];
#endif
}

CPU_INLINE cpu_vf cpu_vf_of_bf16(cpu_vh h)
{
#if CPU_VEC_AVX512
    return (cpu_vf)_mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)h), 16);
#elif CPU_VEC_AVX2
    return (cpu_vf)_mm256_slli_epi32(_mm256_cvtepu16_epi32((__m128i)h), 16);
#else
    return (cpu_vf)(__builtin_convertvector(h, cpu_vu) << 16);
#endif
}

CPU_INLINE cpu_vh cpu_bf16_of_vf(cpu_vf v)
{
    cpu_vu bits = (cpu_vu)v;
    cpu_vu even = bits + 0x7fffu + (bits >> 16 & 1u);
#if CPU_VEC_AVX512
    __mmask16 nan = _mm512_cmp_ps_mask((__m512)v, (__m512)v, _CMP_UNORD_Q);
    __m512i out = _mm512_mask_or_epi32((__m512i)even, nan, (__m512i)bits, _mm512_set1_epi32(0x400000));
    return (cpu_vh)_mm512_cvtepi32_epi16(_mm512_srli_epi32(out, 16));
#elif CPU_VEC_AVX2
    cpu_vi out = cpu_vi_select(v != v, (cpu_vi)(bits | 0x400000u), (cpu_vi)even);
    __m256i high = (__m256i)((cpu_vu)out >> 16);
    return (cpu_vh)_mm_packus_epi32(_mm256_castsi256_si128(high), _mm256_extracti128_si256(high, 1));
#else
    cpu_vi out = cpu_vi_select(v != v, (cpu_vi)(bits | 0x400000u), (cpu_vi)even);
    return __builtin_convertvector((cpu_vu)out >> 16, cpu_vh);
#endif
}

CPU_INLINE cpu_vf cpu_vf_of_f16(cpu_vh h)
{
#if CPU_VEC_AVX512
    return (cpu_vf)_mm512_cvtph_ps((__m256i)h);
#elif CPU_VEC_AVX2
    return (cpu_vf)_mm256_cvtph_ps((__m128i)h);
#else
    cpu_vf v;
    for (int i = 0; i < CPU_VF; i++)
        v[i] = cpu_f32_of_f16(h[i]);
    return v;
#endif
}

CPU_INLINE cpu_vh cpu_f16_of_vf(cpu_vf v)
{
#if CPU_VEC_AVX512
    return (cpu_vh)_mm512_cvtps_ph((__m512)v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#elif CPU_VEC_AVX2
    return (cpu_vh)_mm256_cvtps_ph((__m256)v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#else
    cpu_vh h;
    for (int i = 0; i < CPU_VF; i++)
        h[i] = cpu_f16_of_f32(v[i]);
    return h;
#endif
}

CPU_INLINE cpu_vf cpu_vf_load_bf16(const uint16_t *p)
{
    return cpu_vf_of_bf16(cpu_vh_load(p));
}

CPU_INLINE cpu_vf cpu_vf_load_bf16_n(const uint16_t *p, int64_t n)
{
    return cpu_vf_of_bf16(cpu_vh_load_n(p, n));
}

CPU_INLINE void cpu_vf_store_bf16(uint16_t *p, cpu_vf v)
{
    cpu_vh_store(p, cpu_bf16_of_vf(v));
}

CPU_INLINE void cpu_vf_store_bf16_n(uint16_t *p, cpu_vf v, int64_t n)
{
    cpu_vh_store_n(p, cpu_bf16_of_vf(v), n);
}

/* n numbers, a whole vector from CPU_VF on; and those from place `at` on of what is f32 or, half, bf16. */
CPU_INLINE cpu_vf cpu_vf_load_upto(const float *p, int64_t n)
{
    return n >= CPU_VF ? cpu_vf_load(p) : cpu_vf_load_n(p, n);
}

CPU_INLINE void cpu_vf_store_upto(float *p, cpu_vf v, int64_t n)
{
    if (n >= CPU_VF)
        cpu_vf_store(p, v);
    else
        cpu_vf_store_n(p, v, n);
}

CPU_INLINE cpu_vf cpu_vf_load_as(const void *x, int64_t at, int64_t n, const bool half)
{
    if (!half)
        return cpu_vf_load_upto((const float *)x + at, n);
    const uint16_t *p = (const uint16_t *)x + at;
    return n >= CPU_VF ? cpu_vf_load_bf16(p) : cpu_vf_load_bf16_n(p, n);
}

CPU_INLINE void cpu_vf_store_as(void *y, int64_t at, cpu_vf v, int64_t n, const bool half)
{
    uint16_t *p = (uint16_t *)y + at;
    if (!half)
        cpu_vf_store_upto((float *)y + at, v, n);
    else if (n >= CPU_VF)
        cpu_vf_store_bf16(p, v);
    else
        cpu_vf_store_bf16_n(p, v, n);
}

CPU_INLINE cpu_vf cpu_vf_load_f16(const uint16_t *p)
{
    return cpu_vf_of_f16(cpu_vh_load(p));
}

CPU_INLINE cpu_vf cpu_vf_load_f16_n(const uint16_t *p, int64_t n)
{
    return cpu_vf_of_f16(cpu_vh_load_n(p, n));
}

CPU_INLINE void cpu_vf_store_f16(uint16_t *p, cpu_vf v)
{
    cpu_vh_store(p, cpu_f16_of_vf(v));
}

CPU_INLINE void cpu_vf_store_f16_n(uint16_t *p, cpu_vf v, int64_t n)
{
    cpu_vh_store_n(p, cpu_f16_of_vf(v), n);
}

/* ---- f64 ------------------------------------------------------------------------------------------------------- */

CPU_INLINE cpu_vd cpu_vd_set1(double x)
{
    return x - (cpu_vd){0};
}

CPU_INLINE cpu_vd cpu_vd_load(const double *p)
{
    cpu_vd v;
    memcpy(&v, p, sizeof v);
    return v;
}

CPU_INLINE void cpu_vd_store(double *p, cpu_vd v)
{
    memcpy(p, &v, sizeof v);
}

CPU_INLINE cpu_vd cpu_vd_load_n(const double *p, int64_t n)
{
#if CPU_VEC_AVX512
    return (cpu_vd)_mm512_maskz_loadu_pd((__mmask8)((1u << n) - 1), p);
#elif CPU_VEC_AVX2
    return (cpu_vd)_mm256_maskload_pd(p, cpu_mask4(n));
#else
    cpu_vd v = {0};
    for (int64_t i = 0; i < n; i++)
        v[i] = p[i];
    return v;
#endif
}

CPU_INLINE void cpu_vd_store_n(double *p, cpu_vd v, int64_t n)
{
#if CPU_VEC_AVX512
    _mm512_mask_storeu_pd(p, (__mmask8)((1u << n) - 1), (__m512d)v);
#elif CPU_VEC_AVX2
    _mm256_maskstore_pd(p, cpu_mask4(n), (__m256d)v);
#else
    for (int64_t i = 0; i < n; i++)
        p[i] = v[i];
#endif
}

CPU_INLINE cpu_vd cpu_vd_fma(cpu_vd a, cpu_vd b, cpu_vd c)
{
#if CPU_VEC_AVX512
    return (cpu_vd)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif CPU_VEC_AVX2
    return (cpu_vd)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#else
    return a * b + c;
#endif
}

CPU_INLINE cpu_vd cpu_vd_select(cpu_vl m, cpu_vd a, cpu_vd b)
{
#if CPU_VEC_AVX512
    return (cpu_vd)_mm512_mask_blend_pd(_mm512_movepi64_mask((__m512i)m), (__m512d)b, (__m512d)a);
#else
    return (cpu_vd)(((cpu_vl)a & m) | ((cpu_vl)b & ~m));
#endif
}

/* b where either is NaN. */
CPU_INLINE cpu_vd cpu_vd_max(cpu_vd a, cpu_vd b)
{
    return cpu_vd_select(a > b, a, b);
}

CPU_INLINE double cpu_vd_sum(cpu_vd v)
{
#if CPU_VF == 16
    return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
#elif CPU_VF == 8
    return (v[0] + v[2]) + (v[1] + v[3]);
#else
    return v[0] + v[1];
#endif
}

#endif
