/* conv_winograd.c: 3x3 convolution by Winograd's F(4x4, 3x3): see conv_winograd.h. The products for each of the 36 planes
 * are a product of matrices, [tile][input channel] by [input channel][output channel], done by the tiles of conv.tile.c.
 *
 * Where the transformed weights fit into the second cache, a chunk takes some tiles through all three steps without leaving
 * it. Where they do not, each step is done for many tiles before the next, so that weights are read once for many. */
#include "cpu/core/conv_winograd.h"
#include "cpu/core/par.h"

typedef struct winograd_plan {
    int64_t high, wide, tiles; /* tiles of a picture, of all */
    int64_t padded, blocks;    /* output channels in whole vectors; blocks of them */
    bool local;                /* chunks go through all steps */
    int64_t group;             /* tiles of a chunk, or of a round of steps */
    int64_t floats;            /* of the transformed input and of the sums of a group */
} winograd_plan;

typedef struct winograd_job {
    const conv_problem *p;
    const conv_kernels *k;
    const conv_winograd_kernels *w;
    const winograd_plan *plan;
    const float *packed;
    const char *x; /* x, what is added and y are bf16 where the problem says so */
    conv_end end;
    char *y;
    float *buffers;
    int64_t first, count; /* the tiles of this round */
} winograd_job;

enum { STEP = 8, PARTS = 2 }; /* tiles that a chunk transforms; parts of the output channels */

const conv_winograd_kernels *conv_winograd_of(const conv_kernels *k)
{
#if CPU_X86
    if (k == &conv_kernels_avx512)
        return &conv_winograd_avx512;
    if (k == &conv_kernels_avx2)
        return &conv_winograd_avx2;
#endif
    (void)k;
    return &conv_winograd_portable;
}

static void make_plan(winograd_plan *r, const conv_problem *p, const conv_kernels *k)
{
    enum { WEIGHTS = 1536 << 10, LOCAL = 1200 << 10, ROUND = 24 << 20, WANT = 4 };
    r->high = conv_ceil(p->oh, CONV_WINOGRAD_TILE);
    r->wide = conv_ceil(p->ow, CONV_WINOGRAD_TILE);
    r->tiles = p->n * r->high * r->wide;
    r->padded = conv_ceil(p->c_out, k->lanes) * k->lanes;
    r->blocks = conv_ceil(p->c_out, CONV_VECTORS * k->lanes);
    r->local = CONV_WINOGRAD * p->c_in * r->padded * 4 <= WEIGHTS;
    const int64_t bytes = CONV_WINOGRAD * (p->c_in + r->padded) * 4;
    r->group = conv_max(1, (r->local ? LOCAL : ROUND) / bytes);
    if (r->group > k->most)
        r->group -= r->group % k->most;
    if (r->local)
        r->group = conv_min(r->group, conv_max(conv_ceil(r->tiles, WANT), k->most / 2));
    r->group = conv_max(1, conv_min(r->group, r->tiles));
    r->floats = conv_ceil(r->group * bytes / 4, 16) * 16;
}

/* The sums lie behind the transformed input. */
static float *sums_of(const winograd_job *j, float *buffer)
{
    return buffer + CONV_WINOGRAD * j->plan->group * j->p->c_in;
}

static void transform_input(const winograd_job *j, float *buffer, int64_t origin, int64_t from, int64_t end)
{
    const winograd_plan *r = j->plan;
    const conv_problem *p = j->p;
    conv_winograd_input a = {.h = p->h, .w = p->w, .channels = p->c_in, .plane = r->group * p->c_in};
    const int64_t of_x = p->half_x ? 2 : 4;
    a.half = p->half_x;
    for (int64_t t = from; t < end; t++) {
        const int64_t image = t / (r->high * r->wide), at = t % (r->high * r->wide);
        a.x = j->x + image * p->h * p->w * p->c_in * of_x;
        a.row = p->top + at / r->wide * CONV_WINOGRAD_TILE;
        a.column = p->left + at % r->wide * CONV_WINOGRAD_TILE;
        a.v = buffer + (t - origin) * p->c_in;
        j->w->input(&a);
    }
}

