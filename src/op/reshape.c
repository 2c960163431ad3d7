/* reshape: the same elements in row-major order under another shape. */
#include "op/scheme/op.h"

#include <string.h>

enum { SHAPE };

static tn_status reshape_infer(const op_infer *c)
{
    const op_value *shape = &c->arg[SHAPE];
    graph_type *y = &c->out[0];
    tn_dim have = graph_count(c->dims, c->in[0]), known = 1;
    int unknown = -1;
    if (shape->n > TN_MAX_RANK)
        return op_fail(c, TN_SHAPE, "%d axes asked for; at most %d are supported", shape->n, TN_MAX_RANK);
    y->rank = shape->n;
    for (int i = 0; i < shape->n; i++) {
        y->dims[i] = shape->list[i];
        if (shape->list[i] != TN_INFER)
            known = dim_mul(c->dims, known, shape->list[i]);
        else if (unknown >= 0)
            return op_fail(c, TN_SHAPE, "two sizes are left open (axes %d and %d); at most one can be found", unknown,
                           i);
        else
            unknown = i;
    }
    if (unknown >= 0 && known == 0)
        return op_fail(c, TN_SHAPE, "the open size cannot be found, as another is 0");
    if (unknown >= 0) {
        y->dims[unknown] = dim_div(c->dims, have, known);
        known = dim_mul(c->dims, known, y->dims[unknown]);
    }
    if (!dim_same(c->dims, have, known, "reshape"))
        return op_fail(c, TN_SHAPE, "%lld elements cannot take a shape of %lld", (long long)have, (long long)known);
    return TN_OK;
}

static tn_status reshape_backward(const op_grad *c)
{
    return op_give(c, 0, tn_reshape(op_dout(c, 0), tn_tensor_shape(op_in(c, 0))));
}

static void reshape_ref(const op_ref *c)
{
    const op_array *x = c->in[0];
    op_array *y = c->out[0];
    if (y->f)
        memcpy(y->f, x->f, (size_t)x->count * sizeof *x->f);
    else
        memcpy(y->i, x->i, (size_t)x->count * sizeof *x->i);
}

/* Both shapes are walked from the right in groups of equal size; a group of x must be evenly strided to be cut anew. */
static bool reshape_view(const op_value *arg, const op_operand *x, op_operand *y, int64_t *offset)
{
    (void)arg, (void)offset;
    int i = x->rank - 1, j = y->rank - 1;
    for (int k = 0; k < y->rank; k++)
        if (y->dims[k] == 0)
            return true; /* nothing is ever read */
    while (j >= 0) {
        while (i >= 0 && x->dims[i] == 1)
            i--;
        int64_t stride = i >= 0 ? x->strides[i] : 1, have = i >= 0 ? x->dims[i] : 1, used = 1;
        while (j >= 0 && (used < have || y->dims[j] == 1)) {
            y->strides[j] = stride * used;
            used *= y->dims[j--];
            while (used > have) { /* the next axis of x must continue this one */
                if (--i < 0)
                    return false;
                if (x->dims[i] != 1 && x->strides[i] != stride * have)
                    return false;
                have *= x->dims[i];
            }
        }
        if (used != have)
            return false;
        i--;
    }
    return true;
}

const op_def op_reshape = {
    .name = "reshape",
    .doc = "The same elements in row-major order under another shape; one size may be -1.",
    .torch = "torch.reshape",
    .onnx = "Reshape",
    .in = {{"x", OP_ANY, 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {[SHAPE] = OP_ARG_DIMS("shape")},
    .flags = OP_VIEW,
    .view = reshape_view,
    .infer = reshape_infer,
    .grad = reshape_backward,
    .ref = reshape_ref,
    .flops = op_no_flops,
    .cases = (const char *const[]){"x=x[2x6] shape=3,4", "x=x[2x6] shape=-1,3", "x=x[6] shape=1,6,1",
                                   "x=x[1] shape=", "x=x[0x3] shape=3,0", NULL},
    .bad = (const op_bad[]){{"x=x[2x3] shape=4,2", "6 elements cannot take a shape of 8"},
                            {"x=x[2x3] shape=-1,-1", "two sizes are left open"},
                            {"x=x[0x3] shape=-1,0", "cannot be found"},
                            {"x=x[2] shape=1,1,1,1,1,1,1,1,2", "9 axes asked for; at most 8 are supported"},
                            {"x=x[2x3] shape=-1,4", "6 elements cannot take"},
                            {0}},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *tn_reshape(tn_tensor *x, tn_shape shape)
{
    return OP_MAKE(&op_reshape, OP_ARGS([SHAPE] = OP_L(shape.rank, shape.dims)), x);
}

tn_tensor *tn_flatten(tn_tensor *x, int from)
{
    if (op_unusable(x))
        return x;
    int rank = x->type.rank, first = from < 0 ? from + rank : from;
    if (first < 0 || first > rank)
        return graph_fail(x->graph, TN_SHAPE, "flatten of '%s': axis %d of a %d-d tensor", tn_tensor_name(x), from,
                          rank);
    tn_shape shape = {.rank = first + 1};
    shape.dims[first] = 1;
    for (int i = 0; i < rank; i++)
        shape.dims[i < first ? i : first] =
            i <= first ? x->type.dims[i] : dim_mul(x->graph->dims, shape.dims[first], x->type.dims[i]);
    return tn_reshape(x, shape);
}

tn_tensor *tn_unsqueeze(tn_tensor *x, int axis)
{
    if (op_unusable(x))
        return x;
    int rank = x->type.rank + 1, at = axis < 0 ? axis + rank : axis;
    if (at < 0 || at >= rank || rank > TN_MAX_RANK)
        return graph_fail(x->graph, TN_SHAPE, "unsqueeze of '%s': axis %d of a %d-d result", tn_tensor_name(x), axis,
                          rank);
    tn_shape shape = {.rank = rank};
    for (int i = 0; i < rank; i++)
        shape.dims[i] = i == at ? 1 : x->type.dims[i < at ? i : i - 1];
    return tn_reshape(x, shape);
}

tn_tensor *tn_squeeze(tn_tensor *x, int axis)
{
    if (op_unusable(x))
        return x;
    int rank = x->type.rank, at = axis < 0 ? axis + rank : axis;
    if (at < 0 || at >= rank || x->type.dims[at] != 1)
        return graph_fail(x->graph, TN_SHAPE, "squeeze of '%s': axis %d of a %d-d tensor is not there or not of size 1",
                          tn_tensor_name(x), axis, rank);
    tn_shape shape = {.rank = rank - 1};
    for (int i = 0; i < rank - 1; i++)
        shape.dims[i] = x->type.dims[i < at ? i : i + 1];
    return tn_reshape(x, shape);
}
