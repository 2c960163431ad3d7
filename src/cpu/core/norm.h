/* norm.h: the inner loops of normalisation over rows of adjacent f32 numbers. Sums of long rows go to double every few
 * thousand numbers. NaN propagates. */
#ifndef CPU_NORM_H
#define CPU_NORM_H

#include "cpu/core/isa.h"

#include <stdint.h>

typedef struct cpu_norm_fns {
    double (*sum)(const float *x, int64_t n);
    double (*square)(const float *x, int64_t n, float mean); /* of (x - mean)^2 */
    /* (x - mean) * rstd * w + b; w and b may be NULL. */
    void (*apply)(const float *x, int64_t n, float mean, float rstd, const float *w, const float *b, float *y);
    /* Sums of g and of g * (x - mean), g = dy * w. */
    void (*dots)(const float *dy, const float *x, const float *w, int64_t n, float mean, double sums[2]);
    /* dx = rstd * (g - a) - (x - mean) * c; dw += dy * (x - mean) * rstd, db += dy (NULL: not). */
    void (*grad)(const float *dy, const float *x, const float *w, int64_t n, const float by[4], float *dx, float *dw,
                 float *db);
} cpu_norm_fns;
enum { CPU_NORM_MEAN, CPU_NORM_RSTD, CPU_NORM_A, CPU_NORM_C }; /* by[] */
const cpu_norm_fns *cpu_norm_fns_of(cpu_isa isa);

#endif
