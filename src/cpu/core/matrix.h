/* matrix.h: what kernels of linear algebra share: elements of f32 and f64. */
#ifndef CPU_MATRIX_H
#define CPU_MATRIX_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <tarn/core.h>

static inline double cpu_element(tn_dtype dtype, const void *x, int64_t i)
{
    return dtype == TN_F64 ? ((const double *)x)[i] : (double)((const float *)x)[i];
}

static inline void cpu_set_element(tn_dtype dtype, void *x, int64_t i, double v)
{
    if (dtype == TN_F64)
        ((double *)x)[i] = v;
    else
        ((float *)x)[i] = (float)v;
}

bool cpu_all_finite(tn_dtype dtype, const void *x, int64_t n);
void cpu_fill_nan(tn_dtype dtype, void *x, int64_t n);
/* The upper triangle of y[n, n] becomes that of the symmetric matrix which a triangle of x stands for (0: half the sum of both, 1: lower,
 * 2: upper); whether it is finite. */
bool cpu_read_symmetric(tn_dtype dtype, const void *x, void *y, int64_t n, int64_t triangle);
/* An upper triangle is kept, or turned into a lower one; the other side of the diagonal becomes 0. */
void cpu_keep_triangle(tn_dtype dtype, void *y, int64_t n, bool upper);
/* Column j of x[n, k] is turned round if its largest element is below 0: the factor, 1 or -1. */
double cpu_upright(tn_dtype dtype, void *x, int64_t n, int64_t k, int64_t j);

#endif
