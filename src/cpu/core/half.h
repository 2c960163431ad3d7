/* half.h: bf16 and f16 to f32 and back, one number at a time. Narrowing rounds to nearest even; NaN stays NaN (made
 * quiet, payload cut), what is too large becomes an infinity. For a whole vector of them see vec.h. */
#ifndef CPU_HALF_H
#define CPU_HALF_H

#include <stdint.h>
#include <string.h>

static inline uint32_t cpu_bits_of_f32(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float cpu_f32_of_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline float cpu_f32_of_bf16(uint16_t h)
{
    return cpu_f32_of_bits((uint32_t)h << 16);
}

static inline uint16_t cpu_bf16_of_f32(float x)
{
    uint32_t bits = cpu_bits_of_f32(x);
    if ((bits & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)(bits >> 16 | 0x40u);
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

static inline float cpu_f32_of_f16(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exponent = h >> 10 & 31u, fraction = h & 0x3ffu;
    if (exponent == 31)
        return cpu_f32_of_bits(sign | 0x7f800000u | fraction << 13 | (fraction ? 0x400000u : 0u));
    if (exponent)
        return cpu_f32_of_bits(sign | (exponent + 112) << 23 | fraction << 13);
    float tiny = (float)fraction * 0x1p-24f; /* a subnormal or zero; exact, and normal in f32 */
    return cpu_f32_of_bits(sign | cpu_bits_of_f32(tiny));
}

static inline uint16_t cpu_f16_of_f32(float x)
{
    uint32_t bits = cpu_bits_of_f32(x), sign = bits >> 16 & 0x8000u, size = bits & 0x7fffffffu;
    if (size > 0x7f800000u)
        return (uint16_t)(sign | 0x7e00u | (size >> 13 & 0x3ffu));
    if (size >= 0x477ff000u) /* 65520: rounds past the largest f16 */
        return (uint16_t)(sign | 0x7c00u);
    if (size >= 0x38800000u) /* 2^-14: a normal f16 */
        return (uint16_t)(sign | (size - 0x38000000u + 0xfffu + (size >> 13 & 1u)) >> 13);
    if (size < 0x33000000u) /* below 2^-25: rounds to zero */
        return (uint16_t)sign;
    uint32_t shift = 126u - (size >> 23), fraction = (size & 0x7fffffu) | 0x800000u; /* units of 2^-24 */
    uint32_t whole = fraction >> shift, rest = fraction & ((1u << shift) - 1), half = 1u << (shift - 1);
    return (uint16_t)(sign | (whole + (rest > half || (rest == half && (whole & 1u)))));
}

#endif
