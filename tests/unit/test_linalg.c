/* Linear algebra on matrices that the harness finds too large: what factors must give back, on any number of threads the same; and
 * matrices that have no result: the sentence names them, and no state is written. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/net.h"
#include <tarn/ops.h>

static double next(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005U + 1442695040888963407U;
    return (double)(*seed >> 40) / (double)(1 << 23) - 1;
}

/* ---- what factors give back ------------------------------------------------------------------------------------------ */

/* How far products of what was computed are from what they should be: one number each. */
typedef tn_tensor *residual_fn(tn_tensor *x);

static tn_tensor *turned(tn_tensor *x)
{
    return tn_transpose(x, -1, -2);
}
static tn_tensor *apart(tn_tensor *a, tn_tensor *b)
{
    return tn_max(tn_abs(tn_sub(a, b)));
}
static tn_tensor *eye_like(tn_tensor *x)
{
    return tn_eye(tn_tensor_graph(x), tn_tensor_dtype(x), tn_dim_of(x, -1), tn_dim_of(x, -1));
}
/* x x^T / n + 1: positive definite */
static tn_tensor *definite(tn_tensor *x)
{
    tn_tensor *square = tn_div_f(tn_matmul(x, turned(x)), (double)(tn_dim_of(x, -1) + 1));
    return tn_add(square, eye_like(x));
}
static tn_tensor *inverse(tn_tensor *x)
{
    tn_tensor *m = definite(x);
    return apart(tn_matmul(m, tn_inverse(m)), eye_like(m));
}
static tn_tensor *solve(tn_tensor *x)
{
    return apart(tn_matmul(definite(x), tn_solve(definite(x), x)), x);
}
static tn_tensor *cholesky(tn_tensor *x)
{
    tn_tensor *l = tn_cholesky(definite(x), false, TN_TRIANGLE_BOTH);
    return tn_add(apart(tn_matmul(l, turned(l)), definite(x)), tn_max(tn_abs(tn_triu(l, 1))));
}
static tn_tensor *upper(tn_tensor *x)
{
    tn_tensor *u = tn_cholesky(definite(x), true, TN_TRIANGLE_LOWER);
    return tn_add(apart(tn_matmul(turned(u), u), definite(x)), tn_max(tn_abs(tn_tril(u, -1))));
}
static tn_tensor *triangle(tn_tensor *x)
{
    tn_triangular_opt o = {.upper = true};
    return apart(tn_matmul(tn_triu(definite(x), 0), tn_triangular_solve(definite(x), x, &o)), x);
}
static tn_tensor *slogdet(tn_tensor *x)
{
    tn_tensor *l = tn_cholesky(definite(x), false, TN_TRIANGLE_BOTH);
    tn_tensor *size = tn_sum_axes(tn_log(tn_diagonal(l, 0, -2, -1)), 1, (int64_t[]){-1}, false);
    return tn_div_f(apart(tn_slogdet(definite(x)).log_size, tn_mul_f(size, 2)), 100);
}
static tn_tensor *eigh(tn_tensor *x)
{
    tn_eigh_result e = tn_eigh(definite(x), TN_TRIANGLE_BOTH);
    tn_tensor *back = tn_matmul(tn_mul(e.vectors, tn_unsqueeze(e.values, -2)), turned(e.vectors));
    return tn_add(apart(back, definite(x)), apart(tn_matmul(turned(e.vectors), e.vectors), eye_like(x)));
}
static tn_tensor *svd(tn_tensor *x)
{
    tn_tensor *tall = tn_concat(2, (tn_tensor *[]){x, x}, -2);
    tn_svd_result f = tn_svd(tall);
    tn_tensor *back = tn_matmul(tn_mul(f.u, tn_unsqueeze(f.s, -2)), f.vt);
    return tn_add(apart(back, tall), apart(tn_matmul(turned(f.u), f.u), eye_like(x)));
}
static tn_tensor *qr(tn_tensor *x)
{
    tn_tensor *wide = tn_concat(2, (tn_tensor *[]){x, x}, -1);
    tn_qr_result f = tn_qr(wide, false), whole = tn_qr(turned(wide), true);
    tn_tensor *gap = tn_add(apart(tn_matmul(f.q, f.r), wide), apart(tn_matmul(whole.q, whole.r), turned(wide)));
    return tn_add(gap, apart(tn_matmul(turned(whole.q), whole.q), eye_like(whole.q)));
}

