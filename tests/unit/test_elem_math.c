/* Every operator of the tile engine in every domain against C's functions in double (f32) or long double (f64), at special
 * values and at random ones, on every instruction set that runs here. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/core/elem.h"

typedef long double real;

/* ---- references ------------------------------------------------------------------------------------------------ */

#define REF(name, ...)                                                                                                 \
    static real ref_##name(real a, real b, real c, real p, real q)                                                     \
    {                                                                                                                  \
        (void)a, (void)b, (void)c, (void)p, (void)q;                                                                   \
        return (__VA_ARGS__);                                                                                          \
    }
#define TRUTH(condition) ((condition) ? 1.0L : 0.0L)

static real sigmoid(real x)
{
    return 1 / (1 + expl(-x));
}

static real cdf(real x)
{
    return 0.5L * erfcl(-x * 0.70710678118654752440L);
}

static real density(real x)
{
    return expl(-0.5L * x * x) * 0.39894228040143267794L;
}

static real gate(real x)
{
    return sigmoid(2 * 0.79788456080286535588L * (x + 0.044715L * x * x * x));
}

static real gate_slope(real x)
{
    real s = gate(x);
    return s + x * s * (1 - s) * 2 * 0.79788456080286535588L * (1 + 3 * 0.044715L * x * x);
}

