/* pool_parts.h: what the files of pooling share; no one else includes it. */
#ifndef CPU_POOL_PARTS_H
#define CPU_POOL_PARTS_H

#include "cpu/core/pool.h"

/* A piece of one picture, channels last; x, y, dx, dy point to the picture. */
typedef struct pool_piece {
    const cpu_pool *p;
    const void *x; /* f32 or bf16, as p says */
    const float *dy;
    void *y, *dx;
    int64_t first, end;       /* output rows; for the gradient of averages rows of dx */
    int64_t dx_first, dx_end; /* maximum's gradient: the rows of dx that are this piece's */
    int64_t channel, channel_end;
} pool_piece;

typedef struct pool_kernels {
    int lanes;
    void (*max)(const pool_piece *);
    void (*max_grad)(const pool_piece *);
    void (*avg)(const pool_piece *);
    void (*avg_grad)(const pool_piece *);
} pool_kernels;

extern const pool_kernels pool_kernels_portable, pool_kernels_avx2, pool_kernels_avx512;

/* The part of a window that begins at `at` (maybe in the padding) and lies within 0..size: taps from..end. */
typedef struct pool_range {
    int64_t from, end;
} pool_range;

static inline pool_range pool_taps(int64_t at, int64_t taps, int64_t step, int64_t size)
{
    pool_range r = {0, 0};
    if (step == 1) /* nearly always; a division takes longer than a window */
        r = (pool_range){at < 0 ? -at : 0, size - at};
    else
        r = (pool_range){at < 0 ? (-at + step - 1) / step : 0, at < size ? (size - 1 - at) / step + 1 : 0};
    r.end = r.end < taps ? r.end : taps;
    return r.end > r.from ? r : (pool_range){0, 0};
}

/* What the average of a window is divided by; `rows` and `columns` lie within the picture. */
static inline float pool_divisor(const cpu_pool *p, int64_t row, int64_t column, pool_range rows, pool_range columns)
{
    if (p->divisor)
        return (float)p->divisor;
    if (!p->count_pad)
        return (float)((rows.end - rows.from) * (columns.end - columns.from));
    int64_t bottom = p->h + p->pad[2], right = p->w + p->pad[3];
    int64_t high = row + p->kh < bottom ? p->kh : bottom - row;
    int64_t wide = column + p->kw < right ? p->kw : right - column;
    return (float)(high * wide);
}

/* Windows of one dimension that hold pixel `at`, when taps are neighbours. */
static inline pool_range pool_windows(int64_t at, int64_t pad, int64_t taps, int64_t stride, int64_t windows)
{
    int64_t from = at + pad - taps + 1;
    pool_range r = {from <= 0 ? 0 : (from + stride - 1) / stride, (at + pad) / stride + 1};
    r.end = r.end < windows ? r.end : windows;
    return r.end > r.from ? r : (pool_range){0, 0};
}

/* pool_plain.c: any strides, one plane (picture and channel) at a time. */
void pool_plain_max(const cpu_pool *p, const float *x, float *y);
void pool_plain_max_grad(const cpu_pool *p, const float *x, const float *dy, float *dx);
void pool_plain_avg(const cpu_pool *p, const float *x, float *y);
void pool_plain_avg_grad(const cpu_pool *p, const float *dy, float *dx);

#endif
