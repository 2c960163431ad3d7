/* amx.h: the matrix registers (Intel AMX) as the *.amx.c files use them: eight of 16 rows of 64 bytes. Registers 0 to 3 hold sums, rows of
 * 16 f32; 4 to 7 operands, rows of 32 bf16, those of the right one pairs of k by 16 columns.
 *
 * The files are compiled twice: with the registers themselves, and (avx512_bf16) with products of pairs in vector registers, where a
 * register of an operand is the place where it lies, and sums lie in memory between products. That is how processors that have those
 * products and no matrix registers run them, and how their tests run on such. */
#ifndef CPU_AMX_H
#define CPU_AMX_H

#include "cpu/core/vec.h"

#include <immintrin.h>
#include <stdbool.h>

/* Rows of a register; k's of bf16 of one. */
enum { AMX_SIDE = 16, AMX_UNIT = 32 };

#ifdef CPU_ISA_amx

typedef struct amx_config {
    uint8_t palette, start, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} amx_config;

CPU_INLINE void amx_enter(void)
{
    /* A constant, since some compilers take the instruction to read no more than its first bytes. */
    static const amx_config config = {
        .palette = 1,
        .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
        .rows = {AMX_SIDE, AMX_SIDE, AMX_SIDE, AMX_SIDE, AMX_SIDE, AMX_SIDE, AMX_SIDE, AMX_SIDE}};
    _tile_loadconfig(&config);
}

/* Registers 4 and 5 take as much of a row as there are pairs, 6 and 7 as many rows. */
CPU_INLINE void amx_enter_pairs(int pairs)
{
    volatile amx_config config = {
        .palette = 1, .row_bytes = {64, 64, 64, 64}, .rows = {AMX_SIDE, AMX_SIDE, AMX_SIDE, AMX_SIDE}};
    for (int i = 4; i < 8; i++) {
        config.row_bytes[i] = i < 6 ? (uint16_t)(pairs * 4) : 64;
        config.rows[i] = i < 6 ? AMX_SIDE : (uint8_t)pairs;
    }
    _tile_loadconfig((const void *)(uintptr_t)&config);
}

CPU_INLINE void amx_leave(void)
{
    _tile_release();
}

/* There is one set of registers, which nobody needs to name. */
typedef struct amx_registers {
    int pairs;
} amx_registers;

/* The instructions want numbers that are written out. */
#define amx_zero(reg, sums)                                                                                            \
    do {                                                                                                               \
        (void)(reg);                                                                                                   \
        _tile_zero(sums);                                                                                              \
    } while (0)
#define amx_load_sums(reg, sums, from, stride)                                                                         \
    do {                                                                                                               \
        (void)(reg);                                                                                                   \
        _tile_loadd(sums, from, stride);                                                                               \
    } while (0)
#define amx_load(reg, operand, from, stride)                                                                           \
    do {                                                                                                               \
        (void)(reg);                                                                                                   \
        _tile_loadd(operand, from, stride);                                                                            \
    } while (0)
#define amx_multiply(reg, sums, left, right)                                                                           \
    do {                                                                                                               \
        (void)(reg);                                                                                                   \
        _tile_dpbf16ps(sums, left, right);                                                                             \
    } while (0)
#define amx_store(reg, sums, to, stride)                                                                               \
    do {                                                                                                               \
        (void)(reg);                                                                                                   \
        _tile_stored(sums, to, stride);                                                                                \
    } while (0)

#else

typedef struct amx_registers {
    int pairs; /* of k */
    cpu_vf sums[4][AMX_SIDE];
    const char *from[8]; /* operands: where their rows lie, and how far apart */
    int64_t stride[8];
} amx_registers;

CPU_INLINE void amx_enter(void)
{
}

CPU_INLINE void amx_enter_pairs(int pairs)
{
    (void)pairs;
}

CPU_INLINE void amx_leave(void)
{
}

CPU_INLINE void amx_zero(amx_registers *reg, const int sums)
{
#pragma GCC unroll 16
    for (int i = 0; i < AMX_SIDE; i++)
        reg->sums[sums][i] = cpu_vf_set1(0);
}

CPU_INLINE void amx_load_sums(amx_registers *reg, const int sums, const void *from, int64_t stride)
{
#pragma GCC unroll 16
    for (int i = 0; i < AMX_SIDE; i++)
        reg->sums[sums][i] = cpu_vf_load((const float *)(const void *)((const char *)from + i * stride));
}

CPU_INLINE void amx_load(amx_registers *reg, const int operand, const void *from, int64_t stride)
{
    reg->from[operand] = from, reg->stride[operand] = stride;
}

CPU_INLINE __m512bh amx_pair(const char *from)
{
    int32_t pair;
    memcpy(&pair, from, sizeof pair);
    return (__m512bh)_mm512_set1_epi32(pair);
}