static real rem(real a, real b)
{
    real r = fmodl(a, b);
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

REF(const, p)
REF(copy, a)
REF(add, a + b)
REF(sub, a - b)
REF(mul, a *b)
REF(div, a / b)
REF(fmod, fmodl(a, b))
REF(remainder, rem(a, b))
REF(pow, powl(a, b))
REF(min, a != a || b != b ? NAN : a < b ? a : b)
REF(max, a != a || b != b ? NAN : a > b ? a : b)
REF(fma, a *b + c)
REF(neg, -a)
REF(abs, fabsl(a))
REF(sign, a > 0 ? 1 : a < 0 ? -1 : 0)
REF(square, a *a)
REF(reciprocal, 1 / a)
REF(sqrt, sqrtl(a))
REF(rsqrt, 1 / sqrtl(a))
REF(clamp, a != a ? a : fminl(fmaxl(a, p), q))
REF(floor, floorl(a))
REF(ceil, ceill(a))
REF(round, rintl(a))
REF(trunc, truncl(a))
REF(to_bool, TRUTH(a != 0))
REF(eq, TRUTH(a == b))
REF(ne, TRUTH(a != b))
REF(lt, TRUTH(a < b))
REF(le, TRUTH(a <= b))
REF(gt, TRUTH(a > b))
REF(ge, TRUTH(a >= b))
REF(logical_and, TRUTH(a != 0 && b != 0))
REF(logical_or, TRUTH(a != 0 || b != 0))
REF(logical_xor, TRUTH((a != 0) != (b != 0)))
REF(logical_not, TRUTH(a == 0))
REF(where, a != 0 ? b : c)
REF(isfinite, TRUTH(isfinite(a)))
REF(isnan, TRUTH(a != a))
REF(isinf, TRUTH(isinf(a)))
REF(exp, expl(a))
REF(exp2, exp2l(a))
REF(expm1, expm1l(a))
REF(log, logl(a))
REF(log2, log2l(a))
REF(log10, log10l(a))
REF(log1p, log1pl(a))
REF(sin, sinl(a))
REF(cos, cosl(a))
REF(tan, tanl(a))
REF(asin, asinl(a))
REF(acos, acosl(a))
REF(atan, atanl(a))
REF(atan2, atan2l(a, b))
REF(sinh, sinhl(a))
REF(cosh, coshl(a))
REF(asinh, asinhl(a))
REF(acosh, acoshl(a))
REF(atanh, atanhl(a))
REF(erf, erfl(a))
REF(erfc, erfcl(a))
REF(hypot, hypotl(a, b))
REF(tanh, tanhl(a))
REF(sigmoid, sigmoid(a))
REF(relu, a < 0 ? 0 : a)
REF(leaky_relu, a > 0 ? a : p * a)
REF(elu, a > 0 ? a : p * expm1l(a))
REF(softplus, p *a > q ? a : log1pl(expl(p * a)) / p)
REF(silu, a / (1 + expl(-a)))
REF(gelu, a *cdf(a))
REF(gelu_half, a *cdf(a))
REF(gelu_tanh, a *gate(a))
REF(relu_grad, b > 0 ? a : 0)
REF(sigmoid_grad, a *b *(1 - b))
REF(tanh_grad, a *(1 - b * b))
REF(leaky_relu_grad, b > 0 ? a : p * a)
REF(elu_grad, b > 0 ? a : a * p * expl(b))
REF(softplus_grad, p *b > q ? a : a * sigmoid(p * b))
REF(silu_grad, a *(sigmoid(b) * (1 + b * (1 - sigmoid(b)))))
REF(gelu_grad, a *(cdf(b) + b * density(b)))
REF(gelu_tanh_grad, a *gate_slope(b))

/* What a, b may be: all finite and special values, or only moderate ones where the sum that makes the result cancels and
 * the bound is relative to the size of the terms. */
typedef struct row {
    const char *name;
    real (*ref)(real, real, real, real, real);
    double ulp32, ulp64; /* units in the last place of max(|reference|, scale * size); 0: exact */
    double scale;        /* size is |a| (+ |a b| for gradients) */
    double p, q;
} row;

#define R(name, ulp32, ulp64, ...)                                                                                     \
    {                                                                                                                  \
#name, ref_##name, ulp32, ulp64, __VA_ARGS__                                                                   \
    }
static const row rows[] = {
    R(const, 0.5, 0.5, .p = 0.1),
    R(copy, 0, 0),
    R(add, 0.5, 0.5),
    R(sub, 0.5, 0.5),
    R(mul, 0.5, 0.5),
    R(div, 0.5, 0.5),
    R(fmod, 0, 0),
    R(remainder, 0.5, 0.5),
    R(pow, 2, 1),
    R(min, 0, 0),
    R(max, 0, 0),
    R(fma, 1, 1, .scale = 1),
    R(neg, 0, 0),
    R(abs, 0, 0),
    R(sign, 0, 0),
    R(square, 0.5, 0.5),
    R(reciprocal, 0.5, 0.5),
    R(sqrt, 0.5, 0.5),
    R(rsqrt, 1.5, 1.5),
    R(clamp, 0.5, 0.5, .p = -1.5, .q = 6),
    R(floor, 0, 0),
    R(ceil, 0, 0),
    R(round, 0, 0),
    R(trunc, 0, 0),
    R(to_bool, 0, 0),
    R(eq, 0, 0),
    R(ne, 0, 0),
    R(lt, 0, 0),
    R(le, 0, 0),
    R(gt, 0, 0),
    R(ge, 0, 0),
    R(logical_and, 0, 0),
    R(logical_or, 0, 0),
    R(logical_xor, 0, 0),
    R(logical_not, 0, 0),
    R(where, 0, 0),
    R(isfinite, 0, 0),
    R(isnan, 0, 0),
    R(isinf, 0, 0),
    R(exp, 2, 1),
    R(exp2, 2, 1),
    R(expm1, 3, 1),
    R(log, 2, 1),
    R(log2, 2, 1.5),
    R(log10, 2, 1.5),
    R(log1p, 3, 1),
    R(sin, 2, 1),
    R(cos, 2, 1),
    R(tan, 3, 1),
    R(asin, 2, 1),
    R(acos, 2, 1),
    R(atan, 2, 1),
    R(atan2, 2, 1),
    R(sinh, 2, 2),
    R(cosh, 2, 2),
    R(asinh, 2, 2),
    R(acosh, 3, 2),
    R(atanh, 2, 2),
    R(erf, 3, 1),
    R(erfc, 3, 3),
    R(hypot, 2, 1),

    R(tanh, 4, 2),
    R(sigmoid, 4, 3),
    R(relu, 0, 0),
    R(leaky_relu, 1, 0.5, .p = 0.0625),
    R(elu, 4, 2, .p = 1.5),
    R(softplus, 4, 4, .p = 2, .q = 20),
    R(silu, 4, 3),
    R(gelu, 4, 5, .scale = 0.5),
    R(gelu_half, 4096, 0, .scale = 0x1p-10),
    R(gelu_tanh, 4, 6, .scale = 0x1p-4),
    R(relu_grad, 0, 0),
    R(sigmoid_grad, 3, 3, .scale = 1),
    R(tanh_grad, 3, 3, .scale = 1),
    R(leaky_relu_grad, 1, 0.5, .p = 0.0625),
    R(elu_grad, 4, 2, .p = 1.5),
    R(softplus_grad, 5, 4, .p = 2, .q = 20),
    R(silu_grad, 6, 6, .scale = 0.125),
    R(gelu_grad, 4, 6, .scale = 0.5),
    R(gelu_tanh_grad, 8, 8, .scale = 0.125),
};

/* ---- inputs ---------------------------------------------------------------------------------------------------- */

enum { COUNT = 6000 };
#define TINY 0x1p-118 /* f32 results below it may be off by as much */

static uint64_t state = 88172645463325252u;
static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static double uniform(double low, double high)
{
    return low + (high - low) * ((double)(next() >> 11) * 0x1p-53);
}

static const double specials[] = {
    0.0,       -0.0,  1,    -1,    2,          -2,         0.5,       -0.5,       3,         -3,
    1.5,       2.5,   -2.5, -1.5,  INFINITY,   -INFINITY,  NAN,       88.5,       89.5,      -87,
    -88,       -104,  -150, 127.5, 128,        -126,       1e-7,      -1e-7,      1e-20,     -1e-20,
    1e20,      -1e20, 3e38, -3e38, 1e-30,      -1e-30,     0x1p23,    0x1p24,     -0x1p22,   8388607.5,
    4194303.5, 1e5,   -1e5, 1e9,   3.14159265, 1.57079633, 6.2831853, 0.99999994, 1.0000001, 10,
    -10,       20,    -20,  5.9,   -5.9,       8.4,        -8.4,      8.6,        -8.6};
enum { SPECIALS = sizeof specials / sizeof *specials };

/* A mixture of ranges: near zero, moderate, and every exponent. */
static double draw(int i)
{
    switch (i % 6) {
    case 0: return uniform(-1, 1);
    case 1: return uniform(-10, 10);
    case 2: return uniform(-100, 100);
    case 3: return ldexp(uniform(-2, 2), (int)(next() % 250) - 125);
    case 4: return (double)((int)(next() % 41) - 20);
    default: return ldexp(uniform(-2, 2), (int)(next() % 24) - 20);
    }
}

static void fill(double *a, double *b, double *c)
{
    state = 88172645463325252u;
    for (int i = 0; i < COUNT; i++) {
        int s = i - 64;
        bool special = s >= 0 && s < SPECIALS * SPECIALS;
        a[i] = (float)(special ? specials[s / SPECIALS] : draw(i));
        b[i] = (float)(special ? specials[s % SPECIALS] : draw(i / 6));
        c[i] = (float)(special ? specials[s % 7] : draw(i / 36));
    }
}

/* ---- one operator ---------------------------------------------------------------------------------------------- */

static void run_one(const char *name, int n, tn_dtype dtype, cpu_isa isa, const void *const in[3], void *out, double p,
                    double q)
{
    base_arena arena = {0};
    base_error error = {0};
    cpu_domain domain = cpu_domain_of(dtype);
    const cpu_elem_fn *fn = cpu_elem_find(name);
    assert_non_null(fn);
    cpu_elem_operand o[3], result = {dtype, domain, {1}};
    for (int i = 0; i < 3; i++)
        o[i] = result;
    cpu_elem_instr instr = {.fn = fn, .domain = domain, .src = {0, 1, 2}, .arg = {p, q}, .iarg = (int64_t)p};
    int reg = fn->arity;
    cpu_elem_desc d = {.rank = 1,
                       .dims = {n},
                       .n_in = fn->arity,
                       .in = o,
                       .n_out = 1,
                       .out = &result,
                       .out_reg = &reg,
                       .n_instr = 1,
                       .instr = &instr};
    cpu_elem *e = cpu_elem_new(&arena, &d, isa, 1, &error);
    if (!e)
        fail_msg("%s", error.text);
    void *scratch = malloc(cpu_elem_scratch(e));
    void *outs[1] = {out};
    cpu_elem_run(e, in, outs, scratch, NULL);
    free(scratch);
    base_arena_free(&arena);
}

/* The distance of got from want in units in the last place of a format of `digits` bits and least exponent `low`. */
static double distance(double got, real want, real size, int digits, int low)
{
    if (want != want || got != got)
        return (want != want) == (got != got) ? 0 : INFINITY;
    if ((real)got == want)
        return 0;
    real most = digits == 24 ? (real)FLT_MAX : (real)DBL_MAX;
    if (isinf(got) && fabsl(want) >= most)
        return (got > 0) == (want > 0) ? 0 : INFINITY;
    if (isinf(want) || isinf(got)) {
        if (isinf(want) && fabsl((real)got) >= most)
            return 1;
        return INFINITY;
    }
    int e;
    (void)frexpl(fabsl(want) > size ? want : size, &e);
    if (e < low)
        e = low;
    return (double)(fabsl((real)got - want) / ldexpl(1, e - digits));
}

static bool has_tiny(double a, double least)
{
    return a != 0 && fabs(a) < least;
}

/* Gradients are asked for where their arguments can be: moderate ones, results of a sigmoid or tanh within [-1, 1]. */
static bool outside(const row *r, double a, double b)
{
    if (!strstr(r->name, "_grad") || r->ulp32 == 0)
        return false;
    bool result = strncmp(r->name, "sigmoid", 7) == 0 || strncmp(r->name, "tanh", 4) == 0;
    return fabs(a) > 200 || (a != 0 && fabs(a) < 1e-9) || fabs(b) > (result ? 1 : 1e9);
}

/* What the bound is relative to where that is not the result: the terms that it is the sum of. */
static real size_of(const row *r, real a, real b, real c)
{
    real size = r->scale * fabsl(a);
    if (r->scale == 1)
        size = fabsl(a) * (1 + fabsl(b) + b * b) + fabsl(c);
    return size == size ? size : 0;
}

static double worst_f32(const row *r, cpu_isa isa, const double *a, const double *b, const double *c)
{
    static float fa[COUNT], fb[COUNT], fc[COUNT], out[COUNT];
    for (int i = 0; i < COUNT; i++) {
        fa[i] = (float)a[i];
        fb[i] = (float)b[i];
        fc[i] = (float)c[i];
    }
    const void *in[3] = {fa, fb, fc};
    run_one(r->name, COUNT, TN_F32, isa, in, out, r->p, r->q);
    double worst = 0;
    for (int i = 0; i < COUNT; i++) {
        if (outside(r, a[i], b[i]) || has_tiny(a[i], FLT_MIN) || has_tiny(b[i], FLT_MIN) || has_tiny(c[i], FLT_MIN))
            continue;
        real want = r->ref(a[i], b[i], c[i], r->p, r->q), size = size_of(r, a[i], b[i], c[i]);
        double d = distance(out[i], want, size, 24, -125);
        if (fabsl(want) < TINY && fabs((double)out[i]) <= TINY)
            d = 0; /* flushed, or made of flushed terms */
        if (!(d <= r->ulp32) && d > worst)
            print_message("%s %s(%.9g, %.9g, %.9g) = %.9g, not %.9Lg: %g ulp\n", cpu_isa_name(isa), r->name, a[i], b[i],
                          c[i], (double)out[i], want, d);
        if (!(d <= worst))
            worst = d;
    }
    return worst;
}

static double worst_f64(const row *r, cpu_isa isa, const double *a, const double *b, const double *c)
{
    static double out[COUNT];
    const void *in[3] = {a, b, c};
    run_one(r->name, COUNT, TN_F64, isa, in, out, r->p, r->q);
    double worst = 0;
    for (int i = 0; i < COUNT; i++) {
        if (outside(r, a[i], b[i]))
            continue;
        real want = r->ref(a[i], b[i], c[i], r->p, r->q), size = size_of(r, a[i], b[i], c[i]);
        double d = distance(out[i], want, size, 53, -1021);
        if (fabsl(want) < DBL_MIN && fabs(out[i]) <= 1.0001 * DBL_MIN)
            d = 0;
        if (!(d <= r->ulp64) && d > worst)
            print_message("%s %s(%.17g, %.17g, %.17g) = %.17g, not %.17Lg: %g ulp\n", cpu_isa_name(isa), r->name, a[i],
                          b[i], c[i], out[i], want, d);
        if (!(d <= worst))
            worst = d;
    }
    return worst;
}

static void test_floats(void **unused)
{
    (void)unused;
    static double a[COUNT], b[COUNT], c[COUNT];
    fill(a, b, c);
    int bad = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (cpu_isa isa = CPU_PORTABLE; isa <= CPU_AVX512 && isa <= cpu_isa_best(); isa++) {
            const bool has = cpu_elem_has(cpu_elem_find(rows[i].name), CPU_F64);
            double w32 = worst_f32(&rows[i], isa, a, b, c), w64 = has ? worst_f64(&rows[i], isa, a, b, c) : 0;
            if (getenv("VERBOSE"))
                print_message("%-16s %-9s %8.3g %8.3g\n", rows[i].name, cpu_isa_name(isa), w32, w64);
            bad += !(w32 <= rows[i].ulp32 + 1e-3) + !(w64 <= rows[i].ulp64 + 1e-3);
        }
    assert_int_equal(bad, 0);
}

/* ---- where functions bend ----------------------------------------------------------------------------------------- */

static const row *row_of(const char *name)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    fail_msg("no row '%s'", name);
    return NULL;
}

