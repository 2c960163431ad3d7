/* pool.tile.c: pooling with channels last: lanes are channels. See pool_parts.h. */
#include "cpu/core/pool_parts.h"
#include "cpu/core/vec.h"

#include <math.h>

/* One truth value per lane: in a mask register where there are such. */
#if CPU_VEC_AVX512
typedef __mmask16 lanes;

/* Where x takes the place of the maximum so far. */
CPU_INLINE lanes wins(cpu_vf x, cpu_vf top)
{
    return _mm512_cmp_ps_mask((__m512)x, (__m512)top, _CMP_GT_OQ) |
           _mm512_cmp_ps_mask((__m512)x, (__m512)x, _CMP_UNORD_Q);
}

/* Where one of them is a NaN. */
CPU_INLINE lanes either_nan(cpu_vf a, cpu_vf b)
{
    return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_UNORD_Q);
}

CPU_INLINE lanes equal(cpu_vi a, cpu_vi b)
{
    return _mm512_cmpeq_epi32_mask((__m512i)a, (__m512i)b);
}

CPU_INLINE cpu_vf choose(lanes m, cpu_vf a, cpu_vf b)
{
    return (cpu_vf)_mm512_mask_blend_ps(m, (__m512)b, (__m512)a);
}

CPU_INLINE cpu_vi choose_int(lanes m, cpu_vi a, cpu_vi b)
{
    return (cpu_vi)_mm512_mask_blend_epi32(m, (__m512i)b, (__m512i)a);
}
#else
typedef cpu_vi lanes;

CPU_INLINE lanes wins(cpu_vf x, cpu_vf top)
{
    return (x > top) | (x != x);
}

CPU_INLINE lanes either_nan(cpu_vf a, cpu_vf b)
{
    return (a != a) | (b != b);
}

CPU_INLINE lanes equal(cpu_vi a, cpu_vi b)
{
    return a == b;
}

CPU_INLINE cpu_vf choose(lanes m, cpu_vf a, cpu_vf b)
{
    return cpu_vf_select(m, a, b);
}

CPU_INLINE cpu_vi choose_int(lanes m, cpu_vi a, cpu_vi b)
{
    return cpu_vi_select(m, a, b);
}
#endif

/* A window's pixels that lie in the picture. */
typedef struct window {
    int64_t at;            /* the first, in floats from the picture's start */
    int64_t rows, columns; /* 0 if there is none */
    int64_t line, step;    /* floats from tap to tap */
} window;

CPU_INLINE window window_at(const pool_piece *a, pool_range r, int64_t row, int64_t column)
{
    const cpu_pool *p = a->p;
    const int64_t left = column * p->stride[1] - p->pad[1], top = row * p->stride[0] - p->pad[0];
    const pool_range q = pool_taps(left, p->kw, p->dilation[1], p->w);
    window w = {.line = p->dilation[0] * p->w * p->c, .step = p->dilation[1] * p->c};
    w.rows = q.end > q.from ? r.end - r.from : 0;
    w.columns = r.end > r.from ? q.end - q.from : 0;
    w.at = w.rows ? ((top + r.from * p->dilation[0]) * p->w + left + q.from * p->dilation[1]) * p->c : 0;
    return w;
}

/* The largest, and where there was a NaN, which the maximum alone may lose: numbers are looked at two by two. */
CPU_INLINE void max_window(const pool_piece *a, const window *w, int64_t to, const int64_t rows, const int64_t columns,
                           const bool half_x, const bool half_y)
{
    for (int64_t c = a->channel; c < a->channel_end; c += CPU_VF) {
        const int64_t n = a->channel_end - c;
        cpu_vf top = rows ? cpu_vf_load_as(a->x, w->at + c, n, half_x) : cpu_vf_set1(-INFINITY), before = top;
        lanes nan = either_nan(top, top);
        for (int64_t r = 0; r < rows; r++)
            for (int64_t q = 0; q < columns; q++) {
                const cpu_vf x = cpu_vf_load_as(a->x, w->at + r * w->line + q * w->step + c, n, half_x);
                top = cpu_vf_max(x, top); /* of equal ones the first */
                if ((r * columns + q) % 2)
                    nan |= either_nan(before, x);
                before = x;
            }
        nan |= either_nan(before, before);
        cpu_vf_store_as(a->y, to + c, choose(nan, cpu_vf_set1(NAN), top), n, half_y);
    }
}

