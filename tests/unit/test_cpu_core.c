/* test_cpu_core.c: halves against arithmetic in double, the parallel loop, and what is said about this machine. */
#include "cpu/core/half.h"
#include "cpu/core/isa.h"
#include "cpu/core/par.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- halves ------------------------------------------------------------------------------------------------------ */

/* x rounded to nearest even among numbers with `digits` binary digits, the smallest step being 2^low. */
static double rounded(double x, int digits, int low)
{
    if (x == 0 || !isfinite(x))
        return x;
    int exponent;
    frexp(x, &exponent);
    int step = exponent - digits > low ? exponent - digits : low;
    return ldexp(nearbyint(ldexp(x, -step)), step);
}

static void test_f16(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 0x10000; h++) {
        float x = cpu_f32_of_f16((uint16_t)h);
        if (isnan(x)) {
            assert_true((h & 0x7c00) == 0x7c00 && (h & 0x3ff));
            assert_true(isnan(cpu_f32_of_f16(cpu_f16_of_f32(x))));
            continue;
        }
        assert_int_equal(cpu_f16_of_f32(x), h);
        for (int side = -1; side <= 1; side++) { /* half way to the next number up, and a little beside that */
            if ((h & 0x7fff) >= 0x7bff)
                continue;
            double middle = ((double)x + (double)cpu_f32_of_f16((uint16_t)(h + 1))) / 2;
            float y = (float)(middle * (1 + side * 0x1p-20));
            assert_true((double)cpu_f32_of_f16(cpu_f16_of_f32(y)) == rounded((double)y, 11, -24));
        }
    }
    assert_int_equal(cpu_f16_of_f32(65519.0f), 0x7bff);
    assert_int_equal(cpu_f16_of_f32(65520.0f), 0x7c00);
    assert_int_equal(cpu_f16_of_f32(-INFINITY), 0xfc00);
    assert_int_equal(cpu_f16_of_f32(1e-30f), 0);
}

static void test_bf16(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 0x10000; h++) {
        float x = cpu_f32_of_bf16((uint16_t)h);
        if (isnan(x)) {
            assert_true(isnan(cpu_f32_of_bf16(cpu_bf16_of_f32(x))));
            continue;
        }
        assert_int_equal(cpu_bf16_of_f32(x), h);
        if (!isfinite(x) || (h & 0x7f80) == 0 || (h & 0x7fff) == 0x7f7f)
            continue;
        float y = cpu_f32_of_bits((h << 16) + 0x8000 + h % 3 - 1);
        assert_true((double)cpu_f32_of_bf16(cpu_bf16_of_f32(y)) == rounded((double)y, 8, -200));
    }
    assert_true(isnan(cpu_f32_of_bf16(cpu_bf16_of_f32(cpu_f32_of_bits(0x7f800001u)))));
    assert_int_equal(cpu_bf16_of_f32(3.4e38f), 0x7f80);
}

/* ---- the parallel loop ------------------------------------------------------------------------------------------- */

typedef struct tally {
    int threads;
    atomic_int seen[1000];
    atomic_int bad, subnormals;
} tally;

static void count(void *arg, int64_t chunk, int thread)
{
    tally *t = arg;
    t->seen[chunk]++;
    if (thread < 0 || thread >= t->threads)
        t->bad++;
    volatile float tiny = 1e-38f, result = tiny * 0.01f;
    if (result != 0)
        t->subnormals++;
}

static void test_parallel(void **state)
{
    (void)state;
    static const int threads[] = {1, 2, 3, 7};
    static const int64_t chunks[] = {0, 1, 2, 5, 1000};
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 5; j++) {
            tally *t = calloc(1, sizeof *t);
            assert_non_null(t);
            t->threads = threads[i];
            cpu_parallel(threads[i], chunks[j], count, t);
            for (int64_t c = 0; c < 1000; c++)
                assert_int_equal(t->seen[c], c < chunks[j]);
            assert_int_equal(t->bad, 0);
#if CPU_X86
            assert_int_equal(t->subnormals, 0);
#endif
            free(t);
        }
    volatile float tiny = 1e-38f, result = tiny * 0.01f;
    assert_true(result != 0); /* the caller's own mode is back */
}

static void test_machine(void **state)
{
    (void)state;
    assert_true(cpu_thread_count() >= 1);
    cpu_isa best = cpu_isa_best();
    for (cpu_isa isa = 0; isa < CPU_ISA_END; isa++) {
        cpu_isa back = CPU_ISA_END;
        assert_true(cpu_isa_from_name(cpu_isa_name(isa), &back));
        assert_int_equal(back, isa);
    }
    cpu_isa untouched = best;
    assert_false(cpu_isa_from_name("mmx", &untouched));
    assert_int_equal(untouched, best);
    assert_string_equal(cpu_isa_name(CPU_ISA_END), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_f16), cmocka_unit_test(test_bf16),
                                       cmocka_unit_test(test_parallel), cmocka_unit_test(test_machine)};
    cpu_team *team = cpu_team_new(7);
    (void)cpu_team_enter(team);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    cpu_team_free(team);
    return failed;
}
