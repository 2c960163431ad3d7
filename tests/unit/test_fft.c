/* Fourier transforms of core/fft.h: every instruction set, way and kind against sums in double, there and back again at large sizes,
 * and neighbours that must not meet. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/core/fft.h"
#include "op/scheme/fft.h"

/* A plan with its memory; numbers are doubles here whatever they are there. */
typedef struct transform {
    cpu_fft_plan p;
    base_arena arena;
    const cpu_fft_fns *fns;
    bool f64;
} transform;

static void *room(size_t bytes)
{
    void *p = aligned_alloc(64, (bytes + 127) / 64 * 64);
    assert_non_null(p);
    memset(p, 0x7f, (bytes + 127) / 64 * 64);
    return p;
}

static void transform_open(transform *t, cpu_isa isa, bool f64, cpu_fft_plan like)
{
    *t = (transform){.p = like, .fns = cpu_fft_fns_of(isa, f64), .f64 = f64};
    assert_true(cpu_fft_prepare(&t->p, isa, f64, &t->arena));
}

static void put(const transform *t, void *to, int64_t i, double v)
{
    if (t->f64)
        ((double *)to)[i] = v;
    else
        ((float *)to)[i] = (float)v;
}
static double get(const transform *t, const void *from, int64_t i)
{
    return t->f64 ? ((const double *)from)[i] : (double)((const float *)from)[i];
}

static int64_t count_in(const cpu_fft_plan *p)
{
    const int64_t n = p->kind == CPU_FFT_TO_REAL ? p->n / 2 + 1 : p->n;
    return p->outer * p->inner * n * (p->kind == CPU_FFT_FROM_REAL ? 1 : 2);
}
static int64_t count_out(const cpu_fft_plan *p)
{
    const int64_t n = p->kind == CPU_FFT_FROM_REAL ? p->n / 2 + 1 : p->n;
    return p->outer * p->inner * n * (p->kind == CPU_FFT_TO_REAL ? 1 : 2);
}

/* x to y, through memory of exactly the right size. */
static void transform_run(const transform *t, const double *x, double *y)
{
    const size_t size = t->f64 ? sizeof(double) : sizeof(float);
    const int64_t in = count_in(&t->p), out = count_out(&t->p);
    void *a = malloc((size_t)in * size), *b = malloc((size_t)out * size), *scratch = room((size_t)t->p.scratch * size);
    assert_true(a && b);
    for (int64_t i = 0; i < in; i++)
        put(t, a, i, x[i]);
    for (int64_t unit = 0; unit < t->p.units; unit++)
        t->fns->run(&t->p, a, b, unit, scratch);
    for (int64_t i = 0; i < out; i++)
        y[i] = get(t, b, i);
    free(a);
    free(b);
    free(scratch);
}

static void transform_close(transform *t)
{
    base_arena_free(&t->arena);
}

static double *random_numbers(int64_t n)
{
    double *x = malloc((size_t)n * sizeof *x);
    uint64_t seed = 7;
    assert_non_null(x);
    for (int64_t i = 0; i < n; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        x[i] = (double)(float)((double)(seed >> 40) / 0x1p23 - 1);
    }
    return x;
}

/* ---- by definition ----------------------------------------------------------------------------------------------- */

/* Number k of the spectrum of column (o, i), or number k of the signal; turns: all of the circle. */
static void by_definition(const cpu_fft_plan *p, const double *turns, const double *x, int64_t o, int64_t i, int64_t k,
                          double value[2])
{
    const int64_t n = p->n, half = n / 2 + 1, has = p->kind == CPU_FFT_TO_REAL ? half : n;
    const bool inverse = p->kind == CPU_FFT_TO_REAL || p->inverse;
    value[0] = value[1] = 0;
    for (int64_t j = 0; j < has; j++) {
        const int64_t at = (o * has + j) * p->inner + i;
        const bool edge = j == 0 || 2 * j == n;
        double re = x[p->kind == CPU_FFT_FROM_REAL ? at : 2 * at],
               im = p->kind == CPU_FFT_FROM_REAL ? 0 : x[2 * at + 1];
        if (p->kind == CPU_FFT_TO_REAL) {
            im = edge ? 0 : im;
            re *= edge ? p->edge : 2;
            im *= 2;
        }
        const double *turn = &turns[2 * (inverse ? j * k % n : (n - j * k % n) % n)];
        value[0] += re * turn[0] - im * turn[1];
        value[1] += re * turn[1] + im * turn[0];
    }
    const double by = p->scale * (p->kind == CPU_FFT_FROM_REAL && (k == 0 || 2 * k == n) ? p->edge : 1);
    value[0] *= by;
    value[1] *= by;
}

/* The sums themselves are rounded, so that f64 is not held to more than some of its bits. */
static double worst_error(const transform *t)
{
    const cpu_fft_plan *p = &t->p;
    double *x = random_numbers(count_in(p)), *y = malloc((size_t)count_out(p) * sizeof *y), worst = 0;
    const int64_t gives = p->kind == CPU_FFT_FROM_REAL ? p->n / 2 + 1 : p->n;
    double *turns = malloc((size_t)p->n * 2 * sizeof *turns);
    assert_true(y && turns);
    for (int64_t i = 0; i < p->n; i++)
        op_fft_turn(i, p->n, &turns[2 * i]);
    transform_run(t, x, y);
    for (int64_t o = 0; o < p->outer; o++)
        for (int64_t k = 0; k < gives; k++)
            for (int64_t i = 0; i < p->inner; i++) {
                const int64_t at = (o * gives + k) * p->inner + i;
                double want[2];
                by_definition(p, turns, x, o, i, k, want);
                if (p->kind == CPU_FFT_TO_REAL) {
                    worst = fmax(worst, fabs(y[at] - want[0]));
                    continue;
                }
                worst = fmax(worst, fmax(fabs(y[2 * at] - want[0]), fabs(y[2 * at + 1] - want[1])));
            }
    free(turns);
    free(x);
    free(y);
    return worst;
}

