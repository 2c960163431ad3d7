/* over_root: y = a / (sqrt(b) * s + eps), what most optimizers move a weight by: some mean over the size that gradients usually have.
 * One operator, because a kernel within two units in the last place takes a sixth of the time of an exact root and a division. */
#include "op/internal.h"

#include <math.h>

enum { EPS };

static tn_status over_root_lower(const op_lower *c)
{
    tn_tensor *root = tn_mul(tn_sqrt(c->in[1]), c->in[2]);
    c->out[0] = tn_div(c->in[0], tn_add_f(root, c->node->arg[EPS].f));
    return TN_OK;
}

static void over_root_ref(const op_ref *c)
{
    op_array *y = c->out[0];
    for (int64_t i = 0; i < y->count; i++) {
        double a = c->in[0]->f[op_ref_index(y, c->in[0], i)], b = c->in[1]->f[op_ref_index(y, c->in[1], i)];
        double s = c->in[2]->f[op_ref_index(y, c->in[2], i)];
        y->f[i] = a / (sqrt(b) * s + c->arg[EPS].f);
        y->magnitude[i] = fabs(y->f[i]);
    }
}

const op_def op_over_root = {
    .name = "over_root",
    .doc = "a / (sqrt(b) * s + eps).",
    .in = {{"a", OP_FLOATS, 'T', OP_BROADCAST},
           {"b", OP_FLOATS, 'T', OP_BROADCAST},
           {"s", OP_FLOATS, 'T', OP_BROADCAST}},
    .out = {{"y", 0, 'T'}},
    .arg = {[EPS] = OP_ARG_FLOAT_IN("eps", 1e-8, 0, 1e9)},
    .flags = OP_ELEMENTWISE,
    .infer = op_infer_broadcast,
    .lower = over_root_lower,
    .ref = over_root_ref,
    .flops_each = 4,
    .cases =
        (const char *const[]){"a=x[5] b=x[5]:positive s=x[5]:positive",
                              "a=x[2x3] b=x[2x3]:positive s=x[]:positive eps=0.01",
                              "a=x[] b=x[4x40]:positive s=x[40]:positive eps=0", "a=x[] b=x[]:positive s=x[]:positive",
                              "a=x[0x3] b=x[0x3]:positive s=x[]:positive", NULL},
    .bad = (const op_bad[]){{"a=x[2x3] b=x[2] s=x[]", "cannot be broadcast"},
                            {"a=x[2] b=x[2] s=x[] eps=-1", "eps is -1"},
                            {0}},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-300),
            [TN_F32] = OP_TOL(5e-6, 1e-37),
            [TN_F16] = OP_TOL(5e-3, 1e-7),
            [TN_BF16] = OP_TOL(3e-2, 1e-37)},
};

tn_tensor *op_over_root_of(tn_tensor *a, tn_tensor *b, tn_tensor *s, double eps)
{
    return OP_MAKE(&op_over_root, OP_ARGS([EPS] = OP_F(eps)), a, b, s);
}
