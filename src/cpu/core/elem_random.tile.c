/* elem_random.tile.c: random numbers for tiles, by Philox4x32-10 (base/philox.h). Number i of a stream is word i % 4 of
 * the block at counter (i / 4, step), whatever the order in which numbers are made. */
#include "base/philox.h"
#include "cpu/core/elem_tile.h"
#include "cpu/core/vec.h"

/* ---- blocks ---------------------------------------------------------------------------------------------------- */

/* A batch of blocks that are made together, each 32-bit word of a counter in a 64-bit lane of its own; what the upper
 * halves hold does not matter, as only the lower ones are multiplied. */
#if CPU_VEC_AVX512
enum { LANES = 8 };
typedef __m512i lanes;
#define MUL(a, b) _mm512_mul_epu32(a, b)
#define HIGH(a) _mm512_srli_epi64(a, 32)
#define XOR3(a, b, c) _mm512_ternarylogic_epi64(a, b, c, 0x96)
#define SET1(x) _mm512_set1_epi64((int64_t)(x))
#elif CPU_VEC_AVX2
enum { LANES = 4 };
typedef __m256i lanes;
#define MUL(a, b) _mm256_mul_epu32(a, b)
#define HIGH(a) _mm256_srli_epi64(a, 32)
#define XOR3(a, b, c) _mm256_xor_si256(_mm256_xor_si256(a, b), c)
#define SET1(x) _mm256_set1_epi64x((int64_t)(x))
#else
enum { LANES = 1 };
#endif
enum { BATCH = 4 * LANES }; /* words */

/* The keys of the ten rounds. They stay in memory: arithmetic on vectors takes them from there for free, whereas spreading
 * them out of general registers would cost as much as the arithmetic. Hence a function that is not inlined, so that the
 * compiler does not see through it. */
typedef struct schedule {
    uint64_t k0[10], k1[10], key, step;
} schedule;

static __attribute__((noinline)) void make_schedule(schedule *s, uint64_t key, uint64_t step)
{
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int round = 0; round < 10; round++) {
        s->k0[round] = k0;
        s->k1[round] = k1;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    s->key = key;
    s->step = step;
}

#if CPU_VF > 4
/* The four words of the blocks at `counter`, each in lanes. */
CPU_INLINE void rounds(lanes counter, const schedule *s, lanes c[4])
{
    c[0] = counter;
    c[1] = HIGH(counter);
    c[2] = SET1(s->step & UINT32_MAX);
    c[3] = SET1(s->step >> 32);
    for (int round = 0; round < 10; round++) {
        lanes p0 = MUL(c[0], SET1(0xD2511F53u)), p1 = MUL(c[2], SET1(0xCD9E8D57u));
        c[0] = XOR3(HIGH(p1), c[1], SET1(s->k0[round]));
        c[2] = XOR3(HIGH(p0), c[3], SET1(s->k1[round]));
        c[1] = p1;
        c[3] = p0;
    }
}
#endif

/* The words of the LANES blocks from number `block` on, as BATCH / CPU_VF vectors. */
#if CPU_VEC_AVX512
CPU_INLINE void batch(uint64_t block, const schedule *s, cpu_vu out[2])
{
    /* Blocks 0 4 1 5 2 6 3 7: unpacking then leaves blocks 0 .. 3 in one vector and 4 .. 7 in the other. */
    lanes c[4], counter = _mm512_add_epi64(SET1(block), _mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7));
    rounds(counter, s, c);
    lanes c01 = _mm512_mask_shuffle_epi32(c[0], 0xaaaa, c[1], _MM_PERM_CCAA);
    lanes c23 = _mm512_mask_shuffle_epi32(c[2], 0xaaaa, c[3], _MM_PERM_CCAA);
    out[0] = (cpu_vu)_mm512_unpacklo_epi64(c01, c23);
    out[1] = (cpu_vu)_mm512_unpackhi_epi64(c01, c23);
}
#elif CPU_VEC_AVX2
CPU_INLINE void batch(uint64_t block, const schedule *s, cpu_vu out[2])
{
    lanes c[4], counter = _mm256_add_epi64(SET1(block), _mm256_setr_epi64x(0, 2, 1, 3));
    rounds(counter, s, c);
    lanes c01 = _mm256_blend_epi32(c[0], _mm256_slli_epi64(c[1], 32), 0xaa);
    lanes c23 = _mm256_blend_epi32(c[2], _mm256_slli_epi64(c[3], 32), 0xaa);
    out[0] = (cpu_vu)_mm256_unpacklo_epi64(c01, c23);
    out[1] = (cpu_vu)_mm256_unpackhi_epi64(c01, c23);
}
#else
CPU_INLINE void batch(uint64_t block, const schedule *s, cpu_vu out[1])
{
    base_philox b = base_philox_at(s->key, block, s->step);
    memcpy(out, b.v, sizeof b.v);
}
#endif