static void check(cpu_isa isa, bool f64, cpu_fft_plan like)
{
    transform t;
    transform_open(&t, isa, f64, like);
    const double worst = worst_error(&t),
                 bound = (f64 ? 4e-15 : 2.4e-7) * 8 * sqrt((double)like.n + 1) * fabs(like.scale);
    if (!(worst <= bound))
        fail_msg("%s, %s: %lld numbers, kind %d, [%lld, n, %lld], way %d: off by %.3g, more than %.3g",
                 cpu_isa_name(isa), f64 ? "f64" : "f32", (long long)like.n, (int)like.kind, (long long)like.outer,
                 (long long)like.inner, (int)t.p.core.way, worst, bound);
    transform_close(&t);
}

static void lengths_are_right(void **state)
{
    static const int64_t lengths[] = {1,  2,  3,  4,  5,  6,   7,   8,   9,   12,  16,  17,  30,  31,  32,   49,
                                      61, 64, 67, 74, 96, 101, 105, 128, 200, 256, 272, 400, 512, 544, 1009, 1024};
    (void)state;
    for (cpu_isa isa = CPU_PORTABLE; isa <= cpu_isa_best() && isa <= CPU_AVX512; isa++)
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
            for (int k = 0; k < 8; k++) {
                const bool wide = lengths[i] <= 128;
                cpu_fft_plan like = {.kind = (cpu_fft_kind)(k % 4 % 3),
                                     .inverse = k % 4 == 3,
                                     .n = lengths[i],
                                     .outer = wide ? (k % 2 ? 19 : 3) : 1,
                                     .inner = 1,
                                     .scale = 1.5,
                                     .edge = k % 2 ? 1 : 0.5};
                like.edge = like.kind == CPU_FFT_COMPLEX ? 1 : like.edge;
                check(isa, k / 4, like);
                like.inner = wide ? 19 : 2;
                like.outer = 1 + wide;
                check(isa, k / 4, like);
            }
}

/* ---- there and back again ---------------------------------------------------------------------------------------- */

static void large_ones_come_back(void **state)
{
    static const int64_t lengths[] = {16385, 20000, 44100, 44101, 65536};
    (void)state;
    for (int k = 0; k < 20; k++) {
        const int64_t n = lengths[k % 5];
        const bool f64 = k / 5 % 2, real = k >= 10;
        transform there, back;
        cpu_fft_plan p = {.kind = real ? CPU_FFT_FROM_REAL : CPU_FFT_COMPLEX,
                          .n = n,
                          .outer = 1,
                          .inner = n == 20000 || n == 44101 ? 3 : 1,
                          .scale = 1,
                          .edge = 1};
        transform_open(&there, cpu_isa_best(), f64, p);
        p.kind = real ? CPU_FFT_TO_REAL : CPU_FFT_COMPLEX;
        p.inverse = !real;
        p.scale = 1 / (double)n;
        transform_open(&back, cpu_isa_best(), f64, p);
        const int64_t count = count_in(&there.p), spectrum = count_out(&there.p);
        double *x = random_numbers(count), *y = malloc((size_t)spectrum * sizeof *y), *z = random_numbers(count);
        double energy = 0, power = 0, worst = 0;
        assert_non_null(y);
        transform_run(&there, x, y);
        transform_run(&back, y, z);
        for (int64_t i = 0; i < count; i++) {
            worst = fmax(worst, fabs(z[i] - x[i]));
            energy += x[i] * x[i];
        }
        for (int64_t i = 0; i < spectrum; i++) { /* Parseval: halves stand for two */
            const int64_t number = i / 2 / p.inner;
            power += (real && number && 2 * number != n ? 2 : 1) * y[i] * y[i] / (double)n;
        }
        assert_true(worst < (f64 ? 2e-14 : 1e-5));
        assert_true(fabs(power / energy - 1) < (f64 ? 1e-12 : 1e-5));
        free(x);
        free(y);
        free(z);
        transform_close(&there);
        transform_close(&back);
    }
}

/* A transform that holds NaN leaves the bits of its neighbours alone, in whatever way. */
static void neighbours_do_not_meet(void **state)
{
    static const int64_t lengths[] = {7, 60, 67, 400, 512};
    (void)state;
    for (int k = 0; k < 15; k++) {
        const int64_t n = lengths[k % 5];
        cpu_fft_plan p = {.kind = (cpu_fft_kind)(k / 5), .n = n, .outer = 5, .inner = 1, .scale = 1, .edge = 1};
        transform t;
        transform_open(&t, cpu_isa_best(), false, p);
        const int64_t in = count_in(&p), out = count_out(&p);
        double *x = random_numbers(in), *y = random_numbers(out), *z = random_numbers(out);
        transform_run(&t, x, y);
        x[2 * (in / 5)] = (double)NAN;
        transform_run(&t, x, z);
        for (int64_t i = 0; i < out; i++)
            assert_true(i / (out / 5) == 2 || memcmp(&y[i], &z[i], sizeof *y) == 0);
        int found = 0;
        for (int64_t i = 2 * (out / 5); i < 3 * (out / 5); i++)
            found += isnan(z[i]) != 0;
        assert_true(found > out / 10 - 1);
        free(x);
        free(y);
        free(z);
        transform_close(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lengths_are_right), cmocka_unit_test(large_ones_come_back),
                                       cmocka_unit_test(neighbours_do_not_meet)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
