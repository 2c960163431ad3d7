/* elem_i64.tile.c: the operators of the tile engine on 64-bit integers. Arithmetic wraps; nothing traps. `a`, `b`, `c`
 * are the sources. */
#include "cpu/core/elem_tile.h"
#include "cpu/core/vec.h"

/* A result may be written over a source, element by element: that is no dependence between iterations. */
#define INDEPENDENT _Pragma("omp simd")

#define OP1(name, ...)                                                                                                 \
    static void tile_##name(cpu_elem_call *t)                                                                          \
    {                                                                                                                  \
        const int64_t *pa = t->src[0];                                                                                 \
        int64_t *d = t->dst;                                                                                           \
        const int64_t n = t->n;                                                                                        \
        INDEPENDENT for (int64_t i = 0; i < n; i++)                                                                    \
        {                                                                                                              \
            const int64_t a = pa[i];                                                                                   \
            d[i] = (int64_t)(__VA_ARGS__);                                                                             \
        }                                                                                                              \
    }
#define OP2(name, ...)                                                                                                 \
    static void tile_##name(cpu_elem_call *t)                                                                          \
    {                                                                                                                  \
        const int64_t *pa = t->src[0], *pb = t->src[1];                                                                \
        int64_t *d = t->dst;                                                                                           \
        const int64_t n = t->n;                                                                                        \
        INDEPENDENT for (int64_t i = 0; i < n; i++)                                                                    \
        {                                                                                                              \
            const int64_t a = pa[i], b = pb[i];                                                                        \
            d[i] = (int64_t)(__VA_ARGS__);                                                                             \
        }                                                                                                              \
    }
#define OP3(name, ...)                                                                                                 \
    static void tile_##name(cpu_elem_call *t)                                                                          \
    {                                                                                                                  \
        const int64_t *pa = t->src[0], *pb = t->src[1], *pc = t->src[2];                                               \
        int64_t *d = t->dst;                                                                                           \
        const int64_t n = t->n;                                                                                        \
        INDEPENDENT for (int64_t i = 0; i < n; i++)                                                                    \
        {                                                                                                              \
            const int64_t a = pa[i], b = pb[i], c = pc[i];                                                             \
            d[i] = (int64_t)(__VA_ARGS__);                                                                             \
        }                                                                                                              \
    }
/* Division: by zero the result is 0 and the first such position is reported. */
#define DIVISION(name, operation)                                                                                      \
    static void tile_##name(cpu_elem_call *t)                                                                          \
    {                                                                                                                  \
        const int64_t *pa = t->src[0], *pb = t->src[1];                                                                \
        int64_t *d = t->dst;                                                                                           \
        for (int64_t i = 0; i < t->n; i++) {                                                                           \
            const int64_t a = pa[i], b = pb[i];                                                                        \
            if (b == 0 && t->bad < 0)                                                                                  \
                t->bad = i;                                                                                            \
            d[i] = b == 0 ? 0 : operation(a, b);                                                                       \
        }                                                                                                              \
    }

typedef uint64_t u64;

/* ---- constants and conversions --------------------------------------------------------------------------------- */

static void tile_const(cpu_elem_call *t)
{
    int64_t *d = t->dst;
    for (int64_t i = 0; i < t->n; i++)
        d[i] = t->iarg;
}

static void tile_to_f32(cpu_elem_call *t)
{
    const int64_t *a = t->src[0];
    float *d = t->dst;
    for (int64_t i = 0; i < t->n; i++)
        d[i] = (float)a[i];
}

static void tile_to_f64(cpu_elem_call *t)
{
    const int64_t *a = t->src[0];
    double *d = t->dst;
    INDEPENDENT for (int64_t i = 0; i < t->n; i++) d[i] = (double)a[i];
}

OP1(copy, a)
OP1(wrap_i32, (int32_t)a)
OP1(wrap_i16, (int16_t)a)
OP1(wrap_i8, (int8_t)a)
OP1(wrap_u8, (uint8_t)a)
OP1(to_bool, a != 0)

/* ---- arithmetic ------------------------------------------------------------------------------------------------ */

/* By -1 apart from the processor's instruction, which traps on the smallest integer. b is not 0. */
CPU_INLINE int64_t quotient(int64_t a, int64_t b)
{
    return b == -1 ? (int64_t)(0 - (u64)a) : a / b;
}

CPU_INLINE int64_t rest(int64_t a, int64_t b)
{
    return b == -1 ? 0 : a % b;
}

