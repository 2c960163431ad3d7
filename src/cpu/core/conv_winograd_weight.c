/* conv_winograd_weight.c: the gradient of 3x3 weights by Winograd's F(3x3, 4x4): see conv_winograd.h. For each of the 36
 * planes the sum over tiles of (input channel) x (output channel) is what the weight tiles of conv.tile.c compute.
 *
 * Small gradients have several shares of the tiles, each with sums of its own that stay in the second cache. Large ones have
 * one set of sums: many tiles are transformed first, then the planes are taken one by one. */
#include "cpu/core/conv_winograd.h"
#include "cpu/core/par.h"

#include <string.h>

enum {
    PASS = 200,
    STEP = 8,
    PARTS = 2
}; /* tiles of a pass and of a chunk of transforms; parts of the output channels */

typedef struct weight_plan {
    int64_t high, wide, tiles; /* tiles of a picture, of all */
    int64_t padded, blocks;
    bool local;            /* shares go through all steps */
    int64_t shares, group; /* group: tiles transformed before they are added up */
    int64_t floats;        /* of the transformed tiles of a group */
    int64_t sums, biases;  /* of one share; rows of sums of dy */
} weight_plan;

typedef struct weight_job {
    const conv_problem *p;
    const conv_kernels *k;
    const conv_winograd_kernels *w;
    const weight_plan *plan;
    const char *x, *dy; /* bf16 where the problem says so */
    float *dw, *db;
    float *buffers, *sums, *biases;
    int64_t first, count, parts; /* the tiles of this round; parts of the input channels at the end */
} weight_job;

static void make_plan(weight_plan *r, const conv_problem *p, const conv_kernels *k)
{
    enum { SUMS = 1536 << 10, LOCAL = 1000 << 10, ROUND = 24 << 20, WANT = 8, EVEN = 56 };
    r->high = conv_ceil(p->oh, CONV_WINOGRAD_TILE);
    r->wide = conv_ceil(p->ow, CONV_WINOGRAD_TILE);
    r->tiles = p->n * r->high * r->wide;
    r->padded = conv_ceil(p->c_out, k->lanes) * k->lanes;
    r->blocks = conv_ceil(p->c_out, CONV_VECTORS * k->lanes);
    r->sums = CONV_WINOGRAD * p->c_in * r->padded;
    r->local = r->sums * 4 <= SUMS;
    const int64_t bytes = CONV_WINOGRAD * (p->c_in + r->padded) * 4;
    r->shares = r->local ? conv_max(1, conv_min(WANT, r->tiles / STEP)) : 1;
    if (r->local)
        r->group = conv_min(conv_max(1, LOCAL / bytes), conv_ceil(r->tiles, r->shares));
    else
        r->group = conv_min(conv_max(1, ROUND / bytes / EVEN) * EVEN, conv_ceil(r->tiles, STEP) * STEP);
    r->group = conv_min(r->group, r->local ? PASS : r->group);
    r->floats = conv_ceil(r->group * bytes / 4, 16) * 16;
    r->biases = r->local ? r->shares : conv_ceil(r->tiles, STEP);
}

/* The transformed gradients lie behind the transformed input. */
static float *gradients_of(const weight_job *j, float *buffer)
{
    return buffer + CONV_WINOGRAD * j->plan->group * j->p->c_in;
}

