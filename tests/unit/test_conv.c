/* test_conv.c: the convolution kernels against a plain one in double: every instruction set that runs here, several numbers
 * of threads (bit for bit), many odd shapes, guards around every buffer, NaN. */
#include "cpu/core/conv.h"
#include "cpu/core/half.h"
#include "cpu/core/par.h"

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
    buffer b = {.all = aligned_alloc(64, ((n + 2 * GUARD) * sizeof(float) + 63) / 64 * 64), .n = n};
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

static float random_float(void)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (float)(int32_t)(random_state >> 32) * 0x1p-31f;
}

static buffer random_buffer(size_t n)
{
    buffer b = buffer_new(n);
    for (size_t i = 0; i < n; i++)
        b.at[i] = random_float();
    return b;
}

/* A result of the reference and the sum of the magnitudes of what was added up, which bounds the error. */
typedef struct reference {
    double *value, *size;
    size_t n;
} reference;

static reference reference_new(size_t n)
{
    reference r = {calloc(n + 1, sizeof(double)), calloc(n + 1, sizeof(double)), n};
    assert_true(r.value && r.size);
    return r;
}

static void reference_free(reference r)
{
    free(r.value);
    free(r.size);
}

static void reference_add(reference *r, size_t i, double v)
{
    r->value[i] += v;
    r->size[i] += fabs(v);
}

typedef struct problem {
    cpu_conv c;
    buffer x, w, bias, dy;
    reference y, dx, dw, db;
} problem;

/* One output pixel's window in all four sums. */
static void reference_window(problem *t, size_t pixel, int64_t n, int64_t top, int64_t left, int64_t o)
{
    const cpu_conv *c = &t->c;
    const int64_t inputs = c->c_in / c->groups, group = o / (c->c_out / c->groups);
    const size_t out = pixel * (size_t)c->c_out + (size_t)o;
    reference_add(&t->y, out, t->bias.at[o]);
    reference_add(&t->db, (size_t)o, t->dy.at[out]);
    for (int64_t r = 0; r < c->kh; r++)
        for (int64_t q = 0; q < c->kw; q++) {
            int64_t row = top + r * c->dilation[0], column = left + q * c->dilation[1];
            if (row < 0 || row >= c->h || column < 0 || column >= c->w)
                continue;
            for (int64_t i = 0; i < inputs; i++) {
                size_t in = (size_t)(((n * c->h + row) * c->w + column) * c->c_in + group * inputs + i);
                size_t at = (size_t)(((o * inputs + i) * c->kh + r) * c->kw + q);
                reference_add(&t->y, out, (double)t->x.at[in] * t->w.at[at]);
                reference_add(&t->dx, in, (double)t->dy.at[out] * t->w.at[at]);
                reference_add(&t->dw, at, (double)t->dy.at[out] * t->x.at[in]);
            }
        }
}

static void problem_new(problem *t, cpu_conv c)
{
    size_t in = (size_t)(c.n * c.h * c.w * c.c_in), out = (size_t)(c.n * c.oh * c.ow * c.c_out);
    size_t weights = (size_t)(c.c_out * (c.c_in / c.groups) * c.kh * c.kw);
    *t = (problem){.c = c, .x = random_buffer(in), .w = random_buffer(weights), .dy = random_buffer(out)};
    t->bias = random_buffer((size_t)c.c_out);
    t->y = reference_new(out);
    t->dx = reference_new(in);
    t->dw = reference_new(weights);
    t->db = reference_new((size_t)c.c_out);
    size_t pixel = 0;
    for (int64_t n = 0; n < c.n; n++)
        for (int64_t row = 0; row < c.oh; row++)
            for (int64_t column = 0; column < c.ow; column++, pixel++)
                for (int64_t o = 0; o < c.c_out; o++)
                    reference_window(t, pixel, n, row * c.stride[0] - c.pad[0], column * c.stride[1] - c.pad[1], o);
}

static void problem_free(problem *t)
{
    buffer_free(t->x);
    buffer_free(t->w);
    buffer_free(t->bias);
    buffer_free(t->dy);
    reference_free(t->y);
    reference_free(t->dx);
    reference_free(t->dw);
    reference_free(t->db);
}

