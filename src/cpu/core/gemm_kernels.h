/* gemm_kernels.h: what gemm.c (which cuts a product into pieces) asks of gemm.tile.c (which computes a piece, once per
 * instruction set). "T" is the type of the sums: float, or double where the operands are f64. */
#ifndef CPU_GEMM_KERNELS_H
#define CPU_GEMM_KERNELS_H

#include <stdint.h>
#include <tarn/core.h>

/* What is done to a sum before it is stored. The pointers point to the first row's, first column's bias of the piece. */
typedef struct gemm_end {
    double alpha;
    bool add, relu; /* add: C's old value */
    const void *bias_col, *bias_row;
    const char *next; /* what a later tile reads: brought nearer meanwhile, next_step bytes per 4 k */
    int64_t next_step;
} gemm_end;

/* A finished block of sums on its way to a C of any strides and dtype. */
typedef struct gemm_finish {
    const void *from; /* T [m][from_row]; NULL: zeros */
    int64_t from_row, m, n;
    void *c;
    int64_t c_row, c_col;
    tn_dtype c_dtype;
    gemm_end end;
} gemm_finish;

typedef struct gemm_kernels {
    int mr, nr, lanes;          /* largest tile, and T's in a vector */
    int row_panels, col_panels; /* largest block of C, in tiles: with its A it stays in the second-level cache */
    int kc;                     /* depth of a k block, a multiple of k_unit */
    int k_unit;                 /* what a tile's k is a multiple of; packing fills up with zeros */
    int packed;                 /* bytes of a packed element */
    bool masked; /* if not, a tile of fewer than nr columns reads nr columns of B, which must be packed */
    bool whole;  /* tiles are packed at full height and may write mr x nr elements of C, whatever m and n are */
    /* NULL, or: is a sum of these not a number? Where there is this, infinities among the operands make sums that are none. */
    bool (*wild)(const float *sums, int64_t row, int64_t m, int64_t n);
    void (*enter)(void), (*leave)(void); /* around the tiles of a chunk; may be NULL */
    /* C[m,n] = end(A B), m <= mr, n <= nr; columns of B and C are neighbours, and A's in a row or in a column. */
    void (*tile)(int64_t m, int64_t n, int64_t k, const void *a, int64_t a_row, int64_t a_col, const void *b,
                 int64_t b_row, void *c, int64_t c_row, const gemm_end *end);
    /* to[k][width] = from[w * across + k * along], widened to T, zeros where w is past `have`; or an order of its own of
     * as many elements. */
    void (*pack_a)(void *to, int64_t width, const void *from, tn_dtype dtype, int64_t across, int64_t along,
                   int64_t have, int64_t k);
    void (*pack_b)(void *to, int64_t width, const void *from, tn_dtype dtype, int64_t across, int64_t along,
                   int64_t have, int64_t k);
    /* y[n] = x[k] B, columns of B neighbours. Blocks start at multiples of row_block. */
    void (*row)(int64_t n, int64_t k, const void *x, const void *b, tn_dtype dtype, int64_t b_row, void *y);
    /* y[m][n], row y_row, = sums over k of A[i][k] B[j][k], both with neighbours along k; a of T, b of dtype. */
    void (*dot)(int64_t m, int64_t n, int64_t k, const void *a, int64_t a_row, const void *b, tn_dtype dtype,
                int64_t b_row, void *y, int64_t y_row);
    void (*finish)(const gemm_finish *f);
} gemm_kernels;

enum {
    GEMM_ROW_BLOCK = 8, /* vectors in a block of `row` */
    GEMM_DOT_BLOCK = 8  /* rows of B that `dot` reads side by side */
};

extern const gemm_kernels gemm_f32_portable, gemm_f64_portable;
#if CPU_X86
extern const gemm_kernels gemm_bf16_amx, gemm_f32_split3_amx, gemm_f32_split2_amx; /* tile and packing only */
extern const gemm_kernels gemm_bf16_avx512_bf16, gemm_f32_split3_avx512_bf16, gemm_f32_split2_avx512_bf16;
extern const gemm_kernels gemm_f32_avx2, gemm_f64_avx2, gemm_f32_avx512, gemm_f64_avx512;
#endif

#endif
