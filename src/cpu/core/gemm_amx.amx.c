/* gemm_amx.amx.c: products of bf16, or of f32 rounded to it, with sums in f32 in the matrix registers (Intel AMX). A register holds 16
 * rows of 64 bytes: of A 16 x 32 bf16, of B 16 pairs of k x 16 columns, of C 16 x 16 f32. Two of A and two of B make a tile of 32 x 32
 * in four of C, which takes four loads for four products. */
#include "cpu/core/amx.h"
#include "cpu/core/gemm_kernels.h"
#include "cpu/core/transpose.h"

/* Rows of a register; k's of one; the depth of a block: a panel of B of 18 KB stays in the first cache, while panels of A pass. */
enum { SIDE = AMX_SIDE, UNIT = AMX_UNIT, KC = 288 };

/* ---- tiles ----------------------------------------------------------------------------------------------------- */

/* Packed A and B have 32 x 32 elements per step of k, as two registers each. */
#define A_STEP 2048
#define SQUARE 4096 /* bytes of a tile of sums */
#define B_STEP 2048

#ifdef CPU_ISA_amx

static void tile_2x2(int64_t steps, const char *a, const char *b, char *c, int64_t stride, const gemm_end *end)
{
    const char *next = end->next;
    int64_t next_step = end->next_step * (UNIT / 4);
    /* The sums of the next tile lie behind this one's. */
    const char *soon = c + SQUARE;
    const int64_t soon_step = end->add && stride == SQUARE / (2 * SIDE) ? SQUARE / 64 / steps * 64 : 0;
    AMX_REGISTERS(reg, AMX_SIDE);
    amx_square_begin(reg, c, stride, end->add);
    for (; steps > 0; steps--, a += A_STEP, b += B_STEP) {
        amx_square_multiply(reg, a, a + 1024, 64, b, b + 1024);
        for (int64_t i = 0; i < next_step; i += 64)
            __builtin_prefetch(next + i, 0, 2);
        next += next_step;
        for (int64_t i = 0; i < soon_step; i += 64)
            __builtin_prefetch(soon + i, 1, 3);
        soon += soon_step;
    }
    amx_square_store(reg, c, stride);
}

static void tile_1x2(int64_t steps, const char *a, const char *b, char *c, int64_t stride, bool add)
{
    AMX_REGISTERS(reg, AMX_SIDE);
    amx_zero(reg, 0);
    amx_zero(reg, 1);
    if (add) {
        amx_load_sums(reg, 0, c, stride);
        amx_load_sums(reg, 1, c + 64, stride);
    }
    for (; steps > 0; steps--, a += A_STEP, b += B_STEP) {
        amx_load(reg, 4, a, 64);
        amx_load(reg, 6, b, 64);
        amx_load(reg, 7, b + 1024, 64);
        amx_multiply(reg, 0, 4, 6);
        amx_multiply(reg, 1, 4, 7);
    }
    amx_store(reg, 0, c, stride);
    amx_store(reg, 1, c + 64, stride);
}

static void tile_2x1(int64_t steps, const char *a, const char *b, char *c, int64_t stride, bool add)
{
    AMX_REGISTERS(reg, AMX_SIDE);
    amx_zero(reg, 0);
    amx_zero(reg, 2);
    if (add) {
        amx_load_sums(reg, 0, c, stride);
        amx_load_sums(reg, 2, c + SIDE * stride, stride);
    }
    for (; steps > 0; steps--, a += A_STEP, b += B_STEP) {
        amx_load(reg, 6, b, 64);
        amx_load(reg, 4, a, 64);
        amx_load(reg, 5, a + 1024, 64);
        amx_multiply(reg, 0, 4, 6);
        amx_multiply(reg, 2, 5, 6);
    }
    amx_store(reg, 0, c, stride);
    amx_store(reg, 2, c + SIDE * stride, stride);
}

static void amx_tile(int64_t m, int64_t n, int64_t k, const void *a, int64_t a_row, int64_t a_col, const void *b,
                     int64_t b_row, void *c, int64_t c_row, const gemm_end *end)
{
    (void)a_row, (void)a_col, (void)b_row;
    if (n <= SIDE)
        tile_2x1(k / UNIT, a, b, c, c_row * 4, end->add);
    else if (m <= SIDE)
        tile_1x2(k / UNIT, a, b, c, c_row * 4, end->add);
    else
        tile_2x2(k / UNIT, a, b, c, c_row * 4, end);
}

