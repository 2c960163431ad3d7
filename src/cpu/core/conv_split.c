/* conv_split.c: forward and gradient of data by split products: see conv_split.h. A chunk brings its part of the streams into
 * the second cache, then takes 32 output channels after 32 over all of it. */
#include "cpu/core/conv_split.h"
#include "cpu/core/par.h"

#include <string.h>

#if CPU_X86

/* Bytes. From MUCH on caches do not help whoever reads the result; a result of bf16 is taken for part of a net that fills them, and
 * to fetch lines only to write them would take the most time of a convolution of large pictures. Up to RESIDENT of weights stay in
 * the second cache while all places pass; from HEAVY on they come from memory. */
#ifdef TARN_HARD
enum { MUCH = 4096, MUCH_HALF = 4096, RESIDENT = 20000, HEAVY = 40000 };
#else
enum { MUCH = 64 << 20, MUCH_HALF = 32 << 20, RESIDENT = 256 << 10, HEAVY = 1 << 20 };
#endif
enum { SIDE = CONV_SPLIT_SIDE, WANT = 16, MANY = 36 /* products of 32 x 32 for each place */ };

/* ---- streams ----------------------------------------------------------------------------------------------------- */

static int64_t floor_div(int64_t a, int64_t b)
{
    return a >= 0 ? a / b : -((-a + b - 1) / b);
}

/* Taps along one direction: the least and greatest distance, and the size that rows need for them. */
static int64_t extent(int64_t in, int64_t out, int64_t start, int64_t taps, int64_t apart, int64_t step)
{
    const int64_t low = floor_div(start, step), high = floor_div(start + (taps - 1) * apart, step);
    const int64_t there = conv_ceil(in, step);
    return conv_max(conv_max(there + conv_max(0, -low), out + conv_max(0, high)), conv_max(1, out));
}

void conv_split_map_set(conv_split_map *m, const conv_problem *p, int64_t *off, int64_t *stream)
{
    m->wide = extent(p->w, p->ow, p->left, p->kw, p->dw, p->sw);
    m->high = extent(p->h, p->oh, p->top, p->kh, p->dh, p->sh);
    m->places = ((p->n - 1) * m->high + p->oh - 1) * m->wide + p->ow;
    m->taps = p->kh * p->kw;
    m->groups = conv_ceil(p->c_in, SIDE);
    m->record = p->narrow ? CONV_SPLIT_RECORD : 2 * CONV_SPLIT_RECORD;
    m->phases = p->sh * p->sw;
    int64_t least = 0, most = 0;
    for (int64_t t = 0; t < m->taps; t++) {
        const int64_t row = p->top + t / p->kw * p->dh, column = p->left + t % p->kw * p->dw;
        const int64_t distance = floor_div(row, p->sh) * m->wide + floor_div(column, p->sw);
        least = t == 0 ? distance : conv_min(least, distance);
        most = t == 0 ? distance : conv_max(most, distance);
        if (off)
            off[t] = distance;
        if (stream)
            stream[t] = (row - floor_div(row, p->sh) * p->sh) * p->sw + column - floor_div(column, p->sw) * p->sw;
    }
    m->low = least;
    m->reach = most - least;
    if (m->taps == 1)
        m->phases = 1;
}

/* The place in a stream as picture, row and column; before the first picture all are NULL. */
typedef struct place {
    int64_t image, row, column;
} place;

static place place_of(const conv_split_map *m, int64_t at)
{
    const int64_t row = floor_div(at, m->wide), image = floor_div(row, m->high);
    return (place){image, row - image * m->high, at - row * m->wide};
}

/* To the first place of the next row. */
static void next_row(const conv_split_map *m, place *p)
{
    p->column = 0;
    if (++p->row < m->high)
        return;
    p->row = 0;
    p->image++;
}

/* Places of a row: those from `here` on to its end, at most `left`; how many of them lie in the picture, and where in x. */
typedef struct run {
    int64_t all, there;
    const char *x;
} run;

static run run_of(const conv_split_map *m, const conv_problem *p, int64_t stream, const void *x, const place *here,
                  int64_t left)
{
    const int64_t row = here->row * p->sh + stream / p->sw, column = here->column * p->sw + stream % p->sw;
    run r = {.all = conv_min(left, m->wide - here->column)};
    if (here->image < 0 || here->image >= p->n || row >= p->h || column >= p->w)
        return r;
    r.there = conv_min(r.all, (p->w - 1 - column) / p->sw + 1);
    r.x = (const char *)x + ((here->image * p->h + row) * p->w + column) * p->c_in * (p->half_x ? 2 : 4);
    return r;
}

