/* dense.c: see dense.h. */
#include "cpu/core/dense.h"

#include "cpu/core/gemm.h"

/* Sizes up to which the innermost loops do a block alone, and the columns that are brought up to date at once. */
enum { PANEL = 16, BLOCK = 32, STRIP = 128 };

extern const cpu_dense_loops cpu_dense_f32_portable, cpu_dense_f64_portable;
#if CPU_X86
extern const cpu_dense_loops cpu_dense_f32_avx2, cpu_dense_f64_avx2, cpu_dense_f32_avx512, cpu_dense_f64_avx512;
#endif

const cpu_dense_loops *cpu_dense_loops_of(const cpu_dense *d)
{
    return d->dtype == TN_F64 ? CPU_OF_ISA(d->isa, &cpu_dense_f64) : CPU_OF_ISA(d->isa, &cpu_dense_f32);
}

cpu_matrix cpu_dense_at(const cpu_dense *d, cpu_matrix x, int64_t i, int64_t j)
{
    if (d->scratch)
        x.at = (char *)x.at + (i * x.row + j * x.col) * (int64_t)tn_dtype_size(d->dtype);
    return x;
}

static cpu_matrix turned(cpu_matrix x)
{
    return (cpu_matrix){x.at, x.col, x.row};
}

/* About half of n, a multiple of `unit` below n. */
static int64_t half_of(int64_t n, int64_t unit)
{
    return (n / 2 + unit - 1) / unit * unit;
}

void cpu_dense_product(cpu_dense *d, bool take, int64_t m, int64_t n, int64_t k, cpu_matrix a, cpu_matrix b,
                       cpu_matrix c)
{
    cpu_gemm g = {.isa = d->isa,
                  .threads = d->threads,
                  .dtype = d->dtype,
                  .m = m,
                  .n = n,
                  .k = k,
                  .a_row = a.row,
                  .a_col = a.col,
                  .b_row = b.row,
                  .b_col = b.col,
                  .c_row = c.row,
                  .c_col = c.col,
                  .alpha = {take, -1},
                  .accumulate = take};
    if (m == 0 || n == 0)
        return;
    if (d->scratch) {
        cpu_gemm_run(&g, a.at, b.at, c.at, NULL, d->scratch);
        return;
    }
    size_t bytes = cpu_gemm_scratch(&g);
    d->need = bytes > d->need ? bytes : d->need;
}

void cpu_dense_solve(cpu_dense *d, bool lower, bool unit, int64_t n, int64_t k, cpu_matrix t, cpu_matrix b)
{
    if (n <= BLOCK) {
        if (d->scratch)
            cpu_dense_loops_of(d)->solve(lower, unit, n, k, t, b.at, b.row);
        return;
    }
    int64_t half = half_of(n, PANEL), rest = n - half;
    cpu_matrix t2 = cpu_dense_at(d, t, half, half), b2 = cpu_dense_at(d, b, half, 0);
    if (lower) {
        cpu_dense_solve(d, lower, unit, half, k, t, b);
        cpu_dense_product(d, true, rest, k, half, cpu_dense_at(d, t, half, 0), b, b2);
        cpu_dense_solve(d, lower, unit, rest, k, t2, b2);
    } else {
        cpu_dense_solve(d, lower, unit, rest, k, t2, b2);
        cpu_dense_product(d, true, half, k, rest, cpu_dense_at(d, t, 0, half), b2, b);
        cpu_dense_solve(d, lower, unit, half, k, t, b);
    }
}

/* ---- l u ------------------------------------------------------------------------------------------------------------ */

#define EXCHANGE(T)                                                                                                    \
    for (int64_t j = 0; j < columns; j++) {                                                                            \
        T t = ((T *)a)[j];                                                                                             \
        ((T *)a)[j] = ((T *)b)[j];                                                                                     \
        ((T *)b)[j] = t;                                                                                               \
    }

void cpu_dense_exchange(const cpu_dense *d, cpu_matrix x, int64_t columns, const int64_t *pivot, int64_t n)
{
    for (int64_t i = 0; d->scratch && i < n; i++) {
        void *a = cpu_dense_at(d, x, i, 0).at, *b = cpu_dense_at(d, x, pivot[i], 0).at;
        if (pivot[i] == i)
            continue;
        if (d->dtype == TN_F64)
            EXCHANGE(double)
        else
            EXCHANGE(float)
    }
}

/* The first n columns of m rows. */
static int64_t lu(cpu_dense *d, int64_t m, int64_t n, cpu_matrix x, int64_t *pivot)
{
    if (n <= PANEL)
        return d->scratch ? cpu_dense_loops_of(d)->panel(m, n, x.at, x.row, pivot) : 0;
    int64_t half = half_of(n, PANEL), rest = n - half;
    cpu_matrix right = cpu_dense_at(d, x, 0, half), low = cpu_dense_at(d, x, half, half);
    int64_t wrong = lu(d, m, half, x, pivot);
    if (wrong)
        return wrong;
    cpu_dense_exchange(d, right, rest, pivot, half);
    cpu_dense_solve(d, true, true, half, rest, x, right);
    cpu_dense_product(d, true, m - half, rest, half, cpu_dense_at(d, x, half, 0), right, low);
    wrong = lu(d, m - half, rest, low, pivot + half);
    if (wrong)
        return half + wrong;
    cpu_dense_exchange(d, cpu_dense_at(d, x, half, 0), half, pivot + half, rest);
    for (int64_t i = half; d->scratch && i < n; i++)
        pivot[i] += half;
    return 0;
}

int64_t cpu_dense_lu(cpu_dense *d, int64_t n, cpu_matrix x, int64_t *pivot)
{
    return lu(d, n, n, x, pivot);
}

/* ---- u^T u ----------------------------------------------------------------------------------------------------------- */

int64_t cpu_dense_cholesky(cpu_dense *d, int64_t n, cpu_matrix x)
{
    if (n <= BLOCK)
        return d->scratch ? cpu_dense_loops_of(d)->cholesky(n, x.at, x.row) : 0;
    int64_t half = half_of(n, PANEL), rest = n - half;
    cpu_matrix right = cpu_dense_at(d, x, 0, half), low = cpu_dense_at(d, x, half, half);
    int64_t wrong = cpu_dense_cholesky(d, half, x);
    if (wrong)
        return wrong;
    cpu_dense_solve(d, true, false, half, rest, turned(x), right);
    for (int64_t j = 0; j < rest; j += STRIP) { /* what is below the diagonal is not wanted */
        int64_t width = rest - j < STRIP ? rest - j : STRIP;
        cpu_matrix strip = cpu_dense_at(d, right, 0, j);
        cpu_dense_product(d, true, j + width, width, half, turned(right), strip, cpu_dense_at(d, low, 0, j));
    }
    wrong = cpu_dense_cholesky(d, rest, low);
    return wrong ? half + wrong : 0;
}

size_t cpu_dense_scratch(cpu_isa isa, tn_dtype dtype, int threads, int64_t n, int64_t k)
{
    cpu_dense d = {.isa = isa, .threads = threads, .dtype = dtype};
    cpu_matrix x = {NULL, n, 1}, b = {NULL, k, 1};
    (void)cpu_dense_lu(&d, n, x, NULL);
    (void)cpu_dense_cholesky(&d, n, x);
    for (int way = 0; way < 4; way++)
        cpu_dense_solve(&d, way & 1, false, n, k, way & 2 ? turned(x) : x, b);
    return (d.need + 63) / 64 * 64 + 64; /* never nothing: a pointer to it says that there is one */
}
