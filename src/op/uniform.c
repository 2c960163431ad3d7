/* uniform: random numbers in [0, 1), multiples of 2^-24 before they are rounded to the dtype (f16 and bf16 may give 1). The
 * number of an element is as in dropout_mask. */
#include "op/internal.h"

enum { SHAPE, STREAM, DTYPE };

static tn_status uniform_infer(const op_infer *c)
{
    const op_value *shape = &c->arg[SHAPE];
    c->out[0].dtype = (tn_dtype)op_int(c, DTYPE);
    if (!tn_dtype_is_float(c->out[0].dtype))
        return op_fail(c, TN_DTYPE, "dtype is %s; it must be a float", tn_dtype_name(c->out[0].dtype));
    if (shape->n > TN_MAX_RANK)
        return op_fail(c, TN_SHAPE, "%d axes asked for; at most %d are supported", shape->n, TN_MAX_RANK);
    c->out[0].rank = shape->n;
    for (int i = 0; i < shape->n; i++) {
        if (shape->list[i] == TN_INFER)
            return op_fail(c, TN_SHAPE, "the size of axis %d is not given", i);
        c->out[0].dims[i] = shape->list[i];
    }
    return TN_OK;
}

static void uniform_ref(const op_ref *c)
{
    op_array *y = c->out[0];
    for (int64_t i = 0; i < y->count; i++)
        y->f[i] = (double)base_philox_f32(op_random_word(c->seed, c->step, c->arg[STREAM].i, op_random_index(y, i)));
}

const op_def op_uniform = {
    .name = "uniform",
    .doc = "Random numbers in [0, 1).",
    .torch = "torch.rand",
    .onnx = "RandomUniform",
    .out = {{"y", OP_FLOATS}},
    .arg = {[SHAPE] = OP_ARG_DIMS("shape"), [STREAM] = OP_ARG_INT("stream", 0), [DTYPE] = OP_ARG_DTYPE("dtype")},
    .flags = OP_RANDOM | OP_ELEMENTWISE,
    .infer = uniform_infer,
    .grad = op_grad_zero,
    .ref = uniform_ref,
    .cases = (const char *const[]){"shape=5 stream=1 dtype=f32", "shape=2,3,4 stream=2 dtype=f64",
                                   "shape=2,3,4,5 stream=-3 dtype=f32", "shape=2,3,4 stream=4 dtype=f16",
                                   "shape=7,11 stream=5 dtype=bf16", "shape= stream=6 dtype=f32",
                                   "shape=0,3 stream=7 dtype=f32", NULL},
    .bad = (const op_bad[]){{"shape=2,-1 stream=1 dtype=f32", "the size of axis 1 is not given"},
                            {"shape=2 stream=1 dtype=i32", "it must be a float"},
                            {"shape=1,1,1,1,1,1,1,1,1 stream=1 dtype=f32", "9 axes asked for"},
                            {0}},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *tn_uniform(tn_graph *g, tn_dtype dtype, tn_shape shape)
{
    int64_t stream = op_new_stream(g, "uniform");
    graph_node *node =
        op_apply(g, &op_uniform, 0, NULL,
                 OP_ARGS([SHAPE] = OP_L(shape.rank, shape.dims), [STREAM] = OP_I(stream), [DTYPE] = OP_I(dtype)));
    return node ? &node->out[0] : &g->poison;
}
