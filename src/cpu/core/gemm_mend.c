/* gemm_mend.c: see gemm_mend.h. */
#include "cpu/core/gemm_mend.h"

#include <math.h>
#include <stdbool.h>

static float sum_again(const gemm_lost *l, const float *a, const float *b)
{
    double sum = 0;
    for (int64_t k = 0; k < l->k; k++)
        sum += (double)a[k * l->a_col] * (double)b[k * l->b_row];
    return (float)sum;
}

static bool has_nan(const float *at, int64_t step, int64_t n)
{
    bool nan = false;
    for (int64_t k = 0; k < n; k++)
        nan |= isnan(at[k * step]);
    return nan;
}

void gemm_mend(const gemm_lost *l)
{
    const float *a = l->a, *b = l->b;
    bool nan_below[64];
    for (int64_t j = 0; j < l->n; j++)
        nan_below[j] = has_nan(b + j * l->b_col, l->b_row, l->k);
    for (int64_t i = 0; i < l->m; i++) {
        if (has_nan(a + i * l->a_row, l->a_col, l->k))
            continue;
        for (int64_t j = 0; j < l->n; j++)
            if (!nan_below[j] && isnan(l->sums[i * l->row + j]))
                l->sums[i * l->row + j] = sum_again(l, a + i * l->a_row, b + j * l->b_col);
    }
}
