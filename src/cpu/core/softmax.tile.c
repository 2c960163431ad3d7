/* softmax.tile.c: the inner loops of softmax.h, built once per instruction set. */
#include "cpu/core/softmax.h"
#include "cpu/core/transpose.h"
#include "cpu/core/vec.h"
#include "cpu/core/vecmath.h"

#include <math.h>

enum { RUN = 2048 }; /* numbers added in f32 before they go to double */

/* 0 and -1: the first n lanes. */
CPU_INLINE cpu_vi first_lanes(int64_t n)
{
    static const int32_t lane[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    cpu_vi v;
    memcpy(&v, lane, sizeof v);
    return v < (int32_t)n;
}

static float top(const float *x, int64_t n)
{
    cpu_vf most = cpu_vf_set1(-INFINITY);
    int64_t i = 0;
    for (; i + CPU_VF <= n; i += CPU_VF)
        most = cpu_vf_max(cpu_vf_load(x + i), most);
    if (i < n)
        most = cpu_vf_max(cpu_vf_select(first_lanes(n - i), cpu_vf_load_n(x + i, n - i), most), most);
    return cpu_vf_top(most);
}

static double exps(const float *x, int64_t n, float most, float *to)
{
    double sum = 0;
    for (int64_t from = 0; from < n; from += RUN) {
        int64_t i = from, end = from + RUN < n ? from + RUN : n;
        cpu_vf s = cpu_vf_set1(0);
        for (; i + CPU_VF <= end; i += CPU_VF) {
            cpu_vf e = cpu_vf_exp(cpu_vf_load(x + i) - most);
            s += e;
            if (to)
                cpu_vf_store(to + i, e);
        }
        if (i < end) {
            cpu_vf e = cpu_vf_exp(cpu_vf_load_n(x + i, end - i) - most);
            s += cpu_vf_select(first_lanes(end - i), e, cpu_vf_set1(0));
            if (to)
                cpu_vf_store_n(to + i, e, end - i);
        }
        sum += (double)cpu_vf_sum(s);
    }
    return sum;
}

static double dot(const float *x, const float *y, int64_t n)
{
    double sum = 0;
    for (int64_t from = 0; from < n; from += RUN) {
        int64_t i = from, end = from + RUN < n ? from + RUN : n;
        cpu_vf s = cpu_vf_set1(0), one = cpu_vf_set1(1);
        for (; i + CPU_VF <= end; i += CPU_VF)
            s = cpu_vf_fma(cpu_vf_load(x + i), y ? cpu_vf_load(y + i) : one, s);
        if (i < end)
            s = cpu_vf_fma(cpu_vf_load_n(x + i, end - i), y ? cpu_vf_load_n(y + i, end - i) : one, s);
        sum += (double)cpu_vf_sum(s);
    }
    return sum;
}

/* A loop over x, and y where the expression has it. */
#define EACH(expression, has_y)                                                                                        \
    int64_t i = 0;                                                                                                     \
    for (; i + CPU_VF <= n; i += CPU_VF) {                                                                             \
        cpu_vf a = cpu_vf_load(x + i), b = has_y ? cpu_vf_load(y + i) : a;                                             \
        cpu_vf_store(to + i, expression);                                                                              \
        (void)b;                                                                                                       \
    }                                                                                                                  \
    if (i < n) {                                                                                                       \
        cpu_vf a = cpu_vf_load_n(x + i, n - i), b = has_y ? cpu_vf_load_n(y + i, n - i) : a;                           \
        cpu_vf_store_n(to + i, expression, n - i);                                                                     \
        (void)b;                                                                                                       \
    }

static void scale(const float *x, int64_t n, float by, float *to)
{
    const float *y = x;
    EACH(a * by, false)
}

static void shift(const float *x, int64_t n, float by, float *to)
{
    const float *y = x;
    EACH(a - by, false)
}

static void grad(const float *x, const float *y, int64_t n, float sum, float *to)
{
    EACH(a * (b - sum), true)
}

static void log_grad(const float *x, const float *y, int64_t n, float sum, float *to)
{
    EACH(b - cpu_vf_exp(a) * sum, true)
}

/* A row a lane: r[k] holds number k of each. */
static void few(const float *x, int64_t rows, int64_t n, float *top_of, float *sum_of, const float *by, float *to)
{
    cpu_vf r[CPU_VF], most = cpu_vf_set1(-INFINITY), sum = cpu_vf_set1(0);
    for (int i = 0; i < CPU_VF; i++)
        r[i] = i < rows ? cpu_vf_load_n(x + i * n, n) : cpu_vf_set1(0);
    cpu_vf_transpose(r);
    for (int64_t k = 0; k < n; k++)
        most = cpu_vf_max(r[k], most);
    for (int64_t k = 0; k < n; k++) {
        r[k] = cpu_vf_exp(r[k] - most);
        sum += r[k];
    }
    cpu_vf_store(top_of, most);
    cpu_vf_store(sum_of, sum);
    if (!to)
        return;
    const cpu_vf share = cpu_vf_load(by) / sum;
    for (int64_t k = 0; k < n; k++)
        r[k] *= share;
    cpu_vf_transpose(r);
    for (int64_t i = 0; i < rows; i++)
        cpu_vf_store_n(to + i * n, r[i], n);
}

extern const cpu_softmax_fns CPU_NAME(cpu_softmax_fns);
const cpu_softmax_fns CPU_NAME(cpu_softmax_fns) = {top, exps, scale, shift, dot, grad, log_grad, few, CPU_VF};