CPU_INLINE int64_t floor_rest(int64_t a, int64_t b)
{
    int64_t r = rest(a, b);
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

CPU_INLINE int64_t floor_quotient(int64_t a, int64_t b)
{
    int64_t r = rest(a, b);
    return quotient(a, b) - (r != 0 && (r < 0) != (b < 0));
}

/* By squaring, wrapping. A negative power is a fraction, truncated: 0 but for a = 1 and -1. */
CPU_INLINE int64_t power(int64_t a, int64_t b)
{
    if (b < 0)
        return a == 1 ? 1 : a == -1 ? (b % 2 ? -1 : 1) : 0;
    u64 y = 1;
    for (u64 base = (u64)a; b; b >>= 1, base *= base)
        if (b & 1)
            y *= base;
    return (int64_t)y;
}

OP2(add, (u64)a + (u64)b)
OP2(sub, (u64)a - (u64)b)
OP2(mul, (u64)a *(u64)b)
DIVISION(div, quotient)
DIVISION(floor_div, floor_quotient)
DIVISION(fmod, rest)
DIVISION(remainder, floor_rest)
OP2(pow, power(a, b))
OP2(min, a < b ? a : b)
OP2(max, a > b ? a : b)
OP3(fma, (u64)a *(u64)b + (u64)c)
OP1(neg, 0 - (u64)a)
OP1(abs, a < 0 ? 0 - (u64)a : (u64)a)
OP1(sign, (a > 0) - (a < 0))
OP1(square, (u64)a *(u64)a)
OP1(relu, a < 0 ? 0 : a)
OP2(relu_grad, b > 0 ? a : 0)

/* The limits are given as doubles; beyond the integers they do not bind. */
CPU_INLINE int64_t integer_of(double limit)
{
    return limit >= 0x1p63 ? INT64_MAX : limit >= -0x1p63 ? (int64_t)limit : INT64_MIN;
}

static void tile_clamp(cpu_elem_call *t)
{
    const int64_t *pa = t->src[0], low = integer_of(t->arg[0]), high = integer_of(t->arg[1]);
    int64_t *d = t->dst;
    INDEPENDENT for (int64_t i = 0; i < t->n; i++)
    {
        const int64_t a = pa[i] > low ? pa[i] : low;
        d[i] = a < high ? a : high;
    }
}

/* ---- comparisons, logic, bits ---------------------------------------------------------------------------------- */

CPU_INLINE int64_t shift_left(int64_t a, int64_t b)
{
    return (u64)b < 64 ? (int64_t)((u64)a << b) : 0;
}

CPU_INLINE int64_t shift_right(int64_t a, int64_t b)
{
    return a >> ((u64)b < 64 ? b : 63);
}

OP2(eq, a == b)
OP2(ne, a != b)
OP2(lt, a < b)
OP2(le, a <= b)
OP2(gt, a > b)
OP2(ge, a >= b)
OP2(logical_and, (a != 0) & (b != 0))
OP2(logical_or, (a != 0) | (b != 0))
OP2(logical_xor, (a != 0) ^ (b != 0))
OP1(logical_not, a == 0)
OP3(where, a != 0 ? b : c)
OP1(isfinite, ((void)a, 1))
OP1(isnan, ((void)a, 0))
OP2(bit_and, a &b)
OP2(bit_or, a | b)
OP2(bit_xor, a ^ b)
OP1(bit_not, ~a)
OP2(shift_left, shift_left(a, b))
OP2(shift_right, shift_right(a, b))

/* ---- the table ------------------------------------------------------------------------------------------------- */

#define HAS(name) [CPU_ELEM_##name] = tile_##name
const cpu_elem_tile CPU_NAME(cpu_elem_i64)[CPU_ELEM_COUNT] = {HAS(const),
                                                              HAS(to_f32),
                                                              HAS(to_f64),
                                                              [CPU_ELEM_to_i64] = tile_copy,
                                                              HAS(wrap_i32),
                                                              HAS(wrap_i16),
                                                              HAS(wrap_i8),
                                                              HAS(wrap_u8),
                                                              HAS(to_bool),
                                                              HAS(copy),
                                                              HAS(add),
                                                              HAS(sub),
                                                              HAS(mul),
                                                              HAS(div),
                                                              HAS(floor_div),
                                                              HAS(fmod),
                                                              HAS(remainder),
                                                              HAS(pow),
                                                              HAS(min),
                                                              HAS(max),
                                                              HAS(fma),
                                                              HAS(neg),
                                                              HAS(abs),
                                                              HAS(sign),
                                                              HAS(square),
                                                              HAS(clamp),
                                                              [CPU_ELEM_floor] = tile_copy,
                                                              [CPU_ELEM_ceil] = tile_copy,
                                                              [CPU_ELEM_round] = tile_copy,
                                                              [CPU_ELEM_trunc] = tile_copy,
                                                              HAS(eq),
                                                              HAS(ne),
                                                              HAS(lt),
                                                              HAS(le),
                                                              HAS(gt),
                                                              HAS(ge),
                                                              HAS(logical_and),
                                                              HAS(logical_or),
                                                              HAS(logical_xor),
                                                              HAS(logical_not),
                                                              HAS(where),
                                                              HAS(isfinite),
                                                              HAS(isnan),
                                                              [CPU_ELEM_isinf] = tile_isnan,
                                                              HAS(bit_and),
                                                              HAS(bit_or),
                                                              HAS(bit_xor),
                                                              HAS(bit_not),
                                                              HAS(shift_left),
                                                              HAS(shift_right),
                                                              HAS(relu),
                                                              HAS(relu_grad)};
