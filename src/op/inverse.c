/* inverse: of each matrix. A matrix that has none is a fault at run time, or gives NaN (check = false). With `old` and `due` it is
 * computed where due is true, and else old stays: optimizers take inverses every so many steps. */
#include "op/scheme/linalg.h"

#include <string.h>

enum { CHECK };

/* From d(y) = -y dx y. */
static tn_status inverse_backward(const op_grad *c)
{
    tn_tensor *turned = op_turned(op_out(c, 0)), *due = op_in(c, 2), *zero = op_like_scalar(turned, 0);
    tn_tensor *dx = tn_neg(tn_matmul(turned, tn_matmul(op_dout(c, 0), turned)));
    if (due && op_wants(c, 1))
        op_give(c, 1, tn_where(due, zero, op_dout(c, 0)));
    return op_give(c, 0, due ? tn_where(due, dx, zero) : dx);
}

static void inverse_ref(const op_ref *c)
{
    const op_array *x = c->in[0];
    int64_t n = op_rows(x), minor;
    if (c->in[1] && !c->in[2]->i[0]) {
        memcpy(c->out[0]->f, c->in[1]->f, (size_t)x->count * sizeof *x->f);
        return;
    }
    for (int64_t b = 0; b < op_matrices(x); b++) {
        const double *from = x->f + b * n * n;
        double *y = c->out[0]->f + b * n * n;
        bool good = op_finite(from, n * n);
        if (good && op_invert(from, n, c->room, y, &minor) == 0) {
            good = false;
            if (c->arg[CHECK].i)
                op_ref_fault(c, "a matrix is singular");
        }
        if (good)
            op_solve_magnitude(from, y, n, y, n, c->out[0]->magnitude + b * n * n, c->room);
        else
            op_fill_nan(y, n * n);
    }
}

static double inverse_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)arg, (void)in;
    return 2 * op_elements(out) * (double)out->dims[out->rank - 1];
}

const op_def op_inverse = {
    .name = "inverse",
    .doc = "The inverse of each matrix; a singular one is a fault.",
    .torch = "torch.linalg.inv",
    .in = {{"x", OP_BIT(TN_F64) | OP_BIT(TN_F32), 'T'},
           {"old", OP_BIT(TN_F64) | OP_BIT(TN_F32), 'T', OP_OPTIONAL},
           {"due", OP_BOOLS, 0, OP_OPTIONAL}},
    .out = {{"y", 0, 'T'}},
    .arg = {[CHECK] = OP_ARG_BOOL("check", true)},
    .flags = OP_FAULTS | OP_SINGULAR,
    .infer = op_infer_when,
    .grad = inverse_backward,
    .ref = inverse_ref,
    .room = 1,
    .flops = inverse_flops,
    .cases = (const char *const[]){"x=x[3x3]", "x=x[2x4x4]:dominant", "x=x[1x1]:dominant", "x=x[3x2x2x2]:dominant",
                                   "x=x[17x17]:dominant", "x=x[0x0]", "x=x[0x3x3]", "x=x[2x0x0]",
                                   "x=f[2x2]:index=1 check=false", "x=x[3x3]:dominant old=x[3x3] due=b[]",
                                   "x=x[2x3x3]:dominant old=x[2x3x3] due=b[]:positive", NULL},
    .bad = (const op_bad[]){{"x=x[3]", "needs two axes or more, and has 1"},
                            {"x=x[2x3]", "'x' are not square"},
                            {"x=x[3x3] old=x[3x3]", "'old' and 'due' belong together"},
                            {"x=x[3x3] old=x[3x3] due=b[1]", "due has no axes"},
                            {"x=x[3x3] old=x[3x4] due=b[]", "must have the shape of 'x'"},
                            {0}},
    .fault = (const op_bad[]){{"x=f[2x3x3]:index=1", "singular (matrix 0, pivot 1)"}, {0}},
    .tol = {[TN_F64] = OP_TOL(1e-14, 1e-300), [TN_F32] = OP_TOL(2e-6, 1e-37)},
};

tn_tensor *tn_inverse(tn_tensor *x)
{
    return OP_MAKE(&op_inverse, NULL, x, NULL, NULL);
}

tn_tensor *op_inverse_of(tn_tensor *x)
{
    return OP_MAKE(&op_inverse, OP_ARGS([CHECK] = OP_I(false)), x, NULL, NULL);
}

tn_tensor *op_inverse_when(tn_tensor *x, tn_tensor *old, tn_tensor *due)
{
    return OP_MAKE(&op_inverse, OP_ARGS([CHECK] = OP_I(false)), x, old, due);
}