static tn_tensor *part(tn_tensor *x, int k)
{
    return tn_squeeze(tn_slice(x, -1, k, k + 1), -1);
}
/* x v = v value in complex numbers, vectors of length 1. */
static tn_tensor *eig(tn_tensor *x)
{
    if (tn_dim_of(x, -1) > 64) /* the reference takes seconds */
        return tn_full(tn_tensor_graph(x), tn_tensor_dtype(x), TN_SCALAR, 0);
    tn_eig_result e = tn_eig(x);
    tn_tensor *vr = part(e.vectors, 0), *vi = part(e.vectors, 1);
    tn_tensor *re = tn_unsqueeze(part(e.values, 0), -2), *im = tn_unsqueeze(part(e.values, 1), -2);
    tn_tensor *gap = tn_add(apart(tn_matmul(x, vr), tn_sub(tn_mul(vr, re), tn_mul(vi, im))),
                            apart(tn_matmul(x, vi), tn_add(tn_mul(vr, im), tn_mul(vi, re))));
    tn_tensor *length = tn_sum_axes(tn_add(tn_square(vr), tn_square(vi)), 1, (int64_t[]){-2}, false);
    return tn_add(gap, tn_max(tn_abs(tn_sub_f(length, 1))));
}
static tn_tensor *lu(tn_tensor *x)
{
    tn_tensor *wide = tn_concat(2, (tn_tensor *[]){x, x}, -1), *tall = turned(wide);
    tn_lu_result a = tn_lu(wide), b = tn_lu(tall);
    return tn_add(apart(tn_matmul(a.l, a.u), tn_take_along(wide, -2, tn_unsqueeze(a.order, -1))),
                  apart(tn_matmul(b.l, b.u), tn_take_along(tall, -2, tn_unsqueeze(b.order, -1))));
}

static residual_fn *const residuals[] = {inverse, solve, cholesky, upper, triangle, slogdet, eigh, svd, qr, eig, lu};
enum { RESIDUALS = sizeof residuals / sizeof *residuals };

/* All residuals, of a batch of n x n. */
static void compute(tn_dtype dtype, int64_t batch, int64_t n, int threads, double *got)
{
    size_t count = (size_t)(batch * n * n);
    void *data = malloc(count * sizeof(double) + 1);
    uint64_t seed = 7;
    tn_context *context = tn_context_new(TN_OPT(tn_context_opt, .threads = threads));
    tn_graph *g = tn_graph_new(context);
    tn_tensor *x = tn_input(g, "x", dtype, TN_SHAPE(batch, n, n));
    tn_entry *entry = tn_entry_new(g, "e", 0);
    tn_feed out[RESIDUALS];
    char name[RESIDUALS][8];
    assert_non_null(data);
    for (int i = 0; i < RESIDUALS; i++) {
        snprintf(name[i], sizeof name[i], "y%d", i);
        tn_entry_output(entry, name[i], tn_cast(residuals[i](x), TN_F64));
        out[i] = (tn_feed){name[i], tn_view_of(&got[i], TN_F64, 0, NULL)};
    }
    for (size_t i = 0; i < count; i++)
        if (dtype == TN_F64)
            ((double *)data)[i] = next(&seed);
        else
            ((float *)data)[i] = (float)next(&seed);
    tn_state *state = tn_state_new(context);
    tn_program *p = tn_compile(g, NULL);
    if (!p)
        fail_msg("%s", tn_context_error(context));
    tn_session *s = tn_session_new(p, state);
    tn_feed in = {"x", tn_view_of(data, dtype, 3, (int64_t[]){batch, n, n})};
    if (tn_run(s, "e", 1, &in, RESIDUALS, out) != TN_OK)
        fail_msg("%s", tn_session_error(s));
    tn_session_free(s);
    tn_program_free(p);
    tn_state_free(state);
    tn_graph_free(g);
    tn_context_free(context);
    free(data);
}

