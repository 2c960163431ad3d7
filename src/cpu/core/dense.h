/* dense.h: factorisations of one matrix in place, by halves: all but the smallest blocks is matrix products (gemm.h), as in S. Toledo,
 * "Locality of reference in LU decomposition with partial pivoting", 1997. A result's bits depend on sizes, strides, dtype and
 * instruction set, not on the number of threads. Running allocates nothing. */
#ifndef CPU_DENSE_H
#define CPU_DENSE_H

#include "cpu/core/isa.h"

#include <stddef.h>
#include <stdint.h>
#include <tarn/core.h>

/* Element (i, j) is at[i * row + j * col]. */
typedef struct cpu_matrix {
    void *at;
    int64_t row, col;
} cpu_matrix;

/* What is computed with: one for each matrix that is at work. */
typedef struct cpu_dense {
    cpu_isa isa;
    int threads;
    tn_dtype dtype; /* f32 or f64 */
    void *scratch;  /* cpu_dense_scratch bytes; NULL: nothing is computed, `need` counts */
    size_t need;
} cpu_dense;

/* x = p l u: the triangles are left in x[n, n], whose rows are dense; row i was exchanged with row pivot[i] >= i, in order. 0, or the
 * number (from 1) of the first column without a pivot: then nothing more is of use. */
int64_t cpu_dense_lu(cpu_dense *d, int64_t n, cpu_matrix x, int64_t *pivot);
/* These exchanges of n rows on x's columns. */
void cpu_dense_exchange(const cpu_dense *d, cpu_matrix x, int64_t columns, const int64_t *pivot, int64_t n);
/* x = u^T u in the upper triangle, of which alone x[n, n] is read; what is below is used up. 0, or the order of the first minor that
 * is not above 0. */
int64_t cpu_dense_cholesky(cpu_dense *d, int64_t n, cpu_matrix x);
/* t x = b in b's place, b[n, k] with dense rows; the other side of t's diagonal is not read. */
void cpu_dense_solve(cpu_dense *d, bool lower, bool unit, int64_t n, int64_t k, cpu_matrix t, cpu_matrix b);

/* x[m, n] = q r by reflections, with LAPACK's signs: q[m, k] and r[k, n] with dense rows, k at least min(m, n) and at most m; x is used
 * up. `room` has cpu_dense_qr_room elements. */
void cpu_dense_qr(cpu_dense *d, int64_t m, int64_t n, int64_t k, cpu_matrix x, void *q, void *r, void *room);
size_t cpu_dense_qr_room(int64_t m, int64_t n, int64_t k);

/* Bytes, 64-aligned, for the largest of the three with these sizes. */
size_t cpu_dense_scratch(cpu_isa isa, tn_dtype dtype, int threads, int64_t n, int64_t k);

/* Element (i, j) on; c[m, n] = a[m, k] b[k, n], or (take) that is taken from c. */
cpu_matrix cpu_dense_at(const cpu_dense *d, cpu_matrix x, int64_t i, int64_t j);
void cpu_dense_product(cpu_dense *d, bool take, int64_t m, int64_t n, int64_t k, cpu_matrix a, cpu_matrix b,
                       cpu_matrix c);

/* The innermost blocks, once per instruction set. */
typedef struct cpu_dense_loops {
    /* As above, for small n (panel: of m rows, n columns); columns are neighbours but in t. */
    int64_t (*panel)(int64_t m, int64_t n, void *x, int64_t row, int64_t *pivot);
    int64_t (*cholesky)(int64_t n, void *x, int64_t row);
    void (*solve)(bool lower, bool unit, int64_t n, int64_t k, cpu_matrix t, void *b, int64_t row);
    /* Reflections I - tau v v^T of n <= CPU_REFLECTIONS columns, m >= n: v below the diagonal, its 1 left out, r on it and above. */
    void (*reflect)(int64_t m, int64_t n, void *x, int64_t row, void *tau);
    /* v[m, n] with its ones and zeros; t[n, n] with I - v t v^T the product of the reflections, from v^T v in t's place. */
    void (*unpack)(int64_t m, int64_t n, const void *x, int64_t row, void *v);
    void (*join)(int64_t n, const void *tau, void *t);
} cpu_dense_loops;
enum { CPU_REFLECTIONS = 32 };
const cpu_dense_loops *cpu_dense_loops_of(const cpu_dense *d);

#endif
