/* any: true where an element over the axes is other than 0 (NaN is); false of nothing. */
#include "op/scheme/op.h"

enum { AXES, KEEPDIM };

/* Those that are other than 0 are counted in f32, whose sums have a kernel; a count that is not exact is still not 0. */
static tn_status any_lower(const op_lower *c)
{
    const op_value *arg = c->node->arg;
    tn_tensor *x = c->in[0], *hits = tn_ne(x, op_like_scalar(x, 0));
    tn_tensor *count = tn_sum_axes(tn_cast(hits, TN_F32), arg[AXES].n, arg[AXES].list, arg[KEEPDIM].i);
    c->out[0] = tn_gt(count, op_like_scalar(count, 0));
    return TN_OK;
}

static void any_ref(const op_ref *c)
{
    const op_array *x = c->in[0];
    op_array *y = c->out[0];
    for (int64_t i = 0; i < y->count; i++)
        y->i[i] = 0;
    for (int64_t i = 0; i < x->count; i++) {
        int64_t other = x->f ? x->f[i] != 0 : x->i[i] != 0;
        y->i[op_ref_reduced(c, i)] |= other;
    }
}

const op_def op_any = {
    .name = "any",
    .doc = "Whether any element over axes is other than 0 (none named: all axes).",
    .torch = "torch.any",
    .in = {{"x", OP_ANY}},
    .out = {{"y", OP_BOOLS}},
    .arg = {[AXES] = OP_ARG_INTS("axes"), [KEEPDIM] = OP_ARG_BOOL("keepdim", false)},
    .infer = op_infer_reduced,
    .grad = op_grad_zero,
    .lower = any_lower,
    .ref = any_ref,
    .cases =
        (const char *const[]){"x=x[5]:kinks=0", "x=x[2x3x4]:index=2 axes=1", "x=x[3x4x2]:kinks=0 axes=0,2 keepdim=true",
                              "x=x[3x2]:index=1 axes=-1", "x=x[]", "x=x[0x3] axes=0", "x=x[3x0] axes=0", NULL},
    .bad = (const op_bad[]){{"x=x[2x3] axes=2", "axis 2 of a 2-d tensor"}, {"x=x[2x3] axes=1,1", "named twice"}, {0}},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *tn_any(tn_tensor *x, int n, const int64_t *axes, bool keepdim)
{
    return OP_MAKE(&op_any, OP_ARGS([AXES] = OP_L(n, axes), [KEEPDIM] = OP_I(keepdim)), x);
}
