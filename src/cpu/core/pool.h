/* pool.h: two-dimensional maximum and average pooling of f32 pictures and their gradients.
 *
 * Pictures lie channels last, x[n][h][w][c] and y[n][oh][ow][c], unless strides say otherwise. Every output is written,
 * none is added to; nothing is allocated; results have the same bits for any number of threads.
 *
 * As in PyTorch: padding never wins a maximum; NaN wins over numbers; among equals the first in row-major order of the
 * window wins and receives the gradient (among several NaN the last). A window with no pixel in it gives -infinity as
 * maximum and 0 as average. */
#ifndef CPU_POOL_H
#define CPU_POOL_H

#include "cpu/core/isa.h"

#include <stdint.h>

typedef struct cpu_pool {
    int64_t n, c, h, w;
    int64_t kh, kw, oh, ow;     /* the window; oh and ow are set by cpu_pool_shape */
    int stride[2], dilation[2]; /* down, across; at least 1; averages know no dilation: 1 */
    int pad[4];                 /* top, left, bottom, right */
    bool ceil_mode;             /* a last window may reach beyond the padding, if it begins within */
    bool count_pad;             /* averages: padding counts as zeros */
    int64_t divisor;            /* averages: what to divide by; 0: the number of pixels */
    bool half_x, half_y;        /* maximum and its gradient, channels last: x is bf16, y is */
    bool half_dx;               /* the gradient of maxima whose windows share no pixel (cpu_pool_apart): dx is bf16 */
    int threads;
    cpu_isa isa;
    /* Floats from one picture, channel, row, column to the next, for x and dx, and for y and dy; all 0: channels last. */
    int64_t x_stride[4], y_stride[4];
} cpu_pool;

/* Sets oh and ow from the rest; false if the window does not fit into the padded picture. */
bool cpu_pool_shape(cpu_pool *p);

void cpu_max_pool(const cpu_pool *p, const void *x, void *y);
/* The winner is found again from x. */
void cpu_max_pool_grad(const cpu_pool *p, const void *x, const float *dy, void *dx);
/* Whether windows are of 2 x 2 and side by side, so that each number of dx is written once. */
bool cpu_pool_apart(const cpu_pool *p);
void cpu_avg_pool(const cpu_pool *p, const float *x, float *y);
void cpu_avg_pool_grad(const cpu_pool *p, const float *dy, float *dx);

#endif
