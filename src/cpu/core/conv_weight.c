/* conv_weight.c: the gradients of weights and bias: for each tap and pair of channels a sum over all pixels.
 *
 * Pixels are cut into shares by the shape alone; each share adds up its own copy of the gradient ("partial", laid out like
 * packed weights), and the copies are then added in order and turned into PyTorch's order. A share goes through its pixels
 * in passes: dy of a pass is packed, per block of output channels, into the first cache and read once for each tile of taps
 * and input channels, whose sums stay in registers for the whole pass. */
#include "cpu/core/conv_parts.h"
#include "cpu/core/par.h"

#include <string.h>

enum { PASS = 200, CACHE = 256 << 10 };

typedef struct weight_plan {
    conv_view view;
    int64_t blocks, padded, sums; /* blocks of output channels of a group, their lanes in all, taps * input channels */
    int64_t parts;                /* of the blocks */
    int64_t image_shares, row_shares, shares;
    int64_t block_images, block_rows; /* of a copy */
    size_t off_bytes, buffer_bytes, slice_bytes, partial_bytes, bias_bytes;
} weight_plan;

typedef struct weight_job {
    const conv_problem *p;
    const conv_kernels *k;
    const weight_plan *plan;
    const float *x, *dy;
    float *dw, *db;
    char *buffers;           /* per thread: the copy of x, then the slice of dy */
    float *partial, *biases; /* per share */
    int64_t channel_parts;   /* of the last step */
} weight_job;

/* What one chunk works on. */
typedef struct weight_chunk {
    const weight_job *j;
    int64_t group, block0, block1;
    float *partial, *bias; /* this share's, of this group */
    float *slice;
    bool add;
    int64_t images, rows, width; /* that the table is for */
    int64_t at[PASS + CONV_SOON];
} weight_chunk;

static conv_mode choose_mode(const conv_problem *p, const conv_kernels *k)
{
    const int64_t run = p->dw == 1 && p->groups == 1 ? p->kw * p->c_in : p->c_in;
    if (p->kh * p->kw > 1 && run < k->most && p->kh * p->kw * p->c_in <= 4 * CONV_MOST)
        return CONV_COLUMNS;
    return conv_in_range(p) ? CONV_DIRECT : CONV_PADDED;
}

/* Sixteen chunks or more where there is enough to do. Large gradients are cut by output channels, as copies cost. */
static void cut(weight_plan *r, const conv_problem *p)
{
    enum { WANT = 16, SLICE = 320 << 10 };
    const double least = 5e5;
    const double total = 2.0 * (double)(p->n * p->oh * p->ow * p->c_out * p->groups) * (double)r->sums;
    const int64_t want = conv_min(WANT, (int64_t)(total / least) + 1), bytes = r->sums * r->padded * 4;
    r->parts = conv_min(r->blocks, conv_ceil(bytes, SLICE));
    int64_t shares = conv_ceil(want, r->parts * p->groups);
    r->image_shares = conv_min(p->n, shares);
    r->row_shares = conv_min(p->oh, conv_ceil(shares, r->image_shares));
    r->shares = r->image_shares * r->row_shares;
}

static void make_plan(weight_plan *r, const conv_problem *p, const conv_kernels *k, int64_t *off)
{
    const conv_mode mode = choose_mode(p, k);
    r->blocks = conv_ceil(p->c_out, CONV_VECTORS * k->lanes);
    r->padded = conv_ceil(p->c_out, k->lanes) * k->lanes;
    r->sums = p->kh * p->kw * p->c_in;
    cut(r, p);
    const int64_t rows = conv_ceil(p->oh, r->row_shares);
    conv_view_set(&r->view, p, mode, 1, NULL);
    r->block_rows = conv_min(rows, conv_max(conv_ceil(PASS, p->ow), CACHE / 4 / conv_max(1, r->view.row / p->groups)));
    r->block_images = r->block_rows < rows ? 1 : conv_max(1, PASS / (rows * p->ow));
    r->block_images = conv_min(r->block_images, conv_ceil(p->n, r->image_shares));
    conv_view_set(&r->view, p, mode, r->block_rows, off);
    r->off_bytes = conv_align((size_t)r->sums * sizeof(int64_t));
    r->buffer_bytes = conv_align((size_t)(conv_view_floats(&r->view) * r->block_images) * sizeof(float));
    r->slice_bytes = conv_align((size_t)(PASS * CONV_VECTORS * k->lanes) * sizeof(float));
    r->partial_bytes = conv_align((size_t)(r->shares * p->groups * r->sums * r->padded) * sizeof(float));
    r->bias_bytes = conv_align((size_t)(r->shares * p->groups * r->padded) * sizeof(float));
}

