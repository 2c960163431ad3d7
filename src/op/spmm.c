/* spmm: a sparse matrix in CSR times a dense one. Row r of y is the sum of weight[e] * x[indices[e]] over the elements e of row r,
 * those from indptr[r] up to indptr[r + 1]; or, of each feature, the largest or smallest product. With `order` these are places in
 * it, and it says the elements: so the edges of a graph are multiplied as they stand, in whatever order. Without `indices` element e is
 * row e of x: so rows are put together by segments. x is [N, ...]; weight is [E], or [E, ...] with x's axes after the first, one
 * weight for all that the others hold. `rows` repeats the row of each element for the gradient. A row without elements is 0. Row
 * pointers that do not rise from 0 to E, and indices out of range, are faults. */
#include "op/internal.h"

#include <math.h>

enum { MODE };
enum { X, INDPTR, INDICES, ORDER, WEIGHT, ROWS };
enum { SUM, MAX, MIN };
static const char *const modes[] = {"sum", "max", "min", NULL};

/* How many elements there are, from the types of the inputs. */
static tn_dim elements(const graph_type *const *in)
{
    return in[INDICES] ? in[INDICES]->dims[0] : in[X]->dims[0];
}

/* Inputs of one axis, a number for each element; `i` may be absent. */
static tn_status check_line(const op_infer *c, int i)
{
    const graph_type *t = i < c->n_in ? c->in[i] : NULL;
    if (t && t->rank != 1)
        return op_fail(c, TN_SHAPE, "%s has %d axes; it needs one", c->def->in[i].name, t->rank);
    return t && i != INDPTR ? op_want_same(c, t->dims[0], elements(c->in), "elements of the matrix") : TN_OK;
}

static tn_status check_weight(const op_infer *c, const graph_type *weight)
{
    const graph_type *x = c->in[X];
    if (weight->rank < 1 || weight->rank > x->rank)
        return op_fail(c, TN_SHAPE, "weight has %d axes; it needs one, or some of x's %d", weight->rank, x->rank);
    BASE_TRY(op_want_same(c, weight->dims[0], elements(c->in), "elements of the matrix"));
    for (int i = 1; i < weight->rank; i++)
        BASE_TRY(op_want_same(c, weight->dims[i], x->dims[i], "axes that weight and x share"));
    return TN_OK;
}

static tn_status spmm_infer(const op_infer *c)
{
    const graph_type *x = c->in[X], *indptr = c->in[INDPTR];
    if (x->rank < 1)
        return op_fail(c, TN_SHAPE, "x needs an axis of rows");
    BASE_TRY(check_line(c, INDPTR));
    BASE_TRY(check_line(c, INDICES));
    BASE_TRY(check_line(c, ORDER));
    BASE_TRY(check_line(c, ROWS));
    if (indptr->dims[0] == 0)
        return op_fail(c, TN_SHAPE, "indptr is empty; it needs one number more than there are rows");
    if (c->n_in > WEIGHT && c->in[WEIGHT])
        BASE_TRY(check_weight(c, c->in[WEIGHT]));
    op_like(c, 0, x);
    c->out[0].dims[0] = dim_sub(c->dims, indptr->dims[0], 1);
    return TN_OK;
}

/* ---- gradients --------------------------------------------------------------------------------------------------- */

typedef struct parts {
    tn_tensor *x, *indices, *weight, *rows;
} parts;

tn_tensor *op_csr_rows(tn_tensor *indptr, tn_dim edges)
{
    dim_table *t = indptr->graph->dims;
    tn_tensor *ends = tn_slice(indptr, 0, 1, indptr->type.dims[0]);
    tn_tensor *none = tn_full(indptr->graph, TN_I64, TN_SHAPE(dim_add(t, edges, 1)), 0);
    tn_tensor *steps = tn_index_add(none, 0, ends, op_full_like(ends, TN_I64, 1));
    return tn_slice(tn_cumsum(steps, 0), 0, 0, edges);
}

static parts parts_of(const graph_node *node)
{
    tn_tensor *in[ROWS + 1] = {0};
    for (int i = 0; i < node->n_in; i++)
        in[i] = node->in[i];
    parts p = {in[X], in[INDICES], in[WEIGHT], in[ROWS]};
    if (!p.rows) {
        tn_tensor *order = in[ORDER];
        p.rows = op_csr_rows(in[INDPTR], (p.indices ? p.indices : p.x)->type.dims[0]);
        p.rows = order ? tn_scatter(op_full_like(p.rows, TN_NONE, 0), 0, order, p.rows) : p.rows;
    }
    return p;
}

/* The weight so shaped that it is broadcast along x's rows. */
static tn_tensor *wide_weight(const parts *p)
{
    tn_shape s = tn_tensor_shape(p->weight);
    while (s.rank < p->x->type.rank)
        s.dims[s.rank++] = 1;
    return tn_reshape(p->weight, s);
}

static tn_tensor *products(const parts *p)
{
    tn_tensor *rows = p->indices ? tn_index_select(p->x, 0, p->indices) : p->x;
    return p->weight ? tn_mul(rows, wide_weight(p)) : rows;
}

