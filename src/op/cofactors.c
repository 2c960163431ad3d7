/* cofactors: the matrix of cofactors, which is the gradient of the determinant: det(x) times the transposed inverse where there is one,
 * a product of two vectors where the rank is one less, and else 0. */
#include "op/scheme/linalg.h"

#include <math.h>
#include <string.h>

static tn_status cofactors_infer(const op_infer *c)
{
    BASE_TRY(op_want_square(c, 0));
    return op_infer_same(c);
}

static tn_status cofactors_backward(const op_grad *c)
{
    return op_give(c, 0, op_cofactors_grad_of(op_in(c, 0), op_dout(c, 0)));
}

static void cofactors_ref(const op_ref *c)
{
    const op_array *x = c->in[0];
    op_array *y = c->out[0];
    int64_t n = op_rows(x);
    for (int64_t b = 0; b < op_matrices(x); b++) {
        const double *from = x->f + b * n * n;
        double *to = y->f + b * n * n, det = 0, moved = 0;
        if (!op_finite(from, n * n)) {
            op_fill_nan(to, n * n);
            continue;
        }
        op_find_cofactors(from, n, to, c->room);
        for (int64_t i = 0; i < n; i++) {
            det += from[i] * to[i];
            for (int64_t j = 0; j < n; j++)
                moved += fabs(from[i * n + j] * to[i * n + j]);
        }
        double size = op_largest(to, n * n) * (1 + (double)n + (det != 0 ? moved / fabs(det) : 0)); /* NOLINT */
        for (int64_t i = 0; i < n * n; i++)
            y->magnitude[b * n * n + i] = size;
    }
}

const op_def op_cofactors = {
    .name = "cofactors",
    .doc = "The matrix of cofactors: the gradient of the determinant.",
    .in = {{"x", OP_BIT(TN_F64) | OP_BIT(TN_F32), 'T'}},
    .out = {{"y", 0, 'T'}},
    .infer = cofactors_infer,
    .grad = cofactors_backward,
    .ref = cofactors_ref,
    .room = 4,
    .flops = op_eliminate_flops,
    .cases = (const char *const[]){"x=x[3x3]", "x=x[2x4x4]:dominant", "x=x[1x1]", "x=x[3x2x2x2]", "x=x[17x17]:dominant",
                                   "x=x[2x2]:kinks=0", "x=x[4x4]:kinks=0", "x=x[5x2x2]:kinks=0", "x=x[0x0]",
                                   "x=x[0x3x3]", "x=x[2x0x0]", NULL},
    .bad = (const op_bad[]){{"x=x[3]", "needs two axes or more, and has 1"}, {"x=x[2x3]", "'x' are not square"}, {0}},
    .tol = {[TN_F64] = OP_TOL(1e-14, 1e-300), [TN_F32] = OP_TOL(4e-6, 1e-37)},
};

tn_tensor *op_cofactors_of(tn_tensor *x)
{
    return OP_MAKE(&op_cofactors, NULL, x);
}
