/* elem_tile.h: what elem.c and the files built per instruction set (elem_*.tile.c) agree on. */
#ifndef CPU_ELEM_TILE_H
#define CPU_ELEM_TILE_H

#include "cpu/core/elem.h"
#include "cpu/core/elem_list.h"
#include "cpu/core/half.h"

/* No tile has more elements. */
enum { CPU_ELEM_TILE = 1024 };
/* f32 of the longest vector: what a value that all elements share is spread over. */
enum { CPU_ELEM_VECTOR = 16 };

/* One instruction on one tile. dst may be the memory of a source; n > 0. */
typedef struct cpu_elem_call {
    void *dst;
    const void *src[3];
    int64_t n;
    int64_t goes[3]; /* f32 with two sources or more: -1, or 0 for one vector that all elements share */
    const double *arg;
    int64_t iarg;
    uint64_t key, step;    /* random: Philox key and upper counter */
    int64_t index, stride; /* random: logical index of the first element, and from one to the next */
    int64_t bad;           /* set by an operator that meets bad data: first position; -1 before */
} cpu_elem_call;

typedef void (*cpu_elem_tile)(cpu_elem_call *call);
typedef void (*cpu_elem_convert)(void *dst, const void *src, int64_t n);

/* A box of `rows` x `cols` elements, moved between memory (any strides, in elements) and a dense tile. */
typedef struct cpu_elem_box {
    int64_t rows, cols, row_stride, col_stride;
} cpu_elem_box;
typedef void (*cpu_elem_gather)(void *tile, const void *memory, const cpu_elem_box *box);
typedef void (*cpu_elem_scatter)(void *memory, const void *tile, const cpu_elem_box *box);

/* Everything that one instruction set offers. NULL where there is nothing: an operator that a domain lacks, a
 * conversion that is the identity. Sizes of elements are indexed by their logarithm: 1, 2, 4, 8 bytes. */
typedef struct cpu_elem_kernels {
    const cpu_elem_tile *fn[CPU_DOMAIN_END]; /* by domain of the sources, then CPU_ELEM_... */
    const cpu_elem_convert (*load)[TN_DTYPE_END];
    const cpu_elem_convert (*store)[TN_DTYPE_END];
    cpu_elem_gather gather[4];
    cpu_elem_scatter scatter[4];
    /* Copies past the caches, and makes such copies visible to other threads; NULL if there is no way to. */
    void (*stream)(void *memory, const void *tile, size_t bytes);
    void (*fence)(void);
} cpu_elem_kernels;

/* f32 rounded to odd: a further rounding to fewer bits then gives what one rounding of x would. */
static inline float cpu_elem_odd_f32(double x)
{
    float r = (float)x;
    if ((double)r == x || x != x)
        return r;
    uint32_t bits = cpu_bits_of_f32(r);
    double size = x < 0 ? -x : x, rounded = r < 0 ? -(double)r : (double)r;
    return cpu_f32_of_bits((rounded > size ? bits - 1 : bits) | 1u);
}

/* Truncated; saturates, NaN is 0. */
static inline int64_t cpu_elem_i64_of(double x)
{
    return x >= 0x1p63 ? INT64_MAX : x >= -0x1p63 ? (int64_t)x : x < 0 ? INT64_MIN : 0;
}

#define CPU_ELEM_DECLARE(isa)                                                                                          \
    extern const cpu_elem_kernels cpu_elem_kernels_##isa;                                                              \
    extern const cpu_elem_tile cpu_elem_f32_##isa[CPU_ELEM_COUNT], cpu_elem_f64_##isa[CPU_ELEM_COUNT],                 \
        cpu_elem_i64_##isa[CPU_ELEM_COUNT];                                                                            \
    void cpu_elem_uniform_##isa(cpu_elem_call *call);                                                                  \
    void cpu_elem_dropout_##isa(cpu_elem_call *call);
CPU_ELEM_DECLARE(portable)
CPU_ELEM_DECLARE(avx2)
CPU_ELEM_DECLARE(avx512)
#undef CPU_ELEM_DECLARE

#endif