static void describe(const cpu_conv *c, const char *what)
{
    fprintf(stderr,
            "%s, %s, %d threads: n %d, %dx%dx%d, out %d, window %dx%d, stride %d %d, pad %d %d %d %d, dilation %d %d, "
            "groups %d\n",
            what, cpu_isa_name(c->isa), c->threads, (int)c->n, (int)c->c_in, (int)c->h, (int)c->w, (int)c->c_out,
            (int)c->kh, (int)c->kw, c->stride[0], c->stride[1], c->pad[0], c->pad[1], c->pad[2], c->pad[3],
            c->dilation[0], c->dilation[1], (int)c->groups);
}

static void compare(const cpu_conv *c, const char *what, const float *got, const reference *want, bool relu)
{
    double most = 0.0; /* Winograd's tiles share their errors: the largest sum of a picture counts */
    for (size_t i = 0; c->winograd && i < want->n; i++)
        most = fmax(most, want->size[i]);
    for (size_t i = 0; i < want->n; i++) {
        double v = relu && want->value[i] < 0.0 ? 0.0 : want->value[i];
        if (!(fabs(got[i] - v) <= (c->narrow && c->isa >= CPU_AVX512_BF16 ? 8e-3
                                   : c->split                             ? 3.1e-5
                                                                          : 2e-6) *
                                          fmax(most, want->size[i]) +
                                      1e-30)) {
            describe(c, what);
            fail_msg("element %zu is %g, expected %g", i, (double)got[i], v);
        }
    }
}

static buffer scratch_new(const cpu_conv *c, cpu_conv_job job)
{
    size_t bytes = cpu_conv_scratch(c, job);
    assert_int_equal(bytes % sizeof(float), 0);
    return buffer_new(bytes / sizeof(float));
}

typedef struct results {
    buffer y, relu, dx, dw, db;
} results;

static results run(problem *t, int threads, cpu_isa isa)
{
    cpu_conv c = t->c;
    c.threads = threads;
    c.isa = isa;
    results r = {.y = buffer_new(t->y.n),
                 .relu = buffer_new(t->y.n),
                 .dx = buffer_new(t->dx.n),
                 .dw = buffer_new(t->dw.n),
                 .db = buffer_new(t->db.n)};
    buffer scratch = scratch_new(&c, CPU_CONV_FORWARD);
    cpu_conv_forward(&c, t->x.at, t->w.at, t->bias.at, NULL, r.y.at, scratch.at);
    c.relu = true;
    cpu_conv_forward(&c, t->x.at, t->w.at, t->bias.at, NULL, r.relu.at, scratch.at);
    c.relu = false;
    buffer_free(scratch);
    scratch = scratch_new(&c, CPU_CONV_GRAD_DATA);
    cpu_conv_grad_data(&c, t->dy.at, t->w.at, r.dx.at, scratch.at);
    buffer_free(scratch);
    scratch = scratch_new(&c, CPU_CONV_GRAD_WEIGHT);
    cpu_conv_grad_weight(&c, t->x.at, t->dy.at, r.dw.at, r.db.at, scratch.at);
    buffer_free(scratch);
    compare(&c, "forward", r.y.at, &t->y, false);
    compare(&c, "forward with relu", r.relu.at, &t->y, true);
    compare(&c, "gradient of data", r.dx.at, &t->dx, false);
    compare(&c, "gradient of weights", r.dw.at, &t->dw, false);
    compare(&c, "gradient of bias", r.db.at, &t->db, false);
    return r;
}

static void results_free(results r)
{
    buffer_free(r.y);
    buffer_free(r.relu);
    buffer_free(r.dx);
    buffer_free(r.dw);
    buffer_free(r.db);
}

static void same_bits(buffer a, buffer b)
{
    assert_memory_equal(a.at, b.at, a.n * sizeof(float));
}

static void check(cpu_conv c)
{
    static const int threads[] = {2, 3, 7};
    problem t;
    problem_new(&t, c);
    for (cpu_isa isa = CPU_PORTABLE; isa <= cpu_isa_most() && isa <= (c.split || c.narrow ? CPU_AMX : CPU_AVX512);
         isa++) {
        results one = run(&t, 1, isa);
        for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
            results more = run(&t, threads[i], isa);
            same_bits(one.y, more.y);
            same_bits(one.relu, more.relu);
            same_bits(one.dx, more.dx);
            same_bits(one.dw, more.dw);
            same_bits(one.db, more.db);
            results_free(more);
        }
        results_free(one);
    }
    problem_free(&t);
}

