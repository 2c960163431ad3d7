/* det: the determinant of each matrix, by elimination. */
#include "op/scheme/linalg.h"

#include <math.h>

static tn_status det_infer(const op_infer *c)
{
    BASE_TRY(op_want_square(c, 0));
    op_infer_same(c);
    c->out[0].rank -= 2;
    return TN_OK;
}

static tn_status det_backward(const op_grad *c)
{
    return op_give(c, 0, tn_mul(op_as_matrix(op_dout(c, 0)), op_cofactors_of(op_in(c, 0))));
}

static void det_ref(const op_ref *c)
{
    const op_array *x = c->in[0];
    op_array *y = c->out[0];
    int64_t n = op_rows(x), minor;
    for (int64_t b = 0; b < y->count; b++) {
        const double *from = x->f + b * n * n;
        double *used = c->room, *inverse = used + n * n;
        bool finite = op_finite(from, n * n);
        int sign = finite ? op_invert(from, n, used, inverse, &minor) : 0;
        y->f[b] = finite ? sign : (double)NAN;
        for (int64_t i = 0; i < n && sign; i++)
            y->f[b] *= used[i * n + i];
        y->magnitude[b] = sign ? fabs(y->f[b]) * (1 + op_condition(from, inverse, n)) : 0;
    }
}

const op_def op_det = {
    .name = "det",
    .doc = "The determinant of each matrix. Its third gradient where that is 0 is NaN.",
    .torch = "torch.linalg.det",
    .onnx = "Det",
    .in = {{"x", OP_BIT(TN_F64) | OP_BIT(TN_F32), 'T'}},
    .out = {{"y", 0, 'T'}},
    .infer = det_infer,
    .grad = det_backward,
    .ref = det_ref,
    .room = 2,
    .flops = op_eliminate_flops,
    .cases = (const char *const[]){"x=x[3x3]", "x=x[2x4x4]:dominant", "x=x[1x1]", "x=x[3x2x2x2]", "x=x[17x17]:dominant",
                                   "x=x[0x0]", "x=x[0x3x3]", "x=x[2x0x0]", NULL},
    .bad = (const op_bad[]){{"x=x[3]", "needs two axes or more, and has 1"}, {"x=x[2x3]", "'x' are not square"}, {0}},
    .tol = {[TN_F64] = OP_TOL(1e-14, 1e-300), [TN_F32] = OP_TOL(2e-6, 1e-37)},
};

tn_tensor *tn_det(tn_tensor *x)
{
    return OP_MAKE(&op_det, NULL, x);
}
