/* conv_winograd.tile.c: the transforms of Winograd's convolution F(4x4, 3x3), lanes being channels: 6 x 6 input pixels to
 * 36 numbers, 3 x 3 weights to 36, and 36 sums of their products to 4 x 4 output pixels. The matrices are those of Lavin
 * and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, section 4.3 (points 0, 1, -1, 2, -2, infinity). */
#include "cpu/core/conv_winograd.h"
#include "cpu/core/conv_act.h"

enum { IN = 6, OUT = 4, TAPS = 3 };

/* One column or row of the input: t = B' d. */
CPU_INLINE void transform_in(const cpu_vf d[IN], cpu_vf t[IN])
{
    const cpu_vf a = d[4] - 4.0f * d[2], b = d[3] - 4.0f * d[1], c = d[4] - d[2], e = 2.0f * (d[3] - d[1]);
    t[0] = 4.0f * d[0] - 5.0f * d[2] + d[4];
    t[1] = a + b;
    t[2] = a - b;
    t[3] = c + e;
    t[4] = c - e;
    t[5] = 4.0f * d[1] - 5.0f * d[3] + d[5];
}

/* y = A' m. */
CPU_INLINE void transform_out(const cpu_vf m[IN], cpu_vf y[OUT])
{
    const cpu_vf a = m[1] + m[2], b = m[1] - m[2], c = m[3] + m[4], e = m[3] - m[4];
    y[0] = m[0] + a + c;
    y[1] = b + 2.0f * e;
    y[2] = a + 4.0f * c;
    y[3] = b + 8.0f * e + m[5];
}

/* u = G g. */
CPU_INLINE void transform_taps(const cpu_vf g[TAPS], cpu_vf u[IN])
{
    const cpu_vf even = (g[0] + g[2]) * (-1.0f / 6), odd = g[1] * (1.0f / 6);
    const cpu_vf wide = g[0] * (1.0f / 24) + g[2] * (1.0f / 6), step = g[1] * (1.0f / 12);
    u[0] = 0.25f * g[0];
    u[1] = even - odd;
    u[2] = even + odd;
    u[3] = wide + step;
    u[4] = wide - step;
    u[5] = g[2];
}

/* For the gradient of weights, F(3x3, 4x4), the gradient of 4 outputs takes the place of the taps: u = G g, */
CPU_INLINE void transform_gradient(const cpu_vf g[OUT], cpu_vf u[IN])
{
    const cpu_vf even = (g[0] + g[2]) * (-1.0f / 6), odd = (g[1] + g[3]) * (1.0f / 6);
    const cpu_vf wide = g[0] * (1.0f / 24) + g[2] * (1.0f / 6), step = g[1] * (1.0f / 12) + g[3] * (1.0f / 3);
    u[0] = 0.25f * g[0];
    u[1] = even - odd;
    u[2] = even + odd;
    u[3] = wide + step;
    u[4] = wide - step;
    u[5] = g[3];
}

/* and the 3 taps that of the outputs: y = A' m. */
CPU_INLINE void transform_sums(const cpu_vf m[IN], cpu_vf y[TAPS])
{
    const cpu_vf a = m[1] + m[2], b = m[1] - m[2], c = m[3] + m[4], e = m[3] - m[4];
    y[0] = m[0] + a + c;
    y[1] = b + 2.0f * e;
    y[2] = a + 4.0f * c + m[5];
}

/* Channels c.. (n of them) of one tile; inside: all 36 pixels are in the picture. What is stored cannot change the steps, so they are
 * copied first. */
CPU_INLINE void input_channels(const conv_winograd_input *a, int64_t c, int64_t n, const bool inside, const bool half_x)
{
    cpu_vf half[IN][IN], line[IN], out[IN];
    const int64_t plane = a->plane, channels = a->channels, w = a->w, h = a->h, row0 = a->row, column0 = a->column;
    const int64_t below = w * channels, first = (row0 * w + column0) * channels + c;
    const void *x = a->x;
    float *v = a->v + c;
    for (int j = 0; j < IN; j++) {
        CPU_UNROLL for (int i = 0; i < IN; i++)
        {
            const int64_t row = row0 + i, column = column0 + j;
            const bool there = inside || (row >= 0 && row < h && column >= 0 && column < w);
            line[i] = there ? cpu_vf_load_as(x, first + i * below + j * channels, n, half_x) : cpu_vf_set1(0.0f);
        }
        transform_in(line, out);
        CPU_UNROLL for (int i = 0; i < IN; i++) half[i][j] = out[i];
    }
    for (int i = 0; i < IN; i++, v += IN * plane) {
        transform_in(half[i], out);
        CPU_UNROLL for (int j = 0; j < IN; j++) cpu_vf_store_upto(v + j * plane, out[j], n);
    }
}