/* Half of the points lie evenly in the range, half by their exponents from its lower end on; both signs where the range has them. No
 * tile has an argument that is huge, as those take another way. */
static double range_point(int i, double low, double high)
{
    if (i % 2)
        return uniform(low, high);
    double end = low < 0 || low >= 1 ? 0x1p-30 : low, most = high - (low >= 1 ? low : 0);
    double v = end * pow(most / end, uniform(0, 1));
    return low >= 1 ? low + v : low < 0 && next() % 2 ? -v : v;
}

static void test_ranges(void **unused)
{
    (void)unused;
    static const struct {
        const char *name;
        double low, high;
    } range[] = {{"sin", -1e5, 1e5}, {"cos", -1e5, 1e5},  {"tan", -1e5, 1e5}, {"tan", -2, 2},     {"asin", -1, 1},
                 {"acos", -1, 1},    {"atan", -50, 50},   {"sinh", -88, 88},  {"sinh", -2, 2},    {"cosh", -88, 88},
                 {"asinh", -9, 9},   {"asinh", 1e3, 1e9}, {"acosh", 1, 9},    {"acosh", 1, 1e9},  {"atanh", -1, 1},
                 {"erfc", -4, 4},    {"erfc", 3, 9},      {"atan2", -3, 3},   {"hypot", -50, 50}, {"erf", -4, 4}};
    static double a[COUNT], b[COUNT], c[COUNT];
    int bad = 0;
    for (size_t k = 0; k < 5 * sizeof range / sizeof *range; k++) {
        const row *r = row_of(range[k / 5].name);
        for (int i = 0; i < COUNT; i++) {
            a[i] = (float)range_point(i, range[k / 5].low, range[k / 5].high);
            b[i] = (float)range_point(i / 3, range[k / 5].low, range[k / 5].high);
        }
        for (cpu_isa isa = CPU_PORTABLE; isa <= CPU_AVX512 && isa <= cpu_isa_best(); isa++) {
            double worst = worst_f32(r, isa, a, b, c);
            if (getenv("VERBOSE"))
                print_message("%-16s %-9s %8.3g\n", r->name, cpu_isa_name(isa), worst);
            bad += !(worst <= r->ulp32 + 1e-3);
        }
    }
    assert_int_equal(bad, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_floats), cmocka_unit_test(test_ranges)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
