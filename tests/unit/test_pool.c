/* test_pool.c: pooling against a plain one: every instruction set that runs here, several numbers of threads (bit for bit),
 * strides, dilations, padding, ceil mode, NaN, equal elements, other layouts, guards around every buffer. */
#include "cpu/core/half.h"
#include "cpu/core/par.h"
#include "cpu/core/pool.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { GUARD = 32 };
static const float guard_value = 12345.678f;

typedef struct buffer {
    float *all, *at;
    size_t n;
} buffer;

static buffer buffer_new(size_t n)
{
    buffer b = {.all = malloc((n + 2 * GUARD) * sizeof(float)), .n = n};
    assert_non_null(b.all);
    b.at = b.all + GUARD;
    for (size_t i = 0; i < n + 2 * GUARD; i++)
        b.all[i] = guard_value;
    return b;
}

static void buffer_free(buffer b)
{
    for (size_t i = 0; i < GUARD; i++) {
        assert_true(b.all[i] == guard_value);
        assert_true(b.all[GUARD + b.n + i] == guard_value);
    }
    free(b.all);
}

static uint64_t random_state = 1;

static int pick(int from, int to)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return from + (int)((random_state >> 33) % (uint64_t)(to - from + 1));
}

/* Few different values, so that windows hold equal elements. */
static buffer random_buffer(size_t n, bool with_nan)
{
    buffer b = buffer_new(n);
    for (size_t i = 0; i < n; i++)
        b.at[i] = with_nan && pick(0, 19) == 0 ? NAN : (float)pick(-8, 8) * 0.25f;
    return b;
}

/* y and dx of both kinds, by the definition. */
typedef struct answers {
    buffer max, max_grad, avg, avg_grad;
} answers;

static answers answers_new(const cpu_pool *p)
{
    size_t in = (size_t)(p->n * p->c * p->h * p->w), out = (size_t)(p->n * p->c * p->oh * p->ow);
    return (answers){buffer_new(out), buffer_new(in), buffer_new(out), buffer_new(in)};
}

static void answers_free(answers a)
{
    buffer_free(a.max);
    buffer_free(a.max_grad);
    buffer_free(a.avg);
    buffer_free(a.avg_grad);
}

static void reference_max(const cpu_pool *p, const float *x, float dy, float *y, float *dx, int64_t top, int64_t left)
{
    int64_t best = -1;
    for (int64_t r = 0; r < p->kh; r++)
        for (int64_t q = 0; q < p->kw; q++) {
            int64_t row = top + r * p->dilation[0], column = left + q * p->dilation[1];
            if (row < 0 || row >= p->h || column < 0 || column >= p->w)
                continue;
            int64_t at = (row * p->w + column) * p->c;
            if (best < 0 || x[at] > x[best] || isnan(x[at]))
                best = at;
        }
    *y = best < 0 ? -INFINITY : x[best];
    if (best >= 0)
        dx[best] += dy;
}

static void reference_avg(const cpu_pool *p, const float *x, float dy, float *y, double *dx, int64_t top, int64_t left)
{
    int64_t bottom = top + p->kh < p->h + p->pad[2] ? top + p->kh : p->h + p->pad[2];
    int64_t right = left + p->kw < p->w + p->pad[3] ? left + p->kw : p->w + p->pad[3];
    int64_t size = (bottom - top) * (right - left), inside = 0;
    double sum = 0.0;
    for (int pass = 0; pass < 2; pass++) {
        double divisor = (double)(p->divisor ? p->divisor : p->count_pad ? size : inside);
        for (int64_t r = top; r < bottom; r++)
            for (int64_t q = left; q < right; q++) {
                if (r < 0 || r >= p->h || q < 0 || q >= p->w)
                    continue;
                inside += pass == 0;
                if (pass == 0)
                    sum += x[(r * p->w + q) * p->c];
                else
                    dx[(r * p->w + q) * p->c] += dy / divisor;
            }
        if (pass == 1)
            *y = inside ? (float)(sum / divisor) : 0.0f;
    }
}

