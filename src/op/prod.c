/* prod: the product over axes; 1 of nothing. Integers and bool are multiplied in i64, which wraps. */
#include "op/internal.h"

enum { AXES, KEEPDIM };

static tn_status prod_infer(const op_infer *c)
{
    c->out[0].dtype = tn_dtype_is_float(c->in[0]->dtype) ? c->in[0]->dtype : TN_I64;
    return op_infer_reduced(c);
}

/* What stands before each element of the last axis, multiplied; or behind. */
static tn_tensor *others(tn_tensor *x, bool behind)
{
    return op_scan_of(op_shifted(x, -1, behind, 1), NULL, -1, behind, 1);
}

/* The gradient of an element is the product of all others: of those before and those behind it, so that zeros need no care
 * (y / x would). The reduced axes are brought to the end and made one for that. */
static tn_status prod_backward(const op_grad *c)
{
    tn_tensor *x = op_in(c, 0);
    int rank = x->type.rank, kept = 0, n = 0;
    int64_t mask = op_axes_mask(op_arg(c, AXES), rank), order[TN_MAX_RANK], back[TN_MAX_RANK];
    tn_shape flat = {.rank = 1}, moved = {.rank = rank};
    for (int part = 0; part < 2; part++)
        for (int i = 0; i < rank; i++)
            if ((mask >> i & 1) == part) {
                order[n] = i;
                back[i] = n;
                moved.dims[n++] = x->type.dims[i];
                kept += !part;
            }
    flat.rank = kept + 1;
    flat.dims[kept] = 1;
    for (int i = 0; i < rank; i++)
        if (i < kept)
            flat.dims[i] = moved.dims[i];
        else
            flat.dims[kept] = dim_mul(c->graph->dims, flat.dims[kept], moved.dims[i]);
    tn_tensor *line = tn_reshape(tn_permute(x, rank, order), flat);
    tn_tensor *rest = tn_permute(tn_reshape(tn_mul(others(line, false), others(line, true)), moved), rank, back);
    return op_give(c, 0, tn_mul(rest, op_expand_reduced(op_dout(c, 0), x, op_arg(c, AXES), op_arg(c, KEEPDIM)->i)));
}

static void prod_ref(const op_ref *c)
{
    const op_array *x = c->in[0];
    op_array *y = c->out[0];
    for (int64_t i = 0; i < y->count; i++) {
        if (y->f)
            y->f[i] = 1;
        else
            y->i[i] = 1;
    }
    for (int64_t i = 0; i < x->count; i++) {
        int64_t at = op_ref_reduced(c, i);
        if (y->f)
            y->f[at] *= x->f[i];
        else
            y->i[at] = (int64_t)((uint64_t)y->i[at] * (uint64_t)x->i[i]);
    }
}

const op_def op_prod = {
    .name = "prod",
    .doc = "Product over axes (none named: all); integers give i64.",
    .torch = "torch.prod",
    .onnx = "ReduceProd",
    .in = {{"x", OP_ANY}},
    .out = {{"y", OP_FLOATS | OP_BIT(TN_I64)}},
    .arg = {[AXES] = OP_ARG_INTS("axes"), [KEEPDIM] = OP_ARG_BOOL("keepdim", false)},
    .infer = prod_infer,
    .grad = prod_backward,
    .ref = prod_ref,
    .flops_each = 1,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4] axes=1", "x=x[2x3x4] axes=0,2 keepdim=true",
                                   "x=x[3x4]:index=3 axes=-1", "x=x[]", "x=x[0x3] axes=0", "x=x[3x0] axes=0", NULL},
    .bad = (const op_bad[]){{"x=x[2x3] axes=2", "axis 2 of a 2-d tensor"}, {"x=x[2x3] axes=1,1", "named twice"}, {0}},
    .tol = {OP_TOL_FLOATS, OP_TOL_INTS},
};

tn_tensor *tn_prod_axes(tn_tensor *x, int n, const int64_t *axes, bool keepdim)
{
    return OP_MAKE(&op_prod, OP_ARGS([AXES] = OP_L(n, axes), [KEEPDIM] = OP_I(keepdim)), x);
}