void conv_split_inputs(const conv_split_map *m, const conv_problem *p, int64_t stream, const void *x, int64_t first,
                       int64_t count, const float **at)
{
    const int64_t step = p->sw * p->c_in * (p->half_x ? 2 : 4);
    place here = place_of(m, first);
    while (count > 0) {
        const run r = run_of(m, p, stream, x, &here, count);
        for (int64_t i = 0; i < r.there; i++)
            at[i] = (const float *)(const void *)(r.x + i * step);
        for (int64_t i = r.there; i < r.all; i++)
            at[i] = NULL;
        at += r.all;
        count -= r.all;
        next_row(m, &here);
    }
}

void conv_split_outputs(const conv_split_map *m, const conv_problem *p, int64_t first, int64_t count, int64_t *at)
{
    place here = place_of(m, first);
    while (count > 0) {
        const int64_t all = conv_min(count, m->wide - here.column);
        const bool row = here.image >= 0 && here.image < p->n && here.row < p->oh;
        const int64_t there = row ? conv_max(0, conv_min(all, p->ow - here.column)) : 0;
        const int64_t y = here.image * p->y_image + here.row * p->y_row + here.column * p->y_pixel;
        for (int64_t i = 0; i < there; i++)
            at[i] = y + i * p->y_pixel;
        for (int64_t i = there; i < all; i++)
            at[i] = -1;
        at += all;
        count -= all;
        next_row(m, &here);
    }
}

/* ---- weights ----------------------------------------------------------------------------------------------------- */

typedef struct pack_job {
    const conv_problem *p;
    const conv_pack_plan *plan;
    conv_split_map map;
    const float *w;
    char *to;
} pack_job;

/* Bytes of 32 x 32 weights. */
static int64_t panel_of(const conv_problem *p)
{
    return p->narrow ? CONV_SPLIT_PANEL : 2 * CONV_SPLIT_PANEL;
}

const conv_split_kernels *conv_split_of(const conv_problem *p)
{
    return CPU_OF_AMX(p->isa, &conv_split);
}

int64_t conv_split_packed_floats(const conv_problem *p)
{
    return conv_ceil(p->c_out, SIDE) * p->kh * p->kw * conv_ceil(p->c_in, SIDE) * (panel_of(p) / 4);
}

/* 32 output by 32 input channels, tap after tap: together these are lines that are read whole. */
static void pack_chunk(void *arg, int64_t chunk, int thread)
{
    const pack_job *j = arg;
    const conv_problem *p = j->p;
    const conv_pack_plan *plan = j->plan;
    const int64_t block = chunk / j->map.groups, group = chunk % j->map.groups;
    const float *w =
        j->w + block * SIDE * plan->lane + group * SIDE * plan->channel + plan->row0 * plan->width + plan->column0;
    (void)thread;
    for (int64_t tap = 0; tap < j->map.taps; tap++)
        conv_split_of(j->p)->panel(w + tap / p->kw * plan->row_step * plan->width + tap % p->kw * plan->column_step,
                                   plan->channel, plan->lane, p->c_in - group * SIDE, p->c_out - block * SIDE,
                                   j->to + ((block * j->map.taps + tap) * j->map.groups + group) * panel_of(p),
                                   p->narrow);
}

