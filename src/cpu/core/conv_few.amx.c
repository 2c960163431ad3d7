/* conv_few.amx.c: the inner loops of conv_few.h. */
#include "cpu/core/conv_few.h"
#include "cpu/core/amx.h"

enum { HALF = AMX_SIDE, REG = 1024 };

static int pairs_of(int64_t terms)
{
    return (int)((terms + 1) / 2);
}

static void enter(int64_t terms)
{
    amx_enter_pairs(pairs_of(terms));
}

static void products(amx_registers *reg, const conv_few_tile *t)
{
    const char *w = t->w;
    for (int64_t r = 0; r < t->rows; r++, w += 2 * REG) {
        const char *x = t->x + t->off[r];
        amx_load(reg, 6, w, 64);
        amx_load(reg, 4, x, t->step);
        amx_load(reg, 7, w + REG, 64);
        amx_multiply(reg, 0, 4, 6);
        amx_load(reg, 5, x + t->half, t->step);
        amx_multiply(reg, 1, 4, 7);
        amx_multiply(reg, 2, 5, 6);
        amx_multiply(reg, 3, 5, 7);
    }
}

static void products_split(amx_registers *reg, const conv_few_tile *t)
{
    const char *w = t->w;
    for (int64_t r = 0; r < t->rows; r++, w += 4 * REG) {
        const char *x = t->x + t->off[r];
        amx_load(reg, 6, w, 64);
        amx_load(reg, 4, x, t->step);
        amx_load(reg, 7, w + REG, 64);
        amx_multiply(reg, 0, 4, 6);
        amx_load(reg, 5, x + t->half, t->step);
        amx_multiply(reg, 1, 4, 7);
        amx_multiply(reg, 2, 5, 6);
        amx_multiply(reg, 3, 5, 7);
        amx_load(reg, 6, w + 2 * REG, 64);
        amx_load(reg, 7, w + 3 * REG, 64);
        amx_multiply(reg, 0, 4, 6);
        amx_multiply(reg, 1, 4, 7);
        amx_multiply(reg, 2, 5, 6);
        amx_multiply(reg, 3, 5, 7);
        amx_load(reg, 4, x + t->low, t->step);
        amx_load(reg, 6, w, 64);
        amx_load(reg, 5, x + t->low + t->half, t->step);
        amx_load(reg, 7, w + REG, 64);
        amx_multiply(reg, 0, 4, 6);
        amx_multiply(reg, 1, 4, 7);
        amx_multiply(reg, 2, 5, 6);
        amx_multiply(reg, 3, 5, 7);
    }
}

static void tile(const conv_few_tile *t)
{
    enum { ROW = CONV_FEW_SIDE * 4 };
    char *c = (char *)t->sums;
    AMX_REGISTERS(reg, pairs_of(t->terms));
    amx_zero(reg, 0);
    amx_zero(reg, 1);
    amx_zero(reg, 2);
    amx_zero(reg, 3);
    if (t->low)
        products_split(reg, t);
    else
        products(reg, t);
    amx_store(reg, 0, c, ROW);
    amx_store(reg, 1, c + 64, ROW);
    amx_store(reg, 2, c + HALF * ROW, ROW);
    amx_store(reg, 3, c + HALF * ROW + 64, ROW);
}

static void line(const float *x, int64_t count, char *high, char *low)
{
    for (int64_t i = 0; i < count; i += HALF) {
        const __mmask16 some = (__mmask16)(count - i >= HALF ? 0xffffu : (1u << (count - i)) - 1);
        const __m512 v = _mm512_maskz_loadu_ps(some, x + i);
        const __m256i h = (__m256i)_mm512_cvtneps_pbh(v);
        _mm256_mask_storeu_epi16(high + i * 2, some, h);
        if (!low)
            continue;
        const __m512 rest = _mm512_sub_ps(v, _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16)));
        _mm256_mask_storeu_epi16(low + i * 2, some, (__m256i)_mm512_cvtneps_pbh(rest));
    }
}

const conv_few_kernels CPU_NAME(conv_few) = {enter, amx_leave, tile, line};
