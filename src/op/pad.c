/* pad: a border of a constant value, `low` elements before and `high` behind each axis. */
#include "op/scheme/op.h"

enum { LOW, HIGH, VALUE };

static tn_status pad_infer(const op_infer *c)
{
    const graph_type *x = c->in[0];
    if (c->arg[LOW].n != x->rank || c->arg[HIGH].n != x->rank)
        return op_fail(c, TN_INVALID, "low and high must have one number for each of %d axes, not %d and %d", x->rank,
                       c->arg[LOW].n, c->arg[HIGH].n);
    op_like(c, 0, x);
    for (int i = 0; i < x->rank; i++)
        c->out[0].dims[i] = dim_add(c->dims, x->dims[i], c->arg[LOW].list[i] + c->arg[HIGH].list[i]);
    return TN_OK;
}

static tn_status pad_backward(const op_grad *c)
{
    tn_tensor *x = op_in(c, 0);
    const int64_t *low = op_arg(c, LOW)->list;
    int64_t axes[TN_MAX_RANK];
    tn_dim end[TN_MAX_RANK];
    for (int i = 0; i < x->type.rank; i++) {
        axes[i] = i;
        end[i] = dim_add(c->graph->dims, low[i], x->type.dims[i]);
    }
    return op_give(c, 0, tn_slice_axes(op_dout(c, 0), x->type.rank, axes, low, end, NULL));
}

static void pad_ref(const op_ref *c)
{
    const op_array *x = c->in[0];
    op_array *y = c->out[0];
    int64_t at[TN_MAX_RANK] = {0};
    for (int64_t i = 0; i < y->count; i++) {
        if (y->f)
            y->f[i] = c->arg[VALUE].f;
        else
            y->i[i] = op_ref_to_int(y->dtype, c->arg[VALUE].f);
    }
    for (int64_t i = 0; i < x->count; i++) {
        op_ref_coordinates(x, i, at);
        for (int k = 0; k < x->rank; k++)
            at[k] += c->arg[LOW].list[k];
        if (y->f)
            y->f[op_ref_at(y, at)] = x->f[i];
        else
            y->i[op_ref_at(y, at)] = x->i[i];
    }
}

#define BORDER(text)                                                                                                   \
    {                                                                                                                  \
        .name = text, .kind = OP_INTS_LIST, .bounded = true, .min = 0, .max = 0x1p40                                   \
    }

const op_def op_pad = {
    .name = "pad",
    .doc = "A border of a constant value.",
    .torch = "torch.nn.functional.pad",
    .onnx = "Pad",
    .in = {{"x", OP_ANY, 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {[LOW] = BORDER("low"), [HIGH] = BORDER("high"), [VALUE] = OP_ARG_FLOAT("value", 0)},
    .infer = pad_infer,
    .grad = pad_backward,
    .ref = pad_ref,
    .flops = op_no_flops,
    .cases =
        (const char *const[]){"x=x[3] low=1 high=2", "x=x[2x3] low=0,1 high=2,0 value=1",
                              "x=x[2x3x2] low=1,0,2 high=0,0,1", "x=x[] low= high=", "x=x[0x3] low=1,0 high=1,0", NULL},
    .bad = (const op_bad[]){{"x=x[2x3] low=1 high=1", "one number for each of 2 axes"},
                            {"x=x[3] low=-1 high=0", "low is -1"},
                            {"x=x[3] low=0 high=-2", "high is -2"},
                            {0}},
    .tol = {OP_TOL_EXACT},
};

/* What is less than nothing is cut off; amounts beyond reason are left for the operator to refuse. */
static int64_t cut_of(int64_t amount)
{
    return amount < 0 && amount > -((int64_t)1 << 40) ? -amount : 0;
}

tn_tensor *tn_pad(tn_tensor *x, const int64_t *low, const int64_t *high, double value)
{
    int n = op_unusable(x) ? 0 : x->type.rank;
    int64_t before[TN_MAX_RANK], behind[TN_MAX_RANK];
    for (int i = 0; i < n; i++) {
        int64_t first = cut_of(low[i]), last = cut_of(high[i]);
        before[i] = first ? 0 : low[i];
        behind[i] = last ? 0 : high[i];
        const tn_dim size = tn_dim_of(x, i);
        if (dim_literal(size) && first + last > size)
            return graph_fail(x->graph, TN_SHAPE, "pad: %lld and %lld elements are cut off axis %d, which has %lld",
                              (long long)first, (long long)last, i, (long long)size);
        if (first || last)
            x = tn_slice(x, i, first, dim_sub(x->graph->dims, size, last));
    }
    return OP_MAKE(&op_pad, OP_ARGS([LOW] = OP_L(n, before), [HIGH] = OP_L(n, behind), [VALUE] = OP_F(value)), x);
}
