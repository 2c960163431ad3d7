/* csr_order: the numbers of elements sorted by the row that index names for each, those of a row in their order, and where each row
 * begins among them: order[E] and indptr[rows + 1], as a sparse matrix in CSR has them. An index out of range is a fault at run
 * time, and its element is left out; behind the last row order is 0 then. */
#include "op/internal.h"

enum { ROWS };
enum { INDPTR, ORDER };

static tn_status csr_order_infer(const op_infer *c)
{
    if (c->in[0]->rank != 1)
        return op_fail(c, TN_SHAPE, "index has %d axes; it needs one, the row of each element", c->in[0]->rank);
    if (c->arg[ROWS].n != 1 || c->arg[ROWS].list[0] == TN_INFER)
        return op_fail(c, TN_INVALID, "takes one number of rows, which must be given");
    c->out[INDPTR].rank = c->out[ORDER].rank = 1;
    c->out[INDPTR].dims[0] = dim_add(c->dims, c->arg[ROWS].list[0], 1);
    c->out[ORDER].dims[0] = c->in[0]->dims[0];
    return TN_OK;
}

static void csr_order_ref(const op_ref *c)
{
    const op_array *index = c->in[0];
    op_array *indptr = c->out[INDPTR], *order = c->out[ORDER];
    int64_t n = 0, rows = indptr->count - 1;
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t i = 0; i < index->count; i++)
            if (index->i[i] == r)
                order->i[n++] = i;
        indptr->i[r + 1] = n;
    }
    if (n < index->count)
        op_ref_fault(c, "an index of csr_order is out of range");
}

const op_def op_csr_order = {
    .name = "csr_order",
    .doc = "Elements sorted by the row that index names for each, and where each row begins.",
    .in = {{"index", OP_INDEX}},
    .out = {{"indptr", OP_BIT(TN_I64)}, {"order", OP_BIT(TN_I64)}},
    .arg = {[ROWS] = OP_ARG_DIMS("rows")},
    .flags = OP_FAULTS,
    .infer = csr_order_infer,
    .grad = op_grad_zero,
    .ref = csr_order_ref,
    .flops = op_no_flops,
    .cases =
        (const char *const[]){"index=i[7]:index=5 rows=5", "index=i[9]:index=2 rows=6", "index=i[0]:index=2 rows=3",
                              "index=i[0]:index=2 rows=0", "index=i[9001]:index=300 rows=301", NULL},
    .bad = (const op_bad[]){{"index=i[2x1]:index=2 rows=2", "index has 2 axes"},
                            {"index=i[2]:index=2 rows=2,2", "takes one number of rows"},
                            {0}},
    .fault = (const op_bad[]){{"index=i[20]:index=5 rows=2", "out of range"}, {0}},
    .tol = {OP_TOL_INTS},
};

op_csr op_csr_order_of(tn_tensor *index, tn_dim rows)
{
    tn_tensor *indptr = OP_MAKE(&op_csr_order, OP_ARGS([ROWS] = OP_L(1, &rows)), index);
    return (op_csr){indptr, op_sibling(indptr, ORDER)};
}
