/* cumprod: the running product along an axis. Integers and bool are multiplied in i64, which wraps. */
#include "op/internal.h"

enum { AXIS };

static tn_status cumprod_infer(const op_infer *c)
{
    c->out[0].dtype = tn_dtype_is_float(c->in[0]->dtype) ? c->in[0]->dtype : TN_I64;
    return op_axis(c, AXIS, c->in[0]->rank) < 0 ? c->error->status : op_infer_same(c);
}

static tn_status cumprod_lower(const op_lower *c)
{
    tn_tensor *x = op_cast_to(c->in[0], c->node->out[0].type.dtype);
    c->out[0] = op_scan_of(x, NULL, c->node->arg[AXIS].i, false, 1);
    return TN_OK;
}

static void cumprod_ref(const op_ref *c)
{
    const op_array *x = c->in[0];
    op_array *y = c->out[0];
    op_row row = op_row_of(x, c->arg[AXIS].i);
    for (int64_t i = 0; i < x->count; i++) {
        bool first = i / row.stride % row.size == 0;
        if (y->f)
            y->f[i] = first ? x->f[i] : y->f[i - row.stride] * x->f[i];
        else
            y->i[i] = first ? x->i[i] : (int64_t)((uint64_t)y->i[i - row.stride] * (uint64_t)x->i[i]);
    }
}

const op_def op_cumprod = {
    .name = "cumprod",
    .doc = "Running product along an axis; integers give i64.",
    .torch = "torch.cumprod",
    .onnx = "CumProd",
    .in = {{"x", OP_ANY}},
    .out = {{"y", OP_FLOATS | OP_BIT(TN_I64)}},
    .arg = {[AXIS] = OP_ARG_INT("axis", 0)},
    .infer = cumprod_infer,
    .lower = cumprod_lower,
    .ref = cumprod_ref,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4] axis=1", "x=x[4x3] axis=-1", "x=x[6]:index=3", "x=x[0x3]",
                                   "x=x[3x0] axis=1", NULL},
    .bad = (const op_bad[]){{"x=x[2x3] axis=2", "axis 2 of a 2-d tensor"}, {0}},
    .tol = {OP_TOL_FLOATS, OP_TOL_INTS},
};

tn_tensor *tn_cumprod(tn_tensor *x, int axis)
{
    return OP_MAKE(&op_cumprod, OP_ARGS([AXIS] = OP_I(axis)), x);
}
