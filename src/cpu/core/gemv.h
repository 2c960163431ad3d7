/* gemv.h: a vector times a matrix that stays, f32. What such a product waits for is the matrix on its way from the last cache or from
 * memory, which comes fastest in one stream; so it is put into the order in which it is read, and where it may be rounded
 * (narrow) it is kept as bf16, half as many bytes. The long sum over k is cut into parts: a thread that made its share of the vector in
 * the operator before finds that share near, and parts are added up in their order, so that the bits do not depend on threads.
 * Rows of the matrix that meet a zero, of which relu leaves many, are not read where all of its numbers are finite: they would add
 * nothing, and the bits are the same (but for the sign of a sum that is zero by underflow). */
#ifndef CPU_GEMV_H
#define CPU_GEMV_H

#include "cpu/core/gemm.h"

/* What is built per instruction set, gemv.tile.c: a row of the matrix is GEMM_ROW_BLOCK vectors. */
typedef struct gemv_kernels {
    /* The places of the numbers of x[k] that are not zero, in order; how many. `to` has room for k and a vector more. */
    int64_t (*places)(const float *x, int64_t k, int32_t *to);
    /* y = (add ? y : 0) + the sum over `some` places p of x[p] * row p of b, f32 or, half, bf16. */
    void (*rows)(const float *x, const int32_t *at, int64_t some, const void *b, bool half, bool add, float *y);
} gemv_kernels;

/* Whether C [1, n] = A [1, k] B is taken so, B being fixed: more than the second cache holds; and as f32 neither what comes from
 * memory, which would be there twice, nor what lies along n, in that order already. */
bool cpu_gemv_pays(const cpu_gemm *g);
size_t cpu_gemv_packed_size(const cpu_gemm *g); /* bytes */
void cpu_gemv_pack(const cpu_gemm *g, const void *b, void *packed);
size_t cpu_gemv_scratch(const cpu_gemm *g); /* bytes, 64-aligned */
/* As cpu_gemm_run; `packed` is what cpu_gemv_pack wrote. g->backwards turns the order of parts round. */
void cpu_gemv_run(const cpu_gemm *g, const void *a, const void *packed, void *c, const void *bias, void *scratch);

#endif
