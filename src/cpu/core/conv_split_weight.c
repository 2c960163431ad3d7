/* conv_split_weight.c: the gradient of weights by split products: see conv_split.h. For each tap dw[o][i] is a sum over the places
 * of dy: dy lies in rows of channels, x in pairs of places, each a line of the cache, so that a tap that is an even number of
 * places away is a shift by lines. For odd ones there is a second copy whose pairs begin a place later. A share of the places has
 * sums of its own; shares are cut by shape and added in order. */
#include "cpu/core/conv_few.h"
#include "cpu/core/par.h"

#include <string.h>

#if CPU_X86

enum { SIDE = CONV_SPLIT_SIDE, BLOCK = SIDE * SIDE, LINE = 64 };

typedef struct weight_plan {
    conv_split_map map;
    int64_t length, chunks, window;           /* places of a chunk; of x with what taps reach; both multiples of 32 */
    int64_t blocks, parts, shares;            /* of 32 output channels; items of a share; shares of the chunks */
    int64_t most;                             /* blocks of a part */
    int64_t pitch, low;                       /* bytes of a row of dy; to the low rows */
    int64_t copies;                           /* of each stream of x: for even distances, for odd ones */
    int64_t next, copy;                       /* bytes of 16 channels of a copy, of all */
    size_t off_bytes, sums_bytes;             /* sums: of one share */
    size_t tables, edge, pairs, thread_bytes; /* edge: of conv_few.h */
} weight_plan;

typedef struct weight_job {
    const conv_problem *p;
    const weight_plan *plan;
    const void *x, *dy; /* bf16 where the problem has half_x, half_y */
    float *dw;
    const int64_t *off, *stream;
    float *sums;
    char *threads;
} weight_job;

static void map_set(conv_split_map *m, const conv_problem *p, int64_t *off, int64_t *stream)
{
    if (p->few)
        conv_few_map_set(m, p, off, stream);
    else
        conv_split_map_set(m, p, off, stream);
}

static void make_plan(weight_plan *r, const conv_problem *p)
{
    enum { CACHE = 1200 << 10, LEAST = 128, MOST = 1024, SUMS = 24 << 20, WANT = 16, RANGE = 4 };
    map_set(&r->map, p, NULL, NULL);
    const conv_split_map *m = &r->map;
    r->blocks = conv_ceil(p->c_out, SIDE);
    r->sums_bytes = (size_t)(r->blocks * m->taps * m->groups * BLOCK) * sizeof(float);
    const int64_t fit = conv_max(1, SUMS / (int64_t)r->sums_bytes);
    r->parts = m->taps > 1 || fit < WANT ? conv_max(1, r->blocks / RANGE) : 1;
    r->most = conv_ceil(r->blocks, r->parts);
    r->copies = m->reach > 0 ? 2 : 1;
    const int64_t streams = m->phases * r->copies;
    r->length = CACHE / ((streams * m->groups + r->most) * m->record) - m->reach * 3 / 4;
    r->length = conv_max(LEAST, conv_min(conv_min(MOST, r->length), m->places) / SIDE * SIDE);
    r->chunks = conv_ceil(m->places, r->length);
    r->shares = conv_min(r->chunks, conv_min(fit, WANT));
    r->window = conv_ceil(r->length + m->reach, SIDE) * SIDE;
    r->pitch =
        r->length * 2 + (r->length * 2 % (2 * LINE) ? 0 : LINE); /* an odd number of lines: rows meet different sets */
    r->low = p->narrow ? 0 : r->most * SIDE * r->pitch;
    r->next = r->window * (m->record / 2) + LINE;
    r->copy = m->groups * 2 * r->next;
    r->off_bytes = conv_align((size_t)(2 * m->taps) * sizeof(int64_t));
    r->tables = conv_align((size_t)(r->window + 1) * (sizeof(float *) + sizeof(int64_t)));
    r->edge = p->few ? conv_align((size_t)((r->window + 1) * SIDE) * sizeof(float)) : 0;
    r->pairs = (size_t)(streams * r->copy);
    r->thread_bytes = conv_align(r->tables + r->edge + r->pairs + (size_t)(r->low + r->most * SIDE * r->pitch));
}

static bool nothing(const conv_problem *p)
{
    return p->n == 0 || p->oh == 0 || p->ow == 0 || p->c_out == 0;
}

size_t conv_split_weight_scratch(const conv_problem *p, int threads)
{
    weight_plan r;
    if (nothing(p))
        return 0;
    make_plan(&r, p);
    return r.off_bytes + (size_t)r.shares * r.sums_bytes + (size_t)(threads > 1 ? threads : 1) * r.thread_bytes;
}

