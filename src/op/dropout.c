/* dropout (Srivastava et al. 2014): when training, each element is 0 with probability p, else x / (1 - p); else y = x. The
 * mask is a function of seed, step and stream, so that the gradient, a dropout of the same stream, makes it again. */
#include "op/internal.h"

enum { P, STREAM };

static tn_status dropout_backward(const op_grad *c)
{
    return op_give(c, 0, op_dropout_of(op_dout(c, 0), op_arg(c, P)->f, op_arg(c, STREAM)->i));
}

static tn_status dropout_lower(const op_lower *c)
{
    tn_tensor *x = c->in[0];
    double p = c->node->arg[P].f;
    bool drops = c->training && p > 0;
    c->out[0] =
        drops ? tn_mul(x, op_dropout_mask_of(c->graph, tn_tensor_shape(x), p, c->node->arg[STREAM].i, x->type.dtype))
              : x;
    return TN_OK;
}

static void dropout_ref(const op_ref *c)
{
    const op_array *x = c->in[0];
    for (int64_t i = 0; i < x->count; i++)
        c->out[0]->f[i] = c->training ? x->f[i] * op_dropout_factor(c, x, c->arg[P].f, c->arg[STREAM].i, i) : x->f[i];
}

const op_def op_dropout = {
    .name = "dropout",
    .doc = "Drops elements with probability p when training, and scales the others by 1 / (1 - p).",
    .torch = "torch.nn.functional.dropout",
    .onnx = "Dropout",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {[P] = OP_ARG_FLOAT_IN("p", 0.5, 0, 1), [STREAM] = OP_ARG_INT("stream", 0)},
    .flags = OP_RANDOM,
    .infer = op_infer_same,
    .grad = dropout_backward,
    .lower = dropout_lower,
    .ref = dropout_ref,
    .cases = (const char *const[]){"x=x[5] stream=1", "x=x[2x3x4] p=0.25 stream=2", "x=x[2x3x4x5] p=0.1 stream=-3",
                                   "x=x[3x4] p=0 stream=4", "x=x[3x4] p=1 stream=5", "x=x[] stream=6",
                                   "x=x[0x3] stream=7", NULL},
    .bad = (const op_bad[]){{"x=x[3] p=1.5", "p is 1.5"}, {"x=x[3] p=nan", "p is nan"}, {0}},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *op_dropout_of(tn_tensor *x, double p, int64_t stream)
{
    return OP_MAKE(&op_dropout, OP_ARGS([P] = OP_F(p), [STREAM] = OP_I(stream)), x);
}

tn_tensor *tn_dropout(tn_tensor *x, double p)
{
    return op_unusable(x) ? x : op_dropout_of(x, p, op_new_stream(x->graph, "dropout"));
}
