/* reduce.tile.c: the inner loops of reductions, built once per instruction set. Lanes are kept apart and joined in a fixed
 * order at the end. */
#include <math.h>

#include "cpu/core/reduce.h"
#include "cpu/core/vec.h"

enum { LANES = 32 };

static inline float larger(float a, float b)
{
    return a != a || a > b ? a : b; /* NaN stays, a NaN in b is taken as b > a fails */
}

static inline float smaller(float a, float b)
{
    return a != a || a < b ? a : b;
}

static double row_sum(const float *x, int64_t n)
{
    double sum = 0;
    for (int64_t from = 0; from < n; from += CPU_REDUCE_RUN * 8) {
        int64_t to = from + CPU_REDUCE_RUN * 8 < n ? from + CPU_REDUCE_RUN * 8 : n, i = from;
        float lane[LANES] = {0};
        for (; i + LANES <= to; i += LANES)
            for (int k = 0; k < LANES; k++)
                lane[k] += x[i + k];
        for (int k = 0; i < to; i++, k++)
            lane[k] += x[i];
        for (int k = 0; k < LANES; k++)
            sum += (double)lane[k];
    }
    return sum;
}

static double row_extreme(cpu_reduce_kind kind, const float *x, int64_t n)
{
    float best = x[0];
    if (kind == CPU_REDUCE_MAX)
        for (int64_t i = 1; i < n; i++)
            best = larger(best, x[i]);
    else
        for (int64_t i = 1; i < n; i++)
            best = smaller(best, x[i]);
    return (double)best;
}

static double row_squares(const float *x, int64_t n)
{
    double sum = 0;
    for (int64_t from = 0; from < n; from += CPU_REDUCE_RUN * 8) {
        int64_t to = from + CPU_REDUCE_RUN * 8 < n ? from + CPU_REDUCE_RUN * 8 : n, i = from;
        float lane[LANES] = {0};
        for (; i + LANES <= to; i += LANES)
            for (int k = 0; k < LANES; k++)
                lane[k] += x[i + k] * x[i + k];
        for (int k = 0; i < to; i++, k++)
            lane[k] += x[i] * x[i];
        for (int k = 0; k < LANES; k++)
            sum += (double)lane[k];
    }
    return sum;
}

static double row(cpu_reduce_kind kind, const float *x, int64_t n)
{
    if (kind == CPU_REDUCE_SQUARES)
        return row_squares(x, n);
    return kind == CPU_REDUCE_SUM ? row_sum(x, n) : row_extreme(kind, x, n);
}

static void into(cpu_reduce_kind kind, float *acc, const float *x, int64_t n)
{
    if (kind == CPU_REDUCE_SUM)
        for (int64_t i = 0; i < n; i++)
            acc[i] += x[i];
    else if (kind == CPU_REDUCE_MAX)
        for (int64_t i = 0; i < n; i++)
            acc[i] = larger(acc[i], x[i]);
    else
        for (int64_t i = 0; i < n; i++)
            acc[i] = smaller(acc[i], x[i]);
}

static void widen(double *acc, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        acc[i] += (double)x[i];
}

static void half(float *acc, const uint16_t *x, int64_t n, bool add)
{
    for (int64_t i = 0; i < n; i += CPU_VF) {
        const cpu_vf v = cpu_vf_load_as(x, i, n - i, true);
        cpu_vf_store_upto(acc + i, add ? cpu_vf_load_upto(acc + i, n - i) + v : v, n - i);
    }
}

extern const cpu_reduce_fns CPU_NAME(cpu_reduce_fns);
const cpu_reduce_fns CPU_NAME(cpu_reduce_fns) = {row, into, widen, half};
