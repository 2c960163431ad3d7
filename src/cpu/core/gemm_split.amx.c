/* gemm_split.amx.c: products of f32 in the matrix registers for bf16 (Intel AMX), to the precision of f32. Each number is the exact sum of
 * three bf16 of 8 bits each, high + mid + low = 24 bits; of the nine products of two such sums the six largest are added up in
 * f32. What is left out is below 2^-23 of a product in the worst case, and below 2^-26 usually, which is less than rounding it to f32
 * loses; and a register adds up 32 products before it rounds to a sum, so that long sums are more exact than with a
 * multiply-add for each k. Six products in the matrix registers take half the time of one in the vector registers.
 * Who asks for less (TN_PRECISION_HIGH) gets two parts, 17 bits, and three products.
 *
 * Where it differs: numbers below 2^-126 count as 0 here, so that those below 2^-110 lose bits. An infinity has no such parts:
 * sums that it enters are not numbers here; gemm.c computes those again as they should be. */
#include "cpu/core/amx.h"
#include "cpu/core/gemm_kernels.h"
#include "cpu/core/transpose.h"

/* Depths of a block: a panel of B of 18 KB stays in the first cache, while panels of A pass. Bytes of a part of 32 x 32 numbers. */
enum { KC_3 = 96, KC_2 = 160, PART = 2048 };

/* A step has 32 k of 32 rows of A: high, mid, low, each two registers; the same of 32 columns of B. */
CPU_INLINE void load_a(amx_registers *reg, const char *a)
{
    amx_load(reg, 4, a, 64);
    amx_load(reg, 5, a + 1024, 64);
}

CPU_INLINE void load_b(amx_registers *reg, const char *b)
{
    amx_load(reg, 6, b, 64);
    amx_load(reg, 7, b + 1024, 64);
}

CPU_INLINE void multiply(amx_registers *reg, const bool below, const bool beside)
{
    amx_multiply(reg, 0, 4, 6);
    if (beside)
        amx_multiply(reg, 1, 4, 7);
    if (below)
        amx_multiply(reg, 2, 5, 6);
    if (below && beside)
        amx_multiply(reg, 3, 5, 7);
}

enum { HIGH = 0, MID = PART, LOW = 2 * PART };

/* The small products of one step; each after the first shares an operand with the one before. */
CPU_INLINE void small_products(amx_registers *reg, const int parts, const bool below, const bool beside, const char *a,
                               const char *b)
{
    load_a(reg, a + HIGH);
    if (parts == 3) {
        load_b(reg, b + LOW);
        multiply(reg, below, beside);
    }
    load_b(reg, b + MID);
    multiply(reg, below, beside);
    load_a(reg, a + MID);
    if (parts == 3)
        multiply(reg, below, beside);
    load_b(reg, b + HIGH);
    multiply(reg, below, beside);
    if (parts == 3) {
        load_a(reg, a + LOW);
        multiply(reg, below, beside);
    }
}

CPU_INLINE void store_sums(amx_registers *reg, const bool below, const bool beside, char *c, int64_t stride)
{
    amx_store(reg, 0, c, stride);
    if (beside)
        amx_store(reg, 1, c + 64, stride);
    if (below)
        amx_store(reg, 2, c + AMX_SIDE * stride, stride);
    if (below && beside)
        amx_store(reg, 3, c + AMX_SIDE * stride + 64, stride);
}

/* The sum of a block of k begins with what is small, and is added to what was there when it is done: errors of rounding are those of
 * few numbers. */
CPU_INLINE void tile_of(const int parts, const bool below, const bool beside, int64_t steps, const char *a,
                        const char *b, char *c, int64_t stride, const gemm_end *end)
{
    const int64_t step = (int64_t)parts * PART, next_step = end->next_step * (AMX_UNIT / 4);
    AMX_REGISTERS(reg, AMX_SIDE);
    amx_square_zero(reg);
    const char *next = end->next;
    for (int64_t i = 0; i < steps; i++) {
        small_products(reg, parts, below, beside, a + i * step, b + i * step);
        for (int64_t p = 0; p < next_step; p += 64)
            __builtin_prefetch(next + p, 0, 2);
        next += next_step;
    }
    for (int64_t i = 0; i < steps; i++) {
        load_a(reg, a + i * step + HIGH);
        load_b(reg, b + i * step + HIGH);
        multiply(reg, below, beside);
    }
    if (!end->add) {
        store_sums(reg, below, beside, c, stride);
        return;
    }
    float sums[2 * AMX_SIDE][2 * AMX_SIDE] __attribute__((aligned(64)));
    store_sums(reg, below, beside, (char *)sums, sizeof sums[0]);
    const int rows = below ? 2 * AMX_SIDE : AMX_SIDE;
    for (int i = 0; i < rows; i++, c += stride)
        for (int j = 0; j <= (int)beside; j++) {
            float *at = (float *)(void *)c + j * AMX_SIDE;
            cpu_vf_store(at, cpu_vf_load(at) + cpu_vf_load(&sums[i][j * AMX_SIDE]));
        }
}

