/* grad.c: what gradients share. */
#include "op/scheme/op.h"

tn_tensor *op_dout(const op_grad *c, int i)
{
    return c->dout[i] ? c->dout[i] : op_full_like(&c->node->out[i], TN_NONE, 0);
}

tn_status op_give(const op_grad *c, int i, tn_tensor *gradient)
{
    if (!op_wants(c, i))
        return TN_OK;
    c->din[i] = gradient;
    return TN_OK;
}

tn_status op_give_zero(const op_grad *c, int i)
{
    if (i < c->node->n_in)
        c->zero[i] = true;
    return TN_OK;
}

tn_status op_no_grad(const op_grad *c, int i, const char *why)
{
    if (!op_wants(c, i))
        return TN_OK;
    return base_fail(c->error, TN_UNSUPPORTED, "%s (node '%s') has no gradient for its input '%s': %s",
                     c->node->def->name, c->node->name, c->node->def->in[i].name, why);
}

tn_status op_grad_zero(const op_grad *c)
{
    for (int i = 0; i < c->node->n_in; i++)
        op_give_zero(c, i);
    return TN_OK;
}

tn_tensor *op_unbroadcast(tn_tensor *x, tn_tensor *to)
{
    int64_t axes[TN_MAX_RANK];
    int n = 0;
    if (graph_poisoned(x) || graph_poisoned(to))
        return x;
    int lead = x->type.rank - to->type.rank;
    for (int i = 0; i < x->type.rank; i++)
        if (i < lead || (to->type.dims[i - lead] == 1 && x->type.dims[i] != 1))
            axes[n++] = i;
    if (n)
        x = tn_sum_axes(x, n, axes, true);
    return lead ? tn_reshape(x, tn_tensor_shape(to)) : x;
}