/* All products that are as large as the result share its gradient. */
static tn_tensor *terms_gradient(const op_grad *c, const parts *p)
{
    tn_tensor *y = op_out(c, 0), *terms = products(p);
    tn_tensor *won = op_cast_to(tn_eq(terms, tn_index_select(y, 0, p->rows)), y->type.dtype);
    tn_tensor *ties = tn_index_add(op_full_like(y, TN_NONE, 0), 0, p->rows, won);
    tn_tensor *share = tn_div(op_dout(c, 0), tn_maximum(ties, op_like_scalar(ties, 1)));
    return tn_mul(won, tn_index_select(share, 0, p->rows));
}

static void extreme_backward(const op_grad *c, const parts *p)
{
    tn_tensor *d = terms_gradient(c, p);
    tn_tensor *dx = p->weight ? tn_mul(d, wide_weight(p)) : d;
    if (op_wants(c, X))
        op_give(c, X, p->indices ? tn_index_add(op_full_like(p->x, TN_NONE, 0), 0, p->indices, dx) : dx);
    if (p->weight && op_wants(c, WEIGHT)) {
        tn_tensor *dw = tn_mul(d, p->indices ? tn_index_select(p->x, 0, p->indices) : p->x), *to = wide_weight(p);
        op_give(c, WEIGHT, tn_reshape(op_unbroadcast(dw, to), tn_tensor_shape(p->weight)));
    }
}

/* The transposed matrix times dy. */
static tn_tensor *transposed(const parts *p, tn_tensor *dy)
{
    if (!p->indices) {
        tn_tensor *rows = tn_index_select(dy, 0, p->rows);
        return p->weight ? tn_mul(rows, wide_weight(p)) : rows;
    }
    const op_csr t = op_csr_order_of(p->indices, p->x->type.dims[0]);
    return op_spmm_of(dy, &(op_sparse){t.indptr, p->rows, t.order, p->weight, p->indices}, SUM);
}

static tn_status spmm_backward(const op_grad *c)
{
    const parts p = parts_of(c->node);
    for (int i = INDPTR; i < c->node->n_in; i++)
        if (i != WEIGHT)
            op_give_zero(c, i);
    if (op_arg(c, MODE)->i != SUM) {
        extreme_backward(c, &p);
        return TN_OK;
    }
    if (op_wants(c, X))
        op_give(c, X, transposed(&p, op_dout(c, 0)));
    if (p.weight && op_wants(c, WEIGHT)) {
        tn_tensor *from = p.indices ? p.indices : tn_arange(c->graph, TN_I64, 0, 1, p.x->type.dims[0]);
        op_give(c, WEIGHT, op_edge_dot_of(op_dout(c, 0), p.x, p.rows, from, p.weight->type.rank - 1));
    }
    return TN_OK;
}

/* ---- meaning ----------------------------------------------------------------------------------------------------- */

static const op_array *given(const op_ref *c, int i)
{
    return i < c->n_in ? c->in[i] : NULL;
}

/* Puts element e into row r; it is the row's first. */
static void put(const op_ref *c, int64_t r, int64_t e, bool first)
{
    const op_array *x = c->in[X], *weight = given(c, WEIGHT);
    op_array *y = c->out[0];
    int64_t width = x->dims[0] ? x->count / x->dims[0] : 0, mode = c->arg[MODE].i;
    int64_t groups = weight && weight->dims[0] ? weight->count / weight->dims[0] : 1;
    for (int64_t k = 0; k < width; k++) {
        double v = x->f[(given(c, INDICES) ? c->in[INDICES]->i[e] : e) * width + k], *to = &y->f[r * width + k];
        v *= weight ? weight->f[e * groups + k / (width / groups)] : 1;
        if (mode == SUM) {
            *to += v;
            y->magnitude[r * width + k] += fabs(v);
        } else if (first || isnan(v) || (mode == MAX ? v > *to : v < *to)) {
            *to = v;
        }
    }
}

static void spmm_ref(const op_ref *c)
{
    const op_array *indptr = c->in[INDPTR], *indices = given(c, INDICES), *order = given(c, ORDER);
    int64_t rows = indptr->count - 1, n = indices ? indices->count : c->in[X]->dims[0];
    bool rising = indptr->i[0] == 0 && indptr->i[rows] == n;
    for (int64_t r = 0; r < rows; r++)
        rising = rising && indptr->i[r] <= indptr->i[r + 1];
    if (!rising)
        op_ref_fault(c, "the row pointers of spmm do not rise from 0 to the number of indices");
    for (int64_t r = 0; r < rows && rising; r++) {
        bool first = true;
        for (int64_t k = indptr->i[r]; k < indptr->i[r + 1]; k++) {
            int64_t e = order ? order->i[k] : k;
            int64_t from = e < 0 || e >= n ? -1 : indices ? indices->i[e] : e;
            if (from < 0 || from >= c->in[X]->dims[0]) {
                op_ref_fault(c, "an index of spmm is out of range");
                continue;
            }
            put(c, r, e, first);
            first = false;
        }
    }
    for (int64_t i = 0; i < c->out[0]->count && c->arg[MODE].i != SUM; i++)
        c->out[0]->magnitude[i] = fabs(c->out[0]->f[i]);
}