CPU_INLINE void max_rows(const pool_piece *a, const bool half_x, const bool half_y)
{
    const cpu_pool *p = a->p;
    for (int64_t row = a->first; row < a->end; row++) {
        const pool_range r = pool_taps(row * p->stride[0] - p->pad[0], p->kh, p->dilation[0], p->h);
        for (int64_t column = 0; column < p->ow; column++) {
            const window w = window_at(a, r, row, column);
            const int64_t to = (row * p->ow + column) * p->c;
            if (w.rows == 2 && w.columns == 2)
                max_window(a, &w, to, 2, 2, half_x, half_y);
            else if (w.rows == 3 && w.columns == 3)
                max_window(a, &w, to, 3, 3, half_x, half_y);
            else
                max_window(a, &w, to, w.rows, w.columns, half_x, half_y);
        }
    }
}

static void pool_max(const pool_piece *a)
{
    if (a->p->half_x)
        a->p->half_y ? max_rows(a, true, true) : max_rows(a, true, false);
    else
        a->p->half_y ? max_rows(a, false, true) : max_rows(a, false, false);
}

/* Gives the window's gradient to its winner; alone: no other window has these pixels, so they are written, not added. */
CPU_INLINE void max_grad_window(const pool_piece *a, const window *w, const float *dy, const int64_t rows,
                                const int64_t columns, const bool alone, const bool half_x, const bool half_dx)
{
    for (int64_t c = a->channel; c < a->channel_end; c += CPU_VF) {
        const int64_t n = a->channel_end - c;
        const cpu_vf g = cpu_vf_load_upto(dy + c, n), zero = cpu_vf_set1(0.0f);
        cpu_vf top = cpu_vf_load_as(a->x, w->at + c, n, half_x);
        cpu_vi winner = {0}, tap = {0};
        for (int64_t r = 0; r < rows; r++)
            for (int64_t q = 0; q < columns; q++, tap += 1) {
                cpu_vf x = cpu_vf_load_as(a->x, w->at + r * w->line + q * w->step + c, n, half_x);
                const lanes m = wins(x, top);
                top = choose(m, x, top);
                winner = choose_int(m, tap, winner);
            }
        tap = (cpu_vi){0};
        for (int64_t r = 0; r < rows; r++)
            for (int64_t q = 0; q < columns; q++, tap += 1) {
                const int64_t to = w->at + r * w->line + q * w->step + c;
                const cpu_vf part = choose(equal(winner, tap), g, zero);
                cpu_vf_store_as(a->dx, to, alone ? part : cpu_vf_load_as(a->dx, to, n, half_dx) + part, n, half_dx);
            }
    }
}

/* Zeros to pixels from..end (counted through the rows) of the piece's channels. */
static void clear(const pool_piece *a, int64_t from, int64_t end)
{
    const int64_t c = a->p->c, size = a->p->half_dx ? 2 : 4;
    char *dx = a->dx;
    if (a->channel == 0 && a->channel_end == c && end > from) {
        memset(dx + from * c * size, 0, (size_t)((end - from) * c * size));
        return;
    }
    for (int64_t i = from; i < end; i++)
        memset(dx + (i * c + a->channel) * size, 0, (size_t)((a->channel_end - a->channel) * size));
}

/* Rows of dx are cleared just before the first window that reaches them, while they are about to be in the cache. */
CPU_INLINE void max_grad_rows(const pool_piece *a, const bool half_x, const bool half_dx)
{
    const cpu_pool *p = a->p;
    const bool tiles = cpu_pool_apart(p);
    const bool covers = tiles && p->pad[0] == 0 && p->pad[1] == 0 && p->ow * 2 >= p->w;
    int64_t cleared = a->dx_first;
    for (int64_t row = a->first; row < a->end; row++) {
        const int64_t top = row * p->stride[0] - p->pad[0];
        const pool_range r = pool_taps(top, p->kh, p->dilation[0], p->h);
        int64_t need = r.end > r.from ? top + (r.end - 1) * p->dilation[0] + 1 : cleared;
        if (covers && r.end - r.from == 2 && cleared == top)
            cleared = need; /* whole windows write all of these two rows */
        for (; cleared < need; cleared++)
            clear(a, cleared * p->w, (cleared + 1) * p->w);
        for (int64_t column = 0; column < p->ow; column++) {
            const window w = window_at(a, r, row, column);
            const float *dy = a->dy + (row * p->ow + column) * p->c;
            if (w.rows == 0)
                continue;
            if (tiles && w.rows == 2 && w.columns == 2)
                max_grad_window(a, &w, dy, 2, 2, true, half_x, half_dx);
            else if (tiles)
                max_grad_window(a, &w, dy, w.rows, w.columns, true, half_x, half_dx);
            else if (w.rows == 3 && w.columns == 3)
                max_grad_window(a, &w, dy, 3, 3, false, half_x, false);
            else
                max_grad_window(a, &w, dy, w.rows, w.columns, false, half_x, false);
        }
    }
    clear(a, cleared * p->w, a->dx_end * p->w);
}

