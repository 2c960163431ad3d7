/* conv_view.c: input pixels as the tiles of the convolution want them; see conv_parts.h. */
#include "cpu/core/conv_parts.h"

#include <string.h>

bool conv_in_range(const conv_problem *p)
{
    return p->top >= 0 && p->left >= 0 && p->top + (p->oh - 1) * p->sh + (p->kh - 1) * p->dh < p->h &&
           p->left + (p->ow - 1) * p->sw + (p->kw - 1) * p->dw < p->w;
}

/* Rows of one phase of an expanded copy that a band of `rows` output rows reads. */
static int64_t phase_rows(const conv_problem *p, int64_t rows)
{
    return rows + (p->kh - 1) * p->dh / p->sh;
}

static void set_direct(conv_view *v, const conv_problem *p)
{
    const int64_t pixel = p->groups * p->c_in;
    v->step = p->sw * pixel;
    v->row = p->sh * p->w * pixel;
    v->image = p->h * p->w * pixel;
    for (int64_t t = 0; v->off && t < p->kh * p->kw; t++)
        v->off[t] = ((p->top + t / p->kw * p->dh) * p->w + p->left + t % p->kw * p->dw) * pixel;
}

static void set_padded(conv_view *v, const conv_problem *p, int64_t rows)
{
    v->columns = (p->ow - 1) * p->sw + (p->kw - 1) * p->dw + 1;
    v->step = p->sw * p->c_in;
    v->row = p->sh * v->columns * p->c_in;
    v->image = ((rows - 1) * p->sh + (p->kh - 1) * p->dh + 1) * v->columns * p->c_in;
    for (int64_t t = 0; v->off && t < p->kh * p->kw; t++)
        v->off[t] = (t / p->kw * p->dh * v->columns + t % p->kw * p->dw) * p->c_in;
}

static void set_expanded(conv_view *v, const conv_problem *p, int64_t rows)
{
    v->phase_rows = phase_rows(p, rows);
    v->step = p->c_in;
    v->row = p->ow * p->c_in;
    v->image = p->kw * p->sh * v->phase_rows * v->row;
    for (int64_t t = 0; v->off && t < p->kh * p->kw; t++) {
        int64_t r = t / p->kw * p->dh, plane = t % p->kw * p->sh + r % p->sh;
        v->off[t] = (plane * v->phase_rows + r / p->sh) * v->row;
    }
}

/* Where the taps of a row follow each other without a gap, the row is one segment. */
static void join_taps(conv_view *v, const conv_problem *p)
{
    if (v->mode == CONV_EXPANDED || p->dw != 1 || p->kw < 2 || (v->mode == CONV_DIRECT && p->groups > 1))
        return;
    for (int64_t r = 0; v->off && r < p->kh; r++)
        v->off[r] = v->off[r * p->kw];
    v->segments = p->kh;
    v->length = p->kw * p->c_in;
}

void conv_view_set(conv_view *v, const conv_problem *p, conv_mode mode, int64_t rows, int64_t *off)
{
    *v = (conv_view){.mode = mode, .segments = p->kh * p->kw, .length = p->c_in, .off = off};
    if (v->segments == 0) /* a sum of nothing: the kernels look at no pixel */
        return;
    if (mode == CONV_DIRECT)
        set_direct(v, p);
    else if (mode == CONV_PADDED)
        set_padded(v, p, rows);
    else if (mode == CONV_EXPANDED)
        set_expanded(v, p, rows);
    if (mode == CONV_COLUMNS) {
        v->step = v->length = p->kh * p->kw * p->c_in;
        v->row = p->ow * v->step;
        v->image = rows * v->row;
        v->segments = 1;
        if (off)
            off[0] = 0;
    } else {
        join_taps(v, p);
    }
    v->flat = v->row == p->ow * v->step;
}

int64_t conv_view_floats(const conv_view *v)
{
    return v->mode == CONV_DIRECT ? 0 : v->image;
}

/* `count` pixels of `channels` floats, those at columns first, first + step, ... of a row; zeros where there are none.
 * src is column 0 of the row, or NULL if the row is in the padding. */
