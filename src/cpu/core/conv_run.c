/* conv_run.c: forward and gradient of data from packed weights: which view of the input to take, how to cut the work,
 * and the walk over tiles. Cuts follow from the shape alone, and every output is summed up in one go, in one order. */
#include "cpu/core/conv_parts.h"
#include "cpu/core/par.h"

/* A chunk computes `images` pictures, or one band of rows of one picture, for one part of the output channels. */
typedef struct run_plan {
    conv_view view;
    bool narrow;
    int most;              /* pixels of a tile */
    int64_t blocks;        /* of 2 vectors of output channels in a group; 1 if narrow */
    int64_t bands, images; /* bands of a picture; pictures of a chunk */
    int64_t parts;         /* of the blocks */
    bool large;            /* weights exceed the cache, and a chunk has few pixels */
    int64_t units, chunks; /* (bands * groups of pictures), all */
    size_t off_bytes, buffer_bytes;
} run_plan;

typedef struct run_job {
    const conv_problem *p;
    const conv_kernels *k;
    const run_plan *plan;
    const float *x, *packed;
    conv_end end;
    float *y;
    char *buffers;
} run_job;

/* Where `add` is for what is `floats` behind the first y: either may hold two bf16 in a float. */
static const float *added(const conv_problem *p, const float *add, int64_t floats)
{
    if (!add)
        return NULL;
    return add + (p->half_y == p->half_add ? floats : p->half_y ? 2 * floats : floats / 2);
}

/* Cycles, about, that a line of pixels takes per weight and block: small tiles wait for the weights. */
static double line_cost(int64_t pixels, int most)
{
    int64_t tiles = conv_ceil(pixels, most), small = pixels / tiles, larger = pixels % tiles;
    double cost_small = (double)conv_max(small, 5) + 0.7, cost_larger = (double)conv_max(small + 1, 5) + 0.7;
    return (double)larger * cost_larger + (double)(tiles - larger) * cost_small;
}

static conv_mode choose_mode(const conv_problem *p, const conv_kernels *k, int64_t blocks)
{
    bool direct = conv_in_range(p);
    if (conv_is_narrow(p, k) && p->kh * p->kw != 0)
        return direct ? CONV_DIRECT : CONV_PADDED;
    if (p->kh * p->kw == 0 || (direct && p->sh * p->w == p->ow * p->sw))
        return CONV_DIRECT; /* pixels of all rows are at the same distance already */
    double sums = (double)(p->kh * p->kw * p->c_in * blocks), vectors = (double)p->c_in / k->lanes * 4.0;
    double rows = (double)((p->oh - 1) * p->sh + (p->kh - 1) * p->dh + 1);
    double padded = direct ? 0.0 : rows * (double)((p->ow - 1) * p->sw + (p->kw - 1) * p->dw + 1) * vectors;
    double expanded = rows * (double)(p->kw * p->ow) * vectors;
    double by_row = (double)p->oh * line_cost(p->ow, k->most), flat = line_cost(p->oh * p->ow, k->most);
    if (expanded + sums * flat < padded + sums * by_row)
        return CONV_EXPANDED;
    return direct ? CONV_DIRECT : CONV_PADDED;
}

/* Enough chunks to keep a few threads busy, but not so small that handing them out is felt. Weights that exceed the
 * cache are read once a chunk: then a chunk has many pixels, and rather few of the output channels. */
static void cut(run_plan *r, const conv_problem *p, int64_t row_bytes)
{
    enum { WANT = 32, ENOUGH = 8, CACHE = 256 << 10, LARGE = 512 << 10, LARGE_CACHE = 800 << 10 };
    const double least = 1e5, sums = (double)(p->kh * p->kw * p->c_in), enough = 2e6;
    const double picture = 2.0 * (double)(p->oh * p->ow * p->c_out) * sums + 1.0; /* floating point operations */
    const bool large = sums * (double)p->c_out * 4.0 > LARGE;
    const int64_t cache = large ? LARGE_CACHE : CACHE;
    r->bands = conv_ceil(p->oh, conv_max(1, cache / conv_max(row_bytes, 1)));
    r->images = r->parts = 1;
    if (r->bands == 1) {
        int64_t fit = conv_max(1, cache / conv_max(1, row_bytes * p->oh));
        int64_t want = conv_max(conv_ceil(96, p->oh * p->ow), (int64_t)(enough / picture));
        r->images = conv_max(1, conv_min(conv_min(want, fit), large ? p->n : p->n * p->groups / WANT));
    }
    int64_t chunks = conv_ceil(p->n, r->images) * r->bands * p->groups;
    int64_t most = conv_max(1, (int64_t)(picture * (double)(p->n * p->groups) / least));
    most += most > 1 && most % 2; /* an odd chunk is one that others wait for */
    int64_t want = conv_min(WANT, most);
    if (chunks < want && large)
        r->parts = conv_min(r->blocks, conv_ceil(want, chunks));
    if (chunks * r->parts < (large ? conv_min(want, ENOUGH) : want)) /* each band reads all weights anew */
        r->bands = conv_min(p->oh, r->bands * conv_ceil(want, chunks * r->parts));
    chunks = conv_ceil(p->n, r->images) * r->bands * p->groups;
    if (chunks < want && r->parts == 1)
        r->parts = conv_min(r->blocks, conv_ceil(want, chunks));
}