static cpu_conv shape(int64_t n, int64_t c_in, int64_t h, int64_t w, int64_t c_out, int64_t k, int stride, int pad)
{
    cpu_conv c = {.n = n, .c_in = c_in, .h = h, .w = w, .c_out = c_out, .kh = k, .kw = k, .groups = 1};
    c.stride[0] = c.stride[1] = stride;
    c.dilation[0] = c.dilation[1] = 1;
    for (int i = 0; i < 4; i++)
        c.pad[i] = pad;
    cpu_conv_shape(&c);
    return c;
}

static void test_channels(void **state)
{
    (void)state;
    static const int64_t channels[] = {1, 3, 5, 16, 17, 33, 64};
    for (size_t i = 0; i < 7; i++)
        for (size_t o = 0; o < 7; o++)
            check(shape(1 + (int64_t)(i + o) % 3, channels[i], 5, 7 + (int64_t)i, channels[o], 3, 1 + (int)(i + o) % 2,
                        (int)(i % 3)));
}

static void test_windows(void **state)
{
    (void)state;
    for (int64_t k = 1; k <= 7; k += 2)
        for (int stride = 1; stride <= 3; stride++)
            for (int pad = 0; pad <= 3; pad++)
                check(shape(2, 3, 9, 11, 5, k, stride, pad));
}

static void test_sizes(void **state)
{
    (void)state;
    for (int64_t w = 1; w <= 45; w += 4)
        check(shape(1, 4, 4, w, 18, 3, 1, 1));
    check(shape(3, 20, 4, 4, 40, 3, 1, 1));
    check(shape(5, 20, 7, 7, 40, 3, 2, 1));
    check(shape(20, 6, 8, 8, 33, 1, 1, 0));
    check(shape(1, 2, 1, 700, 3, 1, 1, 0));
    check(shape(2, 1, 30, 30, 32, 3, 1, 0));
    check(shape(1, 3, 40, 40, 20, 7, 2, 3));
    check(shape(1, 33, 60, 60, 33, 3, 1, 1));
}

/* Every parameter at random, so that they meet. */
static cpu_conv random_shape(void)
{
    cpu_conv c = {.groups = 1};
    do {
#define PICK(from, to) ((from) + (int)((random_float() * 0.5f + 0.5f) * 0.9999f * (float)((to) - (from) + 1)))
        int group_in = PICK(1, 5), group_out = PICK(1, 20);
        c.groups = PICK(0, 1) ? 1 : PICK(2, 4);
        c.n = PICK(1, 3);
        c.c_in = group_in * c.groups;
        c.c_out = group_out * c.groups;
        c.h = PICK(1, 12);
        c.w = PICK(1, 20);
        c.kh = PICK(1, 4);
        c.kw = PICK(1, 4);
        for (int i = 0; i < 2; i++) {
            c.stride[i] = PICK(1, 3);
            c.dilation[i] = PICK(1, 3);
        }
        for (int i = 0; i < 4; i++)
            c.pad[i] = PICK(0, 5);
    } while (!cpu_conv_shape(&c));
    return c;
}

static void test_random(void **state)
{
    (void)state;
    for (int i = 0; i < 150; i++)
        check(random_shape());
}

static void test_groups(void **state)
{
    (void)state;
    static const int64_t channels[] = {1, 3, 8, 17, 37, 64};
    for (size_t i = 0; i < 6; i++)
        for (int stride = 1; stride <= 2; stride++) { /* depthwise */
            cpu_conv c = shape(2, channels[i], 9, 10, channels[i], i % 2 ? 3 : 5, stride, (int)i % 3);
            c.groups = c.c_in;
            c.dilation[1] = 1 + (int)i % 2;
            assert_true(cpu_conv_shape(&c));
            check(c);
        }
    cpu_conv c = shape(2, 6, 5, 6, 12, 3, 1, 1);
    c.groups = 6;
    check(c);
    c = shape(2, 64, 5, 6, 64, 3, 1, 1);
    c.groups = 2;
    check(c);
}

/* Batches without pictures, and pictures that no window fits into: gradients are zeros. */
static void test_empty(void **state)
{
    (void)state;
    check(shape(0, 3, 5, 5, 4, 3, 1, 1));
    check(shape(0, 3, 5, 5, 4, 1, 1, 0));
    cpu_conv c = shape(2, 3, 2, 5, 4, 3, 1, 0);
    assert_false(cpu_conv_shape(&c));
    assert_int_equal(c.oh, 0);
    check(c);
}

