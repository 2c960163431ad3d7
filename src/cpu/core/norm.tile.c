/* norm.tile.c: the inner loops of norm.h, built once per instruction set. */
#include "cpu/core/norm.h"
#include "cpu/core/vec.h"

enum { RUN = 2048 }; /* numbers added in f32 before they go to double */

/* x - by for the first n lanes, 0 beyond. */
CPU_INLINE cpu_vf away_n(const float *x, int64_t n, float by)
{
    static const int32_t lane[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    cpu_vi v;
    memcpy(&v, lane, sizeof v);
    return cpu_vf_select(v < (int32_t)n, cpu_vf_load_n(x, n) - by, cpu_vf_set1(0));
}

static double sum(const float *x, int64_t n)
{
    double all = 0;
    for (int64_t from = 0; from < n; from += RUN) {
        int64_t i = from, end = from + RUN < n ? from + RUN : n;
        cpu_vf s = cpu_vf_set1(0), t = s;
        for (; i + 2 * CPU_VF <= end; i += 2 * CPU_VF) {
            s += cpu_vf_load(x + i);
            t += cpu_vf_load(x + i + CPU_VF);
        }
        for (; i < end; i += CPU_VF)
            s += cpu_vf_load_n(x + i, end - i < CPU_VF ? end - i : CPU_VF);
        all += (double)cpu_vf_sum(s + t);
    }
    return all;
}

static double square(const float *x, int64_t n, float mean)
{
    double all = 0;
    for (int64_t from = 0; from < n; from += RUN) {
        int64_t i = from, end = from + RUN < n ? from + RUN : n;
        cpu_vf s = cpu_vf_set1(0), t = s;
        for (; i + 2 * CPU_VF <= end; i += 2 * CPU_VF) {
            cpu_vf a = cpu_vf_load(x + i) - mean, b = cpu_vf_load(x + i + CPU_VF) - mean;
            s = cpu_vf_fma(a, a, s);
            t = cpu_vf_fma(b, b, t);
        }
        for (; i < end; i += CPU_VF) {
            cpu_vf a = away_n(x + i, end - i < CPU_VF ? end - i : CPU_VF, mean);
            s = cpu_vf_fma(a, a, s);
        }
        all += (double)cpu_vf_sum(s + t);
    }
    return all;
}

static void apply(const float *x, int64_t n, float mean, float rstd, const float *w, const float *b, float *y)
{
    cpu_vf one = cpu_vf_set1(1), zero = cpu_vf_set1(0);
    int64_t i = 0;
    for (; i + CPU_VF <= n; i += CPU_VF) {
        cpu_vf v = (cpu_vf_load(x + i) - mean) * rstd;
        cpu_vf_store(y + i, cpu_vf_fma(v, w ? cpu_vf_load(w + i) : one, b ? cpu_vf_load(b + i) : zero));
    }
    if (i < n) {
        cpu_vf v = (cpu_vf_load_n(x + i, n - i) - mean) * rstd;
        v = cpu_vf_fma(v, w ? cpu_vf_load_n(w + i, n - i) : one, b ? cpu_vf_load_n(b + i, n - i) : zero);
        cpu_vf_store_n(y + i, v, n - i);
    }
}

static void dots(const float *dy, const float *x, const float *w, int64_t n, float mean, double sums[2])
{
    sums[0] = sums[1] = 0;
    for (int64_t from = 0; from < n; from += RUN) {
        int64_t i = from, end = from + RUN < n ? from + RUN : n;
        cpu_vf s = cpu_vf_set1(0), t = s;
        for (; i + CPU_VF <= end; i += CPU_VF) {
            cpu_vf g = w ? cpu_vf_load(dy + i) * cpu_vf_load(w + i) : cpu_vf_load(dy + i);
            s += g;
            t = cpu_vf_fma(g, cpu_vf_load(x + i) - mean, t);
        }
        if (i < end) {
            cpu_vf g = cpu_vf_load_n(dy + i, end - i);
            g = w ? g * cpu_vf_load_n(w + i, end - i) : g;
            s += g;
            t = cpu_vf_fma(g, away_n(x + i, end - i, mean), t);
        }
        sums[0] += (double)cpu_vf_sum(s);
        sums[1] += (double)cpu_vf_sum(t);
    }
}

static void grad(const float *dy, const float *x, const float *w, int64_t n, const float by[4], float *dx, float *dw,
                 float *db)
{
    float mean = by[CPU_NORM_MEAN], rstd = by[CPU_NORM_RSTD], a = by[CPU_NORM_A], c = by[CPU_NORM_C];
    for (int64_t i = 0; i < n; i += CPU_VF) {
        int64_t m = n - i < CPU_VF ? n - i : CPU_VF;
        cpu_vf d = cpu_vf_load_n(dy + i, m), away = cpu_vf_load_n(x + i, m) - mean;
        cpu_vf g = w ? d * cpu_vf_load_n(w + i, m) : d;
        if (dw)
            cpu_vf_store_n(dw + i, cpu_vf_fma(d, away * rstd, cpu_vf_load_n(dw + i, m)), m);
        if (db)
            cpu_vf_store_n(db + i, d + cpu_vf_load_n(db + i, m), m);
        cpu_vf_store_n(dx + i, (g - a) * rstd - away * c, m);
    }
}

extern const cpu_norm_fns CPU_NAME(cpu_norm_fns);
const cpu_norm_fns CPU_NAME(cpu_norm_fns) = {sum, square, apply, dots, grad};
