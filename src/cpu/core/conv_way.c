/* conv_way.c: which way a convolution takes: which of those that are allowed apply, and which to allow. The rules were measured
 * (`bench_conv THREADS SHAPE COLUMN ISA rules` shows what they cost against the best way for each shape); they are not measured again on
 * each machine, so that results do not depend on what was measured when. */
#include "cpu/core/conv_few.h"
#include "cpu/core/conv_parts.h"

/* Winograd's way is taken if allowed, for 3x3 windows and channels that fill vectors; whatever the size of the pictures, as
 * packed weights depend on it. */
static bool by_winograd(const cpu_conv *c, const conv_problem *p)
{
    const int lanes = conv_kernels_of(c->isa)->lanes;
    return c->winograd && c->groups == 1 && c->kh == 3 && c->kw == 3 && c->stride[0] == 1 && c->stride[1] == 1 &&
           c->dilation[0] == 1 && c->dilation[1] == 1 && p->c_in >= lanes && p->c_out >= lanes;
}

#if CPU_X86
/* Two bf16 a number take three products, which pays in matrix registers alone. */
static bool in_parts(const cpu_conv *c)
{
    return c->narrow ? c->isa >= CPU_AVX512_BF16 : c->split && c->isa >= CPU_AMX_PAIRS;
}
#endif

/* Split products are taken if allowed, where there are channels to fill the registers. */
static bool by_split(const cpu_conv *c, const conv_problem *p)
{
#if CPU_X86
    enum { FEW = 16, HALF = 24, SHORT = 32, LONG = 128 }; /* channels; terms of a sum */
    const int64_t terms = p->c_in * p->kh * p->kw;
    return in_parts(c) && c->groups == 1 && p->c_in >= FEW && p->c_out >= FEW &&
           terms >= (c->narrow          ? FEW
                     : p->c_out >= HALF ? SHORT
                                        : LONG);
#else
    (void)c, (void)p;
    return false;
#endif
}

static bool by_few(const cpu_conv *c, const conv_problem *p)
{
#if CPU_X86
    return in_parts(c) && !p->split && conv_few_takes(p);
#else
    (void)c, (void)p;
    return false;
#endif
}

/* Whether products are of pairs of bf16 in vector registers. */
bool conv_in_vectors(const cpu_conv *c)
{
    return c->narrow && c->isa == CPU_AVX512_BF16;
}

/* These want no streams of pixels: see conv_pairs.amx.c. */
static bool by_pairs(const cpu_conv *c, const conv_problem *p)
{
    return p->narrow && conv_in_vectors(c) && p->c_out % 2 == 0 && p->kh * p->kw > 0 && (p->c_in % 2 == 0 || p->few);
}

/* Which of the ways that are allowed. Winograd's comes behind those of matrix registers, and before that of pairs in vector
 * registers. */
void conv_way(const cpu_conv *c, conv_problem *p)
{
    p->isa = c->isa;
    if (conv_in_vectors(c) && by_winograd(c, p)) {
        p->winograd = true;
        return;
    }
    p->split = by_split(c, p);
    p->few = by_few(c, p);
    p->narrow = (p->split || p->few) && c->narrow;
    p->pairs = by_pairs(c, p);
    p->winograd = !p->split && by_winograd(c, p);
}

/* Whether Winograd's way is expected to be faster than plain sums; packed: forward, with weights that are packed already. */
static bool winograd_pays(const cpu_conv *c, bool packed)
{
    enum {
        TILE = 4,
        FEW = 32,
        FEW_PACKED = 16,
        CACHED = 100 * 100
    }; /* few tiles do not pay for reading 36 numbers for each 9 weights */
    cpu_conv allowed = *c;
    allowed.winograd = true;
    const conv_problem p = {.c_in = c->c_in, .c_out = c->c_out};
    const int64_t tiles = c->n * conv_ceil(c->oh, TILE) * conv_ceil(c->ow, TILE);
    return by_winograd(&allowed, &p) && 3 * c->n * c->oh * c->ow >= TILE * TILE * tiles &&
           (tiles >= (packed ? FEW_PACKED : FEW) || c->c_in * c->c_out <= CACHED);
}

/* Where it pays, and products are of pairs of bf16 in vector registers: whether it is the faster of the two. What counts is how much of
 * the tiles lies in the picture, and for weights, whose transform is cheap beside the sums of many channels, little else. */
static bool winograd_beats_pairs(const cpu_conv *c, cpu_conv_job job, bool packed)
{
    enum { TILE = 4, CHANNELS = 32, MANY = 64, TILES = 128, TILES_PACKED = 64, SMALL = 32 * 32 };
    const int64_t h = job == CPU_CONV_GRAD_DATA ? c->h : c->oh, w = job == CPU_CONV_GRAD_DATA ? c->w : c->ow;
    const int64_t tiles = c->n * conv_ceil(h, TILE) * conv_ceil(w, TILE), pixels = c->n * h * w;
    const int64_t channels = conv_min(c->c_in, c->c_out);
    const bool fits = 5 * pixels >= 4 * TILE * TILE * tiles, nearly = 4 * pixels >= 3 * TILE * TILE * tiles;
    if (job == CPU_CONV_GRAD_WEIGHT)
        return channels >= MANY || (channels >= CHANNELS && fits && h * w <= SMALL);
    return channels >= CHANNELS && (packed ? nearly && tiles >= TILES_PACKED : fits && tiles >= TILES);
}

/* Whether it is faster than split products: many pictures of whole tiles, so small that the zeros of the streams count. */
static bool winograd_beats_split(const cpu_conv *c)
{
    enum { TILE = 4, SMALL = 64, ENOUGH = 128 };
    return winograd_pays(c, false) && c->oh % TILE == 0 && c->ow % TILE == 0 && c->oh * c->ow <= SMALL &&
           c->n * c->oh * c->ow >= ENOUGH * TILE * TILE;
}

static bool split_pays(const cpu_conv *c, cpu_conv_job job)
{
    enum { FEW = 64, FEW_OF_PAIRS = 8, SHORT = 16 };
    const bool vectors = c->isa == CPU_AVX512_BF16;
    cpu_conv allowed = *c;
    allowed.split = true;
    const conv_problem p = {
        .groups = c->groups, .c_in = c->c_in, .c_out = c->c_out, .kh = c->kh, .kw = c->kw, .dw = c->dilation[1]};
    const bool few = by_few(&allowed, &p) && job != CPU_CONV_GRAD_DATA &&
                     !(vectors && job == CPU_CONV_GRAD_WEIGHT && c->kw * c->c_in < SHORT);
    return (by_split(&allowed, &p) || few) && c->n * c->oh * c->ow >= (vectors ? FEW_OF_PAIRS : FEW);
}

void cpu_conv_choose(cpu_conv *c, cpu_conv_job job, int may, bool packed)
{
    c->winograd = (may & CPU_CONV_MAY_WINOGRAD) && winograd_pays(c, packed);
    c->split = false;
    c->narrow = may & CPU_CONV_MAY_NARROW; /* split_pays asks */
    c->narrow = c->narrow && split_pays(c, job);
    if (conv_in_vectors(c))
        c->winograd = c->winograd && winograd_beats_pairs(c, job, packed);
    c->split = (may & CPU_CONV_MAY_SPLIT) && !c->narrow && split_pays(c, job) && !winograd_beats_split(c);
}
