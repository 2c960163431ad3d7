/* linear: y = x w^T + b over the last axis: x[..., k], w[n, k], b[n] give y[..., n] (torch.nn.functional.linear). */
#include "op/scheme/activation.h"

#include <math.h>
#include <string.h>

enum { ACTIVATION };

static tn_status linear_infer(const op_infer *c)
{
    const graph_type *x = c->in[0], *w = c->in[1], *b = c->in[2];
    if (x->rank < 1)
        return op_fail(c, TN_SHAPE, "x needs one axis or more");
    if (w->rank != 2)
        return op_fail(c, TN_SHAPE, "w has %d axes; it must have two, [out, in]", w->rank);
    if (!dim_same(c->dims, x->dims[x->rank - 1], w->dims[1], "linear"))
        return op_fail(c, TN_SHAPE, "x has %lld features and w takes %lld", (long long)x->dims[x->rank - 1],
                       (long long)w->dims[1]);
    if (b && (b->rank != 1 || !dim_same(c->dims, b->dims[0], w->dims[0], "linear")))
        return op_fail(c, TN_SHAPE, "b must have one value for each of w's %lld rows", (long long)w->dims[0]);
    BASE_TRY(op_like(c, 0, x));
    c->out[0].dims[x->rank - 1] = w->dims[0];
    return TN_OK;
}

/* x or dy as a matrix: all leading axes are rows. */
static tn_tensor *as_rows(tn_tensor *x)
{
    if (graph_poisoned(x) || x->type.rank == 2)
        return x;
    return tn_reshape(x, TN_SHAPE(TN_INFER, x->type.dims[x->type.rank - 1]));
}

/* dx = dy w, dw = dy^T x, db = the sum of dy's rows. */
/* Where w is a transposed matrix, its gradient is made as that of the matrix, which is what will be asked for in the end. */
static tn_tensor *weight_gradient(tn_tensor *x, tn_tensor *dy, const tn_tensor *w)
{
    if (strcmp(w->node->def->name, "permute") == 0)
        return tn_transpose(tn_matmul(tn_transpose(x, 0, 1), dy), 0, 1);
    return tn_matmul(tn_transpose(dy, 0, 1), x);
}

static tn_status linear_backward(const op_grad *c)
{
    tn_tensor *x = op_in(c, 0), *w = op_in(c, 1);
    tn_tensor *dy = op_before_activation(c, op_out(c, 0), op_arg(c, ACTIVATION)->i);
    if (op_wants(c, 0))
        op_give(c, 0, x->type.rank == 1 ? tn_reshape(tn_matmul(as_rows(dy), w), tn_tensor_shape(x)) : tn_matmul(dy, w));
    if (op_wants(c, 1))
        op_give(c, 1, weight_gradient(as_rows(x), as_rows(dy), w));
    if (op_wants(c, 2))
        op_give(c, 2, tn_sum_axes(as_rows(dy), 1, (const int64_t[]){0}, false));
    return TN_OK;
}

static tn_status linear_lower(const op_lower *c)
{
    tn_tensor *y = tn_matmul(c->in[0], tn_transpose(c->in[1], 0, 1));
    y = c->in[2] ? tn_add(y, c->in[2]) : y;
    c->out[0] = c->node->arg[ACTIVATION].i == OP_ACT_RELU ? tn_relu(y) : y;
    return TN_OK;
}

static void linear_ref(const op_ref *c)
{
    const op_array *x = c->in[0], *w = c->in[1], *b = c->in[2];
    op_array *y = c->out[0];
    int64_t n = w->dims[0], k = w->dims[1];
    for (int64_t i = 0; i < y->count; i++) {
        int64_t row = i / n, column = i % n;
        y->f[i] = b ? b->f[column] : 0;
        y->magnitude[i] = fabs(y->f[i]);
        for (int64_t j = 0; j < k; j++) {
            double product = x->f[row * k + j] * w->f[column * k + j];
            y->f[i] += product;
            y->magnitude[i] += fabs(product);
        }
    }
    op_ref_activate(c, c->arg[ACTIVATION].i);
}

static double linear_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)arg;
    return 2 * op_elements(out) * (double)in[1]->dims[1];
}

const op_def op_linear = {
    .name = "linear",
    .doc = "x w^T + b over the last axis.",
    .torch = "torch.nn.functional.linear",
    .onnx = "Gemm",
    .in = {{"x", OP_FLOATS, 'T'}, {"w", OP_FLOATS, 'T'}, {"b", OP_FLOATS, 'T', OP_OPTIONAL}},
    .out = {{"y", 0, 'T'}},
    .arg = {[ACTIVATION] = OP_ARG_ACTIVATION},
    .infer = linear_infer,
    .grad = linear_backward,
    .lower = linear_lower,
    .ref = linear_ref,
    .flops = linear_flops,
    .cases = (const char *const[]){"x=x[2x3] w=x[4x3] b=x[4]", "x=x[2x3] w=x[4x3]", "x=x[2x5x3] w=x[4x3] b=x[4]",
                                   "x=x[3] w=x[4x3] b=x[4]", "x=x[0x3] w=x[4x3] b=x[4]", "x=x[2x0] w=x[4x0] b=x[4]",
                                   "x=x[17x33] w=x[19x33] b=x[19]", "x=x[17x33] w=x[19x33] b=x[19] activation=relu",
                                   "x=x[1x40] w=x[5x40] activation=relu", NULL},
    .bad = (const op_bad[]){{"x=x[] w=x[4x3]", "one axis or more"},
                            {"x=x[2x3] w=x[4x5]", "x has 3 features and w takes 5"},
                            {"x=x[2x3] w=x[3]", "it must have two"},
                            {"x=x[2x3] w=x[4x3] b=x[3]", "one value for each of w's 4 rows"},
                            {0}},
    .tol = {[TN_F64] = OP_TOL(1e-13, 0),
            [TN_F32] = OP_TOL(1e-6, 0),
            [TN_F16] = OP_TOL(2e-3, 1e-7),
            [TN_BF16] = OP_TOL(1.6e-2, 0)},
};

tn_tensor *tn_linear(tn_tensor *x, tn_tensor *w, tn_tensor *b)
{
    return OP_MAKE(&op_linear, NULL, x, w, b);
}
