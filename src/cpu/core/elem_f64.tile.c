/* elem_f64.tile.c: the operators of the tile engine in the f64 domain: plain loops over C's own functions; the simple
 * ones are vectorised by the compiler. `a`, `b`, `c` are the sources, `p` and `q` the arguments. */
#include "base/special.h"
#include "cpu/core/elem_tile.h"
#include "cpu/core/vec.h"

#include <math.h>

/* A result may be written over a source, element by element: that is no dependence between iterations. */
#define INDEPENDENT _Pragma("omp simd")

#define OP1(name, ...)                                                                                                 \
    static void tile_##name(cpu_elem_call *t)                                                                          \
    {                                                                                                                  \
        const double *pa = t->src[0], p = t->arg[0], q = t->arg[1];                                                    \
        double *d = t->dst;                                                                                            \
        const int64_t n = t->n;                                                                                        \
        (void)p, (void)q;                                                                                              \
        INDEPENDENT for (int64_t i = 0; i < n; i++)                                                                    \
        {                                                                                                              \
            const double a = pa[i];                                                                                    \
            d[i] = (__VA_ARGS__);                                                                                      \
        }                                                                                                              \
    }
#define OP2(name, ...)                                                                                                 \
    static void tile_##name(cpu_elem_call *t)                                                                          \
    {                                                                                                                  \
        const double *pa = t->src[0], *pb = t->src[1], p = t->arg[0], q = t->arg[1];                                   \
        double *d = t->dst;                                                                                            \
        const int64_t n = t->n;                                                                                        \
        (void)p, (void)q;                                                                                              \
        INDEPENDENT for (int64_t i = 0; i < n; i++)                                                                    \
        {                                                                                                              \
            const double a = pa[i], b = pb[i];                                                                         \
            d[i] = (__VA_ARGS__);                                                                                      \
        }                                                                                                              \
    }
#define OP3(name, ...)                                                                                                 \
    static void tile_##name(cpu_elem_call *t)                                                                          \
    {                                                                                                                  \
        const double *pa = t->src[0], *pb = t->src[1], *pc = t->src[2];                                                \
        double *d = t->dst;                                                                                            \
        const int64_t n = t->n;                                                                                        \
        INDEPENDENT for (int64_t i = 0; i < n; i++)                                                                    \
        {                                                                                                              \
            const double a = pa[i], b = pb[i], c = pc[i];                                                              \
            d[i] = (__VA_ARGS__);                                                                                      \
        }                                                                                                              \
    }

/* ---- constants and conversions --------------------------------------------------------------------------------- */

static void tile_const(cpu_elem_call *t)
{
    double *d = t->dst;
    for (int64_t i = 0; i < t->n; i++)
        d[i] = t->arg[0];
}

static void tile_to_f32(cpu_elem_call *t)
{
    const double *a = t->src[0];
    float *d = t->dst;
    for (int64_t i = 0; i < t->n; i++)
        d[i] = (float)a[i];
}

static void tile_to_i64(cpu_elem_call *t)
{
    const double *a = t->src[0];
    int64_t *d = t->dst;
    for (int64_t i = 0; i < t->n; i++)
        d[i] = cpu_elem_i64_of(a[i]);
}

/* Random numbers are those of the f32 domain. They are made in pieces, as they are narrower than the result. */
static void widen(cpu_elem_call *t, cpu_elem_tile make)
{
    enum { PIECE = 256 };
    float piece[PIECE];
    double *d = t->dst;
    cpu_elem_call part = *t;
    part.dst = piece;
    for (int64_t from = 0; from < t->n; from += PIECE) {
        part.n = t->n - from < PIECE ? t->n - from : PIECE;
        part.index = t->index + from * t->stride;
        make(&part);
        for (int64_t i = 0; i < part.n; i++)
            d[from + i] = piece[i];
    }
}

static void tile_uniform(cpu_elem_call *t)
{
    widen(t, CPU_NAME(cpu_elem_uniform));
}

static void tile_dropout_mask(cpu_elem_call *t)
{
    double *d = t->dst, p = t->arg[0], keep = p < 1 ? 1 / (1 - p) : 0;
    widen(t, CPU_NAME(cpu_elem_dropout));
    for (int64_t i = 0; i < t->n; i++) /* which are kept is as in f32; by how much they grow is not */
        d[i] = d[i] != 0 ? keep : 0;
}

OP1(copy, a)
OP1(round_bf16, cpu_f32_of_bf16(cpu_bf16_of_f32(cpu_elem_odd_f32(a))))
OP1(round_f16, cpu_f32_of_f16(cpu_f16_of_f32(cpu_elem_odd_f32(a))))
OP1(round_f32, (double)(float)a)
OP1(to_bool, a != 0 ? 1.0 : 0.0)