#else

/* Each step asks for `soon` bytes of what later tiles read. */
CPU_INLINE void pass(const int columns, int64_t steps, const char *a, const char *b, char *c, int64_t stride, bool add,
                     const char *next, int64_t soon)
{
    amx_pass sums;
    amx_pass_begin(&sums, columns, c, stride, add);
    for (; steps > 0; steps--, a += A_STEP, b += B_STEP) {
        for (int64_t i = 0; i < soon; i += 64)
            __builtin_prefetch(next + i, 0, 2);
        next += soon;
        amx_pass_step(&sums, columns, a, 64, b, 1024);
    }
    amx_pass_end(&sums, columns, c, stride);
}

static void amx_tile(int64_t m, int64_t n, int64_t k, const void *a, int64_t a_row, int64_t a_col, const void *b,
                     int64_t b_row, void *c, int64_t c_row, const gemm_end *end)
{
    const int64_t steps = k / UNIT, soon = end->next_step * (UNIT / 4) / (2 * SIDE / AMX_PASS) / 64 * 64;
    const char *next = end->next;
    (void)a_row, (void)a_col, (void)b_row;
    for (int64_t i = 0; i < m; i += AMX_PASS, next += steps * soon) {
        const char *rows = (const char *)a + i / SIDE * 1024 + i % SIDE * 64;
        char *to = (char *)c + i * c_row * 4;
        if (n <= SIDE)
            pass(1, steps, rows, b, to, c_row * 4, end->add, next, soon);
        else
            pass(2, steps, rows, b, to, c_row * 4, end->add, next, soon);
    }
}

#endif

/* ---- packing: each square is 16 rows or columns by 32 k, taken as 16 pairs of k ---------------------------------- */

static uint16_t bits_at(const uint16_t *from, int64_t at, bool inside)
{
    return inside ? from[at] : 0;
}

/* Row p has the pairs of k = 2p, 2p + 1 of all 16 lanes. */
CPU_INLINE void load_across(cpu_vf r[SIDE], const uint16_t *from, int64_t along, int64_t have, int64_t k)
{
#pragma GCC unroll 16
    for (int p = 0; p < SIDE; p++) {
        const uint16_t *q = from + 2 * p * along;
        __m512i low = _mm512_cvtepu16_epi32((__m256i)cpu_vh_load_n(q, 2 * p < k ? have : 0));
        __m512i high = _mm512_cvtepu16_epi32((__m256i)cpu_vh_load_n(q + along, 2 * p + 1 < k ? have : 0));
        r[p] = (cpu_vf)_mm512_or_si512(low, _mm512_slli_epi32(high, 16));
    }
}

/* Row l has the 16 pairs of lane l. */
CPU_INLINE void load_along(cpu_vf r[SIDE], const uint16_t *from, int64_t across, int64_t have, int64_t k)
{
    __mmask32 mask = k >= UNIT ? ~0u : (1u << k) - 1;
#pragma GCC unroll 16
    for (int l = 0; l < SIDE; l++)
        r[l] = (cpu_vf)_mm512_maskz_loadu_epi16(l < have ? mask : 0, from + l * across);
}

/* The same of f32, rounded to nearest even. */
CPU_INLINE cpu_vf rounded(__m512 high, __m512 low)
{
    return (cpu_vf)(__m512)_mm512_castsi512_ps((__m512i)_mm512_cvtne2ps_pbh(high, low));
}

CPU_INLINE void load_across_f32(cpu_vf r[SIDE], const float *from, int64_t along, int64_t have, int64_t k)
{
#pragma GCC unroll 16
    for (int p = 0; p < SIDE; p++) {
        const float *q = from + 2 * p * along;
        __m256i low = (__m256i)_mm512_cvtneps_pbh((__m512)cpu_vf_load_n(q, 2 * p < k ? have : 0));
        __m256i high = (__m256i)_mm512_cvtneps_pbh((__m512)cpu_vf_load_n(q + along, 2 * p + 1 < k ? have : 0));
        r[p] = (cpu_vf)_mm512_or_si512(_mm512_cvtepu16_epi32(low), _mm512_slli_epi32(_mm512_cvtepu16_epi32(high), 16));
    }
}

