/* conv_depth.tile.c: the inner loops of the depthwise convolution: lanes are channels. See conv_parts.h. */
#include "cpu/core/conv_act.h"
#include "cpu/core/conv_parts.h"

enum { MOST = 8 }; /* pixels that share a load of the weights */

/* A whole vector past the caches, aligned. */
CPU_INLINE void stream(float *p, cpu_vf v)
{
#if CPU_VEC_AVX512
    _mm512_stream_ps(p, (__m512)v);
#elif CPU_VEC_AVX2
    _mm256_stream_ps(p, (__m256)v);
#else
    cpu_vf_store(p, v);
#endif
}

CPU_INLINE void fence(void)
{
#if CPU_VF > 4
    _mm_sfence();
#endif
}

/* Taps from..end of one dimension that lie within 0..size, the first at `at`. */
typedef struct range {
    int64_t from, end;
} range;

CPU_INLINE range taps_inside(int64_t at, int64_t taps, int64_t step, int64_t size)
{
    range r = {at < 0 ? conv_min(taps, conv_ceil(-at, step)) : 0, 0};
    r.end = at < size ? conv_min(taps, (size - 1 - at) / step + 1) : 0;
    return r.end > r.from ? r : (range){0, 0};
}

/* Output columns all of whose taps lie within the row. */
static range columns_inside(const conv_problem *p)
{
    if (p->kw == 0)
        return (range){0, p->ow};
    int64_t room = p->w - 1 - (p->kw - 1) * p->dw - p->left;
    range r = {p->left < 0 ? conv_min(p->ow, conv_ceil(-p->left, p->sw)) : 0, 0};
    r.end = room < 0 ? 0 : conv_min(p->ow, room / p->sw + 1);
    return r.end > r.from ? r : (range){0, 0};
}

/* The place `by` numbers further on, of f32 or bf16. */
CPU_INLINE const void *moved(const void *p, int64_t by, const bool half)
{
    return (const char *)p + by * (half ? 2 : 4);
}

/* past: whole vectors, past the caches. */
CPU_INLINE void store_as(void *p, cpu_vf v, int64_t n, const bool half, const bool past)
{
    if (!half && past)
        stream(p, v);
#if CPU_VEC_AVX512
    else if (past)
        _mm256_stream_si256(p, (__m256i)cpu_bf16_of_vf(v));
#endif
    else
        cpu_vf_store_as(p, 0, v, n, half);
}

/* P pixels from `column` of a row, taps r and q, all channels; half: x and y are bf16, and nothing is added. */
CPU_INLINE void pixels(const conv_depth_rows *a, int64_t to, int64_t row, int64_t column, range r, range q, const int P,
                       const bool half)
{
    const conv_problem *p = a->p;
    const int64_t channels = p->groups, line = p->w * channels, step = p->sw * channels, next = p->dw * channels;
    const void *x = moved(
        a->x, (p->top + row * p->sh + r.from * p->dh) * line + (p->left + column * p->sw + q.from * p->dw) * channels,
        half);
    /* Strides of a pixel defeat the hardware's prefetching: ask for what the next output row needs first. */
    const void *ahead = moved(x, ((r.end - r.from - 1) * p->dh + p->sh) * line, half);
    if (r.end == r.from || q.end == q.from)
        r.end = r.from;
    for (int64_t c = 0; c < channels; c += CPU_VF) {
        const int64_t n = channels - c;
        cpu_vf acc[MOST], first = a->to.bias ? cpu_vf_load_upto(a->to.bias + c, n) : cpu_vf_set1(0.0f);
        CPU_UNROLL for (int i = 0; i < P; i++)
        {
            acc[i] = first;
            __builtin_prefetch(moved(ahead, i * step + c, half));
        }
        for (int64_t t = r.from; t < r.end; t++) {
            const void *xr = moved(x, (t - r.from) * p->dh * line + c, half);
            const float *w = a->w + (t * p->kw + q.from) * channels + c;
            if (n >= CPU_VF) {
                for (int64_t s = q.from; s < q.end; s++, xr = moved(xr, next, half), w += channels) {
                    cpu_vf b = cpu_vf_load(w);
                    CPU_UNROLL for (int i = 0; i < P; i++) acc[i] +=
                        b * cpu_vf_load_as(moved(xr, i * step, half), 0, CPU_VF, half);
                }
            } else {
                for (int64_t s = q.from; s < q.end; s++, xr = moved(xr, next, half), w += channels) {
                    cpu_vf b = cpu_vf_load_n(w, n);
                    CPU_UNROLL for (int i = 0; i < P; i++) acc[i] +=
                        b * cpu_vf_load_as(moved(xr, i * step, half), 0, n, half);
                }
            }
        }
        CPU_UNROLL for (int i = 0; i < P; i++)
        {
            if (a->to.add && !a->to.add_last)
                acc[i] += cpu_vf_load_upto(a->to.add + to + i * p->y_pixel + c, n);
            if (a->to.relu)
                acc[i] = conv_activate(acc[i], a->to.slope, a->to.most);
            if (a->to.add && a->to.add_last)
                acc[i] += cpu_vf_load_upto(a->to.add + to + i * p->y_pixel + c, n);
            char *y = (char *)(void *)a->y + (to + i * p->y_pixel + c) * (half ? 2 : 4);
            store_as(y, acc[i], n, half, a->past);
        }
    }
}

