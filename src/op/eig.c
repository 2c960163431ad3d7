/* eig: values by their real, then imaginary part, and vectors (columns, of length 1) of matrices that need not be symmetric, as complex
 * numbers: a last axis of 2. A vector is turned so that the first of its largest elements, up to a thousandth, is real and above 0. */
#include "op/scheme/eigen.h"
#include "op/scheme/linalg.h"

#include <math.h>

static tn_status eig_infer(const op_infer *c)
{
    const graph_type *x = c->in[0];
    BASE_TRY(op_want_square(c, 0));
    if (x->rank == TN_MAX_RANK)
        return op_fail(c, TN_SHAPE, "x has %d axes; complex numbers need one more, and there are at most %d", x->rank,
                       TN_MAX_RANK);
    op_like(c, 1, x);
    op_infer_same(c);
    c->out[0].dims[x->rank - 1] = c->out[1].dims[x->rank] = 2;
    c->out[1].rank++;
    return TN_OK;
}

/* ---- the gradient ---------------------------------------------------------------------------------------------------- */

/* Complex matrices as real ones, {{re, -im}, {im, re}}: products, inverses and (conjugate) transposes are those of complex ones. */
static tn_tensor *as_real(tn_tensor *re, tn_tensor *im)
{
    tn_tensor *top = tn_concat(2, (tn_tensor *[]){re, tn_neg(im)}, -1),
              *below = tn_concat(2, (tn_tensor *[]){im, re}, -1);
    return tn_concat(2, (tn_tensor *[]){top, below}, -2);
}

static tn_tensor *part(tn_tensor *x, int k)
{
    return tn_squeeze(tn_slice(x, -1, k, k + 1), -1);
}

/* By columns: the sum of the products. */
static tn_tensor *dot(tn_tensor *a, tn_tensor *b)
{
    return tn_sum_axes(tn_mul(a, b), 1, (const int64_t[]){-2}, true);
}

/* 1 at the element of each vector that is real and above 0. */
static tn_tensor *anchor(tn_tensor *vectors)
{
    tn_tensor *size = tn_complex_abs(vectors), *most = op_max_or_none(size, 1, (const int64_t[]){-2});
    tn_tensor *large = op_cast_to(tn_ge(size, tn_mul_f(most, 0.999)), size->type.dtype);
    return tn_mul(large, op_cast_to(tn_eq(tn_cumsum(large, -2), op_like_scalar(large, 1)), size->type.dtype));
}

/* What comes in at the vectors, as (re, im) of x's matrix in the basis of the vectors, its diagonal 0: a vector moves by
 * S[i, j] / (value[j] - value[i]) of each other one, then back to length 1, and to where its anchor is real. */
static void vectors_backward(tn_tensor *values, tn_tensor *vectors, tn_tensor *dvectors, tn_tensor *eye,
                             tn_tensor *out[2])
{
    tn_dim n = tn_dim_of(eye, -1);
    tn_tensor *v[2], *d[2], *w[2], *gap[2], *p[2], *at = anchor(vectors);
    for (int k = 0; k < 2; k++) {
        v[k] = part(vectors, k);
        d[k] = part(dvectors, k);
        w[k] = part(values, k);
        gap[k] = tn_sub(tn_unsqueeze(w[k], -2), tn_unsqueeze(w[k], -1));
    }
    tn_tensor *along = tn_add(dot(d[0], v[0]), dot(d[1], v[1])), *turn = tn_sub(dot(d[0], v[1]), dot(d[1], v[0]));
    d[0] = tn_sub(d[0], tn_mul(v[0], along));
    d[1] = tn_add(tn_sub(d[1], tn_mul(v[1], along)), tn_mul(at, tn_div(turn, dot(at, v[0]))));
    tn_tensor *moved = tn_matmul(op_turned(as_real(v[0], v[1])), as_real(d[0], d[1]));
    moved = tn_slice(moved, -1, 0, n);
    p[0] = tn_slice(moved, -2, 0, n);
    p[1] = tn_slice(moved, -2, n, TN_INFER);
    tn_tensor *size = tn_add(tn_add(tn_square(gap[0]), tn_square(gap[1])), eye);
    out[0] = tn_div(tn_sub(tn_mul(p[0], gap[0]), tn_mul(p[1], gap[1])), size);
    out[1] = tn_div(tn_add(tn_mul(p[0], gap[1]), tn_mul(p[1], gap[0])), size);
}

