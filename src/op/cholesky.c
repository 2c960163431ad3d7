/* cholesky: the lower triangle l with l l^T = x for symmetric x with eigenvalues above 0, or the upper one u = l^T. `triangle`: what
 * is read of x; both: half the sum of x and x^T. A matrix with other eigenvalues is a fault at run time, or gives NaN (check =
 * false). */
#include "op/scheme/linalg.h"

#include <math.h>
#include <string.h>

enum { UPPER, TRIANGLE, CHECK };

static tn_status cholesky_infer(const op_infer *c)
{
    BASE_TRY(op_want_square(c, 0));
    return op_infer_same(c);
}

/* l^-T low(l^T dl) l^-1, low: the lower triangle, its diagonal halved (Murray 2016, "Differentiation of the Cholesky
 * decomposition", eq. 10). */
static tn_status cholesky_backward(const op_grad *c)
{
    bool upper = op_arg(c, UPPER)->i;
    tn_tensor *l = upper ? op_turned(op_out(c, 0)) : op_out(c, 0),
              *dl = upper ? op_turned(op_dout(c, 0)) : op_dout(c, 0);
    tn_tensor *part = tn_matmul(op_turned(l), tn_tril(dl, 0));
    part = tn_mul_f(tn_add(tn_tril(part, 0), tn_tril(part, -1)), 0.5);
    part = tn_triangular_solve(l, part, TN_OPT(tn_triangular_opt, .transpose = true));
    part = tn_triangular_solve(l, part, TN_OPT(tn_triangular_opt, .right = true));
    return op_give(c, 0, op_on_triangle(part, op_arg(c, TRIANGLE)->i));
}

/* l in place of a; false where a root is not one of a number above 0. */
static bool factor(double *a, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j <= i; j++) {
            double sum = a[i * n + j];
            for (int64_t k = 0; k < j; k++)
                sum -= a[i * n + k] * a[j * n + k];
            if (i == j && !(sum > 0))
                return false;
            a[i * n + j] = i == j ? sqrt(sum) : sum / a[j * n + j];
        }
        for (int64_t j = i + 1; j < n; j++)
            a[i * n + j] = 0;
    }
    return true;
}

/* Rows of the factor have the lengths of the diagonal's roots; errors grow with the ratio of pivots. */
static void set_magnitude(const double *l, double *magnitude, int64_t n)
{
    double least = (double)INFINITY;
    for (int64_t i = 0; i < n; i++)
        least = fmin(least, l[i * n + i]);
    double most = op_largest(l, n * n);
    for (int64_t i = 0; i < n * n; i++)
        magnitude[i] = most * (most / least);
}

static void cholesky_ref(const op_ref *c)
{
    const op_array *x = c->in[0];
    int64_t n = op_rows(x);
    for (int64_t b = 0; b < op_matrices(x); b++) {
        double *y = c->out[0]->f + b * n * n;
        bool good = op_read_symmetric(x->f + b * n * n, y, n, c->arg[TRIANGLE].i);
        if (good && !factor(y, n)) {
            op_fill_nan(y, n * n);
            good = false;
            if (c->arg[CHECK].i)
                op_ref_fault(c, "a matrix is not positive definite");
        }
        if (good)
            set_magnitude(y, c->out[0]->magnitude + b * n * n, n);
        for (int64_t i = 0; i < n && c->arg[UPPER].i && good; i++)
            for (int64_t j = 0; j < i; j++) {
                y[j * n + i] = y[i * n + j];
                y[i * n + j] = 0;
            }
    }
}

static double cholesky_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)arg, (void)in;
    return op_elements(out) * (double)out->dims[out->rank - 1] / 3;
}

const op_def op_cholesky = {
    .name = "cholesky",
    .doc = "The triangle l with l l^T = x, or its transpose; x that is not positive definite is a fault.",
    .torch = "torch.linalg.cholesky",
    .in = {{"x", OP_BIT(TN_F64) | OP_BIT(TN_F32), 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {[UPPER] = OP_ARG_BOOL("upper", false), [TRIANGLE] = OP_ARG_TRIANGLE, [CHECK] = OP_ARG_BOOL("check", true)},
    .flags = OP_FAULTS | OP_SINGULAR,
    .infer = cholesky_infer,
    .grad = cholesky_backward,
    .ref = cholesky_ref,
    .flops = cholesky_flops,
    .cases =
        (const char *const[]){"x=x[3x3]:dominant", "x=x[2x4x4]:dominant upper=true",
                              "x=x[2x3x3]:dominant triangle=lower", "x=x[4x4]:dominant triangle=upper",
                              "x=x[3x3]:dominant triangle=upper upper=true", "x=x[1x1]:dominant", "x=x[17x17]:dominant",
                              "x=x[0x0]", "x=x[0x3x3]", "x=x[2x0x0]", "x=f[2x2]:index=1 check=false", NULL},
    .bad = (const op_bad[]){{"x=x[3]", "needs two axes or more, and has 1"}, {"x=x[2x3]", "'x' are not square"}, {0}},
    .fault = (const op_bad[]){{"x=f[2x3x3]:index=1", "not positive definite (matrix 0, leading minor 1)"},
                              {"x=f[3x3]:signs triangle=upper", "not positive definite"},
                              {0}},
    .tol = {[TN_F64] = OP_TOL(1e-14, 1e-300), [TN_F32] = OP_TOL(2e-6, 1e-37)},
};

tn_tensor *tn_cholesky(tn_tensor *x, bool upper, tn_triangle triangle)
{
    return OP_MAKE(&op_cholesky, OP_ARGS([UPPER] = OP_I(upper), [TRIANGLE] = OP_I(triangle)), x);
}
