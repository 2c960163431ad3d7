/* philox.h: counter-based random numbers, Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel Random Numbers: As Easy as
 * 1, 2, 3", SC 2011, section 4.3). A number is a pure function of (key, counter): the same on every machine, whatever the
 * order or the number of threads. */
#ifndef BASE_PHILOX_H
#define BASE_PHILOX_H

#include <stdint.h>

typedef struct base_philox {
    uint32_t v[4];
} base_philox;

/* Ten rounds of Philox4x32 on the 128-bit counter (lo, hi) under the 64-bit key. */
static inline base_philox base_philox_at(uint64_t key, uint64_t lo, uint64_t hi)
{
    uint32_t c0 = (uint32_t)lo, c1 = (uint32_t)(lo >> 32), c2 = (uint32_t)hi, c3 = (uint32_t)(hi >> 32);
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    base_philox r = {{c0, c1, c2, c3}};
    return r;
}

/* The finaliser of splitmix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014). */
static inline uint64_t base_mix(uint64_t x)
{
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

/* The key of one stream of a seed: each is mixed, so that neighbouring numbers give unrelated streams. */
static inline uint64_t base_philox_key(uint64_t seed, uint64_t stream)
{
    return base_mix(seed ^ base_mix(stream));
}

/* In [0, 1), a multiple of 2^-24: exact in f32. */
static inline float base_philox_f32(uint32_t bits)
{
    return (float)(bits >> 8) * 0x1p-24f;
}
/* In [0, 1), a multiple of 2^-53. */
static inline double base_philox_f64(uint32_t a, uint32_t b)
{
    return (double)((((uint64_t)a << 32) | b) >> 11) * 0x1p-53;
}

/* A stream for code that draws one number after the other: same key, same sequence. */
typedef struct base_random {
    uint64_t key, stream, n; /* n: 32-bit words drawn so far */
    base_philox block;
} base_random;

base_random base_random_new(uint64_t key, uint64_t stream);
uint32_t base_random_u32(base_random *r);
/* Uniform in [0, bound) without bias; 0 for bound 0. */
uint64_t base_random_below(base_random *r, uint64_t bound);
/* Uniform in [0, 1), 53 bits. */
double base_random_f64(base_random *r);
/* Standard normal, by the method of Box and Muller; two words pairs a call. */
double base_random_normal(base_random *r);

#endif
