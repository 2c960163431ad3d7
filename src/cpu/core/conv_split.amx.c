/* conv_split.amx.c: the inner loops of conv_split.h. Registers 0 to 3 hold 32 x 32 sums, 4 and 5 rows of places, 6 and 7
 * pairs of input channels; ten loads for twelve products. */
#include "cpu/core/conv_split.h"
#include "cpu/core/amx.h"
#include "cpu/core/conv_act.h"
#include "cpu/core/transpose.h"

#include <string.h>

enum { HALF = AMX_SIDE, REG = 1024 };

/* ---- splitting --------------------------------------------------------------------------------------------------- */

CPU_INLINE __m512 widen(__m256i half)
{
    return (__m512)cpu_vf_of_bf16((cpu_vh)half);
}

/* a and b (behind it) as 32 high and 32 low parts. */
CPU_INLINE void split(__m512 a, __m512 b, __m512i *high, __m512i *low)
{
    const __m512i h = (__m512i)_mm512_cvtne2ps_pbh(b, a);
    *high = h;
    *low = (__m512i)_mm512_cvtne2ps_pbh(_mm512_sub_ps(b, widen(_mm512_extracti64x4_epi64(h, 1))),
                                        _mm512_sub_ps(a, widen(_mm512_castsi512_si256(h))));
}

CPU_INLINE __mmask16 first(int64_t n)
{
    return (__mmask16)(n >= HALF ? 0xffffu : n <= 0 ? 0u : (1u << n) - 1);
}

CPU_INLINE void record(const float *x, int64_t channels, char *to, const bool narrow)
{
    __m512i high, low;
    split(_mm512_maskz_loadu_ps(first(channels), x), _mm512_maskz_loadu_ps(first(channels - HALF), x + HALF), &high,
          &low);
    _mm512_store_si512(to, high);
    if (!narrow)
        _mm512_store_si512(to + CONV_SPLIT_RECORD, low);
}

/* 32 channels that are bf16 already. */
CPU_INLINE void record_half(const char *x, int64_t channels, char *to)
{
    const __mmask32 some = channels >= CONV_SPLIT_SIDE ? ~0u : (1u << channels) - 1;
    _mm512_store_si512(to, _mm512_maskz_loadu_epi16(some, x));
}

CPU_INLINE void records_as(const char *x, int64_t step, int64_t count, int64_t channels, char *to, int64_t plane,
                           const bool narrow, const bool half)
{
    enum { SOON = 6, LINE = 64 };
    const int64_t size = half ? 2 : 4, bytes = channels * size;
    for (int64_t p = 0; p < count; p++, x += step, to += narrow ? CONV_SPLIT_RECORD : 2 * CONV_SPLIT_RECORD) {
        char *dst = to;
        for (int64_t c = 0; c < bytes; c += LINE) /* behind a row's end the next one begins */
            __builtin_prefetch(x + SOON * step + c);
        for (int64_t c = 0; c < channels; c += CONV_SPLIT_SIDE, dst += plane)
            if (half)
                record_half(x + c * size, channels - c, dst);
            else
                record((const float *)(const void *)(x + c * size), channels - c, dst, narrow);
    }
}

static void records(const char *x, int64_t step, int64_t count, int64_t channels, char *to, int64_t plane, bool narrow,
                    bool half)
{
    const int64_t size = narrow ? CONV_SPLIT_RECORD : 2 * CONV_SPLIT_RECORD;
    if (!x)
        for (int64_t c = 0; c < channels; c += CONV_SPLIT_SIDE, to += plane)
            memset(to, 0, (size_t)(count * size));
    else if (half)
        records_as(x, step, count, channels, to, plane, true, true);
    else if (narrow)
        records_as(x, step, count, channels, to, plane, true, false);
    else
        records_as(x, step, count, channels, to, plane, false, false);
}