CPU_INLINE void load_along_f32(cpu_vf r[SIDE], const float *from, int64_t across, int64_t have, int64_t k)
{
    int64_t first = k < SIDE ? k : SIDE, second = k < SIDE ? 0 : k < UNIT ? k - SIDE : SIDE;
#pragma GCC unroll 16
    for (int l = 0; l < SIDE; l++) {
        const float *q = from + (l < have ? l * across : 0);
        r[l] = rounded((__m512)cpu_vf_load_n(q + SIDE, l < have ? second : 0),
                       (__m512)cpu_vf_load_n(q, l < have ? first : 0));
    }
}

static void load_scattered(cpu_vf r[SIDE], const void *from, tn_dtype dtype, int64_t across, int64_t along,
                           int64_t have, int64_t k)
{
    uint16_t square[SIDE][UNIT];
    for (int64_t l = 0; l < SIDE; l++)
        for (int64_t j = 0; j < UNIT; j++) {
            int64_t at = l * across + j * along;
            bool inside = l < have && j < k;
            square[l][j] = dtype == TN_BF16 ? bits_at(from, at, inside)
                           : inside         ? cpu_bf16_of_f32(((const float *)from)[at])
                                            : 0;
        }
    memcpy(r, square, sizeof square);
}

/* To k / 32 steps of two squares, lanes 0-15 and 16-31: rows are lanes (for A) or pairs of k (for B). */
CPU_INLINE void pack(char *to, const char *from, tn_dtype dtype, bool pairs, int64_t across, int64_t along,
                     int64_t have, int64_t k)
{
    for (int64_t j = 0; j < k; j += UNIT)
        for (int64_t l = 0; l < 2 * SIDE; l += SIDE, to += 1024) {
            const void *q = from + (l < have ? l * across + j * along : 0) * (dtype == TN_BF16 ? 2 : 4);
            int64_t lanes = have - l < 0 ? 0 : have - l < SIDE ? have - l : SIDE;
            cpu_vf r[SIDE];
            if (across == 1 && dtype == TN_BF16)
                load_across(r, q, along, lanes, k - j);
            else if (along == 1 && dtype == TN_BF16)
                load_along(r, q, across, lanes, k - j);
            else if (across == 1)
                load_across_f32(r, q, along, lanes, k - j);
            else if (along == 1)
                load_along_f32(r, q, across, lanes, k - j);
            else
                load_scattered(r, q, dtype, across, along, lanes, k - j);
            if (pairs != (across == 1))
                cpu_vf_transpose(r);
#pragma GCC unroll 16
            for (int i = 0; i < SIDE; i++)
                cpu_vf_store((float *)(void *)(to + i * 64), r[i]);
        }
}

static void amx_pack_a(void *to, int64_t width, const void *from, tn_dtype dtype, int64_t across, int64_t along,
                       int64_t have, int64_t k)
{
    (void)width;
    if (dtype == TN_BF16)
        pack(to, from, TN_BF16, false, across, along, have, k);
    else
        pack(to, from, TN_F32, false, across, along, have, k);
}

static void amx_pack_b(void *to, int64_t width, const void *from, tn_dtype dtype, int64_t across, int64_t along,
                       int64_t have, int64_t k)
{
    (void)width;
    if (dtype == TN_BF16)
        pack(to, from, TN_BF16, true, across, along, have, k);
    else
        pack(to, from, TN_F32, true, across, along, have, k);
}

const gemm_kernels CPU_NAME(gemm_bf16) = {
    .mr = 2 * SIDE,
    .nr = 2 * SIDE,
    .lanes = CPU_VF,
    .row_panels = 16,
    .col_panels = 16,
    .kc = KC,
    .k_unit = UNIT,
    .packed = 2,
    .whole = true,
    .enter = amx_enter,
    .leave = amx_leave,
    .tile = amx_tile,
    .pack_a = amx_pack_a,
    .pack_b = amx_pack_b,
};
