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
    return p->groups * p->kh * p->kw * p->c_in * conv_ceil(p->c_out, k->lanes) * k->lanes;
}

/* Input channels first..end of one block. Reads follow w, writes stay within a few kilobytes. */
static void pack_channels(const pack_job *j, const float *w, float *dst, int64_t used, int64_t lanes, int64_t first,
                          int64_t end)
{
    const conv_problem *p = j->p;
    const conv_pack_plan *plan = j->plan;
    w += plan->row0 * plan->width + plan->column0;
    for (int64_t lane = 0; lane < lanes; lane++)
        for (int64_t i = first; i < end; i++) {
            const float *src = w + lane * plan->lane + i * plan->channel;
            float *to = dst + i * lanes + lane;
            for (int64_t r = 0; r < p->kh; r++)
                for (int64_t c = 0; c < p->kw; c++, to += p->c_in * lanes)
                    *to = lane < used ? src[r * plan->row_step * plan->width + c * plan->column_step] : 0.0f;
        }
}

static void pack_chunk(void *arg, int64_t chunk, int thread)
{
    (void)thread;
    const pack_job *j = arg;
    const conv_problem *p = j->p;
    const int64_t part = chunk % j->parts, block = chunk / j->parts % j->blocks, group = chunk / j->parts / j->blocks;
    const int64_t sums = p->kh * p->kw * p->c_in, padded = conv_ceil(p->c_out, j->lanes) * j->lanes;
    const int64_t first = block * CONV_VECTORS * j->lanes, lanes = conv_min(CONV_VECTORS * j->lanes, padded - first);
    const int64_t used = conv_min(lanes, p->c_out - first);
    const float *w = j->w + group * j->plan->group + first * j->plan->lane;
    float *dst = j->packed + (group * padded + first) * sums;
    const int64_t run = conv_max(4, 64 / conv_max(1, p->kh * p->kw)), end = conv_part(p->c_in, j->parts, part + 1);
    for (int64_t i = conv_part(p->c_in, j->parts, part); i < end; i += run)
        pack_channels(j, w, dst, used, lanes, i, conv_min(end, i + run));
}

void conv_pack(const conv_problem *p, const conv_pack_plan *plan, const conv_kernels *k, int threads, const float *w,
               float *packed)
{
    enum { ENOUGH = 1 << 13 };
    const int64_t floats = conv_packed_floats(p, k);
    pack_job job = {.p = p, .plan = plan, .w = w, .packed = packed, .lanes = k->lanes};
    if (floats == 0)
        return;
    job.blocks = conv_ceil(p->c_out, CONV_VECTORS * k->lanes);
    int64_t chunks = p->groups * job.blocks;
    job.parts = conv_max(1, conv_min(p->c_in, conv_ceil(floats, ENOUGH) / chunks));
    cpu_parallel(floats < 2 * ENOUGH ? 1 : threads, chunks * job.parts, pack_chunk, &job);
}
