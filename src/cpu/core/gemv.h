/* gemv.h: a vector times a matrix that stays and that the last cache holds, f32. What such a product waits for is the matrix on its
 * way from there, which comes fastest in one stream; so it is put into the order in which it is read. The long sum over k
 * is cut into parts: a thread that made its share of the vector in the operator before finds that share near, and parts are
 * added up in their order, so that the bits do not depend on threads. */
#ifndef CPU_GEMV_H
#define CPU_GEMV_H

#include "cpu/core/gemm.h"

/* Whether C [1, n] = A [1, k] B is taken so, B being fixed and lying along k: neither one that the second cache holds, nor one from
 * memory. */
bool cpu_gemv_pays(const cpu_gemm *g);
size_t cpu_gemv_packed_size(const cpu_gemm *g); /* bytes */
void cpu_gemv_pack(const cpu_gemm *g, const void *b, void *packed);
size_t cpu_gemv_scratch(const cpu_gemm *g); /* bytes, 64-aligned */
/* As cpu_gemm_run; `packed` is what cpu_gemv_pack wrote. g->backwards turns the order of parts round. */
void cpu_gemv_run(const cpu_gemm *g, const void *a, const void *packed, void *c, const void *bias, void *scratch);

#endif