CPU_INLINE void amx_multiply(amx_registers *reg, const int sums, const int left, const int right)
{
    const char *a = reg->from[left], *b = reg->from[right];
    const int64_t row = reg->stride[left];
    __m512 s[AMX_SIDE];
#pragma GCC unroll 16
    for (int i = 0; i < AMX_SIDE; i++)
        s[i] = (__m512)reg->sums[sums][i];
    for (int p = 0; p < reg->pairs; p++, a += 4, b += reg->stride[right]) {
        const __m512bh columns = (__m512bh)_mm512_loadu_si512(b);
#pragma GCC unroll 16
        for (int i = 0; i < AMX_SIDE; i++)
            s[i] = _mm512_dpbf16_ps(s[i], amx_pair(a + i * row), columns);
    }
#pragma GCC unroll 16
    for (int i = 0; i < AMX_SIDE; i++)
        reg->sums[sums][i] = (cpu_vf)s[i];
}

CPU_INLINE void amx_store(const amx_registers *reg, const int sums, void *to, int64_t stride)
{
#pragma GCC unroll 16
    for (int i = 0; i < AMX_SIDE; i++)
        cpu_vf_store((float *)(void *)((char *)to + i * stride), reg->sums[sums][i]);
}

/* Faster where a sum has many steps: those of eight rows and one or two vectors of columns stay in registers all the while. */
enum { AMX_PASS = 8 };

typedef struct amx_pass {
    __m512 sum[AMX_PASS][2];
} amx_pass;

CPU_INLINE void amx_pass_begin(amx_pass *s, const int columns, const char *c, int64_t stride, bool add)
{
#pragma GCC unroll 8
    for (int i = 0; i < AMX_PASS; i++)
#pragma GCC unroll 2
        for (int j = 0; j < columns; j++)
            s->sum[i][j] = add ? _mm512_loadu_ps(c + i * stride + j * 64) : _mm512_setzero_ps();
}

/* Rows of a are `row` bytes apart; the pairs of the second columns `next` bytes behind those of the first. */
CPU_INLINE void amx_pass_step(amx_pass *s, const int columns, const char *a, int64_t row, const char *b, int64_t next)
{
#pragma GCC unroll 4
    for (int p = 0; p < AMX_SIDE; p++) {
        __m512bh right[2];
#pragma GCC unroll 2
        for (int j = 0; j < columns; j++)
            right[j] = (__m512bh)_mm512_loadu_si512(b + j * next + p * 64);
#pragma GCC unroll 8
        for (int i = 0; i < AMX_PASS; i++) {
            const __m512bh left = amx_pair(a + i * row + p * 4);
#pragma GCC unroll 2
            for (int j = 0; j < columns; j++)
                s->sum[i][j] = _mm512_dpbf16_ps(s->sum[i][j], left, right[j]);
        }
    }
}

CPU_INLINE void amx_pass_end(const amx_pass *s, const int columns, char *c, int64_t stride)
{
#pragma GCC unroll 8
    for (int i = 0; i < AMX_PASS; i++)
#pragma GCC unroll 2
        for (int j = 0; j < columns; j++)
            _mm512_storeu_ps(c + i * stride + j * 64, s->sum[i][j]);
}

#endif

/* ---- squares: all four registers of sums, two of rows by two of columns --------------------------------------------------- */

CPU_INLINE void amx_square_zero(amx_registers *reg)
{
    amx_zero(reg, 0);
    amx_zero(reg, 1);
    amx_zero(reg, 2);
    amx_zero(reg, 3);
}

/* From what is at c, or from zeros. */
CPU_INLINE void amx_square_begin(amx_registers *reg, const char *c, int64_t stride, bool add)
{
    amx_square_zero(reg);
    if (!add)
        return;
    amx_load_sums(reg, 0, c, stride);
    amx_load_sums(reg, 1, c + 64, stride);
    amx_load_sums(reg, 2, c + AMX_SIDE * stride, stride);
    amx_load_sums(reg, 3, c + AMX_SIDE * stride + 64, stride);
}

CPU_INLINE void amx_square_store(amx_registers *reg, char *c, int64_t stride)
{
    amx_store(reg, 0, c, stride);
    amx_store(reg, 1, c + 64, stride);
    amx_store(reg, 2, c + AMX_SIDE * stride, stride);
    amx_store(reg, 3, c + AMX_SIDE * stride + 64, stride);
}

/* += A B: rows of A `stride` bytes apart, its lower half at `below`, the right half of B at `beside`. */
CPU_INLINE void amx_square_multiply(amx_registers *reg, const char *a, const char *below, int64_t stride, const char *b,
                                    const char *beside)
{
    amx_load(reg, 6, b, 64);
    amx_load(reg, 4, a, stride);
    amx_load(reg, 7, beside, 64);
    amx_multiply(reg, 0, 4, 6);
    amx_load(reg, 5, below, stride);
    amx_multiply(reg, 1, 4, 7);
    amx_multiply(reg, 2, 5, 6);
    amx_multiply(reg, 3, 5, 7);
}

/* The same A with another B. */
CPU_INLINE void amx_square_again(amx_registers *reg, const char *b, const char *beside)
{
    amx_load(reg, 6, b, 64);
    amx_load(reg, 7, beside, 64);
    amx_multiply(reg, 0, 4, 6);
    amx_multiply(reg, 1, 4, 7);
    amx_multiply(reg, 2, 5, 6);
    amx_multiply(reg, 3, 5, 7);
}

/* Registers for `pairs` pairs of k; what they hold is not set. */
#define AMX_REGISTERS(reg, count)                                                                                      \
    amx_registers registers, *const reg = &registers;                                                                  \
    reg->pairs = (count)

#endif
