/* lu: rows of x[m, n] in another order are a product l u of triangles, by elimination with the largest pivots. y holds both: l, whose
 * diagonal of ones is left out, below the diagonal of y, and u. order[i] is the row of x that comes i-th; in step i rows i and pivots[i]
 * changed places. A column without a pivot is left as it is. */
#include "op/scheme/linalg.h"

#include <math.h>
#include <string.h>

static tn_status lu_infer(const op_infer *c)
{
    const graph_type *x = c->in[0];
    BASE_TRY(op_want_matrix(c, 0));
    for (int i = 0; i < 3; i++)
        op_like(c, i, x);
    c->out[1].rank = c->out[2].rank = x->rank - 1;
    c->out[2].dims[x->rank - 2] = op_least(c->dims, x->dims[x->rank - 2], x->dims[x->rank - 1]);
    return TN_OK;
}

static tn_tensor *solve(tn_tensor *t, tn_tensor *b, bool upper)
{
    return tn_triangular_solve(
        t, b, TN_OPT(tn_triangular_opt, .upper = upper, .unit = !upper, .transpose = true, .right = upper));
}

/* Of square l u = b: l^-T (below(l^T dl) + above(du u^T)) u^-T, as l^-1 db u^-1 is the sum of a triangle for each. */
static tn_tensor *square_backward(tn_tensor *l, tn_tensor *u, tn_tensor *dl, tn_tensor *du)
{
    tn_tensor *below = tn_tril(tn_matmul(op_turned(l), dl), -1), *above = tn_triu(tn_matmul(du, op_turned(u)), 0);
    return solve(u, solve(l, tn_add(below, above), false), true);
}

/* Rows and columns of a matrix, from where they begin. */
static tn_tensor *block(tn_tensor *x, tn_dim row, tn_dim rows, tn_dim column, tn_dim columns)
{
    return tn_slice(tn_slice(x, -2, row, rows), -1, column, columns);
}

/* What is beside the square, of more columns u2 = l^-1 b2, of more rows l2 = b2 u^-1, adds to the gradient of the square. Of sizes that
 * are not known both are there, one of them empty. */
static tn_tensor *ordered_backward(tn_tensor *y, tn_tensor *dy)
{
    tn_dim m = tn_dim_of(y, -2), n = tn_dim_of(y, -1), k = op_least(y->graph->dims, m, n);
    tn_tensor *square = block(y, 0, k, 0, k), *dsquare = block(dy, 0, k, 0, k), *right = NULL, *below = NULL;
    tn_tensor *l = tn_add(tn_tril(square, -1), tn_eye(y->graph, y->type.dtype, k, k)), *u = tn_triu(square, 0);
    tn_tensor *dl = tn_tril(dsquare, -1), *du = tn_triu(dsquare, 0);
    if (k != n) {
        right = solve(l, block(dy, 0, k, k, n), false);
        dl = tn_sub(dl, tn_tril(tn_matmul(right, op_turned(block(y, 0, k, k, n))), -1));
    }
    if (k != m) {
        below = solve(u, block(dy, k, m, 0, k), true);
        du = tn_sub(du, tn_triu(tn_matmul(op_turned(block(y, k, m, 0, k)), below), 0));
    }
    tn_tensor *db = square_backward(l, u, dl, du);
    db = right ? tn_concat(2, (tn_tensor *[]){db, right}, -1) : db;
    if (right && below)
        below = tn_concat(2, (tn_tensor *[]){below, tn_mul_f(block(dy, k, m, k, n), 0)}, -1);
    return below ? tn_concat(2, (tn_tensor *[]){db, below}, -2) : db;
}

static tn_status lu_backward(const op_grad *c)
{
    tn_tensor *back = tn_argsort(op_out(c, 1), -1, false);
    return op_give(c, 0, tn_take_along(ordered_backward(op_out(c, 0), op_dout(c, 0)), -2, tn_unsqueeze(back, -1)));
}

static void exchange(double *y, int64_t n, int64_t a, int64_t b)
{
    for (int64_t j = 0; j < n && a != b; j++) {
        double t = y[a * n + j];
        y[a * n + j] = y[b * n + j];
        y[b * n + j] = t;
    }
}

