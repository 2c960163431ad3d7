/* vecmath.h: f32 functions on the vectors of vec.h, for files built per instruction set. Branch-free, within 2 units in
 * the last place unless said otherwise; infinities, NaN and zeros give what C's functions give; results that would be
 * subnormal may be zero. The polynomials are minimax fits made for this file (Remez, in 40 digits). */
#ifndef CPU_VECMATH_H
#define CPU_VECMATH_H

#include "cpu/core/vec.h"

#include <math.h>

/* c[0] + c[1] x + ...; n is a constant, the loop unrolls. */
CPU_INLINE cpu_vf cpu_vf_poly(cpu_vf x, const float *c, int n)
{
    cpu_vf y = cpu_vf_set1(c[n - 1]);
    for (int i = n - 2; i >= 0; i--)
        y = cpu_vf_fma(y, x, cpu_vf_set1(c[i]));
    return y;
}

CPU_INLINE cpu_vf cpu_vf_copysign(cpu_vf size, cpu_vf sign)
{
    return (cpu_vf)(((cpu_vi)size & 0x7fffffff) | ((cpu_vi)sign & INT32_MIN));
}

CPU_INLINE cpu_vf cpu_vf_sqrt(cpu_vf x)
{
#if CPU_VEC_AVX512
    return (cpu_vf)_mm512_sqrt_ps((__m512)x);
#elif CPU_VEC_AVX2
    return (cpu_vf)_mm256_sqrt_ps((__m256)x);
#else
    for (int i = 0; i < CPU_VF; i++)
        x[i] = sqrtf(x[i]);
    return x;
#endif
}

