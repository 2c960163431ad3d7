/* element.c: single elements of any dtype to and from double and int64, by the letter of the formats. */
#include "op/scheme/op.h"

#include <math.h>
#include <string.h>

static uint16_t bf16_bits(double value)
{
    float f = (float)op_ref_round(TN_BF16, value);
    uint32_t bits;
    memcpy(&bits, &f, 4);
    return (uint16_t)(isnan(value) ? (bits >> 16) | 0x40 : bits >> 16);
}

static double bf16_value(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float f;
    memcpy(&f, &bits, 4);
    return (double)f;
}

static uint16_t f16_bits(double value)
{
    uint16_t sign = signbit(value) ? 0x8000 : 0;
    if (isnan(value))
        return sign | 0x7e00;
    double v = fabs(op_ref_round(TN_F16, value));
    if (isinf(v))
        return sign | 0x7c00;
    if (v < 0x1p-14) /* denormal: a multiple of 2^-24 */
        return (uint16_t)(sign | (uint16_t)(v * 0x1p24));
    int exponent;
    double fraction = frexp(v, &exponent); /* in [0.5, 1) */
    return (uint16_t)(sign | (uint16_t)((exponent + 14) << 10) | (uint16_t)((fraction * 2 - 1) * 1024));
}

static double f16_value(uint16_t half)
{
    int exponent = half >> 10 & 31, fraction = half & 1023;
    double v = exponent == 31 ? (fraction ? (double)NAN : (double)INFINITY)
               : exponent     ? ldexp(1024 + fraction, exponent - 25)
                              : ldexp(fraction, -24);
    return half & 0x8000 ? -v : v;
}

bool op_element_from_i64(tn_dtype dtype, int64_t value, void *element)
{
    int64_t v = op_ref_wrap(dtype, value);
    if (tn_dtype_is_float(dtype))
        return op_element_from_f64(dtype, (double)value, element);
    memcpy(element, &v, tn_dtype_size(dtype)); /* little-endian: the low bytes come first */
    return tn_dtype_size(dtype) != 0;
}

bool op_element_from_f64(tn_dtype dtype, double value, void *element)
{
    float f = (float)value;
    uint16_t half;
    switch (dtype) {
    case TN_F64: memcpy(element, &value, 8); return true;
    case TN_F32: memcpy(element, &f, 4); return true;
    case TN_F16: half = f16_bits(value); break;
    case TN_BF16: half = bf16_bits(value); break;
    case TN_NONE: return false;
    default: return op_element_from_i64(dtype, op_ref_to_int(dtype, value), element);
    }
    memcpy(element, &half, 2);
    return true;
}

int64_t op_element_to_i64(tn_dtype dtype, const void *element)
{
    int64_t v = 0;
    if (tn_dtype_is_float(dtype))
        return op_ref_to_int(TN_I64, op_element_to_f64(dtype, element));
    memcpy(&v, element, tn_dtype_size(dtype));
    return op_ref_wrap(dtype, v);
}

double op_element_to_f64(tn_dtype dtype, const void *element)
{
    double d;
    float f;
    uint16_t half;
    switch (dtype) {
    case TN_F64: memcpy(&d, element, 8); return d;
    case TN_F32: memcpy(&f, element, 4); return (double)f;
    case TN_F16: memcpy(&half, element, 2); return f16_value(half);
    case TN_BF16: memcpy(&half, element, 2); return bf16_value(half);
    default: return (double)op_element_to_i64(dtype, element);
    }
}