CPU_INLINE void tile(const int parts, int64_t m, int64_t n, int64_t k, const void *a, const void *b, void *c,
                     int64_t c_row, const gemm_end *end)
{
    if (m > AMX_SIDE && n > AMX_SIDE)
        tile_of(parts, true, true, k / AMX_UNIT, a, b, c, c_row * 4, end);
    else if (m > AMX_SIDE)
        tile_of(parts, true, false, k / AMX_UNIT, a, b, c, c_row * 4, end);
    else if (n > AMX_SIDE)
        tile_of(parts, false, true, k / AMX_UNIT, a, b, c, c_row * 4, end);
    else
        tile_of(parts, false, false, k / AMX_UNIT, a, b, c, c_row * 4, end);
}

static bool split_wild(const float *sums, int64_t row, int64_t m, int64_t n)
{
    __mmask16 wild = 0;
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j += CPU_VF) {
            const __m512 x = (__m512)cpu_vf_load_n(sums + i * row + j, n - j < CPU_VF ? n - j : CPU_VF);
            wild |= _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
        }
    return wild != 0;
}

/* ---- packing: each square is 16 rows or columns by 32 k, taken as 16 pairs (k, k + 16): the order of a sum is free ------- */

enum { AHEAD = 2 * AMX_UNIT };

/* x = part + what is left in x: the nearest number of 8 bits, by adding half of the last one to what stands for the magnitude.
 * What is no finite number comes out as one that is not a number in one part or the other. */
CPU_INLINE __m512i part_of(__m512 *x)
{
    const __m512i half = _mm512_set1_epi32(0x8000), mask = _mm512_set1_epi32(-0x10000);
    const __m512i part = _mm512_and_si512(_mm512_add_epi32(_mm512_castps_si512(*x), half), mask);
    *x = _mm512_sub_ps(*x, _mm512_castsi512_ps(part));
    return part;
}

CPU_INLINE cpu_vf paired(__m512i near, __m512i far)
{
    return (cpu_vf)_mm512_castsi512_ps(_mm512_or_si512(_mm512_srli_epi32(near, 16), far));
}

/* Row i of what is written has pairs of near[i] and far[i]. */
CPU_INLINE void store_parts(const int parts, char *to, cpu_vf near[AMX_SIDE], cpu_vf far[AMX_SIDE])
{
    const __m512i mask = _mm512_set1_epi32(-0x10000);
#pragma GCC unroll 16
    for (int i = 0; i < AMX_SIDE; i++) {
        __m512 x = (__m512)near[i], y = (__m512)far[i];
        float *at = (float *)(void *)(to + i * 64);
        const __m512i x_high = part_of(&x), y_high = part_of(&y), x_mid = part_of(&x), y_mid = part_of(&y);
        cpu_vf_store(at, paired(x_high, y_high));
        cpu_vf_store(at + PART / 4, paired(x_mid, y_mid));
        if (parts == 3)
            cpu_vf_store(at + 2 * PART / 4, /* of the rest 8 bits are left */
                         paired(_mm512_castps_si512(x), _mm512_and_si512(_mm512_castps_si512(y), mask)));
    }
}

/* Neighbours are 16 rows or columns: what is loaded has a k each. */
CPU_INLINE void pack_across(const int parts, char *to, const float *from, bool pairs, int64_t along, int64_t have,
                            int64_t k)
{
    cpu_vf near[AMX_SIDE], far[AMX_SIDE];
#pragma GCC unroll 16
    for (int i = 0; i < AMX_SIDE; i++) {
        const float *q = from + i * along;
        near[i] = cpu_vf_load_n(q, i < k ? have : 0);
        far[i] = cpu_vf_load_n(q + AMX_SIDE * along, i + AMX_SIDE < k ? have : 0);
    }
    if (!pairs) {
        cpu_vf_transpose(near);
        cpu_vf_transpose(far);
    }
    store_parts(parts, to, near, far);
}

