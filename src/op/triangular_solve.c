/* triangular_solve: x with t x = b, t being the lower (or upper) triangle of a, or its transpose; leading axes are broadcast. What is
 * on the other side of the diagonal is not read, nor the diagonal itself when it stands for ones. A 0 there is divided by, as
 * floats do. */
#include "op/scheme/linalg.h"

#include <math.h>
#include <string.h>

enum { UPPER, TRANSPOSE, UNIT };

/* With g = t^-T dx: db = g, dt = -g x^T, of which the triangle counts. */
static tn_status triangular_solve_backward(const op_grad *c)
{
    tn_tensor *a = op_in(c, 0), *b = op_in(c, 1), *x = op_out(c, 0);
    bool upper = op_arg(c, UPPER)->i, transpose = op_arg(c, TRANSPOSE)->i, unit = op_arg(c, UNIT)->i;
    tn_tensor *g = tn_triangular_solve(
        a, op_dout(c, 0), TN_OPT(tn_triangular_opt, .upper = upper, .transpose = !transpose, .unit = unit));
    if (op_wants(c, 1))
        op_give(c, 1, op_unbroadcast(g, b));
    if (op_wants(c, 0)) {
        tn_tensor *dt = tn_neg(transpose ? tn_matmul(x, op_turned(g)) : tn_matmul(g, op_turned(x)));
        dt = upper ? tn_triu(dt, unit) : tn_tril(dt, unit ? -1 : 0);
        op_give(c, 0, op_unbroadcast(dt, a));
    }
    return TN_OK;
}

static void triangular_solve_ref(const op_ref *c)
{
    const op_array *a = c->in[0], *b = c->in[1];
    op_array *y = c->out[0];
    int64_t n = op_rows(b), k = op_cols(b);
    bool transpose = c->arg[TRANSPOSE].i;
    for (int64_t m = 0; m < op_matrices(y); m++) {
        const double *t = a->f + op_matrix_at(y, a, m) * n * n;
        double *x = y->f + m * n * k, *size = y->magnitude + m * n * k;
        op_triangle triangle = {.t = t,
                                .n = n,
                                .row = transpose ? 1 : n,
                                .col = transpose ? n : 1,
                                .lower = (c->arg[UPPER].i != 0) == transpose,
                                .unit = c->arg[UNIT].i};
        memcpy(x, b->f + op_matrix_at(y, b, m) * n * k, (size_t)(n * k) * sizeof *x);
        for (int64_t i = 0; i < n * k; i++)
            size[i] = fabs(x[i]);
        op_triangle_solve(&triangle, x, k);
        /* the same with sizes: what was added up */
        for (int64_t i = 0; i < n * n; i++)
            c->room[i] = i % (n + 1) == 0 ? fabs(t[i]) : -fabs(t[i]);
        triangle.t = c->room;
        op_triangle_solve(&triangle, size, k);
        for (int64_t i = 0; i < n * k; i++)
            size[i] = isfinite(size[i]) ? size[i] : 0;
    }
}

static double triangular_solve_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)arg, (void)in;
    return op_elements(out) * (double)out->dims[out->rank - 2];
}

const op_def op_triangular_solve = {
    .name = "triangular_solve",
    .doc = "x with t x = b for a triangle t of each matrix a, or its transpose.",
    .torch = "torch.linalg.solve_triangular",
    .in = {{"a", OP_BIT(TN_F64) | OP_BIT(TN_F32), 'T'}, {"b", OP_BIT(TN_F64) | OP_BIT(TN_F32), 'T'}},
    .out = {{"x", 0, 'T'}},
    .arg = {[UPPER] = OP_ARG_BOOL("upper", false),
            [TRANSPOSE] = OP_ARG_BOOL("transpose", false),
            [UNIT] = OP_ARG_BOOL("unit", false)},
    .infer = op_infer_solve,
    .grad = triangular_solve_backward,
    .ref = triangular_solve_ref,
    .room = 1,
    .flops = triangular_solve_flops,
    .cases =
        (const char *const[]){"a=x[3x3]:dominant b=x[3x2]", "a=x[3x3]:dominant b=x[3x2] upper=true",
                              "a=x[2x3x3]:dominant b=x[2x3x4] transpose=true",
                              "a=x[4x4]:dominant b=x[4x1] upper=true transpose=true", "a=x[3x3] b=x[3x2] unit=true",
                              "a=x[3x3] b=x[3x2] unit=true upper=true", "a=x[3x3]:dominant b=x[2x3x2]",
                              "a=x[2x1x3x3]:dominant b=x[4x3x1]", "a=x[1x1]:dominant b=x[1x5]",
                              "a=x[37x37]:dominant b=x[37x19]", "a=x[37x37]:dominant b=x[37x3] upper=true",
                              "a=x[0x0] b=x[0x2]", "a=x[0x3x3] b=x[0x3x1]", "a=x[3x3]:dominant b=x[3x0]", NULL},
    .bad = (const op_bad[]){{"a=x[3] b=x[3x1]", "needs two axes or more, and has 1"},
                            {"a=x[3x3] b=x[3]", "needs two axes or more, and has 1"},
                            {"a=x[2x3] b=x[3x1]", "'a' are not square"},
                            {"a=x[3x3] b=x[4x1]", "as many rows as those of 'a'"},
                            {"a=x[2x3x3] b=x[4x3x1]", "cannot be broadcast"},
                            {0}},
    .tol = {[TN_F64] = OP_TOL(1e-14, 1e-300), [TN_F32] = OP_TOL(2e-6, 1e-37)},
};

/* x t = b is t^T x^T = b^T. */
tn_tensor *tn_triangular_solve(tn_tensor *a, tn_tensor *b, const tn_triangular_opt *opt)
{
    static const tn_triangular_opt defaults;
    const tn_triangular_opt *o = opt ? opt : &defaults;
    if (op_unusable(a) || op_unusable(b))
        return op_binary(&op_triangular_solve, a, b);
    if (o->right && b->type.rank < 2)
        return graph_fail(b->graph, TN_SHAPE, "triangular_solve of '%s': from the right it needs two axes or more",
                          tn_tensor_name(b));
    const op_args *args =
        OP_ARGS([UPPER] = OP_I(o->upper), [TRANSPOSE] = OP_I(o->transpose != o->right), [UNIT] = OP_I(o->unit));
    b = o->right ? op_turned(b) : b;
    tn_dtype dtype = op_promote(a->type.dtype, b->type.dtype);
    tn_tensor *x = OP_MAKE(&op_triangular_solve, args, op_cast_to(a, dtype), op_cast_to(b, dtype));
    return o->right && !op_unusable(x) ? op_turned(x) : x;
}
