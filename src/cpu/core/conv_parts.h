/* conv_parts.h: what the files of the convolution share; no one else includes it. In reading order: conv.c (the calls), conv_way.c (which way),
 * conv_view.c (input as the tiles want it), conv_run.c (forward, gradient of data), conv.tile.c (the inner loops),
 * conv_pack.c (weights), conv_weight.c (their gradient), conv_depth.c (depthwise), conv_winograd.c (3x3, where allowed),
 * conv_split.c (AMX, where allowed), conv_few.c (the same for few channels), conv_pairs.amx.c (tiles of pairs of bf16).
 *
 * Forward and gradient of data are one computation, a conv_problem: for each output pixel a sum over taps and input
 * channels, taps lying on a grid of constant step. The gradient of data is such a sum over dy for each phase of the stride
 * (every stride-th pixel of dx), with the grid of those taps that reach this phase.
 *
 * The kernels hold a tile of output pixels times output channels (1 or 2 vectors) in registers through the whole sum. For
 * this they want input pixels at a constant distance, without borders. A conv_view provides that: the input itself where
 * nothing is out of range, else a copy of a band of rows with zeros around, in the cache of the core that uses it. */
#ifndef CPU_CONV_PARTS_H
#define CPU_CONV_PARTS_H

#include "cpu/core/conv.h"

/* What becomes of a sum: y = sum + bias + add, then where relu is set slope * y below 0 and at most `most`, NaN kept; with add_last the
 * addition comes behind that. */
typedef struct conv_end {
    const float *bias; /* by output channel; may be NULL */
    const float *add;  /* lies as y does; may be NULL */
    bool relu, add_last;
    float slope, most; /* 0 to 1; INFINITY: no limit */
} conv_end;

/* One tile of a forward sum. The weights lie [tap][input channel][vectors * lanes], those of a segment (consecutive input
 * floats) after those of the segment before. */
typedef struct conv_tile {
    const float *x;     /* the first pixel's origin */
    int64_t step;       /* floats from one pixel to the next */
    const int64_t *off; /* where each segment begins, from the origin */
    int64_t segments, length;
    const float *w, *bias; /* bias may be NULL */
    const float *ahead;    /* asked for, a cache line a step: what later tiles will read */
    float *y;
    const float *add;            /* lies as y does; may be NULL */
    int64_t y_pixel;             /* floats from one output pixel to the next in a row, */
    int64_t left, width, y_jump; /* which ends after `left` pixels; jump then; rows have `width` pixels */
    int last;                    /* lanes of the last vector in use */
    bool relu, add_last;
    float slope, most;
    bool half_y, half_add; /* pairs: two bf16 where a float would be, also in the strides of y */
} conv_tile;

/* One tile of a gradient of weights: acc[taps and channels][vectors * lanes] += sum over pixels x * dy. */
typedef struct conv_weight_tile {
    const float *x;
    const int64_t *at; /* of each pixel, from x: a table, as loops over rows and pictures would end in mispredictions */
    int64_t pixels;    /* the table goes on for CONV_SOON entries */
    const float *dy;   /* packed: vectors * lanes floats per pixel, all pixels in order */
    float *acc;
    bool add; /* else acc is overwritten */
    bool far; /* x is not a copy in the cache */
} conv_weight_tile;

/* Copies `pixels` slices of `channels` floats, `step` floats apart, to vectors * lanes floats each, zeros behind; adds
 * them up into sum (vectors * lanes) unless that is NULL. */
typedef void (*conv_slice_fn)(const float *src, int64_t step, int64_t pixels, int64_t channels, float *dst, float *sum);

/* Copies `count` runs of `length` floats (few), `src_step` and `dst_step` floats apart. */
typedef void (*conv_runs_fn)(const float *src, int64_t src_step, float *dst, int64_t dst_step, int64_t length,
                             int64_t count);

/* dst[i] = src[i * step]: what packing and unpacking of weights are made of. */
typedef void (*conv_gather_fn)(const float *src, int64_t step, float *dst, int64_t count);

/* dst[i] = src[i * step] and src[next + i * step], or 0 where next is, as two bf16. */
typedef void (*conv_pair_fn)(const float *src, int64_t next, int64_t step, float *dst, int64_t count);

/* `pixels` of `channels` floats to as many bf16, one more that is 0 where they are odd. */
typedef void (*conv_halve_fn)(const float *src, int64_t pixels, int64_t channels, void *dst);

/* Up to CONV_NARROW output channels would leave most lanes of a vector empty: there the lanes run along the sum. */
enum { CONV_NARROW = 4, CONV_NARROW_MOST = 8 }; /* pixels: 8 for 1 or 2 channels, else 4 */
enum { CONV_SOON = 8 };                         /* pixels from asking for a line to using it */
enum { CONV_LANES = 16 };                       /* the most floats of a vector */
typedef void conv_tile_fn(const conv_tile *);
enum { CONV_VECTORS = 2, CONV_MOST = 14 }; /* vectors, and pixels or taps, of the largest tile of any instruction set */

