/* clamp: y = min(max(x, min), max); NaN stays. The gradient passes where min <= x <= max, as in PyTorch. */
#include "op/scheme/op.h"

#include <math.h>

enum { MIN, MAX };

static tn_status clamp_infer(const op_infer *c)
{
    if (!(c->arg[MIN].f <= c->arg[MAX].f))
        return op_fail(c, TN_INVALID, "min is %g and max is %g; min must not be above max, and neither may be NaN",
                       c->arg[MIN].f, c->arg[MAX].f);
    return op_infer_same(c);
}

static tn_status clamp_backward(const op_grad *c)
{
    tn_tensor *x = op_in(c, 0), *dy = op_dout(c, 0);
    tn_tensor *low = op_like_scalar(x, op_arg(c, MIN)->f), *high = op_like_scalar(x, op_arg(c, MAX)->f);
    return op_give(c, 0, tn_where(tn_logical_and(tn_ge(x, low), tn_le(x, high)), dy, op_like_scalar(dy, 0)));
}

static void clamp_ref(const op_ref *c)
{
    const op_array *x = c->in[0];
    double low = c->arg[MIN].f, high = c->arg[MAX].f;
    int64_t least = op_ref_to_int(TN_I64, low), most = op_ref_to_int(TN_I64, high);
    for (int64_t i = 0; i < x->count; i++) {
        if (x->f)
            c->out[0]->f[i] = x->f[i] < low ? low : x->f[i] > high ? high : x->f[i];
        else
            c->out[0]->i[i] = op_ref_wrap(x->dtype, x->i[i] < least ? least : x->i[i] > most ? most : x->i[i]);
    }
}

const op_def op_clamp = {
    .name = "clamp",
    .doc = "min(max(x, min), max); the gradient passes at the limits.",
    .torch = "torch.clamp",
    .onnx = "Clip",
    .in = {{"x", OP_NUMBERS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {[MIN] = OP_ARG_FLOAT("min", -INFINITY), [MAX] = OP_ARG_FLOAT("max", INFINITY)},
    .flags = OP_ELEMENTWISE,
    .infer = clamp_infer,
    .grad = clamp_backward,
    .ref = clamp_ref,
    .cases = (const char *const[]){"x=x[5]:kinks=0 min=-1 max=1", "x=x[2x3x4] min=-1", "x=x[2x3] max=1",
                                   "x=x[] min=0 max=0", "x=x[0x3]", NULL},
    .bad = (const op_bad[]){{"x=x[2] min=1 max=-1", "min is 1 and max is -1"},
                            {"x=x[2] min=nan", "neither may be NaN"},
                            {0}},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *tn_clamp(tn_tensor *x, double min, double max)
{
    return OP_MAKE(&op_clamp, OP_ARGS([MIN] = OP_F(min), [MAX] = OP_F(max)), x);
}