static void transform_output(const winograd_job *j, float *buffer, int64_t origin, int64_t from, int64_t end)
{
    const winograd_plan *r = j->plan;
    const conv_problem *p = j->p;
    conv_winograd_output a = {.plane = r->group * r->padded, .channels = p->c_out, .end = j->end};
    a.y_row = p->y_row;
    a.y_pixel = p->y_pixel;
    a.half_y = p->half_y, a.half_add = p->half_add;
    for (int64_t t = from; t < end; t++) {
        const int64_t image = t / (r->high * r->wide), at = t % (r->high * r->wide);
        const int64_t row = at / r->wide * CONV_WINOGRAD_TILE, column = at % r->wide * CONV_WINOGRAD_TILE;
        a.m = sums_of(j, buffer) + (t - origin) * r->padded;
        const int64_t by = p->pool ? 2 : 1, to = image * p->y_image + row / by * p->y_row + column / by * p->y_pixel;
        a.y = j->y + to * (p->half_y ? 2 : 4);
        if (j->end.add)
            a.end.add =
                (const float *)(const void *)((const char *)(const void *)j->end.add + to * (p->half_add ? 2 : 4));
        a.rows = conv_min(CONV_WINOGRAD_TILE, p->oh - row);
        a.columns = conv_min(CONV_WINOGRAD_TILE, p->ow - column);
        (p->pool ? j->w->pooled : j->w->output)(&a);
    }
}

/* Some tiles of a group, cut into so many pieces of about as many: what is the same in all planes and blocks. */
typedef struct pieces {
    int64_t from, n, each, more; /* the first `more` pieces have one tile more than `each` */
    conv_tile tile;
} pieces;

static void cut(pieces *c, const winograd_job *j, int64_t from, int64_t end)
{
    static const int64_t origin[1] = {0};
    const int64_t most = j->k->most;
    c->from = from;
    c->n = conv_ceil(end - from, most);
    c->each = (end - from) / c->n, c->more = (end - from) % c->n;
    c->tile = (conv_tile){.step = j->p->c_in, .off = origin, .segments = 1, .length = j->p->c_in};
    c->tile.y_pixel = j->plan->padded;
    c->tile.last = j->k->lanes;
    c->tile.width = c->tile.left = most + 1; /* one line */
}

/* One plane, one block of output channels. */
static void multiply(const winograd_job *j, float *buffer, int64_t plane, int64_t block, pieces *c)
{
    const winograd_plan *r = j->plan;
    const int64_t lanes = j->k->lanes, c_in = j->p->c_in, first = block * CONV_VECTORS * lanes;
    conv_tile_fn *const *tile = j->k->tile[conv_min(CONV_VECTORS, (r->padded - first) / lanes) - 1];
    conv_tile *t = &c->tile;
    t->w = j->packed + (plane * r->padded + first) * c_in;
    t->x = buffer + (plane * r->group + c->from) * c_in;
    t->y = sums_of(j, buffer) + (plane * r->group + c->from) * r->padded + first;
    for (int64_t i = 0; i < c->n; i++) {
        const int64_t count = c->each + (i < c->more);
        t->ahead = t->x + count * c_in;
        tile[count - 1](t);
        t->x += count * c_in;
        t->y += count * t->y_pixel;
    }
}

/* All steps of a group of tiles. */
static void local_chunk(void *arg, int64_t chunk, int thread)
{
    const winograd_job *j = arg;
    const winograd_plan *r = j->plan;
    const int64_t from = chunk * r->group, end = conv_min(r->tiles, from + r->group);
    float *buffer = j->buffers + thread * r->floats;
    pieces all;
    cut(&all, j, 0, end - from);
    transform_input(j, buffer, from, from, end);
    for (int64_t plane = 0; plane < CONV_WINOGRAD; plane++)
        for (int64_t block = 0; block < r->blocks; block++)
            multiply(j, buffer, plane, block, &all);
    transform_output(j, buffer, from, from, end);
}

static void input_chunk(void *arg, int64_t chunk, int thread)
{
    (void)thread;
    const winograd_job *j = arg;
    const int64_t from = chunk * STEP;
    transform_input(j, j->buffers, j->first, j->first + from, j->first + conv_min(j->count, from + STEP));
}

static void output_chunk(void *arg, int64_t chunk, int thread)
{
    (void)thread;
    const winograd_job *j = arg;
    const int64_t from = chunk * STEP;
    transform_output(j, j->buffers, j->first, j->first + from, j->first + conv_min(j->count, from + STEP));
}

