/* elu: y = x above 0, else alpha * (e^x - 1) (Clevert, Unterthiner, Hochreiter 2015). */
#include "op/internal.h"

#include <math.h>

enum { ALPHA };

static tn_status elu_backward(const op_grad *c)
{
    return op_give(c, 0, op_elu_grad_of(op_dout(c, 0), op_in(c, 0), op_arg(c, ALPHA)->f));
}

static void elu_ref(const op_ref *c)
{
    double alpha = c->arg[ALPHA].f;
    for (int64_t i = 0; i < c->out[0]->count; i++) {
        double x = c->in[0]->f[i];
        c->out[0]->f[i] = x > 0 ? x : alpha * expm1(x);
    }
}

const op_def op_elu = {
    .name = "elu",
    .doc = "x above 0, else alpha * (e^x - 1).",
    .torch = "torch.nn.functional.elu",
    .onnx = "Elu",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {[ALPHA] = OP_ARG_FLOAT("alpha", 1)},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_same,
    .grad = elu_backward,
    .ref = elu_ref,
    .cases = (const char *const[]){"x=x[5]:kinks=0", "x=x[2x3x4]", "x=x[7] alpha=0.5", "x=x[]", "x=x[0x3]", NULL},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-15),
            [TN_F32] = OP_TOL(4e-6, 1e-7),
            [TN_F16] = OP_TOL(2e-3, 1e-6),
            [TN_BF16] = OP_TOL(1.6e-2, 1e-6)},
};

tn_tensor *tn_elu(tn_tensor *x, double alpha)
{
    return OP_MAKE(&op_elu, OP_ARGS([ALPHA] = OP_F(alpha)), x);
}