static answers reference(const cpu_pool *p, const float *x, const float *dy)
{
    answers a = answers_new(p);
    double *sum = calloc(a.avg_grad.n + 1, sizeof *sum);
    assert_non_null(sum);
    for (size_t i = 0; i < a.max_grad.n; i++)
        a.max_grad.at[i] = 0.0f;
    size_t o = 0;
    for (int64_t n = 0; n < p->n; n++)
        for (int64_t row = 0; row < p->oh; row++)
            for (int64_t column = 0; column < p->ow; column++)
                for (int64_t c = 0; c < p->c; c++, o++) {
                    int64_t at = n * p->h * p->w * p->c + c, top = row * p->stride[0] - p->pad[0];
                    int64_t left = column * p->stride[1] - p->pad[1];
                    reference_max(p, x + at, dy[o], a.max.at + o, a.max_grad.at + at, top, left);
                    reference_avg(p, x + at, dy[o], a.avg.at + o, sum + at, top, left);
                }
    for (size_t i = 0; i < a.avg_grad.n; i++)
        a.avg_grad.at[i] = (float)sum[i];
    free(sum);
    return a;
}

static void compare(const cpu_pool *p, const char *what, buffer got, buffer want)
{
    for (size_t i = 0; i < want.n; i++) {
        float g = got.at[i], w = want.at[i];
        if (!(isnan(g) && isnan(w)) && !(g == w) && !(fabsf(g - w) <= 1e-5f)) {
            fprintf(stderr, "%s, %s: n %d, %dx%dx%d, window %dx%d, stride %d %d, pad %d %d %d %d, dilation %d %d\n",
                    what, cpu_isa_name(p->isa), (int)p->n, (int)p->c, (int)p->h, (int)p->w, (int)p->kh, (int)p->kw,
                    p->stride[0], p->stride[1], p->pad[0], p->pad[1], p->pad[2], p->pad[3], p->dilation[0],
                    p->dilation[1]);
            fail_msg("element %zu is %g, expected %g", i, (double)g, (double)w);
        }
    }
}

/* As bf16; the caller frees it. */
static uint16_t *rounded(buffer x)
{
    uint16_t *half = malloc((x.n + 1) * sizeof *half);
    assert_non_null(half);
    for (size_t i = 0; i < x.n; i++)
        half[i] = cpu_bf16_of_f32(x.at[i]);
    return half;
}

static buffer widened(const uint16_t *half, size_t n)
{
    buffer x = buffer_new(n);
    for (size_t i = 0; i < n; i++)
        x.at[i] = cpu_f32_of_bf16(half[i]);
    return x;
}

/* The numbers of x are exact in bf16: pictures that lie so give the same maxima, which may lie so or not, and the same gradient, which
 * may where each number is written once. */
static void check_half(cpu_pool p, buffer x, buffer dy, answers want)
{
    uint16_t *half = rounded(x), *y = rounded(want.max);
    buffer plain = buffer_new(want.max.n), dx = buffer_new(x.n);
    p.half_x = true;
    cpu_max_pool(&p, half, plain.at);
    compare(&p, "maximum of bf16, in f32", plain, want.max);
    cpu_max_pool_grad(&p, half, dy.at, dx.at);
    compare(&p, "gradient of maximum of bf16", dx, want.max_grad);
    for (int i = 0; i < 2; i++) {
        p.half_x = i == 0, p.half_y = true;
        memset(y, 0xff, want.max.n * sizeof *y);
        cpu_max_pool(&p, p.half_x ? (const void *)half : x.at, y);
        buffer wide = widened(y, want.max.n);
        compare(&p, "maximum in bf16", wide, want.max);
        buffer_free(wide);
        if (!cpu_pool_apart(&p))
            continue;
        uint16_t *given = rounded(dx), *expected = rounded(want.max_grad);
        memset(given, 0xff, dx.n * sizeof *given);
        p.half_dx = true;
        cpu_max_pool_grad(&p, p.half_x ? (const void *)half : x.at, dy.at, given);
        assert_memory_equal(given, expected, dx.n * sizeof *given);
        p.half_dx = false;
        free(given), free(expected);
    }
    buffer_free(plain), buffer_free(dx);
    free(half), free(y);
}

