/* flip: the elements along axes in reverse order. */
#include "op/scheme/op.h"

enum { AXES };

/* None named flips none, unlike in reductions. */
static int64_t mask_of(const op_value *axes, int rank)
{
    return axes->n ? op_axes_mask(axes, rank) : 0;
}

static tn_status flip_infer(const op_infer *c)
{
    return op_axes(c, AXES, c->in[0]->rank) < 0 ? c->error->status : op_infer_same(c);
}

static tn_status flip_backward(const op_grad *c)
{
    return op_give(c, 0, tn_flip(op_dout(c, 0), op_arg(c, AXES)->n, op_arg(c, AXES)->list));
}

static void flip_ref(const op_ref *c)
{
    const op_array *x = c->in[0];
    op_array *y = c->out[0];
    int64_t at[TN_MAX_RANK] = {0}, mask = mask_of(&c->arg[AXES], x->rank);
    for (int64_t i = 0; i < y->count; i++) {
        op_ref_coordinates(y, i, at);
        for (int k = 0; k < x->rank; k++)
            at[k] = mask >> k & 1 ? x->dims[k] - 1 - at[k] : at[k];
        if (y->f)
            y->f[i] = x->f[op_ref_at(x, at)];
        else
            y->i[i] = x->i[op_ref_at(x, at)];
    }
}

static bool flip_view(const op_value *arg, const op_operand *x, op_operand *y, int64_t *offset)
{
    int64_t mask = mask_of(&arg[AXES], x->rank);
    for (int i = 0; i < x->rank; i++) {
        bool turned = (mask >> i & 1) && x->dims[i] > 1;
        y->strides[i] = turned ? -x->strides[i] : x->strides[i];
        *offset += turned ? (x->dims[i] - 1) * x->strides[i] : 0;
    }
    return true;
}

const op_def op_flip = {
    .name = "flip",
    .doc = "The elements along axes in reverse order.",
    .torch = "torch.flip",
    .in = {{"x", OP_ANY, 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {[AXES] = OP_ARG_INTS("axes")},
    .flags = OP_VIEW,
    .view = flip_view,
    .infer = flip_infer,
    .grad = flip_backward,
    .ref = flip_ref,
    .flops = op_no_flops,
    .cases = (const char *const[]){"x=x[5] axes=0", "x=x[2x3x4] axes=1", "x=x[2x3x4] axes=0,-1",
                                   "x=x[2x3] axes=", "x=x[0x3] axes=0,1", NULL},
    .bad = (const op_bad[]){{"x=x[2x3] axes=2", "axis 2 of a 2-d tensor"}, {"x=x[2x3] axes=1,-1", "named twice"}, {0}},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *tn_flip(tn_tensor *x, int n, const int64_t *axes)
{
    return OP_MAKE(&op_flip, OP_ARGS([AXES] = OP_L(n, axes)), x);
}