static void lu_one(double *y, int64_t m, int64_t n, int64_t *order, int64_t *pivots)
{
    for (int64_t c = 0; c < m && c < n; c++) {
        int64_t best = c, row = order[c];
        for (int64_t i = c + 1; i < m; i++)
            best = fabs(y[i * n + c]) > fabs(y[best * n + c]) ? i : best;
        exchange(y, n, c, best);
        order[c] = order[best];
        order[best] = row;
        pivots[c] = best;
        for (int64_t i = c + 1; i < m && y[c * n + c] != 0; i++) { /* NOLINT */
            y[i * n + c] /= y[c * n + c];
            for (int64_t j = c + 1; j < n; j++)
                y[i * n + j] -= y[i * n + c] * y[c * n + j];
        }
    }
}

static void lu_ref(const op_ref *c)
{
    const op_array *x = c->in[0];
    op_array *y = c->out[0];
    int64_t m = op_rows(x), n = op_cols(x), k = m < n ? m : n, matrices = m ? c->out[1]->count / m : 0;
    for (int64_t b = 0; b < matrices; b++) {
        double *to = y->f + b * m * n;
        int64_t *order = c->out[1]->i + b * m, *pivots = c->out[2]->i + b * k;
        for (int64_t i = 0; i < m; i++)
            order[i] = i;
        for (int64_t i = 0; i < k; i++)
            pivots[i] = i;
        memcpy(to, x->f + b * m * n, (size_t)(m * n) * sizeof *to);
        if (op_finite(to, m * n))
            lu_one(to, m, n, order, pivots);
        else
            op_fill_nan(to, m * n);
        double most = op_largest(to, m * n), least = most;
        for (int64_t i = 0; i < k; i++)
            least = fmin(least, fabs(to[i * (n + 1)]));
        for (int64_t i = 0; i < m * n; i++)
            y->magnitude[b * m * n + i] = most * (1 + (least > 0 ? most / least : 1));
    }
}

const op_def op_lu = {
    .name = "lu",
    .doc = "Triangles l and u in one matrix, whose product is x with its rows in another order; that order, and its "
           "steps.",
    .torch = "torch.linalg.lu_factor",
    .in = {{"x", OP_BIT(TN_F64) | OP_BIT(TN_F32), 'T'}},
    .out = {{"y", 0, 'T'}, {"order", OP_BIT(TN_I64)}, {"pivots", OP_BIT(TN_I64)}},
    .infer = lu_infer,
    .grad = lu_backward,
    .ref = lu_ref,
    .flops = op_eliminate_flops,
    .cases = (const char *const[]){"x=x[3x3]", "x=x[2x4x4]:dominant", "x=x[1x1]", "x=x[3x2x2x2]", "x=x[17x17]:dominant",
                                   "x=x[3x5]", "x=x[2x5x3]", "x=x[1x3]", "x=x[3x1]", "x=x[0x0]", "x=x[0x3x3]",
                                   "x=x[0x3]", "x=x[3x0]", NULL},
    .bad = (const op_bad[]){{"x=x[3]", "needs two axes or more, and has 1"}, {0}},
    .tol = {[TN_F64] = OP_TOL(1e-14, 1e-300), [TN_F32] = OP_TOL(2e-6, 1e-37), [TN_I64] = OP_EXACT},
};

tn_lu_result tn_lu(tn_tensor *x)
{
    tn_tensor *y = OP_MAKE(&op_lu, NULL, x);
    if (op_unusable(y))
        return (tn_lu_result){y, y, y, y};
    tn_dim m = tn_dim_of(y, -2), n = tn_dim_of(y, -1), k = op_least(x->graph->dims, m, n);
    tn_tensor *l = tn_tril(tn_slice(y, -1, 0, k), -1), *u = tn_triu(tn_slice(y, -2, 0, k), 0);
    l = tn_add(l, tn_eye(x->graph, x->type.dtype, m, k));
    return (tn_lu_result){l, u, op_sibling(y, 1), op_sibling(y, 2)};
}
