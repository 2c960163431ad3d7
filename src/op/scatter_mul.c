/* scatter_mul: x with source multiplied into the places that index names along an axis. An index out of range is a fault at run time,
 * and what it points to is dropped. */
#include "op/scheme/scatter.h"

#include <math.h>

enum { AXIS };

/* What the factors of a place other than x give, x being one of them: the product of those that are not 0, if no other is 0. */
static tn_tensor *others(tn_tensor *x, tn_tensor *product, tn_tensor *zeros)
{
    tn_tensor *none = op_like_scalar(x, 0), *is_zero = tn_eq(x, none);
    tn_tensor *all = tn_where(tn_eq(zeros, none), tn_div(product, x), none);
    return tn_where(is_zero, tn_where(tn_eq(zeros, op_like_scalar(zeros, 1)), product, none), all);
}

static tn_tensor *ones_for_zeros(tn_tensor *x)
{
    return tn_where(tn_eq(x, op_like_scalar(x, 0)), op_like_scalar(x, 1), x);
}

static tn_status scatter_mul_backward(const op_grad *c)
{
    int axis = (int)op_arg(c, AXIS)->i;
    tn_tensor *x = op_in(c, 0), *index = op_in(c, 1), *source = op_in(c, 2), *dy = op_dout(c, 0);
    tn_tensor *zero = op_like_scalar(x, 0);
    tn_tensor *product = tn_scatter_mul(ones_for_zeros(x), axis, index, ones_for_zeros(source));
    tn_tensor *zeros = tn_scatter_add(op_cast_to(tn_eq(x, zero), x->type.dtype), axis, index,
                                      op_cast_to(tn_eq(source, zero), x->type.dtype));
    op_give_zero(c, 1);
    if (op_wants(c, 0))
        op_give(c, 0, tn_mul(dy, others(x, product, zeros)));
    if (!op_wants(c, 2))
        return TN_OK;
    tn_tensor *rest = others(source, tn_gather(product, axis, index), tn_gather(zeros, axis, index));
    return op_give(c, 2, tn_mul(tn_gather(dy, axis, index), rest));
}

static void put(op_array *y, int64_t at, const op_array *source, int64_t i)
{
    if (y->i)
        y->i[at] = op_ref_wrap(y->dtype, (int64_t)((uint64_t)y->i[at] * (uint64_t)source->i[i]));
    else
        y->magnitude[at] = fabs(y->f[at] *= source->f[i]);
}
static void scatter_mul_ref(const op_ref *c)
{
    op_ref_scatter(c, put, "an index of scatter_mul is out of range");
}

const op_def op_scatter_mul = {
    .name = "scatter_mul",
    .doc = "x with source multiplied into the places that index names along an axis.",
    .torch = "torch.scatter_reduce",
    .onnx = "ScatterElements",
    .in = OP_SCATTER_SLOTS,
    .out = {{"y", 0, 'T'}},
    .arg = {[AXIS] = OP_ARG_INT("axis", 0)},
    .flags = OP_FAULTS,
    .infer = op_infer_scatter,
    .grad = scatter_mul_backward,
    .ref = scatter_mul_ref,
    .flops = op_scatter_flops,
    .cases = (const char *const[]){OP_SCATTER_CASES, NULL},
    .bad = (const op_bad[]){OP_SCATTER_BAD, {0}},
    .fault = (const op_bad[]){OP_SCATTER_FAULT, {0}},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-300),
            [TN_F32] = OP_TOL(2e-6, 1e-37),
            [TN_F16] = OP_TOL(8e-3, 1e-6),
            [TN_BF16] = OP_TOL(4e-2, 1e-37),
            OP_TOL_INTS},
};

tn_tensor *tn_scatter_mul(tn_tensor *x, int axis, tn_tensor *index, tn_tensor *source)
{
    return OP_MAKE(&op_scatter_mul, OP_ARGS([AXIS] = OP_I(axis)), x, index, source);
}
