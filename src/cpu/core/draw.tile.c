/* draw.tile.c: see draw.h. Normal numbers by the method of Box and Muller (1958). All in f64, with every multiply-add written as
 * such, so that each instruction set gives the same bits; loops over a few numbers at a time are for the compiler to vectorise. */
#include "cpu/core/draw.h"

#include "base/philox.h"
#include "cpu/core/vec.h"

enum { GROUP = 64, TERMS = 10, HALF = 7 };

void CPU_NAME(cpu_draw)(const cpu_draw *d, int64_t from, int64_t to, float *data);

/* Blocks first, first + 1, ...: their words, as base_philox_at gives them; round by round, all blocks at once, each word in a lane of 64
 * bits, of which the upper half is not looked at. */
static void blocks(const cpu_draw *d, uint64_t first, uint32_t w[4][GROUP])
{
    uint64_t c0[GROUP], c1[GROUP], c2[GROUP], c3[GROUP];
    uint32_t k0 = (uint32_t)d->key, k1 = (uint32_t)(d->key >> 32);
    for (int i = 0; i < GROUP; i++) {
        c0[i] = first + (uint64_t)i;
        c1[i] = c0[i] >> 32;
        c2[i] = d->stream;
        c3[i] = d->stream >> 32;
    }
    for (int round = 0; round < 10; round++, k0 += 0x9E3779B9U, k1 += 0xBB67AE85U)
        for (int i = 0; i < GROUP; i++) {
            uint64_t p0 = (c0[i] & UINT32_MAX) * 0xD2511F53U, p1 = (c2[i] & UINT32_MAX) * 0xCD9E8D57U;
            c0[i] = (p1 >> 32) ^ c1[i] ^ k0;
            c2[i] = (p0 >> 32) ^ c3[i] ^ k1;
            c1[i] = p1;
            c3[i] = p0;
        }
    for (int i = 0; i < GROUP; i++) {
        w[0][i] = (uint32_t)c0[i];
        w[1][i] = (uint32_t)c1[i];
        w[2][i] = (uint32_t)c2[i];
        w[3][i] = (uint32_t)c3[i];
    }
}

/* As base_philox_f64: both parts and their sum are exact. */
static void fraction(const uint32_t *a, const uint32_t *b, double *u)
{
    for (int i = 0; i < GROUP; i++)
        u[i] =
            __builtin_fma((double)(int32_t)(b[i] >> 11), 0x1p-53,
                          __builtin_fma((double)(int32_t)(a[i] >> 1), 0x1p-31, (double)(int32_t)(a[i] & 1) * 0x1p-32));
}

/* log(x) for x in (0, 1]: x = 2^e m with m about 1, log(m) = 2 atanh(s), s = (m - 1) / (m + 1). */
static void logarithm(const double *x, double *y)
{
    static const uint64_t about_half = 0x3fe6a09e00000000; /* the bits of sqrt(1/2), rounded down */
    for (int i = 0; i < GROUP; i++) {
        uint64_t bits;
        double m;
        memcpy(&bits, &x[i], sizeof bits);
        int32_t e = (int32_t)((bits - about_half) >> 52 & 0x7ff);
        e = e >= 1024 ? e - 2048 : e;
        bits -= (uint64_t)(int64_t)e << 52;
        memcpy(&m, &bits, sizeof m);
        double s = (m - 1) / (m + 1), z = s * s, sum = 1.0 / (2 * TERMS + 1);
#pragma GCC unroll 16
        for (int k = TERMS - 1; k >= 0; k--)
            sum = __builtin_fma(sum, z, 1.0 / (2 * k + 1));
        y[i] = __builtin_fma((double)e, 0.69314718055994530942, 2 * s * sum);
    }
}

/* cos(2 pi t) for t in [0, 1): a quarter of the circle is told by its number, the rest by Taylor's series. */
static void cosine(const double *t, double *y)
{
    static const double c[HALF + 1] = {1,           -1.0 / 2,       1.0 / 24,        -1.0 / 720,
                                       1.0 / 40320, -1.0 / 3628800, 1.0 / 479001600, -1.0 / 87178291200},
                                 s[HALF + 1] = {1,
                                                -1.0 / 6,
                                                1.0 / 120,
                                                -1.0 / 5040,
                                                1.0 / 362880,
                                                -1.0 / 39916800,
                                                1.0 / 6227020800,
                                                -1.0 / 1307674368000};
    for (int i = 0; i < GROUP; i++) {
        int32_t q = (int32_t)__builtin_fma(t[i], 4.0, 0.5);
        double x = 6.283185307179586 * __builtin_fma((double)q, -0.25, t[i]), z = x * x;
        double cosine = c[HALF], sine = s[HALF];
#pragma GCC unroll 16
        for (int k = HALF - 1; k >= 0; k--) {
            cosine = __builtin_fma(cosine, z, c[k]);
            sine = __builtin_fma(sine, z, s[k]);
        }
        double r = q & 1 ? x * sine : cosine;
        y[i] = (q + 1) & 2 ? -r : r;
    }
}

static void uniform(const cpu_draw *d, int64_t from, double *u)
{
    uint32_t w[4][GROUP];
    double first[GROUP], second[GROUP];
    blocks(d, (uint64_t)from / 2, w);
    fraction(w[0], w[1], first);
    fraction(w[2], w[3], second);
    for (int i = 0; i < GROUP; i++) {
        u[2 * i] = first[i];
        u[2 * i + 1] = second[i];
    }
}

static void normal(const cpu_draw *d, int64_t from, double *z)
{
    uint32_t w[4][GROUP];
    double u[GROUP], angle[GROUP], l[GROUP];
    blocks(d, (uint64_t)from, w);
    fraction(w[0], w[1], u);
    fraction(w[2], w[3], angle);
    for (int i = 0; i < GROUP; i++)
        u[i] = 1 - u[i];
    logarithm(u, l);
    cosine(angle, angle);
    for (int i = 0; i < GROUP; i++)
        z[i] = __builtin_sqrt(-2 * l[i]) * angle[i];
}

/* `from` is even, so that a block begins there. */
void CPU_NAME(cpu_draw)(const cpu_draw *d, int64_t from, int64_t to, float *data)
{
    const int64_t group = d->normal ? GROUP : 2 * GROUP;
    for (int64_t i = from; i < to; i += group) {
        double x[2 * GROUP];
        int64_t n = to - i < group ? to - i : group;
        if (d->normal)
            normal(d, i, x);
        else
            uniform(d, i, x);
        for (int64_t k = 0; k < n; k++)
            data[i - from + k] = (float)__builtin_fma(d->width, x[k], d->low);
    }
}
