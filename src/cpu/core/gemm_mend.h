/* gemm_mend.h: sums that are no numbers though no operand is one. f32 taken in parts makes them: an infinity has no parts, and
 * a number near the largest may have a first part that is one. */
#ifndef CPU_GEMM_MEND_H
#define CPU_GEMM_MEND_H

#include <stdint.h>

/* A piece of a product of f32: its rows of A [m,k], its columns of B [k,n], and its sums [m][row]. */
typedef struct gemm_lost {
    int64_t m, n, k;
    const void *a, *b;
    int64_t a_row, a_col, b_row, b_col; /* in elements */
    float *sums;
    int64_t row;
} gemm_lost;

/* Sums that are NaN are computed again, one by one in double, where neither their row nor their column has a NaN. n <= 64. */
void gemm_mend(const gemm_lost *lost);

#endif