static void test_packed(void **state)
{
    (void)state;
    problem t;
    problem_new(&t, shape(2, 5, 6, 7, 19, 3, 2, 1));
    cpu_conv c = t.c;
    c.threads = 2;
    c.isa = cpu_isa_most();
    for (cpu_conv_job job = CPU_CONV_FORWARD; job <= CPU_CONV_GRAD_DATA; job++) {
        buffer scratch = scratch_new(&c, job), packed = buffer_new(cpu_conv_packed(&c, job) / sizeof(float));
        buffer out = buffer_new(job == CPU_CONV_FORWARD ? t.y.n : t.dx.n);
        cpu_conv_pack(&c, job, t.w.at, packed.at);
        if (job == CPU_CONV_FORWARD)
            cpu_conv_forward_packed(&c, t.x.at, packed.at, t.bias.at, NULL, out.at, scratch.at);
        else
            cpu_conv_grad_data_packed(&c, t.dy.at, packed.at, out.at, scratch.at);
        compare(&c, "packed", out.at, job == CPU_CONV_FORWARD ? &t.y : &t.dx, false);
        buffer_free(scratch);
        buffer_free(packed);
        buffer_free(out);
    }
    problem_free(&t);
}

/* Few output channels, sums along the lanes: with whole and broken vectors, groups, windows that leave the picture. */
static void test_narrow(void **state)
{
    (void)state;
    for (int64_t few = 1; few <= 5; few++)
        for (int pad = 0; pad < 2; pad++) {
            check(shape(2, few, 6, 9, 16 + few, 3, 1 + pad, pad));
            check(shape(1, 32 - few, 5, 7, few, 3, 1, pad));
        }
    check(shape(3, 40, 4, 5, 2, 1, 1, 0));
    cpu_conv c = shape(2, 40, 5, 6, 4, 3, 1, 1);
    c.groups = 2;
    check(c);
}

/* y = relu(transposed convolution + bias) is relu(gradient of data + bias). */
static void test_transposed(void **state)
{
    (void)state;
    for (int64_t inputs = 3; inputs <= 40; inputs += 37) {
        problem t;
        problem_new(&t, shape(2, inputs, 9, 8, 16, 4, 2, 1));
        cpu_conv c = t.c;
        c.threads = 2;
        c.isa = cpu_isa_most();
        c.relu = true;
        buffer bias = random_buffer((size_t)inputs), y = buffer_new(t.dx.n);
        buffer scratch = scratch_new(&c, CPU_CONV_GRAD_DATA);
        for (size_t i = 0; i < t.dx.n; i++)
            reference_add(&t.dx, i, bias.at[i % (size_t)inputs]);
        cpu_conv_transposed(&c, t.dy.at, t.w.at, bias.at, y.at, scratch.at);
        compare(&c, "transposed", y.at, &t.dx, true);
        buffer_free(bias);
        buffer_free(y);
        buffer_free(scratch);
        problem_free(&t);
    }
}

/* Both regimes (weights within the cache or not), broken tiles and vectors. */
static void test_winograd(void **state)
{
    (void)state;
    static const int64_t channels[] = {16, 17, 33, 64};
    for (size_t i = 0; i < 4; i++)
        for (int64_t size = 3; size <= 13; size += 2) {
            cpu_conv c = shape(1 + size % 3, channels[i], size, 16 - size, channels[(i + (size_t)size) % 4], 3, 1,
                               (int)(size % 4));
            c.winograd = true;
            check(c);
        }
    cpu_conv c = shape(3, 160, 7, 5, 130, 3, 1, 1);
    c.winograd = true;
    check(c);
    c = shape(0, 16, 7, 5, 16, 3, 1, 1);
    c.winograd = true;
    check(c);
}

static float ended(const cpu_conv *c, float sum, float bias, float add)
{
    float y = sum + bias + (c->add_last ? 0 : add);
    if (c->relu && !isnan(y)) {
        y = y < 0 ? c->slope * y : y;
        y = c->most > 0 && y > c->most ? c->most : y;
    }
    return c->add_last ? y + add : y;
}

