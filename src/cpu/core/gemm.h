/* gemm.h: matrix products on the CPU.
 *
 *     C[m,n] = act(alpha * sum_k A[m,k] * B[k,n] + (accumulate ? C[m,n] : 0) + bias)
 *
 * for a batch of them. Every operand has strides of its own in elements, so that a transposed or sliced matrix costs no
 * copy. Sums of f32, bf16 and f16 are kept in f32, of f64 in f64. A result's bits depend on the shapes, strides, dtypes
 * and the instruction set, never on the number of threads. NaN and infinities propagate; K = 0 gives the bias; nothing
 * outside the operands is read. Running allocates nothing: the caller brings the scratch.
 *
 * After K. Goto, R. van de Geijn, "Anatomy of High-Performance Matrix Multiplication", ACM TOMS 34(3), 2008: panels of
 * B and blocks of A are packed so that the innermost tile reads them straight from the caches. Small and skinny
 * products skip the packing. */
#ifndef CPU_GEMM_H
#define CPU_GEMM_H

#include "cpu/core/isa.h"

#include <stdint.h>
#include <tarn/core.h>

typedef enum cpu_gemm_bias { CPU_BIAS_NONE, CPU_BIAS_COLUMN, CPU_BIAS_ROW } cpu_gemm_bias; /* n values, m values */
typedef enum cpu_gemm_act { CPU_ACT_NONE, CPU_ACT_RELU } cpu_gemm_act;

typedef struct cpu_gemm {
    cpu_isa isa;
    int threads;          /* 0 is 1 */
    tn_dtype dtype;       /* of A and B: f32, f64, bf16 or f16 */
    tn_dtype c_dtype;     /* TN_NONE is dtype; bf16 and f16 may also give f32, f32 also bf16 (cpu_gemm_takes_half) */
    tn_dtype bias_dtype;  /* TN_NONE is c_dtype; bf16 and f16 may also take f32 */
    int64_t m, n, k;      /* any may be 0 */
    int64_t a_row, a_col; /* A[i,k] is a[i * a_row + k * a_col]; 0 and negative strides are fine */
    int64_t b_row, b_col; /* B[k,j] is b[k * b_row + j * b_col] */
    int64_t c_row, c_col; /* C[i,j]; no two elements may be the same */
    int64_t batch;        /* 0 is 1 */
    int64_t a_batch, b_batch, c_batch;
    const int64_t
        *offsets;     /* NULL, or batch x {of A, of B, of C} in elements, then the three strides above are unused */
    tn_opt_f64 alpha; /* unset is 1 */
    bool accumulate;
    bool narrow;         /* f32: A and B may be rounded to bf16 where that is faster (AMX); sums stay f32 */
    bool half_a, half_b; /* f32 with `narrow`: A, B lies as bf16; only where cpu_gemm_takes_half says so */
    bool high;           /* f32: A and B may be taken as sums of two bf16, 17 of their 24 bits, where that is faster */
    bool
        plain; /* f32: a multiply-add for each k, not the sums of three bf16 that AMX takes by itself, as exact as those */
    /* Few rows of A: columns are taken last to first. Who multiplies by the same large B again and again and turns round each
     * time finds in the caches what was read last. */
    bool backwards;
    bool b_fixed;       /* B stays, and may be packed ahead: for cpu_gemm_packs_b alone */
    bool b_packed;      /* `b` is what cpu_gemm_pack_b wrote; the strides of B are unused; batch must be 1 */
    cpu_gemm_bias bias; /* one bias for the whole batch */
    cpu_gemm_act act;
} cpu_gemm;

/* Bytes of scratch that cpu_gemm_run needs, 64-aligned by the caller; 0 if none. */
size_t cpu_gemm_scratch(const cpu_gemm *g);
/* The operands may overlap each other, but C and scratch overlap nothing else. `bias` is unused without one. */
void cpu_gemm_run(const cpu_gemm *g, const void *a, const void *b, void *c, const void *bias, void *scratch);

/* B put in the order in which the kernels read it, once for many products. The form depends on isa, dtype, n and k
 * alone, so that one packing serves any m. */
size_t cpu_gemm_packed_size(const cpu_gemm *g);
void cpu_gemm_pack_b(const cpu_gemm *g, const void *b, void *packed);

/* Whether the product would read B packed ahead: not where it skips the packing. */
bool cpu_gemm_packs_b(const cpu_gemm *g);

/* Whether the product rounds A and B to bf16, and may as well find them so in memory, or write C as bf16. */
bool cpu_gemm_takes_half(const cpu_gemm *g);
/* Whether it does so whatever the strides. */
bool cpu_gemm_rounds(const cpu_gemm *g);

/* The path that the product takes, for profiles: "tile", "row", "dot", "amx", "bf16", ... Static. */
const char *cpu_gemm_path(const cpu_gemm *g);

#endif
