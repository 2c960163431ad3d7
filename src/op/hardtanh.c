/* hardtanh: y = min(max(x, min), max). The gradient passes between the limits and not at them, as in PyTorch: that is what
 * tells it from clamp. */
#include "op/internal.h"

enum { MIN, MAX };

static tn_status hardtanh_infer(const op_infer *c)
{
    if (!(c->arg[MIN].f < c->arg[MAX].f))
        return op_fail(c, TN_INVALID, "min is %g and max is %g; min must be below max, and neither may be NaN",
                       c->arg[MIN].f, c->arg[MAX].f);
    return op_infer_same(c);
}

static tn_status hardtanh_backward(const op_grad *c)
{
    return op_give(c, 0, op_hardtanh_grad_of(op_dout(c, 0), op_out(c, 0), op_arg(c, MIN)->f, op_arg(c, MAX)->f));
}

static tn_status hardtanh_lower(const op_lower *c)
{
    tn_tensor *x = c->in[0];
    c->out[0] = tn_clamp(x, c->node->arg[MIN].f, c->node->arg[MAX].f);
    return TN_OK;
}

static void hardtanh_ref(const op_ref *c)
{
    double low = c->arg[MIN].f, high = c->arg[MAX].f;
    for (int64_t i = 0; i < c->out[0]->count; i++) {
        double x = c->in[0]->f[i];
        c->out[0]->f[i] = x < low ? low : x > high ? high : x;
    }
}

const op_def op_hardtanh = {
    .name = "hardtanh",
    .doc = "min(max(x, min), max); no gradient at the limits.",
    .torch = "torch.nn.functional.hardtanh",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {[MIN] = OP_ARG_FLOAT("min", -1), [MAX] = OP_ARG_FLOAT("max", 1)},
    .infer = hardtanh_infer,
    .grad = hardtanh_backward,
    .lower = hardtanh_lower,
    .ref = hardtanh_ref,
    .cases = (const char *const[]){"x=x[5]", "x=x[2x3x4]", "x=x[8]:kinks=1", "x=x[2x3]:kinks=-1 min=-1 max=0.5",
                                   "x=x[]", "x=x[0x3]", NULL},
    .bad = (const op_bad[]){{"x=x[2] min=1 max=1", "min is 1 and max is 1"},
                            {"x=x[2] max=nan", "neither may be NaN"},
                            {0}},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *tn_hardtanh(tn_tensor *x, double min, double max)
{
    return OP_MAKE(&op_hardtanh, OP_ARGS([MIN] = OP_F(min), [MAX] = OP_F(max)), x);
}