/* Bias, addend and activation are the same as what they are done to the sums alone. */
static void check_ends(cpu_conv c)
{
    assert_true(cpu_conv_shape(&c));
    c.isa = cpu_isa_most();
    c.threads = 2;
    const size_t channels = (size_t)c.c_out, n = (size_t)(c.n * c.oh * c.ow) * channels;
    buffer x = random_buffer((size_t)(c.n * c.h * c.w * c.c_in)), add = random_buffer(n),
           bias = random_buffer(channels);
    buffer w = random_buffer((size_t)(c.c_out * c.c_in / c.groups * c.kh * c.kw)), sums = buffer_new(n),
           y = buffer_new(n);
    buffer scratch = scratch_new(&c, CPU_CONV_FORWARD);
    x.at[x.n / 2] = NAN;
    cpu_conv_forward(&c, x.at, w.at, NULL, NULL, sums.at, scratch.at);
    for (int mask = 0; mask < 32; mask++) {
        const bool biased = mask & 1, adds = mask & 2;
        c.slope = mask & 8 ? 0.125f : 0;
        c.relu = mask % 16 >= 2;
        c.add_last = mask & 16;
        c.most = mask & 4 ? 0.25f : 0;
        cpu_conv_forward(&c, x.at, w.at, biased ? bias.at : NULL, adds ? add.at : NULL, y.at, scratch.at);
        for (size_t i = 0; i < n; i++) {
            const float want = ended(&c, sums.at[i], biased ? bias.at[i % channels] : 0, adds ? add.at[i] : 0);
            assert_true(isnan(want) ? isnan(y.at[i]) : fabsf(y.at[i] - want) <= 1e-5f * (1 + fabsf(sums.at[i])));
        }
    }
    buffer_free(x);
    buffer_free(add);
    buffer_free(bias);
    buffer_free(w);
    buffer_free(sums);
    buffer_free(y);
    buffer_free(scratch);
}

/* The same numbers as bf16, and back. */
static buffer halved(const float *x, size_t n)
{
    buffer h = buffer_new((n + 1) / 2);
    for (size_t i = 0; i < n; i++)
        ((uint16_t *)(void *)h.at)[i] = cpu_bf16_of_f32(x[i]);
    return h;
}

static buffer rounded_buffer(size_t n)
{
    buffer b = random_buffer(n);
    for (size_t i = 0; i < n; i++)
        b.at[i] = cpu_f32_of_bf16(cpu_bf16_of_f32(b.at[i]));
    return b;
}

/* Pictures that lie as bf16 give what the same ones in f32 do, rounded. parts: 1: x, 2: what is added, 4: y. */
static void check_half(cpu_conv c, int parts, bool adds)
{
    c.relu = true;
    c.most = 1.5f;
    const size_t n = (size_t)(c.n * c.oh * c.ow * c.c_out);
    buffer x = rounded_buffer((size_t)(c.n * c.h * c.w * c.c_in)), add = rounded_buffer(n),
           bias = random_buffer((size_t)c.c_out), y = buffer_new(n);
    buffer w = random_buffer((size_t)(c.c_out * c.c_in / c.groups * c.kh * c.kw));
    buffer scratch = scratch_new(&c, CPU_CONV_FORWARD), half_x = halved(x.at, x.n), half_add = halved(add.at, n);
    cpu_conv_forward(&c, x.at, w.at, bias.at, adds ? add.at : NULL, y.at, scratch.at);
    buffer want = parts & 4 ? halved(y.at, n) : y, got = buffer_new(want.n);
    c.half_x = parts & 1, c.half_add = parts & 2, c.half_y = parts & 4;
    if (n % 2 && parts & 4) /* the last half of a float */
        memcpy(got.at + got.n - 1, want.at + want.n - 1, sizeof *got.at);
    cpu_conv_forward(&c, parts & 1 ? half_x.at : x.at, w.at, bias.at, adds ? parts & 2 ? half_add.at : add.at : NULL,
                     got.at, scratch.at);
    same_bits(got, want);
    if (parts & 4)
        buffer_free(want);
    buffer_free(x), buffer_free(add), buffer_free(bias), buffer_free(w), buffer_free(y);
    buffer_free(scratch), buffer_free(half_x), buffer_free(half_add), buffer_free(got);
}

/* The same of the gradient of weights. parts: 1: x, 2: dy. */
static void check_half_weight(cpu_conv c, int parts)
{
    buffer x = rounded_buffer((size_t)(c.n * c.h * c.w * c.c_in)),
           dy = rounded_buffer((size_t)(c.n * c.oh * c.ow * c.c_out));
    const size_t n = (size_t)(c.c_out * c.c_in / c.groups * c.kh * c.kw);
    buffer want = buffer_new(n), got = buffer_new(n), scratch = scratch_new(&c, CPU_CONV_GRAD_WEIGHT);
    buffer half_x = halved(x.at, x.n), half_dy = halved(dy.at, dy.n);
    cpu_conv_grad_weight(&c, x.at, dy.at, want.at, NULL, scratch.at);
    c.half_x = parts & 1, c.half_y = parts & 2;
    assert_true(cpu_conv_weight_takes_half(&c));
    cpu_conv_grad_weight(&c, parts & 1 ? half_x.at : x.at, parts & 2 ? half_dy.at : dy.at, got.at, NULL, scratch.at);
    same_bits(got, want);
    buffer_free(x), buffer_free(dy), buffer_free(want), buffer_free(got), buffer_free(scratch);
    buffer_free(half_x), buffer_free(half_dy);
}