static void make_plan(run_plan *r, const conv_problem *p, const conv_kernels *k, int64_t *off)
{
    r->narrow = conv_is_narrow(p, k);
    r->most = !r->narrow ? k->most : p->c_out <= 2 ? CONV_NARROW_MOST : CONV_NARROW_MOST / 2;
    r->blocks = conv_ceil(p->c_out, CONV_VECTORS * k->lanes);
    conv_mode mode = choose_mode(p, k, r->blocks);
    conv_view_set(&r->view, p, mode, 1, NULL);
    cut(r, p, r->view.mode == CONV_EXPANDED ? p->kw * p->sh * p->ow * p->c_in * 4 : r->view.row * 4 / p->groups);
    if (r->bands > 1)
        r->images = 1; /* a chunk is a band or some pictures */
    r->large = !r->narrow && r->parts > 1 && conv_ceil(p->oh, r->bands) * p->ow * r->images <= 8 * r->most;
    int64_t rows = conv_ceil(p->oh, r->bands);
    conv_view_set(&r->view, p, mode, rows, off);
    r->units = conv_ceil(p->n, r->images) * r->bands;
    r->chunks = r->units * r->parts * p->groups;
    r->off_bytes = conv_align((size_t)(p->kh * p->kw) * sizeof(int64_t));
    r->buffer_bytes = conv_align((size_t)(conv_view_floats(&r->view) * r->images) * sizeof(float));
}

/* A line of pixels, cut into tiles of nearly equal size, the largest first. tile[i] does i + 1 pixels. Asked for meanwhile:
 * `soon`, a line of the cache a step, or where that is NULL what lies `ahead` of a tile's input. */
static void run_line(const run_job *j, void (*const tile[])(const conv_tile *), conv_tile *t, int64_t pixels,
                     int64_t ahead, const float *soon)
{
    const int most = j->plan->most;
    const float *x = t->x;
    float *y = t->y;
    int64_t tiles = conv_ceil(pixels, most), column = 0;
    for (int64_t i = 0; i < tiles; i++) {
        int64_t count = pixels / tiles + (i < pixels % tiles);
        t->x = x;
        t->add = added(j->p, j->end.add, y - j->y);
        t->y = y;
        t->ahead = soon ? soon + i * t->segments * t->length * CONV_LANES : x + ahead + count * t->step;
        t->left = t->width - column;
        tile[count - 1](t);
        x += count * t->step;
        y += count * t->y_pixel;
        for (column += count; column >= t->width; column -= t->width)
            y += t->y_jump;
    }
}

/* One block of output channels of a chunk's rows. */
static void run_block(const run_job *j, const conv_view *v, const float *origin, int64_t group, int64_t block,
                      const int64_t image[2], const int64_t row[2])
{
    const conv_problem *p = j->p;
    const int64_t sums = p->kh * p->kw * p->c_in, lanes = j->k->lanes;
    const int64_t first = block * CONV_VECTORS * lanes, channels = conv_min(p->c_out - first, CONV_VECTORS * lanes);
    const int64_t packed_group = conv_packed_floats(p, j->k) / p->groups, unit = p->half_y ? 2 : 1;
    const int vectors = (int)conv_ceil(channels, lanes);
    conv_tile t = {.step = v->step, .off = v->off, .segments = v->segments, .length = v->length};
    t.relu = j->end.relu;
    t.add_last = j->end.add_last;
    t.slope = j->end.slope;
    t.most = j->end.most;
    t.half_y = p->half_y;
    t.half_add = p->half_add;
    t.w = j->packed + group * packed_group + first * sums;
    t.bias = j->end.bias ? j->end.bias + group * p->c_out + first : NULL;
    t.y_pixel = p->y_pixel;
    t.width = p->ow;
    t.y_jump = p->y_row - p->ow * p->y_pixel;
    t.last = (int)(channels - (vectors - 1) * lanes);
    /* A row of windows reads new pixels in its last row of taps; the next row will, one row on. */
    int64_t ahead = v->segments > 1 ? v->off[v->segments - 1] + v->row : 0;
    /* Weights that come from memory are what is waited for: those of the next block. */
    const float *soon = j->plan->large && block + 1 < j->plan->blocks ? t.w + CONV_VECTORS * lanes * sums : NULL;
    for (int64_t i = image[0]; i < image[1]; i++) {
        const float *x = origin + (i - image[0]) * v->image;
        float *y = j->y + i * p->y_image + row[0] * p->y_row + (group * p->c_out + first) / unit;
        int64_t lines = v->flat ? 1 : row[1] - row[0], pixels = v->flat ? (row[1] - row[0]) * p->ow : p->ow;
        for (int64_t l = 0; l < lines; l++) {
            t.x = x + l * v->row;
            t.y = y + l * p->y_row;
            run_line(j, j->plan->narrow ? j->k->narrow[p->c_out - 1] : j->k->tile[vectors - 1], &t, pixels, ahead,
                     soon);
        }
    }
}

