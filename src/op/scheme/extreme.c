/* extreme.c: see extreme.h. */
#include "op/scheme/extreme.h"

#include <math.h>

enum { AXES, KEEPDIM };

tn_status op_infer_extreme(const op_infer *c)
{
    const graph_type *x = c->in[0];
    BASE_TRY(op_infer_reduced(c));
    int64_t mask = op_axes_mask(&c->arg[AXES], x->rank);
    for (int i = 0; i < x->rank; i++)
        if ((mask >> i & 1) && x->dims[i] == 0)
            return op_fail(c, TN_SHAPE, "axis %d has size 0; nothing has no largest or smallest element", i);
    return TN_OK;
}

tn_status op_infer_where_extreme(const op_infer *c)
{
    if (c->arg[AXES].n > 1)
        return op_fail(c, TN_INVALID, "takes one axis, or none for all elements, not %d", c->arg[AXES].n);
    return op_infer_extreme(c);
}

/* Whether element a of x comes before element b in the order asked for. */
static bool beats(const op_array *x, int64_t a, int64_t b, bool largest)
{
    if (x->i)
        return largest ? x->i[a] > x->i[b] : x->i[a] < x->i[b];
    if (isnan(x->f[a]) || isnan(x->f[b]))
        return isnan(x->f[a]) && !isnan(x->f[b]);
    return largest ? x->f[a] > x->f[b] : x->f[a] < x->f[b];
}

void op_ref_extreme(const op_ref *c, bool largest)
{
    op_ref_extreme_of(c, largest, c->out[0]);
}

void op_ref_extreme_of(const op_ref *c, bool largest, op_array *y)
{
    const op_array *x = c->in[0];
    double last = largest ? -(double)INFINITY : (double)INFINITY;
    for (int64_t i = 0; i < y->count; i++) {
        if (y->f)
            y->f[i] = last;
        else
            y->i[i] = largest ? INT64_MIN : INT64_MAX;
    }
    for (int64_t i = 0; i < x->count; i++) {
        int64_t at = op_ref_reduced(c, i);
        if (x->i)
            y->i[at] = (largest ? x->i[i] > y->i[at] : x->i[i] < y->i[at]) ? x->i[i] : y->i[at];
        else if (!isnan(y->f[at]) && !(largest ? x->f[i] <= y->f[at] : x->f[i] >= y->f[at]))
            y->f[at] = x->f[i];
    }
}

void op_ref_where_extreme(const op_ref *c, bool largest)
{
    const op_array *x = c->in[0];
    const op_value *list = &c->arg[AXES];
    op_array *y = c->out[0];
    int64_t stride = 1, size = x->count;
    if (list->n) {
        int axis = (int)(list->list[0] < 0 ? list->list[0] + x->rank : list->list[0]);
        size = x->dims[axis];
        for (int k = axis + 1; k < x->rank; k++)
            stride *= x->dims[k];
    }
    for (int64_t i = 0; i < x->count; i++) {
        int64_t at = op_ref_reduced(c, i), place = i / stride % size;
        if (beats(x, i, i + (y->i[at] - place) * stride, largest))
            y->i[at] = place;
    }
}

tn_status op_grad_extreme(const op_grad *c)
{
    tn_tensor *x = op_in(c, 0);
    const op_value *list = op_arg(c, AXES);
    bool kept = op_arg(c, KEEPDIM)->i;
    if (!op_wants(c, 0))
        return TN_OK;
    tn_tensor *dy = op_keep_reduced(op_dout(c, 0), x, list, kept), *y = op_keep_reduced(op_out(c, 0), x, list, kept);
    tn_tensor *hit = tn_eq(x, y);
    tn_tensor *ties = tn_sum_axes(op_cast_to(hit, x->type.dtype), list->n, list->list, true);
    return op_give(c, 0, tn_div(tn_where(hit, dy, op_like_scalar(dy, 0)), ties));
}
