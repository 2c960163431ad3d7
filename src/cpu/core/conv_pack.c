/* conv_pack.c: weights from PyTorch's order to that of the tiles: [group][block][tap][input channel][lanes of the block],
 * a block being 2 vectors of output channels (the last may be 1), filled up with zeros. */
#include "cpu/core/conv_parts.h"
#include "cpu/core/par.h"

typedef struct pack_job {
    const conv_problem *p;
    const conv_pack_plan *plan;
    const float *w;
    float *packed;
    int64_t lanes, blocks, parts; /* parts of the input channels */
} pack_job;

int64_t conv_packed_floats(const conv_problem *p, const conv_kernels *k)
{
    const int64_t lanes = conv_is_narrow(p, k) ? p->c_out : conv_ceil(p->c_out, k->lanes) * k->lanes;
    return p->groups * p->kh * p->kw * p->c_in * lanes;
}

/* What one block of output channels is packed with. */
typedef struct pack_block {
    const float *w; /* the first tap of the first output and input channel */
    float *dst;
    int64_t used, lanes;      /* output channels that there are, and what they are filled up to */
    int64_t row, column, tap; /* from tap to tap in w; tap: from any tap to the next, or 0 if rows do not join */
} pack_block;

/* All taps of one pair of channels. */
static void pack_taps(const conv_problem *p, const pack_block *b, const float *src, float *to)
{
    const int64_t next = p->c_in * b->lanes;
    if (b->tap != 0) {
        for (int64_t t = 0; t < p->kh * p->kw; t++, to += next)
            *to = src[t * b->tap];
        return;
    }
    for (int64_t r = 0; r < p->kh; r++)
        for (int64_t c = 0; c < p->kw; c++, to += next)
            *to = src[r * b->row + c * b->column];
}

/* Input channels first..end. Reads follow w, and what comes next there is asked for; writes stay within a few kilobytes. */
static void pack_channels(const pack_job *j, const pack_block *b, int64_t first, int64_t end)
{
    enum { LINE = 16 };
    const conv_problem *p = j->p;
    const int64_t lane_step = j->plan->lane, channel_step = j->plan->channel;
    if (lane_step < channel_step) {
        for (int64_t i = first; i < end; i++)
            for (int64_t lane = 0; lane < b->used; lane++) {
                const float *src = b->w + lane * lane_step + i * channel_step;
                __builtin_prefetch(src + channel_step);
                pack_taps(p, b, src, b->dst + i * b->lanes + lane);
            }
    } else {
        for (int64_t lane = 0; lane < b->used; lane++) {
            const float *src = b->w + lane * lane_step;
            for (int64_t i = end * channel_step; i < (2 * end - first) * channel_step; i += LINE)
                __builtin_prefetch(src + i);
            for (int64_t i = first; i < end; i++)
                pack_taps(p, b, src + i * channel_step, b->dst + i * b->lanes + lane);
        }
    }
}

/* Zeros to the lanes of output channels that there are not. */
static void pack_zeros(const conv_problem *p, const pack_block *b, int64_t first, int64_t end)
{
    for (int64_t t = 0; t < p->kh * p->kw && b->used < b->lanes; t++)
        for (int64_t i = first; i < end; i++)
            for (int64_t lane = b->used; lane < b->lanes; lane++)
                b->dst[(t * p->c_in + i) * b->lanes + lane] = 0.0f;
}

static void pack_chunk(void *arg, int64_t chunk, int thread)
{
    (void)thread;
    const pack_job *j = arg;
    const conv_problem *p = j->p;
    const int64_t part = chunk % j->parts, block = chunk / j->parts % j->blocks, group = chunk / j->parts / j->blocks;
    const int64_t sums = p->kh * p->kw * p->c_in, padded = conv_ceil(p->c_out, j->lanes) * j->lanes;
    const int64_t first = block * CONV_VECTORS * j->lanes, lanes = conv_min(CONV_VECTORS * j->lanes, padded - first);
    const conv_pack_plan *plan = j->plan;
    pack_block b = {.dst = j->packed + (group * padded + first) * sums, .lanes = lanes};
    b.w = j->w + group * plan->group + first * plan->lane + plan->row0 * plan->width + plan->column0;
    b.used = conv_min(lanes, p->c_out - first);
    b.row = plan->row_step * plan->width;
    b.column = plan->column_step;
    b.tap = b.row == b.column * p->kw ? b.column : 0;
    const int64_t run = conv_max(4, 64 / conv_max(1, p->kh * p->kw)), end = conv_part(p->c_in, j->parts, part + 1);
    const int64_t start = conv_part(p->c_in, j->parts, part);
    for (int64_t i = start; i < end; i += run)
        pack_channels(j, &b, i, conv_min(end, i + run));
    pack_zeros(p, &b, start, end);
}

/* Few output channels: [group][output channel][tap][input channel]. */
static void pack_narrow(const conv_problem *p, const conv_pack_plan *plan, const float *w, float *to)
{
    w += plan->row0 * plan->width + plan->column0;
    for (int64_t g = 0; g < p->groups; g++)
        for (int64_t o = 0; o < p->c_out; o++)
            for (int64_t r = 0; r < p->kh; r++)
                for (int64_t c = 0; c < p->kw; c++)
                    for (int64_t i = 0; i < p->c_in; i++)
                        *to++ = w[g * plan->group + o * plan->lane + i * plan->channel +
                                  r * plan->row_step * plan->width + c * plan->column_step];
}

void conv_pack(const conv_problem *p, const conv_pack_plan *plan, const conv_kernels *k, int threads, const float *w,
               float *packed)
{
    enum { ENOUGH = 1 << 13 };
    const int64_t floats = conv_packed_floats(p, k);
    pack_job job = {.p = p, .plan = plan, .w = w, .packed = packed, .lanes = k->lanes};
    if (floats == 0)
        return;
    if (conv_is_narrow(p, k)) {
        pack_narrow(p, plan, w, packed);
        return;
    }
    job.blocks = conv_ceil(p->c_out, CONV_VECTORS * k->lanes);
    int64_t chunks = p->groups * job.blocks;
    job.parts = conv_max(1, conv_min(p->c_in, conv_ceil(floats, ENOUGH) / chunks));
    cpu_parallel(floats < 2 * ENOUGH ? 1 : threads, chunks * job.parts, pack_chunk, &job);
}
