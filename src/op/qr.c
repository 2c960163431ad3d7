/* qr: x = q r by Householder's reflections, with LAPACK's signs: q[m, k] has orthogonal columns of length 1, r[k, n] is an upper
 * triangle, k = min(m, n); complete: k = m. */
#include "op/scheme/linalg.h"

#include <math.h>
#include <string.h>

enum { COMPLETE };

static tn_status qr_infer(const op_infer *c)
{
    const graph_type *x = c->in[0];
    BASE_TRY(op_want_matrix(c, 0));
    int r = x->rank;
    tn_dim m = x->dims[r - 2], k = op_int(c, COMPLETE) ? m : op_least(c->dims, m, x->dims[r - 1]);
    op_like(c, 0, x);
    op_like(c, 1, x);
    c->out[0].dims[r - 1] = k;
    c->out[1].dims[r - 2] = k;
    return TN_OK;
}

/* (dq + q both(r dr^T - dq^T q)) r^-T for square r, both(m): its lower triangle and that one's transpose (Walter, Lehmann 2010). */
static tn_tensor *square_backward(tn_tensor *q, tn_tensor *r, tn_tensor *dq, tn_tensor *dr)
{
    tn_tensor *m = tn_sub(tn_matmul(r, op_turned(dr)), tn_matmul(op_turned(dq), q));
    m = tn_add(tn_tril(m, 0), op_turned(tn_tril(m, -1)));
    tn_tensor *all = tn_add(dq, tn_matmul(q, m));
    return tn_triangular_solve(r, all, TN_OPT(tn_triangular_opt, .upper = true, .transpose = true, .right = true));
}

/* Of more columns than rows the first ones make q: x = (a, b), r = (u, w), b = q w. */
static tn_status qr_backward(const op_grad *c)
{
    tn_tensor *q = op_out(c, 0), *r = op_out(c, 1), *dq = op_dout(c, 0), *dr = op_dout(c, 1);
    tn_dim m = tn_dim_of(q, -2), k = tn_dim_of(q, -1), n = tn_dim_of(r, -1);
    if (op_arg(c, COMPLETE)->i && m != n && !(dim_literal(m) && dim_literal(n) && m < n))
        return op_no_grad(c, 0,
                          "the complete form has one only where there are no more rows than columns, and it is known");
    dr = tn_triu(dr, 0);
    if (k == n)
        return op_give(c, 0, square_backward(q, r, dq, dr));
    tn_tensor *b = tn_slice(op_in(c, 0), -1, k, n), *dw = tn_slice(dr, -1, k, n);
    dq = tn_add(dq, tn_matmul(b, op_turned(dw)));
    tn_tensor *da = square_backward(q, tn_slice(r, -1, 0, k), dq, tn_slice(dr, -1, 0, k));
    return op_give(c, 0, tn_concat(2, (tn_tensor *[]){da, tn_matmul(q, dw)}, -1));
}

/* Column j of a[m, n] below its diagonal becomes the rest of a reflection I - tau v v^T, v[j] = 1. */
static double reflect(double *a, int64_t m, int64_t n, int64_t j)
{
    double below = 0, top = a[j * n + j];
    for (int64_t i = j + 1; i < m; i++)
        below = hypot(below, a[i * n + j]);
    if (below == 0)
        return 0;
    double to = -copysign(hypot(top, below), top), tau = (to - top) / to;
    for (int64_t i = j + 1; i < m; i++)
        a[i * n + j] /= top - to;
    a[j * n + j] = to;
    return tau;
}

/* The reflection of column j of a on column c of y[m, width]. */
static void apply(const double *a, int64_t m, int64_t n, int64_t j, double tau, double *y, int64_t width, int64_t c)
{
    double sum = y[j * width + c];
    for (int64_t i = j + 1; i < m; i++)
        sum += a[i * n + j] * y[i * width + c];
    y[j * width + c] -= tau * sum;
    for (int64_t i = j + 1; i < m; i++)
        y[i * width + c] -= tau * sum * a[i * n + j];
}

