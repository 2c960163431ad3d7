/* sum_square: adds up the squares of all elements: what the norm of a gradient is made of, in one pass over it. */
#include "op/internal.h"

static tn_status sum_square_infer(const op_infer *c)
{
    c->out[0].rank = 0;
    return TN_OK;
}

/* d(sum x^2) = 2 x dy */
static tn_status sum_square_backward(const op_grad *c)
{
    tn_tensor *x = op_in(c, 0);
    return op_give(c, 0, tn_mul(tn_mul_f(x, 2), op_dout(c, 0)));
}

static tn_status sum_square_lower(const op_lower *c)
{
    c->out[0] = tn_sum(tn_square(c->in[0]));
    return TN_OK;
}

static void sum_square_ref(const op_ref *c)
{
    for (int64_t i = 0; i < c->in[0]->count; i++)
        c->out[0]->f[0] += c->in[0]->f[i] * c->in[0]->f[i];
}

const op_def op_sum_square = {
    .name = "sum_square",
    .doc = "Sum of the squares of all elements.",
    .onnx = "ReduceSumSquare",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .infer = sum_square_infer,
    .grad = sum_square_backward,
    .lower = sum_square_lower,
    .ref = sum_square_ref,
    .flops_each = 2,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4]", "x=x[]", "x=x[0x3]", "x=x[7x300]", "x=x[140001]", NULL},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *tn_sum_square(tn_tensor *x)
{
    return OP_MAKE(&op_sum_square, NULL, x);
}
