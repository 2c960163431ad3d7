/* dice: 1 - (2 sum(x target) + smooth) / (sum(x) + sum(target) + smooth), x being probabilities (Milletari et al. 2016). The sums are
 * over the axes from `from` on: 1 gives a loss for each sample, 2 one for each of its channels. */
#include "op/scheme/loss.h"

#include <math.h>

enum { SMOOTH, FROM, REDUCTION };

/* Elements that are summed together. */
static int64_t inner_of(const op_ref *c)
{
    int64_t n = 1;
    for (int k = (int)c->arg[FROM].i; k < c->in[0]->rank; k++)
        n *= c->in[0]->dims[k];
    return n;
}

static tn_status dice_infer(const op_infer *c)
{
    graph_type each = *c->in[0];
    each.rank = (int)op_int(c, FROM);
    if (each.rank > c->in[0]->rank)
        return op_fail(c, TN_SHAPE, "from is %d, more than the %d axes of x", each.rank, c->in[0]->rank);
    BASE_TRY(op_want_shape(c, 1, c->in[0]));
    return op_infer_loss(c, REDUCTION, &each);
}

static tn_status dice_lower(const op_lower *c)
{
    const op_value *arg = c->node->arg;
    tn_tensor *x = c->in[0], *target = c->in[1];
    int64_t axes[TN_MAX_RANK];
    int n = 0;
    for (int i = (int)arg[FROM].i; i < x->type.rank; i++)
        axes[n++] = i;
    tn_tensor *both = tn_mul(x, target), *all = tn_add(x, target);
    if (n) { /* none named would be all */
        both = tn_sum_axes(both, n, axes, false);
        all = tn_sum_axes(all, n, axes, false);
    }
    tn_tensor *share = tn_div(tn_add_f(tn_mul_f(both, 2), arg[SMOOTH].f), tn_add_f(all, arg[SMOOTH].f));
    c->out[0] = op_reduce_loss(tn_sub(op_like_scalar(share, 1), share), c->node->arg[REDUCTION].i);
    return TN_OK;
}

static double loss_of(const op_ref *c, int64_t i, double *magnitude)
{
    const op_array *x = c->in[0], *target = c->in[1];
    int64_t n = inner_of(c);
    double both = 0, all = 0, smooth = c->arg[SMOOTH].f;
    for (int64_t k = i * n; k < (i + 1) * n; k++) {
        both += x->f[k] * target->f[k];
        all += x->f[k] + target->f[k];
    }
    double share = (2 * both + smooth) / (all + smooth);
    *magnitude = 1 + fabs(share);
    return 1 - share;
}

static void dice_ref(const op_ref *c)
{
    op_ref_losses(c, REDUCTION, op_outer(c->in[0], (int)c->arg[FROM].i), loss_of);
}

const op_def op_dice = {
    .name = "dice",
    .doc = "1 - (2 sum(x target) + smooth) / (sum(x) + sum(target) + smooth).",
    .in = {{"x", OP_FLOATS, 'T'}, {"target", OP_FLOATS, 'T'}},
    .out = {{"loss", 0, 'T'}},
    .arg = {[SMOOTH] = OP_ARG_FLOAT_IN("smooth", 1, 0, 1e30),
            [FROM] = OP_ARG_INT_IN("from", 1, 0, 7),
            [REDUCTION] = OP_ARG_REDUCTION},
    .infer = dice_infer,
    .lower = dice_lower,
    .ref = dice_ref,
    .flops_each = 4,
    .cases =
        (const char *const[]){"x=x[5]:unit target=x[5]:unit from=0", "x=x[2x3]:unit target=x[2x3]:unit reduction=none",
                              "x=x[2x3x4]:unit target=x[2x3x4]:unit from=2 smooth=0.1 reduction=sum",
                              "x=x[2x3]:unit target=x[2x3]:unit from=2", "x=x[]:unit target=x[]:unit from=0",
                              "x=x[0x3] target=x[0x3] reduction=sum", NULL},
    .bad = (const op_bad[]){{"x=x[2x3] target=x[3]", "'target' must have the shape of 'x'"},
                            {"x=x[2] target=x[2] from=2", "from is 2, more than the 1 axes of x"},
                            {0}},
    .tol = {[TN_F64] = OP_TOL(1e-12, 1e-15),
            [TN_F32] = OP_TOL(5e-6, 1e-7),
            [TN_F16] = OP_TOL(1e-2, 1e-3),
            [TN_BF16] = OP_TOL(5e-2, 1e-2)},
};

tn_tensor *tn_dice(tn_tensor *x, tn_tensor *target, double smooth, int from, tn_reduction reduction)
{
    return OP_MAKE(&op_dice, OP_ARGS([SMOOTH] = OP_F(smooth), [FROM] = OP_I(from), [REDUCTION] = OP_I(reduction)), x,
                   op_unusable(x) ? target : op_cast_to(target, x->type.dtype));
}
