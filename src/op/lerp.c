/* lerp: y = a + weight * (b - a), written from the nearer end so that it is exactly b where weight is 1. */
#include "op/scheme/op.h"

#include <math.h>

static tn_status lerp_backward(const op_grad *c)
{
    tn_tensor *a = op_in(c, 0), *b = op_in(c, 1), *w = op_in(c, 2), *dy = op_dout(c, 0);
    if (op_wants(c, 0))
        op_give(c, 0, tn_mul(dy, tn_sub(op_like_scalar(w, 1), w)));
    if (op_wants(c, 1))
        op_give(c, 1, tn_mul(dy, w));
    if (op_wants(c, 2))
        op_give(c, 2, tn_mul(dy, tn_sub(b, a)));
    return TN_OK;
}

static tn_status lerp_lower(const op_lower *c)
{
    tn_tensor *a = c->in[0], *b = c->in[1], *w = c->in[2], *way = tn_sub(b, a), *rest = tn_sub(op_like_scalar(w, 1), w);
    tn_tensor *near = tn_lt(tn_abs(w), op_like_scalar(w, 0.5));
    c->out[0] = tn_where(near, tn_add(a, tn_mul(w, way)), tn_sub(b, tn_mul(way, rest)));
    return TN_OK;
}

static void lerp_ref(const op_ref *c)
{
    op_array *y = c->out[0];
    for (int64_t i = 0; i < y->count; i++) {
        double a = c->in[0]->f[op_ref_index(y, c->in[0], i)], b = c->in[1]->f[op_ref_index(y, c->in[1], i)];
        double w = c->in[2]->f[op_ref_index(y, c->in[2], i)];
        y->f[i] = fabs(w) < 0.5 ? a + w * (b - a) : b - (b - a) * (1 - w);
        y->magnitude[i] = (fabs(a) + fabs(b)) * (1 + fabs(w));
    }
}

const op_def op_lerp = {
    .name = "lerp",
    .doc = "a + weight * (b - a).",
    .torch = "torch.lerp",
    .in = {{"a", OP_FLOATS, 'T', OP_BROADCAST},
           {"b", OP_FLOATS, 'T', OP_BROADCAST},
           {"weight", OP_FLOATS, 'T', OP_BROADCAST}},
    .out = {{"y", 0, 'T'}},
    .infer = op_infer_broadcast,
    .grad = lerp_backward,
    .lower = lerp_lower,
    .ref = lerp_ref,
    .cases = (const char *const[]){"a=x[5] b=x[5] weight=x[5]:unit", "a=x[2x3] b=x[3] weight=x[]",
                                   "a=x[3x1] b=x[4] weight=x[3x4]", "a=x[] b=x[2] weight=x[]:unit",
                                   "a=x[0x3] b=x[3] weight=x[]", NULL},
    .bad = (const op_bad[]){{"a=x[2x3] b=x[2] weight=x[]", "cannot be broadcast"}, {0}},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *tn_lerp(tn_tensor *a, tn_tensor *b, tn_tensor *weight)
{
    return OP_MAKE(&op_lerp, NULL, a, b, weight);
}