typedef struct conv_kernels {
    int lanes, most;
    conv_tile_fn *tile[CONV_VECTORS][CONV_MOST];
    void (*narrow[CONV_NARROW][CONV_NARROW_MOST])(const conv_tile *);
    void (*weight[CONV_VECTORS][CONV_MOST])(const conv_weight_tile *);
    conv_slice_fn slice[CONV_VECTORS];
    conv_runs_fn runs;
    conv_gather_fn gather;
    conv_pair_fn pair; /* these two of conv_kernels_pairs alone */
    conv_halve_fn halve;
} conv_kernels;

extern const conv_kernels conv_kernels_portable, conv_kernels_avx2, conv_kernels_avx512;
/* Tiles alone, for pictures of bf16: what the others take for a float of x and of the weights are two channels. */
extern const conv_kernels conv_kernels_pairs;
const conv_kernels *conv_kernels_of(cpu_isa isa);

typedef struct conv_problem {
    int64_t n, groups, h, w, c_in; /* c_in and c_out are those of one group */
    int64_t oh, ow, c_out;
    int64_t kh, kw;                  /* taps; 0 means a sum of nothing */
    int64_t sh, sw, dh, dw;          /* input pixels per output pixel and per tap */
    int64_t top, left;               /* where the first tap of the first output lies; negative in the padding */
    int64_t y_image, y_row, y_pixel; /* floats */
    bool winograd, pool;             /* by conv_winograd.c; pool: the strides are those of what is pooled */
    bool split, few, narrow;         /* by conv_split.c, by conv_few.c; narrow: of either */
    bool pairs;                      /* split, but by conv_run.c with conv_kernels_pairs */
    cpu_isa isa;                     /* of split and few */
    bool half_x, half_add,
        half_y; /* bf16 in memory, also behind conv_end.add: of split and few, narrow; of winograd; depthwise x with y */
} conv_problem;

typedef enum conv_mode {
    CONV_DIRECT,   /* the input as it is */
    CONV_PADDED,   /* copy [row][column][channel] with zeros around */
    CONV_EXPANDED, /* copy [tap column][row % sh][row / sh][output column][channel]: pixels of all rows in one line */
    CONV_COLUMNS   /* copy [row][output column][tap][channel]: for few channels */
} conv_mode;

typedef struct conv_view {
    conv_mode mode;
    int64_t step, row, image; /* floats from one output pixel, row, image to the next */
    int64_t segments, length; /* runs of consecutive floats, and the offset of each in off */
    int64_t *off;
    int64_t columns, phase_rows; /* of the copy */
    bool flat;                   /* row == output width * step: the rows of a picture are one line of pixels */
} conv_view;

/* Describes the view of bands of at most `rows` output rows; off has room for kh * kw, or is NULL and not filled. */
void conv_view_set(conv_view *v, const conv_problem *p, conv_mode mode, int64_t rows, int64_t *off);
/* Floats that the copy of one picture's band takes; 0 for CONV_DIRECT. */
int64_t conv_view_floats(const conv_view *v);
/* The origin of output row `first` of image 0 of the band: copies rows first..end of `images` pictures to buffer, or
 * points into x. */
const float *conv_view_fill(const conv_view *v, const conv_problem *p, const conv_kernels *k, const float *x,
                            int64_t image, int64_t images, int64_t group, int64_t first, int64_t end, float *buffer);
bool conv_in_range(const conv_problem *p);

/* conv_pack.c: from w[o][i][r][c] to what conv_run reads. The output channels of the problem step through w by `lane`
 * floats, the input channels by `channel`; group g begins at w + g * group; taps at row0 + r * row_step and likewise. */
typedef struct conv_pack_plan {
    int64_t lane, channel, group;
    int64_t row0, row_step, column0, column_step, width; /* width: the kw of w */
    int64_t taps;                                        /* kh * kw of w */
} conv_pack_plan;
int64_t conv_packed_floats(const conv_problem *p, const conv_kernels *k);
void conv_pack(const conv_problem *p, const conv_pack_plan *plan, const conv_kernels *k, int threads, const float *w,
               float *packed);

/* conv_run.c: one problem from packed weights. Scratch as bytes. */
size_t conv_run_scratch(const conv_problem *p, const conv_kernels *k, int threads);
void conv_run(const conv_problem *p, const conv_kernels *k, int threads, const float *x, const float *packed,
              const conv_end *end, float *y, void *scratch);
/* The same of problems by pairs; x is f32 unless half_x says that it is bf16 already. */
size_t conv_pairs_scratch(const conv_problem *p, int threads);
void conv_pairs_run(const conv_problem *p, int threads, const void *x, const float *packed, const conv_end *end,
                    void *y, void *scratch);