/* Averages are left out where the window has holes or the numbers are NaN. */
static answers run(const cpu_pool *p, buffer x, buffer dy, bool averages)
{
    answers a = answers_new(p);
    cpu_max_pool(p, x.at, a.max.at);
    cpu_max_pool_grad(p, x.at, dy.at, a.max_grad.at);
    if (averages) {
        cpu_avg_pool(p, x.at, a.avg.at);
        cpu_avg_pool_grad(p, dy.at, a.avg_grad.at);
    }
    return a;
}

static void same_bits(buffer a, buffer b)
{
    assert_memory_equal(a.at, b.at, a.n * sizeof(float));
}

static void same_answers(answers a, answers b)
{
    same_bits(a.max, b.max);
    same_bits(a.max_grad, b.max_grad);
    same_bits(a.avg, b.avg);
    same_bits(a.avg_grad, b.avg_grad);
}

/* Channels last to channels first or back. */
static buffer transposed(buffer b, int64_t n, int64_t from, int64_t to)
{
    buffer r = buffer_new(b.n);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < from; j++)
            for (int64_t k = 0; k < to; k++)
                r.at[(i * to + k) * from + j] = b.at[(i * from + j) * to + k];
    return r;
}

static void check_strided(cpu_pool p, buffer x, buffer dy, bool averages, answers want)
{
    p.threads = 2;
    const int64_t xs[4] = {p.c * p.h * p.w, p.h * p.w, p.w, 1}, ys[4] = {p.c * p.oh * p.ow, p.oh * p.ow, p.ow, 1};
    memcpy(p.x_stride, xs, sizeof xs);
    memcpy(p.y_stride, ys, sizeof ys);
    buffer xt = transposed(x, p.n, p.h * p.w, p.c), dyt = transposed(dy, p.n, p.oh * p.ow, p.c);
    answers got = run(&p, xt, dyt, averages);
    answers back = {transposed(got.max, p.n, p.c, p.oh * p.ow), transposed(got.max_grad, p.n, p.c, p.h * p.w),
                    transposed(got.avg, p.n, p.c, p.oh * p.ow), transposed(got.avg_grad, p.n, p.c, p.h * p.w)};
    compare(&p, "maximum, channels first", back.max, want.max);
    compare(&p, "gradient of maximum, channels first", back.max_grad, want.max_grad);
    if (averages) {
        compare(&p, "average, channels first", back.avg, want.avg);
        compare(&p, "gradient of average, channels first", back.avg_grad, want.avg_grad);
    }
    answers_free(got);
    answers_free(back);
    buffer_free(xt);
    buffer_free(dyt);
}

static void check(cpu_pool p, bool with_nan)
{
    static const int threads[] = {2, 3, 7};
    const bool averages = !with_nan && p.dilation[0] == 1 && p.dilation[1] == 1;
    buffer x = random_buffer((size_t)(p.n * p.c * p.h * p.w), with_nan);
    buffer dy = random_buffer((size_t)(p.n * p.c * p.oh * p.ow), false);
    answers want = reference(&p, x.at, dy.at);
    for (p.isa = CPU_PORTABLE; p.isa <= cpu_isa_best() && p.isa <= CPU_AVX512; p.isa++) {
        p.threads = 1;
        answers one = run(&p, x, dy, averages);
        compare(&p, "maximum", one.max, want.max);
        compare(&p, "gradient of maximum", one.max_grad, want.max_grad);
        check_half(p, x, dy, want);
        if (averages) {
            compare(&p, "average", one.avg, want.avg);
            compare(&p, "gradient of average", one.avg_grad, want.avg_grad);
        }
        for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
            p.threads = threads[i];
            answers more = run(&p, x, dy, averages);
            same_answers(one, more);
            answers_free(more);
        }
        answers_free(one);
    }
    p.isa = CPU_PORTABLE;
    check_strided(p, x, dy, averages, want);
    answers_free(want);
    buffer_free(x);
    buffer_free(dy);
}