/* Asks for `rows` of pixels that a later tile reads: strips of 4 by 4 are too short for the processor to see them coming. */
CPU_INLINE void ask_for(const char *from, int64_t rows, int64_t row_bytes, int64_t bytes)
{
    enum { LINE = 64 };
    for (int64_t i = 0; i < rows; i++, from += row_bytes)
        for (int64_t b = 0; b < bytes; b += LINE)
            __builtin_prefetch(from + b);
}

CPU_INLINE void input_of(const conv_winograd_input *a, const bool half)
{
    enum { AHEAD = 6 }; /* pixels: the tile after the next one; its upper rows were read for the tiles above */
    const int64_t pixel = a->channels * (half ? 2 : 4), new_row = a->row + IN - OUT;
    ask_for((const char *)a->x + (new_row * a->w + a->column + AHEAD) * pixel, OUT, a->w * pixel, OUT * pixel);
    const bool inside = a->row >= 0 && a->row + IN <= a->h && a->column >= 0 && a->column + IN <= a->w;
    for (int64_t c = 0; c < a->channels; c += CPU_VF)
        if (inside)
            input_channels(a, c, a->channels - c, true, half);
        else
            input_channels(a, c, a->channels - c, false, half);
}

static void winograd_input(const conv_winograd_input *a)
{
    if (a->half)
        input_of(a, true);
    else
        input_of(a, false);
}

CPU_INLINE void output_of(const conv_winograd_output *a, const bool half_y)
{
    cpu_vf half[OUT][IN], line[IN], out[OUT];
    const int64_t plane = a->plane, channels = a->channels, rows = a->rows, columns = a->columns, y_row = a->y_row;
    const int64_t y_pixel = a->y_pixel;
    for (int64_t c = 0; c < channels; c += CPU_VF) {
        const int64_t n = channels - c;
        const cpu_vf bias = a->end.bias ? cpu_vf_load_upto(a->end.bias + c, n) : cpu_vf_set1(0.0f);
        for (int j = 0; j < IN; j++) {
            CPU_UNROLL for (int i = 0; i < IN; i++) line[i] = cpu_vf_load(a->m + (i * IN + j) * plane + c);
            transform_out(line, out);
            CPU_UNROLL for (int i = 0; i < OUT; i++) half[i][j] = out[i];
        }
        for (int64_t i = 0; i < rows; i++) {
            transform_out(half[i], out);
            CPU_UNROLL for (int j = 0; j < OUT; j++)
            {
                if (j < columns) {
                    const int64_t at = i * y_row + j * y_pixel + c;
                    cpu_vf y = out[j] + bias;
                    if (a->end.add && !a->end.add_last)
                        y += cpu_vf_load_as(a->end.add, at, n, a->half_add);
                    if (a->end.relu)
                        y = conv_activate(y, a->end.slope, a->end.most);
                    if (a->end.add && a->end.add_last)
                        y += cpu_vf_load_as(a->end.add, at, n, a->half_add);
                    cpu_vf_store_as(a->y, at, y, n, half_y);
                }
            }
        }
    }
}

static void winograd_output(const conv_winograd_output *a)
{
    if (a->half_y)
        output_of(a, true);
    else
        output_of(a, false);
}

CPU_INLINE cpu_vf larger(cpu_vf a, cpu_vf b)
{
    return cpu_vf_select((b > a) | (b != b), b, a);
}

/* Bias and activation rise with the sum: what is largest before is largest behind. */
static void winograd_pooled(const conv_winograd_output *a)
{
    cpu_vf half[OUT][IN], line[IN], upper[OUT], lower[OUT];
    const int64_t plane = a->plane, channels = a->channels, rows = a->rows, columns = a->columns, y_row = a->y_row;
    const int64_t y_pixel = a->y_pixel;
    for (int64_t c = 0; c < channels; c += CPU_VF) {
        const int64_t n = channels - c;
        const cpu_vf bias = a->end.bias ? cpu_vf_load_upto(a->end.bias + c, n) : cpu_vf_set1(0.0f);
        for (int j = 0; j < IN; j++) {
            CPU_UNROLL for (int i = 0; i < IN; i++) line[i] = cpu_vf_load(a->m + (i * IN + j) * plane + c);
            transform_out(line, upper);
            CPU_UNROLL for (int i = 0; i < OUT; i++) half[i][j] = upper[i];
        }
        for (int64_t i = 0; i + 1 < rows; i += 2) {
            transform_out(half[i], upper);
            transform_out(half[i + 1], lower);
            CPU_UNROLL for (int j = 0; j < OUT; j += 2)
            {
                if (j + 1 < columns) {
                    cpu_vf y = larger(larger(upper[j], upper[j + 1]), larger(lower[j], lower[j + 1])) + bias;
                    if (a->end.relu)
                        y = conv_activate(y, a->end.slope, a->end.most);
                    cpu_vf_store_as(a->y, i / 2 * y_row + j / 2 * y_pixel + c, y, n, a->half_y);
                }
            }
        }
    }
}

