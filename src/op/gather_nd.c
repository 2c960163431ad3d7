/* gather_nd: parts of x at places that index names by coordinates in several axes (ONNX's GatherND): y[b .., i .., :] =
 * x[b .., index[b .., i .., 0], index[b .., i .., 1], ..., :]. A place that does not exist is a fault at run time and gives 0. */
#include "op/scheme/coordinates.h"

enum { BATCH };
enum { X, INDEX };

static tn_status gather_nd_infer(const op_infer *c)
{
    return op_coordinates_check(c, op_int(c, BATCH), &c->out[0]);
}

static tn_status gather_nd_lower(const op_lower *c)
{
    int64_t batch = c->node->arg[BATCH].i;
    tn_tensor *rows = op_coordinate_rows(c->in[X], c->in[INDEX], batch);
    tn_tensor *y = tn_index_select(op_coordinate_table(c->in[X], c->in[INDEX], batch), 0, rows);
    c->out[0] = tn_reshape(y, tn_tensor_shape(&c->node->out[0]));
    return TN_OK;
}

static void gather_nd_ref(const op_ref *c)
{
    const op_array *x = c->in[X], *index = c->in[INDEX];
    op_array *y = c->out[0];
    int64_t batch = c->arg[BATCH].i, rest = op_coordinate_rest(x, index, batch), k = index->dims[index->rank - 1];
    for (int64_t i = 0; i < index->count / k; i++) {
        int64_t row = op_coordinate_at(x, index, batch, i);
        if (row < 0)
            op_ref_fault(c, "a place that gather_nd is to read does not exist");
        for (int64_t j = 0; j < rest && row >= 0; j++) {
            if (y->f)
                y->f[i * rest + j] = x->f[row * rest + j];
            else
                y->i[i * rest + j] = x->i[row * rest + j];
        }
    }
}

const op_def op_gather_nd = {
    .name = "gather_nd",
    .doc = "Parts of x at places that index names by coordinates in several axes.",
    .onnx = "GatherND",
    .in = {{"x", OP_ANY, 'T'}, {"index", OP_INDEX}},
    .out = {{"y", 0, 'T'}},
    .arg = {[BATCH] = OP_ARG_INT_IN("batch", 0, 0, TN_MAX_RANK)},
    .flags = OP_FAULTS,
    .infer = gather_nd_infer,
    .lower = gather_nd_lower,
    .ref = gather_nd_ref,
    .flops = op_no_flops,
    .cases = (const char *const[]){"x=x[5] index=i[3x1]:index=5", "x=x[3x4] index=i[6x2]:index=3",
                                   "x=x[3x4x2] index=i[2x5x2]:index=3", "x=x[2x3x4] index=i[2x3]:index=2",
                                   "x=x[3x4] index=i[1]:index=3", "x=x[3x4x2] index=i[3x5x1]:index=4 batch=1",
                                   "x=x[2x3x4] index=i[2x3x5x1]:index=4 batch=2", "x=x[3x4] index=i[0x2]:index=3",
                                   "x=x[3x0] index=i[4x1]:index=3", NULL},
    .bad = (const op_bad[]){{"x=x[] index=i[1]:index=1", "x has 0 axes and index 1; both need more than the 0"},
                            {"x=x[3] index=i[]:index=1", "x has 1 axes and index 0"},
                            {"x=x[3x4] index=i[2x3]:index=3", "must have 1 to 2 coordinates"},
                            {"x=x[3x4] index=i[2x0]:index=3", "must have 1 to 2 coordinates"},
                            {"x=x[3x4] index=i[2x1]:index=3 batch=1", "the batch of x and that of index"},
                            {"x=x[2x2x2x2x2x2x2] index=i[2x2x2x1]:index=2", "have 9 axes; at most 8"},
                            {"x=x[3x4] index=i[3x1]:index=3 batch=-1", "batch"},
                            {0}},
    .fault = (const op_bad[]){{"x=x[2x3] index=i[20x2]:index=3", "out of range"}, {0}},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *tn_gather_nd(tn_tensor *x, tn_tensor *index, int64_t batch)
{
    return OP_MAKE(&op_gather_nd, OP_ARGS([BATCH] = OP_I(batch)), x, index);
}