static cpu_pool shape(int64_t n, int64_t c, int64_t h, int64_t w, int64_t k, int stride, int pad)
{
    cpu_pool p = {.n = n, .c = c, .h = h, .w = w, .kh = k, .kw = k};
    p.stride[0] = p.stride[1] = stride;
    p.dilation[0] = p.dilation[1] = 1;
    for (int i = 0; i < 4; i++)
        p.pad[i] = pad;
    cpu_pool_shape(&p);
    return p;
}

static void test_common(void **state)
{
    (void)state;
    static const int64_t channels[] = {1, 3, 8, 16, 33, 64};
    for (size_t i = 0; i < 6; i++) {
        check(shape(2, channels[i], 8, 10, 2, 2, 0), false);
        check(shape(1, channels[i], 9, 7, 2, 2, 0), false);
        check(shape(3, channels[i], 9, 9, 3, 2, 1), false);
        check(shape(2, channels[i], 7, 7, 7, 7, 0), false);
        check(shape(1, channels[i], 6, 6, 3, 1, 1), true);
    }
    check(shape(2, 64, 40, 40, 2, 2, 0), false);
    check(shape(1, 160, 40, 40, 3, 2, 1), false);
    check(shape(1, 20, 60, 60, 2, 3, 1), false);
    check(shape(0, 4, 5, 5, 2, 2, 0), false);
}

static void test_random(void **state)
{
    (void)state;
    for (int i = 0; i < 150; i++) {
        cpu_pool p = {.n = pick(1, 3), .c = pick(1, 20), .h = pick(1, 14), .w = pick(1, 14)};
        do {
            p.kh = pick(1, 4);
            p.kw = pick(1, 4);
            p.ceil_mode = pick(0, 1);
            p.count_pad = pick(0, 1);
            p.divisor = pick(0, 4) ? 0 : 5;
            for (int d = 0; d < 2; d++) {
                p.stride[d] = pick(1, 4);
                p.dilation[d] = pick(0, 1) ? 1 : pick(1, 3);
            }
            for (int d = 0; d < 4; d++)
                p.pad[d] = pick(0, i % 8 == 0 ? 5 : (int)(d % 2 ? p.kw : p.kh) / 2);
        } while (!cpu_pool_shape(&p));
        check(p, i % 3 == 0);
    }
}

/* PyTorch's rule: with ceil_mode a last window must begin in the picture or the padding before it. */
static void test_shapes(void **state)
{
    (void)state;
    cpu_pool p = shape(1, 1, 5, 6, 2, 2, 0);
    assert_int_equal(p.oh, 2);
    assert_int_equal(p.ow, 3);
    p.ceil_mode = true;
    assert_true(cpu_pool_shape(&p));
    assert_int_equal(p.oh, 3);
    assert_int_equal(p.ow, 3);
    p = shape(1, 1, 1, 1, 1, 3, 0);
    p.pad[2] = 1;
    p.ceil_mode = true;
    assert_true(cpu_pool_shape(&p));
    assert_int_equal(p.oh, 1);
    p = shape(1, 1, 2, 2, 3, 1, 0);
    assert_false(cpu_pool_shape(&p));
    assert_int_equal(p.oh, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_common),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_shapes),
    };
    cpu_team *team = cpu_team_new(7);
    (void)cpu_team_enter(team);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    cpu_team_free(team);
    return failed;
}
