/* conv_few.amx.c: the inner loops of conv_few.h. */
#include "cpu/core/conv_few.h"
#include "cpu/core/amx.h"

enum { HALF = AMX_SIDE, REG = 1024 };

/* Registers 4 and 5 take as much of a row as there are terms, 6 and 7 as many pairs. */
static void enter(int64_t terms)
{
    const uint16_t pairs = (uint16_t)((terms + 1) / 2);
    const uint8_t few = (uint8_t)pairs;
    volatile amx_config config = {.palette = 1, .row_bytes = {64, 64, 64, 64}, .rows = {HALF, HALF, HALF, HALF}};
    for (int i = 4; i < 8; i++) {
        config.row_bytes[i] = i < 6 ? (uint16_t)(pairs * 4) : 64;
        config.rows[i] = i < 6 ? HALF : few;
    }
    _tile_loadconfig((const void *)(uintptr_t)&config);
}

static void products(const conv_few_tile *t)
{
    const char *w = t->w;
    for (int64_t r = 0; r < t->rows; r++, w += 2 * REG) {
        const char *x = t->x + t->off[r];
        _tile_loadd(6, w, 64);
        _tile_loadd(4, x, t->step);
        _tile_loadd(7, w + REG, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(5, x + t->half, t->step);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
}

static void products_split(const conv_few_tile *t)
{
    const char *w = t->w;
    for (int64_t r = 0; r < t->rows; r++, w += 4 * REG) {
        const char *x = t->x + t->off[r];
        _tile_loadd(6, w, 64);
        _tile_loadd(4, x, t->step);
        _tile_loadd(7, w + REG, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(5, x + t->half, t->step);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
        _tile_loadd(6, w + 2 * REG, 64);
        _tile_loadd(7, w + 3 * REG, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
        _tile_loadd(4, x + t->low, t->step);
        _tile_loadd(6, w, 64);
        _tile_loadd(5, x + t->low + t->half, t->step);
        _tile_loadd(7, w + REG, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
}

static void tile(const conv_few_tile *t)
{
    enum { ROW = CONV_FEW_SIDE * 4 };
    char *c = (char *)t->sums;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    if (t->low)
        products_split(t);
    else
        products(t);
    _tile_stored(0, c, ROW);
    _tile_stored(1, c + 64, ROW);
    _tile_stored(2, c + HALF * ROW, ROW);
    _tile_stored(3, c + HALF * ROW + 64, ROW);
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

const conv_few_kernels conv_few_amx = {enter, amx_leave, tile, line};
