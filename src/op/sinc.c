/* sinc: sin(pi x) / (pi x), and 1 at 0. Near 0 it is a polynomial, so that gradients of any order are right there too. */
#include "op/scheme/op.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

/* The sum of (-z^2)^k / (2 k + 1)!; for |z| <= 1/2 what is left out is below 1e-18. */
static tn_tensor *near_0(tn_tensor *square)
{
    static const double terms[] = {-1.0 / 6, 1.0 / 120, -1.0 / 5040, 1.0 / 362880, -1.0 / 39916800, 1.0 / 6227020800.0};
    int n = (int)(sizeof terms / sizeof *terms);
    tn_tensor *sum = tn_mul_f(square, terms[n - 1]);
    for (int i = n - 2; i >= 0; i--)
        sum = tn_mul(square, tn_add_f(sum, terms[i]));
    return tn_add_f(sum, 1);
}

static tn_status sinc_lower(const op_lower *c)
{
    tn_tensor *z = tn_mul_f(c->in[0], pi), *near = tn_le(tn_abs(z), op_like_scalar(z, 0.5));
    tn_tensor *small = tn_where(near, z, op_like_scalar(z, 0)), *large = tn_where(near, op_like_scalar(z, 1), z);
    c->out[0] = tn_where(near, near_0(tn_square(small)), tn_div(tn_sin(large), large));
    return TN_OK;
}

static void sinc_ref(const op_ref *c)
{
    for (int64_t i = 0; i < c->out[0]->count; i++) {
        double z = pi * c->in[0]->f[i];
        c->out[0]->f[i] = z == 0 ? 1 : sin(z) / z;
        c->out[0]->magnitude[i] = 1;
    }
}

const op_def op_sinc = {
    .name = "sinc",
    .doc = "sin(pi x) / (pi x), 1 at 0.",
    .torch = "torch.sinc",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .infer = op_infer_same,
    .lower = sinc_lower,
    .ref = sinc_ref,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4]", "x=x[8]:unit", "x=x[]", "x=x[0x3]", NULL},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-15),
            [TN_F32] = OP_TOL(4e-6, 1e-7),
            [TN_F16] = OP_TOL(4e-3, 1e-6),
            [TN_BF16] = OP_TOL(3e-2, 1e-6)},
};

tn_tensor *tn_sinc(tn_tensor *x)
{
    return OP_MAKE(&op_sinc, NULL, x);
}