/* Neighbours are k's. */
CPU_INLINE void pack_along(const int parts, char *to, const float *from, bool pairs, int64_t across, int64_t have,
                           int64_t k)
{
    const int64_t first = k < AMX_SIDE ? k : AMX_SIDE, second = k < AMX_SIDE   ? 0
                                                                : k < AMX_UNIT ? k - AMX_SIDE
                                                                               : AMX_SIDE;
    cpu_vf near[AMX_SIDE], far[AMX_SIDE];
#pragma GCC unroll 16
    for (int i = 0; i < AMX_SIDE; i++) {
        const float *q = from + (i < have ? i * across : 0);
        near[i] = cpu_vf_load_n(q, i < have ? first : 0);
        far[i] = cpu_vf_load_n(q + AMX_SIDE, i < have ? second : 0);
        __builtin_prefetch(q + AHEAD, 0, 3);
        __builtin_prefetch(q + AHEAD + AMX_SIDE, 0, 3);
    }
    if (pairs) {
        cpu_vf_transpose(near);
        cpu_vf_transpose(far);
    }
    store_parts(parts, to, near, far);
}

CPU_INLINE void pack_scattered(const int parts, char *to, const float *from, bool pairs, int64_t across, int64_t along,
                               int64_t have, int64_t k)
{
    float square[AMX_UNIT][AMX_SIDE];
    for (int64_t j = 0; j < AMX_UNIT; j++)
        for (int64_t l = 0; l < AMX_SIDE; l++)
            square[j][l] = l < have && j < k ? from[l * across + j * along] : 0;
    pack_across(parts, to, square[0], pairs, AMX_SIDE, AMX_SIDE, AMX_UNIT);
}

/* To k / 32 steps of two squares of each part, lanes 0-15 and 16-31: rows are lanes (for A) or pairs of k (for B). */
CPU_INLINE void pack(const int parts, char *to, const float *from, bool pairs, int64_t across, int64_t along,
                     int64_t have, int64_t k)
{
    for (int64_t j = 0; j < k; j += AMX_UNIT, to += parts * PART)
        for (int64_t l = 0; l < 2 * AMX_SIDE; l += AMX_SIDE) {
            const float *q = from + (l < have ? l * across + j * along : 0);
            char *at = to + l / AMX_SIDE * 1024;
            const int64_t lanes = have - l < 0 ? 0 : have - l < AMX_SIDE ? have - l : AMX_SIDE;
            if (across == 1)
                pack_across(parts, at, q, pairs, along, lanes, k - j);
            else if (along == 1)
                pack_along(parts, at, q, pairs, across, lanes, k - j);
            else
                pack_scattered(parts, at, q, pairs, across, along, lanes, k - j);
        }
}

#define KERNELS(parts)                                                                                                 \
    static void tile_##parts(int64_t m, int64_t n, int64_t k, const void *a, int64_t a_row, int64_t a_col,             \
                             const void *b, int64_t b_row, void *c, int64_t c_row, const gemm_end *end)                \
    {                                                                                                                  \
        (void)a_row, (void)a_col, (void)b_row;                                                                         \
        tile(parts, m, n, k, a, b, c, c_row, end);                                                                     \
    }                                                                                                                  \
    static void pack_a_##parts(void *to, int64_t width, const void *from, tn_dtype dtype, int64_t across,              \
                               int64_t along, int64_t have, int64_t k)                                                 \
    {                                                                                                                  \
        (void)width, (void)dtype;                                                                                      \
        pack(parts, to, from, false, across, along, have, k);                                                          \
    }                                                                                                                  \
    static void pack_b_##parts(void *to, int64_t width, const void *from, tn_dtype dtype, int64_t across,              \
                               int64_t along, int64_t have, int64_t k)                                                 \
    {                                                                                                                  \
        (void)width, (void)dtype;                                                                                      \
        pack(parts, to, from, true, across, along, have, k);                                                           \
    }                                                                                                                  \
    const gemm_kernels CPU_NAME(gemm_f32_split##parts) = {                                                             \
        .mr = 2 * AMX_SIDE,                                                                                            \
        .nr = 2 * AMX_SIDE,                                                                                            \
        .lanes = CPU_VF,                                                                                               \
        .row_panels = 16,                                                                                              \
        .col_panels = 16,                                                                                              \
        .kc = KC_##parts,                                                                                              \
        .k_unit = AMX_UNIT,                                                                                            \
        .packed = parts * 2,                                                                                           \
        .whole = true,                                                                                                 \
        .wild = split_wild,                                                                                            \
        .enter = amx_enter,                                                                                            \
        .leave = amx_leave,                                                                                            \
        .tile = tile_##parts,                                                                                          \
        .pack_a = pack_a_##parts,                                                                                      \
        .pack_b = pack_b_##parts,                                                                                      \
    };
KERNELS(3)
KERNELS(2)
