/* gated.c: see gated.h. */
#include "op/scheme/gated.h"

tn_status op_infer_gated(const op_infer *c, int axis)
{
    const graph_type *x = c->in[0];
    int at = op_axis(c, axis, x->rank);
    if (at < 0)
        return c->error->status;
    op_like(c, 0, x);
    tn_dim half = dim_div(c->dims, x->dims[at], 2);
    c->out[0].dims[at] = half;
    if (!dim_same(c->dims, dim_mul(c->dims, half, 2), x->dims[at], c->def->name))
        return op_fail(c, TN_SHAPE, "axis %d has size %lld, which has no halves", at, (long long)x->dims[at]);
    return TN_OK;
}

tn_status op_lower_gated(const op_lower *c, int axis, tn_tensor *(*f)(tn_tensor *))
{
    tn_tensor *x = c->in[0];
    int at = (int)c->node->arg[axis].i;
    tn_dim half = c->node->out[0].type.dims[at < 0 ? at + x->type.rank : at];
    c->out[0] = tn_mul(tn_slice(x, at, 0, half), f(tn_slice(x, at, half, TN_INFER)));
    return TN_OK;
}

void op_ref_gated(const op_ref *c, int axis, double (*f)(double))
{
    const op_array *x = c->in[0];
    op_array *y = c->out[0];
    int64_t at[TN_MAX_RANK] = {0}, along = c->arg[axis].i < 0 ? c->arg[axis].i + x->rank : c->arg[axis].i;
    for (int64_t i = 0; i < y->count; i++) {
        op_ref_coordinates(y, i, at);
        double a = x->f[op_ref_at(x, at)];
        at[along] += y->dims[along];
        y->f[i] = a * f(x->f[op_ref_at(x, at)]);
    }
}