/* The same of the gradient of data, whose dy lies so. */
static void check_half_data(cpu_conv c)
{
    buffer dy = rounded_buffer((size_t)(c.n * c.oh * c.ow * c.c_out)), half_dy = halved(dy.at, dy.n);
    buffer w = random_buffer((size_t)(c.c_out * c.c_in / c.groups * c.kh * c.kw));
    const size_t n = (size_t)(c.n * c.h * c.w * c.c_in);
    buffer want = buffer_new(n), got = buffer_new(n), scratch = scratch_new(&c, CPU_CONV_GRAD_DATA);
    cpu_conv_grad_data(&c, dy.at, w.at, want.at, scratch.at);
    assert_true(cpu_conv_data_takes_half(&c));
    c.half_y = true;
    buffer_free(scratch);
    scratch = scratch_new(&c, CPU_CONV_GRAD_DATA);
    cpu_conv_grad_data(&c, half_dy.at, w.at, got.at, scratch.at);
    same_bits(got, want);
    buffer_free(dy), buffer_free(half_dy), buffer_free(w), buffer_free(want), buffer_free(got), buffer_free(scratch);
}

static void test_half_weight(void **state)
{
    (void)state;
    for (int parts = 1; parts < 4 && cpu_isa_most() >= CPU_AMX_PAIRS; parts++)
        for (int64_t channels = 16; channels <= 80; channels += 16 + parts % 2)
            for (int few = 0; few < 2 - (parts & 1); few++) {
                cpu_conv c =
                    shape(2, few ? 3 : 97 - channels, 9, 7, channels, few ? 7 : 3, 1 + (int)(channels % 3) / 2, 1);
                c.isa = cpu_isa_most();
                c.threads = 2;
                c.narrow = true;
                check_half_weight(c, parts);
                if (!few && parts == 1)
                    check_half_data(c);
                c.isa = CPU_AVX512_BF16;
                if (!few && parts == 1)
                    check_half_data(c);
            }
}

static void test_half(void **state)
{
    (void)state;
    for (cpu_isa isa = CPU_PORTABLE; isa <= cpu_isa_most(); isa++)
        for (int64_t channels = 1; channels <= 50; channels += 7) { /* one a group */
            cpu_conv c = shape(2, channels + 1, 9, 8, channels + 1, 3, 1 + (int)(channels % 2), 1);
            c.groups = channels + 1;
            c.isa = isa;
            c.threads = 2;
            assert_true(cpu_conv_moves_half(&c));
            check_half(c, 1 + 4, false);
        }
    for (int parts = 0; parts < 16 && cpu_isa_most() >= CPU_AMX_PAIRS; parts++)
        for (int64_t channels = 16; channels <= 80; channels += 16 + parts % 2)
            for (int few = 0; few < 2 - (parts & 1); few++) {
                cpu_conv c = shape(2, few ? 3 : 96 - channels, 9, 7, channels, 3, 1 + parts % 2, 1);
                c.isa = parts < 8 ? cpu_isa_most() : CPU_AVX512_BF16;
                c.threads = 2;
                c.narrow = true;
                c.half_x = parts & 1;
                assert_true(cpu_conv_takes_half(&c));
                c.half_x = false;
                check_half(c, parts % 8, parts % 8 >= 2);
            }
    cpu_conv c = shape(4, 16, 20, 21, 64, 1, 1, 0); /* in the hard build results past the caches, whole lines of them */
    c.isa = cpu_isa_most();
    c.narrow = true;
    c.threads = 2;
    if (c.isa >= CPU_AMX_PAIRS)
        check_half(c, 4, false);
    c = shape(1, 64, 30, 31, 64, 3, 1, 1);
    c.groups = 64;
    c.isa = cpu_isa_most();
    check_half(c, 1 + 4, false);
}

