/* scatter_nd: x with parts of source put at places that index names by coordinates in several axes, or combined with what is there
 * (ONNX's ScatterND). Of several for one place the last stays. A place that does not exist is a fault at run time, and what goes there
 * is dropped. */
#include "op/scheme/coordinates.h"
#include "op/scheme/scatter.h"

#include <math.h>

enum { HOW };
enum { X, INDEX, SOURCE };
static const char *const ways[] = {"none", "add", "mul", "max", "min", NULL};

static tn_status scatter_nd_infer(const op_infer *c)
{
    graph_type due = {.dtype = c->in[X]->dtype};
    BASE_TRY(op_coordinates_check(c, 0, &due));
    if (!graph_same_dims(c->dims, &due, c->in[SOURCE], c->def->name))
        return op_fail(c, TN_SHAPE, "source must have the axes of index but the last, and those of x behind %lld",
                       (long long)c->in[INDEX]->dims[c->in[INDEX]->rank - 1]);
    return op_infer_same(c);
}

static tn_status scatter_nd_lower(const op_lower *c)
{
    tn_tensor *x = c->in[X], *index = c->in[INDEX];
    tn_tensor *table = op_coordinate_table(x, index, 0), *rows = op_coordinate_rows(x, index, 0), *y;
    tn_shape shape = TN_SHAPE(tn_dim_of(rows, 0), tn_dim_of(table, 1));
    tn_tensor *source = tn_reshape(c->in[SOURCE], shape), *each = tn_expand(tn_unsqueeze(rows, 1), shape);
    switch (c->node->arg[HOW].i) {
    case TN_SCATTER_ADD: y = tn_index_add(table, 0, rows, source); break;
    case TN_SCATTER_MUL: y = tn_scatter_mul(table, 0, each, source); break;
    case TN_SCATTER_MAX: y = tn_scatter_max(table, 0, each, source); break;
    case TN_SCATTER_MIN: y = tn_scatter_min(table, 0, each, source); break;
    default: y = tn_scatter(table, 0, each, source);
    }
    c->out[0] = tn_reshape(y, tn_tensor_shape(x));
    return TN_OK;
}

static double combined(int64_t how, double old, double new)
{
    switch (how) {
    case TN_SCATTER_ADD: return old + new;
    case TN_SCATTER_MUL: return old * new;
    case TN_SCATTER_MAX: return isnan(new) || new > old ? new : old;
    case TN_SCATTER_MIN: return isnan(new) || new < old ? new : old;
    default: return new;
    }
}

static int64_t combined_int(int64_t how, int64_t old, int64_t new)
{
    switch (how) {
    case TN_SCATTER_ADD: return (int64_t)((uint64_t)old + (uint64_t) new);
    case TN_SCATTER_MUL: return (int64_t)((uint64_t)old * (uint64_t) new);
    case TN_SCATTER_MAX: return new > old ? new : old;
    case TN_SCATTER_MIN: return new < old ? new : old;
    default: return new;
    }
}

static void put(const op_ref *c, int64_t at, int64_t i)
{
    const op_array *source = c->in[SOURCE];
    op_array *y = c->out[0];
    int64_t how = c->arg[HOW].i;
    if (y->i) {
        y->i[at] = op_ref_wrap(y->dtype, combined_int(how, y->i[at], source->i[i]));
        return;
    }
    y->f[at] = combined(how, y->f[at], source->f[i]);
    y->magnitude[at] = how == TN_SCATTER_ADD ? y->magnitude[at] + fabs(source->f[i]) : fabs(y->f[at]);
}

static void scatter_nd_ref(const op_ref *c)
{
    const op_array *x = c->in[X], *index = c->in[INDEX];
    op_array *y = c->out[0];
    int64_t rest = op_coordinate_rest(x, index, 0), k = index->dims[index->rank - 1];
    for (int64_t i = 0; i < y->count; i++) {
        if (y->f)
            y->magnitude[i] = fabs(y->f[i] = x->f[i]);
        else
            y->i[i] = x->i[i];
    }
    for (int64_t i = 0; i < index->count / k; i++) {
        int64_t row = op_coordinate_at(x, index, 0, i);
        if (row < 0)
            op_ref_fault(c, "a place that scatter_nd is to write does not exist");
        for (int64_t j = 0; j < rest && row >= 0; j++)
            put(c, row * rest + j, i * rest + j);
    }
}

const op_def op_scatter_nd = {
    .name = "scatter_nd",
    .doc = "x with parts of source put at places that index names by coordinates in several axes, or combined with "
           "what is "
           "there.",
    .torch = "torch.index_put",
    .onnx = "ScatterND",
    .in = {{"x", OP_NUMBERS, 'T'}, {"index", OP_INDEX}, {"source", OP_NUMBERS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {[HOW] = OP_ARG_ENUM("how", TN_SCATTER_SET, ways)},
    .flags = OP_FAULTS,
    .infer = scatter_nd_infer,
    .lower = scatter_nd_lower,
    .ref = scatter_nd_ref,
    .flops = op_scatter_flops,
    .cases =
        (const char *const[]){
            "x=x[5] index=i[7x1]:index=5 source=x[7]", "x=x[3x4] index=i[6x2]:index=3 source=x[6] how=add",
            "x=x[3x4x2] index=i[2x5x2]:index=3 source=x[2x5x2] how=mul",
            "x=x[4x3] index=i[6x1]:index=4 source=x[6x3] how=max",
            "x=x[4x3] index=i[6x1]:index=4 source=x[6x3] how=min", "x=x[3x4] index=i[1]:index=3 source=x[4]",
            "x=x[2x3x4] index=i[3]:index=2 source=x[]", "x=x[3x4] index=i[0x2]:index=3 source=x[0]",
            "x=x[3x0] index=i[4x1]:index=3 source=x[4x0] how=add", NULL},
    .bad = (const op_bad[]){{"x=x[] index=i[1]:index=1 source=x[]", "x has 0 axes and index 1"},
                            {"x=x[3x4] index=i[2x3]:index=3 source=x[2]", "must have 1 to 2 coordinates"},
                            {"x=x[3x4] index=i[2x1]:index=3 source=x[2x3]", "source must have the axes of index but"},
                            {"x=x[2x2x2x2x2x2x2] index=i[2x2x2x1]:index=2 source=x[2]", "have 9 axes; at most 8"},
                            {0}},
    .fault = (const op_bad[]){{"x=x[2x3] index=i[20x2]:index=3 source=x[20]", "out of range"}, {0}},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-300),
            [TN_F32] = OP_TOL(2e-6, 1e-37),
            [TN_F16] = OP_TOL(8e-3, 1e-6),
            [TN_BF16] = OP_TOL(4e-2, 1e-37),
            OP_TOL_INTS},
};

tn_tensor *tn_scatter_nd(tn_tensor *x, tn_tensor *index, tn_tensor *source, tn_scatter_how how)
{
    return OP_MAKE(&op_scatter_nd, OP_ARGS([HOW] = OP_I(how)), x, index, source);
}
