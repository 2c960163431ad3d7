/* conv_pack.c: weights from PyTorch's order to that of the tiles: [group][block][tap][input channel][lanes of the block],
 * a block being 2 vectors of output channels (the last may be 1), filled up with zeros. Of problems by pairs two input channels are
 * one, in two bf16. */
#include "cpu/core/conv_parts.h"
#include "cpu/core/par.h"

#include <string.h>

typedef struct pack_job {
    const conv_problem *p;
    const conv_pack_plan *plan;
    const conv_kernels *k;
    const float *w;
    float *packed;
    int64_t lanes, blocks, parts; /* parts of the input channels */
    int64_t unit;                 /* input channels that are packed as one float */
} pack_job;

static int64_t unit_of(const conv_problem *p)
{
    return p->pairs ? 2 : 1;
}

/* Floats of a tap and an output channel. */
static int64_t inputs_of(const conv_problem *p)
{
    return conv_ceil(p->c_in, unit_of(p));
}

int64_t conv_packed_floats(const conv_problem *p, const conv_kernels *k)
{
    const int64_t lanes = conv_is_narrow(p, k) ? p->c_out : conv_ceil(p->c_out, k->lanes) * k->lanes;
    return p->groups * p->kh * p->kw * inputs_of(p) * lanes;
}

/* What one block of output channels is packed with. */
typedef struct pack_block {
    const float *w; /* the first tap of the first output and input channel */
    float *dst;
    int64_t used, lanes; /* output channels that there are, and what they are filled up to */
    int64_t row, column; /* from tap to tap in w */
    int64_t lane;        /* from one output channel to the next */
    int64_t low;         /* where w's first tap of a pair of channels lies, from the first that is packed */
} pack_block;

enum {
    RUN = 64,
    RUN_MOST = 80
}; /* floats of one output channel that are handled together, and how far apart they lie */

/* Input channels first..end, whose first begins at src: for each tap the output channels side by side. */
static void pack_pairs(const pack_job *j, const pack_block *b, const float *src, int64_t lane, int64_t first,
                       int64_t end)
{
    const conv_problem *p = j->p;
    const int64_t unit = j->unit, channels = inputs_of(p);
    for (int64_t i = first; i < end; i += unit, src += unit * j->plan->channel)
        for (int64_t r = 0; r < p->kh; r++)
            for (int64_t c = 0; c < p->kw; c++) {
                const float *from = src + r * b->row + c * b->column;
                float *to = b->dst + ((r * p->kw + c) * channels + i / unit) * b->lanes;
                if (unit == 2)
                    j->k->pair(from, i + 1 < p->c_in ? j->plan->channel : 0, lane, to, b->used);
                else
                    j->k->gather(from, lane, to, b->used);
            }
}

/* Where one output channel's weights are far from the next one's, a run of each is first copied to a table that the first
 * cache holds; where they are neighbours, input channels are taken one by one. What comes next is asked for. */
static void pack_channels(const pack_job *j, const pack_block *b, int64_t first, int64_t end)
{
    enum { LINE = 16 };
    const int64_t step = j->plan->channel, taps = j->plan->taps, unit = j->unit;
    if (b->lane < step || taps * unit > RUN) {
        for (int64_t i = first; i < end; i += unit) {
            const float *src = b->w + i * step;
            for (int64_t lane = 0; lane < b->used * b->lane && b->lane < step; lane += LINE)
                __builtin_prefetch(src + unit * step + lane);
            pack_pairs(j, b, src, b->lane, i, i + unit);
        }
        return;
    }
    float table[CONV_VECTORS * CONV_LANES * RUN_MOST];
    const int64_t run = RUN / taps / unit * unit;
    for (int64_t i = first; i < end; i += run) {
        const int64_t next = conv_min(end, i + run), floats = (next - i) * taps;
        for (int64_t lane = 0; lane < b->used; lane++) {
            const float *src = b->w + b->low + lane * b->lane + i * step;
            for (int64_t k = floats; k < 2 * floats + LINE; k += LINE)
                __builtin_prefetch(src + k);
            memcpy(table + lane * RUN_MOST, src, (size_t)floats * sizeof *table);
        }
        pack_pairs(j, b, table - b->low, RUN_MOST, i, next);
    }
}

/* Zeros to the lanes of output channels that there are not. */
static void pack_zeros(const conv_problem *p, const pack_block *b, int64_t channels, int64_t first, int64_t end)
{
    for (int64_t t = 0; t < p->kh * p->kw && b->used < b->lanes; t++)
        for (int64_t i = first; i < end; i++)
            for (int64_t lane = b->used; lane < b->lanes; lane++)
                b->dst[(t * channels + i) * b->lanes + lane] = 0.0f;
}

static void pack_chunk(void *arg, int64_t chunk, int thread)
{
    (void)thread;
    const pack_job *j = arg;
    const conv_problem *p = j->p;
    const int64_t part = chunk % j->parts, block = chunk / j->parts % j->blocks, group = chunk / j->parts / j->blocks;
    const int64_t inputs = inputs_of(p), sums = p->kh * p->kw * inputs;
    const int64_t padded = conv_ceil(p->c_out, j->lanes) * j->lanes;
    const int64_t first = block * CONV_VECTORS * j->lanes, lanes = conv_min(CONV_VECTORS * j->lanes, padded - first);
    const conv_pack_plan *plan = j->plan;
    pack_block b = {.dst = j->packed + (group * padded + first) * sums, .lanes = lanes, .lane = plan->lane};
    b.low = -plan->row0 * plan->width - plan->column0;
    b.w = j->w + group * plan->group + first * plan->lane - b.low;
    b.used = conv_min(lanes, p->c_out - first);
    b.row = plan->row_step * plan->width;
    b.column = plan->column_step;
    const int64_t start = conv_part(inputs, j->parts, part), end = conv_part(inputs, j->parts, part + 1);
    pack_channels(j, &b, start * j->unit, conv_min(end * j->unit, p->c_in));
    pack_zeros(p, &b, inputs, start, end);
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
    pack_job job = {.p = p, .plan = plan, .k = k, .w = w, .packed = packed, .lanes = k->lanes};
    job.unit = unit_of(p);
    if (floats == 0)
        return;
    if (conv_is_narrow(p, k)) {
        pack_narrow(p, plan, w, packed);
        return;
    }
    job.blocks = conv_ceil(p->c_out, CONV_VECTORS * k->lanes);
    int64_t chunks = p->groups * job.blocks;
    job.parts = conv_max(1, conv_min(inputs_of(p), conv_ceil(floats, ENOUGH) / chunks));
    cpu_parallel(floats < 2 * ENOUGH ? 1 : threads, chunks * job.parts, pack_chunk, &job);
}