/* Where pairs are multiplied in vector registers, Winograd's way takes bf16 too, if it is allowed. */
static void test_half_winograd(void **state)
{
    (void)state;
    for (int parts = 0; parts < 8 && cpu_isa_most() >= CPU_AVX512_BF16; parts++)
        for (int64_t channels = 16; channels <= 60; channels += 22) {
            cpu_conv c = shape(3, 80 - channels, 9, 11, channels + parts % 2, 3, 1, 1);
            c.isa = CPU_AVX512_BF16;
            c.threads = 2;
            c.narrow = c.winograd = true;
            assert_true(cpu_conv_takes_half(&c) && cpu_conv_weight_takes_half(&c) && cpu_conv_data_takes_half(&c));
            assert_false(cpu_conv_weight_by_split(&c));
            check_half(c, parts, parts >= 2);
            check_half_weight(c, parts & 3);
            check_half_data(c);
        }
}

static void test_ends(void **state)
{
    (void)state;
    for (int way = 0; way < 4; way++)
        for (int64_t channels = 16; channels <= 49; channels += 11) {
            cpu_conv c = shape(2, channels, 9, 7, 64 - channels, 3, 1, 1);
            c.winograd = way == 1;
            c.split = way == 2;
            c.narrow = way == 3;
            check_ends(c);
            c = shape(1, 3, 19, 17, channels, 3, 2, 1); /* few channels */
            c.split = way == 2;
            c.narrow = way == 3;
            check_ends(c);
        }
    cpu_conv c = shape(2, 32, 9, 7, 32, 3, 1, 1);
    c.groups = 32;
    check_ends(c);
    c = shape(4, 16, 112, 112, 128, 1, 1, 0); /* results past the caches */
    c.narrow = true;
    check_ends(c);
}

static float largest(const float *y, const cpu_conv *c, int64_t image, int64_t row, int64_t column, int64_t channel)
{
    float most = -INFINITY;
    for (int64_t i = 0; i < 4; i++) {
        const float v = y[((image * c->oh + 2 * row + i / 2) * c->ow + 2 * column + i % 2) * c->c_out + channel];
        most = v > most || isnan(v) ? v : most;
    }
    return most;
}

/* The largest of each 2 x 2 is what it is of what is written otherwise, bit for bit; what is left over is dropped. */
static void check_pool(cpu_conv c)
{
    assert_true(cpu_conv_shape(&c));
    c.isa = cpu_isa_most();
    c.threads = 2;
    c.winograd = c.relu = true;
    c.slope = 0.25f;
    assert_true(cpu_conv_pools(&c));
    const int64_t high = c.oh / 2, wide = c.ow / 2;
    const size_t n = (size_t)(c.n * c.oh * c.ow * c.c_out), pooled = (size_t)(c.n * high * wide * c.c_out);
    buffer x = random_buffer((size_t)(c.n * c.h * c.w * c.c_in)), bias = random_buffer((size_t)c.c_out);
    buffer w = random_buffer((size_t)(c.c_out * c.c_in * 9)), whole = buffer_new(n), y = buffer_new(pooled);
    buffer scratch = scratch_new(&c, CPU_CONV_FORWARD);
    x.at[x.n / 3] = NAN;
    cpu_conv_forward(&c, x.at, w.at, bias.at, NULL, whole.at, scratch.at);
    c.pool = true;
    cpu_conv_forward(&c, x.at, w.at, bias.at, NULL, y.at, scratch.at);
    for (int64_t i = 0; i < (int64_t)pooled; i++) {
        const int64_t channel = i % c.c_out, column = i / c.c_out % wide, row = i / c.c_out / wide % high;
        const float want = largest(whole.at, &c, i / c.c_out / wide / high, row, column, channel);
        assert_true(isnan(want) ? isnan(y.at[i]) : y.at[i] == want);
    }
    buffer_free(x);
    buffer_free(bias);
    buffer_free(w);
    buffer_free(whole);
    buffer_free(y);
    buffer_free(scratch);
}

static void test_pool(void **state)
{
    (void)state;
    for (int64_t size = 4; size <= 13; size += 3)
        check_pool(shape(1 + size % 3, 17 + size, size, 17 - size, 33 - size, 3, 1, 1));
    check_pool(shape(2, 160, 9, 10, 130, 3, 1, 0));
    cpu_conv c = shape(1, 16, 9, 9, 16, 3, 2, 1);
    assert_true(cpu_conv_shape(&c));
    c.winograd = true;
    assert_false(cpu_conv_pools(&c));
}

static void check_split(cpu_conv c)
{
    c.split = true;
    check(c);
    c.narrow = true;
    check(c);
}