/* ---- what becomes of words ------------------------------------------------------------------------------------- */

/* Words to results: uniform numbers, or dropout's factors where `below` and more are kept. */
typedef struct kind {
    bool uniform;
    uint32_t below;
    float keep;
} kind;

CPU_INLINE cpu_vf result(cpu_vu w, kind k)
{
    cpu_vi whole = (cpu_vi)(w >> 8);
    if (k.uniform)
        return cpu_vf_of_vi(whole) * 0x1p-24f;
    return cpu_vf_select(whole < (int32_t)k.below, (cpu_vf){0}, cpu_vf_set1(k.keep));
}

CPU_INLINE float result_of_word(uint32_t w, kind k)
{
    return k.uniform ? base_philox_f32(w) : w >> 8 < k.below ? 0 : k.keep;
}

CPU_INLINE void make_batch(float *d, uint64_t block, const schedule *s, kind k)
{
    cpu_vu w[BATCH / CPU_VF];
    batch(block, s, w);
    for (int i = 0; i < BATCH / CPU_VF; i++)
        cpu_vf_store(d + i * CPU_VF, result(w[i], k));
}

/* Indices one after the other. The first and the last batch may stick out. */
CPU_INLINE void run_on(const cpu_elem_call *t, kind k)
{
    float *d = t->dst, part[BATCH];
    schedule s;
    make_schedule(&s, t->key, t->step);
    uint64_t block = (uint64_t)t->index / 4;
    int64_t skip = t->index & 3, i = 0;
    if (skip) {
        make_batch(part, block, &s, k);
        i = t->n < BATCH - skip ? t->n : BATCH - skip;
        memcpy(d, part + skip, (size_t)i * sizeof *d);
        block += LANES;
    }
    for (; i + BATCH <= t->n; i += BATCH, block += LANES)
        make_batch(d + i, block, &s, k);
    if (i < t->n) {
        make_batch(part, block, &s, k);
        memcpy(d + i, part, (size_t)(t->n - i) * sizeof *d);
    }
}

/* Indices `stride` apart: mostly a block for each number. */
CPU_INLINE void jump(const cpu_elem_call *t, kind k)
{
    float *d = t->dst;
    int64_t i = 0;
#if CPU_VEC_AVX512
    schedule s;
    make_schedule(&s, t->key, t->step);
    const lanes ahead = _mm512_mullo_epi64(SET1(t->stride), _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7));
    for (; i + LANES <= t->n; i += LANES) {
        lanes c[4], index = _mm512_add_epi64(SET1(t->index + i * t->stride), ahead);
        rounds(_mm512_srli_epi64(index, 2), &s, c);
        lanes w01 = _mm512_mask_mov_epi64(c[0], _mm512_test_epi64_mask(index, SET1(1)), c[1]);
        lanes w23 = _mm512_mask_mov_epi64(c[2], _mm512_test_epi64_mask(index, SET1(1)), c[3]);
        lanes w = _mm512_mask_mov_epi64(w01, _mm512_test_epi64_mask(index, SET1(2)), w23);
        cpu_vf y = result((cpu_vu)_mm512_zextsi256_si512(_mm512_cvtepi64_epi32(w)), k);
        cpu_vf_store_n(d + i, y, LANES);
    }
#endif
    uint64_t have = UINT64_MAX; /* no block has this number: indices stay below 2^63 */
    base_philox block = {{0}};
    for (; i < t->n; i++) {
        uint64_t index = (uint64_t)(t->index + i * t->stride);
        if (index / 4 != have)
            block = base_philox_at(t->key, index / 4, t->step);
        have = index / 4;
        d[i] = result_of_word(block.v[index % 4], k);
    }
}

void CPU_NAME(cpu_elem_uniform)(cpu_elem_call *t)
{
    const kind k = {.uniform = true};
    if (t->stride == 1)
        run_on(t, k);
    else
        jump(t, k);
}

/* A number u = w 2^-24 with whole w is below p exactly if w is below the next whole number from p 2^24 on. */
void CPU_NAME(cpu_elem_dropout)(cpu_elem_call *t)
{
    const float p = (float)t->arg[0], scaled = p * 0x1p24f;
    uint32_t below = scaled >= 0x1p24f ? 1u << 24 : scaled > 0 ? (uint32_t)scaled : 0;
    below += (float)below < scaled && below < 1u << 24;
    const kind k = {.below = below, .keep = p < 1 ? 1 / (1 - p) : 0};
    if (t->stride == 1)
        run_on(t, k);
    else
        jump(t, k);
}