/* One plane and part of the output channels, in runs of tiles whose input stays in the second cache. */
static void multiply_chunk(void *arg, int64_t chunk, int thread)
{
    (void)thread;
    enum { CACHE = 512 << 10 };
    const winograd_job *j = arg;
    const winograd_plan *r = j->plan;
    const int64_t plane = chunk / PARTS, part = chunk % PARTS, most = j->k->most;
    const int64_t run = conv_max(most, CACHE / (j->p->c_in * 4) / most * most);
    for (int64_t from = 0; from < j->count; from += run) {
        pieces some;
        cut(&some, j, from, conv_min(j->count, from + run));
        for (int64_t b = conv_part(r->blocks, PARTS, part); b < conv_part(r->blocks, PARTS, part + 1); b++)
            multiply(j, j->buffers, plane, b, &some);
    }
}

int64_t conv_winograd_packed_floats(const conv_problem *p, const conv_kernels *k)
{
    return CONV_WINOGRAD * p->c_in * conv_ceil(p->c_out, k->lanes) * k->lanes;
}

typedef struct weights_job {
    const conv_problem *p;
    const conv_pack_plan *plan;
    const conv_kernels *k;
    const conv_winograd_kernels *t;
    const float *w;
    float *packed;
    int64_t parts, padded;
} weights_job;

static void weights_chunk(void *arg, int64_t chunk, int thread)
{
    (void)thread;
    const weights_job *j = arg;
    const conv_problem *p = j->p;
    const conv_pack_plan *plan = j->plan;
    const int64_t block = chunk / j->parts, part = chunk % j->parts, first = block * CONV_VECTORS * j->k->lanes;
    const int64_t lanes = conv_min(CONV_VECTORS * j->k->lanes, j->padded - first);
    const int64_t used = conv_min(lanes, p->c_out - first);
    float taps[9 * CONV_VECTORS * CONV_LANES] = {0};
    for (int64_t i = conv_part(p->c_in, j->parts, part); i < conv_part(p->c_in, j->parts, part + 1); i++) {
        const float *w = j->w + first * plan->lane + i * plan->channel + plan->row0 * plan->width + plan->column0;
        for (int64_t t = 0; t < 9; t++)
            j->k->gather(w + t / 3 * plan->row_step * plan->width + t % 3 * plan->column_step, plan->lane,
                         taps + t * lanes, used);
        j->t->weights(taps, j->packed + first * p->c_in + i * lanes, j->padded * p->c_in, lanes);
    }
}

void conv_winograd_pack(const conv_problem *p, const conv_pack_plan *plan, const conv_kernels *k, int threads,
                        const float *w, float *packed)
{
    weights_job j = {.p = p, .plan = plan, .k = k, .t = conv_winograd_of(k), .w = w, .packed = packed};
    j.padded = conv_ceil(p->c_out, k->lanes) * k->lanes;
    j.parts = conv_ceil(p->c_in, 32);
    cpu_parallel(threads, conv_ceil(p->c_out, CONV_VECTORS * k->lanes) * j.parts, weights_chunk, &j);
}

size_t conv_winograd_scratch(const conv_problem *p, const conv_kernels *k, int threads)
{
    winograd_plan r;
    if (p->n * p->oh * p->ow == 0)
        return 0;
    make_plan(&r, p, k);
    return (size_t)(r.floats * (r.local && threads > 1 ? threads : 1)) * sizeof(float);
}

void conv_winograd_run(const conv_problem *p, const conv_kernels *k, int threads, const void *x, const float *packed,
                       const conv_end *end, void *y, void *scratch)
{
    winograd_plan r;
    if (p->n * p->oh * p->ow == 0)
        return;
    make_plan(&r, p, k);
    winograd_job j = {.p = p, .k = k, .w = conv_winograd_of(k), .plan = &r, .x = x, .packed = packed};
    j.y = y;
    j.end = *end;
    j.buffers = scratch;
    if (r.local) {
        cpu_parallel(threads, conv_ceil(r.tiles, r.group), local_chunk, &j);
        return;
    }
    for (; j.first < r.tiles; j.first += r.group) {
        j.count = conv_min(r.group, r.tiles - j.first);
        cpu_parallel(threads, conv_ceil(j.count, STEP), input_chunk, &j);
        cpu_parallel(threads, CONV_WINOGRAD * PARTS, multiply_chunk, &j);
        cpu_parallel(threads, conv_ceil(j.count, STEP), output_chunk, &j);
    }
}
