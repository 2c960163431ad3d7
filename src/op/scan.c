/* scan: a linear recurrence along an axis: y[i] = a[i] * y[i - 1] + b[i], and `initial` in place of what comes before the first;
 * b may be absent. With `reverse` it runs from the end. Running sums and products are cases of it, and so is its own gradient,
 * zeros among a included. Integers wrap. */
#include "op/internal.h"

#include <math.h>

enum { AXIS, REVERSE, INITIAL };

tn_tensor *op_shifted(tn_tensor *x, int64_t axis, bool back, double value)
{
    if (op_unusable(x))
        return x;
    int64_t low[TN_MAX_RANK] = {0}, high[TN_MAX_RANK] = {0}, at = axis < 0 ? axis + x->type.rank : axis;
    tn_dim size = x->type.dims[at];
    (back ? high : low)[at] = 1;
    tn_tensor *more = tn_pad(x, low, high, value);
    return back ? tn_slice(more, (int)at, 1, TN_INFER) : tn_slice(more, (int)at, 0, size);
}

/* With g[i] the whole effect of y[i]: g[i] = dy[i] + a[i + 1] * g[i + 1], db = g, da[i] = g[i] * y[i - 1]. */
static tn_status scan_backward(const op_grad *c)
{
    int64_t axis = op_arg(c, AXIS)->i;
    bool reverse = op_arg(c, REVERSE)->i;
    tn_tensor *g = op_scan_of(op_shifted(op_in(c, 0), axis, !reverse, 0), op_dout(c, 0), axis, !reverse, 0);
    if (op_wants(c, 0))
        op_give(c, 0, tn_mul(g, op_shifted(op_out(c, 0), axis, reverse, op_arg(c, INITIAL)->f)));
    return op_wants(c, 1) ? op_give(c, 1, g) : TN_OK;
}

static void scan_row(const op_ref *c, int64_t at, int64_t step, int64_t n)
{
    const op_array *a = c->in[0], *b = c->n_in > 1 ? c->in[1] : NULL;
    op_array *y = c->out[0];
    double f = c->arg[INITIAL].f, magnitude = fabs(f);
    uint64_t i = (uint64_t)op_ref_to_int(TN_I64, f);
    for (; n > 0; n--, at += step) {
        if (y->f) {
            y->f[at] = f = a->f[at] * f + (b ? b->f[at] : 0);
            y->magnitude[at] = magnitude = fabs(a->f[at]) * magnitude + (b ? fabs(b->f[at]) : 0);
        } else {
            i = (uint64_t)a->i[at] * i + (b ? (uint64_t)b->i[at] : 0);
            y->i[at] = op_ref_wrap(y->dtype, (int64_t)i);
        }
    }
}

static void scan_ref(const op_ref *c)
{
    op_row row = op_row_of(c->in[0], c->arg[AXIS].i);
    for (int64_t r = 0; r < row.count; r++) {
        int64_t first = op_row_first(&row, r), last = first + (row.size - 1) * row.stride;
        bool reverse = c->arg[REVERSE].i;
        scan_row(c, reverse ? last : first, reverse ? -row.stride : row.stride, row.size);
    }
}

const op_def op_scan = {
    .name = "scan",
    .doc = "y[i] = a[i] * y[i - 1] + b[i] along an axis.",
    .in = {{"a", OP_NUMBERS, 'T'}, {"b", OP_NUMBERS, 'T', OP_OPTIONAL}},
    .out = {{"y", 0, 'T'}},
    .arg = {[AXIS] = OP_ARG_INT("axis", 0),
            [REVERSE] = OP_ARG_BOOL("reverse", false),
            [INITIAL] = OP_ARG_FLOAT("initial", 0)},
    .infer = op_infer_along,
    .grad = scan_backward,
    .ref = scan_ref,
    .flops_each = 2,
    .cases = (const char *const[]){"a=x[5] b=x[5]", "a=x[2x3x4] b=x[2x3x4] axis=1 initial=2",
                                   "a=x[4x3] axis=-1 reverse=true initial=1", "a=x[4x3] b=x[4x3] reverse=true",
                                   "a=x[0x3] b=x[0x3]", "a=x[2x0] b=x[2x0] axis=1", NULL},
    .bad = (const op_bad[]){{"a=x[2x3] b=x[2]", "must have the shape"},
                            {"a=x[2x3] axis=2", "axis 2 of a 2-d tensor"},
                            {0}},
    .tol = {OP_TOL_FLOATS, OP_TOL_INTS},
};

tn_tensor *op_scan_of(tn_tensor *a, tn_tensor *b, int64_t axis, bool reverse, double initial)
{
    return OP_MAKE(&op_scan, OP_ARGS([AXIS] = OP_I(axis), [REVERSE] = OP_I(reverse), [INITIAL] = OP_F(initial)), a, b);
}

tn_tensor *tn_scan(tn_tensor *a, tn_tensor *b, int axis)
{
    return op_scan_of(a, b, axis, false, 0);
}
