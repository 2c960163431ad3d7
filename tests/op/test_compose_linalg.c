/* Builders on matrices that are put together from operators (src/op/compose/linalg.c): with a batch of open size they compute what they
 * do with a number, and what is wrong gives a sentence. Values are compared with PyTorch's in tests/golden. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support/compose.h"

/* [batch, 3, 3], positive definite. */
static tn_tensor *definite(tn_tensor *x)
{
    tn_tensor *eye = tn_mul(tn_eye(tn_tensor_graph(x), TN_F32, 3, 3), tn_scalar(tn_tensor_graph(x), TN_F32, 4));
    return tn_add(tn_matmul(x, tn_transpose(x, -1, -2)), eye);
}
static tn_tensor *trace(tn_tensor *x)
{
    return tn_trace(x);
}
static tn_tensor *power(tn_tensor *x)
{
    return tn_add(tn_matrix_power(tn_mul_f(definite(x), 0.1), 5), tn_matrix_power(definite(x), 0));
}
static tn_tensor *inverse_power(tn_tensor *x)
{
    return tn_matrix_power(definite(x), -2);
}
static tn_tensor *by_cholesky(tn_tensor *x)
{
    return tn_cholesky_solve(x, tn_cholesky(definite(x), false, TN_TRIANGLE_LOWER), false);
}
static tn_tensor *pinv(tn_tensor *x)
{
    return tn_matmul(tn_pinv(tn_slice(definite(x), -1, 0, 2), 0), x);
}
static tn_tensor *lstsq(tn_tensor *x)
{
    return tn_lstsq(tn_slice(definite(x), -1, 0, 2), x);
}
static tn_tensor *lstsq_wide(tn_tensor *x)
{
    return tn_lstsq(x, definite(x));
}
static tn_tensor *outer(tn_tensor *x)
{
    return tn_outer(tn_slice(x, -1, 0, 2), x);
}
static tn_tensor *kron(tn_tensor *x)
{
    return tn_kron(tn_slice(x, 1, 0, 2), x);
}
static tn_tensor *from_the_right(tn_tensor *x)
{
    return tn_triangular_solve(definite(x), tn_transpose(x, -1, -2), TN_OPT(tn_triangular_opt, .right = true));
}
static tn_tensor *vector(tn_tensor *x)
{
    return tn_solve(definite(x), tn_arange(tn_tensor_graph(x), TN_F32, 1, 1, 3));
}

/* Matrices of as many columns, or rows, as there are samples: fewer than the others, and as many. */
static tn_tensor *triangles(tn_tensor *x)
{
    tn_tensor *wide =
        tn_add(tn_permute(x, 3, (int64_t[]){1, 2, 0}), tn_sin(tn_permute(tn_mul(x, x), 3, (int64_t[]){1, 2, 0})));
    tn_lu_result a = tn_lu(wide), b = tn_lu(tn_transpose(wide, -1, -2));
    return tn_add(tn_matmul(a.l, tn_mul(a.u, a.u)), tn_transpose(tn_matmul(b.l, tn_sin(b.u)), -1, -2));
}
static tn_tensor *spectrum(tn_tensor *x)
{
    tn_tensor *upper = tn_triu(definite(x), 0); /* its values are those of the diagonal */
    tn_tensor *rises = tn_diag(tn_arange(tn_tensor_graph(x), TN_F32, 1, 1, 3), 0);
    tn_eig_result e = tn_eig(tn_add(tn_mul_f(upper, 0.01), rises));
    return tn_add(tn_slice(e.vectors, -1, 0, 1), tn_unsqueeze(tn_slice(e.values, -1, 0, 1), -3));
}

static compose_fn *const builders[] = {trace, power, inverse_power,  by_cholesky, pinv,      lstsq,   lstsq_wide,
                                       outer, kron,  from_the_right, vector,      triangles, spectrum};

static tn_tensor *one_axis(tn_tensor *x)
{
    return tn_flatten(x, 0);
}
static tn_tensor *bad_trace(tn_tensor *x)
{
    return tn_trace(one_axis(x));
}
static tn_tensor *bad_square(tn_tensor *x)
{
    return tn_matrix_power(x, 2);
}
static tn_tensor *bad_power(tn_tensor *x)
{
    return tn_matrix_power(definite(x), (int64_t)1 << 40);
}
static tn_tensor *bad_pinv(tn_tensor *x)
{
    return tn_pinv(one_axis(x), 0);
}
static tn_tensor *bad_rcond(tn_tensor *x)
{
    return tn_pinv(x, 1);
}
static tn_tensor *bad_lstsq(tn_tensor *x)
{
    return tn_lstsq(x, one_axis(x));
}
static tn_tensor *bad_rows(tn_tensor *x)
{
    return tn_lstsq(x, tn_transpose(x, -1, -2));
}
static tn_tensor *bad_outer(tn_tensor *x)
{
    return tn_outer(tn_sum(x), x);
}
static tn_tensor *bad_kron(tn_tensor *x)
{
    return tn_kron(x, one_axis(x));
}
static tn_tensor *bad_right(tn_tensor *x)
{
    return tn_triangular_solve(definite(x), one_axis(x), TN_OPT(tn_triangular_opt, .right = true));
}
static tn_tensor *absent(tn_tensor *x)
{
    return tn_triangular_solve(x, NULL, NULL);
}

static const compose_wrong wrong[] = {{bad_trace, "trace of"},
                                      {bad_square, "its matrices are not square"},
                                      {bad_power, "is beyond 2^20"},
                                      {bad_pinv, "pinv of"},
                                      {bad_rcond, "rcond is 1; it must be at least 0 and below 1"},
                                      {bad_lstsq, "lstsq of"},
                                      {bad_rows, "not the same number of rows"},
                                      {bad_outer, "needs an axis of each"},
                                      {bad_kron, "kron of"},
                                      {bad_right, "from the right it needs two axes or more"},
                                      {absent, "triangular_solve"}};

static compose_list list = COMPOSE_LIST(builders, wrong);

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_prestate(compose_open_sizes, &list),
                                       cmocka_unit_test_prestate(compose_sentences, &list)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