static void factors_give_back(void **p)
{
    static const int64_t sizes[][2] = {{1, 1}, {1, 2}, {5, 3}, {3, 17}, {3, 33}, {2, 64}, {1, 130}, {1, 200}};
    (void)p;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int dtype = TN_F64; dtype <= TN_F32; dtype++) {
            double one[RESIDUALS], three[RESIDUALS];
            double bound = (dtype == TN_F64 ? 1e-14 : 5e-6) * (double)(sizes[i][1] + 4);
            compute((tn_dtype)dtype, sizes[i][0], sizes[i][1], 1, one);
            compute((tn_dtype)dtype, sizes[i][0], sizes[i][1], 3, three);
            for (int k = 0; k < RESIDUALS; k++)
                if (!(one[k] <= bound) || memcmp(&one[k], &three[k], sizeof one[k]) != 0)
                    fail_msg("residual %d of %lld matrices of side %lld in %s is %g, on three threads %g; bound %g", k,
                             (long long)sizes[i][0], (long long)sizes[i][1], tn_dtype_name((tn_dtype)dtype), one[k],
                             three[k], bound);
        }
}

/* Values that are known, of matrices with too few vectors, too: a block of 1 above the diagonal, 0, 1, a cycle of four, a turn. */
static void values_that_are_known(void **p)
{
    enum { N = 24, KINDS = 5 };
    static double x[KINDS * N * N], value[KINDS * N * 2], vector[KINDS * N * N * 2];
    (void)p;
    for (int i = 0; i < N; i++) {
        if (i + 1 < N)
            x[i * N + i + 1] = 1;
        x[(2 * N + i) * N + i] = 1;
        x[(3 * N + i) * N + i / 4 * 4 + (i + 1) % 4] = 1;
        x[(4 * N + i) * N + (i ^ 1)] = i % 2 ? 1 : -1;
    }
    net n = net_new();
    tn_eig_result e = tn_eig(tn_input(n.graph, "x", TN_F64, TN_SHAPE(KINDS, N, N)));
    tn_entry *entry = tn_entry_new(n.graph, "e", 0);
    tn_entry_output(entry, "values", e.values);
    tn_entry_output(entry, "vectors", e.vectors);
    net_compile(&n, NULL);
    tn_feed in = {"x", tn_view_of(x, TN_F64, 3, (int64_t[]){KINDS, N, N})};
    tn_feed out[] = {{"values", tn_view_of(value, TN_F64, 3, (int64_t[]){KINDS, N, 2})},
                     {"vectors", tn_view_of(vector, TN_F64, 4, (int64_t[]){KINDS, N, N, 2})}};
    net_run(n.session, "e", 1, &in, 2, out);
    for (int i = 0; i < KINDS * N * N * 2; i++)
        assert_true(isfinite(vector[i]));
    for (int i = 0; i < N; i++) {
        const double *v = value + (ptrdiff_t)2 * i;
        assert_true(hypot(v[0], v[1]) < 1e-12 && hypot(v[2 * N], v[2 * N + 1]) < 1e-12);
        assert_true(hypot(v[4 * N] - 1, v[4 * N + 1]) < 1e-12);
        assert_true(fabs(hypot(v[6 * N], v[6 * N + 1]) - 1) < 1e-12);
        assert_true(fabs(v[8 * N]) < 1e-12 && fabs(fabs(v[8 * N + 1]) - 1) < 1e-12);
    }
    assert_true(fabs(value[6 * N] + 1) < 1e-12 && fabs(value[8 * N - 2] - 1) < 1e-12); /* in order: -1, i and -i, 1 */
    net_free(&n);
}

/* ---- matrices without a result ----------------------------------------------------------------------------------------- */

enum { SIDE = 40 };