#define DEFINE(P)                                                                                                      \
    static void pixels_##P(const conv_depth_rows *a, int64_t to, int64_t row, int64_t column, range r, range q)        \
    {                                                                                                                  \
        pixels(a, to, row, column, r, q, P, false);                                                                    \
    }                                                                                                                  \
    static void half_##P(const conv_depth_rows *a, int64_t to, int64_t row, int64_t column, range r, range q)          \
    {                                                                                                                  \
        pixels(a, to, row, column, r, q, P, true);                                                                     \
    }
DEFINE(1)
DEFINE(2)
DEFINE(3)
DEFINE(4)
DEFINE(5)
DEFINE(6)
DEFINE(7)
DEFINE(8)

static void (*const pixels_of[2][MOST])(const conv_depth_rows *, int64_t, int64_t, int64_t, range, range) = {
    {pixels_1, pixels_2, pixels_3, pixels_4, pixels_5, pixels_6, pixels_7, pixels_8},
    {half_1, half_2, half_3, half_4, half_5, half_6, half_7, half_8}};

static void depth_rows(const conv_depth_rows *a)
{
    const conv_problem *p = a->p;
    const range in = columns_inside(p), all = {0, p->kw};
    for (int64_t row = a->first; row < a->end; row++) {
        const int64_t y = row * p->y_row;
        const range r = taps_inside(p->top + row * p->sh, p->kh, p->dh, p->h);
        for (int64_t column = 0; column < p->ow;) {
            int64_t count = 1;
            if (column >= in.from && column < in.end) {
                int64_t left = in.end - column;
                count = conv_ceil(left, conv_ceil(left, MOST));
                pixels_of[p->half_x][count - 1](a, y + column * p->y_pixel, row, column, r, all);
            } else {
                range q = taps_inside(p->left + column * p->sw, p->kw, p->dw, p->w);
                if (r.end == r.from)
                    q = (range){0, 0};
                pixels_of[p->half_x][0](a, y + column * p->y_pixel, row, column, r, q);
            }
            column += count;
        }
    }
    if (a->past)
        fence();
}

/* R rows of Q taps from (r, q): sums over columns from..end of one row of dy, for CPU_VF channels. */
CPU_INLINE void sum_taps(const conv_depth_sums *a, const float *x, const float *dy, float *dw, int64_t count,
                         int64_t ahead, const int R, const int Q)
{
    const conv_problem *p = a->p;
    const int64_t channels = p->groups, step = p->sw * channels, next = p->dw * channels;
    const int64_t line = p->dh * p->w * channels;
    cpu_vf acc[3][7];
    CPU_UNROLL for (int r = 0; r < R; r++)
    {
        CPU_UNROLL for (int q = 0; q < Q; q++) acc[r][q] = cpu_vf_load(dw + (r * p->kw + q) * channels);
    }
    for (int64_t i = 0; i < count; i++, x += step, dy += p->y_pixel) {
        cpu_vf g = cpu_vf_load(dy);
        __builtin_prefetch(x + ahead);
        __builtin_prefetch(dy + p->y_row);
        CPU_UNROLL for (int r = 0; r < R; r++)
        {
            CPU_UNROLL for (int q = 0; q < Q; q++) acc[r][q] += g * cpu_vf_load(x + r * line + q * next);
        }
    }
    CPU_UNROLL for (int r = 0; r < R; r++)
    {
        CPU_UNROLL for (int q = 0; q < Q; q++) cpu_vf_store(dw + (r * p->kw + q) * channels, acc[r][q]);
    }
}

