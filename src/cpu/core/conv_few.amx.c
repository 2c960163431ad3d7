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
        amx_square_multiply(reg, x, x + t->half, t->step, w, w + REG);
    }
}

static void products_split(amx_registers *reg, const conv_few_tile *t)
{
    const char *w = t->w;
    for (int64_t r = 0; r < t->rows; r++, w += 4 * REG) {
        const char *x = t->x + t->off[r];
        amx_square_multiply(reg, x, x + t->half, t->step, w, w + REG);
        amx_square_again(reg, w + 2 * REG, w + 3 * REG);
        amx_square_multiply(reg, x + t->low, x + t->low + t->half, t->step, w, w + REG);
    }
}

static void tile(const conv_few_tile *t)
{
    enum { ROW = CONV_FEW_SIDE * 4 };
    char *c = (char *)t->sums;
    AMX_REGISTERS(reg, pairs_of(t->terms));
    amx_square_zero(reg);
    if (t->low)
        products_split(reg, t);
    else
        products(reg, t);
    amx_square_store(reg, c, ROW);
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