/* To the nearest integer, half to even. */
CPU_INLINE cpu_vf cpu_vf_rint(cpu_vf x)
{
#if CPU_VEC_AVX512
    return (cpu_vf)_mm512_roundscale_ps((__m512)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#elif CPU_VEC_AVX2
    return (cpu_vf)_mm256_round_ps((__m256)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#else
    cpu_vf whole = cpu_vf_set1(0x1p23f); /* from here on every number is whole */
    cpu_vf size = cpu_vf_abs(x), y = cpu_vf_copysign((size + whole) - whole, x);
    return cpu_vf_select(size < whole, y, x);
#endif
}

CPU_INLINE cpu_vf cpu_vf_floor(cpu_vf x)
{
#if CPU_VEC_AVX512
    return (cpu_vf)_mm512_roundscale_ps((__m512)x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
#elif CPU_VEC_AVX2
    return (cpu_vf)_mm256_round_ps((__m256)x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
#else
    cpu_vf y = cpu_vf_rint(x);
    return cpu_vf_copysign(cpu_vf_select(y > x, y - 1.0f, y), x);
#endif
}

CPU_INLINE cpu_vf cpu_vf_trunc(cpu_vf x)
{
#if CPU_VEC_AVX512
    return (cpu_vf)_mm512_roundscale_ps((__m512)x, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
#elif CPU_VEC_AVX2
    return (cpu_vf)_mm256_round_ps((__m256)x, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
#else
    return cpu_vf_copysign(cpu_vf_floor(cpu_vf_abs(x)), x);
#endif
}

CPU_INLINE cpu_vf cpu_vf_ceil(cpu_vf x)
{
    return -cpu_vf_floor(-x);
}

/* The nearest integer of x for |x| < 2^22, as a float and as an int, by adding 1.5 * 2^23. */
CPU_INLINE cpu_vf cpu_vf_nearest(cpu_vf x, cpu_vi *whole)
{
    cpu_vf magic = cpu_vf_set1(0x1.8p23f), t = x + magic;
    *whole = (cpu_vi)((cpu_vu)t - (cpu_vu)magic); /* unsigned: with NaN anything may come, but nothing overflows */
    return t - magic;
}

/* 2^n for -126 <= n <= 127. */
CPU_INLINE cpu_vf cpu_vf_pow2(cpu_vi n)
{
    return (cpu_vf)((cpu_vi)(((cpu_vu)n + 127u) << 23));
}

/* y * 2^n, y in [0.5, 2], |n| <= 252; nf is n as a float. */
CPU_INLINE cpu_vf cpu_vf_scale(cpu_vf y, cpu_vf nf, cpu_vi n)
{
#if CPU_VEC_AVX512
    (void)n;
    return (cpu_vf)_mm512_scalef_ps((__m512)y, (__m512)nf);
#else
    (void)nf;
    cpu_vi half = n >> 1;
    return y * cpu_vf_pow2(half) * cpu_vf_pow2((cpu_vi)((cpu_vu)n - (cpu_vu)half));
#endif
}

/* The pieces of exp: x = n ln 2 + r with |r| <= ln 2 / 2, and exp(r) - 1. ln 2 is split so that n times its upper part
 * is exact. */
CPU_INLINE cpu_vf cpu_vf_exp_reduce(cpu_vf x, cpu_vf *nf, cpu_vi *n)
{
    *nf = cpu_vf_nearest(x * 0x1.715476p+0f, n);
    cpu_vf r = cpu_vf_fma(*nf, cpu_vf_set1(-0x1.62e4p-1f), x);
    return cpu_vf_fma(*nf, cpu_vf_set1(-0x1.7f7d1cp-20f), r);
}

CPU_INLINE cpu_vf cpu_vf_exp_tail(cpu_vf r)
{
    static const float c[] = {0x1p-1f, 0x1.555486p-3f, 0x1.555454p-5f, 0x1.124148p-7f, 0x1.6dbc42p-10f};
    return cpu_vf_fma(r * r, cpu_vf_poly(r, c, 5), r);
}

CPU_INLINE cpu_vf cpu_vf_exp(cpu_vf x)
{
    cpu_vf nf;
    cpu_vi n;
    x = cpu_vf_max(cpu_vf_set1(-110.0f), cpu_vf_min(cpu_vf_set1(90.0f), x));
    cpu_vf r = cpu_vf_exp_reduce(x, &nf, &n);
    return cpu_vf_scale(cpu_vf_exp_tail(r) + 1.0f, nf, n);
}

CPU_INLINE cpu_vf cpu_vf_exp2(cpu_vf x)
{
    cpu_vi n;
    x = cpu_vf_max(cpu_vf_set1(-152.0f), cpu_vf_min(cpu_vf_set1(130.0f), x));
    cpu_vf nf = cpu_vf_nearest(x, &n);
    return cpu_vf_scale(cpu_vf_exp_tail((x - nf) * 0x1.62e43p-1f) + 1.0f, nf, n);
}

CPU_INLINE cpu_vf cpu_vf_expm1(cpu_vf x)
{
    static const float c[] = {0x1p-1f,        0x1.555556p-3f,  0x1.555478p-5f,
                              0x1.111076p-7f, 0x1.6d9e26p-10f, 0x1.a1c0a2p-13f};
    cpu_vf nf;
    cpu_vi n;
    cpu_vf y = cpu_vf_max(cpu_vf_set1(-18.0f), cpu_vf_min(cpu_vf_set1(89.0f), x));
    cpu_vf r = cpu_vf_exp_reduce(y, &nf, &n);
    cpu_vf p = cpu_vf_fma(r * r, cpu_vf_poly(r, c, 6), r);
    cpu_vf half = cpu_vf_pow2((cpu_vi)((cpu_vu)n - 1u)); /* half of the scale: 2^128 would be too large */
    y = cpu_vf_fma(half, p, half - 0.5f);
    return cpu_vf_select(x == 0.0f, x, y + y); /* keeps the sign of a zero */
}

/* x = 2^e m with m in [sqrt(1/2), sqrt(2)): gives m - 1 and e. x is positive, finite and normal. */
CPU_INLINE cpu_vf cpu_vf_log_reduce(cpu_vf x, cpu_vf *e)
{
    cpu_vu bits = (cpu_vu)x; /* unsigned: what is no such x must not overflow */
    cpu_vi n = (cpu_vi)(bits - 0x3f3504f3u) >> 23;
    *e = cpu_vf_of_vi(n);
    return (cpu_vf)(bits - ((cpu_vu)n << 23)) - 1.0f;
}

/* log(1 + f) - f for f from cpu_vf_log_reduce. */
CPU_INLINE cpu_vf cpu_vf_log_tail(cpu_vf f)
{
    static const float c[] = {0x1.55554ap-2f, -0x1.00022p-2f,  0x1.99a596p-3f, -0x1.54788cp-3f,
                              0x1.226e42p-3f, -0x1.0ce072p-3f, 0x1.07d12p-3f,  -0x1.41eea6p-4f};
    cpu_vf z = f * f;
    return cpu_vf_fma(z, f * cpu_vf_poly(f, c, 8), z * -0.5f);
}

/* What C gives for a logarithm of 0, of what is negative, of infinity and of NaN; y for other x. */
CPU_INLINE cpu_vf cpu_vf_log_ends(cpu_vf x, cpu_vf y)
{
    y = cpu_vf_select(x < INFINITY, y, x); /* infinity and NaN stay */
    y = cpu_vf_select(x == 0.0f, cpu_vf_set1(-INFINITY), y);
    return cpu_vf_select(x < 0.0f, cpu_vf_set1(NAN), y);
}

/* Lifts subnormal numbers by 2^23. */
CPU_INLINE cpu_vf cpu_vf_log_lift(cpu_vf x, cpu_vf *lift)
{
    cpu_vi small = x < 0x1p-126f;
    *lift = cpu_vf_select(small, cpu_vf_set1(-23.0f), cpu_vf_set1(0.0f));
    return cpu_vf_select(small, x * 0x1p23f, x);
}

CPU_INLINE cpu_vf cpu_vf_log_normal(cpu_vf x, cpu_vf lift)
{
    cpu_vf e, f = cpu_vf_log_reduce(x, &e);
    e += lift;
    cpu_vf y = cpu_vf_fma(e, cpu_vf_set1(0x1.7f7d1cp-20f), cpu_vf_log_tail(f));
    return cpu_vf_fma(e, cpu_vf_set1(0x1.62e4p-1f), f + y);
}

CPU_INLINE cpu_vf cpu_vf_log(cpu_vf x)
{
    cpu_vf lift, y = cpu_vf_log_lift(x, &lift);
    return cpu_vf_log_ends(x, cpu_vf_log_normal(y, lift));
}

CPU_INLINE cpu_vf cpu_vf_log2(cpu_vf x)
{
    cpu_vf lift, e, y = cpu_vf_log_lift(x, &lift), f = cpu_vf_log_reduce(y, &e);
    cpu_vf tail = cpu_vf_log_tail(f), l = f + tail;
    cpu_vf rest = tail - (l - f); /* what the sum lost */
    y = cpu_vf_fma(l, cpu_vf_set1(0x1.715476p+0f), cpu_vf_fma(l, cpu_vf_set1(0x1.4ae0cp-26f), rest * 0x1.715476p+0f));
    return cpu_vf_log_ends(x, y + (e + lift));
}

CPU_INLINE cpu_vf cpu_vf_log10(cpu_vf x)
{
    cpu_vf lift, e, y = cpu_vf_log_lift(x, &lift), f = cpu_vf_log_reduce(y, &e);
    cpu_vf tail = cpu_vf_log_tail(f), l = f + tail;
    cpu_vf rest = tail - (l - f);
    e += lift;
    /* log10(2) and log10(e) in two parts each; the upper one of log10(2) has few bits, so that e times it is exact */
    y = cpu_vf_fma(l, cpu_vf_set1(-0x1.5b235ep-27f), rest * 0x1.bcb7b2p-2f);
    y = cpu_vf_fma(e, cpu_vf_set1(0x1.3509f8p-18f), y);
    y = cpu_vf_fma(l, cpu_vf_set1(0x1.bcb7b2p-2f), y);
    return cpu_vf_log_ends(x, cpu_vf_fma(e, cpu_vf_set1(0x1.344p-2f), y));
}

/* log(1 + x): with u = 1 + x rounded, log(u) and a correction for what u lost. */
CPU_INLINE cpu_vf cpu_vf_log1p(cpu_vf x)
{
    cpu_vf u = x + 1.0f;
    cpu_vf lost = cpu_vf_select(x < 1.0f, x - (u - 1.0f), 1.0f - (u - x));
    cpu_vf y = cpu_vf_log_normal(u, cpu_vf_set1(0.0f)) + lost / u;
    y = cpu_vf_select(cpu_vf_abs(x) < 0x1p-24f, x, y);
    return cpu_vf_select(x < 0x1p100f, cpu_vf_select(x > -1.0f, y, cpu_vf_log_ends(u, y)), cpu_vf_log(x));
}

CPU_INLINE cpu_vf cpu_vf_sigmoid(cpu_vf x)
{
    return 1.0f / (1.0f + cpu_vf_exp(-x));
}

CPU_INLINE cpu_vf cpu_vf_tanh(cpu_vf x)
{
    cpu_vf size = cpu_vf_min(cpu_vf_set1(10.0f), cpu_vf_abs(x));
    cpu_vf t = cpu_vf_expm1(size + size);
    return cpu_vf_copysign(t / (t + 2.0f), x);
}

/* For t >= 0: erf(t), and through `rest` erfc(t), both with small relative error. Below 1 erf is t + t P(t^2), above it
 * erfc is exp(-t Q(t)). From 6 on erfc is a constant below 1e-16. */
CPU_INLINE cpu_vf cpu_vf_erf_parts(cpu_vf t, cpu_vf *rest)
{
    static const float p[] = {0x1.06eba8p-3f, -0x1.81273ep-2f,  0x1.ce2d2p-4f,  -0x1.b7fbb4p-6f,
                              0x1.5419ecp-8f, -0x1.a485acp-11f, 0x1.4ae426p-14f};
    static const float q[] = {0x1.210e66p+0f,   0x1.44493p-1f,  0x1.be639cp-4f,   -0x1.aa6828p-6f, 0x1.353a6ep-8f,
                              -0x1.436ff8p-11f, 0x1.c7dfcp-15f, -0x1.80fa06p-19f, 0x1.24ee1cp-24f};
    cpu_vf small = cpu_vf_fma(t, cpu_vf_poly(t * t, p, 7), t);
    cpu_vf s = cpu_vf_min(cpu_vf_set1(6.0f), t);
    cpu_vf large = cpu_vf_exp(-s * cpu_vf_poly(s, q, 9));
    cpu_vi below = t < 1.0f;
    *rest = cpu_vf_select(below, 1.0f - small, large);
    return cpu_vf_select(below, small, 1.0f - large);
}

CPU_INLINE cpu_vf cpu_vf_erf(cpu_vf x)
{
    cpu_vf rest;
    return cpu_vf_copysign(cpu_vf_erf_parts(cpu_vf_abs(x), &rest), x);
}

/* The normal distribution function, with small relative error down to where it is 1e-17. */
CPU_INLINE cpu_vf cpu_vf_normal_cdf(cpu_vf x)
{
    cpu_vf rest, t = cpu_vf_abs(x) * 0x1.6a09e6p-1f;
    cpu_vf main = cpu_vf_erf_parts(t, &rest);
    rest = cpu_vf_select(t < 6.0f, rest, t - t); /* 0, but NaN for NaN and infinity */
    return 0.5f * cpu_vf_select(x < 0.0f, rest, 1.0f + main);
}

#endif
