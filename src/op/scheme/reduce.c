/* reduce.c: what reductions share: shapes, references, gradients. */
#include "op/scheme/op.h"

double op_elements(const graph_type *type)
{
    double n = 1;
    for (int i = 0; i < type->rank; i++)
        n *= (double)type->dims[i];
    return n;
}

double op_flops_of(const op_def *def, const op_value *arg, const graph_type *const *in, const graph_type *out,
                   int n_out)
{
    if (def->flops_each > 0)
        return def->flops_each * (in[0] ? op_elements(in[0]) : 0);
    if (def->flops)
        return def->flops(arg, in, out);
    return n_out ? op_elements(&out[0]) : 0;
}

double op_no_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)arg, (void)in, (void)out;
    return 0;
}

enum { AXES, KEEPDIM };

tn_status op_infer_reduced(const op_infer *c)
{
    const graph_type *x = c->in[0];
    int64_t mask = op_axes(c, AXES, x->rank);
    graph_type *y = &c->out[0];
    if (mask < 0)
        return c->error->status;
    y->rank = 0;
    for (int i = 0; i < x->rank; i++) {
        if (!(mask >> i & 1))
            y->dims[y->rank++] = x->dims[i];
        else if (c->arg[KEEPDIM].i)
            y->dims[y->rank++] = 1;
    }
    return TN_OK;
}

int64_t op_axes_mask(const op_value *axes, int rank)
{
    int64_t mask = 0;
    for (int i = 0; i < axes->n; i++)
        mask |= (int64_t)1 << (axes->list[i] < 0 ? axes->list[i] + rank : axes->list[i]);
    return axes->n ? mask : ((int64_t)1 << rank) - 1;
}

int64_t op_ref_reduced(const op_ref *c, int64_t at)
{
    const op_array *x = c->in[0];
    int64_t coordinate[TN_MAX_RANK], where = 0, mask = op_axes_mask(&c->arg[AXES], x->rank);
    op_ref_coordinates(x, at, coordinate);
    for (int i = 0; i < x->rank; i++)
        if (!(mask >> i & 1))
            where = where * x->dims[i] + coordinate[i];
    return where;
}

tn_tensor *op_keep_reduced(tn_tensor *y, tn_tensor *x, const op_value *axes, bool keepdim)
{
    if (graph_poisoned(x) || graph_poisoned(y) || keepdim)
        return y;
    int64_t mask = op_axes_mask(axes, x->type.rank);
    tn_shape kept = tn_tensor_shape(x);
    for (int i = 0; i < x->type.rank; i++)
        if (mask >> i & 1)
            kept.dims[i] = 1;
    return tn_reshape(y, kept);
}

tn_tensor *op_expand_reduced(tn_tensor *y, tn_tensor *x, const op_value *axes, bool keepdim)
{
    if (graph_poisoned(x) || graph_poisoned(y))
        return y;
    return tn_expand(op_keep_reduced(y, x, axes, keepdim), tn_tensor_shape(x));
}