/* Whether a tap reads a stream at odd distances (or even ones). */
static bool in_use(const weight_job *j, int64_t stream, int64_t odd)
{
    const conv_split_map *m = &j->plan->map;
    for (int64_t t = 0; t < m->taps; t++)
        if ((m->phases == 1 || j->stream[t] == stream) && (j->off[t] - m->low) % 2 == odd)
            return true;
    return false;
}

/* What the taps of the places from `from` on read of x: [phase][even, odd][16 channels][places]. */
static void fill_pairs(const weight_job *j, int64_t from, const float **at, char *to)
{
    const weight_plan *r = j->plan;
    const int64_t low = j->p->narrow ? 0 : r->window * CONV_SPLIT_RECORD / 2;
    const int64_t channels = j->p->few ? j->p->kw * j->p->c_in : j->p->c_in;
    float *edge = (float *)(void *)((char *)(void *)at + r->tables);
    for (int64_t s = 0; s < r->map.phases; s++) {
        if (j->p->few)
            conv_few_inputs(&r->map, j->p, s, j->x, from, r->window + 1, at, edge);
        else
            conv_split_inputs(&r->map, j->p, r->map.phases == 1 ? j->stream[0] : s, j->x, from + r->map.low,
                              r->window + 1, at);
        for (int64_t odd = 0; odd < r->copies; odd++, to += r->copy)
            for (int64_t i = 0; i < r->window && in_use(j, s, odd); i += SIDE)
                conv_split_of(j->p)->pairs(at + odd + i, i + SIDE < r->window && !odd ? at + i + SIDE : NULL, channels,
                                           to + i * (CONV_SPLIT_RECORD / 2), r->next, low, j->p->half_x);
    }
}

/* dy in rows, the channels of blocks first..end. */
static void fill_rows(const weight_job *j, int64_t from, int64_t first, int64_t end, const float **at, char *to)
{
    const weight_plan *r = j->plan;
    const int64_t channels = conv_min(j->p->c_out, end * SIDE) - first * SIDE, size = j->p->half_y ? 2 : 4;
    int64_t *place = (int64_t *)(void *)(at + r->window + 1);
    conv_split_outputs(&r->map, j->p, from, r->length, place);
    for (int64_t i = 0; i < r->length; i++)
        at[i] = place[i] >= 0 ? (const float *)(const void *)((const char *)j->dy + (place[i] + first * SIDE) * size)
                              : NULL;
    for (int64_t i = 0; i < r->length; i += SIDE)
        conv_split_of(j->p)->rows(at + i, i + SIDE < r->length ? at + i + SIDE : NULL, channels, to + i * 2, r->pitch,
                                  r->low, j->p->half_y);
}

/* A run of places at a time, so that the rows of dy stay in the first cache while all input channels pass. */
static void add_up(const weight_job *j, const char *pairs, const char *rows, int64_t first, int64_t end, float *sums,
                   bool add)
{
    enum { RUN = 8 * SIDE };
    const weight_plan *r = j->plan;
    const conv_split_map *m = &r->map;
    const int64_t run = j->p->narrow ? RUN : RUN / 2;
    conv_split_sum s = {.pitch = r->pitch, .low = r->low, .next = r->next, .narrow = j->p->narrow};
    s.b_low = r->window * CONV_SPLIT_RECORD / 2;
    for (int64_t b = first; b < end; b++)
        for (int64_t from = 0; from < r->length; from += run)
            for (int64_t g = 0; g < m->groups; g++)
                for (int64_t t = 0; t < m->taps; t++) {
                    const int64_t away = j->off[t] - m->low, stream = m->phases == 1 ? 0 : j->stream[t];
                    s.steps = conv_min(run, r->length - from) / SIDE;
                    s.add = add || from > 0;
                    s.a = rows + (b - first) * SIDE * r->pitch + from * 2;
                    s.b = pairs + (stream * r->copies + away % 2) * r->copy + g * 2 * r->next +
                          (from + away - away % 2) * (CONV_SPLIT_RECORD / 2);
                    s.c = sums + ((b * m->taps + t) * m->groups + g) * BLOCK;
                    conv_split_of(j->p)->sum(&s);
                }
}

static void share_chunk(void *arg, int64_t item, int thread)
{
    const weight_job *j = arg;
    const weight_plan *r = j->plan;
    const int64_t share = item / r->parts, part = item % r->parts;
    const int64_t first = conv_part(r->blocks, r->parts, part), end = conv_part(r->blocks, r->parts, part + 1);
    const int64_t begin = conv_part(r->chunks, r->shares, share), stop = conv_part(r->chunks, r->shares, share + 1);
    char *memory = j->threads + (size_t)thread * r->thread_bytes, *pairs = memory + r->tables + r->edge;
    char *rows = pairs + r->pairs;
    const float **at = (const float **)(void *)memory;
    float *sums = (float *)(void *)((char *)j->sums + (size_t)share * r->sums_bytes);
    conv_split_of(j->p)->enter();
    for (int64_t c = begin; c < stop; c++) {
        const int64_t from = c * r->length;
        fill_pairs(j, from, at, pairs);
        fill_rows(j, from, first, end, at, rows);
        add_up(j, pairs, rows, first, end, sums, c > begin);
    }
    conv_split_of(j->p)->leave();
}

