/* test_gemv.c: a row times a matrix that was put into order, against sums in double: sizes around whole blocks and parts, both ways
 * through the parts, any number of threads, every instruction set of this machine. */
#include "base/philox.h"
#include "cpu/core/gemv.h"
#include "cpu/core/half.h"
#include "cpu/core/par.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct problem {
    cpu_gemm g;
    float *a, *b, *bias, *packed, *c, *scratch;
} problem;

static float *numbers(int64_t n, base_random *r)
{
    float *x = aligned_alloc(64, (size_t)(n * 4 + 63) / 64 * 64);
    assert_non_null(x);
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)(2 * base_random_f64(r) - 1);
    return x;
}

/* across: B lies [n][k], as a linear layer's weight does; else [k][n]. */
static problem made(cpu_isa isa, int64_t n, int64_t k, bool across, bool narrow, base_random *r)
{
    problem p = {
        .g = {.isa = isa, .dtype = TN_F32, .m = 1, .n = n, .k = k, .a_row = k, .a_col = 1, .c_row = n, .c_col = 1}};
    p.g.narrow = narrow;
    p.g.b_row = across ? 1 : n, p.g.b_col = across ? k : 1;
    p.a = numbers(k, r), p.b = numbers(n * k, r), p.bias = numbers(n, r), p.c = numbers(n + 1, r);
    p.packed = numbers((int64_t)cpu_gemv_packed_size(&p.g) / 4, r);
    p.scratch = numbers((int64_t)cpu_gemv_scratch(&p.g) / 4, r);
    cpu_gemv_pack(&p.g, p.b, p.packed);
    return p;
}

static void put_away(problem *p)
{
    free(p->a), free(p->b), free(p->bias), free(p->packed), free(p->c), free(p->scratch);
}

static void run(problem *p, int threads)
{
    p->g.threads = threads;
    cpu_gemv_run(&p->g, p->a, p->packed, p->c, p->bias, p->scratch);
}

static void check_values(const problem *p)
{
    const cpu_gemm *g = &p->g;
    for (int64_t j = 0; j < g->n; j++) {
        double sum = g->bias ? (double)p->bias[j] : 0, size = fabs(sum);
        for (int64_t i = 0; i < g->k; i++) {
            const float b = p->b[i * g->b_row + j * g->b_col];
            const double term = (double)p->a[i] * (double)(g->narrow ? cpu_f32_of_bf16(cpu_bf16_of_f32(b)) : b);
            sum += term, size += fabs(term);
        }
        sum = g->act == CPU_ACT_RELU && sum < 0 ? 0 : sum;
        assert_true(fabs((double)p->c[j] - sum) <= 16 * 0x1p-24 * size + 1e-30);
    }
}

static void test_values(void **state)
{
    (void)state;
    static const int64_t sizes[][2] = {{128, 9216}, {129, 2100}, {1000, 1280}, {127, 4001},
                                       {640, 640},  {4096, 64},  {130, 2}};
    enum { SIZES = sizeof sizes / sizeof *sizes };
    base_random r = base_random_new(7, 31);
    cpu_team *team = cpu_team_new(3), *before = cpu_team_enter(team);
    for (cpu_isa isa = 0; isa <= cpu_isa_most(); isa++)
        for (size_t i = 0; i < 2 * SIZES; i++) {
            problem p = made(isa, sizes[i % SIZES][0], sizes[i % SIZES][1], i % 2 == 0, i >= SIZES, &r);
            const size_t bytes = (size_t)p.g.n * sizeof(float);
            float *first = malloc(bytes), past = p.c[p.g.n];
            assert_non_null(first);
            p.g.bias = i % 3 ? CPU_BIAS_COLUMN : CPU_BIAS_NONE;
            p.g.act = i % 4 == 0 ? CPU_ACT_RELU : CPU_ACT_NONE;
            run(&p, 1);
            check_values(&p);
            memcpy(first, p.c, bytes);
            for (int threads = 1; threads < 7; threads++) { /* more than there are, too */
                p.g.backwards = !p.g.backwards;
                memset(p.c, 0, bytes);
                run(&p, threads);
                assert_memory_equal(first, p.c, bytes);
            }
            assert_true(p.c[p.g.n] == past);
            free(first);
            put_away(&p);
        }
    (void)cpu_team_enter(before);
    cpu_team_free(team);
}