/* ---- arithmetic ------------------------------------------------------------------------------------------------ */

CPU_INLINE double remainder_of(double a, double b)
{
    double r = fmod(a, b);
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

#if defined(__FMA__)
#define FMA(a, b, c) __builtin_fma(a, b, c)
#else
#define FMA(a, b, c) ((a) * (b) + (c))
#endif

/* By way of the rest, which is exact: a / b itself may be rounded up to a whole number. */
CPU_INLINE double floor_quotient(double a, double b)
{
    double r = fmod(a, b), q = rint((a - r) / b);
    if (b == 0)
        return a / b;
    return r != 0 && (r < 0) != (b < 0) ? q - 1 : q;
}

OP2(add, a + b)
OP2(sub, a - b)
OP2(mul, a *b)
OP2(div, a / b)
OP2(floor_div, floor_quotient(a, b))
OP2(fmod, fmod(a, b))
OP2(remainder, remainder_of(a, b))
OP2(pow, pow(a, b))
OP2(min, a != a ? a : a < b ? a : b)
OP2(max, a != a ? a : a > b ? a : b)
OP3(fma, FMA(a, b, c))
OP1(neg, -a)
OP1(abs, fabs(a))
OP1(sign, (a > 0 ? 1.0 : 0.0) - (a < 0 ? 1.0 : 0.0))
OP1(square, a *a)
OP1(reciprocal, 1 / a)
OP1(sqrt, sqrt(a))
OP1(rsqrt, 1 / sqrt(a))
OP1(floor, floor(a))
OP1(ceil, ceil(a))
OP1(round, rint(a))
OP1(trunc, trunc(a))

CPU_INLINE double clamp(double a, double p, double q)
{
    double y = p > a ? p : a;
    return q < y ? q : y;
}

OP1(clamp, clamp(a, p, q))

/* ---- comparisons and logic ------------------------------------------------------------------------------------- */

OP2(eq, a == b ? 1.0 : 0.0)
OP2(ne, a != b ? 1.0 : 0.0)
OP2(lt, a < b ? 1.0 : 0.0)
OP2(le, a <= b ? 1.0 : 0.0)
OP2(gt, a > b ? 1.0 : 0.0)
OP2(ge, a >= b ? 1.0 : 0.0)
OP2(logical_and, ((a != 0) & (b != 0)) ? 1.0 : 0.0)
OP2(logical_or, ((a != 0) | (b != 0)) ? 1.0 : 0.0)
OP2(logical_xor, ((a != 0) ^ (b != 0)) ? 1.0 : 0.0)
OP1(logical_not, a == 0 ? 1.0 : 0.0)
OP3(where, a != 0 ? b : c)
OP1(isfinite, fabs(a) < INFINITY ? 1.0 : 0.0)
OP1(isnan, a != a ? 1.0 : 0.0)
OP1(isinf, fabs(a) == INFINITY ? 1.0 : 0.0)

/* ---- functions ------------------------------------------------------------------------------------------------- */

OP1(exp, exp(a))
OP1(exp2, exp2(a))
OP1(expm1, expm1(a))
OP1(log, log(a))
OP1(log2, log2(a))
OP1(log10, log10(a))
OP1(log1p, log1p(a))
OP1(sin, sin(a))
OP1(cos, cos(a))
OP1(tan, tan(a))
OP1(asin, asin(a))
OP1(acos, acos(a))
OP1(atan, atan(a))
OP2(atan2, atan2(a, b))
OP1(sinh, sinh(a))
OP1(cosh, cosh(a))
OP1(asinh, asinh(a))
OP1(acosh, acosh(a))
OP1(atanh, atanh(a))
OP1(erf, erf(a))
OP1(erfc, erfc(a))
OP1(erfinv, base_erfinv(a))
OP1(lgamma, base_lgamma(a))
OP1(digamma, base_digamma(a))
OP2(hypot, hypot(a, b))
OP3(over_root, a / (sqrt(b) * c + t->arg[0]))
OP2(approach, FMA(p, b - a, a))
OP2(mix_square, FMA(q, b *b, a *p))

/* ---- activations ----------------------------------------------------------------------------------------------- */

static const double sqrt_half = 0.70710678118654752440, tanh_scale = 0.79788456080286535588; /* sqrt(2 / pi) */

CPU_INLINE double sigmoid(double a)
{
    return 1 / (1 + exp(-a));
}

CPU_INLINE double softplus(double a, double p, double q)
{
    double z = p * a;
    return z > q ? a : ((z > 0 ? z : 0) + log1p(exp(-fabs(z)))) / p;
}

CPU_INLINE double normal_cdf(double a)
{
    return 0.5 * erfc(-a * sqrt_half);
}

CPU_INLINE double gelu_slope(double a)
{
    return normal_cdf(a) + a * exp(-0.5 * a * a) * (0.5 * tanh_scale);
}

/* sigmoid(z) and, through `slope`, its derivative, both with small relative error on either side. */
CPU_INLINE double sigmoid_parts(double z, double *slope)
{
    double e = exp(-fabs(z)), r = 1 / (1 + e);
    *slope = e * r * r;
    return z < 0 ? e * r : r;
}

CPU_INLINE double gelu_gate_argument(double a)
{
    return 2 * tanh_scale * (a + 0.044715 * a * a * a);
}

CPU_INLINE double gelu_tanh_slope(double a)
{
    double slope, s = sigmoid_parts(gelu_gate_argument(a), &slope);
    return s + a * slope * 2 * tanh_scale * (1 + 3 * 0.044715 * a * a);
}

CPU_INLINE double silu_slope(double a)
{
    double slope, s = sigmoid_parts(a, &slope);
    return s + a * slope;
}

OP1(tanh, tanh(a))
OP1(sigmoid, sigmoid(a))
OP1(relu, a < 0 ? 0 : a)
OP1(leaky_relu, a > 0 ? a : p * a)
OP1(elu, a > 0 ? a : p * expm1(a))
OP1(softplus, softplus(a, p, q))
OP1(silu, a / (1 + exp(-a)))
OP1(gelu, a *normal_cdf(a))
OP1(gelu_tanh, a *sigmoid(gelu_gate_argument(a)))

OP2(relu_grad, b > 0 ? a : 0)
OP2(hardtanh_grad, b > p && b < q ? a : 0)
OP2(sigmoid_grad, a *(b *(1 - b)))
OP2(tanh_grad, a *(1 - b * b))
OP2(leaky_relu_grad, b > 0 ? a : p * a)
OP2(elu_grad, b > 0 ? a : a * p * exp(b))
OP2(softplus_grad, p *b > q ? a : a * sigmoid(p * b))
OP2(silu_grad, a *silu_slope(b))
OP2(gelu_grad, a *gelu_slope(b))
OP2(gelu_tanh_grad, a *gelu_tanh_slope(b))

/* ---- the table ------------------------------------------------------------------------------------------------- */

#define HAS(name) [CPU_ELEM_##name] = tile_##name
const cpu_elem_tile CPU_NAME(cpu_elem_f64)[CPU_ELEM_COUNT] = {HAS(const),
                                                              HAS(uniform),
                                                              HAS(dropout_mask),
                                                              HAS(to_f32),
                                                              [CPU_ELEM_to_f64] = tile_copy,
                                                              HAS(to_i64),
                                                              HAS(copy),
                                                              HAS(round_bf16),
                                                              HAS(round_f16),
                                                              HAS(round_f32),
                                                              HAS(to_bool),
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
                                                              HAS(reciprocal),
                                                              HAS(sqrt),
                                                              HAS(rsqrt),
                                                              HAS(clamp),
                                                              HAS(floor),
                                                              HAS(ceil),
                                                              HAS(round),
                                                              HAS(trunc),
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
                                                              HAS(isinf),
                                                              HAS(exp),
                                                              HAS(exp2),
                                                              HAS(expm1),
                                                              HAS(log),
                                                              HAS(log2),
                                                              HAS(log10),
                                                              HAS(log1p),
                                                              HAS(sin),
                                                              HAS(cos),
                                                              HAS(tan),
                                                              HAS(asin),
                                                              HAS(acos),
                                                              HAS(atan),
                                                              HAS(atan2),
                                                              HAS(sinh),
                                                              HAS(cosh),
                                                              HAS(asinh),
                                                              HAS(acosh),
                                                              HAS(atanh),
                                                              HAS(erf),
                                                              HAS(erfc),
                                                              HAS(erfinv),
                                                              HAS(lgamma),
                                                              HAS(digamma),
                                                              HAS(hypot),
                                                              HAS(over_root),
                                                              HAS(approach),
                                                              HAS(mix_square),
                                                              HAS(tanh),
                                                              HAS(sigmoid),
                                                              HAS(relu),
                                                              HAS(leaky_relu),
                                                              HAS(elu),
                                                              HAS(softplus),
                                                              HAS(silu),
                                                              HAS(gelu),
                                                              HAS(gelu_tanh),
                                                              HAS(relu_grad),
                                                              HAS(hardtanh_grad),
                                                              HAS(sigmoid_grad),
                                                              HAS(tanh_grad),
                                                              HAS(leaky_relu_grad),
                                                              HAS(elu_grad),
                                                              HAS(softplus_grad),
                                                              HAS(silu_grad),
                                                              HAS(gelu_grad),
                                                              HAS(gelu_tanh_grad)};
