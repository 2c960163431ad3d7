/* elem_random.tile.c: random numbers for tiles, by Philox4x32-10 (base/philox.h). Number i of a stream is word i % 4 of
 * the block at counter (i / 4, step), whatever the order in which numbers are made. */
#include "base/philox.h"
#include "cpu/core/elem_tile.h"
#include "cpu/core/vec.h"

/* The words for n logical indices from `index` on, `stride` apart. */
static void words(uint32_t *out, int64_t n, int64_t index, int64_t stride, uint64_t key, uint64_t step)
{
    uint64_t have = UINT64_MAX; /* no block has this number: indices stay below 2^63 */
    base_philox block = {{0}};
    for (int64_t i = 0; i < n; i++, index += stride) {
        uint64_t want = (uint64_t)index / 4;
        if (want != have)
            block = base_philox_at(key, want, step);
        have = want;
        out[i] = block.v[(uint64_t)index % 4];
    }
}

void CPU_NAME(cpu_elem_uniform)(cpu_elem_call *t)
{
    uint32_t w[CPU_ELEM_TILE];
    float *d = t->dst;
    words(w, t->n, t->index, t->stride, t->key, t->step);
    for (int64_t i = 0; i < t->n; i++)
        d[i] = base_philox_f32(w[i]);
}

void CPU_NAME(cpu_elem_dropout)(cpu_elem_call *t)
{
    uint32_t w[CPU_ELEM_TILE];
    const float p = (float)t->arg[0], keep = p < 1 ? 1 / (1 - p) : 0;
    float *d = t->dst;
    words(w, t->n, t->index, t->stride, t->key, t->step);
    for (int64_t i = 0; i < t->n; i++)
        d[i] = base_philox_f32(w[i]) < p ? 0 : keep;
}