/* All tiles of one block for the pixels of t, whose dy is packed. */
static void weight_tiles(const weight_chunk *c, conv_weight_tile *t, const float *x, float *acc, int vectors)
{
    const conv_view *v = &c->j->plan->view;
    const conv_kernels *k = c->j->k;
    const int64_t tiles = conv_ceil(v->length, k->most);
    for (int64_t s = 0; s < v->segments; s++) {
        const float *origin = x + v->off[s];
        for (int64_t i = 0; i < tiles; i++) {
            const int64_t count = v->length / tiles + (i < v->length % tiles);
            t->x = origin;
            t->acc = acc;
            k->weight[vectors - 1][count - 1](t);
            origin += count;
            acc += count * vectors * k->lanes;
        }
    }
}

/* Where the pixels of a pass lie in x; most passes have the same. */
static void place_pixels(weight_chunk *c, int64_t images, int64_t rows, int64_t width)
{
    const conv_view *v = &c->j->plan->view;
    if (c->images == images && c->rows == rows && c->width == width)
        return;
    c->images = images;
    c->rows = rows;
    c->width = width;
    int64_t *at = c->at;
    for (int64_t i = 0; i < images; i++)
        for (int64_t r = 0; r < rows; r++)
            for (int64_t k = 0; k < width; k++)
                *at++ = i * v->image + r * v->row + k * v->step;
    for (int64_t i = 0; i < CONV_SOON; i++, at++)
        *at = at[-1];
}

/* Adds `images` times `rows` lines of `width` pixels, at most PASS in all. The lines of dy follow each other. */
static void weight_pass(weight_chunk *c, const float *x, const float *dy, int64_t images, int64_t rows, int64_t width)
{
    const weight_job *j = c->j;
    const conv_problem *p = j->p;
    const weight_plan *r = j->plan;
    const int64_t lanes = j->k->lanes;
    place_pixels(c, images, rows, width);
    conv_weight_tile t = {.at = c->at, .pixels = images * rows * width, .dy = c->slice, .add = c->add};
    t.far = r->view.mode == CONV_DIRECT;
    for (int64_t b = c->block0; b < c->block1; b++) {
        const int64_t first = b * CONV_VECTORS * lanes, channels = conv_min(p->c_out - first, CONV_VECTORS * lanes);
        const int vectors = (int)conv_ceil(channels, lanes);
        for (int64_t i = 0; i < images; i++)
            j->k->slice[vectors - 1](dy + i * p->y_image + first, p->y_pixel, rows * width, channels,
                                     c->slice + i * rows * width * vectors * lanes, j->db ? c->bias + first : NULL);
        weight_tiles(c, &t, x, c->partial + first * r->sums, vectors);
    }
    c->add = true;
}

/* Rows of a pass: as many as PASS allows, a few less if then x and dy fit into the first cache. */
static int64_t pass_rows(const weight_chunk *c, int64_t rows, int64_t width)
{
    enum { FIRST_CACHE = 44 << 10, FEW = 96 };
    const conv_view *v = &c->j->plan->view;
    const int64_t around = (c->j->p->kh - 1) * c->j->p->dh, line = CONV_VECTORS * c->j->k->lanes * width;
    int64_t most = conv_max(1, PASS / width), fit = most;
    while (fit > 1 && (fit + around) * v->row + fit * line > FIRST_CACHE / 4)
        fit--;
    if (fit * width >= FEW)
        most = fit;
    return conv_ceil(rows, conv_ceil(rows, most));
}