static void qr_one(const op_ref *c, int64_t b, int64_t m, int64_t n, int64_t k)
{
    double *a = c->room, *tau = a + m * n, *q = c->out[0]->f + b * m * k, *r = c->out[1]->f + b * k * n;
    int64_t steps = m < n ? m : n;
    memcpy(a, c->in[0]->f + b * m * n, (size_t)(m * n) * sizeof *a);
    for (int64_t j = 0; j < steps; j++) {
        tau[j] = reflect(a, m, n, j);
        for (int64_t col = j + 1; col < n; col++)
            apply(a, m, n, j, tau[j], a, n, col);
    }
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = i; j < n; j++)
            r[i * n + j] = a[i * n + j];
    for (int64_t col = 0; col < k; col++) {
        q[col * k + col] = 1;
        for (int64_t j = steps - 1; j >= 0; j--)
            apply(a, m, n, j, tau[j], q, k, col);
    }
}

/* Errors grow with the ratio of the largest element of r to the smallest of its diagonal. */
static void set_magnitude(const op_ref *c, int64_t b, int64_t m, int64_t n, int64_t k)
{
    const double *r = c->out[1]->f + b * k * n;
    double most = op_largest(r, k * n), least = most;
    for (int64_t i = 0; i < k && i < n; i++)
        least = fmin(least, fabs(r[i * n + i]));
    double turn = least > 0 ? most / least : 1;
    for (int64_t i = 0; i < m * k; i++)
        c->out[0]->magnitude[b * m * k + i] = turn;
    for (int64_t i = 0; i < k * n; i++)
        c->out[1]->magnitude[b * k * n + i] = turn * most;
}

static void qr_ref(const op_ref *c)
{
    const op_array *x = c->in[0];
    int64_t m = op_rows(x), n = op_cols(x), k = op_cols(c->out[0]);
    for (int64_t b = 0; k && b < c->out[0]->count / (m * k); b++) {
        if (op_finite(x->f + b * m * n, m * n)) {
            qr_one(c, b, m, n, k);
            set_magnitude(c, b, m, n, k);
            continue;
        }
        op_fill_nan(c->out[0]->f + b * m * k, m * k);
        op_fill_nan(c->out[1]->f + b * k * n, k * n);
    }
}

static double qr_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)arg;
    return 4 * op_elements(in[0]) * (double)out[0].dims[out[0].rank - 1];
}

const op_def op_qr = {
    .name = "qr",
    .doc = "Orthogonal columns times an upper triangle. Complete, it has a gradient for no more rows than columns.",
    .torch = "torch.linalg.qr",
    .in = {{"x", OP_BIT(TN_F64) | OP_BIT(TN_F32), 'T'}},
    .out = {{"q", 0, 'T'}, {"r", 0, 'T'}},
    .arg = {[COMPLETE] = OP_ARG_BOOL("complete", false)},
    .infer = qr_infer,
    .grad = qr_backward,
    .ref = qr_ref,
    .room = 2,
    .flops = qr_flops,
    .cases = (const char *const[]){"x=x[3x3]:dominant", "x=x[2x4x3]:dominant", "x=x[3x5]:dominant", "x=x[1x1]",
                                   "x=x[1x3]", "x=x[3x1]", "x=x[1x3x5]:dominant complete=true", "x=x[17x17]:dominant",
                                   "x=x[0x0]", "x=x[0x3x3]", "x=x[0x3]", "x=x[2x3x0]", NULL},
    .bad = (const op_bad[]){{"x=x[3]", "needs two axes or more, and has 1"}, {0}},
    .tol = {[TN_F64] = OP_TOL(1e-14, 1e-300), [TN_F32] = OP_TOL(4e-6, 1e-37)},
};

tn_qr_result tn_qr(tn_tensor *x, bool complete)
{
    tn_tensor *q = OP_MAKE(&op_qr, OP_ARGS([COMPLETE] = OP_I(complete)), x);
    return (tn_qr_result){q, q ? op_sibling(q, 1) : NULL};
}
