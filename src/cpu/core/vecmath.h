/* vecmath.h: f32 functions on the vectors of vec.h, for files built per instruction set. Branch-free, within 2 units in
 * the last place unless said otherwise; infinities, NaN and zeros give what C's functions give; results that would be
 * subnormal may be zero. The polynomials are minimax fits made for this file (Remez, in 40 digits). */
#ifndef CPU_VECMATH_H
#define CPU_VECMATH_H

#include "cpu/core/vec.h"

#include <math.h>

/* Comparisons for cpu_vf_pick. In AVX-512 they live in mask registers; going through vectors of 0 and -1, as
 * cpu_vf_select does, would cost two instructions more each. A comparison with NaN is false, but for "ne". */
#if CPU_VEC_AVX512
typedef __mmask16 cpu_vm;
#define CPU_COMPARE(name, code, operator)                                                                              \
    CPU_INLINE cpu_vm cpu_vf_##name(cpu_vf a, cpu_vf b)                                                                \
    {                                                                                                                  \
        return _mm512_cmp_ps_mask((__m512)a, (__m512)b, code);                                                         \
    }
#else
typedef cpu_vi cpu_vm;
#define CPU_COMPARE(name, code, operator)                                                                              \
    CPU_INLINE cpu_vm cpu_vf_##name(cpu_vf a, cpu_vf b)                                                                \
    {                                                                                                                  \
        return a operator b;                                                                                           \
    }
#endif
CPU_COMPARE(lt, _CMP_LT_OQ, <)
CPU_COMPARE(le, _CMP_LE_OQ, <=)
CPU_COMPARE(eq, _CMP_EQ_OQ, ==)
CPU_COMPARE(ne, _CMP_NEQ_UQ, !=)
#undef CPU_COMPARE

/* Lane by lane, m ? a : b. */
CPU_INLINE cpu_vf cpu_vf_pick(cpu_vm m, cpu_vf a, cpu_vf b)
{
#if CPU_VEC_AVX512
    return (cpu_vf)_mm512_mask_blend_ps(m, (__m512)b, (__m512)a);
#else
    return cpu_vf_select(m, a, b);
#endif
}

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

/* sqrt(x) and 1 / x within two units in the last place, several times as fast where the machine has estimates to start
 * from: one step of Newton's. x >= 0, and above 0 for the reciprocal; infinity and NaN are what they are. */
CPU_INLINE cpu_vf cpu_vf_sqrt_near(cpu_vf x)
{
#if CPU_VEC_AVX512
    cpu_vf y = (cpu_vf)_mm512_rsqrt14_ps((__m512)cpu_vf_max(cpu_vf_set1(0x1p-126f), x)), s = x * y;
    s = cpu_vf_fma(s * 0.5f, cpu_vf_fma(-s, y, cpu_vf_set1(1)), s);
    return cpu_vf_select(x == INFINITY, x, s);
#else
    return cpu_vf_sqrt(x);
#endif
}