static double spmm_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)arg, (void)out;
    double width = 2;
    for (int i = 1; i < in[X]->rank; i++)
        width *= (double)in[X]->dims[i];
    return (double)elements(in) * width;
}

const op_def op_spmm = {
    .name = "spmm",
    .doc = "A sparse matrix in CSR times a dense one; or the largest or smallest products of each row.",
    .torch = "torch.sparse.mm",
    .in = {{"x", OP_FLOATS, 'T'},
           {"indptr", OP_INDEX},
           {"indices", OP_INDEX, 0, OP_OPTIONAL},
           {"order", OP_INDEX, 0, OP_OPTIONAL},
           {"weight", OP_FLOATS, 'T', OP_OPTIONAL},
           {"rows", OP_INDEX, 0, OP_OPTIONAL}},
    .out = {{"y", 0, 'T'}},
    .arg = {[MODE] = OP_ARG_ENUM("mode", SUM, modes)},
    .flags = OP_FAULTS,
    .infer = spmm_infer,
    .grad = spmm_backward,
    .ref = spmm_ref,
    .flops = spmm_flops,
    .cases =
        (const char *const[]){"x=x[5x3] indptr=i[7]:offsets=9 indices=i[9]:index=5 weight=x[9]",
                              "x=x[5x70] indptr=i[4]:offsets=8 indices=i[8]:index=5",
                              "x=x[4x3] indptr=i[6]:offsets=9 indices=i[9]:index=4 order=i[9]:order weight=x[9]",
                              "x=x[4x2x5] indptr=i[3]:offsets=7 indices=i[7]:index=4 order=i[7]:order weight=x[7x2]",
                              "x=x[6] indptr=i[3]:offsets=7 indices=i[7]:index=6 weight=x[7]",
                              "x=x[9x33] indptr=i[3]:offsets=300 indices=i[300]:index=9 weight=x[300]",
                              "x=x[5x3] indptr=i[7]:offsets=9 indices=i[9]:index=5 mode=max",
                              "x=x[9x4] indptr=i[3]:offsets=150 indices=i[150]:index=9 weight=x[150] mode=max",
                              "x=x[5x2x3] indptr=i[7]:offsets=9 indices=i[9]:index=5 order=i[9]:order weight=x[9x2] "
                              "mode=min",
                              "x=x[5x3] indptr=i[4]:offsets=0 indices=i[0]:index=5 mode=max",
                              "x=x[5x3] indptr=i[1]:offsets=0 indices=i[0]:index=5", "x=x[9x5] indptr=i[4]:offsets=9",
                              "x=x[9x2x3] indptr=i[6]:offsets=9 order=i[9]:order weight=x[9x2]",
                              "x=x[9x3] indptr=i[6]:offsets=9 order=i[9]:order weight=x[9] mode=max", NULL},
    .bad =
        (const op_bad[]){
            {"x=x[] indptr=i[3]:offsets=4 indices=i[4]:index=5", "x needs an axis of rows"},
            {"x=x[5x3] indptr=i[3x1]:offsets=4 indices=i[4]:index=5", "indptr has 2 axes"},
            {"x=x[5x3] indptr=i[3]:offsets=4 indices=i[4x1]:index=5", "indices has 2 axes"},
            {"x=x[5x3] indptr=i[0]:offsets=4 indices=i[4]:index=5", "indptr is empty"},
            {"x=x[5x3] indptr=i[3]:offsets=4 indices=i[4]:index=5 order=i[3]:order", "elements of the matrix"},
            {"x=x[5x3] indptr=i[3]:offsets=4 indices=i[4]:index=5 weight=x[3]", "elements of the matrix"},
            {"x=x[5x3] indptr=i[3]:offsets=4 indices=i[4]:index=5 rows=i[3]:index=2", "elements of the matrix"},
            {"x=x[5x3] indptr=i[3]:offsets=4 indices=i[4]:index=5 weight=x[4x2]", "weight and x share"},
            {"x=x[5] indptr=i[3]:offsets=4 indices=i[4]:index=5 weight=x[4x5]", "weight has 2 axes"},
            {0}},
    .fault =
        (const op_bad[]){{"x=x[2x3] indptr=i[3]:offsets=9 indices=i[9]:index=5", "an index of spmm is out of range"},
                         {"x=x[2x3] indptr=i[3]:offsets=9 indices=i[9]:index=2 order=i[9]:above=20", "out of range"},
                         {"x=x[2x3] indptr=i[3]:offsets=9 indices=i[8]:index=2", "do not rise"},
                         {"x=x[2x3] indptr=i[9]:index=9 indices=i[8]:index=2", "do not rise"},
                         {0}},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *op_spmm_of(tn_tensor *x, const op_sparse *a, int mode)
{
    return OP_MAKE(&op_spmm, OP_ARGS([MODE] = OP_I(mode)), x, a->indptr, a->indices, a->order, a->weight, a->rows);
}