/* The taps of one row of the window, as many as there are. */
static void sum_row(const conv_depth_sums *a, const float *x, const float *dy, float *dw, int64_t count, int64_t ahead)
{
    const conv_problem *p = a->p;
    int64_t q = 0;
    for (; q + 7 <= p->kw; q += 7)
        sum_taps(a, x + q * p->dw * p->groups, dy, dw + q * p->groups, count, ahead, 1, 7);
    for (; q + 3 <= p->kw; q += 3)
        sum_taps(a, x + q * p->dw * p->groups, dy, dw + q * p->groups, count, ahead, 1, 3);
    for (; q < p->kw; q++)
        sum_taps(a, x + q * p->dw * p->groups, dy, dw + q * p->groups, count, ahead, 1, 1);
}

/* Columns whose taps are all inside; channels c..c + CPU_VF. */
static void sum_inside(const conv_depth_sums *a, int64_t row, range in, range r, int64_t c)
{
    const conv_problem *p = a->p;
    const int64_t channels = p->groups, line = p->w * channels;
    const float *x = a->x + (p->top + row * p->sh + r.from * p->dh) * line + (p->left + in.from * p->sw) * channels + c;
    const float *dy = a->dy + row * p->y_row + in.from * p->y_pixel + c;
    const int64_t ahead = ((r.end - r.from - 1) * p->dh + p->sh) * line; /* what the next row of dy meets first */
    if (r.end - r.from == 3 && p->kw == 3) {
        sum_taps(a, x, dy, a->dw + r.from * p->kw * channels + c, in.end - in.from, ahead, 3, 3);
        return;
    }
    for (int64_t t = r.from; t < r.end; t++, x += p->dh * line)
        sum_row(a, x, dy, a->dw + t * p->kw * channels + c, in.end - in.from, ahead);
}

/* One pixel, whatever taps it has, channels c.. of which n are there. */
CPU_INLINE void sum_pixel(const conv_depth_sums *a, int64_t row, int64_t column, range r, int64_t c, int64_t n)
{
    const conv_problem *p = a->p;
    const int64_t channels = p->groups;
    const range q = taps_inside(p->left + column * p->sw, p->kw, p->dw, p->w);
    const cpu_vf g = cpu_vf_load_upto(a->dy + row * p->y_row + column * p->y_pixel + c, n);
    for (int64_t t = r.from; t < r.end; t++)
        for (int64_t s = q.from; s < q.end; s++) {
            int64_t at = (p->top + row * p->sh + t * p->dh) * p->w + p->left + column * p->sw + s * p->dw;
            float *dw = a->dw + (t * p->kw + s) * channels + c;
            cpu_vf_store_upto(dw, cpu_vf_load_upto(dw, n) + g * cpu_vf_load_upto(a->x + at * channels + c, n), n);
        }
}

static void sum_bias(const conv_depth_sums *a, int64_t row, int64_t c, int64_t n)
{
    const conv_problem *p = a->p;
    const float *dy = a->dy + row * p->y_row + c;
    cpu_vf total = cpu_vf_load_upto(a->db + c, n);
    for (int64_t i = 0; i < p->ow; i++)
        total += cpu_vf_load_upto(dy + i * p->y_pixel, n);
    cpu_vf_store_upto(a->db + c, total, n);
}

static void depth_sums(const conv_depth_sums *a)
{
    const conv_problem *p = a->p;
    const range in = columns_inside(p);
    for (int64_t row = a->first; row < a->end; row++) {
        const range r = taps_inside(p->top + row * p->sh, p->kh, p->dh, p->h);
        for (int64_t c = 0; c < p->groups; c += CPU_VF) {
            const int64_t n = p->groups - c;
            const range whole = n >= CPU_VF && r.end > r.from ? in : (range){0, 0};
            for (int64_t column = 0; column < whole.from; column++)
                sum_pixel(a, row, column, r, c, n);
            if (whole.end > whole.from)
                sum_inside(a, row, whole, r, c);
            for (int64_t column = whole.end; column < p->ow; column++)
                sum_pixel(a, row, column, r, c, n);
            if (a->db)
                sum_bias(a, row, c, n);
        }
    }
}

const conv_depth_kernels CPU_NAME(conv_depth) = {depth_rows, depth_sums};