/* Pairs from two vectors: lane l of the result is a[l], b[l]. */
CPU_INLINE void split_pairs(__m512 a, __m512 b, __m512i *high, __m512i *low)
{
    static const uint16_t order[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                       8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
    const __m512i index = _mm512_loadu_si512(order);
    split(a, b, high, low);
    *high = _mm512_permutexvar_epi16(index, *high);
    *low = _mm512_permutexvar_epi16(index, *low);
}

/* 16 lanes of row k; `lane` floats from one to the next. */
CPU_INLINE __m512 lanes_of(const float *w, int64_t lane, int64_t have)
{
    if (lane == 1)
        return _mm512_maskz_loadu_ps(first(have), w);
    const __m512i index = _mm512_mullo_epi32(_mm512_set1_epi32((int)lane),
                                             _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
    return _mm512_mask_i32gather_ps(_mm512_setzero_ps(), first(have), index, w, 4);
}

/* 16 lanes of which each has its k one behind the other. */
static void panel_along(const float *w, int64_t lane, int64_t have_k, int64_t have_o, char *high, char *low)
{
    cpu_vf h[HALF], l[HALF];
    for (int o = 0; o < HALF; o++) {
        __m512i a = _mm512_setzero_si512(), b = a;
        if (o < have_o)
            split(_mm512_maskz_loadu_ps(first(have_k), w + o * lane),
                  _mm512_maskz_loadu_ps(first(have_k - HALF), w + o * lane + HALF), &a, &b);
        h[o] = (cpu_vf)a;
        l[o] = (cpu_vf)b;
    }
    cpu_vf_transpose(h);
    for (int i = 0; i < HALF; i++)
        cpu_vf_store((float *)(void *)(high + i * 64), h[i]);
    if (!low)
        return;
    cpu_vf_transpose(l);
    for (int i = 0; i < HALF; i++)
        cpu_vf_store((float *)(void *)(low + i * 64), l[i]);
}

static void panel(const float *w, int64_t channel, int64_t lane, int64_t have_k, int64_t have_o, char *to, bool narrow)
{
    for (int64_t o = 0; o < CONV_SPLIT_SIDE; o += HALF, to += REG) {
        if (channel == 1 && lane != 1) {
            panel_along(w + (o < have_o ? o * lane : 0), lane, have_k, have_o - o, to, narrow ? NULL : to + 2 * REG);
            continue;
        }
        for (int64_t k = 0; k < CONV_SPLIT_SIDE; k += 2) {
            __m512 a = _mm512_setzero_ps(), b = a;
            if (k < have_k && o < have_o)
                a = lanes_of(w + k * channel + o * lane, lane, have_o - o);
            if (k + 1 < have_k && o < have_o)
                b = lanes_of(w + (k + 1) * channel + o * lane, lane, have_o - o);
            __m512i high, low;
            split_pairs(a, b, &high, &low);
            _mm512_store_si512(to + k * 32, high);
            if (!narrow)
                _mm512_store_si512(to + k * 32 + 2 * REG, low);
        }
    }
}

/* As pairs_of, where numbers are bf16 already. */
CPU_INLINE void pairs_of_half(const uint16_t *const *at, const uint16_t *const *soon, int64_t c, __mmask16 mask,
                              cpu_vf high[HALF])
{
#pragma GCC unroll 16
    for (int i = 0; i < HALF; i++) {
        const uint16_t *a = mask ? at[2 * i] : NULL, *b = mask ? at[2 * i + 1] : NULL;
        if (soon && mask && c % CONV_SPLIT_SIDE == 0) { /* 32 channels to a line of the cache */
            __builtin_prefetch(soon[2 * i] + c);
            __builtin_prefetch(soon[2 * i + 1] + c);
        }
        const __m256i x = a ? _mm256_maskz_loadu_epi16(mask, a + c) : _mm256_setzero_si256();
        const __m256i y = b ? _mm256_maskz_loadu_epi16(mask, b + c) : _mm256_setzero_si256();
        high[i] = (cpu_vf)_mm512_or_si512(_mm512_cvtepu16_epi32(x), _mm512_slli_epi32(_mm512_cvtepu16_epi32(y), 16));
    }
}

/* 16 channels of 32 places, from channel c on; the same of the 32 places at `soon` (or NULL) are asked for. */
CPU_INLINE void pairs_of(const float *const *at, const float *const *soon, int64_t c, int64_t channels,
                         cpu_vf high[HALF], cpu_vf low[HALF], const bool narrow, const bool half)
{
    const __mmask16 mask = first(channels - c);
    if (half) {
        pairs_of_half((const uint16_t *const *)(const void *)at, (const uint16_t *const *)(const void *)soon, c, mask,
                      high);
        return;
    }
#pragma GCC unroll 16
    for (int i = 0; i < HALF; i++) {
        const float *a = mask ? at[2 * i] : NULL, *b = mask ? at[2 * i + 1] : NULL;
        if (soon && mask) {
            __builtin_prefetch(soon[2 * i] + c);
            __builtin_prefetch(soon[2 * i + 1] + c);
        }
        const __m512 x = a ? _mm512_maskz_loadu_ps(mask, a + c) : _mm512_setzero_ps();
        const __m512 y = b ? _mm512_maskz_loadu_ps(mask, b + c) : _mm512_setzero_ps();
        __m512i h, l;
        split_pairs(x, y, &h, &l);
        high[i] = (cpu_vf)h;
        if (!narrow)
            low[i] = (cpu_vf)l;
    }
}

CPU_INLINE void rows_of(const float *const *at, const float *const *soon, int64_t channels, char *to, int64_t pitch,
                        int64_t low, const bool narrow, const bool half)
{
    for (int64_t c = 0; c < channels; c += HALF, to += HALF * pitch) {
        cpu_vf h[HALF], l[HALF];
        pairs_of(at, soon, c, channels, h, l, narrow, half);
        cpu_vf_transpose(h);
#pragma GCC unroll 16
        for (int i = 0; i < HALF; i++)
            cpu_vf_store((float *)(void *)(to + i * pitch), h[i]);
        if (narrow)
            continue;
        cpu_vf_transpose(l);
#pragma GCC unroll 16
        for (int i = 0; i < HALF; i++)
            cpu_vf_store((float *)(void *)(to + i * pitch + low), l[i]);
    }
}

static void rows(const float *const *at, const float *const *soon, int64_t channels, char *to, int64_t pitch,
                 int64_t low, bool half)
{
    if (half)
        rows_of(at, soon, channels, to, pitch, 0, true, true);
    else if (low)
        rows_of(at, soon, channels, to, pitch, low, false, false);
    else
        rows_of(at, soon, channels, to, pitch, 0, true, false);
}

CPU_INLINE void pairs_for(const float *const *at, const float *const *soon, int64_t channels, char *to, int64_t next,
                          int64_t low, const bool narrow, const bool half)
{
    for (int64_t c = 0; c < channels || c % CONV_SPLIT_SIDE; c += HALF, to += next) {
        cpu_vf h[HALF], l[HALF];
        pairs_of(at, soon, c, channels, h, l, narrow, half);
#pragma GCC unroll 16
        for (int i = 0; i < HALF; i++) {
            cpu_vf_store((float *)(void *)(to + i * 64), h[i]);
            if (!narrow)
                cpu_vf_store((float *)(void *)(to + low + i * 64), l[i]);
        }
    }
}

static void pairs(const float *const *at, const float *const *soon, int64_t channels, char *to, int64_t next,
                  int64_t low, bool half)
{
    if (half)
        pairs_for(at, soon, channels, to, next, 0, true, true);
    else if (low)
        pairs_for(at, soon, channels, to, next, low, false, false);
    else
        pairs_for(at, soon, channels, to, next, 0, true, false);
}

/* Eight places at a time: some thousand additions one after the other lose little. */
static void add(const float *from, int64_t step, int64_t count, int64_t channels, float *sum)
{
    enum { TOGETHER = 8 };
    for (int64_t p = 0; p < count; p += TOGETHER, from += TOGETHER * step)
        for (int64_t c = 0; c < channels; c += HALF) {
            const __mmask16 mask = first(channels - c);
            __m512 s = _mm512_setzero_ps();
            for (int64_t i = 0; i < TOGETHER && p + i < count; i++)
                s = _mm512_add_ps(s, _mm512_maskz_loadu_ps(mask, from + i * step + c));
            _mm512_mask_storeu_ps(sum + c, mask, _mm512_add_ps(_mm512_maskz_loadu_ps(mask, sum + c), s));
        }
}

/* ---- products ---------------------------------------------------------------------------------------------------- */

enum { RECORD = 2 * CONV_SPLIT_RECORD, STEP = RECORD * HALF, PANEL = 2 * CONV_SPLIT_PANEL };

static void tile_full(const conv_split_tile *t)
{
    const char *b = t->b;
    AMX_REGISTERS(reg, AMX_SIDE);
    amx_square_zero(reg);
    for (int64_t tap = 0; tap < t->taps; tap++) {
        const char *a = t->a + t->off[tap];
        for (int64_t g = 0; g < t->groups; g++, a += t->plane, b += PANEL) {
            amx_square_multiply(reg, a, a + STEP, RECORD, b, b + REG);
            amx_square_again(reg, b + 2 * REG, b + 3 * REG);
            amx_square_multiply(reg, a + 64, a + STEP + 64, RECORD, b, b + REG);
        }
    }
    char *c = (char *)t->c;
    amx_square_store(reg, c, t->stride);
}

static void tile_half(const conv_split_tile *t)
{
    const char *b = t->b;
    AMX_REGISTERS(reg, AMX_SIDE);
    amx_zero(reg, 0);
    amx_zero(reg, 2);
    for (int64_t tap = 0; tap < t->taps; tap++) {
        const char *a = t->a + t->off[tap];
        for (int64_t g = 0; g < t->groups; g++, a += t->plane, b += PANEL) {
            amx_load(reg, 6, b, 64);
            amx_load(reg, 4, a, RECORD);
            amx_load(reg, 5, a + STEP, RECORD);
            amx_multiply(reg, 0, 4, 6);
            amx_multiply(reg, 2, 5, 6);
            amx_load(reg, 7, b + 2 * REG, 64);
            amx_multiply(reg, 0, 4, 7);
            amx_multiply(reg, 2, 5, 7);
            amx_load(reg, 4, a + 64, RECORD);
            amx_load(reg, 5, a + STEP + 64, RECORD);
            amx_multiply(reg, 0, 4, 6);
            amx_multiply(reg, 2, 5, 6);
        }
    }
    char *c = (char *)t->c;
    amx_store(reg, 0, c, t->stride);
    amx_store(reg, 2, c + HALF * t->stride, t->stride);
}

#ifdef CPU_ISA_amx

/* High parts alone; half a block computes what it does not need. */
static void tile_narrow(const conv_split_tile *t)
{
    enum { NEXT = CONV_SPLIT_RECORD * HALF, LINE = 64 };
    char *c = (char *)t->c;
    const char *soon = t->soon;
    AMX_REGISTERS(reg, AMX_SIDE);
    amx_square_zero(reg);
    if (t->add) {
        amx_load_sums(reg, 0, c, t->stride);
        amx_load_sums(reg, 2, c + HALF * t->stride, t->stride);
    }
    if (t->add && !t->half) {
        amx_load_sums(reg, 1, c + 64, t->stride);
        amx_load_sums(reg, 3, c + HALF * t->stride + 64, t->stride);
    }
    for (int64_t tap = 0; tap < t->taps; tap++) {
        const char *a = t->a + t->off[tap], *b = t->b + tap * t->b_tap;
        for (int64_t g = 0; g < t->groups; g++, a += t->plane, b += CONV_SPLIT_PANEL) {
            amx_square_multiply(reg, a, a + NEXT, CONV_SPLIT_RECORD, b, b + REG);
            for (int64_t i = 0; soon && i < t->soon_lines; i++, soon += LINE)
                _mm_prefetch(soon, _MM_HINT_T1);
        }
    }
    amx_store(reg, 0, c, t->stride);
    amx_store(reg, 2, c + HALF * t->stride, t->stride);
    if (t->half)
        return;
    amx_store(reg, 1, c + 64, t->stride);
    amx_store(reg, 3, c + HALF * t->stride + 64, t->stride);
}

#else

CPU_INLINE void narrow_pass(const conv_split_tile *t, const int columns, int64_t row)
{
    char *c = (char *)t->c + row * t->stride;
    amx_pass sums;
    amx_pass_begin(&sums, columns, c, t->stride, t->add);
    for (int64_t tap = 0; tap < t->taps; tap++) {
        const char *a = t->a + t->off[tap] + row * CONV_SPLIT_RECORD, *b = t->b + tap * t->b_tap;
        for (int64_t g = 0; g < t->groups; g++, a += t->plane, b += CONV_SPLIT_PANEL)
            amx_pass_step(&sums, columns, a, CONV_SPLIT_RECORD, b, REG);
    }
    amx_pass_end(&sums, columns, c, t->stride);
}

/* High parts alone. */
static void tile_narrow(const conv_split_tile *t)
{
    enum { LINE = 64 };
    const char *soon = t->soon;
    for (int64_t i = 0; soon && i < t->taps * t->groups * t->soon_lines; i++)
        _mm_prefetch(soon + i * LINE, _MM_HINT_T1);
    for (int64_t row = 0; row < CONV_SPLIT_SIDE; row += AMX_PASS)
        if (t->half)
            narrow_pass(t, 1, row);
        else
            narrow_pass(t, 2, row);
}

#endif

CPU_INLINE void put(float *to, __mmask16 some, __m512 v, const bool past)
{
    if (past)
        _mm512_stream_ps(to, v);
    else
        _mm512_mask_storeu_ps(to, some, v);
}

CPU_INLINE __mmask32 first_32(int64_t n)
{
    return n >= CONV_SPLIT_SIDE ? ~0u : (1u << n) - 1;
}

/* What is added to 32 sums, f32 or bf16. */
CPU_INLINE void add_to(__m512 v[2], const conv_split_store *s, int64_t at)
{
    if (s->half_add) {
        const __m512i some =
            _mm512_maskz_loadu_epi16(first_32(s->channels), (const uint16_t *)(const void *)s->end.add + at);
        v[0] = _mm512_add_ps(v[0], widen(_mm512_castsi512_si256(some)));
        v[1] = _mm512_add_ps(v[1], widen(_mm512_extracti64x4_epi64(some, 1)));
        return;
    }
    v[0] = _mm512_add_ps(v[0], _mm512_maskz_loadu_ps(first(s->channels), s->end.add + at));
    v[1] = _mm512_add_ps(v[1], _mm512_maskz_loadu_ps(first(s->channels - HALF), s->end.add + at + HALF));
}

CPU_INLINE void put_both(const __m512 v[2], const conv_split_store *s, int64_t at, const bool half, const bool past)
{
    if (half) {
        uint16_t *to = (uint16_t *)s->y + at;
        const __m512i both = (__m512i)_mm512_cvtne2ps_pbh(v[1], v[0]);
        if (past)
            _mm512_stream_si512((__m512i *)(void *)to, both);
        else
            _mm512_mask_storeu_epi16(to, first_32(s->channels), both);
        return;
    }
    put((float *)s->y + at, first(s->channels), v[0], past);
    if (s->channels > HALF)
        put((float *)s->y + at + HALF, first(s->channels - HALF), v[1], past);
}

/* Sums of 32 places to the outputs that there are; past: whole lines that go past the caches. */
CPU_INLINE void store_as(const float *c, const int64_t *at, const conv_split_store *s, const bool half, const bool past)
{
    __m512 bias[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()};
    if (s->end.bias) {
        bias[0] = _mm512_maskz_loadu_ps(first(s->channels), s->end.bias);
        bias[1] = _mm512_maskz_loadu_ps(first(s->channels - HALF), s->end.bias + HALF);
    }
    for (int i = 0; i < CONV_SPLIT_SIDE; i++, c += CONV_SPLIT_SIDE) {
        if (at[i] < 0)
            continue;
        __m512 v[2] = {_mm512_add_ps(_mm512_load_ps(c), bias[0]), _mm512_add_ps(_mm512_load_ps(c + HALF), bias[1])};
        if (s->end.add && !s->end.add_last)
            add_to(v, s, at[i]);
        if (s->end.relu) {
            v[0] = (__m512)conv_activate((cpu_vf)v[0], s->end.slope, s->end.most);
            v[1] = (__m512)conv_activate((cpu_vf)v[1], s->end.slope, s->end.most);
        }
        if (s->end.add && s->end.add_last)
            add_to(v, s, at[i]);
        put_both(v, s, at[i], half, past);
    }
}

static void store(const float *c, const int64_t *at, const conv_split_store *s)
{
    if (s->half_y && s->past)
        store_as(c, at, s, true, true);
    else if (s->half_y)
        store_as(c, at, s, true, false);
    else if (s->past)
        store_as(c, at, s, false, true);
    else
        store_as(c, at, s, false, false);
}

static void zero(float *to, int64_t count, bool past)
{
    for (int64_t i = 0; i < count; i += HALF)
        put(to + i, first(count - i), _mm512_setzero_ps(), past);
}

static void fence(void)
{
    _mm_sfence();
}

static void tile(const conv_split_tile *t)
{
    if (t->narrow)
        tile_narrow(t);
    else if (t->half)
        tile_half(t);
    else
        tile_full(t);
}

enum { SUM_ROW = CONV_SPLIT_SIDE * 4 };

static void sum_split(const conv_split_sum *s)
{
    const char *a = s->a, *b = s->b;
    AMX_REGISTERS(reg, AMX_SIDE);
    amx_square_begin(reg, (const char *)s->c, SUM_ROW, s->add);
    for (int64_t i = 0; i < s->steps; i++, a += 64, b += REG) {
        amx_square_multiply(reg, a, a + HALF * s->pitch, s->pitch, b, b + s->next);
        amx_square_again(reg, b + s->b_low, b + s->next + s->b_low);
        amx_square_multiply(reg, a + s->low, a + s->low + HALF * s->pitch, s->pitch, b, b + s->next);
    }
    amx_square_store(reg, (char *)s->c, SUM_ROW);
}

#ifdef CPU_ISA_amx

static void sum_narrow(const conv_split_sum *s)
{
    const char *a = s->a, *b = s->b;
    AMX_REGISTERS(reg, AMX_SIDE);
    amx_square_begin(reg, (const char *)s->c, SUM_ROW, s->add);
    for (int64_t i = 0; i < s->steps; i++, a += 64, b += REG)
        amx_square_multiply(reg, a, a + HALF * s->pitch, s->pitch, b, b + s->next);
    amx_square_store(reg, (char *)s->c, SUM_ROW);
}

#else

static void sum_narrow(const conv_split_sum *s)
{
    for (int64_t row = 0; row < CONV_SPLIT_SIDE; row += AMX_PASS) {
        const char *a = s->a + row * s->pitch, *b = s->b;
        char *c = (char *)s->c + row * SUM_ROW;
        amx_pass sums;
        amx_pass_begin(&sums, 2, c, SUM_ROW, s->add);
        for (int64_t i = 0; i < s->steps; i++, a += 64, b += REG)
            amx_pass_step(&sums, 2, a, s->pitch, b, s->next);
        amx_pass_end(&sums, 2, c, SUM_ROW);
    }
}

#endif

static void sum(const conv_split_sum *s)
{
    if (s->narrow)
        sum_narrow(s);
    else
        sum_split(s);
}

static void finish(const conv_split_finish *f, float *to)
{
    float table[CONV_SPLIT_TABLE];
    const int64_t all = f->channels * f->taps;
    for (int64_t t = 0; t < f->taps; t++)
        for (int64_t i = 0; i < CONV_SPLIT_SIDE; i += HALF) {
            const float *from = f->sums + t * f->tap + i;
            __m512 s = _mm512_loadu_ps(from);
            for (int64_t k = 1; k < f->shares; k++)
                s = _mm512_add_ps(s, _mm512_loadu_ps(from + k * f->share));
            _mm512_storeu_ps(table + t * CONV_SPLIT_SIDE + i, s);
        }
    for (int64_t i = 0; i < all; i += HALF)
        _mm512_mask_storeu_ps(to + i, first(all - i), _mm512_i32gather_ps(_mm512_loadu_si512(f->order + i), table, 4));
}

const conv_split_kernels CPU_NAME(conv_split) = {amx_enter, amx_leave, records, panel, tile, store, zero,
                                                 fence,     rows,      pairs,   sum,   add,  finish};