static void pool_max_grad(const pool_piece *a)
{
    if (a->p->half_x)
        a->p->half_dx ? max_grad_rows(a, true, true) : max_grad_rows(a, true, false);
    else
        a->p->half_dx ? max_grad_rows(a, false, true) : max_grad_rows(a, false, false);
}

static void pool_avg(const pool_piece *a)
{
    const cpu_pool *p = a->p;
    for (int64_t row = a->first; row < a->end; row++) {
        const int64_t top = row * p->stride[0] - p->pad[0];
        const pool_range r = pool_taps(top, p->kh, 1, p->h);
        for (int64_t column = 0; column < p->ow; column++) {
            const int64_t left = column * p->stride[1] - p->pad[1];
            const window w = window_at(a, r, row, column);
            const float size = pool_divisor(p, top, left, r, pool_taps(left, p->kw, 1, p->w));
            float *y = (float *)a->y + (row * p->ow + column) * p->c;
            for (int64_t c = a->channel; c < a->channel_end; c += CPU_VF) {
                const int64_t n = a->channel_end - c;
                cpu_vf sum = cpu_vf_set1(0.0f);
                for (int64_t i = 0; i < w.rows; i++)
                    for (int64_t q = 0; q < w.columns; q++)
                        sum += cpu_vf_load_upto((const float *)a->x + w.at + i * w.line + q * w.step + c, n);
                cpu_vf_store_upto(y + c, w.rows ? sum / size : sum, n);
            }
        }
    }
}

/* Each pixel collects from the windows that hold it. */
static void avg_grad_pixel(const pool_piece *a, pool_range rows, pool_range columns, float *dx)
{
    const cpu_pool *p = a->p;
    bool first = true;
    for (int64_t row = rows.from; row < rows.end; row++) {
        const int64_t top = row * p->stride[0] - p->pad[0];
        const pool_range r = pool_taps(top, p->kh, 1, p->h);
        for (int64_t column = columns.from; column < columns.end; column++, first = false) {
            const int64_t left = column * p->stride[1] - p->pad[1];
            const float share = 1.0f / pool_divisor(p, top, left, r, pool_taps(left, p->kw, 1, p->w));
            const float *dy = a->dy + (row * p->ow + column) * p->c;
            for (int64_t c = a->channel; c < a->channel_end; c += CPU_VF) {
                const int64_t n = a->channel_end - c;
                const cpu_vf part = cpu_vf_load_upto(dy + c, n) * share;
                cpu_vf_store_upto(dx + c, first ? part : part + cpu_vf_load_upto(dx + c, n), n);
            }
        }
    }
    if (first)
        memset(dx + a->channel, 0, (size_t)(a->channel_end - a->channel) * sizeof *dx);
}

static void pool_avg_grad(const pool_piece *a)
{
    const cpu_pool *p = a->p;
    for (int64_t row = a->first; row < a->end; row++) {
        const pool_range rows = pool_windows(row, p->pad[0], p->kh, p->stride[0], p->oh);
        for (int64_t column = 0; column < p->w; column++)
            avg_grad_pixel(a, rows, pool_windows(column, p->pad[1], p->kw, p->stride[1], p->ow),
                           (float *)a->dx + (row * p->w + column) * p->c);
    }
}

const pool_kernels CPU_NAME(pool_kernels) = {CPU_VF, pool_max, pool_max_grad, pool_avg, pool_avg_grad};