/* v^-H s v^H of the matrix s whose diagonal is the gradient of the values (Giles 2008, section 3.1, of complex vectors). */
static tn_status eig_backward(const op_grad *c)
{
    tn_tensor *values = op_out(c, 0), *vectors = op_out(c, 1), *s[2], *more[2];
    tn_dim n = tn_dim_of(vectors, -2);
    tn_tensor *eye = tn_eye(c->graph, values->type.dtype, n, n);
    for (int k = 0; k < 2; k++)
        s[k] = tn_mul(eye, tn_unsqueeze(part(op_dout(c, 0), k), -2));
    if (c->dout[1]) {
        vectors_backward(values, vectors, op_dout(c, 1), eye, more);
        for (int k = 0; k < 2; k++)
            s[k] = tn_add(s[k], more[k]);
    }
    tn_tensor *v = as_real(part(vectors, 0), part(vectors, 1));
    tn_tensor *dx = tn_matmul(tn_matmul(op_turned(op_inverse_of(v)), as_real(s[0], s[1])), op_turned(v));
    return op_give(c, 0, tn_slice(tn_slice(dx, -1, 0, n), -2, 0, n));
}

/* ---- the reference -------------------------------------------------------------------------------------------------- */

static void put(op_complex from, double *to)
{
    to[0] = creal(from);
    to[1] = cimag(from);
}

/* A value moves by its condition, a vector by as much as its value is near to another. */
static void set_magnitude(const op_complex *value, const double *condition, double most, double *of_value,
                          double *of_vectors, int64_t n)
{
    double worst = op_largest(condition, n);
    for (int64_t j = 0; j < n; j++) {
        double gap = most;
        for (int64_t k = 0; k < n; k++)
            gap = k == j ? gap : fmin(gap, cabs(value[k] - value[j]));
        of_value[2 * j] = of_value[2 * j + 1] = most * condition[j];
        for (int64_t i = 0; i < n; i++)
            of_vectors[2 * (i * n + j)] = of_vectors[2 * (i * n + j) + 1] = gap > 0 ? 1 + worst * most / gap : 1;
    }
}

static void eig_one(const op_ref *c, int64_t b, int64_t n)
{
    op_array *values = c->out[0], *vectors = c->out[1];
    const double *x = c->in[0]->f + b * n * n;
    double most = 0;
    op_complex *a = (op_complex *)(void *)c->room, *v = a + n * n, *q = v + n * n, *value = q + n * n;
    double *condition = (double *)(value + n);
    for (int64_t i = 0; i < n * n; i++) {
        a[i] = x[i];
        most = hypot(most, x[i]);
    }
    op_eigen(a, n, value, v, q);
    op_eigen_conditions(v, n, condition, a, q);
    set_magnitude(value, condition, most, values->magnitude + 2 * b * n, vectors->magnitude + 2 * b * n * n, n);
    for (int64_t i = 0; i < n; i++)
        put(value[i], values->f + 2 * (b * n + i));
    for (int64_t i = 0; i < n * n; i++)
        put(v[i], vectors->f + 2 * (b * n * n + i));
}

static void eig_ref(const op_ref *c)
{
    const op_array *x = c->in[0];
    int64_t n = op_rows(x);
    for (int64_t b = 0; b < op_matrices(x); b++) {
        if (op_finite(x->f + b * n * n, n * n)) {
            eig_one(c, b, n);
            continue;
        }
        op_fill_nan(c->out[0]->f + 2 * b * n, 2 * n);
        op_fill_nan(c->out[1]->f + 2 * b * n * n, 2 * n * n);
    }
}

static double eig_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)arg, (void)out;
    return 25 * op_elements(in[0]) * (double)in[0]->dims[in[0]->rank - 1];
}

const op_def op_eig = {
    .name = "eig",
    .doc = "Complex values, by their real part, and vectors of matrices that need not be symmetric. Gradients are "
           "unbounded where values meet.",
    .torch = "torch.linalg.eig",
    .in = {{"x", OP_BIT(TN_F64) | OP_BIT(TN_F32), 'T'}},
    .out = {{"values", 0, 'T'}, {"vectors", 0, 'T'}},
    .infer = eig_infer,
    .grad = eig_backward,
    .ref = eig_ref,
    .room = 10,
    .flops = eig_flops,
    .cases = (const char *const[]){"x=x[3x3]", "x=x[2x4x4]:dominant", "x=x[2x5x5]", "x=x[1x1]", "x=x[17x17]:dominant",
                                   "x=x[2x2]", "x=x[0x0]", "x=x[0x3x3]", "x=x[2x0x0]", NULL},
    .bad = (const op_bad[]){{"x=x[3]", "needs two axes or more, and has 1"},
                            {"x=x[2x3]", "'x' are not square"},
                            {"x=x[1x1x1x1x1x1x2x2]", "complex numbers need one more"},
                            {0}},
    .tol = {[TN_F64] = OP_TOL(1e-14, 1e-300), [TN_F32] = OP_TOL(4e-6, 1e-37)},
};

tn_eig_result tn_eig(tn_tensor *x)
{
    tn_tensor *values = OP_MAKE(&op_eig, NULL, x);
    return (tn_eig_result){values, values ? op_sibling(values, 1) : NULL};
}
