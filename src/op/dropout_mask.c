/* dropout_mask: 0 with probability p, else 1 / (1 - p). The number of an element is its place row by row, but with axis 1
 * (the channels) running fastest from rank 4 on: the same whatever layout a backend keeps pictures in. */
#include "op/internal.h"

enum { SHAPE, P, STREAM, DTYPE };

static tn_status dropout_mask_infer(const op_infer *c)
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

uint64_t op_random_index(const op_array *x, int64_t i)
{
    int64_t at[TN_MAX_RANK] = {0}, index = 0;
    if (x->rank < 4)
        return (uint64_t)i;
    op_ref_coordinates(x, i, at);
    for (int k = 0; k < x->rank; k++)
        index = k == 1 ? index : index * x->dims[k] + at[k];
    return (uint64_t)(index * x->dims[1] + at[1]);
}

double op_dropout_factor(const op_ref *c, const op_array *x, double p, int64_t stream, int64_t i)
{
    uint32_t word = op_random_word(c->seed, c->step, stream, op_random_index(x, i));
    return base_philox_f32(word) < (float)p ? 0 : 1 / (1 - p);
}

static void dropout_mask_ref(const op_ref *c)
{
    for (int64_t i = 0; i < c->out[0]->count; i++)
        c->out[0]->f[i] = op_dropout_factor(c, c->out[0], c->arg[P].f, c->arg[STREAM].i, i);
}

const op_def op_dropout_mask = {
    .name = "dropout_mask",
    .doc = "0 with probability p, else 1 / (1 - p).",
    .out = {{"y", OP_FLOATS}},
    .arg = {[SHAPE] = OP_ARG_DIMS("shape"),
            [P] = OP_ARG_FLOAT_IN("p", 0.5, 0, 1),
            [STREAM] = OP_ARG_INT("stream", 0),
            [DTYPE] = OP_ARG_DTYPE("dtype")},
    .flags = OP_RANDOM | OP_ELEMENTWISE,
    .infer = dropout_mask_infer,
    .grad = op_grad_zero,
    .ref = dropout_mask_ref,
    .cases = (const char *const[]){"shape=5 stream=1 dtype=f32", "shape=2,3,4 p=0.25 stream=2 dtype=f64",
                                   "shape=2,3,4,5 p=0.1 stream=-3 dtype=f32", "shape=2,3,4 p=0 stream=4 dtype=f16",
                                   "shape=7,11 p=1 stream=5 dtype=bf16", "shape= stream=6 dtype=f32",
                                   "shape=0,3 stream=7 dtype=f32", NULL},
    .bad = (const op_bad[]){{"shape=2,-1 stream=1 dtype=f32", "the size of axis 1 is not given"},
                            {"shape=2 stream=1 dtype=i32", "it must be a float"},
                            {"shape=1,1,1,1,1,1,1,1,1 stream=1 dtype=f32", "9 axes asked for"},
                            {"shape=2 stream=1 dtype=f32 p=-1", "p is -1"},
                            {0}},
    /* the factor is computed in f32 */
    .tol = {[TN_F64] = OP_TOL(1e-13, 0),
            [TN_F32] = OP_TOL(2e-7, 0),
            [TN_F16] = OP_TOL(2e-3, 0),
            [TN_BF16] = OP_TOL(1.6e-2, 0)},
};

tn_tensor *op_dropout_mask_of(tn_graph *g, tn_shape shape, double p, int64_t stream, tn_dtype dtype)
{
    graph_node *node = op_apply(
        g, &op_dropout_mask, 0, NULL,
        OP_ARGS([SHAPE] = OP_L(shape.rank, shape.dims), [P] = OP_F(p), [STREAM] = OP_I(stream), [DTYPE] = OP_I(dtype)));
    return node ? &node->out[0] : &g->poison;
}