/* The same where taps are rows of the window, and channels kw * c_in. */
static void finish_few(const weight_job *j, int64_t block)
{
    const weight_plan *r = j->plan;
    const conv_problem *p = j->p;
    const int64_t all = p->kh * p->kw * p->c_in, outs = conv_min(SIDE, p->c_out - block * SIDE);
    int32_t order[CONV_SPLIT_TABLE + SIDE] = {0};
    for (int64_t k = 0; k < all; k++) {
        const int64_t i = k / (p->kh * p->kw), row = k / p->kw % p->kh, column = k % p->kw;
        order[k] = (int32_t)(row * SIDE + column * p->c_in + i);
    }
    conv_split_finish f = {.share = (int64_t)(r->sums_bytes / sizeof(float)), .tap = BLOCK, .shares = r->shares};
    f.taps = p->kh;
    f.channels = p->kw * p->c_in;
    f.order = order;
    for (int64_t o = 0; o < outs; o++) {
        f.sums = j->sums + block * p->kh * BLOCK + o * SIDE;
        conv_split_of(j->p)->finish(&f, j->dw + (block * SIDE + o) * all);
    }
}

/* The shares of 32 output channels by 32 input channels, to dw[o][i][taps]. */
static void finish_chunk(void *arg, int64_t chunk, int thread)
{
    enum { MOST = CONV_SPLIT_TABLE / SIDE };
    const weight_job *j = arg;
    const weight_plan *r = j->plan;
    const conv_problem *p = j->p;
    const int64_t block = chunk / r->map.groups, group = chunk % r->map.groups, taps = r->map.taps;
    const int64_t outs = conv_min(SIDE, p->c_out - block * SIDE), ins = conv_min(SIDE, p->c_in - group * SIDE);
    conv_split_finish f = {.share = (int64_t)(r->sums_bytes / sizeof(float)), .tap = r->map.groups * BLOCK};
    int32_t order[CONV_SPLIT_TABLE + SIDE] = {0};
    (void)thread;
    if (p->few) {
        finish_few(j, block);
        return;
    }
    f.shares = r->shares;
    f.order = order;
    for (int64_t t = 0; t < taps;
         t += MOST) { /* all taps of an input channel, or if they are very many, channel by channel */
        f.taps = conv_min(MOST, taps - t);
        f.channels = taps <= MOST ? ins : 1;
        for (int64_t i = 0; i < ins; i += f.channels) {
            for (int64_t k = 0; k < f.channels * f.taps; k++)
                order[k] = (int32_t)(k % f.taps * SIDE + i + k / f.taps);
            for (int64_t o = 0; o < outs; o++) {
                f.sums = j->sums + ((block * taps + t) * r->map.groups + group) * BLOCK + o * SIDE;
                conv_split_of(j->p)->finish(&f, j->dw + ((block * SIDE + o) * p->c_in + group * SIDE + i) * taps + t);
            }
        }
    }
}

static void sum_bias(const conv_problem *p, const float *dy, float *db)
{
    memset(db, 0, (size_t)p->c_out * sizeof *db);
    for (int64_t i = 0; i < p->n; i++)
        for (int64_t r = 0; r < p->oh; r++)
            conv_split_of(p)->add(dy + i * p->y_image + r * p->y_row, p->y_pixel, p->ow, p->c_out, db);
}

void conv_split_weight_run(const conv_problem *p, int threads, const void *x, const void *dy, float *dw, float *db,
                           void *scratch)
{
    weight_plan r;
    if (db)
        sum_bias(p, dy, db);
    if (nothing(p)) {
        memset(dw, 0, (size_t)(p->c_out * p->c_in * p->kh * p->kw) * sizeof *dw);
        return;
    }
    make_plan(&r, p);
    int64_t *off = scratch, *stream = off + r.map.taps;
    map_set(&r.map, p, off, stream);
    weight_job j = {.p = p, .plan = &r, .x = x, .dy = dy, .dw = dw, .off = off, .stream = stream};
    j.sums = (float *)(void *)((char *)scratch + r.off_bytes);
    j.threads = (char *)j.sums + (size_t)r.shares * r.sums_bytes;
    cpu_parallel(threads, r.shares * r.parts, share_chunk, &j);
    cpu_parallel(threads, r.blocks * r.map.groups, finish_chunk, &j);
}

#endif