static void copy_pixels(float *dst, const float *src, int64_t pixel, int64_t channels, int64_t first, int64_t step,
                        int64_t count, int64_t width)
{
    int64_t begin = first < 0 ? conv_min(count, conv_ceil(-first, step)) : 0;
    int64_t end = first >= width ? 0 : conv_min(count, (width - 1 - first) / step + 1);
    if (!src || end <= begin)
        begin = end = 0;
    memset(dst, 0, (size_t)(begin * channels) * sizeof *dst);
    memset(dst + end * channels, 0, (size_t)((count - end) * channels) * sizeof *dst);
    if (end == begin)
        return;
    src += (first + begin * step) * pixel;
    dst += begin * channels;
    if (step == 1 && pixel == channels) {
        memcpy(dst, src, (size_t)((end - begin) * channels) * sizeof *dst);
        return;
    }
    for (int64_t i = begin; i < end; i++, src += step * pixel, dst += channels)
        memcpy(dst, src, (size_t)channels * sizeof *dst);
}

static void fill_padded(const conv_view *v, const conv_problem *p, const float *x, int64_t first, int64_t end,
                        float *dst)
{
    const int64_t pixel = p->groups * p->c_in;
    int64_t from = p->top + first * p->sh, rows = (end - first - 1) * p->sh + (p->kh - 1) * p->dh + 1;
    for (int64_t r = from; r < from + rows; r++, dst += v->columns * p->c_in)
        copy_pixels(dst, r >= 0 && r < p->h ? x + r * p->w * pixel : NULL, pixel, p->c_in, p->left, 1, v->columns,
                    p->w);
}

static void fill_expanded(const conv_view *v, const conv_problem *p, const float *x, int64_t first, int64_t end,
                          float *dst)
{
    const int64_t pixel = p->groups * p->c_in, rows = phase_rows(p, end - first);
    for (int64_t c = 0; c < p->kw; c++)
        for (int64_t phase = 0; phase < p->sh; phase++)
            for (int64_t i = 0; i < rows; i++) {
                int64_t r = p->top + (first + i) * p->sh + phase;
                copy_pixels(dst + ((c * p->sh + phase) * v->phase_rows + i) * v->row,
                            r >= 0 && r < p->h ? x + r * p->w * pixel : NULL, pixel, p->c_in, p->left + c * p->dw,
                            p->sw, p->ow, p->w);
            }
}

/* One row of taps of one output row; src is column 0 of the input row, or NULL. */
static void fill_columns_row(const conv_problem *p, const conv_kernels *k, const float *src, float *dst)
{
    const int64_t pixel = p->groups * p->c_in, all = p->kh * p->kw * p->c_in;
    const bool joined = p->dw == 1 && pixel == p->c_in;
    for (int64_t o = 0; o < p->ow;) {
        const int64_t column = p->left + o * p->sw, last = column + (p->kw - 1) * p->dw;
        if (joined && src && column >= 0 && last < p->w) { /* as many windows as lie inside */
            const int64_t count = conv_min(p->ow - o, (p->w - 1 - last) / p->sw + 1);
            k->runs(src + column * pixel, p->sw * pixel, dst + o * all, all, p->kw * pixel, count);
            o += count;
        } else {
            copy_pixels(dst + o * all, src, pixel, p->c_in, column, p->dw, p->kw, p->w);
            o++;
        }
    }
}

static void fill_columns(const conv_view *v, const conv_problem *p, const conv_kernels *k, const float *x,
                         int64_t first, int64_t end, float *dst)
{
    for (int64_t row = first; row < end; row++, dst += v->row)
        for (int64_t r = 0; r < p->kh; r++) {
            const int64_t from = p->top + row * p->sh + r * p->dh;
            const float *src = from >= 0 && from < p->h ? x + from * p->w * p->groups * p->c_in : NULL;
            fill_columns_row(p, k, src, dst + r * p->kw * p->c_in);
        }
}

const float *conv_view_fill(const conv_view *v, const conv_problem *p, const conv_kernels *k, const float *x,
                            int64_t image, int64_t images, int64_t group, int64_t first, int64_t end, float *buffer)
{
    if (p->kh * p->kw == 0)
        return x;
    x += image * p->h * p->w * p->groups * p->c_in + group * p->c_in;
    if (v->mode == CONV_DIRECT)
        return x + first * v->row;
    for (int64_t i = 0; i < images; i++, x += p->h * p->w * p->groups * p->c_in) {
        float *dst = buffer + i * v->image;
        if (v->mode == CONV_PADDED)
            fill_padded(v, p, x, first, end, dst);
        else if (v->mode == CONV_EXPANDED)
            fill_expanded(v, p, x, first, end, dst);
        else
            fill_columns(v, p, k, x, first, end, dst);
    }
    return buffer;
}
