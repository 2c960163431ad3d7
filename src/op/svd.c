/* svd: x = u diag(s) vt, reduced: u[m, k] and vt[k, n] with k = min(m, n), s falling. The sign of a column of u, and so of the row of
 * vt, is such that its largest element is above 0. */
#include "op/scheme/linalg.h"

#include <math.h>
#include <string.h>

static tn_status svd_infer(const op_infer *c)
{
    const graph_type *x = c->in[0];
    BASE_TRY(op_want_matrix(c, 0));
    int r = x->rank;
    tn_dim k = op_least(c->dims, x->dims[r - 2], x->dims[r - 1]);
    for (int i = 0; i < 3; i++)
        op_like(c, i, x);
    c->out[0].dims[r - 1] = k;
    c->out[2].dims[r - 2] = k;
    c->out[1].rank--;
    c->out[1].dims[r - 2] = k;
    return TN_OK;
}

/* x - x^T */
static tn_tensor *skew(tn_tensor *x)
{
    return tn_sub(x, op_turned(x));
}

/* What of dx (its columns) is orthogonal to the columns of q. */
static tn_tensor *outside(tn_tensor *dx, tn_tensor *q)
{
    return tn_sub(dx, tn_matmul(q, tn_matmul(op_turned(q), dx)));
}

/* u ((skew(u^T du) / gaps) s + s (skew(v^T dv) / gaps) + diag(ds)) v^T, gaps[i, j] = s[j]^2 - s[i]^2, and what of du and dv lies
 * outside of u and v, over s (Townsend 2016, "Differentiating the singular value decomposition"). */
static tn_status svd_backward(const op_grad *c)
{
    tn_tensor *u = op_out(c, 0), *s = op_out(c, 1), *vt = op_out(c, 2), *v = op_turned(vt);
    tn_dim m = tn_dim_of(u, -2), k = tn_dim_of(u, -1), n = tn_dim_of(vt, -1);
    tn_tensor *eye = tn_eye(c->graph, u->type.dtype, k, k), *row = tn_unsqueeze(s, -2), *column = tn_unsqueeze(s, -1);
    tn_tensor *gaps = tn_add(tn_mul(tn_sub(row, column), tn_add(row, column)), eye);
    tn_tensor *middle = tn_mul(eye, tn_unsqueeze(op_dout(c, 1), -1)), *dx;
    if (c->dout[0])
        middle = tn_add(middle, tn_mul(tn_div(skew(tn_matmul(op_turned(u), op_dout(c, 0))), gaps), row));
    if (c->dout[2])
        middle = tn_add(middle, tn_mul(tn_div(skew(tn_matmul(vt, op_turned(op_dout(c, 2)))), gaps), column));
    dx = tn_matmul(tn_matmul(u, middle), vt);
    if (c->dout[0] && m != k)
        dx = tn_add(dx, tn_matmul(tn_div(outside(op_dout(c, 0), u), row), vt));
    if (c->dout[2] && n != k)
        dx = tn_add(dx, tn_matmul(u, op_turned(tn_div(outside(op_turned(op_dout(c, 2)), v), row))));
    return op_give(c, 0, dx);
}

/* Vectors turn by as much as their value is near to another, or to 0 where there are more directions than values. */
static void set_magnitude(const op_ref *c, int64_t b, int64_t m, int64_t n, int64_t k)
{
    const double *s = c->out[1]->f + b * k;
    double most = op_largest(s, k);
    for (int64_t j = 0; j < k; j++) {
        double gap = m == n ? most : s[j];
        for (int64_t l = 0; l < k; l++)
            gap = l == j ? gap : fmin(gap, fabs(s[l] - s[j]));
        double turn = gap > 0 ? most / gap : 1;
        c->out[1]->magnitude[b * k + j] = most;
        for (int64_t i = 0; i < m; i++)
            c->out[0]->magnitude[(b * m + i) * k + j] = turn;
        for (int64_t i = 0; i < n; i++)
            c->out[2]->magnitude[(b * k + j) * n + i] = turn;
    }
}

/* The matrix or its transpose, whichever has the more rows, is taken apart in the room; then signs are made those of u. */
static void svd_one(const op_ref *c, int64_t b, int64_t m, int64_t n, int64_t k)
{
    const double *x = c->in[0]->f + b * m * n;
    double *u = c->out[0]->f + b * m * k, *s = c->out[1]->f + b * k, *vt = c->out[2]->f + b * k * n;
    bool tall = m >= n;
    double *left = c->room, *right = left + m * n;
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++)
            left[tall ? i * n + j : j * m + i] = x[i * n + j];
    op_jacobi_svd(left, tall ? m : n, k, s, right);
    for (int64_t i = 0; i < m * k; i++)
        u[i] = (tall ? left : right)[i];
    for (int64_t j = 0; j < k; j++) {
        double sign = op_upright(u, m, k, j);
        for (int64_t i = 0; i < n; i++)
            vt[j * n + i] = sign * (tall ? right : left)[i * k + j];
    }
}

static void svd_ref(const op_ref *c)
{
    const op_array *x = c->in[0];
    int64_t m = op_rows(x), n = op_cols(x), k = m < n ? m : n;
    for (int64_t b = 0; b < op_matrices(x); b++) {
        if (op_finite(x->f + b * m * n, m * n)) {
            svd_one(c, b, m, n, k);
            set_magnitude(c, b, m, n, k);
            continue;
        }
        op_fill_nan(c->out[0]->f + b * m * k, m * k);
        op_fill_nan(c->out[1]->f + b * k, k);
        op_fill_nan(c->out[2]->f + b * k * n, k * n);
    }
}

static double svd_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)arg;
    return 14 * op_elements(in[0]) * (double)out[0].dims[out[0].rank - 1];
}

const op_def op_svd = {
    .name = "svd",
    .doc = "Singular values and vectors, reduced. Gradients of vectors are unbounded where values meet or are 0.",
    .torch = "torch.linalg.svd",
    .in = {{"x", OP_BIT(TN_F64) | OP_BIT(TN_F32), 'T'}},
    .out = {{"u", 0, 'T'}, {"s", 0, 'T'}, {"vt", 0, 'T'}},
    .infer = svd_infer,
    .grad = svd_backward,
    .ref = svd_ref,
    .room = 2,
    .flops = svd_flops,
    .cases = (const char *const[]){"x=x[3x3]:dominant", "x=x[2x4x3]:dominant", "x=x[3x5]:dominant", "x=x[1x1]",
                                   "x=x[1x3]", "x=x[3x1]", "x=x[17x17]:dominant", "x=x[0x0]", "x=x[0x3x3]", "x=x[0x3]",
                                   "x=x[2x3x0]", NULL},
    .bad = (const op_bad[]){{"x=x[3]", "needs two axes or more, and has 1"}, {0}},
    .tol = {[TN_F64] = OP_TOL(1e-14, 1e-300), [TN_F32] = OP_TOL(4e-6, 1e-37)},
};

tn_svd_result tn_svd(tn_tensor *x)
{
    tn_tensor *u = OP_MAKE(&op_svd, NULL, x);
    return u ? (tn_svd_result){u, op_sibling(u, 1), op_sibling(u, 2)} : (tn_svd_result){NULL, NULL, NULL};
}
