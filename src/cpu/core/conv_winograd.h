/* conv_winograd.h: 3x3 convolution with step 1 by Winograd's F(4x4, 3x3): a quarter of the multiplications, a few more bits
 * of rounding error. Only the files of the convolution include this. */
#ifndef CPU_CONV_WINOGRAD_H
#define CPU_CONV_WINOGRAD_H

#include "cpu/core/conv_parts.h"

enum { CONV_WINOGRAD = 36, CONV_WINOGRAD_TILE = 4 }; /* products for 4 x 4 outputs */

/* One tile: its 6 x 6 pixels of all channels to 36 planes. */
typedef struct conv_winograd_input {
    const void *x; /* the picture; half: of bf16 */
    bool half;
    int64_t h, w, channels;
    int64_t row, column; /* of the first pixel; may lie outside */
    float *v;
    int64_t plane; /* floats from one of the 36 to the next */
} conv_winograd_input;

/* One tile: 36 planes to at most 4 x 4 pixels. */
typedef struct conv_winograd_output {
    const float *m; /* readable up to whole vectors of channels */
    int64_t plane, channels;
    conv_end end; /* `add` of the tile's first pixel */
    void *y;
    bool half_y, half_add; /* bf16 */
    int64_t y_row, y_pixel, rows, columns;
} conv_winograd_output;

/* One tile of dy to 36 planes of [block of output channels][tile][lanes of the block], and its sum to bias unless NULL. */
typedef struct conv_winograd_gradient {
    const void *dy; /* half: bf16 */
    bool half;
    int64_t y_row, y_pixel, rows, columns; /* at most 4 x 4 pixels are there */
    int64_t channels, padded;              /* padded: in whole vectors */
    float *v, *bias;
    int64_t group, tile; /* tiles of a plane, and which this is */
} conv_winograd_gradient;

typedef struct conv_winograd_kernels {
    void (*input)(const conv_winograd_input *);
    void (*output)(const conv_winograd_output *);
    void (*pooled)(const conv_winograd_output
                       *); /* the largest of each 2 x 2: 2 x 2 pixels; rows and columns count those before */
    void (*weights)(const float *g, float *u, int64_t plane, int64_t lanes); /* g[9][lanes]; lanes: whole vectors */
    void (*gradient)(const conv_winograd_gradient *);
    /* g[9][lanes] from 36 planes of sums in several shares. */
    void (*sums)(const float *m, int64_t plane, int64_t shares, int64_t share, float *g, int64_t lanes);
} conv_winograd_kernels;
const conv_winograd_kernels *conv_winograd_of(const conv_kernels *k);
extern const conv_winograd_kernels conv_winograd_portable, conv_winograd_avx2, conv_winograd_avx512;

#endif