static void winograd_weights(const float *g, float *u, int64_t plane, int64_t lanes)
{
    cpu_vf half[IN][TAPS], line[TAPS], out[IN];
    for (int64_t l = 0; l < lanes; l += CPU_VF) {
        for (int j = 0; j < TAPS; j++) {
            CPU_UNROLL for (int i = 0; i < TAPS; i++) line[i] = cpu_vf_load(g + (i * TAPS + j) * lanes + l);
            transform_taps(line, out);
            CPU_UNROLL for (int i = 0; i < IN; i++) half[i][j] = out[i];
        }
        for (int i = 0; i < IN; i++) {
            transform_taps(half[i], out);
            CPU_UNROLL for (int j = 0; j < IN; j++) cpu_vf_store(u + (i * IN + j) * plane + l, out[j]);
        }
    }
}

CPU_INLINE void gradient_of(const conv_winograd_gradient *a, const bool half_dy)
{
    const int64_t size = half_dy ? 2 : 4, strip = OUT * a->y_pixel * size;
    ask_for((const char *)a->dy + strip, OUT, a->y_row * size, strip);
    cpu_vf half[IN][OUT], line[OUT], out[IN];
    for (int64_t c = 0; c < a->channels; c += CPU_VF) {
        const int64_t n = a->channels - c, block = c / (CONV_VECTORS * CPU_VF) * (CONV_VECTORS * CPU_VF);
        const int64_t lanes = conv_min(CONV_VECTORS * CPU_VF, a->padded - block);
        float *v = a->v + block * a->group + a->tile * lanes + c - block;
        cpu_vf total = cpu_vf_set1(0.0f);
        for (int j = 0; j < OUT; j++) {
            CPU_UNROLL for (int i = 0; i < OUT; i++)
            {
                const bool there = i < a->rows && j < a->columns;
                line[i] =
                    there ? cpu_vf_load_as(a->dy, i * a->y_row + j * a->y_pixel + c, n, half_dy) : cpu_vf_set1(0.0f);
                total += line[i];
            }
            transform_gradient(line, out);
            CPU_UNROLL for (int i = 0; i < IN; i++) half[i][j] = out[i];
        }
        for (int i = 0; i < IN; i++) {
            transform_gradient(half[i], out);
            CPU_UNROLL for (int j = 0; j < IN; j++) cpu_vf_store(v + (i * IN + j) * a->group * a->padded, out[j]);
        }
        if (a->bias)
            cpu_vf_store(a->bias + c, cpu_vf_load(a->bias + c) + total);
    }
}

static void winograd_gradient(const conv_winograd_gradient *a)
{
    if (a->half)
        gradient_of(a, true);
    else
        gradient_of(a, false);
}

static void winograd_sums(const float *m, int64_t plane, int64_t shares, int64_t share, float *g, int64_t lanes)
{
    cpu_vf half[TAPS][IN], line[IN], out[TAPS];
    for (int64_t l = 0; l < lanes; l += CPU_VF) {
        for (int j = 0; j < IN; j++) {
            CPU_UNROLL for (int i = 0; i < IN; i++)
            {
                const float *from = m + (i * IN + j) * plane + l;
                line[i] = cpu_vf_load(from);
                for (int64_t s = 1; s < shares; s++)
                    line[i] += cpu_vf_load(from + s * share);
            }
            transform_sums(line, out);
            CPU_UNROLL for (int i = 0; i < TAPS; i++) half[i][j] = out[i];
        }
        for (int i = 0; i < TAPS; i++) {
            transform_sums(half[i], out);
            CPU_UNROLL for (int j = 0; j < TAPS; j++) cpu_vf_store(g + (i * TAPS + j) * lanes + l, out[j]);
        }
    }
}

const conv_winograd_kernels CPU_NAME(conv_winograd) = {winograd_input,   winograd_output,   winograd_pooled,
                                                       winograd_weights, winograd_gradient, winograd_sums};
