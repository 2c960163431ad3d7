/* reduce.h: sums, sums of squares, maxima and minima of f32 over any axes of a strided array. Work is cut by shape; partial results are
 * combined in chunk order, so that the bits do not depend on the number of threads. Sums add runs of a few hundred numbers in
 * f32 and the runs in f64. NaN propagates. For sums of columns of bf16 `half` is set once the plan is made and has `columns`. */
#ifndef CPU_REDUCE_H
#define CPU_REDUCE_H

#include "cpu/core/isa.h"
#include <stddef.h>
#include <stdint.h>
#include <tarn/core.h>

typedef enum cpu_reduce_kind { CPU_REDUCE_SUM, CPU_REDUCE_MAX, CPU_REDUCE_MIN, CPU_REDUCE_SQUARES } cpu_reduce_kind;

enum { CPU_REDUCE_RUN = 256 }; /* numbers added in f32 before they go to f64 */

/* The inner loops, per instruction set. */
typedef struct cpu_reduce_fns {
    double (*row)(cpu_reduce_kind kind, const float *x, int64_t n);            /* of n adjacent numbers, n >= 1 */
    void (*into)(cpu_reduce_kind kind, float *acc, const float *x, int64_t n); /* acc[i] = acc[i] op x[i] */
    void (*widen)(double *acc, const float *x, int64_t n);                     /* acc[i] += x[i] */
    void (*half)(float *acc, const uint16_t *x, int64_t n, bool add); /* acc[i] = (add ? acc[i] : 0) + bf16 x[i] */
} cpu_reduce_fns;
const cpu_reduce_fns *cpu_reduce_fns_of(cpu_isa isa);

typedef struct cpu_reduce {
    cpu_reduce_kind kind;
    cpu_isa isa;
    int threads;
    /* kept axes and reduced axes, slowest first, merged where they continue each other; strides in elements */
    int n_kept, n_reduced;
    int64_t kept[TN_MAX_RANK], kept_stride[TN_MAX_RANK], reduced[TN_MAX_RANK], reduced_stride[TN_MAX_RANK];
    int64_t count, length; /* of kept and of reduced positions */
    double scale;          /* sums are multiplied by this: 1 / length for means */
    bool half;             /* x is bf16: sums of columns alone */
    bool columns;          /* the fastest axis of x is a kept one: whole rows are added to each other */
    int64_t parts;         /* of one long row: more than one when a whole tensor is reduced */
    int64_t chunks;        /* columns: how many parts the reduced positions are cut into */
} cpu_reduce;

/* Plans the reduction of the axes in mask of x (dims, strides) to a row-major y. */
void cpu_reduce_plan(cpu_reduce *r, int rank, const int64_t *dims, const int64_t *strides, int64_t mask);
size_t cpu_reduce_scratch(const cpu_reduce *r);
void cpu_reduce_run(const cpu_reduce *r, const void *x, float *y, void *scratch);

#endif
