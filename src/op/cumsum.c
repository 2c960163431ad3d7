/* cumsum: the running sum along an axis, its own element included unless `exclusive`; from the end if `reverse`. Integers and
 * bool are added in i64. */
#include "op/internal.h"

#include <math.h>

enum { AXIS, EXCLUSIVE, REVERSE };

static tn_status cumsum_infer(const op_infer *c)
{
    c->out[0].dtype = tn_dtype_is_float(c->in[0]->dtype) ? c->in[0]->dtype : TN_I64;
    return op_axis(c, AXIS, c->in[0]->rank) < 0 ? c->error->status : op_infer_same(c);
}

static tn_tensor *cumsum_of(tn_tensor *x, int64_t axis, bool exclusive, bool reverse);

static tn_status cumsum_backward(const op_grad *c)
{
    return op_give(c, 0, cumsum_of(op_dout(c, 0), op_arg(c, AXIS)->i, op_arg(c, EXCLUSIVE)->i, !op_arg(c, REVERSE)->i));
}

static void sum_row(const op_ref *c, int64_t at, int64_t step, int64_t n)
{
    const op_array *x = c->in[0];
    op_array *y = c->out[0];
    bool late = c->arg[EXCLUSIVE].i; /* what is added counts from the next element on */
    double f = 0, size = 0;
    uint64_t i = 0;
    for (; n > 0; n--, at += step) {
        double next = x->f ? f + x->f[at] : 0, larger = x->f ? size + fabs(x->f[at]) : 0;
        uint64_t more = x->f ? 0 : i + (uint64_t)x->i[at];
        if (y->f) {
            y->f[at] = late ? f : next;
            y->magnitude[at] = late ? size : larger;
        } else {
            y->i[at] = (int64_t)(late ? i : more);
        }
        f = next;
        size = larger;
        i = more;
    }
}

static void cumsum_ref(const op_ref *c)
{
    op_row row = op_row_of(c->in[0], c->arg[AXIS].i);
    for (int64_t r = 0; r < row.count; r++) {
        int64_t first = op_row_first(&row, r), last = first + (row.size - 1) * row.stride;
        bool reverse = c->arg[REVERSE].i;
        sum_row(c, reverse ? last : first, reverse ? -row.stride : row.stride, row.size);
    }
}

const op_def op_cumsum = {
    .name = "cumsum",
    .doc = "Running sum along an axis; integers give i64.",
    .torch = "torch.cumsum",
    .onnx = "CumSum",
    .in = {{"x", OP_ANY}},
    .out = {{"y", OP_FLOATS | OP_BIT(TN_I64)}},
    .arg = {[AXIS] = OP_ARG_INT("axis", 0),
            [EXCLUSIVE] = OP_ARG_BOOL("exclusive", false),
            [REVERSE] = OP_ARG_BOOL("reverse", false)},
    .infer = cumsum_infer,
    .grad = cumsum_backward,
    .ref = cumsum_ref,
    .cases =
        (const char *const[]){"x=x[5]", "x=x[2x3x4] axis=1", "x=x[4x3] axis=-1 reverse=true", "x=x[4x3] exclusive=true",
                              "x=x[7] exclusive=true reverse=true", "x=x[0x3]", "x=x[3x0] axis=1", NULL},
    .bad = (const op_bad[]){{"x=x[2x3] axis=2", "axis 2 of a 2-d tensor"}, {"x=x[]", "axis 0 of a 0-d tensor"}, {0}},
    .tol = {OP_TOL_FLOATS, OP_TOL_INTS},
};

static tn_tensor *cumsum_of(tn_tensor *x, int64_t axis, bool exclusive, bool reverse)
{
    return OP_MAKE(&op_cumsum, OP_ARGS([AXIS] = OP_I(axis), [EXCLUSIVE] = OP_I(exclusive), [REVERSE] = OP_I(reverse)),
                   x);
}

tn_tensor *tn_cumsum(tn_tensor *x, int axis)
{
    return cumsum_of(x, axis, false, false);
}