/* The pixels of one copy (or of x itself): pictures at, at + 1, ..., rows first..end of each. */
static void weight_block(weight_chunk *c, float *buffer, int64_t at, int64_t images, int64_t first, int64_t end)
{
    const conv_problem *p = c->j->p;
    const conv_view *v = &c->j->plan->view;
    const float *x = conv_view_fill(v, p, c->j->k, c->j->x, at, images, c->group, first, end, buffer);
    const float *dy = c->j->dy + at * p->y_image + first * p->y_row + c->group * p->c_out;
    int64_t rows = end - first, width = p->ow;
    if (images > 1) {
        weight_pass(c, x, dy, images, rows, width);
        return;
    }
    if (v->flat) {
        width *= rows;
        rows = 1;
    }
    const int64_t step = pass_rows(c, rows, width), pieces = conv_ceil(width, PASS);
    for (int64_t row = 0; row < rows; row += step)
        for (int64_t i = 0; i < pieces; i++) {
            const int64_t column = conv_part(width, pieces, i), next = conv_part(width, pieces, i + 1);
            weight_pass(c, x + row * v->row + column * v->step, dy + row * p->y_row + column * p->y_pixel, 1,
                        conv_min(step, rows - row), next - column);
        }
}

static void weight_chunk_run(void *arg, int64_t chunk, int thread)
{
    const weight_job *j = arg;
    const weight_plan *r = j->plan;
    const conv_problem *p = j->p;
    const int64_t share = chunk % r->shares, part = chunk / r->shares % r->parts;
    weight_chunk c = {.j = j, .group = chunk / r->shares / r->parts};
    char *buffer = j->buffers + (size_t)thread * (r->buffer_bytes + r->slice_bytes);
    c.block0 = conv_part(r->blocks, r->parts, part);
    c.block1 = conv_part(r->blocks, r->parts, part + 1);
    c.partial = j->partial + (share * p->groups + c.group) * r->sums * r->padded;
    c.bias = j->biases + (share * p->groups + c.group) * r->padded;
    c.slice = (float *)(void *)(buffer + r->buffer_bytes);
    const int64_t lane0 = c.block0 * CONV_VECTORS * j->k->lanes, lane1 = c.block1 * CONV_VECTORS * j->k->lanes;
    memset(c.bias + lane0, 0, (size_t)(conv_min(lane1, r->padded) - lane0) * sizeof(float));
    const int64_t s = share / r->row_shares, q = share % r->row_shares;
    const int64_t last = conv_part(p->n, r->image_shares, s + 1), end = conv_part(p->oh, r->row_shares, q + 1);
    for (int64_t i = conv_part(p->n, r->image_shares, s); i < last; i += r->block_images)
        for (int64_t row = conv_part(p->oh, r->row_shares, q); row < end; row += r->block_rows)
            weight_block(&c, (float *)(void *)buffer, i, conv_min(r->block_images, last - i), row,
                         conv_min(end, row + r->block_rows));
}

/* Adds the shares of taps tap..tap + taps of some input channels of one block, and writes them to dw. */
static void finish_piece(const weight_job *j, const float *partial, int64_t lanes, float *dw, int64_t channels,
                         const int64_t channel[2], const int64_t tap[2])
{
    enum { PIECE = 64 };
    const conv_problem *p = j->p;
    const weight_plan *r = j->plan;
    const int64_t taps = p->kh * p->kw, share = p->groups * r->sums * r->padded;
    float sum[PIECE * CONV_VECTORS * CONV_LANES], *to = sum;
    for (int64_t i = channel[0]; i < channel[1]; i++)
        for (int64_t t = tap[0]; t < tap[1]; t++, to += lanes) {
            const float *from = partial + (t * p->c_in + i) * lanes;
            memcpy(to, from, (size_t)lanes * sizeof *to);
            for (int64_t s = 1; s < r->shares; s++)
                for (int64_t l = 0; l < lanes; l++)
                    to[l] += from[s * share + l];
        }
    const int64_t count = (channel[1] - channel[0]) * (tap[1] - tap[0]); /* either all taps or one channel */
    for (int64_t l = 0; l < channels; l++)
        j->k->gather(sum + l, lanes, dw + (l * p->c_in + channel[0]) * taps + tap[0], count);
}

