/* slogdet: the determinant of each matrix as its sign and the logarithm of its size: 0 and -infinity where it is 0. */
#include "op/scheme/linalg.h"

#include <math.h>

static tn_status slogdet_infer(const op_infer *c)
{
    BASE_TRY(op_want_square(c, 0));
    op_like(c, 1, c->in[0]);
    op_infer_same(c);
    c->out[0].rank -= 2;
    c->out[1].rank -= 2;
    return TN_OK;
}

static tn_status slogdet_backward(const op_grad *c)
{
    tn_tensor *inverse = op_turned(op_inverse_of(op_in(c, 0)));
    return op_give(c, 0, tn_mul(op_as_matrix(op_dout(c, 1)), inverse));
}

static void slogdet_ref(const op_ref *c)
{
    const op_array *x = c->in[0];
    op_array *sign = c->out[0], *log_size = c->out[1];
    int64_t n = op_rows(x), minor;
    for (int64_t b = 0; b < sign->count; b++) {
        const double *from = x->f + b * n * n;
        double *used = c->room, *inverse = used + n * n, *size = log_size->magnitude + b;
        bool finite = op_finite(from, n * n);
        int turns = finite ? op_invert(from, n, used, inverse, &minor) : 0;
        sign->f[b] = finite ? turns : (double)NAN;
        log_size->f[b] = finite ? turns ? 0 : -(double)INFINITY : (double)NAN;
        for (int64_t i = 0; i < n && turns; i++) {
            sign->f[b] = used[i * n + i] < 0 ? -sign->f[b] : sign->f[b];
            log_size->f[b] += log(fabs(used[i * n + i]));
            *size += fabs(log(fabs(used[i * n + i])));
        }
        *size += turns ? op_condition(from, inverse, n) : 0;
    }
}

const op_def op_slogdet = {
    .name = "slogdet",
    .doc = "The sign of each determinant and the logarithm of its size. The gradient where it is 0 is NaN.",
    .torch = "torch.linalg.slogdet",
    .in = {{"x", OP_BIT(TN_F64) | OP_BIT(TN_F32), 'T'}},
    .out = {{"sign", 0, 'T'}, {"log_size", 0, 'T'}},
    .infer = slogdet_infer,
    .grad = slogdet_backward,
    .ref = slogdet_ref,
    .room = 2,
    .flops = op_eliminate_flops,
    .cases = (const char *const[]){"x=x[3x3]", "x=x[2x4x4]:dominant", "x=x[1x1]", "x=x[3x2x2x2]", "x=x[17x17]:dominant",
                                   "x=x[64x64]:dominant", "x=x[0x0]", "x=x[0x3x3]", "x=x[2x0x0]", NULL},
    .bad = (const op_bad[]){{"x=x[3]", "needs two axes or more, and has 1"}, {"x=x[2x3]", "'x' are not square"}, {0}},
    .tol = {[TN_F64] = OP_TOL(1e-14, 1e-300), [TN_F32] = OP_TOL(2e-6, 1e-37)},
};

tn_log_det tn_slogdet(tn_tensor *x)
{
    tn_tensor *sign = OP_MAKE(&op_slogdet, NULL, x);
    return (tn_log_det){sign, sign ? op_sibling(sign, 1) : NULL};
}
