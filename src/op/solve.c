/* solve: x with a x = b, for each matrix a; leading axes are broadcast. A matrix without inverse is a fault at run time; a column of
 * b with an element that is not finite gives NaN. */
#include "op/scheme/linalg.h"

#include <math.h>
#include <string.h>

/* With g = a^-T dx: db = g, da = -g x^T. */
static tn_status solve_backward(const op_grad *c)
{
    tn_tensor *a = op_in(c, 0), *b = op_in(c, 1), *g = tn_solve(op_turned(a), op_dout(c, 0));
    if (op_wants(c, 1))
        op_give(c, 1, op_unbroadcast(g, b));
    if (op_wants(c, 0))
        op_give(c, 0, op_unbroadcast(tn_neg(tn_matmul(g, op_turned(op_out(c, 0)))), a));
    return TN_OK;
}

static void solve_one(const op_ref *c, int64_t matrix)
{
    const op_array *a = c->in[0], *b = c->in[1];
    int64_t n = op_rows(b), k = op_cols(b), at = matrix * n * k, minor;
    const double *from = a->f + op_matrix_at(c->out[0], a, matrix) * n * n,
                 *right = b->f + op_matrix_at(c->out[0], b, matrix) * n * k;
    double *x = c->out[0]->f + at, *used = c->room, *inverse = used + n * n;
    bool good = op_finite(from, n * n);
    if (good && op_invert(from, n, used, inverse, &minor) == 0) {
        op_ref_fault(c, "a matrix is singular");
        good = false;
    }
    memcpy(used, from, (size_t)(n * n) * sizeof *used);
    memcpy(x, right, (size_t)(n * k) * sizeof *x);
    if (good)
        (void)op_eliminate(used, n, x, k, &minor);
    for (int64_t j = 0; j < k; j++) {
        bool finite = good;
        for (int64_t i = 0; i < n; i++)
            finite &= isfinite(right[i * k + j]) != 0;
        for (int64_t i = 0; i < n && !finite; i++)
            x[i * k + j] = (double)NAN;
    }
    if (good)
        op_solve_magnitude(from, inverse, n, x, k, c->out[0]->magnitude + at, used);
}

static void solve_ref(const op_ref *c)
{
    for (int64_t i = 0; i < op_matrices(c->out[0]); i++)
        solve_one(c, i);
}

static double solve_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    double n = (double)out->dims[out->rank - 2], k = (double)out->dims[out->rank - 1];
    (void)arg, (void)in;
    return k > 0 ? op_elements(out) / k * (2 * n * n / 3 + 2 * n * k) : 0;
}

const op_def op_solve = {
    .name = "solve",
    .doc = "x with a x = b for each matrix; a singular one is a fault.",
    .torch = "torch.linalg.solve",
    .in = {{"a", OP_BIT(TN_F64) | OP_BIT(TN_F32), 'T'}, {"b", OP_BIT(TN_F64) | OP_BIT(TN_F32), 'T'}},
    .out = {{"x", 0, 'T'}},
    .flags = OP_FAULTS | OP_SINGULAR,
    .infer = op_infer_solve,
    .grad = solve_backward,
    .ref = solve_ref,
    .room = 2,
    .flops = solve_flops,
    .cases = (const char *const[]){"a=x[3x3] b=x[3x2]", "a=x[2x4x4]:dominant b=x[2x4x1]", "a=x[1x1]:dominant b=x[1x5]",
                                   "a=x[3x3]:dominant b=x[2x3x2]", "a=x[2x1x3x3]:dominant b=x[4x3x1]",
                                   "a=x[17x17]:dominant b=x[17x19]", "a=x[0x0] b=x[0x2]", "a=x[0x3x3] b=x[0x3x1]",
                                   "a=x[3x3]:dominant b=x[3x0]", NULL},
    .bad = (const op_bad[]){{"a=x[3] b=x[3x1]", "needs two axes or more, and has 1"},
                            {"a=x[3x3] b=x[3]", "needs two axes or more, and has 1"},
                            {"a=x[2x3] b=x[3x1]", "'a' are not square"},
                            {"a=x[3x3] b=x[4x1]", "as many rows as those of 'a'"},
                            {"a=x[2x3x3] b=x[4x3x1]", "cannot be broadcast"},
                            {0}},
    .fault = (const op_bad[]){{"a=f[3x3]:index=1 b=f[3x1]", "singular (matrix 0, pivot 1)"}, {0}},
    .tol = {[TN_F64] = OP_TOL(1e-14, 1e-300), [TN_F32] = OP_TOL(2e-6, 1e-37)},
};

tn_tensor *tn_solve(tn_tensor *a, tn_tensor *b)
{
    if (op_unusable(a) || op_unusable(b) || b->type.rank != 1)
        return op_binary(&op_solve, a, b);
    tn_tensor *x = op_binary(&op_solve, a, tn_unsqueeze(b, -1));
    return op_unusable(x) ? x : tn_squeeze(x, -1);
}
