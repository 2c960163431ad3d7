/* where: y = c ? a : b. Values that are not chosen do not count: NaN there changes nothing, forward or backward. */
#include "op/scheme/op.h"

static tn_status where_backward(const op_grad *c)
{
    tn_tensor *cond = op_in(c, 0), *dy = op_dout(c, 0);
    op_give_zero(c, 0);
    if (op_wants(c, 1))
        op_give(c, 1, tn_where(cond, dy, op_like_scalar(dy, 0)));
    if (op_wants(c, 2))
        op_give(c, 2, tn_where(cond, op_like_scalar(dy, 0), dy));
    return TN_OK;
}

static void where_ref(const op_ref *c)
{
    const op_array *cond = c->in[0], *a = c->in[1], *b = c->in[2];
    op_array *y = c->out[0];
    for (int64_t i = 0; i < y->count; i++) {
        const op_array *x = cond->i[op_ref_index(y, cond, i)] ? a : b;
        if (y->f)
            y->f[i] = x->f[op_ref_index(y, x, i)];
        else
            y->i[i] = x->i[op_ref_index(y, x, i)];
    }
}

const op_def op_where = {
    .name = "where",
    .doc = "c ? a : b.",
    .torch = "torch.where",
    .onnx = "Where",
    .in = {{"c", OP_BOOLS, 0, OP_BROADCAST}, {"a", OP_ANY, 'T', OP_BROADCAST}, {"b", OP_ANY, 'T', OP_BROADCAST}},
    .out = {{"y", 0, 'T'}},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_broadcast,
    .grad = where_backward,
    .ref = where_ref,
    .cases = (const char *const[]){"c=b[5] a=x[5] b=x[5]", "c=b[3] a=x[2x3] b=x[]", "c=b[2x1] a=x[3] b=x[1x3]",
                                   "c=b[] a=x[] b=x[2]", "c=b[0] a=x[1] b=x[]", NULL},
    .bad = (const op_bad[]){{"c=b[2] a=x[3] b=x[3]", "cannot be broadcast"}, {0}},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *tn_where(tn_tensor *c, tn_tensor *a, tn_tensor *b)
{
    if (!a || !b || graph_poisoned(a) || graph_poisoned(b))
        return OP_MAKE(&op_where, NULL, c, a, b);
    tn_dtype dtype = op_promote(a->type.dtype, b->type.dtype);
    return OP_MAKE(&op_where, NULL, op_cast_to(c, TN_BOOL), op_cast_to(a, dtype), op_cast_to(b, dtype));
}
