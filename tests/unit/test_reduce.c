/* test_reduce.c: sums of columns of bf16, as gradients of biases are: the same as of the same numbers in f32, bit for bit, and near sums in
 * double; around whole vectors, tiles and runs, any number of threads, every instruction set of this machine. */
#include "base/philox.h"
#include "cpu/core/half.h"
#include "cpu/core/par.h"
#include "cpu/core/reduce.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void *room(size_t bytes)
{
    void *p = malloc(bytes + 64);
    assert_non_null(p);
    return p;
}

static void check(cpu_isa isa, int64_t rows, int64_t width, base_random *r)
{
    const int64_t n = rows * width, dims[2] = {rows, width}, strides[2] = {width, 1};
    uint16_t *half = room((size_t)n * sizeof *half);
    float *x = room((size_t)n * sizeof *x), *y = room((size_t)width * sizeof *y),
          *first = room((size_t)width * sizeof *y);
    for (int64_t i = 0; i < n; i++) {
        half[i] = cpu_bf16_of_f32((float)(2 * base_random_f64(r) - 1));
        x[i] = cpu_f32_of_bf16(half[i]);
    }
    cpu_reduce plan = {.kind = CPU_REDUCE_SUM, .isa = isa};
    cpu_reduce_plan(&plan, 2, dims, strides, 1);
    assert_true(plan.columns);
    void *scratch = room(cpu_reduce_scratch(&plan));
    plan.threads = 1;
    cpu_reduce_run(&plan, x, first, scratch);
    plan.half = true;
    for (plan.threads = 1; plan.threads < 5; plan.threads++) {
        memset(y, 0xff, (size_t)width * sizeof *y);
        cpu_reduce_run(&plan, half, y, scratch);
        assert_memory_equal(y, first, (size_t)width * sizeof *y);
    }
    for (int64_t c = 0; c < width; c++) {
        double sum = 0, size = 0;
        for (int64_t i = 0; i < rows; i++)
            sum += (double)x[i * width + c], size += fabs((double)x[i * width + c]);
        assert_true(fabs((double)y[c] - sum) <= 256 * 0x1p-24 * size);
    }
    free(half), free(x), free(y), free(first), free(scratch);
}

static void test_columns_of_bf16(void **state)
{
    (void)state;
    static const int64_t sizes[][2] = {{2, 2},    {3, 17},   {1000, 64}, {257, 33},
                                       {40, 511}, {40, 513}, {20000, 3}, {5, 1200}};
    base_random r = base_random_new(11, 3);
    cpu_team *team = cpu_team_new(3), *before = cpu_team_enter(team);
    for (cpu_isa isa = 0; isa <= cpu_isa_most(); isa++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            check(isa, sizes[i][0], sizes[i][1], &r);
    (void)cpu_team_enter(before);
    cpu_team_free(team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_columns_of_bf16)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
