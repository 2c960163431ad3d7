/* elem_f32.tile.c: the operators of the tile engine in the f32 domain. Each is one expression of vectors; a macro makes
 * the loop around it. `a`, `b`, `c` are the sources, `p` and `q` the arguments. */
#include "base/special.h"
#include "cpu/core/elem_tile.h"
#include "cpu/core/vecmath.h"

/* ---- the loops ------------------------------------------------------------------------------------------------- */

/* Full vectors, then the rest with loads and stores that stop at n. Unused sources cost nothing: the compiler drops
 * what an expression does not mention. A source whose `goes` is 0 is one vector for all elements. */
#define LOOP(name, load_full, load_rest, ...)                                                                          \
    static void tile_##name(cpu_elem_call *t)                                                                          \
    {                                                                                                                  \
        const cpu_vf p = cpu_vf_set1((float)t->arg[0]), q = cpu_vf_set1((float)t->arg[1]);                             \
        const float *pa = t->src[0], *pb = t->src[1], *pc = t->src[2];                                                 \
        float *d = t->dst;                                                                                             \
        const int64_t n = t->n, ga = t->goes[0], gb = t->goes[1], gc = t->goes[2];                                     \
        int64_t i = 0;                                                                                                 \
        (void)p, (void)q, (void)pa, (void)pb, (void)pc, (void)ga, (void)gb, (void)gc;                                  \
        for (; i + CPU_VF <= n; i += CPU_VF) {                                                                         \
            load_full;                                                                                                 \
            cpu_vf_store(d + i, (__VA_ARGS__));                                                                        \
        }                                                                                                              \
        if (i < n) {                                                                                                   \
            const int64_t m = n - i;                                                                                   \
            load_rest;                                                                                                 \
            cpu_vf_store_n(d + i, (__VA_ARGS__), m);                                                                   \
        }                                                                                                              \
    }
#define FULL1 const cpu_vf a = cpu_vf_load(pa + i)
#define FULL2 const cpu_vf a = cpu_vf_load(pa + (i & ga)), b = cpu_vf_load(pb + (i & gb))
#define FULL3 FULL2, c = cpu_vf_load(pc + (i & gc))
#define REST1 const cpu_vf a = cpu_vf_load_n(pa + i, m)
#define REST2 const cpu_vf a = cpu_vf_load_n(pa + (i & ga), m), b = cpu_vf_load_n(pb + (i & gb), m)
#define REST3 REST2, c = cpu_vf_load_n(pc + (i & gc), m)
#define OP1(name, ...) LOOP(name, FULL1, REST1, __VA_ARGS__)
#define OP2(name, ...) LOOP(name, FULL2, REST2, __VA_ARGS__)
#define OP3(name, ...) LOOP(name, FULL3, REST3, __VA_ARGS__)

/* One element after the other, for what has no vector form. */
#define EACH1(name, expression)                                                                                        \
    static void tile_##name(cpu_elem_call *t)                                                                          \
    {                                                                                                                  \
        const float *pa = t->src[0];                                                                                   \
        float *d = t->dst;                                                                                             \
        for (int64_t i = 0; i < t->n; i++) {                                                                           \
            const float a = pa[i];                                                                                     \
            d[i] = (expression);                                                                                       \
        }                                                                                                              \
    }
#define EACH2(name, expression)                                                                                        \
    static void tile_##name(cpu_elem_call *t)                                                                          \
    {                                                                                                                  \
        const float *pa = t->src[0], *pb = t->src[1];                                                                  \
        float *d = t->dst;                                                                                             \
        for (int64_t i = 0; i < t->n; i++) {                                                                           \
            const float a = pa[i & t->goes[0]], b = pb[i & t->goes[1]];                                                \
            d[i] = (expression);                                                                                       \
        }                                                                                                              \
    }

CPU_INLINE cpu_vf zero(void)
{
    return (cpu_vf){0};
}

CPU_INLINE cpu_vf one(void)
{
    return cpu_vf_set1(1);
}

/* 1.0f where a comparison holds. */
CPU_INLINE cpu_vf truth(cpu_vm m)
{
    return cpu_vf_pick(m, one(), zero());
}

