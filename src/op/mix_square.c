/* mix_square: y = keep * a + take * b^2, the running mean of squares that takes b in where take is 1 - keep. */
#include "op/internal.h"

#include <math.h>

enum { KEEP, TAKE };

static tn_status mix_square_lower(const op_lower *c)
{
    const op_value *arg = c->node->arg;
    c->out[0] = tn_add(tn_mul_f(c->in[0], arg[KEEP].f), tn_mul_f(tn_square(c->in[1]), arg[TAKE].f));
    return TN_OK;
}

static void mix_square_ref(const op_ref *c)
{
    op_array *y = c->out[0];
    const double keep = c->arg[KEEP].f, take = c->arg[TAKE].f;
    for (int64_t i = 0; i < y->count; i++) {
        double a = c->in[0]->f[op_ref_index(y, c->in[0], i)], b = c->in[1]->f[op_ref_index(y, c->in[1], i)];
        y->f[i] = keep * a + take * b * b;
        y->magnitude[i] = fabs(keep * a) + fabs(take) * b * b;
    }
}

const op_def op_mix_square = {
    .name = "mix_square",
    .doc = "keep * a + take * b^2.",
    .in = {{"a", OP_FLOATS, 'T', OP_BROADCAST}, {"b", OP_FLOATS, 'T', OP_BROADCAST}},
    .out = {{"y", 0, 'T'}},
    .arg = {[KEEP] = OP_ARG_FLOAT("keep", 0.9), [TAKE] = OP_ARG_FLOAT("take", 0.1)},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_broadcast,
    .lower = mix_square_lower,
    .ref = mix_square_ref,
    .flops_each = 4,
    .cases = (const char *const[]){"a=x[5] b=x[5]", "a=x[2x3] b=x[3] keep=0.25 take=0.75", "a=x[] b=x[2] keep=1 take=0",
                                   "a=x[] b=x[]", "a=x[0x3] b=x[1x3]", NULL},
    .bad = (const op_bad[]){{"a=x[2x3] b=x[2]", "cannot be broadcast"}, {0}},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *op_mix_square_of(tn_tensor *a, tn_tensor *b, double keep)
{
    return OP_MAKE(&op_mix_square, OP_ARGS([KEEP] = OP_F(keep), [TAKE] = OP_F(1 - keep)), a, b);
}