/* Zeros, and how many of them in a row, change nothing: the bits are those of the same numbers in a matrix of which one, that meets a
 * zero, is infinite, so that nothing may be skipped. */
static void test_zeros(void **state)
{
    (void)state;
    base_random r = base_random_new(7, 33);
    for (cpu_isa isa = 0; isa <= cpu_isa_most(); isa++)
        for (int i = 0; i < 8; i++) {
            problem p = made(isa, i % 2 ? 200 : 128, 3000, true, i & 4, &r);
            const double share = i & 2 ? 0.9 : 0.3;
            for (int64_t k = 0; k < p.g.k; k++)
                if ((k > 500 && k < 1000) || base_random_f64(&r) < share)
                    p.a[k] = k % 2 ? 0.0f : -0.0f;
            run(&p, 2);
            check_values(&p);
            const size_t bytes = (size_t)(p.g.n - 1) * sizeof(float);
            float *skipped = malloc(bytes);
            assert_non_null(skipped);
            memcpy(skipped, p.c, bytes);
            p.b[(p.g.n - 1) * p.g.k + 700] = -INFINITY;
            cpu_gemv_pack(&p.g, p.b, p.packed);
            run(&p, 2);
            assert_memory_equal(skipped, p.c, bytes);
            assert_true(isnan(p.c[p.g.n - 1]));
            memset(p.a, 0, (size_t)p.g.k * sizeof(float));
            p.b[(p.g.n - 1) * p.g.k + 700] = 1;
            cpu_gemv_pack(&p.g, p.b, p.packed);
            run(&p, 2);
            for (int64_t j = 0; j < p.g.n; j++)
                assert_true(p.c[j] == 0);
            free(skipped);
            put_away(&p);
        }
}

/* What is no number reaches every sum that it is a part of, and no other. */
static void test_not_numbers(void **state)
{
    (void)state;
    base_random r = base_random_new(7, 32);
    for (cpu_isa isa = 0; isa <= cpu_isa_most(); isa++) {
        problem p = made(isa, 200, 1500, true, false, &r);
        p.b[7 * p.g.k + 1200] = NAN;
        p.b[9 * p.g.k + 3] = INFINITY;
        p.a[3] = 0;
        cpu_gemv_pack(&p.g, p.b, p.packed);
        run(&p, 1);
        for (int64_t j = 0; j < p.g.n; j++)
            assert_int_equal(isnan(p.c[j]) != 0, j == 7 || j == 9);
        put_away(&p);
    }
}

static void test_where_it_pays(void **state)
{
    (void)state;
    cpu_gemm g = {.dtype = TN_F32, .m = 1, .n = 128, .k = 9216, .b_row = 1, .b_col = 9216};
    assert_true(cpu_gemv_pays(&g));
    g.b_row = 128, g.b_col = 1;
    assert_false(cpu_gemv_pays(&g)); /* it lies in the order in which it is read */
    g.b_row = 1, g.b_col = 9216;
    g.m = 2;
    assert_false(cpu_gemv_pays(&g)); /* not a row alone */
    g.m = 1, g.k = 64;
    assert_false(cpu_gemv_pays(&g)); /* the second cache holds it */
    g.k = 1 << 20;
    assert_false(cpu_gemv_pays(&g)); /* it comes from memory, and is not kept twice */
    g.narrow = true;
    assert_true(cpu_gemv_pays(&g)); /* half as many bytes */
    g.k = 9216, g.b_row = 128, g.b_col = 1;
    assert_true(cpu_gemv_pays(&g));
    g.b_row = 1, g.b_col = 9216;
    g.narrow = false, g.dtype = TN_F64;
    assert_false(cpu_gemv_pays(&g));
    g.dtype = TN_F32, g.n = 3, g.k = 100000;
    assert_false(cpu_gemv_pays(&g)); /* less than a block of columns */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values), cmocka_unit_test(test_zeros),
                                       cmocka_unit_test(test_not_numbers), cmocka_unit_test(test_where_it_pays)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