#define PICK cpu_vf_pick
#define LT cpu_vf_lt
#define LE cpu_vf_le
#define EQ cpu_vf_eq
#define NE cpu_vf_ne

/* ---- constants and conversions --------------------------------------------------------------------------------- */

LOOP(const, , , p)
OP1(copy, a)
OP1(round_bf16, cpu_vf_of_bf16(cpu_bf16_of_vf(a)))
OP1(round_f16, cpu_vf_of_f16(cpu_f16_of_vf(a)))
OP1(to_bool, truth(NE(a, zero())))

static void tile_to_f64(cpu_elem_call *t)
{
    const float *a = t->src[0];
    double *d = t->dst;
    for (int64_t i = 0; i < t->n; i++)
        d[i] = a[i];
}

static void tile_to_i64(cpu_elem_call *t)
{
    const float *a = t->src[0];
    int64_t *d = t->dst;
    for (int64_t i = 0; i < t->n; i++)
        d[i] = cpu_elem_i64_of((double)a[i]);
}

/* ---- arithmetic ------------------------------------------------------------------------------------------------ */

CPU_INLINE cpu_vf lower(cpu_vf a, cpu_vf b)
{
    return PICK(NE(a, a), a, cpu_vf_min(a, b)); /* cpu_vf_min keeps the NaN of b */
}

CPU_INLINE cpu_vf upper(cpu_vf a, cpu_vf b)
{
    return PICK(NE(a, a), a, cpu_vf_max(a, b));
}

