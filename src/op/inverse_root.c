/* inverse_root: x^(-1 / degree) of symmetric matrices with eigenvalues above 0; those that are less than a rounding of the largest count as
 * that. With `old` and `due` it is computed where due is true, and else old stays. Half the sum of x and x^T is what is read. */
#include "op/scheme/linalg.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { DEGREE };

static double floor_of(tn_dtype dtype)
{
    return dtype == TN_F64 ? DBL_EPSILON : (double)FLT_EPSILON;
}

static tn_status inverse_root_lower(const op_lower *c)
{
    tn_tensor *x = c->in[0], *y = x;
    if (tn_dim_of(x, -1) != 0) {
        tn_eigh_result e = tn_eigh(x, TN_TRIANGLE_BOTH);
        tn_tensor *most = tn_max_axes(e.values, 1, (const int64_t[]){-1}, true);
        tn_tensor *values = tn_maximum(e.values, tn_mul_f(most, floor_of(x->type.dtype)));
        values = tn_pow_f(values, -1 / (double)c->node->arg[DEGREE].i);
        y = tn_matmul(tn_mul(e.vectors, tn_unsqueeze(values, -2)), op_turned(e.vectors));
    }
    c->out[0] = c->in[2] ? tn_where(c->in[2], y, c->in[1]) : y;
    return TN_OK;
}

static void root_of(const op_ref *c, int64_t b, int64_t n)
{
    double *y = c->out[0]->f + b * n * n, *v = c->room + n * n, *value = v + n * n, degree = (double)c->arg[DEGREE].i;
    if (!op_read_symmetric(c->in[0]->f + b * n * n, c->room, n, OP_BOTH)) {
        op_fill_nan(y, n * n);
        return;
    }
    op_jacobi(c->room, n, value, v);
    double least = value[n - 1] * floor_of(c->out[0]->dtype), most = 0;
    for (int64_t k = 0; k < n; k++) {
        double root = pow(fmax(value[k], least), -1 / degree);
        most = fmax(most, root * value[n - 1] / fmax(value[k], least));
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < n; j++)
                y[i * n + j] += root * v[i * n + k] * v[j * n + k];
    }
    for (int64_t i = 0; i < n * n; i++)
        c->out[0]->magnitude[b * n * n + i] = most;
}

static void inverse_root_ref(const op_ref *c)
{
    const op_array *x = c->in[0];
    if (c->in[1] && !c->in[2]->i[0])
        memcpy(c->out[0]->f, c->in[1]->f, (size_t)x->count * sizeof *x->f);
    else
        for (int64_t b = 0; b < op_matrices(x); b++)
            root_of(c, b, op_rows(x));
}

static double inverse_root_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)arg, (void)out;
    return 11 * op_elements(in[0]) * (double)in[0]->dims[in[0]->rank - 1];
}

const op_def op_inverse_root = {
    .name = "inverse_root",
    .doc = "x^(-1 / degree) of symmetric matrices with eigenvalues above 0.",
    .in = {{"x", OP_BIT(TN_F64) | OP_BIT(TN_F32), 'T'},
           {"old", OP_BIT(TN_F64) | OP_BIT(TN_F32), 'T', OP_OPTIONAL},
           {"due", OP_BOOLS, 0, OP_OPTIONAL}},
    .out = {{"y", 0, 'T'}},
    .arg = {[DEGREE] = OP_ARG_INT_IN("degree", 2, 1, 8)},
    .infer = op_infer_when,
    .lower = inverse_root_lower,
    .ref = inverse_root_ref,
    .room = 3,
    .flops = inverse_root_flops,
    .cases = (const char *const[]){"x=x[3x3]:dominant", "x=x[2x4x4]:dominant degree=4", "x=x[1x1]:dominant",
                                   "x=x[5x5]:dominant degree=1", "x=x[17x17]:dominant degree=3", "x=x[0x0]",
                                   "x=x[0x3x3]", "x=x[3x3]:dominant old=x[3x3] due=b[]",
                                   "x=x[2x3x3]:dominant old=x[2x3x3] due=b[]:positive degree=4", NULL},
    .bad = (const op_bad[]){{"x=x[3]", "needs two axes or more, and has 1"},
                            {"x=x[2x3]", "'x' are not square"},
                            {"x=x[3x3] old=x[3x3]", "'old' and 'due' belong together"},
                            {"x=x[3x3] old=x[3x3] due=b[1]", "due has no axes"},
                            {"x=x[3x3] old=x[3x4] due=b[]", "must have the shape of 'x'"},
                            {"x=x[3x3] degree=9", "degree"},
                            {0}},
    .tol = {[TN_F64] = OP_TOL(2e-14, 1e-300), [TN_F32] = OP_TOL(4e-6, 1e-37)},
};

tn_tensor *op_inverse_root_when(tn_tensor *x, int degree, tn_tensor *old, tn_tensor *due)
{
    return OP_MAKE(&op_inverse_root, OP_ARGS([DEGREE] = OP_I(degree)), x, old, due);
}
