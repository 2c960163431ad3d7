/* moments.tile.c: the inner loops of moments.h, built once per instruction set. Several rows are read at once, so that the
 * running sums are loaded and stored once for all of them. */
#include "cpu/core/moments.h"
#include "cpu/core/vec.h"

enum { ROWS = 4, AHEAD = 16 << 10 /* bytes from what is read to what is asked for */ };

CPU_INLINE cpu_vf load(const float *p, int64_t n)
{
    return n >= CPU_VF ? cpu_vf_load(p) : cpu_vf_load_n(p, n);
}

/* Asking for what is not there does no harm. */
CPU_INLINE void ask(const float *p)
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
CPU_INLINE void moments_of(const float *x, int rows, int64_t stride, const float *shift, float *a, float *b, int64_t n)
{
    const cpu_vf k = load(shift, n);
    cpu_vf sum = {0}, square = {0};
    for (int r = 0; r < rows; r++) {
        const cpu_vf d = load(x + r * stride, n) - k;
        ask(x + r * stride);
        sum += d;
        square = cpu_vf_fma(d, d, square);
    }
    add(a, sum, n);
    add(b, square, n);
}

CPU_INLINE void sums_of(const float *dy, const float *x, int rows, int64_t stride, const float *shift, float *a,
                        float *b, int64_t n)
{
    const cpu_vf k = load(shift, n);
    cpu_vf sum = {0}, dot = {0};
    for (int r = 0; r < rows; r++) {
        const cpu_vf d = load(dy + r * stride, n);
        ask(dy + r * stride);
        ask(x + r * stride);
        sum += d;
        dot = cpu_vf_fma(d, load(x + r * stride, n) - k, dot);
    }
    add(a, sum, n);
    add(b, dot, n);
}

CPU_INLINE void moments_rows(const float *x, int rows, int64_t n, const float *shift, float *a, float *b)
{
    int64_t i = 0;
    for (; i + CPU_VF <= n; i += CPU_VF)
        moments_of(x + i, rows, n, shift + i, a + i, b + i, CPU_VF);
    if (i < n)
        moments_of(x + i, rows, n, shift + i, a + i, b + i, n - i);
}

CPU_INLINE void sums_rows(const float *dy, const float *x, int rows, int64_t n, const float *shift, float *a, float *b)
{
    int64_t i = 0;
    for (; i + CPU_VF <= n; i += CPU_VF)
        sums_of(dy + i, x + i, rows, n, shift + i, a + i, b + i, CPU_VF);
    if (i < n)
        sums_of(dy + i, x + i, rows, n, shift + i, a + i, b + i, n - i);
}

static void moments(const float *x, int64_t rows, int64_t n, const float *shift, float *a, float *b)
{
    memset(a, 0, (size_t)n * sizeof *a);
    memset(b, 0, (size_t)n * sizeof *b);
    for (; rows >= ROWS; rows -= ROWS, x += ROWS * n)
        moments_rows(x, ROWS, n, shift, a, b);
    for (; rows > 0; rows--, x += n)
        moments_rows(x, 1, n, shift, a, b);
}

static void sums(const float *dy, const float *x, int64_t rows, int64_t n, const float *shift, float *a, float *b)
{
    memset(a, 0, (size_t)n * sizeof *a);
    memset(b, 0, (size_t)n * sizeof *b);
    for (; rows >= ROWS; rows -= ROWS, x += ROWS * n, dy += ROWS * n)
        sums_rows(dy, x, ROWS, n, shift, a, b);
    for (; rows > 0; rows--, x += n, dy += n)
        sums_rows(dy, x, 1, n, shift, a, b);
}

extern const cpu_moments_fns CPU_NAME(cpu_moments_fns);
const cpu_moments_fns CPU_NAME(cpu_moments_fns) = {moments, sums};