static void finish_chunk(void *arg, int64_t chunk, int thread)
{
    (void)thread;
    enum { PIECE = 64 };
    const weight_job *j = arg;
    const weight_plan *r = j->plan;
    const conv_problem *p = j->p;
    const int64_t part = chunk % j->channel_parts, block = chunk / j->channel_parts % r->blocks;
    const int64_t group = chunk / j->channel_parts / r->blocks, taps = p->kh * p->kw;
    const int64_t first = block * CONV_VECTORS * j->k->lanes, channels = p->c_out - first;
    const int64_t lanes = conv_min(CONV_VECTORS * j->k->lanes, r->padded - first);
    const float *partial = j->partial + group * r->sums * r->padded + first * r->sums;
    float *dw = j->dw + (group * p->c_out + first) * r->sums;
    const int64_t run = conv_max(1, PIECE / taps), end = conv_part(p->c_in, j->channel_parts, part + 1);
    for (int64_t i = conv_part(p->c_in, j->channel_parts, part); i < end; i += run)
        for (int64_t t = 0; t < taps; t += PIECE)
            finish_piece(j, partial, lanes, dw, conv_min(channels, lanes), (int64_t[]){i, conv_min(end, i + run)},
                         (int64_t[]){t, conv_min(taps, t + PIECE)});
}

static void finish_bias(const weight_job *j)
{
    const conv_problem *p = j->p;
    const weight_plan *r = j->plan;
    for (int64_t g = 0; g < p->groups; g++)
        for (int64_t o = 0; o < p->c_out; o++) {
            float sum = 0.0f;
            for (int64_t s = 0; s < r->shares; s++)
                sum += j->biases[(s * p->groups + g) * r->padded + o];
            j->db[g * p->c_out + o] = sum;
        }
}

static bool nothing(const conv_problem *p)
{
    return p->n == 0 || p->oh == 0 || p->ow == 0;
}

size_t conv_weight_scratch(const conv_problem *p, const conv_kernels *k, int threads)
{
    if (nothing(p))
        return 0;
    weight_plan r;
    make_plan(&r, p, k, NULL);
    return r.off_bytes + r.partial_bytes + r.bias_bytes +
           (size_t)(threads > 1 ? threads : 1) * (r.buffer_bytes + r.slice_bytes);
}

void conv_weight_run(const conv_problem *p, const conv_kernels *k, int threads, const float *x, const float *dy,
                     float *dw, float *db, void *scratch)
{
    const int64_t outputs = p->groups * p->c_out;
    if (nothing(p)) {
        memset(dw, 0, (size_t)(outputs * p->kh * p->kw * p->c_in) * sizeof *dw);
        if (db)
            memset(db, 0, (size_t)outputs * sizeof *db);
        return;
    }
    weight_plan r;
    make_plan(&r, p, k, scratch);
    weight_job j = {.p = p, .k = k, .plan = &r, .x = x, .dy = dy, .dw = dw, .db = db};
    char *at = (char *)scratch + r.off_bytes;
    j.partial = (float *)(void *)at;
    j.biases = (float *)(void *)(at + r.partial_bytes);
    j.buffers = at + r.partial_bytes + r.bias_bytes;
    cpu_parallel(threads, r.shares * r.parts * p->groups, weight_chunk_run, &j);
    int64_t floats = p->groups * r.sums * r.padded;
    j.channel_parts = conv_max(1, conv_min(p->c_in, floats / (1 << 13) / (p->groups * r.blocks)));
    cpu_parallel(floats < 1 << 14 ? 1 : threads, p->groups * r.blocks * j.channel_parts, finish_chunk, &j);
    if (db)
        finish_bias(&j);
}