/* Products split into bf16, or of bf16 alone: broken blocks, steps, dilations, streams longer than a chunk, sums in several
 * shares. */
static void test_split(void **state)
{
    (void)state;
    static const int64_t channels[] = {16, 31, 48, 65};
    for (int kernel = 1; kernel <= 3; kernel++)
        for (int step = 1; step <= 3; step++)
            for (size_t i = 0; i < 4; i++)
                check_split(shape(1 + (int64_t)i % 3, channels[i], 5 + (int64_t)i * 3, 11 - (int64_t)i,
                                  channels[(i + (size_t)kernel) % 4], kernel, step, (int)(i % 3)));
    check_split(shape(2, 64, 40, 37, 33, 3, 1, 1));
    check_split(shape(5, 300, 7, 7, 520, 1, 1, 0));
    check_split(shape(1, 256, 5, 5, 256, 3, 1, 1));
    check_split(shape(2, 33, 9, 9, 40, 9, 1, 4)); /* many taps */
    for (int64_t few = 1; few <= 10; few++)       /* channels of a first layer */
        for (int kernel = 2; kernel <= 7; kernel++)
            check_split(shape(1 + few % 3, few, 9, 10 + kernel, 40 - few, kernel, 1 + (int)(few % 3), kernel / 2));
    check_split(shape(1, 3, 70, 90, 64, 7, 2, 3));
    check_split(shape(1, 4, 40, 30, 260, 3, 1, 0)); /* past the caches in the hard build, as the next */
    check_split(shape(2, 16, 16, 17, 384, 1, 1, 0));
    check_split(shape(0, 16, 7, 5, 16, 3, 1, 1));
    cpu_conv c = shape(2, 40, 12, 9, 40, 3, 1, 2);
    c.dilation[0] = 2;
    c.dilation[1] = 3;
    (void)cpu_conv_shape(&c);
    check_split(c);
    for (int i = 0; i < 60; i++) {
        c = random_shape();
        c.groups = 1;
        c.c_in = 16 + 7 * (i % 5);
        c.c_out = 16 + 5 * (i % 7);
        check_split(c);
    }
}

/* A NaN in one pixel reaches the outputs whose windows hold it, through relu, and no other. */
static void check_nan(cpu_isa isa, int64_t channels, bool narrow)
{
    cpu_conv c = shape(1, channels, 7, 9, 20, 3, 1, 1);
    c.threads = 1;
    c.isa = isa;
    c.relu = true;
    c.narrow = narrow;
    const size_t n = (size_t)channels;
    buffer x = random_buffer(7 * 9 * n), w = random_buffer(20 * n * 9), y = buffer_new(7 * 9 * 20);
    buffer scratch = scratch_new(&c, CPU_CONV_FORWARD);
    x.at[(3 * 9 + 4) * n + 1] = NAN;
    cpu_conv_forward(&c, x.at, w.at, NULL, NULL, y.at, scratch.at);
    for (int r = 0; r < 7; r++)
        for (int q = 0; q < 9; q++)
            for (int o = 0; o < 20; o++)
                assert_int_equal(isnan(y.at[(r * 9 + q) * 20 + o]) != 0, abs(r - 3) <= 1 && abs(q - 4) <= 1);
    buffer_free(x);
    buffer_free(w);
    buffer_free(y);
    buffer_free(scratch);
}

static void test_nan(void **state)
{
    (void)state;
    for (cpu_isa isa = CPU_PORTABLE; isa <= cpu_isa_most() && isa <= CPU_AVX512; isa++)
        check_nan(isa, 3, false);
    for (int64_t channels = 3; channels <= 16 && cpu_isa_most() >= CPU_AVX512_BF16; channels += 13)
        check_nan(CPU_AVX512_BF16, channels, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_channels),    cmocka_unit_test(test_windows),       cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_random),      cmocka_unit_test(test_groups),        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_packed),      cmocka_unit_test(test_narrow),        cmocka_unit_test(test_half),
        cmocka_unit_test(test_half_weight), cmocka_unit_test(test_half_winograd), cmocka_unit_test(test_transposed),
        cmocka_unit_test(test_ends),        cmocka_unit_test(test_pool),          cmocka_unit_test(test_winograd),
        cmocka_unit_test(test_split),       cmocka_unit_test(test_nan),
    };
    cpu_team *team = cpu_team_new(7);
    (void)cpu_team_enter(team);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    cpu_team_free(team);
    return failed;
}