/* Three unit matrices; matrix 1 has a 0 in its place 36, its minor of order 37; `spoil`: and NaN in matrix 0. */
static void fill(float *x, bool spoil)
{
    memset(x, 0, 3 * SIDE * SIDE * sizeof *x);
    for (int b = 0; b < 3; b++)
        for (int i = 0; i < SIDE; i++)
            x[(b * SIDE + i) * SIDE + i] = b == 1 && i >= 36 ? 0 : 1;
    if (spoil)
        x[5] = NAN;
}

static void faults_are_named(void **p)
{
    static const char *const says[] = {"a matrix is singular (matrix 1, pivot 37)",
                                       "a matrix is not positive definite (matrix 1, leading minor 37)",
                                       "a matrix is singular (matrix 1, pivot 37)"};
    static float data[3 * SIDE * SIDE];
    (void)p;
    for (int k = 0; k < 3; k++) {
        net n = net_new();
        tn_tensor *x = tn_input(n.graph, "x", TN_F32, TN_SHAPE(3, SIDE, SIDE));
        tn_tensor *count = tn_buffer(n.graph, "count", TN_F32, TN_SCALAR, NULL);
        tn_entry *entry = tn_entry_new(n.graph, "e", 0);
        tn_tensor *y = k == 0 ? tn_inverse(x) : k == 1 ? tn_cholesky(x, false, TN_TRIANGLE_LOWER) : tn_solve(x, x);
        tn_entry_write(entry, count, tn_add_f(count, 1));
        tn_entry_output(entry, "y", tn_sum(y));
        net_compile(&n, NULL);
        float sum;
        tn_feed in = {"x", tn_view_of(data, TN_F32, 3, (int64_t[]){3, SIDE, SIDE})},
                out = {"y", tn_view_of(&sum, TN_F32, 0, NULL)};
        for (int spoil = 0; spoil < 2; spoil++) {
            tn_view kept;
            fill(data, spoil);
            assert_int_equal(tn_run(n.session, "e", 1, &in, 1, &out), TN_FAULT);
            if (!strstr(tn_session_error(n.session), says[k]))
                fail_msg("'%s' does not say '%s'", tn_session_error(n.session), says[k]);
            assert_int_equal(tn_state_find(n.state, "count", &kept), TN_OK);
            assert_true(*(float *)kept.data == 0);
        }
        net_free(&n);
    }
}

/* NaN stays in its matrix, and stops nothing. */
static void nan_stays_in_its_matrix(void **p)
{
    static float data[3 * SIDE * SIDE], sums[3][3];
    (void)p;
    net n = net_new();
    tn_tensor *x = tn_input(n.graph, "x", TN_F32, TN_SHAPE(3, SIDE, SIDE));
    tn_entry *entry = tn_entry_new(n.graph, "e", 0);
    tn_tensor *y[] = {tn_inverse(x), tn_cholesky(x, true, TN_TRIANGLE_BOTH), tn_eigh(x, TN_TRIANGLE_BOTH).vectors};
    static const char *const names[] = {"a", "b", "c"};
    tn_feed in = {"x", tn_view_of(data, TN_F32, 3, (int64_t[]){3, SIDE, SIDE})}, out[3];
    for (int k = 0; k < 3; k++) {
        tn_entry_output(entry, names[k], tn_sum_axes(y[k], 2, (int64_t[]){1, 2}, false));
        out[k] = (tn_feed){names[k], tn_view_of(sums[k], TN_F32, 1, (int64_t[]){3})};
    }
    net_compile(&n, NULL);
    fill(data, false);
    for (int i = 36; i < SIDE; i++)
        data[(SIDE + i) * SIDE + i] = 1;
    data[SIDE * SIDE + 7] = NAN;
    net_run(n.session, "e", 1, &in, 3, out);
    for (int k = 0; k < 3; k++) {
        assert_true(fabsf(sums[k][0] - SIDE) < 1e-3F && fabsf(sums[k][2] - SIDE) < 1e-3F);
        assert_true(isnan(sums[k][1]));
    }
    net_free(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(factors_give_back), cmocka_unit_test(values_that_are_known),
                                       cmocka_unit_test(faults_are_named), cmocka_unit_test(nan_stays_in_its_matrix)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
