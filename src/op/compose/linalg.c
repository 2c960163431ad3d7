/* linalg.c: builders on matrices that are put together from factorisations and products. */
#include "op/scheme/linalg.h"
#include "op/compose/compose.h"

#include <float.h>

/* Whether x has matrices, square ones if asked for; else the sentence is its graph's. */
static bool has_matrices(tn_tensor *x, const char *builder, bool square)
{
    if (op_unusable(x))
        return false;
    if (x->type.rank < 2) {
        OP_REFUSE(x, TN_SHAPE, "%s of '%s' needs two axes or more; it has %d", builder, tn_tensor_name(x),
                  x->type.rank);
        return false;
    }
    if (!square || dim_same(x->graph->dims, tn_dim_of(x, -2), tn_dim_of(x, -1), builder))
        return true;
    OP_REFUSE(x, TN_SHAPE, "%s of '%s': its matrices are not square", builder, tn_tensor_name(x));
    return false;
}

tn_tensor *tn_trace(tn_tensor *x)
{
    if (!has_matrices(x, "trace", false))
        return op_failure_of(x, x);
    return tn_sum_axes(tn_diagonal(x, 0, -2, -1), 1, (int64_t[]){-1}, false);
}

tn_tensor *tn_matrix_power(tn_tensor *x, int64_t power)
{
    if (!has_matrices(x, "matrix_power", true))
        return op_failure_of(x, x);
    if (power > 1 << 20 || power < -(1 << 20))
        return OP_REFUSE(x, TN_INVALID, "matrix_power of '%s': the power %lld is beyond 2^20", tn_tensor_name(x),
                         (long long)power);
    if (power == 0) {
        tn_tensor *eye = tn_eye(x->graph, x->type.dtype, tn_dim_of(x, -1), tn_dim_of(x, -1));
        return tn_expand(eye, tn_tensor_shape(x));
    }
    tn_tensor *square = power < 0 ? tn_inverse(x) : x, *y = NULL;
    for (int64_t left = power < 0 ? -power : power;; square = tn_matmul(square, square)) {
        if (left & 1)
            y = y ? tn_matmul(y, square) : square;
        if (!(left >>= 1))
            return y;
    }
}

tn_tensor *tn_cholesky_solve(tn_tensor *b, tn_tensor *l, bool upper)
{
    tn_tensor *half = tn_triangular_solve(l, b, TN_OPT(tn_triangular_opt, .upper = upper, .transpose = upper));
    return tn_triangular_solve(l, half, TN_OPT(tn_triangular_opt, .upper = upper, .transpose = !upper));
}

tn_tensor *tn_pinv(tn_tensor *x, double rcond)
{
    if (!has_matrices(x, "pinv", false))
        return op_failure_of(x, x);
    if (!(rcond >= 0 && rcond < 1))
        return OP_REFUSE(x, TN_INVALID, "pinv of '%s': rcond is %g; it must be at least 0 and below 1",
                         tn_tensor_name(x), rcond);
    tn_dim m = tn_dim_of(x, -2), n = tn_dim_of(x, -1);
    if (rcond == 0)
        rcond = (x->type.dtype == TN_F64 ? DBL_EPSILON : (double)FLT_EPSILON) *
                (dim_literal(m) && dim_literal(n) ? (double)(m > n ? m : n) : 1);
    tn_svd_result f = tn_svd(x);
    if (op_unusable(f.u))
        return f.u;
    if (m == 0 || n == 0)
        return op_turned(x);
    tn_tensor *most = tn_slice(f.s, -1, 0, 1), *one = op_like_scalar(x, 1);
    tn_tensor *counts = tn_gt(f.s, tn_mul_f(most, rcond));
    tn_tensor *inverse = tn_where(counts, tn_div(one, tn_where(counts, f.s, one)), op_like_scalar(x, 0));
    return tn_matmul(op_turned(f.vt), tn_mul(tn_unsqueeze(inverse, -1), op_turned(f.u)));
}

/* With a = q r: r x = q^T b. Of fewer rows than columns: a^T = q r, x = q r^-T b. */
tn_tensor *tn_lstsq(tn_tensor *a, tn_tensor *b)
{
    if (!has_matrices(a, "lstsq", false) || !has_matrices(b, "lstsq", false))
        return op_unusable(b) ? op_failure_of(b, a) : op_failure_of(a, b);
    tn_dim m = tn_dim_of(a, -2), n = tn_dim_of(a, -1);
    if (!dim_same(a->graph->dims, m, tn_dim_of(b, -2), "lstsq"))
        return OP_REFUSE(a, TN_SHAPE, "lstsq of '%s' and '%s': their matrices have not the same number of rows",
                         tn_tensor_name(a), tn_tensor_name(b));
    bool wide = dim_literal(m) && dim_literal(n) && m < n;
    tn_qr_result f = tn_qr(wide ? op_turned(a) : a, false);
    if (op_unusable(f.q))
        return f.q;
    if (!wide)
        return tn_triangular_solve(f.r, tn_matmul(op_turned(f.q), b), TN_OPT(tn_triangular_opt, .upper = true));
    return tn_matmul(f.q, tn_triangular_solve(f.r, b, TN_OPT(tn_triangular_opt, .upper = true, .transpose = true)));
}

tn_tensor *tn_outer(tn_tensor *a, tn_tensor *b)
{
    if (op_unusable(a) || op_unusable(b))
        return op_unusable(a) ? op_failure_of(a, b) : op_failure_of(b, a);
    if (a->type.rank < 1 || b->type.rank < 1)
        return OP_REFUSE(a, TN_SHAPE, "outer of '%s' and '%s' needs an axis of each", tn_tensor_name(a),
                         tn_tensor_name(b));
    return tn_mul(tn_unsqueeze(a, -1), tn_unsqueeze(b, -2));
}

tn_tensor *tn_kron(tn_tensor *a, tn_tensor *b)
{
    if (!has_matrices(a, "kron", false) || !has_matrices(b, "kron", false))
        return op_unusable(b) ? op_failure_of(b, a) : op_failure_of(a, b);
    tn_dim rows = dim_mul(a->graph->dims, tn_dim_of(a, -2), tn_dim_of(b, -2)),
           cols = dim_mul(a->graph->dims, tn_dim_of(a, -1), tn_dim_of(b, -1));
    tn_tensor *blocks = tn_mul(tn_unsqueeze(tn_unsqueeze(a, -1), -3), tn_unsqueeze(tn_unsqueeze(b, -2), -4));
    if (op_unusable(blocks))
        return blocks;
    tn_shape shape = tn_tensor_shape(blocks);
    shape.rank -= 2;
    shape.dims[shape.rank - 2] = rows;
    shape.dims[shape.rank - 1] = cols;
    return tn_reshape(blocks, shape);
}
