/* moments.tile.c: the inner loops of moments.h, built once per instruction set. Several rows are read at once, so that the
 * running sums are loaded and stored once for all of them. */
#include "cpu/core/moments.h"
#include "cpu/core/vec.h"

enum { ROWS = 4, AHEAD = 16 << 10 /* bytes from what is read to what is asked for */ };

/* Element i and those behind it of x, which is f32 or bf16. */
CPU_INLINE const void *behind(const void *x, int64_t i, const bool half)
{
    return (const char *)x + i * (half ? 2 : 4);
}

/* Asking for what is not there does no harm. */
CPU_INLINE void ask(const void *p)
{
    __builtin_prefetch((const void *)((uintptr_t)p + AHEAD));
}

CPU_INLINE void add(float *p, cpu_vf v, int64_t n)
{
    if (n >= CPU_VF)
        cpu_vf_store(p, cpu_vf_load(p) + v);
    else
        cpu_vf_store_n(p, cpu_vf_load_n(p, n) + v, n);
}

/* One vector of `rows` rows (a constant). */
CPU_INLINE void moments_of(const void *x, int rows, int64_t stride, const float *shift, float *a, float *b, int64_t n,
                           const bool half)
{
    const cpu_vf k = cpu_vf_load_upto(shift, n);
    cpu_vf sum = {0}, square = {0};
    for (int r = 0; r < rows; r++) {
        const cpu_vf d = cpu_vf_load_as(x, r * stride, n, half) - k;
        ask(behind(x, r * stride, half));
        sum += d;
        square = cpu_vf_fma(d, d, square);
    }
    add(a, sum, n);
    add(b, square, n);
}

CPU_INLINE void sums_of(const float *dy, const void *x, int rows, int64_t stride, const float *shift, float *a,
                        float *b, int64_t n, const bool half)
{
    const cpu_vf k = cpu_vf_load_upto(shift, n);
    cpu_vf sum = {0}, dot = {0};
    for (int r = 0; r < rows; r++) {
        const cpu_vf d = cpu_vf_load_upto(dy + r * stride, n);
        ask(dy + r * stride);
        ask(behind(x, r * stride, half));
        sum += d;
        dot = cpu_vf_fma(d, cpu_vf_load_as(x, r * stride, n, half) - k, dot);
    }
    add(a, sum, n);
    add(b, dot, n);
}

CPU_INLINE void moments_rows(const void *x, int rows, int64_t n, const float *shift, float *a, float *b,
                             const bool half)
{
    int64_t i = 0;
    for (; i + CPU_VF <= n; i += CPU_VF)
        moments_of(behind(x, i, half), rows, n, shift + i, a + i, b + i, CPU_VF, half);
    if (i < n)
        moments_of(behind(x, i, half), rows, n, shift + i, a + i, b + i, n - i, half);
}

CPU_INLINE void sums_rows(const float *dy, const void *x, int rows, int64_t n, const float *shift, float *a, float *b,
                          const bool half)
{
    int64_t i = 0;
    for (; i + CPU_VF <= n; i += CPU_VF)
        sums_of(dy + i, behind(x, i, half), rows, n, shift + i, a + i, b + i, CPU_VF, half);
    if (i < n)
        sums_of(dy + i, behind(x, i, half), rows, n, shift + i, a + i, b + i, n - i, half);
}

CPU_INLINE void all_moments(const void *x, int64_t rows, int64_t n, const float *shift, float *a, float *b,
                            const bool half)
{
    memset(a, 0, (size_t)n * sizeof *a);
    memset(b, 0, (size_t)n * sizeof *b);
    for (; rows >= ROWS; rows -= ROWS, x = behind(x, ROWS * n, half))
        moments_rows(x, ROWS, n, shift, a, b, half);
    for (; rows > 0; rows--, x = behind(x, n, half))
        moments_rows(x, 1, n, shift, a, b, half);
}

CPU_INLINE void all_sums(const float *dy, const void *x, int64_t rows, int64_t n, const float *shift, float *a,
                         float *b, const bool half)
{
    memset(a, 0, (size_t)n * sizeof *a);
    memset(b, 0, (size_t)n * sizeof *b);
    for (; rows >= ROWS; rows -= ROWS, x = behind(x, ROWS * n, half), dy += ROWS * n)
        sums_rows(dy, x, ROWS, n, shift, a, b, half);
    for (; rows > 0; rows--, x = behind(x, n, half), dy += n)
        sums_rows(dy, x, 1, n, shift, a, b, half);
}

static void moments(const void *x, int64_t rows, int64_t n, const float *shift, float *a, float *b)
{
    all_moments(x, rows, n, shift, a, b, false);
}

static void moments_half(const void *x, int64_t rows, int64_t n, const float *shift, float *a, float *b)
{
    all_moments(x, rows, n, shift, a, b, true);
}

static void sums(const float *dy, const void *x, int64_t rows, int64_t n, const float *shift, float *a, float *b)
{
    all_sums(dy, x, rows, n, shift, a, b, false);
}

static void sums_half(const float *dy, const void *x, int64_t rows, int64_t n, const float *shift, float *a, float *b)
{
    all_sums(dy, x, rows, n, shift, a, b, true);
}

extern const cpu_moments_fns CPU_NAME(cpu_moments_fns);
const cpu_moments_fns CPU_NAME(cpu_moments_fns) = {{moments, moments_half}, {sums, sums_half}};
