/* edge_dot: for each edge e the sum over features of a[i[e]] * b[j[e]]: the elements of a b^T where a sparse matrix has some. a and b
 * are [rows, ...]; the first `groups` axes after the rows stay: y is [E, those axes]. An index out of range is a fault. */
#include "op/internal.h"

#include <math.h>

enum { GROUPS };
enum { A, B, I, J };

static tn_status edge_dot_infer(const op_infer *c)
{
    const graph_type *a = c->in[A], *b = c->in[B];
    int64_t groups = op_int(c, GROUPS);
    if (a->rank < 1 || a->rank != b->rank)
        return op_fail(c, TN_SHAPE, "a has %d axes and b %d; both need as many, rows first", a->rank, b->rank);
    for (int k = 1; k < a->rank; k++)
        BASE_TRY(op_want_same(c, a->dims[k], b->dims[k], "axes of a and b after the first"));
    if (groups < 0 || groups >= a->rank)
        return op_fail(c, TN_INVALID, "groups=%lld; a has %d axes behind the first", (long long)groups, a->rank - 1);
    for (int k = I; k <= J; k++)
        if (c->in[k]->rank != 1)
            return op_fail(c, TN_SHAPE, "%s has %d axes; it needs one", c->def->in[k].name, c->in[k]->rank);
    BASE_TRY(op_want_same(c, c->in[I]->dims[0], c->in[J]->dims[0], "edges in i and j"));
    op_like(c, 0, a);
    c->out[0].rank = (int)groups + 1;
    c->out[0].dims[0] = c->in[I]->dims[0];
    return TN_OK;
}

/* The gradient for rows that `at` names, `other` being those of the other factor, which `from` names. */
static tn_tensor *gradient(const op_grad *c, tn_tensor *at, tn_tensor *from, tn_tensor *x, tn_tensor *other)
{
    const op_csr order = op_csr_order_of(at, x->type.dims[0]);
    return op_spmm_of(other, &(op_sparse){order.indptr, from, order.order, op_dout(c, 0), at}, 0);
}

static tn_status edge_dot_backward(const op_grad *c)
{
    if (op_wants(c, A))
        op_give(c, A, gradient(c, op_in(c, I), op_in(c, J), op_in(c, A), op_in(c, B)));
    if (op_wants(c, B))
        op_give(c, B, gradient(c, op_in(c, J), op_in(c, I), op_in(c, B), op_in(c, A)));
    op_give_zero(c, I);
    return op_give_zero(c, J);
}

static void edge_dot_ref(const op_ref *c)
{
    const op_array *a = c->in[A], *b = c->in[B];
    op_array *y = c->out[0];
    int64_t width = 1, features = 1;
    for (int k = 1; k < a->rank; k++) {
        width *= a->dims[k];
        features *= k > c->arg[GROUPS].i ? a->dims[k] : 1;
    }
    int64_t groups = features ? width / features : 0;
    for (int64_t e = 0; e < c->in[I]->count; e++) {
        int64_t i = c->in[I]->i[e], j = c->in[J]->i[e];
        if (i < 0 || i >= a->dims[0] || j < 0 || j >= b->dims[0]) {
            op_ref_fault(c, "an index of edge_dot is out of range");
            continue;
        }
        for (int64_t k = 0; k < width; k++) {
            double v = a->f[i * width + k] * b->f[j * width + k];
            y->f[e * groups + k / features] += v;
            y->magnitude[e * groups + k / features] += fabs(v);
        }
    }
}

static double edge_dot_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    double width = 2;
    for (int k = (int)arg[GROUPS].i + 1; k < in[A]->rank; k++)
        width *= (double)in[A]->dims[k];
    return op_elements(out) * width;
}

const op_def op_edge_dot = {
    .name = "edge_dot",
    .doc = "The product of two rows, one of a and one of b, for each edge.",
    .in = {{"a", OP_FLOATS, 'T'}, {"b", OP_FLOATS, 'T'}, {"i", OP_INDEX}, {"j", OP_INDEX}},
    .out = {{"y", 0, 'T'}},
    .arg = {[GROUPS] = OP_ARG_INT("groups", 0)},
    .flags = OP_FAULTS,
    .infer = edge_dot_infer,
    .grad = edge_dot_backward,
    .ref = edge_dot_ref,
    .flops = edge_dot_flops,
    .cases = (const char *const[]){"a=x[4x3] b=x[5x3] i=i[7]:index=4 j=i[7]:index=5",
                                   "a=x[4x2x70] b=x[3x2x70] i=i[6]:index=4 j=i[6]:index=3 groups=1",
                                   "a=x[4x2x3] b=x[3x2x3] i=i[6]:index=4 j=i[6]:index=3",
                                   "a=x[4x2] b=x[3x2] i=i[6]:index=4 j=i[6]:index=3 groups=1",
                                   "a=x[4] b=x[3] i=i[300]:index=4 j=i[300]:index=3",
                                   "a=x[4x2] b=x[3x2] i=i[0]:index=4 j=i[0]:index=3", NULL},
    .bad = (const op_bad[]){{"a=x[4x3] b=x[5] i=i[7]:index=4 j=i[7]:index=5", "a has 2 axes and b 1"},
                            {"a=x[4x3] b=x[5x2] i=i[7]:index=4 j=i[7]:index=5", "axes of a and b after the first"},
                            {"a=x[4x3] b=x[5x3] i=i[7]:index=4 j=i[7]:index=5 groups=2", "groups=2"},
                            {"a=x[4x3] b=x[5x3] i=i[7x1]:index=4 j=i[7]:index=5", "i has 2 axes"},
                            {"a=x[4x3] b=x[5x3] i=i[7]:index=4 j=i[6]:index=5", "edges in i and j"},
                            {0}},
    .fault = (const op_bad[]){{"a=x[2x3] b=x[2x3] i=i[20]:index=5 j=i[20]:index=2", "out of range"}, {0}},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *op_edge_dot_of(tn_tensor *a, tn_tensor *b, tn_tensor *i, tn_tensor *j, int groups)
{
    return OP_MAKE(&op_edge_dot, OP_ARGS([GROUPS] = OP_I(groups)), a, b, i, j);
}