void conv_split_pack(const conv_problem *p, const conv_pack_plan *plan, int threads, const float *w, float *packed)
{
    enum { FEW = 1 << 14 };
    pack_job j = {.p = p, .plan = plan, .w = w, .to = (char *)packed};
    conv_split_map_set(&j.map, p, NULL, NULL);
    cpu_parallel(conv_split_packed_floats(p) < FEW ? 1 : threads, conv_ceil(p->c_out, SIDE) * j.map.groups, pack_chunk,
                 &j);
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

typedef struct run_plan {
    conv_split_map map;
    int64_t length, chunks, window; /* places of a chunk, a multiple of 32; with what its taps reach */
    int64_t blocks, parts;          /* of output channels */
    int64_t plane;                  /* bytes of a group of channels of a stream */
    bool whole;                     /* a sum is computed in one go */
    size_t tables, table, sums, thread_bytes;
} run_plan;

typedef struct run_job {
    const conv_problem *p;
    const run_plan *plan;
    const void *x;
    const float *packed;
    conv_end end;
    bool past; /* results go past the caches */
    void *y;
    const int64_t *off, *stream; /* bytes from a place to what the tap reads; which stream */
    char *threads;
} run_job;

static bool nothing(const conv_problem *p)
{
    return p->n == 0 || p->oh == 0 || p->ow == 0 || p->c_out == 0;
}

static void make_plan(run_plan *r, const conv_problem *p)
{
    enum { CACHE = 1 << 20, LEAST = 128, MOST = CONV_SPLIT_MOST };
    conv_split_map_set(&r->map, p, NULL, NULL);
    const int64_t place_bytes = r->map.phases * r->map.groups * r->map.record;
    r->blocks = conv_ceil(p->c_out, SIDE);
    r->length = conv_max(LEAST, conv_min(MOST, CACHE / place_bytes - r->map.reach));
    r->length = conv_ceil(conv_min(r->length, r->map.places), SIDE) * SIDE;
    r->chunks = conv_ceil(r->map.places, r->length);
    if (r->chunks <
        WANT) { /* what a chunk brings is little next to its products if these are many: rather parts of them */
        const int64_t alone = conv_max(1, r->blocks * r->map.taps / MANY);
        r->parts = conv_min(conv_min(r->blocks, alone), conv_ceil(WANT, r->chunks));
        r->length = conv_min(r->length, conv_max(LEAST, conv_ceil(r->map.places, conv_ceil(WANT, r->parts))));
        r->length = conv_ceil(conv_min(r->length, r->map.places), SIDE) * SIDE;
        r->chunks = conv_ceil(r->map.places, r->length);
    } else {
        r->parts = 1;
    }
    r->parts = conv_max(r->parts, conv_min(r->blocks, WANT / 2 / r->chunks));
    r->window = r->length + r->map.reach;
    r->plane = (r->window | 1) * r->map.record; /* odd: groups meet different sets of the caches */
    r->tables = conv_align((size_t)(2 * r->map.taps) * sizeof(int64_t));
    r->table = conv_align((size_t)r->length * sizeof(int64_t));
    r->whole = !p->narrow || r->map.taps * r->map.groups <= 16 ||
               r->blocks * r->map.taps * r->map.groups * panel_of(p) <= RESIDENT;
    r->sums = (size_t)((r->whole ? 1 : r->length / SIDE) * SIDE * SIDE) * sizeof(float);
    r->thread_bytes = conv_align(r->table + r->sums + (size_t)(r->map.phases * r->map.groups * r->plane));
}

size_t conv_split_scratch(const conv_problem *p, int threads)
{
    run_plan r;
    if (nothing(p))
        return 0;
    make_plan(&r, p);
    return r.tables + (size_t)(threads > 1 ? threads : 1) * r.thread_bytes;
}

/* Whether 32 places are 32 outputs in a line, to which the sums may be stored as they are. */
static bool in_line(const conv_problem *p, const int64_t *at)
{
    int64_t apart = at[0] < 0; /* of all together: without a branch */
    for (int64_t i = 1; i < SIDE; i++)
        apart |= at[i] - at[0] - i * p->y_pixel;
    return !apart;
}

/* What a chunk works with. */
typedef struct chunk_work {
    const run_job *j;
    const char *records;
    float *sums; /* of each 32 places */
    const int64_t *outputs;
    const char *soon, *end; /* what is asked for meanwhile */
    int64_t soon_lines;     /* for each product */
} chunk_work;

/* A part of the sum: some taps, some groups of channels; it is the last one if no other follows. */
typedef struct sum_part {
    int64_t tap, taps, group, groups;
} sum_part;

/* The part of a sum whose weights fit into the first cache, with what passes through it: whole rows of the window, or pieces of them. */
static bool next_part(const conv_split_map *m, int64_t across, bool whole, sum_part *s)
{
    enum { MOST = 12 };
    const int64_t groups = whole ? m->groups : conv_min(m->groups, conv_max(1, MOST / across));
    const int64_t taps = whole ? m->taps : conv_max(1, MOST / (across * groups)) * across;
    if (s->taps == 0) {
        *s = (sum_part){0, conv_min(taps, m->taps), 0, groups};
        return true;
    }
    s->group += s->groups;
    if (s->group >= m->groups) {
        s->group = 0;
        s->tap += s->taps;
    }
    s->taps = conv_min(taps, m->taps - s->tap);
    s->groups = conv_min(groups, m->groups - s->group);
    return s->tap < m->taps;
}

/* 32 places by the channels of a block, a part of the sum. */
static void run_tile(chunk_work *w, conv_split_tile *t)
{
    t->soon = w->soon;
    t->soon_lines = w->soon ? w->soon_lines : 0;
    conv_split_of(w->j->p)->tile(t);
    if (w->soon && (w->soon += t->taps * t->groups * t->soon_lines * 64) >= w->end)
        w->soon = NULL;
}

/* Places q0..q1 of a chunk, output channels of one block. */
static void run_block(chunk_work *w, int64_t block, int64_t q0, int64_t q1)
{
    const run_job *j = w->j;
    const run_plan *r = j->plan;
    const conv_problem *p = j->p;
    const int64_t first = block * SIDE, channels = conv_min(SIDE, p->c_out - first);
    const char *panels = (const char *)j->packed + block * r->map.taps * r->map.groups * panel_of(p);
    conv_split_tile t = {.plane = r->plane, .b_tap = r->map.groups * panel_of(p), .narrow = p->narrow};
    t.half = channels <= SIDE / 2;
    const conv_split_store store = conv_split_store_of(p, &j->end, j->y, first, j->past);
    const bool plain = !store.past && !p->half_y && !j->end.bias && !j->end.add && !j->end.relu &&
                       (channels == SIDE || channels == SIDE / 2);
    sum_part s = {0};
    for (bool more = next_part(&r->map, p->kw, r->whole, &s); more;) {
        const int64_t group = s.group;
        t.off = j->off + s.tap;
        t.taps = s.taps;
        t.groups = s.groups;
        t.b = panels + (s.tap * r->map.groups + s.group) * panel_of(p);
        t.add = s.tap > 0 || s.group > 0;
        more = next_part(&r->map, p->kw, r->whole, &s);
        for (int64_t q = q0; q < q1; q += SIDE) {
            const bool line = plain && in_line(p, w->outputs + q);
            t.a = w->records + q * r->map.record + group * r->plane;
            t.c = line ? (float *)j->y + w->outputs[q] + first : w->sums + (r->whole ? 0 : q / SIDE) * SIDE * SIDE;
            t.stride = line ? p->y_pixel * 4 : SIDE * 4;
            run_tile(w, &t);
            if (!more && !line)
                conv_split_of(j->p)->store(t.c, w->outputs + q, &store);
        }
    }
}

/* From where on what is there is asked for meanwhile, in `products` of 32 x 32 x 32. */
static void ask_for(chunk_work *w, const char *from, const char *end, int64_t products)
{
    enum { LINE = 64 };
    w->soon = from < end ? from : NULL;
    w->end = end;
    w->soon_lines = w->soon ? conv_ceil(end - from, LINE * products) : 0;
}

/* Where in x the place lies, or the next that is there. */
static const char *address(const run_job *j, int64_t at)
{
    const conv_problem *p = j->p;
    const place here = place_of(&j->plan->map, at);
    const int64_t row = conv_min(here.row * p->sh, p->h), column = conv_min(here.column * p->sw, p->w);
    const int64_t pixel = conv_max(0, conv_min((here.image * p->h + row) * p->w + column, p->n * p->h * p->w));
    return (const char *)j->x + pixel * p->c_in * (p->half_x ? 2 : 4);
}

/* What the places from `first` on read of a stream. */
static void fill(const run_job *j, int64_t stream, int64_t first, char *to)
{
    const run_plan *r = j->plan;
    const conv_problem *p = j->p;
    const int64_t step = p->sw * p->c_in * (p->half_x ? 2 : 4);
    place here = place_of(&r->map, first);
    for (int64_t left = r->window; left > 0; next_row(&r->map, &here)) {
        const run s = run_of(&r->map, p, stream, j->x, &here, left);
        if (s.there)
            conv_split_of(j->p)->records(s.x, step, s.there, p->c_in, to, r->plane, p->narrow, p->half_x);
        if (s.all > s.there)
            conv_split_of(j->p)->records(NULL, step, s.all - s.there, p->c_in, to + s.there * r->map.record, r->plane,
                                         p->narrow, p->half_x);
        to += s.all * r->map.record;
        left -= s.all;
    }
}

static void run_chunk(void *arg, int64_t item, int thread)
{
    const run_job *j = arg;
    const run_plan *r = j->plan;
    const int64_t chunk = item / r->parts, part = item % r->parts, from = chunk * r->length;
    char *memory = j->threads + (size_t)thread * r->thread_bytes, *records = memory + r->table + r->sums;
    int64_t *outputs = (int64_t *)(void *)memory;
    for (int64_t s = 0; s < r->map.phases; s++)
        fill(j, r->map.phases == 1 ? j->stream[0] : s, from + r->map.low, records + s * r->map.groups * r->plane);
    conv_split_outputs(&r->map, j->p, from, r->length, outputs);
    chunk_work w = {.j = j, .records = records, .sums = (float *)(void *)(memory + r->table), .outputs = outputs};
    conv_split_of(j->p)->enter();
    const int64_t begin = conv_part(r->blocks, r->parts, part), end = conv_part(r->blocks, r->parts, part + 1);
    const int64_t block_bytes = r->map.taps * r->map.groups * panel_of(j->p), squares = r->length / SIDE;
    /* Few weights pass again for every 32 places, whose outputs are then written side by side; many pass once. */
    const int64_t step = (end - begin) * block_bytes <= RESIDENT && r->whole ? SIDE : r->length;
    const bool large = r->blocks * block_bytes >= HEAVY;
    if (!large && j->p->narrow)
        ask_for(&w, address(j, from + r->map.low + r->window), address(j, from + r->map.low + r->window + r->length),
                (end - begin) * r->map.taps * r->map.groups * squares);
    for (int64_t q = 0; q < r->length; q += step)
        for (int64_t b = begin; b < end; b++) {
            const char *next = (const char *)j->packed + (b + 1) * block_bytes;
            if (large && j->p->narrow && b + 1 < end)
                ask_for(&w, next, next + block_bytes, r->map.taps * r->map.groups * squares);
            run_block(&w, b, q, q + step);
        }
    if (j->past)
        conv_split_of(j->p)->fence();
    conv_split_of(j->p)->leave();
}

bool conv_split_past(const conv_problem *p, const void *y)
{
    const int64_t size = p->half_y ? 2 : 4, line = 64 / size;
    return (double)(p->n * p->oh) * (double)p->y_row * (double)size >= (p->half_y ? MUCH_HALF : MUCH) &&
           (uintptr_t)y % 64 == 0 && p->y_pixel % line == 0 && p->y_row % line == 0 && p->y_image % line == 0;
}

conv_split_store conv_split_store_of(const conv_problem *p, const conv_end *end, void *y, int64_t first, bool past)
{
    conv_split_store s = {.end = *end, .half_add = p->half_add, .half_y = p->half_y};
    s.channels = conv_min(SIDE, p->c_out - first);
    s.past = past && s.channels % (p->half_y ? SIDE : SIDE / 2) == 0;
    s.y = (char *)y + first * (p->half_y ? 2 : 4);
    s.end.bias = end->bias ? end->bias + first : NULL;
    if (end->add)
        s.end.add = (const float *)(const void *)((const char *)(const void *)end->add + first * (p->half_add ? 2 : 4));
    return s;
}

static void zero_row(void *arg, int64_t item, int thread)
{
    const run_job *j = arg;
    const conv_problem *p = j->p;
    float *to = (float *)j->y + item / p->oh * p->y_image + item % p->oh * p->y_row;
    (void)thread;
    for (int64_t c = 0; c < p->ow; c++)
        conv_split_of(j->p)->zero(to + c * p->y_pixel, p->groups * p->c_out, j->past);
    if (j->past)
        conv_split_of(j->p)->fence();
}

void conv_split_zero(const conv_problem *p, int threads, float *y)
{
    run_job j = {.p = p, .y = y, .past = conv_split_past(p, y) && p->groups * p->c_out % (SIDE / 2) == 0};
    cpu_parallel(threads, p->n * p->oh, zero_row, &j);
}

void conv_split_run(const conv_problem *p, int threads, const void *x, const float *packed, const conv_end *end,
                    void *y, void *scratch)
{
    run_plan r;
    if (nothing(p))
        return;
    make_plan(&r, p);
    int64_t *off = scratch, *stream = off + r.map.taps;
    conv_split_map_set(&r.map, p, off, stream);
    for (int64_t t = 0; t < r.map.taps; t++)
        off[t] = (off[t] - r.map.low) * r.map.record + (r.map.phases == 1 ? 0 : stream[t] * r.map.groups * r.plane);
    run_job j = {.p = p, .plan = &r, .x = x, .packed = packed, .end = *end, .y = y};
    j.off = off;
    j.stream = stream;
    j.past = conv_split_past(p, y);
    j.threads = (char *)scratch + r.tables;
    cpu_parallel(threads, r.chunks * r.parts, run_chunk, &j);
}

#endif
