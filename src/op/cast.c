/* cast: converts the dtype. Float to integer cuts towards zero and saturates at the ends of the type, NaN gives 0; integers
 * wrap; anything to bool is x != 0. */
#include "op/scheme/op.h"

#include <math.h>

enum { TO };

static tn_status cast_infer(const op_infer *c)
{
    c->out[0].dtype = (tn_dtype)op_int(c, TO);
    if (tn_dtype_size(c->out[0].dtype) == 0)
        return op_fail(c, TN_DTYPE, "to is no dtype");
    return op_like(c, 0, c->in[0]);
}

static tn_status cast_backward(const op_grad *c)
{
    if (!tn_dtype_is_float(op_out(c, 0)->type.dtype))
        return op_give_zero(c, 0);
    return op_give(c, 0, tn_cast(op_dout(c, 0), op_in(c, 0)->type.dtype));
}

int64_t op_ref_to_int(tn_dtype dtype, double v)
{
    static const double low[TN_DTYPE_END] = {
        [TN_I64] = -0x1p63, [TN_I32] = -0x1p31, [TN_I16] = -0x1p15, [TN_I8] = -0x1p7};
    static const double high[TN_DTYPE_END] = {
        [TN_I64] = 0x1p63, [TN_I32] = 0x1p31 - 1, [TN_I16] = 0x1p15 - 1, [TN_I8] = 0x1p7 - 1, [TN_U8] = 255};
    if (dtype == TN_BOOL)
        return v != 0; /* NaN is true */
    if (isnan(v))
        return 0;
    if (v <= low[dtype])
        return dtype == TN_I64 ? INT64_MIN : (int64_t)low[dtype];
    if (v >= high[dtype])
        return dtype == TN_I64 ? INT64_MAX : (int64_t)high[dtype];
    return (int64_t)v;
}

static void cast_ref(const op_ref *c)
{
    const op_array *x = c->in[0];
    op_array *y = c->out[0];
    for (int64_t i = 0; i < y->count; i++) {
        if (y->f)
            y->f[i] = op_ref_round(y->dtype, x->f ? x->f[i] : (double)x->i[i]);
        else
            y->i[i] = x->f ? op_ref_to_int(y->dtype, x->f[i]) : op_ref_wrap(y->dtype, x->i[i]);
    }
}

const op_def op_cast = {
    .name = "cast",
    .doc = "Converts the dtype.",
    .torch = "torch.Tensor.to",
    .onnx = "Cast",
    .in = {{"x", OP_ANY}},
    .out = {{"y", OP_ANY}},
    .arg = {[TO] = OP_ARG_DTYPE("to")},
    .flags = OP_ELEMENTWISE,
    .infer = cast_infer,
    .grad = cast_backward,
    .ref = cast_ref,
    .cases = (const char *const[]){"x=x[7] to=f64", "x=x[7] to=f32", "x=x[2x3] to=f16", "x=x[7] to=bf16",
                                   "x=x[7] to=i64", "x=x[7] to=i32", "x=x[7] to=i16", "x=x[7] to=i8", "x=x[7] to=u8",
                                   "x=x[7] to=bool", "x=x[0] to=f32", NULL},
    .bad = (const op_bad[]){{"x=x[7]", "to is no dtype"}, {0}},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *tn_cast(tn_tensor *x, tn_dtype dtype)
{
    return OP_MAKE(&op_cast, OP_ARGS([TO] = OP_I(dtype)), x);
}
