/* scatter.c: see scatter.h. */
#include "op/scheme/scatter.h"

#include <math.h>

tn_status op_infer_scatter(const op_infer *c)
{
    BASE_TRY(op_gather_check(c, c->in[0], c->in[1]));
    if (!graph_same_dims(c->dims, c->in[1], c->in[2], c->def->name))
        return op_fail(c, TN_SHAPE, "source must have the shape of index");
    return op_infer_same(c);
}

void op_put_sum(op_array *y, int64_t at, const op_array *source, int64_t i)
{
    if (y->f) {
        y->f[at] += source->f[i];
        y->magnitude[at] += fabs(source->f[i]);
    } else {
        y->i[at] = op_ref_wrap(y->dtype, (int64_t)((uint64_t)y->i[at] + (uint64_t)source->i[i]));
    }
}

static void scatter(const op_ref *c, bool rows, op_scatter_fn put, const char *fault)
{
    const op_array *x = c->in[0], *index = c->in[1], *source = c->in[2];
    int64_t axis = c->arg[0].i;
    op_array *y = c->out[0];
    for (int64_t i = 0; i < y->count; i++) {
        if (y->f) {
            y->f[i] = x->f[i];
            y->magnitude[i] = fabs(x->f[i]);
        } else {
            y->i[i] = x->i[i];
        }
    }
    for (int64_t i = 0; i < source->count; i++) {
        int64_t at = rows ? op_index_at(y, source, index, axis, i) : op_gather_at(y, index, axis, i);
        if (at < 0)
            op_ref_fault(c, fault);
        else
            put(y, at, source, i);
    }
}

void op_ref_scatter(const op_ref *c, op_scatter_fn put, const char *fault)
{
    scatter(c, false, put, fault);
}

void op_ref_scatter_rows(const op_ref *c, op_scatter_fn put, const char *fault)
{
    scatter(c, true, put, fault);
}

tn_status op_grad_scatter_extreme(const op_grad *c)
{
    int axis = (int)op_arg(c, 0)->i;
    tn_tensor *x = op_in(c, 0), *index = op_in(c, 1), *source = op_in(c, 2), *y = op_out(c, 0),
              *zero = op_like_scalar(y, 0);
    op_give_zero(c, 1);
    tn_tensor *kept = tn_eq(x, y), *won = tn_eq(source, tn_gather(y, axis, index));
    tn_tensor *ties = tn_scatter_add(op_cast_to(kept, y->type.dtype), axis, index, op_cast_to(won, y->type.dtype));
    tn_tensor *share = tn_div(op_dout(c, 0), ties);
    if (op_wants(c, 0))
        op_give(c, 0, tn_where(kept, share, zero));
    return op_wants(c, 2) ? op_give(c, 2, tn_where(won, tn_gather(share, axis, index), zero)) : TN_OK;
}

double op_scatter_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)arg, (void)out;
    return op_elements(in[2]);
}

tn_tensor *op_used_rows(tn_tensor *index, tn_dim rows, int64_t padding_index)
{
    tn_tensor *flat = tn_reshape(index, TN_SHAPE(TN_INFER)), *one = op_like_scalar(flat, 1);
    if (padding_index >= 0)
        one = tn_cast(tn_ne(flat, op_like_scalar(flat, (double)padding_index)), flat->type.dtype);
    tn_tensor *none = tn_full(index->graph, flat->type.dtype, TN_SHAPE(rows), 0);
    tn_tensor *count = tn_index_add(none, 0, flat, tn_expand(one, tn_tensor_shape(flat)));
    return tn_unsqueeze(tn_gt(count, op_like_scalar(count, 0)), 1);
}