/* Tiles from..end, the group beginning with tile origin. */
static void transform(const weight_job *j, float *buffer, float *bias, int64_t origin, int64_t from, int64_t end)
{
    const weight_plan *r = j->plan;
    const conv_problem *p = j->p;
    conv_winograd_input a = {.h = p->h, .w = p->w, .channels = p->c_in, .plane = r->group * p->c_in};
    const int64_t of_x = p->half_x ? 2 : 4, of_dy = p->half_y ? 2 : 4;
    conv_winograd_gradient g = {.y_row = p->y_row, .y_pixel = p->y_pixel, .channels = p->c_out, .padded = r->padded};
    g.v = gradients_of(j, buffer);
    g.bias = j->db ? bias : NULL;
    g.group = r->group;
    a.half = p->half_x;
    g.half = p->half_y;
    for (int64_t t = from; t < end; t++) {
        const int64_t image = t / (r->high * r->wide), at = t % (r->high * r->wide);
        const int64_t row = at / r->wide * CONV_WINOGRAD_TILE, column = at % r->wide * CONV_WINOGRAD_TILE;
        a.x = j->x + image * p->h * p->w * p->c_in * of_x;
        a.row = p->top + row;
        a.column = p->left + column;
        a.v = buffer + (t - origin) * p->c_in;
        j->w->input(&a);
        g.dy = j->dy + (image * p->y_image + row * p->y_row + column * p->y_pixel) * of_dy;
        g.rows = conv_min(CONV_WINOGRAD_TILE, p->oh - row);
        g.columns = conv_min(CONV_WINOGRAD_TILE, p->ow - column);
        g.tile = t - origin;
        j->w->gradient(&g);
    }
}

/* Adds tiles from..end (at most PASS) of a group to the sums of one plane and block. */
static void add_up(const weight_job *j, float *buffer, float *sums, int64_t plane, int64_t block, int64_t from,
                   int64_t end, const int64_t *at, bool add)
{
    const weight_plan *r = j->plan;
    const conv_problem *p = j->p;
    const int64_t first = block * CONV_VECTORS * j->k->lanes, tiles = conv_ceil(p->c_in, j->k->most);
    const int64_t lanes = conv_min(CONV_VECTORS * j->k->lanes, r->padded - first);
    conv_weight_tile t = {.at = at, .pixels = end - from, .add = add};
    t.x = buffer + (plane * r->group + from) * p->c_in;
    t.dy = gradients_of(j, buffer) + (plane * r->padded + first) * r->group + from * lanes;
    t.acc = sums + (plane * r->padded + first) * p->c_in;
    for (int64_t i = 0; i < tiles; i++) {
        const int64_t count = p->c_in / tiles + (i < p->c_in % tiles);
        j->k->weight[lanes / j->k->lanes - 1][count - 1](&t);
        t.x += count;
        t.acc += count * lanes;
    }
}

/* Tiles of a pass follow each other by one row of channels. */
static void place(const conv_problem *p, int64_t at[PASS + CONV_SOON])
{
    for (int64_t i = 0; i < PASS + CONV_SOON; i++)
        at[i] = conv_min(i, PASS - 1) * p->c_in;
}

static void local_chunk(void *arg, int64_t share, int thread)
{
    const weight_job *j = arg;
    const weight_plan *r = j->plan;
    const int64_t begin = conv_part(r->tiles, r->shares, share), stop = conv_part(r->tiles, r->shares, share + 1);
    float *buffer = j->buffers + thread * r->floats, *bias = j->biases + share * r->padded;
    int64_t at[PASS + CONV_SOON];
    place(j->p, at);
    memset(bias, 0, (size_t)r->padded * sizeof *bias);
    for (int64_t from = begin; from < stop; from += r->group) {
        const int64_t end = conv_min(stop, from + r->group);
        transform(j, buffer, bias, from, from, end);
        for (int64_t plane = 0; plane < CONV_WINOGRAD; plane++)
            for (int64_t b = 0; b < r->blocks; b++)
                add_up(j, buffer, j->sums + share * r->sums, plane, b, 0, end - from, at, from > begin);
    }
}

static void transform_chunk(void *arg, int64_t chunk, int thread)
{
    (void)thread;
    const weight_job *j = arg;
    const int64_t from = j->first + chunk * STEP;
    float *bias = j->biases + from / STEP * j->plan->padded;
    memset(bias, 0, (size_t)j->plan->padded * sizeof *bias);
    transform(j, j->buffers, bias, j->first, from, conv_min(j->first + j->count, from + STEP));
}