static void run_chunk(void *arg, int64_t chunk, int thread)
{
    const run_job *j = arg;
    const run_plan *r = j->plan;
    const conv_problem *p = j->p;
    int64_t unit = chunk % r->units, part = chunk / r->units % r->parts, group = chunk / r->units / r->parts;
    int64_t band = unit % r->bands, at = unit / r->bands * r->images;
    const int64_t image[2] = {at, conv_min(p->n, at + r->images)};
    const int64_t row[2] = {conv_part(p->oh, r->bands, band), conv_part(p->oh, r->bands, band + 1)};
    float *buffer = (float *)(void *)(j->buffers + (size_t)thread * r->buffer_bytes);
    const float *x =
        conv_view_fill(&r->view, p, j->k, j->x, image[0], image[1] - image[0], group, row[0], row[1], buffer);
    for (int64_t b = conv_part(r->blocks, r->parts, part); b < conv_part(r->blocks, r->parts, part + 1); b++)
        run_block(j, &r->view, x, group, b, image, row);
}

static bool nothing(const conv_problem *p)
{
    return p->n == 0 || p->oh == 0 || p->ow == 0 || p->c_out == 0;
}

size_t conv_run_scratch(const conv_problem *p, const conv_kernels *k, int threads)
{
    if (nothing(p))
        return 0;
    run_plan r;
    make_plan(&r, p, k, NULL);
    return r.off_bytes + (size_t)(threads > 1 ? threads : 1) * r.buffer_bytes;
}

void conv_run(const conv_problem *p, const conv_kernels *k, int threads, const float *x, const float *packed,
              const conv_end *end, float *y, void *scratch)
{
    if (nothing(p))
        return;
    run_plan r;
    make_plan(&r, p, k, scratch);
    run_job job = {.p = p, .k = k, .plan = &r, .x = x, .packed = packed, .end = *end, .y = y};
    job.buffers = (char *)scratch + r.off_bytes;
    cpu_parallel(threads, r.chunks, run_chunk, &job);
}

/* ---- pairs ------------------------------------------------------------------------------------------------------- */

#if CPU_X86

/* A problem by pairs in floats that are two bf16. */
static conv_problem in_pairs(const conv_problem *p)
{
    conv_problem q = *p;
    q.c_in = conv_ceil(p->c_in, 2);
    q.pairs = false;
    if (p->half_y)
        q.y_image /= 2, q.y_row /= 2, q.y_pixel /= 2;
    return q;
}

/* Bytes of x as bf16, where it is not. */
static size_t halves(const conv_problem *p)
{
    return p->half_x ? 0 : conv_align((size_t)(p->n * p->h * p->w * conv_ceil(p->c_in, 2)) * sizeof(float));
}

size_t conv_pairs_scratch(const conv_problem *p, int threads)
{
    const conv_problem q = in_pairs(p);
    return halves(p) + conv_run_scratch(&q, &conv_kernels_pairs, threads);
}

enum { HALVE = 1 << 13 }; /* floats of x that a chunk makes bf16, about */

static int64_t pixels_of_chunk(const conv_problem *p)
{
    return conv_max(1, HALVE / p->c_in);
}

static void halve_chunk(void *arg, int64_t chunk, int thread)
{
    (void)thread;
    const run_job *j = arg;
    const conv_problem *p = j->p;
    const int64_t each = pixels_of_chunk(p), from = chunk * each, all = p->n * p->h * p->w;
    j->k->halve(j->x + from * p->c_in, conv_min(each, all - from), p->c_in,
                j->buffers + from * conv_ceil(p->c_in, 2) * (int64_t)sizeof(float));
}

void conv_pairs_run(const conv_problem *p, int threads, const void *x, const float *packed, const conv_end *end,
                    void *y, void *scratch)
{
    const conv_problem q = in_pairs(p);
    if (!p->half_x && !nothing(p)) {
        run_job job = {.p = p, .k = &conv_kernels_pairs, .x = x, .buffers = scratch};
        cpu_parallel(threads, conv_ceil(p->n * p->h * p->w, pixels_of_chunk(p)), halve_chunk, &job);
    }
    conv_run(&q, &conv_kernels_pairs, threads, p->half_x ? x : scratch, packed, end, y, (char *)scratch + halves(p));
}

#endif
