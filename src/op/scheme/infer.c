/* infer.c: what shape inference shares, and the table of all operators. */
#include "op/scheme/op.h"

#include <string.h>

#include "op_list.h"

#define X(name) extern const op_def op_##name;
OP_LIST(X)
#undef X

const op_def *const op_table[] = {
#define X(name) &op_##name,
    OP_LIST(X)
#undef X
        NULL};

const op_def *op_find(const char *name)
{
    for (int i = 0; op_table[i]; i++)
        if (strcmp(op_table[i]->name, name) == 0)
            return op_table[i];
    return NULL;
}

tn_status op_fail(const op_infer *c, tn_status status, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    base_vfail(c->error, status, fmt, args);
    va_end(args);
    return status;
}

tn_status op_like(const op_infer *c, int i, const graph_type *x)
{
    c->out[i].rank = x->rank;
    memcpy(c->out[i].dims, x->dims, sizeof x->dims);
    return TN_OK;
}

tn_status op_infer_same(const op_infer *c)
{
    return op_like(c, 0, c->in[0]);
}

tn_status op_want_shape(const op_infer *c, int i, const graph_type *like)
{
    if (!c->in[i] || graph_same_dims(c->dims, like, c->in[i], c->def->name))
        return TN_OK;
    return op_fail(c, TN_SHAPE, "'%s' must have the shape of '%s'", c->def->in[i].name, c->def->in[0].name);
}

tn_status op_infer_alike(const op_infer *c)
{
    for (int i = 1; i < c->n_in; i++)
        BASE_TRY(op_want_shape(c, i, c->in[0]));
    return op_infer_same(c);
}

tn_status op_infer_along(const op_infer *c)
{
    return op_axis(c, 0, c->in[0]->rank) < 0 ? c->error->status : op_infer_alike(c);
}

int op_axis(const op_infer *c, int arg, int rank)
{
    int64_t axis = op_int(c, arg);
    if (axis >= -rank && axis < rank)
        return (int)(axis < 0 ? axis + rank : axis);
    op_fail(c, TN_SHAPE, "axis %lld of a %d-d tensor", (long long)axis, rank);
    return -1;
}

int64_t op_axes(const op_infer *c, int arg, int rank)
{
    const op_value *v = &c->arg[arg];
    if (v->n == 0)
        return ((int64_t)1 << rank) - 1;
    int64_t mask = 0;
    for (int i = 0; i < v->n; i++) {
        int64_t axis = v->list[i] < 0 ? v->list[i] + rank : v->list[i];
        if (axis < 0 || axis >= rank) {
            op_fail(c, TN_SHAPE, "axis %lld of a %d-d tensor", (long long)v->list[i], rank);
            return -1;
        }
        if (mask >> axis & 1) {
            op_fail(c, TN_SHAPE, "axis %lld is named twice", (long long)axis);
            return -1;
        }
        mask |= (int64_t)1 << axis;
    }
    return mask;
}

tn_status op_want_same(const op_infer *c, tn_dim a, tn_dim b, const char *what)
{
    if (dim_same(c->dims, a, b, what))
        return TN_OK;
    return op_fail(c, TN_SHAPE, "%s: %lld and %lld differ", what, (long long)a, (long long)b);
}

/* Only a literal 1 broadcasts; different symbols become an equality that is checked at binding. */
static tn_status broadcast_axis(const op_infer *c, tn_dim *to, tn_dim from, const char *name)
{
    if (*to == 1)
        *to = from;
    else if (from != 1 && !dim_same(c->dims, *to, from, c->def->name))
        return op_fail(c, TN_SHAPE, "the shapes cannot be broadcast: size %lld of '%s' against %lld", (long long)from,
                       name, (long long)*to);
    else if (from != 1 && dim_literal(from))
        *to = from; /* a number says more than the symbol that must equal it */
    return TN_OK;
}

tn_status op_infer_broadcast_lead(const op_infer *c, int keep)
{
    graph_type *out = &c->out[0];
    out->rank = 0;
    for (int i = 0; i < c->n_in; i++)
        if (c->in[i] && c->in[i]->rank > out->rank)
            out->rank = c->in[i]->rank;
    for (int k = 0; k < out->rank; k++)
        out->dims[k] = 1;
    for (int i = 0; i < c->n_in; i++) {
        const graph_type *x = c->in[i];
        for (int k = 0; x && k < x->rank - keep; k++)
            BASE_TRY(broadcast_axis(c, &out->dims[out->rank - x->rank + k], x->dims[k], c->def->in[i].name));
    }
    return TN_OK;
}

tn_status op_infer_broadcast(const op_infer *c)
{
    return op_infer_broadcast_lead(c, 0);
}

tn_status op_infer_rows(const op_infer *c)
{
    const graph_type *param = c->in[0], *dy = c->in[1], *index = c->in[2];
    if (param->rank != 2)
        return op_fail(c, TN_SHAPE, "param has %d axes; it needs two: rows, features", param->rank);
    if (dy->rank != index->rank + 1)
        return op_fail(c, TN_SHAPE, "dy has %d axes; index's %d and one more are due", dy->rank, index->rank);
    for (int k = 0; k < index->rank; k++)
        BASE_TRY(op_want_same(c, dy->dims[k], index->dims[k], "the sizes of dy and index"));
    BASE_TRY(op_want_same(c, dy->dims[index->rank], param->dims[1], "the features of dy and param"));
    if (c->in[op_count_in(c->def) - 1]->rank != 0)
        return op_fail(c, TN_SHAPE, "lr must be a single number");
    return TN_OK;
}
