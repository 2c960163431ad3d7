/* approach: y = a + rate * (b - a), a running mean that takes b in. lerp with a rate that is a number, rounded once. */
#include "op/internal.h"

#include <math.h>

enum { RATE };

static tn_status approach_lower(const op_lower *c)
{
    c->out[0] = tn_add(c->in[0], tn_mul_f(tn_sub(c->in[1], c->in[0]), c->node->arg[RATE].f));
    return TN_OK;
}

static void approach_ref(const op_ref *c)
{
    op_array *y = c->out[0];
    const double rate = c->arg[RATE].f;
    for (int64_t i = 0; i < y->count; i++) {
        double a = c->in[0]->f[op_ref_index(y, c->in[0], i)], b = c->in[1]->f[op_ref_index(y, c->in[1], i)];
        y->f[i] = a + rate * (b - a);
        y->magnitude[i] = fabs(a) + fabs(rate) * (fabs(a) + fabs(b));
    }
}

const op_def op_approach = {
    .name = "approach",
    .doc = "a + rate * (b - a).",
    .in = {{"a", OP_FLOATS, 'T', OP_BROADCAST}, {"b", OP_FLOATS, 'T', OP_BROADCAST}},
    .out = {{"y", 0, 'T'}},
    .arg = {[RATE] = OP_ARG_FLOAT("rate", 0.1)},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_broadcast,
    .lower = approach_lower,
    .ref = approach_ref,
    .flops_each = 3,
    .cases = (const char *const[]){"a=x[5] b=x[5]", "a=x[2x3] b=x[3] rate=0.75", "a=x[] b=x[2] rate=1", "a=x[] b=x[]",
                                   "a=x[0x3] b=x[1x3]", NULL},
    .bad = (const op_bad[]){{"a=x[2x3] b=x[2]", "cannot be broadcast"}, {0}},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *op_approach_of(tn_tensor *a, tn_tensor *b, double rate)
{
    return OP_MAKE(&op_approach, OP_ARGS([RATE] = OP_F(rate)), a, b);
}