static void add_chunk(void *arg, int64_t chunk, int thread)
{
    (void)thread;
    const weight_job *j = arg;
    const weight_plan *r = j->plan;
    const int64_t plane = chunk / PARTS, part = chunk % PARTS, passes = conv_ceil(j->count, PASS);
    int64_t at[PASS + CONV_SOON];
    place(j->p, at);
    for (int64_t i = 0; i < passes; i++)
        for (int64_t b = conv_part(r->blocks, PARTS, part); b < conv_part(r->blocks, PARTS, part + 1); b++)
            add_up(j, j->buffers, j->sums, plane, b, conv_part(j->count, passes, i), conv_part(j->count, passes, i + 1),
                   at, j->first > 0 || i > 0);
}

/* Sums of some input channels of one block to dw[o][i][3][3]. */
static void finish_chunk(void *arg, int64_t chunk, int thread)
{
    (void)thread;
    enum { RUN = 7, TAPS = 9 };
    const weight_job *j = arg;
    const weight_plan *r = j->plan;
    const conv_problem *p = j->p;
    const int64_t block = chunk / j->parts, part = chunk % j->parts, first = block * CONV_VECTORS * j->k->lanes;
    const int64_t lanes = conv_min(CONV_VECTORS * j->k->lanes, r->padded - first),
                  used = conv_min(lanes, p->c_out - first);
    const int64_t end = conv_part(p->c_in, j->parts, part + 1);
    float taps[RUN * TAPS * CONV_VECTORS * CONV_LANES];
    for (int64_t i = conv_part(p->c_in, j->parts, part); i < end; i += RUN) {
        const int64_t count = conv_min(RUN, end - i);
        for (int64_t c = 0; c < count; c++)
            j->w->sums(j->sums + first * p->c_in + (i + c) * lanes, r->padded * p->c_in, r->shares, r->sums,
                       taps + c * TAPS * lanes, lanes);
        for (int64_t l = 0; l < used; l++)
            j->k->gather(taps + l, lanes, j->dw + ((first + l) * p->c_in + i) * TAPS, count * TAPS);
    }
}

static void finish_bias(const weight_job *j)
{
    const weight_plan *r = j->plan;
    for (int64_t o = 0; o < j->p->c_out; o++)
        j->db[o] = 0.0f;
    for (int64_t s = 0; s < r->biases; s++)
        for (int64_t o = 0; o < j->p->c_out; o++)
            j->db[o] += j->biases[s * r->padded + o];
}

size_t conv_winograd_weight_scratch(const conv_problem *p, const conv_kernels *k, int threads)
{
    weight_plan r;
    if (p->n * p->oh * p->ow == 0)
        return 0;
    make_plan(&r, p, k);
    const int64_t buffers = r.floats * (r.local && threads > 1 ? threads : 1);
    return conv_align((size_t)(buffers + r.shares * r.sums + r.biases * r.padded) * sizeof(float));
}

void conv_winograd_weight_run(const conv_problem *p, const conv_kernels *k, int threads, const void *x, const void *dy,
                              float *dw, float *db, void *scratch)
{
    weight_plan r;
    if (p->n * p->oh * p->ow == 0) {
        memset(dw, 0, (size_t)(p->c_out * p->c_in * 9) * sizeof *dw);
        if (db)
            memset(db, 0, (size_t)p->c_out * sizeof *db);
        return;
    }
    make_plan(&r, p, k);
    weight_job j = {.p = p, .k = k, .w = conv_winograd_of(k), .plan = &r, .x = x, .dy = dy, .dw = dw, .db = db};
    j.buffers = scratch;
    j.sums = j.buffers + r.floats * (r.local && threads > 1 ? threads : 1);
    j.biases = j.sums + r.shares * r.sums;
    if (r.local)
        cpu_parallel(threads, r.shares, local_chunk, &j);
    for (; !r.local && j.first < r.tiles; j.first += r.group) {
        j.count = conv_min(r.group, r.tiles - j.first);
        cpu_parallel(threads, conv_ceil(j.count, STEP), transform_chunk, &j);
        cpu_parallel(threads, CONV_WINOGRAD * PARTS, add_chunk, &j);
    }
    j.parts = conv_ceil(p->c_in, 28);
    cpu_parallel(threads, r.blocks * j.parts, finish_chunk, &j);
    if (db)
        finish_bias(&j);
}
