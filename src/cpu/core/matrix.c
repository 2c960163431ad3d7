/* matrix.c: see matrix.h. */
#include "cpu/core/matrix.h"

#include <float.h>

enum { BOTH, LOWER, TILE = 32 };

bool cpu_all_finite(tn_dtype dtype, const void *x, int64_t n)
{
    int bad = 0;
    if (dtype == TN_F64)
        for (int64_t i = 0; i < n; i++)
            bad |= !(fabs(((const double *)x)[i]) <= DBL_MAX);
    else
        for (int64_t i = 0; i < n; i++)
            bad |= !(fabsf(((const float *)x)[i]) <= FLT_MAX);
    return !bad;
}

void cpu_fill_nan(tn_dtype dtype, void *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        cpu_set_element(dtype, x, i, (double)NAN);
}

/* By squares, as one of the two triangles is gone through down its columns. */
#define EACH                                                                                                           \
    for (int64_t i0 = 0; i0 < n; i0 += TILE)                                                                           \
        for (int64_t j0 = i0; j0 < n; j0 += TILE)                                                                      \
            for (int64_t i = i0; i < i0 + TILE && i < n; i++)                                                          \
                for (int64_t j = j0 > i ? j0 : i; j < j0 + TILE && j < n; j++)
#define TRIANGLES(T, suffix, most)                                                                                     \
    static bool read_##suffix(const T *x, T *y, int64_t n, int64_t triangle)                                           \
    {                                                                                                                  \
        bool bad = false;                                                                                              \
        EACH                                                                                                           \
        {                                                                                                              \
            T here = x[i * n + j], there = x[j * n + i];                                                               \
            T v = triangle == BOTH ? (T)0.5 * here + (T)0.5 * there : triangle == LOWER ? there : here;                \
            bad |= !(v <= most && v >= -most);                                                                         \
            y[i * n + j] = v;                                                                                          \
        }                                                                                                              \
        return !bad;                                                                                                   \
    }                                                                                                                  \
    static void keep_##suffix(T *y, int64_t n, bool upper)                                                             \
    {                                                                                                                  \
        EACH if (i != j)                                                                                               \
        {                                                                                                              \
            y[j * n + i] = upper ? 0 : y[i * n + j];                                                                   \
            y[i * n + j] = upper ? y[i * n + j] : 0;                                                                   \
        }                                                                                                              \
    }
TRIANGLES(float, f32, FLT_MAX)
TRIANGLES(double, f64, DBL_MAX)

bool cpu_read_symmetric(tn_dtype dtype, const void *x, void *y, int64_t n, int64_t triangle)
{
    return dtype == TN_F64 ? read_f64(x, y, n, triangle) : read_f32(x, y, n, triangle);
}

void cpu_keep_triangle(tn_dtype dtype, void *y, int64_t n, bool upper)
{
    if (dtype == TN_F64)
        keep_f64(y, n, upper);
    else
        keep_f32(y, n, upper);
}

double cpu_upright(tn_dtype dtype, void *x, int64_t n, int64_t k, int64_t j)
{
    double best = 0;
    for (int64_t i = 0; i < n; i++) {
        double v = cpu_element(dtype, x, i * k + j);
        best = fabs(v) > fabs(best) ? v : best;
    }
    for (int64_t i = 0; i < n && best < 0; i++)
        cpu_set_element(dtype, x, i * k + j, -cpu_element(dtype, x, i * k + j));
    return best < 0 ? -1 : 1;
}
