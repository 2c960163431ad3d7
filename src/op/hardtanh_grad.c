/* hardtanh_grad: dx = dy where min < y < max, else 0, where y = hardtanh(x) (or x itself). */
#include "op/internal.h"

enum { MIN, MAX };

static tn_status hardtanh_grad_backward(const op_grad *c)
{
    op_give_zero(c, 1); /* but for a kink, piecewise linear */
    return op_wants(c, 0)
               ? op_give(c, 0, op_hardtanh_grad_of(op_dout(c, 0), op_in(c, 1), op_arg(c, MIN)->f, op_arg(c, MAX)->f))
               : TN_OK;
}

static void hardtanh_grad_ref(const op_ref *c)
{
    double low = c->arg[MIN].f, high = c->arg[MAX].f;
    for (int64_t i = 0; i < c->out[0]->count; i++) {
        double dy = c->in[0]->f[i], y = c->in[1]->f[i];
        c->out[0]->f[i] = y > low && y < high ? dy : 0;
    }
}

const op_def op_hardtanh_grad = {
    .name = "hardtanh_grad",
    .doc = "The gradient of hardtanh from dy and y.",
    .in = {{"dy", OP_FLOATS, 'T'}, {"y", OP_FLOATS, 'T'}},
    .out = {{"dx", 0, 'T'}},
    .arg = {[MIN] = OP_ARG_FLOAT("min", -1), [MAX] = OP_ARG_FLOAT("max", 1)},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_alike,
    .grad = hardtanh_grad_backward,
    .ref = hardtanh_grad_ref,
    .cases = (const char *const[]){"dy=x[9] y=x[9]:kinks=1", "dy=x[9] y=x[9]:kinks=0 min=0 max=6",
                                   "dy=x[2x3x4] y=x[2x3x4] max=2", "dy=x[] y=x[]", "dy=x[0x3] y=x[0x3]", NULL},
    .bad = (const op_bad[]){{"dy=x[2x3] y=x[2]", "must have the shape"}, {0}},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *op_hardtanh_grad_of(tn_tensor *dy, tn_tensor *y, double min, double max)
{
    return OP_MAKE(&op_hardtanh_grad, OP_ARGS([MIN] = OP_F(min), [MAX] = OP_F(max)), dy, y);
}
