/* elem_move.tile.c: the way of elements between memory and tiles: conversions between dtypes and domains, and boxes of
 * any strides. Ends in the table of all that this instruction set offers. */
#include "cpu/core/elem_tile.h"
#include "cpu/core/transpose.h"
#include "cpu/core/vec.h"

/* ---- conversions ----------------------------------------------------------------------------------------------- */

#define CONVERT(name, from, to, expression)                                                                            \
    static void name(void *dst, const void *src, int64_t n)                                                            \
    {                                                                                                                  \
        const from *restrict s = src;                                                                                  \
        to *restrict d = dst;                                                                                          \
        for (int64_t i = 0; i < n; i++) {                                                                              \
            const from x = s[i];                                                                                       \
            d[i] = (expression);                                                                                       \
        }                                                                                                              \
    }

#define LOADS(name, type)                                                                                              \
    CONVERT(load_f32_##name, type, float, (float)x)                                                                    \
    CONVERT(load_f64_##name, type, double, (double)x)                                                                  \
    CONVERT(load_i64_##name, type, int64_t, (int64_t)x)
#define STORES(name, type)                                                                                             \
    CONVERT(store_f32_##name, float, type, (type)cpu_elem_i64_of((double)x))                                           \
    CONVERT(store_f64_##name, double, type, (type)cpu_elem_i64_of(x))                                                  \
    CONVERT(store_i64_##name, int64_t, type, (type)x)

CONVERT(load_f32_i64, int64_t, float, (float)x)
CONVERT(load_f64_i64, int64_t, double, (double)x)
LOADS(i32, int32_t)
LOADS(i16, int16_t)
LOADS(i8, int8_t)
LOADS(u8, uint8_t)
STORES(i32, int32_t)
STORES(i16, int16_t)
STORES(i8, int8_t)
STORES(u8, uint8_t)
CONVERT(store_f32_i64, float, int64_t, cpu_elem_i64_of((double)x))
CONVERT(store_f64_i64, double, int64_t, cpu_elem_i64_of(x))

CONVERT(load_f32_bool, uint8_t, float, x != 0 ? 1.0f : 0.0f)
CONVERT(load_f64_bool, uint8_t, double, x != 0 ? 1.0 : 0.0)
CONVERT(load_i64_bool, uint8_t, int64_t, x != 0)
CONVERT(store_f32_bool, float, uint8_t, x != 0)
CONVERT(store_f64_bool, double, uint8_t, x != 0)
CONVERT(store_i64_bool, int64_t, uint8_t, x != 0)

CONVERT(load_f32_f64, double, float, (float)x)
CONVERT(load_f64_f32, float, double, (double)x)
CONVERT(load_i64_f64, double, int64_t, cpu_elem_i64_of(x))
CONVERT(load_i64_f32, float, int64_t, cpu_elem_i64_of((double)x))
CONVERT(load_i64_f16, uint16_t, int64_t, cpu_elem_i64_of((double)cpu_f32_of_f16(x)))
CONVERT(load_i64_bf16, uint16_t, int64_t, cpu_elem_i64_of((double)cpu_f32_of_bf16(x)))
CONVERT(load_f64_f16, uint16_t, double, (double)cpu_f32_of_f16(x))
CONVERT(load_f64_bf16, uint16_t, double, (double)cpu_f32_of_bf16(x))
CONVERT(store_f64_f16, double, uint16_t, cpu_f16_of_f32(cpu_elem_odd_f32(x)))
CONVERT(store_f64_bf16, double, uint16_t, cpu_bf16_of_f32(cpu_elem_odd_f32(x)))
CONVERT(store_i64_f16, int64_t, uint16_t, cpu_f16_of_f32(cpu_elem_odd_f32((double)x)))
CONVERT(store_i64_bf16, int64_t, uint16_t, cpu_bf16_of_f32(cpu_elem_odd_f32((double)x)))

#define HALVES(type)                                                                                                   \
    static void load_f32_##type(void *dst, const void *src, int64_t n)                                                 \
    {                                                                                                                  \
        const uint16_t *s = src;                                                                                       \
        float *d = dst;                                                                                                \
        int64_t i = 0;                                                                                                 \
        for (; i + CPU_VF <= n; i += CPU_VF)                                                                           \
            cpu_vf_store(d + i, cpu_vf_load_##type(s + i));                                                            \
        if (i < n)                                                                                                     \
            cpu_vf_store_n(d + i, cpu_vf_load_##type##_n(s + i, n - i), n - i);                                        \
    }                                                                                                                  \
    static void store_f32_##type(void *dst, const void *src, int64_t n)                                                \
    {                                                                                                                  \
        const float *s = src;                                                                                          \
        uint16_t *d = dst;                                                                                             \
        int64_t i = 0;                                                                                                 \
        for (; i + CPU_VF <= n; i += CPU_VF)                                                                           \
            cpu_vf_store_##type(d + i, cpu_vf_load(s + i));                                                            \
        if (i < n)                                                                                                     \
            cpu_vf_store_##type##_n(d + i, cpu_vf_load_n(s + i, n - i), n - i);                                        \
    }
HALVES(bf16)
HALVES(f16)

#define store_f32_f64 load_f64_f32
#define store_f64_f32 load_f32_f64
#define store_i64_f32 load_f32_i64
#define store_i64_f64 load_f64_i64

#define ROW(way, domain)                                                                                               \
    {                                                                                                                  \
        [TN_F64] = way##_##domain##_f64, [TN_F32] = way##_##domain##_f32, [TN_F16] = way##_##domain##_f16,             \
        [TN_BF16] = way##_##domain##_bf16, [TN_I64] = way##_##domain##_i64, [TN_I32] = way##_##domain##_i32,           \
        [TN_I16] = way##_##domain##_i16, [TN_I8] = way##_##domain##_i8, [TN_U8] = way##_##domain##_u8,                 \
        [TN_BOOL] = way##_##domain##_bool,                                                                             \
    }
/* The identities. */
#define load_f32_f32 NULL
#define load_f64_f64 NULL
#define load_i64_i64 NULL
#define store_f32_f32 NULL
#define store_f64_f64 NULL
#define store_i64_i64 NULL
static const cpu_elem_convert loads[CPU_DOMAIN_END][TN_DTYPE_END] = {
    [CPU_F32] = ROW(load, f32), [CPU_F64] = ROW(load, f64), [CPU_I64] = ROW(load, i64)};
static const cpu_elem_convert stores[CPU_DOMAIN_END][TN_DTYPE_END] = {
    [CPU_F32] = ROW(store, f32), [CPU_F64] = ROW(store, f64), [CPU_I64] = ROW(store, i64)};

/* ---- transposes ------------------------------------------------------------------------------------------------ */

/* Lanes of a and b in turn: the first half of each, or the second. */
#if CPU_VF == 16
#define FIRST 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define SECOND 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif CPU_VF == 8
#define FIRST 0, 8, 1, 9, 2, 10, 3, 11
#define SECOND 4, 12, 5, 13, 6, 14, 7, 15
#else
#define FIRST 0, 4, 1, 5
#define SECOND 2, 6, 3, 7
#endif

/* A square of CPU_VF vectors: lane j of vector i goes to lane i of vector j. Every step takes vectors that are half the
 * square apart lane by lane in turn; after log2(CPU_VF) steps the bits of row and lane number have changed places. */
CPU_INLINE void transpose_square(cpu_vu v[CPU_VF])
{
    for (int step = 1; step < CPU_VF; step *= 2) {
        cpu_vu w[CPU_VF];
        for (int i = 0; i < CPU_VF / 2; i++) {
            w[2 * i] = __builtin_shufflevector(v[i], v[i + CPU_VF / 2], FIRST);
            w[2 * i + 1] = __builtin_shufflevector(v[i], v[i + CPU_VF / 2], SECOND);
        }
        memcpy(v, w, sizeof w);
    }
}

CPU_INLINE cpu_vu load_lanes32(const uint32_t *p)
{
    cpu_vu v;
    memcpy(&v, p, sizeof v);
    return v;
}

CPU_INLINE void store_lanes32(uint32_t *p, cpu_vu v)
{
    memcpy(p, &v, sizeof v);
}

CPU_INLINE cpu_vu load_lanes16(const uint16_t *p)
{
    return __builtin_convertvector(cpu_vh_load(p), cpu_vu);
}

CPU_INLINE void store_lanes16(uint16_t *p, cpu_vu v)
{
    cpu_vh_store(p, __builtin_convertvector(v, cpu_vh));
}

/* d[r * dr + c] = s[r + c * sc]. */
#define TRANSPOSE_PLAIN(name, bits)                                                                                    \
    static void name##bits(uint##bits##_t *restrict d, int64_t dr, const uint##bits##_t *restrict s, int64_t sc,       \
                           int64_t rows, int64_t cols)                                                                 \
    {                                                                                                                  \
        if (rows < cols)                                                                                               \
            for (int64_t r = 0; r < rows; r++)                                                                         \
                for (int64_t c = 0; c < cols; c++)                                                                     \
                    d[r * dr + c] = s[r + c * sc];                                                                     \
        else                                                                                                           \
            for (int64_t c = 0; c < cols; c++)                                                                         \
                for (int64_t r = 0; r < rows; r++)                                                                     \
                    d[r * dr + c] = s[r + c * sc];                                                                     \
    }

/* Three planes to triples: pictures of three channels. Element g of the result is number g / 3 of plane g % 3; a shuffle takes two
 * vectors, so planes 0 and 1 come first. */
#define TRIPLE(l, k, n)                                                                                                \
    (((k) * (n) + (l)) % 3 == 0 ? ((k) * (n) + (l)) / 3 : ((k) * (n) + (l)) % 3 == 1 ? (n) + ((k) * (n) + (l)) / 3 : 0)
#define THIRD(l, k, n) (((k) * (n) + (l)) % 3 == 2 ? (n) + ((k) * (n) + (l)) / 3 : (l))
#if CPU_VF == 16
#define LANES(f, k) CPU_LIST16(f, k, 16)
#elif CPU_VF == 8
#define LANES(f, k) CPU_LIST8(f, k, 8)
#else
#define LANES(f, k) CPU_LIST4(f, k, 4)
#endif
#define THIRD_OF(d, k, a, b, c)                                                                                        \
    store_lanes32(d, __builtin_shufflevector(__builtin_shufflevector(a, b, LANES(TRIPLE, k)), c, LANES(THIRD, k)))

/* Gives the number of rows that are done. */
static int64_t triples32(uint32_t *restrict d, const uint32_t *restrict s, int64_t sc, int64_t rows)
{
    int64_t r = 0;
    for (; r + CPU_VF <= rows; r += CPU_VF, d += 3 * CPU_VF) {
        const cpu_vu a = load_lanes32(s + r), b = load_lanes32(s + r + sc), c = load_lanes32(s + r + 2 * sc);
        THIRD_OF(d, 0, a, b, c);
        THIRD_OF(d + CPU_VF, 1, a, b, c);
        THIRD_OF(d + 2 * CPU_VF, 2, a, b, c);
    }
    return r;
}

/* Other sizes have none. */
static int64_t triples16(uint16_t *restrict d, const uint16_t *restrict s, int64_t sc, int64_t rows)
{
    (void)d, (void)s, (void)sc, (void)rows;
    return 0;
}

#define TRANSPOSE(bits)                                                                                                \
    static void transpose##bits(uint##bits##_t *restrict d, int64_t dr, const uint##bits##_t *restrict s, int64_t sc,  \
                                int64_t rows, int64_t cols)                                                            \
    {                                                                                                                  \
        const int64_t done = cols == 3 && dr == 3 ? triples##bits(d, s, sc, rows) : 0;                                 \
        for (int64_t r0 = done; r0 < rows; r0 += CPU_VF)                                                               \
            for (int64_t c0 = 0; c0 < cols; c0 += CPU_VF) {                                                            \
                if (r0 + CPU_VF <= rows && c0 + CPU_VF <= cols) {                                                      \
                    cpu_vu v[CPU_VF];                                                                                  \
                    for (int i = 0; i < CPU_VF; i++)                                                                   \
                        v[i] = load_lanes##bits(s + r0 + (c0 + i) * sc);                                               \
                    transpose_square(v);                                                                               \
                    for (int i = 0; i < CPU_VF; i++)                                                                   \
                        store_lanes##bits(d + (r0 + i) * dr + c0, v[i]);                                               \
                    continue;                                                                                          \
                }                                                                                                      \
                const int64_t nr = rows - r0 < CPU_VF ? rows - r0 : CPU_VF,                                            \
                              nc = cols - c0 < CPU_VF ? cols - c0 : CPU_VF;                                            \
                plain##bits(d + r0 * dr + c0, dr, s + r0 + c0 * sc, sc, nr, nc);                                       \
            }                                                                                                          \
    }
TRANSPOSE_PLAIN(transpose, 8)
TRANSPOSE_PLAIN(plain, 16)
TRANSPOSE_PLAIN(plain, 32)
TRANSPOSE(16)
TRANSPOSE(32)
TRANSPOSE_PLAIN(transpose, 64)

/* ---- boxes ----------------------------------------------------------------------------------------------------- */

/* How many rows of a transposed box are walked together: their elements share cache lines. */
enum { BAND = 16 };

#define BOXES(bits)                                                                                                    \
    static void splat##bits(uint##bits##_t *d, uint##bits##_t x, int64_t n)                                            \
    {                                                                                                                  \
        for (int64_t i = 0; i < n; i++)                                                                                \
            d[i] = x;                                                                                                  \
    }                                                                                                                  \
    /* Rows that are all the same: the first, then twice as many each time. */                                         \
    static void repeat##bits(uint##bits##_t *d, int64_t cols, int64_t n)                                               \
    {                                                                                                                  \
        for (int64_t have = cols; have < n; have *= 2)                                                                 \
            memcpy(d + have, d, (size_t)(have <= n - have ? have : n - have) * sizeof *d);                             \
    }                                                                                                                  \
    static void gather##bits(void *tile, const void *memory, const cpu_elem_box *box)                                  \
    {                                                                                                                  \
        uint##bits##_t *restrict d = tile;                                                                             \
        const uint##bits##_t *restrict s = memory;                                                                     \
        const int64_t rows = box->rows, cols = box->cols, rs = box->row_stride, cs = box->col_stride;                  \
        if (rs == 0 && rows > 1) {                                                                                     \
            const cpu_elem_box first = {1, cols, 0, cs};                                                               \
            gather##bits(d, s, &first);                                                                                \
            repeat##bits(d, cols, rows *cols);                                                                         \
        } else if (cs == 1 && cols == 2) { /* complex numbers */                                                       \
            for (int64_t r = 0; r < rows; r++)                                                                         \
                memcpy(d + 2 * r, s + r * rs, 2 * sizeof *d);                                                          \
        } else if (cs == 1) {                                                                                          \
            for (int64_t r = 0; r < rows; r++)                                                                         \
                memcpy(d + r * cols, s + r * rs, (size_t)cols * sizeof *d);                                            \
        } else if (cs == 2) { /* their parts */                                                                        \
            for (int64_t r = 0; r < rows; r++)                                                                         \
                for (int64_t c = 0; c < cols; c++)                                                                     \
                    d[r * cols + c] = s[r * rs + 2 * c];                                                               \
        } else if (cs == 0) {                                                                                          \
            for (int64_t r = 0; r < rows; r++)                                                                         \
                splat##bits(d + r * cols, s[r * rs], cols);                                                            \
        } else if (rs == 1) {                                                                                          \
            transpose##bits(d, cols, s, cs, rows, cols);                                                               \
        } else {                                                                                                       \
            for (int64_t r0 = 0; r0 < rows; r0 += BAND)                                                                \
                for (int64_t c = 0; c < cols; c++)                                                                     \
                    for (int64_t r = r0; r < rows && r < r0 + BAND; r++)                                               \
                        d[r * cols + c] = s[r * rs + c * cs];                                                          \
        }                                                                                                              \
    }                                                                                                                  \
    static void scatter##bits(void *memory, const void *tile, const cpu_elem_box *box)                                 \
    {                                                                                                                  \
        uint##bits##_t *restrict d = memory;                                                                           \
        const uint##bits##_t *restrict s = tile;                                                                       \
        const int64_t rows = box->rows, cols = box->cols, rs = box->row_stride, cs = box->col_stride;                  \
        if (cs == 1 && cols == 2)                                                                                      \
            for (int64_t r = 0; r < rows; r++)                                                                         \
                memcpy(d + r * rs, s + 2 * r, 2 * sizeof *d);                                                          \
        else if (cs == 1)                                                                                              \
            for (int64_t r = 0; r < rows; r++)                                                                         \
                memcpy(d + r * rs, s + r * cols, (size_t)cols * sizeof *d);                                            \
        else if (cs == 2)                                                                                              \
            for (int64_t r = 0; r < rows; r++)                                                                         \
                for (int64_t c = 0; c < cols; c++)                                                                     \
                    d[r * rs + 2 * c] = s[r * cols + c];                                                               \
        else if (rs == 1)                                                                                              \
            transpose##bits(d, cs, s, cols, cols, rows);                                                               \
        else                                                                                                           \
            for (int64_t r0 = 0; r0 < rows; r0 += BAND)                                                                \
                for (int64_t c = 0; c < cols; c++)                                                                     \
                    for (int64_t r = r0; r < rows && r < r0 + BAND; r++)                                               \
                        d[r * rs + c * cs] = s[r * cols + c];                                                          \
    }
BOXES(8)
BOXES(16)
BOXES(32)
BOXES(64)

/* ---- past the caches ------------------------------------------------------------------------------------------- */

#if CPU_VF > 4
static void stream(void *memory, const void *tile, size_t bytes)
{
    enum { LINE = 64 };
    unsigned char *d = memory;
    const unsigned char *s = tile;
    size_t head = (size_t)(-(uintptr_t)d % LINE), i = head < bytes ? head : bytes;
    memcpy(d, s, i); /* whole lines only */
    for (; i + LINE <= bytes; i += LINE) {
#if CPU_VEC_AVX512
        _mm512_stream_si512((__m512i *)(void *)(d + i), _mm512_loadu_si512(s + i));
#else
        for (size_t k = 0; k < LINE; k += 32)
            _mm256_stream_si256((__m256i *)(void *)(d + i + k), _mm256_loadu_si256((const void *)(s + i + k)));
#endif
    }
    memcpy(d + i, s + i, bytes - i);
}

static void fence(void)
{
    _mm_sfence();
}
#endif

const cpu_elem_kernels CPU_NAME(cpu_elem_kernels) = {
    .fn = {[CPU_F32] = CPU_NAME(cpu_elem_f32), [CPU_F64] = CPU_NAME(cpu_elem_f64), [CPU_I64] = CPU_NAME(cpu_elem_i64)},
    .load = loads,
    .store = stores,
    .gather = {gather8, gather16, gather32, gather64},
    .scatter = {scatter8, scatter16, scatter32, scatter64},
#if CPU_VF > 4
    .stream = stream,
    .fence = fence,
#endif
};
