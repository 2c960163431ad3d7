/* leaky_relu: y = x above 0, else slope * x. The gradient at 0 is slope, as in PyTorch. */
#include "op/internal.h"

#include <math.h>

enum { SLOPE };

static tn_status leaky_relu_backward(const op_grad *c)
{
    return op_give(c, 0, op_leaky_relu_grad_of(op_dout(c, 0), op_in(c, 0), op_arg(c, SLOPE)->f));
}

static void leaky_relu_ref(const op_ref *c)
{
    double slope = c->arg[SLOPE].f;
    for (int64_t i = 0; i < c->out[0]->count; i++) {
        double x = c->in[0]->f[i];
        c->out[0]->f[i] = x > 0 ? x : x * slope;
    }
}

const op_def op_leaky_relu = {
    .name = "leaky_relu",
    .doc = "x above 0, else slope * x.",
    .torch = "torch.nn.functional.leaky_relu",
    .onnx = "LeakyRelu",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {[SLOPE] = OP_ARG_FLOAT("slope", 0.01)},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = leaky_relu_backward,
    .ref = leaky_relu_ref,
    .cases = (const char *const[]){"x=x[5]:kinks=0", "x=x[2x3x4]", "x=x[7] slope=0.2", "x=x[]", "x=x[0x3]", NULL},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *tn_leaky_relu(tn_tensor *x, double slope)
{
    return OP_MAKE(&op_leaky_relu, OP_ARGS([SLOPE] = OP_F(slope)), x);
}
