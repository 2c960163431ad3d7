/* eigh: values in rising order and vectors (columns, of length 1) of symmetric matrices. The sign of a vector is such that its largest
 * element is above 0. `triangle`: what is read of x; both: half the sum of x and x^T. */
#include "op/scheme/linalg.h"

#include <math.h>
#include <string.h>

enum { TRIANGLE };

static tn_status eigh_infer(const op_infer *c)
{
    BASE_TRY(op_want_square(c, 0));
    op_infer_same(c);
    c->out[0].rank--;
    return op_like(c, 1, c->in[0]);
}

/* v (diag(dvalue) + (v^T dv) / gaps) v^T, gaps[i, j] = value[j] - value[i]: unbounded where values meet. */
static tn_status eigh_backward(const op_grad *c)
{
    tn_tensor *value = op_out(c, 0), *v = op_out(c, 1);
    tn_dim n = tn_dim_of(v, -1);
    tn_tensor *eye = tn_eye(c->graph, v->type.dtype, n, n);
    tn_tensor *middle = tn_mul(eye, tn_unsqueeze(op_dout(c, 0), -1));
    if (c->dout[1]) {
        tn_tensor *gaps = tn_add(tn_sub(tn_unsqueeze(value, -2), tn_unsqueeze(value, -1)), eye);
        tn_tensor *turn = tn_div(tn_sub(op_like_scalar(v, 1), eye), gaps);
        middle = tn_add(middle, tn_mul(tn_matmul(op_turned(v), op_dout(c, 1)), turn));
    }
    tn_tensor *dx = tn_matmul(tn_matmul(v, middle), op_turned(v));
    return op_give(c, 0, op_on_triangle(dx, op_arg(c, TRIANGLE)->i));
}

/* A vector turns by as much as its value is near to another. */
static void set_magnitude(const double *value, double *of_value, double *of_vectors, int64_t n)
{
    double most = op_largest(value, n);
    for (int64_t j = 0; j < n; j++) {
        double gap = most;
        for (int64_t k = 0; k < n; k++)
            gap = k == j ? gap : fmin(gap, fabs(value[k] - value[j]));
        of_value[j] = most;
        for (int64_t i = 0; i < n; i++)
            of_vectors[i * n + j] = gap > 0 ? most / gap : 1;
    }
}

static void eigh_ref(const op_ref *c)
{
    const op_array *x = c->in[0];
    op_array *value = c->out[0], *v = c->out[1];
    int64_t n = op_rows(x);
    for (int64_t b = 0; b < op_matrices(x); b++) {
        double *to = v->f + b * n * n;
        if (!op_read_symmetric(x->f + b * n * n, c->room, n, c->arg[TRIANGLE].i)) {
            op_fill_nan(to, n * n);
            op_fill_nan(value->f + b * n, n);
            continue;
        }
        op_jacobi(c->room, n, value->f + b * n, to);
        set_magnitude(value->f + b * n, value->magnitude + b * n, v->magnitude + b * n * n, n);
    }
}

static double eigh_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)arg, (void)out;
    return 9 * op_elements(in[0]) * (double)in[0]->dims[in[0]->rank - 1];
}

const op_def op_eigh = {
    .name = "eigh",
    .doc = "Values in rising order and vectors of symmetric matrices. Gradients of vectors are unbounded where values "
           "meet.",
    .torch = "torch.linalg.eigh",
    .in = {{"x", OP_BIT(TN_F64) | OP_BIT(TN_F32), 'T'}},
    .out = {{"values", 0, 'T'}, {"vectors", 0, 'T'}},
    .arg = {[TRIANGLE] = OP_ARG_TRIANGLE},
    .infer = eigh_infer,
    .grad = eigh_backward,
    .ref = eigh_ref,
    .room = 1,
    .flops = eigh_flops,
    .cases = (const char *const[]){"x=x[3x3]:dominant", "x=x[2x4x4]:dominant triangle=lower",
                                   "x=x[4x4]:dominant triangle=upper", "x=x[1x1]", "x=x[17x17]:dominant", "x=x[0x0]",
                                   "x=x[0x3x3]", "x=x[2x0x0]", NULL},
    .bad = (const op_bad[]){{"x=x[3]", "needs two axes or more, and has 1"}, {"x=x[2x3]", "'x' are not square"}, {0}},
    .tol = {[TN_F64] = OP_TOL(1e-14, 1e-300), [TN_F32] = OP_TOL(4e-6, 1e-37)},
};

tn_eigh_result tn_eigh(tn_tensor *x, tn_triangle triangle)
{
    tn_tensor *values = OP_MAKE(&op_eigh, OP_ARGS([TRIANGLE] = OP_I(triangle)), x);
    return (tn_eigh_result){values, values ? op_sibling(values, 1) : NULL};
}
