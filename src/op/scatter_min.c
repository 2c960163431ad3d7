/* scatter_min: the smallest of x and of what source has for a place that index names along an axis; NaN wins. An index out of
 * range is a fault at run time, and what it points to is dropped. */
#include "op/scheme/scatter.h"

#include <math.h>

enum { AXIS };

static void put(op_array *y, int64_t at, const op_array *source, int64_t i)
{
    if (y->i)
        y->i[at] = source->i[i] < y->i[at] ? source->i[i] : y->i[at];
    else if (isnan(source->f[i]) || source->f[i] < y->f[at])
        y->f[at] = source->f[i];
}
static void scatter_min_ref(const op_ref *c)
{
    op_ref_scatter(c, put, "an index of scatter_min is out of range");
}

const op_def op_scatter_min = {
    .name = "scatter_min",
    .doc = "The smallest of x and of what source has for each place that index names along an axis.",
    .torch = "torch.scatter_reduce",
    .onnx = "ScatterElements",
    .in = OP_SCATTER_SLOTS,
    .out = {{"y", 0, 'T'}},
    .arg = {[AXIS] = OP_ARG_INT("axis", 0)},
    .flags = OP_FAULTS,
    .infer = op_infer_scatter,
    .grad = op_grad_scatter_extreme,
    .ref = scatter_min_ref,
    .flops = op_scatter_flops,
    .cases =
        (const char *const[]){OP_SCATTER_CASES, "x=x[4x3]:ties index=i[6x3]:index=4 source=x[6x3]:ties axis=0", NULL},
    .bad = (const op_bad[]){OP_SCATTER_BAD, {0}},
    .fault = (const op_bad[]){OP_SCATTER_FAULT, {0}},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *tn_scatter_min(tn_tensor *x, int axis, tn_tensor *index, tn_tensor *source)
{
    return OP_MAKE(&op_scatter_min, OP_ARGS([AXIS] = OP_I(axis)), x, index, source);
}
