/* arange: the numbers start, start + step, ... of a given count, which may be an expression of sizes. */
#include "op/scheme/op.h"

enum { SIZE, START, STEP, DTYPE };

static tn_status arange_infer(const op_infer *c)
{
    c->out[0].dtype = (tn_dtype)op_int(c, DTYPE);
    if (!(OP_BIT(c->out[0].dtype) & OP_NUMBERS))
        return op_fail(c, TN_DTYPE, "dtype is %s; it must be a float or an integer", tn_dtype_name(c->out[0].dtype));
    if (c->arg[SIZE].n != 1 || c->arg[SIZE].list[0] == TN_INFER)
        return op_fail(c, TN_INVALID, "takes one size, which must be given");
    c->out[0].rank = 1;
    c->out[0].dims[0] = c->arg[SIZE].list[0];
    return TN_OK;
}

static void arange_ref(const op_ref *c)
{
    op_array *y = c->out[0];
    for (int64_t i = 0; i < y->count; i++) {
        double v = c->arg[START].f + (double)i * c->arg[STEP].f;
        if (y->f)
            y->f[i] = v;
        else
            y->i[i] = op_ref_wrap(y->dtype, op_ref_to_int(TN_I64, v));
    }
}

const op_def op_arange = {
    .name = "arange",
    .doc = "start, start + step, ...: so many numbers.",
    .torch = "torch.arange",
    .onnx = "Range",
    .out = {{"y", OP_NUMBERS}},
    .arg = {[SIZE] = OP_ARG_DIMS("size"),
            [START] = OP_ARG_FLOAT("start", 0),
            [STEP] = OP_ARG_FLOAT("step", 1),
            [DTYPE] = OP_ARG_DTYPE("dtype")},
    .infer = arange_infer,
    .grad = op_grad_zero,
    .ref = arange_ref,
    .cases = (const char *const[]){"size=5 dtype=i64", "size=7 start=-1.5 step=0.25 dtype=f32",
                                   "size=3 dtype=f64 start=4", "size=4 dtype=bf16", "size=6 dtype=f16 step=-1",
                                   "size=300 dtype=u8", "size=3 dtype=i32 start=9 step=-4", "size=0 dtype=f32", NULL},
    .bad = (const op_bad[]){{"size=3 dtype=bool", "it must be a float or an integer"},
                            {"size=-1 dtype=f32", "which must be given"},
                            {"size=2,2 dtype=f32", "takes one size"},
                            {0}},
    .tol = {OP_TOL_FLOATS, OP_TOL_INTS},
};

tn_tensor *tn_arange(tn_graph *g, tn_dtype dtype, double start, double step, tn_dim size)
{
    graph_node *node =
        op_apply(g, &op_arange, 0, NULL,
                 OP_ARGS([SIZE] = OP_L(1, &size), [START] = OP_F(start), [STEP] = OP_F(step), [DTYPE] = OP_I(dtype)));
    return node ? &node->out[0] : &g->poison;
}
