/* Mean and variance of channels, and the sums of batch norm's gradient: numbers that lie as bf16 give the same bits as the same ones in f32,
 * for any number of threads, and near what a sum in double gives. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cpu/core/half.h"
#include "cpu/core/moments.h"

typedef struct numbers {
    float *x, *dy, *mean, *out[2][4];
    uint16_t *half;
} numbers;

static float *floats(int64_t n)
{
    float *x = malloc((size_t)n * sizeof *x);
    assert_non_null(x);
    return x;
}

static numbers numbers_of(int64_t rows, int64_t channels)
{
    const int64_t n = rows * channels;
    numbers a = {.x = floats(n), .dy = floats(n), .mean = floats(channels)};
    uint32_t random = 7;
    a.half = malloc((size_t)n * sizeof *a.half);
    assert_non_null(a.half);
    for (int64_t i = 0; i < n; i++) {
        random = random * 1664525u + 1013904223u;
        a.half[i] = cpu_bf16_of_f32((float)(int32_t)random * 0x1p-31f + 2);
        a.x[i] = cpu_f32_of_bf16(a.half[i]);
        a.dy[i] = (float)(int32_t)(random * 2654435761u) * 0x1p-31f;
    }
    for (int64_t i = 0; i < channels; i++)
        a.mean[i] = 1.5F + 0.001F * (float)i;
    for (int k = 0; k < 8; k++)
        a.out[k / 4][k % 4] = floats(channels);
    return a;
}

static void numbers_free(numbers *a)
{
    free(a->x), free(a->dy), free(a->mean), free(a->half);
    for (int k = 0; k < 8; k++)
        free(a->out[k / 4][k % 4]);
}

static void compute(const numbers *a, int64_t rows, int64_t channels, cpu_isa isa, int threads, bool half)
{
    cpu_moments m = {.rows = rows, .channels = channels, .threads = threads, .isa = isa, .half = half};
    cpu_moments_plan(&m);
    void *scratch = aligned_alloc(64, (cpu_moments_scratch(&m) + 64) / 64 * 64);
    assert_non_null(scratch);
    const void *x = half ? (const void *)a->half : a->x;
    float *const *out = a->out[half];
    cpu_moments_run(&m, x, out[0], out[1], scratch);
    cpu_moments_sums(&m, a->dy, x, a->mean, out[2], out[3], scratch);
    free(scratch);
}

static void check(int64_t rows, int64_t channels)
{
    numbers a = numbers_of(rows, channels);
    for (cpu_isa isa = CPU_PORTABLE; isa <= cpu_isa_best(); isa++) {
        compute(&a, rows, channels, isa, 1, false);
        compute(&a, rows, channels, isa, 2, true);
        for (int k = 0; k < 4; k++)
            assert_memory_equal(a.out[0][k], a.out[1][k], (size_t)channels * sizeof(float));
        for (int64_t c = 0; c < channels; c++) {
            double sum = 0, dot = 0;
            for (int64_t r = 0; r < rows; r++) {
                sum += (double)a.x[r * channels + c];
                dot += (double)a.dy[r * channels + c] * ((double)a.x[r * channels + c] - (double)a.mean[c]);
            }
            assert_true(fabs((double)a.out[1][0][c] - sum / (double)rows) < 1e-5);
            assert_true(fabs((double)a.out[1][3][c] - dot) < 1e-5 * (double)rows);
        }
    }
    numbers_free(&a);
}

static void bf16_gives_the_same_bits(void **state)
{
    (void)state;
    check(1, 1);
    check(7, 3);
    check(100, 16);
    check(1000, 33);
    check(515, 64);
    check(300, 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bf16_gives_the_same_bits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