CPU_INLINE cpu_vf cpu_vf_reciprocal_near(cpu_vf x)
{
#if CPU_VEC_AVX512
    cpu_vf y = (cpu_vf)_mm512_rcp14_ps((__m512)x);
    return cpu_vf_select(x == INFINITY, y, cpu_vf_fma(y, cpu_vf_fma(-x, y, cpu_vf_set1(1)), y));
#else
    return 1.0f / x;
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
    return cpu_vf_pick(cpu_vf_lt(size, whole), y, x);
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
    return cpu_vf_copysign(cpu_vf_pick(cpu_vf_lt(x, y), y - 1.0f, y), x);
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

/* For x <= 90. */
CPU_INLINE cpu_vf cpu_vf_exp_below(cpu_vf x)
{
    cpu_vf nf;
    cpu_vi n;
    x = cpu_vf_max(cpu_vf_set1(-110.0f), x);
    cpu_vf r = cpu_vf_exp_reduce(x, &nf, &n);
    return cpu_vf_scale(cpu_vf_exp_tail(r) + 1.0f, nf, n);
}

CPU_INLINE cpu_vf cpu_vf_exp(cpu_vf x)
{
    return cpu_vf_exp_below(cpu_vf_min(cpu_vf_set1(90.0f), x));
}

CPU_INLINE cpu_vf cpu_vf_exp2(cpu_vf x)
{
    cpu_vi n;
    x = cpu_vf_max(cpu_vf_set1(-152.0f), cpu_vf_min(cpu_vf_set1(130.0f), x));
    cpu_vf nf = cpu_vf_nearest(x, &n);
    return cpu_vf_scale(cpu_vf_exp_tail((x - nf) * 0x1.62e43p-1f) + 1.0f, nf, n);
}

/* For -18 <= x <= 89; loses the sign of a zero. */
CPU_INLINE cpu_vf cpu_vf_expm1_within(cpu_vf x)
{
    static const float c[] = {0x1p-1f,        0x1.555556p-3f,  0x1.555478p-5f,
                              0x1.111076p-7f, 0x1.6d9e26p-10f, 0x1.a1c0a2p-13f};
    cpu_vf nf;
    cpu_vi n;
    cpu_vf r = cpu_vf_exp_reduce(x, &nf, &n);
    cpu_vf p = cpu_vf_fma(r * r, cpu_vf_poly(r, c, 6), r);
    cpu_vf half = cpu_vf_pow2((cpu_vi)((cpu_vu)n - 1u)); /* half of the scale: 2^128 would be too large */
    cpu_vf y = cpu_vf_fma(half, p, half - 0.5f);
    return y + y;
}

CPU_INLINE cpu_vf cpu_vf_expm1(cpu_vf x)
{
    cpu_vf y = cpu_vf_expm1_within(cpu_vf_max(cpu_vf_set1(-18.0f), cpu_vf_min(cpu_vf_set1(89.0f), x)));
    return cpu_vf_pick(cpu_vf_eq(x, cpu_vf_set1(0)), x, y); /* keeps the sign of a zero */
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

/* What C gives for a logarithm of 0, of what is negative, of infinity and of NaN; y for other x. Subnormal numbers count
 * as 0, as they do wherever they are flushed. */
CPU_INLINE cpu_vf cpu_vf_log_ends(cpu_vf x, cpu_vf y)
{
    cpu_vf low = cpu_vf_pick(cpu_vf_lt(x, cpu_vf_set1(0)), cpu_vf_set1(NAN), cpu_vf_set1(-INFINITY));
    y = cpu_vf_pick(cpu_vf_lt(x, cpu_vf_set1(INFINITY)), y, x); /* infinity and NaN stay */
    return cpu_vf_pick(cpu_vf_lt(x, cpu_vf_set1(0x1p-126f)), low, y);
}

/* For positive, finite and normal x. */
CPU_INLINE cpu_vf cpu_vf_log_normal(cpu_vf x)
{
    cpu_vf e, f = cpu_vf_log_reduce(x, &e);
    cpu_vf y = cpu_vf_fma(e, cpu_vf_set1(0x1.7f7d1cp-20f), cpu_vf_log_tail(f));
    return cpu_vf_fma(e, cpu_vf_set1(0x1.62e4p-1f), f + y);
}

CPU_INLINE cpu_vf cpu_vf_log(cpu_vf x)
{
    return cpu_vf_log_ends(x, cpu_vf_log_normal(x));
}

CPU_INLINE cpu_vf cpu_vf_log2(cpu_vf x)
{
    cpu_vf e, f = cpu_vf_log_reduce(x, &e);
    cpu_vf tail = cpu_vf_log_tail(f), l = f + tail;
    cpu_vf rest = tail - (l - f); /* what the sum lost */
    cpu_vf y = cpu_vf_fma(l, cpu_vf_set1(0x1.4ae0cp-26f), rest * 0x1.715476p+0f);
    return cpu_vf_log_ends(x, cpu_vf_fma(l, cpu_vf_set1(0x1.715476p+0f), y) + e);
}

CPU_INLINE cpu_vf cpu_vf_log10(cpu_vf x)
{
    cpu_vf e, f = cpu_vf_log_reduce(x, &e);
    cpu_vf tail = cpu_vf_log_tail(f), l = f + tail;
    cpu_vf rest = tail - (l - f);
    /* log10(2) and log10(e) in two parts each; the upper one of log10(2) has few bits, so that e times it is exact */
    cpu_vf y = cpu_vf_fma(l, cpu_vf_set1(-0x1.5b235ep-27f), rest * 0x1.bcb7b2p-2f);
    y = cpu_vf_fma(e, cpu_vf_set1(0x1.3509f8p-18f), y);
    y = cpu_vf_fma(l, cpu_vf_set1(0x1.bcb7b2p-2f), y);
    return cpu_vf_log_ends(x, cpu_vf_fma(e, cpu_vf_set1(0x1.344p-2f), y));
}

/* log(1 + x) for 0 <= x <= 1. */
CPU_INLINE cpu_vf cpu_vf_log1p_unit(cpu_vf x)
{
    cpu_vf u = x + 1.0f, lost = x - (u - 1.0f);
    return cpu_vf_fma(lost, 2.0f - u, cpu_vf_log_normal(u)); /* 2 - u is near enough to 1 / u */
}

/* log(1 + x): with u = 1 + x rounded, log(u) and a correction for what u lost. */
CPU_INLINE cpu_vf cpu_vf_log1p(cpu_vf x)
{
    cpu_vf u = x + 1.0f;
    cpu_vf lost = cpu_vf_pick(cpu_vf_lt(x, cpu_vf_set1(1)), x - (u - 1.0f), 1.0f - (u - x));
    cpu_vf y = cpu_vf_log_normal(u);
    cpu_vf fixed = y + lost / u;
    y = cpu_vf_pick(cpu_vf_lt(cpu_vf_abs(lost), cpu_vf_set1(4)), fixed, y); /* not for huge and infinite x */
    y = cpu_vf_log_ends(u, y);
    return cpu_vf_pick(cpu_vf_lt(cpu_vf_abs(x), cpu_vf_set1(0x1p-24f)), x, y);
}

CPU_INLINE cpu_vf cpu_vf_sigmoid(cpu_vf x)
{
    return 1.0f / (1.0f + cpu_vf_exp(-x));
}

CPU_INLINE cpu_vf cpu_vf_tanh(cpu_vf x)
{
    cpu_vf size = cpu_vf_min(cpu_vf_set1(10.0f), cpu_vf_abs(x));
    cpu_vf t = cpu_vf_expm1_within(size + size);
    return cpu_vf_copysign(t / (t + 2.0f), x);
}

/* ---- inverse and hyperbolic functions --------------------------------------------------------------------------- */

#define CPU_HALF_PI 0x1.921fb6p+0f
#define CPU_HALF_PI_REST (-0x1.777a5cp-25f) /* pi/2 less what f32 has of it */

/* asin(s) - s for 0 <= s <= 1/2, z = s^2. */
CPU_INLINE cpu_vf cpu_vf_asin_tail(cpu_vf s, cpu_vf z)
{
    static const float c[] = {0x1.5555c8p-3f, 0x1.3301e4p-4f, 0x1.747e4ap-5f, 0x1.8c283cp-6f, 0x1.596d28p-5f};
    return s * z * cpu_vf_poly(z, c, 5);
}

/* Above 1/2 asin(x) is pi/2 - 2 asin(sqrt((1 - x) / 2)); *far says where that is so, and the angle in it is given, else asin(|x|). */
CPU_INLINE cpu_vf cpu_vf_asin_parts(cpu_vf x, cpu_vm *far)
{
    cpu_vf size = cpu_vf_abs(x), z = (1.0f - size) * 0.5f;
    *far = cpu_vf_lt(cpu_vf_set1(0.5f), size);
    z = cpu_vf_pick(*far, z, size * size);
    cpu_vf s = cpu_vf_pick(*far, cpu_vf_sqrt(z), size);
    return s + cpu_vf_asin_tail(s, z);
}

CPU_INLINE cpu_vf cpu_vf_asin(cpu_vf x)
{
    cpu_vm far;
    cpu_vf a = cpu_vf_asin_parts(x, &far);
    cpu_vf other = cpu_vf_fma(a, cpu_vf_set1(-2), cpu_vf_set1(CPU_HALF_PI)) + CPU_HALF_PI_REST;
    return cpu_vf_copysign(cpu_vf_pick(far, other, a), x);
}

CPU_INLINE cpu_vf cpu_vf_acos(cpu_vf x)
{
    cpu_vm far, negative = cpu_vf_lt(x, cpu_vf_set1(0));
    cpu_vf a = cpu_vf_asin_parts(x, &far), twice = a + a;
    cpu_vf other = cpu_vf_pick(negative, (2 * CPU_HALF_PI - twice) + 2 * CPU_HALF_PI_REST, twice);
    cpu_vf near = (CPU_HALF_PI - (cpu_vf_copysign(a, x) - CPU_HALF_PI_REST));
    return cpu_vf_pick(far, other, near);
}

/* atan(t) for 0 <= t <= 1. */
CPU_INLINE cpu_vf cpu_vf_atan_unit(cpu_vf t)
{
    static const float c[] = {-0x1.55553ep-2f, 0x1.9991fep-3f,  -0x1.2421b6p-3f, 0x1.c09ap-4f,    -0x1.583494p-4f,
                              0x1.dac9fp-5f,   -0x1.fed178p-6f, 0x1.65a674p-7f,  -0x1.d63018p-10f};
    cpu_vf z = t * t;
    return cpu_vf_fma(t * z, cpu_vf_poly(z, c, 9), t);
}

CPU_INLINE cpu_vf cpu_vf_atan(cpu_vf x)
{
    cpu_vf size = cpu_vf_abs(x);
    cpu_vm steep = cpu_vf_lt(cpu_vf_set1(1), size);
    cpu_vf a = cpu_vf_atan_unit(cpu_vf_pick(steep, 1.0f / size, size));
    return cpu_vf_copysign(cpu_vf_pick(steep, CPU_HALF_PI - (a - CPU_HALF_PI_REST), a), x);
}

/* As C's atan2f (C17, F.10.1.4); subnormal quotients count as 0. */
CPU_INLINE cpu_vf cpu_vf_atan2(cpu_vf y, cpu_vf x)
{
    const cpu_vf zero = cpu_vf_set1(0), one = cpu_vf_set1(1);
    cpu_vf high = cpu_vf_abs(y), wide = cpu_vf_abs(x);
    cpu_vm steep = cpu_vf_lt(wide, high), equal = cpu_vf_eq(wide, high);
    cpu_vf t = cpu_vf_pick(steep, wide, high) / cpu_vf_pick(steep, high, wide);
    t = cpu_vf_pick(equal, cpu_vf_pick(cpu_vf_eq(wide, zero), zero, one), t); /* both 0 or both infinite, too */
    cpu_vf a = cpu_vf_atan_unit(t);
    a = cpu_vf_pick(steep, CPU_HALF_PI - (a - CPU_HALF_PI_REST), a);
    cpu_vm left = cpu_vf_lt(cpu_vf_copysign(one, x), zero); /* -0 is left */
    a = cpu_vf_pick(left, 2 * CPU_HALF_PI - (a - 2 * CPU_HALF_PI_REST), a);
    a = cpu_vf_pick(cpu_vf_ne(x, x) | cpu_vf_ne(y, y), x + y, a);
    return cpu_vf_copysign(a, y);
}

/* exp(x) / 2 for 0 <= x, which is finite a little longer than exp(x). */
CPU_INLINE cpu_vf cpu_vf_half_exp(cpu_vf x)
{
    cpu_vf nf;
    cpu_vi n;
    cpu_vf r = cpu_vf_exp_reduce(cpu_vf_min(cpu_vf_set1(90.0f), x), &nf, &n);
    return cpu_vf_scale(cpu_vf_exp_tail(r) + 1.0f, nf - 1.0f, (cpu_vi)((cpu_vu)n - 1u));
}

CPU_INLINE cpu_vf cpu_vf_cosh(cpu_vf x)
{
    cpu_vf e = cpu_vf_half_exp(cpu_vf_abs(x));
    return e + 0.25f / e;
}

CPU_INLINE cpu_vf cpu_vf_sinh(cpu_vf x)
{
    static const float c[] = {0x1.555556p-3f, 0x1.111134p-7f, 0x1.9ffe92p-13f, 0x1.7a15b6p-19f};
    cpu_vf size = cpu_vf_abs(x), e = cpu_vf_half_exp(size), z = size * size;
    cpu_vf near = cpu_vf_fma(size * z, cpu_vf_poly(z, c, 4), size);
    return cpu_vf_copysign(cpu_vf_pick(cpu_vf_lt(size, cpu_vf_set1(1)), near, e - 0.25f / e), x);
}

CPU_INLINE cpu_vf cpu_vf_asinh(cpu_vf x)
{
    cpu_vf size = cpu_vf_abs(x), s = cpu_vf_min(cpu_vf_set1(0x1p14f), size), z = s * s;
    cpu_vf y = cpu_vf_log1p(s + z / (1.0f + cpu_vf_sqrt(z + 1.0f)));
    cpu_vf far = cpu_vf_log(size) + 0x1.62e43p-1f;
    return cpu_vf_copysign(cpu_vf_pick(cpu_vf_lt(size, cpu_vf_set1(0x1p14f)), y, far), x);
}

CPU_INLINE cpu_vf cpu_vf_acosh(cpu_vf x)
{
    cpu_vf t = cpu_vf_min(cpu_vf_set1(0x1p14f), x) - 1.0f;
    cpu_vf y = cpu_vf_log1p(t + cpu_vf_sqrt(t * (t + 2.0f))), far = cpu_vf_log(x) + 0x1.62e43p-1f;
    y = cpu_vf_pick(cpu_vf_lt(x, cpu_vf_set1(0x1p14f)), y, far);
    return cpu_vf_pick(cpu_vf_lt(x, cpu_vf_set1(1)), cpu_vf_set1(NAN), y);
}

CPU_INLINE cpu_vf cpu_vf_atanh(cpu_vf x)
{
    cpu_vf size = cpu_vf_abs(x);
    return cpu_vf_copysign(cpu_vf_log1p((size + size) / (1.0f - size)) * 0.5f, x);
}

/* ---- error functions --------------------------------------------------------------------------------------------- */

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
    cpu_vf large = cpu_vf_exp_below(-s * cpu_vf_poly(s, q, 9));
    cpu_vm below = cpu_vf_lt(t, cpu_vf_set1(1));
    *rest = cpu_vf_pick(below, 1.0f - small, large);
    return cpu_vf_pick(below, small, 1.0f - large);
}

CPU_INLINE cpu_vf cpu_vf_erf(cpu_vf x)
{
    cpu_vf rest;
    return cpu_vf_copysign(cpu_vf_erf_parts(cpu_vf_abs(x), &rest), x);
}

/* The normal distribution function: off by at most 2 units in the last place of 1, and by 1e-5 of itself in the lower
 * tail. One piece, as it need not be exact near 0: erfc(t) = exp(-t Q(t)) for 0 <= t <= 6. */
CPU_INLINE cpu_vf cpu_vf_normal_cdf(cpu_vf x)
{
    static const float q[] = {0x1.20dd7cp+0f,   0x1.45f16p-1f,   0x1.a54fccp-4f,   -0x1.3d7db6p-6f,
                              0x1.2f9fbap-13f,  0x1.7e5a0ep-10f, -0x1.2c6bcep-11f, 0x1.fea692p-14f,
                              -0x1.0444c8p-16f, 0x1.29daep-20f,  -0x1.2655ap-25f};
    cpu_vf t = cpu_vf_abs(x) * 0x1.6a09e6p-1f, s = cpu_vf_min(cpu_vf_set1(6), t);
    /* erfc / 2, its half put into the exponent; beyond 6 it goes on falling */
    cpu_vf rest = cpu_vf_exp_below(cpu_vf_fma(-t, cpu_vf_poly(s, q, 11), cpu_vf_set1(-0x1.62e43p-1f)));
    return cpu_vf_pick(cpu_vf_lt(x, cpu_vf_set1(0)), rest, 1.0f - rest);
}

/* The same for results that are rounded to 8 bits: off by at most 2^-12 of itself. */
CPU_INLINE cpu_vf cpu_vf_normal_cdf_half(cpu_vf x)
{
    /* its binary logarithm in the lower tail is -1 - t Q(t) up to t = 9; 2^f for |f| <= 1/2 */
    static const float q[] = {0x1.267a44p+0f,  0x1.d80a82p-2f,   0x1.a79532p-5f, -0x1.f05aa4p-8f,
                              0x1.80cb7ep-11f, -0x1.594f9ap-15f, 0x1.0c9412p-20f};
    static const float power[] = {0x1.fff692p-1f, 0x1.62f31ep-1f, 0x1.f0de24p-3f, 0x1.c3f5fep-5f};
    cpu_vf t = cpu_vf_abs(x), s = cpu_vf_min(cpu_vf_set1(9), t);
    cpu_vf z = cpu_vf_max(cpu_vf_set1(-127), cpu_vf_fma(-t, cpu_vf_poly(s, q, 7), cpu_vf_set1(-1)));
    cpu_vi n;
    cpu_vf f = z - cpu_vf_nearest(z, &n);
    cpu_vf rest = cpu_vf_poly(f, power, 4) * cpu_vf_pow2(n); /* 0 for n = -127 */
    return cpu_vf_pick(cpu_vf_lt(x, cpu_vf_set1(0)), rest, 1.0f - rest);
}

/* ---- by way of f64 --------------------------------------------------------------------------------------------- */

typedef float cpu_vf_half
    __attribute__((vector_size(CPU_VF * 2))); /* as many floats as there are doubles in a vector */

/* A vector of floats as two of doubles, and back. */
typedef struct cpu_vd2 {
    cpu_vd low, high;
} cpu_vd2;

CPU_INLINE cpu_vd2 cpu_vd2_of_vf(cpu_vf x)
{
    cpu_vf_half half[2];
    memcpy(half, &x, sizeof x);
    return (cpu_vd2){__builtin_convertvector(half[0], cpu_vd), __builtin_convertvector(half[1], cpu_vd)};
}

CPU_INLINE cpu_vf cpu_vf_of_vd2(cpu_vd2 x)
{
    cpu_vf_half half[2] = {__builtin_convertvector(x.low, cpu_vf_half), __builtin_convertvector(x.high, cpu_vf_half)};
    cpu_vf y;
    memcpy(&y, half, sizeof y);
    return y;
}

/* The nearest whole number, for |x| < 2^51. */
CPU_INLINE cpu_vd cpu_vd_nearest(cpu_vd x)
{
    cpu_vd magic = cpu_vd_set1(0x1.8p52);
    return (x + magic) - magic;
}

/* x as n pi/2 + r with |r| <= pi/4: returns r and, through `turn`, n as a double. Without a fused multiply-add the upper
 * part of pi/2 must be short, so that n times it is exact. */
CPU_INLINE cpu_vd cpu_vd_quarter(cpu_vd x, cpu_vd *turn)
{
    cpu_vd n = cpu_vd_nearest(x * 0x1.45f306dc9c883p-1);
    *turn = n;
#if CPU_VF > 4
    return cpu_vd_fma(n, cpu_vd_set1(-0x1.1a62633145c07p-54), cpu_vd_fma(n, cpu_vd_set1(-0x1.921fb54442d18p+0), x));
#else
    return (x - n * 0x1.921fb544p+0) - n * 0x1.0b4611a626331p-34;
#endif
}

#if CPU_VF > 4
#define CPU_TRIG_LIMIT 0x1p40f
#else
#define CPU_TRIG_LIMIT 0x1p20f
#endif

/* x as n pi/2 + r with |r| <= pi/4, for |x| below CPU_TRIG_LIMIT: gives r, and n modulo 4 in its last bits. NaN for infinity and NaN. */
CPU_INLINE cpu_vf cpu_vf_quarters(cpu_vf x, cpu_vu *n)
{
    cpu_vd2 wide = cpu_vd2_of_vf(x), rest, turn;
    rest.low = cpu_vd_quarter(wide.low, &turn.low);
    rest.high = cpu_vd_quarter(wide.high, &turn.high);
    /* The turns modulo 4, exactly: whole numbers below 2^41 in doubles. */
    turn.low -= 4.0 * cpu_vd_nearest(turn.low * 0.25);
    turn.high -= 4.0 * cpu_vd_nearest(turn.high * 0.25);
    *n = (cpu_vu)cpu_vi_of_vf(cpu_vf_of_vd2(turn));
    return cpu_vf_of_vd2(rest);
}

/* For |r| <= pi/4, z = r^2. */
CPU_INLINE cpu_vf cpu_vf_sine(cpu_vf r, cpu_vf z)
{
    static const float s[] = {-0x1.555556p-3f, 0x1.111108p-7f, -0x1.a00f9ep-13f, 0x1.6cd834p-19f};
    return cpu_vf_fma(z * r, cpu_vf_poly(z, s, 4), r);
}
CPU_INLINE cpu_vf cpu_vf_cosine(cpu_vf z)
{
    static const float c[] = {0x1.55554ap-5f, -0x1.6c0c8ap-10f, 0x1.9a021p-16f};
    return cpu_vf_fma(z * z, cpu_vf_poly(z, c, 3), cpu_vf_fma(z, cpu_vf_set1(-0.5f), cpu_vf_set1(1)));
}

/* sin(x + quarters pi/2) for |x| below CPU_TRIG_LIMIT, NaN for infinity and NaN. */
CPU_INLINE cpu_vf cpu_vf_sin_quarters(cpu_vf x, uint32_t quarters)
{
    cpu_vu n;
    cpu_vf r = cpu_vf_quarters(x, &n), z = r * r;
    n += quarters;
    cpu_vf y = cpu_vf_select((cpu_vi)(n << 31) >> 31, cpu_vf_cosine(z), cpu_vf_sine(r, z));
    return (cpu_vf)((cpu_vu)y ^ (n << 30 & 0x80000000u));
}

/* The same for the tangent, within 3 units in the last place. */
CPU_INLINE cpu_vf cpu_vf_tan_moderate(cpu_vf x)
{
    cpu_vu n;
    cpu_vf r = cpu_vf_quarters(x, &n), z = r * r, s = cpu_vf_sine(r, z), c = cpu_vf_cosine(z);
    cpu_vi odd = (cpu_vi)(n << 31) >> 31;
    cpu_vf y = cpu_vf_select(odd, -c, s) / cpu_vf_select(odd, s, c);
    return cpu_vf_pick(cpu_vf_eq(x, cpu_vf_set1(0)), x, y); /* keeps the sign of a zero */
}

/* erfc(t) for 0.5 <= t <= 10.2: exp(-t^2) with the square in f64, times a polynomial in (t - 3) / (t + 3) that is erfc(t) exp(t^2). */
CPU_INLINE cpu_vd cpu_vd_erfc_parts(cpu_vd t, cpu_vd *turns, cpu_vd *rest)
{
    static const double c[] = {0x1.6e9827f521aa2p-3,  -0x1.4e102c03f04e3p-2, 0x1.f6ff0f8d9e753p-3,
                               -0x1.336fcad838710p-3, 0x1.258da1313d97dp-4,  -0x1.8fba64f2f9d7cp-6,
                               0x1.16a606b553ed9p-8,  0x1.7f6ef93408debp-11, -0x1.1d03fd4040e22p-11,
                               0x1.7464e8b90165fp-18};
    cpu_vd u = (t - 3.0) / (t + 3.0), y = cpu_vd_set1(c[9]), power = t * t * -0x1.71547652b82fep+0;
    *turns = cpu_vd_nearest(power);
    *rest = (power - *turns) * 0x1.62e42fefa39efp-1;
    for (int i = 9 - 1; i >= 0; i--)
        y = cpu_vd_fma(y, u, cpu_vd_set1(c[i]));
    return y;
}

CPU_INLINE cpu_vf cpu_vf_erfc(cpu_vf x)
{
    cpu_vf size = cpu_vf_abs(x), near, t = cpu_vf_max(cpu_vf_set1(0.5f), cpu_vf_min(cpu_vf_set1(10.2f), size));
    cpu_vd2 wide = cpu_vd2_of_vf(t), turns, rest, factor;
    factor.low = cpu_vd_erfc_parts(wide.low, &turns.low, &rest.low);
    factor.high = cpu_vd_erfc_parts(wide.high, &turns.high, &rest.high);
    cpu_vf nf = cpu_vf_of_vd2(turns), e = cpu_vf_exp_tail(cpu_vf_of_vd2(rest)) + 1.0f;
    cpu_vf far = cpu_vf_scale(e * cpu_vf_of_vd2(factor), nf, cpu_vi_of_vf(nf));
    cpu_vf small = cpu_vf_copysign(cpu_vf_erf_parts(cpu_vf_min(cpu_vf_set1(0.5f), size), &near), x);
    far = cpu_vf_pick(cpu_vf_lt(x, cpu_vf_set1(0)), 2.0f - far, far);
    far = cpu_vf_pick(cpu_vf_ne(x, x), x, far);
    return cpu_vf_pick(cpu_vf_lt(size, cpu_vf_set1(0.5f)), 1.0f - small, far);
}

CPU_INLINE cpu_vd cpu_vd_sqrt(cpu_vd x)
{
#if CPU_VEC_AVX512
    return (cpu_vd)_mm512_sqrt_pd((__m512d)x);
#elif CPU_VEC_AVX2
    return (cpu_vd)_mm256_sqrt_pd((__m256d)x);
#else
    for (int i = 0; i < CPU_VD; i++)
        x[i] = sqrt(x[i]);
    return x;
#endif
}

CPU_INLINE cpu_vf cpu_vf_hypot(cpu_vf a, cpu_vf b)
{
    cpu_vd2 x = cpu_vd2_of_vf(a), y = cpu_vd2_of_vf(b);
    const cpu_vf infinite = cpu_vf_set1(INFINITY);
    x.low = cpu_vd_sqrt(x.low * x.low + y.low * y.low);
    x.high = cpu_vd_sqrt(x.high * x.high + y.high * y.high);
    cpu_vm endless = cpu_vf_eq(cpu_vf_abs(a), infinite) | cpu_vf_eq(cpu_vf_abs(b), infinite);
    return cpu_vf_pick(endless, infinite, cpu_vf_of_vd2(x)); /* beside a NaN, too */
}

/* log2(m) for m in [sqrt(1/2), sqrt(2)), relative error 1e-11: an odd polynomial in (m - 1) / (m + 1). */
CPU_INLINE cpu_vd cpu_vd_log2_near_1(cpu_vd f)
{
    cpu_vd s = f / (f + 2.0), z = s * s, y = cpu_vd_set1(0x1.5ceb987c7d4f5p-2);
    y = cpu_vd_fma(y, z, cpu_vd_set1(0x1.a58d58b0499e8p-2));
    y = cpu_vd_fma(y, z, cpu_vd_set1(0x1.2777805722a2ap-1));
    y = cpu_vd_fma(y, z, cpu_vd_set1(0x1.ec709d122cb9bp-1));
    y = cpu_vd_fma(y, z, cpu_vd_set1(0x1.71547652bee88p+1));
    return y * s;
}

/* Clamped to -most .. most; NaN becomes either. */
CPU_INLINE cpu_vd cpu_vd_within(cpu_vd x, double most)
{
#if CPU_VEC_AVX512
    return (cpu_vd)_mm512_max_pd(_mm512_min_pd((__m512d)x, _mm512_set1_pd(most)), _mm512_set1_pd(-most));
#elif CPU_VEC_AVX2
    return (cpu_vd)_mm256_max_pd(_mm256_min_pd((__m256d)x, _mm256_set1_pd(most)), _mm256_set1_pd(-most));
#else
    for (int i = 0; i < CPU_VD; i++)
        x[i] = x[i] > most ? most : x[i] > -most ? x[i] : -most;
    return x;
#endif
}

/* 2^(y log2 x) for positive, finite and normal x and any y but NaN; the product is formed in f64. */
CPU_INLINE cpu_vf cpu_vf_pow_positive(cpu_vf x, cpu_vf y)
{
    cpu_vf e, f = cpu_vf_log_reduce(x, &e);
    cpu_vd2 wide_e = cpu_vd2_of_vf(e), wide_f = cpu_vd2_of_vf(f), wide_y = cpu_vd2_of_vf(y), n, rest;
    cpu_vd low = wide_y.low * (wide_e.low + cpu_vd_log2_near_1(wide_f.low));
    cpu_vd high = wide_y.high * (wide_e.high + cpu_vd_log2_near_1(wide_f.high));
    low = cpu_vd_within(low, 160);
    high = cpu_vd_within(high, 160);
    n.low = cpu_vd_nearest(low);
    n.high = cpu_vd_nearest(high);
    rest.low = (low - n.low) * 0x1.62e42fefa39efp-1;
    rest.high = (high - n.high) * 0x1.62e42fefa39efp-1;
    cpu_vf nf = cpu_vf_of_vd2(n);
    return cpu_vf_scale(cpu_vf_exp_tail(cpu_vf_of_vd2(rest)) + 1.0f, nf, cpu_vi_of_vf(nf));
}

/* As C's powf: its table of special cases (C17, F.10.4.4), subnormal numbers taken as zero. */
CPU_INLINE cpu_vf cpu_vf_pow(cpu_vf x, cpu_vf y)
{
    const cpu_vf nothing = cpu_vf_set1(0), one = cpu_vf_set1(1), infinite = cpu_vf_set1(INFINITY);
    cpu_vf size = cpu_vf_abs(x), half = y * 0.5f;
    cpu_vm whole = cpu_vf_eq(cpu_vf_trunc(y), y), even = cpu_vf_eq(cpu_vf_trunc(half), half);
    cpu_vm zero = cpu_vf_lt(size, cpu_vf_set1(0x1p-126f)), huge = cpu_vf_eq(size, infinite);
    cpu_vf r = cpu_vf_pow_positive(cpu_vf_pick(zero, one, size), y);
    /* 0 and infinity: 0 or infinity, by the sign of y */
    cpu_vm down = cpu_vf_lt(y, nothing);
    r = cpu_vf_pick(zero, cpu_vf_pick(down, infinite, nothing), r);
    r = cpu_vf_pick(huge, cpu_vf_pick(down, nothing, infinite), r);
    r = cpu_vf_pick(cpu_vf_eq(size, one), one, r); /* for infinite y, too */
    /* below 0: negative for odd y, NaN for a broken one unless x is infinite or 0 */
    cpu_vm negative = cpu_vf_lt(x, nothing), special = zero | huge;
    cpu_vf odd = cpu_vf_pick(even, nothing, cpu_vf_pick(whole, cpu_vf_set1(-0.0f), nothing));
    r = (cpu_vf)((cpu_vi)r ^ ((cpu_vi)x & (cpu_vi)odd));
    r = cpu_vf_pick(negative, cpu_vf_pick(whole | special, r, cpu_vf_set1(NAN)), r);
    r = cpu_vf_pick(cpu_vf_ne(x, x) | cpu_vf_ne(y, y), cpu_vf_set1(NAN), r);
    return cpu_vf_pick(cpu_vf_eq(y, nothing) | cpu_vf_eq(x, one), one, r);
}

#endif