CPU_INLINE float remainder_of(float a, float b)
{
    float r = fmodf(a, b);
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

/* By way of the rest, which is exact: a / b itself may be rounded up to a whole number. */
CPU_INLINE float floor_quotient(float a, float b)
{
    float r = fmodf(a, b), q = rintf((a - r) / b);
    if (b == 0)
        return a / b;
    return r != 0 && (r < 0) != (b < 0) ? q - 1 : q;
}

OP2(add, a + b)
OP2(sub, a - b)
OP2(mul, a *b)
OP2(div, a / b)
OP2(min, lower(a, b))
OP2(max, upper(a, b))
OP3(fma, cpu_vf_fma(a, b, c))
OP1(neg, -a)
OP1(abs, cpu_vf_abs(a))
OP1(sign, truth(LT(zero(), a)) - truth(LT(a, zero())))
OP1(square, a *a)
OP1(reciprocal, 1.0f / a)
OP1(sqrt, cpu_vf_sqrt(a))
OP1(rsqrt, 1.0f / cpu_vf_sqrt(a))
OP1(clamp, cpu_vf_min(q, cpu_vf_max(p, a)))
OP1(floor, cpu_vf_floor(a))
OP1(ceil, cpu_vf_ceil(a))
OP1(round, cpu_vf_rint(a))
OP1(trunc, cpu_vf_trunc(a))
EACH2(fmod, fmodf(a, b))
EACH2(remainder, remainder_of(a, b))
EACH2(floor_div, floor_quotient(a, b))
OP2(pow, cpu_vf_pow(a, b))

/* ---- comparisons and logic ------------------------------------------------------------------------------------- */

OP2(eq, truth(EQ(a, b)))
OP2(ne, truth(NE(a, b)))
OP2(lt, truth(LT(a, b)))
OP2(le, truth(LE(a, b)))
OP2(gt, truth(LT(b, a)))
OP2(ge, truth(LE(b, a)))
OP2(logical_and, truth(NE(a, zero()) & NE(b, zero())))
OP2(logical_or, truth(NE(a, zero()) | NE(b, zero())))
OP2(logical_xor, truth(NE(a, zero()) ^ NE(b, zero())))
OP1(logical_not, truth(EQ(a, zero())))
OP3(where, PICK(NE(a, zero()), b, c))
OP1(isfinite, truth(LT(cpu_vf_abs(a), cpu_vf_set1(INFINITY))))
OP1(isnan, truth(NE(a, a)))
OP1(isinf, truth(EQ(cpu_vf_abs(a), cpu_vf_set1(INFINITY))))

/* ---- functions ------------------------------------------------------------------------------------------------- */

OP1(exp, cpu_vf_exp(a))
OP1(exp2, cpu_vf_exp2(a))
OP1(expm1, cpu_vf_expm1(a))
OP1(log, cpu_vf_log(a))
OP1(log2, cpu_vf_log2(a))
OP1(log10, cpu_vf_log10(a))
OP1(log1p, cpu_vf_log1p(a))
OP1(erf, cpu_vf_erf(a))
OP1(sin_of_moderate, cpu_vf_sin_quarters(a, 0))
OP1(cos_of_moderate, cpu_vf_sin_quarters(a, 1))
OP1(tan_of_moderate, cpu_vf_tan_moderate(a))
OP1(asin, cpu_vf_asin(a))
OP1(acos, cpu_vf_acos(a))
OP1(atan, cpu_vf_atan(a))
OP2(atan2, cpu_vf_atan2(a, b))
OP1(sinh, cpu_vf_sinh(a))
OP1(cosh, cpu_vf_cosh(a))
OP1(asinh, cpu_vf_asinh(a))
OP1(acosh, cpu_vf_acosh(a))
OP1(atanh, cpu_vf_atanh(a))
OP1(erfc, cpu_vf_erfc(a))
EACH1(erfinv, (float)base_erfinv((double)a))
EACH1(lgamma, (float)base_lgamma((double)a))
EACH1(digamma, (float)base_digamma((double)a))
OP2(hypot, cpu_vf_hypot(a, b))

CPU_INLINE cpu_vf over_root(cpu_vf a, cpu_vf b, cpu_vf s, cpu_vf eps)
{
    const cpu_vf root = PICK(LT(b, zero()), cpu_vf_set1(NAN), cpu_vf_sqrt_near(b)), spread = cpu_vf_fma(root, s, eps);
    const cpu_vf part = PICK(EQ(spread, zero()), cpu_vf_set1(INFINITY), cpu_vf_reciprocal_near(spread));
    return a * PICK(EQ(cpu_vf_abs(spread), cpu_vf_set1(INFINITY)), zero(), part);
}

OP3(over_root, over_root(a, b, c, p))
OP2(approach, cpu_vf_fma(p, b - a, a))
OP2(mix_square, cpu_vf_fma(q, b *b, a *p))

/* Sine, cosine and tangent of tiles with huge arguments, which are rare, go through C's functions. */
static bool has_huge(const float *a, int64_t n)
{
    cpu_vi huge = {0};
    int64_t i = 0;
    const cpu_vf limit = cpu_vf_set1(CPU_TRIG_LIMIT);
    for (; i + CPU_VF <= n; i += CPU_VF)
        huge |= cpu_vf_abs(cpu_vf_load(a + i)) > limit;
    if (i < n)
        huge |= cpu_vf_abs(cpu_vf_load_n(a + i, n - i)) > limit;
    int32_t any = 0;
    for (int k = 0; k < CPU_VF; k++)
        any |= huge[k];
    return any != 0;
}

static void trig(cpu_elem_call *t, cpu_elem_tile moderate, float (*any)(float))
{
    const float *a = t->src[0];
    float *d = t->dst;
    if (!has_huge(a, t->n)) {
        moderate(t);
        return;
    }
    for (int64_t i = 0; i < t->n; i++)
        d[i] = any(a[i]);
}

static void tile_sin(cpu_elem_call *t)
{
    trig(t, tile_sin_of_moderate, sinf);
}

static void tile_cos(cpu_elem_call *t)
{
    trig(t, tile_cos_of_moderate, cosf);
}

static void tile_tan(cpu_elem_call *t)
{
    trig(t, tile_tan_of_moderate, tanf);
}

/* ---- activations ----------------------------------------------------------------------------------------------- */

/* log(1 + exp(p a)) / p without overflow. */
CPU_INLINE cpu_vf softplus(cpu_vf a, cpu_vf p, cpu_vf q)
{
    cpu_vf z = p * a, y = cpu_vf_max(zero(), z) + cpu_vf_log1p_unit(cpu_vf_exp_below(-cpu_vf_abs(z)));
    return PICK(LT(q, z), a, y * (1.0f / p));
}

/* sigmoid(z) and, through `slope`, its derivative, both with small relative error on either side. */
CPU_INLINE cpu_vf sigmoid_parts(cpu_vf z, cpu_vf *slope)
{
    cpu_vf e = cpu_vf_exp_below(-cpu_vf_abs(z)), r = 1.0f / (1.0f + e), er = e * r;
    *slope = er * r;
    return PICK(LT(z, zero()), er, r);
}

/* The tanh form of GELU is a * sigmoid(2 u) with u = sqrt(2 / pi) (a + 0.044715 a^3). */
CPU_INLINE cpu_vf gelu_gate_argument(cpu_vf a)
{
    return a * cpu_vf_fma(a * a, cpu_vf_set1(0x1.2444f2p-4f), cpu_vf_set1(0x1.988454p+0f));
}

CPU_INLINE cpu_vf gelu_tanh_slope(cpu_vf a)
{
    cpu_vf slope, s = sigmoid_parts(gelu_gate_argument(a), &slope);
    cpu_vf inner = cpu_vf_fma(a * a, cpu_vf_set1(0x1.b6676cp-3f), cpu_vf_set1(0x1.988454p+0f));
    return cpu_vf_fma(a * inner, slope, s);
}

CPU_INLINE cpu_vf gelu_slope(cpu_vf a)
{
    cpu_vf density = cpu_vf_exp_below(a * a * -0.5f) * 0x1.988454p-2f;
    return cpu_vf_fma(a, density, cpu_vf_normal_cdf(a));
}

CPU_INLINE cpu_vf silu_slope(cpu_vf a)
{
    cpu_vf slope, s = sigmoid_parts(a, &slope);
    return cpu_vf_fma(a, slope, s);
}

OP1(tanh, cpu_vf_tanh(a))
OP1(sigmoid, cpu_vf_sigmoid(a))
OP1(relu, cpu_vf_max(zero(), a))
OP1(leaky_relu, PICK(LT(zero(), a), a, p *a))
OP1(elu, PICK(LT(zero(), a), a, p *cpu_vf_expm1(a)))
OP1(softplus, softplus(a, p, q))
OP1(silu, a / (1.0f + cpu_vf_exp(-a)))
OP1(gelu, a *cpu_vf_normal_cdf(a))
OP1(gelu_half, a *cpu_vf_normal_cdf_half(a))
OP1(gelu_tanh, a *cpu_vf_sigmoid(gelu_gate_argument(a)))

OP2(relu_grad, PICK(LT(zero(), b), a, zero()))
OP2(hardtanh_grad, PICK(LT(p, b), PICK(LT(b, q), a, zero()), zero()))
OP2(sigmoid_grad, a *(b *(1.0f - b)))
OP2(tanh_grad, a *(1.0f - b * b))
OP2(leaky_relu_grad, PICK(LT(zero(), b), a, p *a))
OP2(elu_grad, PICK(LT(zero(), b), a, a *p *cpu_vf_exp(b)))
OP2(softplus_grad, PICK(LT(q, p *b), a, a *cpu_vf_sigmoid(p *b)))
OP2(silu_grad, a *silu_slope(b))
OP2(gelu_grad, a *gelu_slope(b))
OP2(gelu_tanh_grad, a *gelu_tanh_slope(b))

/* ---- the table ------------------------------------------------------------------------------------------------- */

#define HAS(name) [CPU_ELEM_##name] = tile_##name
const cpu_elem_tile CPU_NAME(cpu_elem_f32)[CPU_ELEM_COUNT] = {HAS(const),
                                                              [CPU_ELEM_uniform] = CPU_NAME(cpu_elem_uniform),
                                                              [CPU_ELEM_dropout_mask] = CPU_NAME(cpu_elem_dropout),
                                                              HAS(copy),
                                                              HAS(round_bf16),
                                                              HAS(round_f16),
                                                              HAS(to_bool),
                                                              HAS(to_f64),
                                                              HAS(to_i64),
                                                              [CPU_ELEM_to_f32] = tile_copy,
                                                              [CPU_ELEM_round_f32] = tile_copy,
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
                                                              HAS(gelu_half),
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
