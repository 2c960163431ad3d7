/* conv_split.h: convolutions of f32 in the matrix registers for bf16 (Intel AMX). Each number is the sum of two bf16, high + low,
 * which hold 17 of its 24 bits; of the four products of two such sums the three largest are added up in f32. A narrow
 * problem has the high parts alone and one product. Only the files of the convolution include this.
 *
 * Pixels lie in a stream: the rows of all pictures one behind the other, with so many zeros behind each row and each picture
 * that a tap is a constant distance in the stream, whatever the pixel. Outputs are computed for every place of the stream, those
 * that are no output are not stored. A step over several pixels has a stream for each phase of the step. */
#ifndef CPU_CONV_SPLIT_H
#define CPU_CONV_SPLIT_H

#include "cpu/core/conv_parts.h"

enum {
    CONV_SPLIT_MOST = 2048, /* places of a chunk at most */
    CONV_SPLIT_SIDE = 32,   /* places by channels of a block; input channels of a group */
    CONV_SPLIT_RECORD = 64, /* bytes of 32 channels of a place; the low parts lie behind the high ones */
    CONV_SPLIT_PANEL = 2048 /* bytes of 32 x 32 weights; the same */
};

/* Where the streams lie over the pictures. */
typedef struct conv_split_map {
    int64_t wide, high;   /* places of a row, rows of a picture */
    int64_t places;       /* up to the last output */
    int64_t low, reach;   /* the least distance of a tap, and from it to the greatest */
    int64_t taps, phases; /* phases: streams that some tap reads */
    int64_t groups;       /* of 32 input channels */
    int64_t record;       /* bytes of 32 channels of a place */
} conv_split_map;
/* Fills `off` (distance) and `stream` of each tap (taps of them) unless they are NULL. */
void conv_split_map_set(conv_split_map *m, const conv_problem *p, int64_t *off, int64_t *stream);
/* Where places first..first + count of a stream lie in x: NULL where there is nothing. Numbers there may be bf16 (half_x). */
void conv_split_inputs(const conv_split_map *m, const conv_problem *p, int64_t stream, const void *x, int64_t first,
                       int64_t count, const float **at);
/* The same for outputs, as floats from the first; -1 where there is none. */
void conv_split_outputs(const conv_split_map *m, const conv_problem *p, int64_t first, int64_t count, int64_t *at);

/* Whether results are so large that they go past the caches, and lie so that lines of these are written whole. */
bool conv_split_past(const conv_problem *p, const void *y);

/* 32 places by 32 (or 16) output channels. */
typedef struct conv_split_tile {
    const char *a;      /* the records of the first place, without a tap's distance */
    const int64_t *off; /* bytes, by tap */
    int64_t taps, groups, plane;
    const char *b; /* panels in the order of the sum; those of the next tap `b_tap` bytes behind */
    int64_t b_tap;
    float *c;               /* rows `stride` bytes apart */
    int64_t stride;         /* narrow: and added to what is there, if `add` says so */
    bool half, narrow, add; /* half: 16 output channels */
    const char
        *soon; /* narrow: NULL, or what is asked for meanwhile, `soon_lines` lines of the cache for each product */
    int64_t soon_lines;
} conv_split_tile;

/* A part of the gradient of weights: 32 output channels by 32 input channels, summed over `steps` x 32 places. */
typedef struct conv_split_sum {
    const char *a; /* dy: 32 rows of high, the low ones `low` bytes behind */
    int64_t pitch, low;
    const char
        *b; /* x: 1 KB for each step of channels 0-15, low parts `b_low` bytes behind; those of 16-31 `next` behind */
    int64_t next, b_low, steps;
    float *c; /* 32 x 32 */
    bool add, narrow;
} conv_split_sum;

/* One output channel of the gradient: for each tap 32 input channels, in several shares that are to be added. */
enum { CONV_SPLIT_TABLE = 32 * 64 };
typedef struct conv_split_finish {
    const float *sums;
    int64_t share, tap, shares, taps, channels; /* share, tap: floats from one to the next; at most 64 taps */
    const int32_t *order;                       /* which of [taps][32] is the next one to write, for all and 16 more */
} conv_split_finish;

/* Where sums of 32 output channels go, and what is done to them before. */
typedef struct conv_split_store {
    conv_end end; /* bias and add: of the first of these channels */
    void *y;      /* the same; where a place is -1 nothing is written */
    bool half_add, half_y;
    int64_t channels;
    bool past; /* whole lines of the cache, which go past it */
} conv_split_store;
/* For channels first..first + channels of the outputs at y. */
conv_split_store conv_split_store_of(const conv_problem *p, const conv_end *end, void *y, int64_t first, bool past);

typedef struct conv_split_kernels {
    void (*enter)(void);
    void (*leave)(void);
    /* Records of `count` places that lie `step` bytes apart from x on, or are nothing (NULL); groups of channels `plane` bytes
     * apart; half: what is there is bf16. */
    void (*records)(const char *x, int64_t step, int64_t count, int64_t channels, char *to, int64_t plane, bool narrow,
                    bool half);
    /* Panel of 32 x 32 weights: row k, lane o at w[k * channel + o * lane]. */
    void (*panel)(const float *w, int64_t channel, int64_t lane, int64_t have_k, int64_t have_o, char *to, bool narrow);
    void (*tile)(const conv_split_tile *t);
    /* 32 rows of 32 sums to places at[i] of what s says (-1: nowhere); `fence` afterwards where they go past the caches. */
    void (*store)(const float *c, const int64_t *at, const conv_split_store *s);
    void (*zero)(float *to, int64_t count, bool past);
    void (*fence)(void);
    /* 32 places, 16 channels after 16, those of the places at `soon` (or NULL) are asked for: as rows of channels (low parts
     * `low` bytes behind; 0: none), all that there are up to a multiple of 16; or as pairs of places, `next` bytes from 16
     * channels to the next, up to a multiple of 32, low parts likewise. half: what is there is bf16, and has no low parts. */
    void (*rows)(const float *const *at, const float *const *soon, int64_t channels, char *to, int64_t pitch,
                 int64_t low, bool half);
    void (*pairs)(const float *const *at, const float *const *soon, int64_t channels, char *to, int64_t next,
                  int64_t low, bool half);
    void (*sum)(const conv_split_sum *s);
    /* sum[channel] += over `count` places. */
    void (*add)(const float *from, int64_t step, int64_t count, int64_t channels, float *sum);
    /* To [channels][taps]. */
    void (*finish)(const conv_split_finish *f, float *to);
} conv_split_kernels;
extern const conv_split_kernels conv_split_amx, conv_split_avx512_bf16;
const conv_split_kernels *conv_split_of(const conv_problem *p);

#endif