/* conv_winograd.c: problems that are marked so; the same four steps as conv_packed_floats, conv_pack and conv_run. */
int64_t conv_winograd_packed_floats(const conv_problem *p, const conv_kernels *k);
void conv_winograd_pack(const conv_problem *p, const conv_pack_plan *plan, const conv_kernels *k, int threads,
                        const float *w, float *packed);
size_t conv_winograd_scratch(const conv_problem *p, const conv_kernels *k, int threads);
void conv_winograd_run(const conv_problem *p, const conv_kernels *k, int threads, const void *x, const float *packed,
                       const conv_end *end, void *y, void *scratch);

size_t conv_winograd_weight_scratch(const conv_problem *p, const conv_kernels *k, int threads);
/* x and dy are bf16 where the problem has half_x, half_y. */
void conv_winograd_weight_run(const conv_problem *p, const conv_kernels *k, int threads, const void *x, const void *dy,
                              float *dw, float *db, void *scratch);

/* conv_split.c: problems that are marked so, on AMX; the same steps. */
int64_t conv_split_packed_floats(const conv_problem *p);
void conv_split_pack(const conv_problem *p, const conv_pack_plan *plan, int threads, const float *w, float *packed);
size_t conv_split_scratch(const conv_problem *p, int threads);
void conv_split_run(const conv_problem *p, int threads, const void *x, const float *packed, const conv_end *end,
                    void *y, void *scratch);
/* A problem without taps: outputs are zero. */
void conv_split_zero(const conv_problem *p, int threads, float *y);
size_t conv_split_weight_scratch(const conv_problem *p, int threads);
/* x and dy are bf16 where the problem has half_x, half_y; without db then. */
void conv_split_weight_run(const conv_problem *p, int threads, const void *x, const void *dy, float *dw, float *db,
                           void *scratch);

/* conv_weight.c */
size_t conv_weight_scratch(const conv_problem *p, const conv_kernels *k, int threads);
void conv_weight_run(const conv_problem *p, const conv_kernels *k, int threads, const float *x, const float *dy,
                     float *dw, float *db, void *scratch);

/* conv_depth.c: depthwise convolution, one input and one output channel a group: no products of matrices in it, each
 * channel stays in its lane. Weights are packed [tap][channel]. */
static inline bool conv_is_depthwise(const conv_problem *p)
{
    return p->groups > 1 && p->c_in == 1 && p->c_out == 1;
}
/* Rows first..end of one picture; x, dy and y point to the picture, and are bf16 where the problem has half_x. */
typedef struct conv_depth_rows {
    const conv_problem *p;
    const float *x, *w;
    conv_end to; /* `add` of this picture */
    float *y;
    int64_t first, end;
    bool past; /* results go past the caches: y is aligned to a vector, and the channels fill vectors */
} conv_depth_rows;
typedef struct conv_depth_sums {
    const conv_problem *p;
    const float *x, *dy;
    float *dw, *db; /* [tap][channel], [channel]; added to; db may be NULL */
    int64_t first, end;
} conv_depth_sums;
typedef struct conv_depth_kernels {
    void (*rows)(const conv_depth_rows *);
    void (*sums)(const conv_depth_sums *);
} conv_depth_kernels;
extern const conv_depth_kernels conv_depth_portable, conv_depth_avx2, conv_depth_avx512;
const conv_depth_kernels *conv_depth_of(cpu_isa isa);
void conv_depth_pack(const conv_problem *p, const conv_pack_plan *plan, const float *w, float *packed);
void conv_depth_run(const conv_problem *p, const conv_depth_kernels *k, int threads, const void *x, const float *packed,
                    const conv_end *end, void *y);
size_t conv_depth_weight_scratch(const conv_problem *p);
void conv_depth_weight_run(const conv_problem *p, const conv_depth_kernels *k, int threads, const float *x,
                           const float *dy, float *dw, float *db, void *scratch);

/* conv_way.c: sets isa, winograd, split, few, narrow and pairs from what c allows; and whether products are of pairs of bf16 in vector
 * registers. */
void conv_way(const cpu_conv *c, conv_problem *p);
bool conv_in_vectors(const cpu_conv *c);

/* Sums along the lanes; see CONV_NARROW. */
static inline bool conv_is_narrow(const conv_problem *p, const conv_kernels *k)
{
    return p->c_out <= CONV_NARROW && p->c_in >= k->lanes / 2;
}

/* Bytes rounded up to a cache line, so that parts of scratch stay aligned. */
static inline size_t conv_align(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}
static inline int64_t conv_ceil(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}
static inline int64_t conv_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}
static inline int64_t conv_max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}
/* Where part `i` of `parts` nearly equal parts of `total` begins. */
static inline int64_t conv_part(int64_t total, int64_t parts, int64_t i)
{
    return total / parts * i + conv_min(i, total % parts);
}

#endif
