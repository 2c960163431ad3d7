/* cofactors_grad: the gradient of cofactors, so the second one of the determinant, at any matrix, singular ones too. It is linear in dy, and
 * its own adjoint there, as second derivatives are symmetric. */
#include "op/scheme/linalg.h"

static tn_status cofactors_grad_infer(const op_infer *c)
{
    BASE_TRY(op_want_square(c, 0));
    BASE_TRY(op_want_shape(c, 1, c->in[0]));
    return op_infer_same(c);
}

/* The sum of the elements of each matrix of a * b. */
static tn_tensor *inner(tn_tensor *a, tn_tensor *b)
{
    const int64_t matrix[2] = {-2, -1};
    return tn_sum_axes(tn_mul(a, b), 2, matrix, true);
}

/* w a^T w b^T w */
static tn_tensor *chain(tn_tensor *w, tn_tensor *a, tn_tensor *b)
{
    return tn_matmul(tn_matmul(tn_matmul(tn_matmul(w, op_turned(a)), w), op_turned(b)), w);
}

/* With w the transposed inverse and y = det(x) w the value is y <dy, w> - w dy^T y; what arrives, e, times it is
 * det(x) (<dy, w> <e, w> - <e, w dy^T w>), differentiated here. Where there is no inverse that is NaN. Its terms cancel, so it is f64. */
static tn_tensor *third(tn_tensor *x, tn_tensor *dy, tn_tensor *e)
{
    tn_tensor *w = op_turned(op_inverse_of(x)), *det = op_as_matrix(tn_det(x));
    tn_tensor *ofdy = tn_matmul(tn_matmul(w, op_turned(dy)), w), *ofe = tn_matmul(tn_matmul(w, op_turned(e)), w);
    tn_tensor *p = inner(dy, w), *q = inner(e, w), *whole = tn_sub(tn_mul(p, q), inner(e, ofdy));
    tn_tensor *sum = tn_sub(tn_mul(w, whole), tn_add(tn_mul(ofdy, q), tn_mul(ofe, p)));
    return tn_mul(det, tn_add(sum, tn_add(chain(w, e, dy), chain(w, dy, e))));
}

static tn_status cofactors_grad_backward(const op_grad *c)
{
    tn_tensor *x = op_in(c, 0), *e = op_dout(c, 0);
    if (op_wants(c, 0)) {
        tn_tensor *sum = third(op_cast_to(x, TN_F64), op_cast_to(op_in(c, 1), TN_F64), op_cast_to(e, TN_F64));
        BASE_TRY(op_give(c, 0, op_cast_to(sum, tn_tensor_dtype(x))));
    }
    return op_wants(c, 1) ? op_give(c, 1, op_cofactors_grad_of(x, e)) : TN_OK;
}

static void cofactors_grad_ref(const op_ref *c)
{
    const op_array *x = c->in[0], *dy = c->in[1];
    op_array *dx = c->out[0];
    int64_t n = op_rows(x);
    for (int64_t b = 0; b < op_matrices(x); b++) {
        const double *from = x->f + b * n * n, *along = dy->f + b * n * n;
        double *to = dx->f + b * n * n;
        if (!op_finite(from, n * n) || !op_finite(along, n * n)) {
            op_fill_nan(to, n * n);
            continue;
        }
        op_move_cofactors(from, along, n, to, c->room);
        for (int64_t i = 0; i < n * n; i++)
            dx->magnitude[b * n * n + i] = op_largest(to, n * n);
    }
}

const op_def op_cofactors_grad = {
    .name = "cofactors_grad",
    .doc = "The gradient of cofactors. Its own, for x where the determinant is 0, is NaN.",
    .in = {{"x", OP_BIT(TN_F64) | OP_BIT(TN_F32), 'T'}, {"dy", OP_BIT(TN_F64) | OP_BIT(TN_F32), 'T'}},
    .out = {{"dx", 0, 'T'}},
    .infer = cofactors_grad_infer,
    .grad = cofactors_grad_backward,
    .ref = cofactors_grad_ref,
    .room = 6,
    .flops = op_eliminate_flops,
    .cases = (const char *const[]){"x=x[3x3] dy=x[3x3]", "x=x[2x4x4]:dominant dy=x[2x4x4]", "x=x[1x1] dy=x[1x1]",
                                   "x=x[3x2x2x2] dy=x[3x2x2x2]", "x=x[17x17]:dominant dy=x[17x17]",
                                   "x=x[2x2]:kinks=0 dy=x[2x2]", "x=x[4x4]:kinks=0 dy=x[4x4]", "x=x[0x0] dy=x[0x0]",
                                   "x=x[0x3x3] dy=x[0x3x3]", "x=x[2x0x0] dy=x[2x0x0]", NULL},
    .bad = (const op_bad[]){{"x=x[3] dy=x[3]", "needs two axes or more, and has 1"},
                            {"x=x[2x3] dy=x[2x3]", "'x' are not square"},
                            {"x=x[2x2] dy=x[3x3]", "'dy' must have the shape of 'x'"},
                            {0}},
    .tol = {[TN_F64] = OP_TOL(1e-14, 1e-300), [TN_F32] = OP_TOL(4e-6, 1e-37)},
};

tn_tensor *op_cofactors_grad_of(tn_tensor *x, tn_tensor *dy)
{
    return OP_MAKE(&op_cofactors_grad, NULL, x, dy);
}
