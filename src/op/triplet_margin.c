/* triplet_margin: max(0, |anchor - positive| - |anchor - negative| + margin) of rows, |d| being (sum |d + eps|^p)^(1/p) (Schroff et al. 2015); with
 * `swap` the negative is the nearer of anchor's and positive's (Balntas et al. 2016). */
#include "op/scheme/loss.h"

#include <math.h>

enum { MARGIN, P, EPS, SWAP, REDUCTION };

static tn_tensor *distance(tn_tensor *a, tn_tensor *b, const op_value *arg)
{
    return tn_norm_axes(tn_add_f(tn_sub(a, b), arg[EPS].f), arg[P].f, 1, (const int64_t[]){-1}, false);
}

/* The distance of rows number r of two inputs. */
static double length(const op_ref *c, int a, int b, int64_t r)
{
    const op_array *x = c->in[a], *y = c->in[b];
    int64_t n = x->dims[x->rank - 1];
    double p = c->arg[P].f, sum = 0;
    for (int64_t k = r * n; k < (r + 1) * n; k++) {
        double d = fabs(x->f[k] - y->f[k] + c->arg[EPS].f);
        sum = isinf(p) ? (d > sum || isnan(d) ? d : sum) : sum + pow(d, p);
    }
    return isinf(p) ? sum : pow(sum, 1 / p);
}

static tn_status triplet_margin_infer(const op_infer *c)
{
    if (c->in[0]->rank < 1)
        return op_fail(c, TN_SHAPE, "single numbers are no rows; anchor needs an axis");
    graph_type each = *c->in[0];
    each.rank--;
    BASE_TRY(op_want_shape(c, 1, c->in[0]));
    BASE_TRY(op_want_shape(c, 2, c->in[0]));
    return op_infer_loss(c, REDUCTION, &each);
}

static tn_status triplet_margin_lower(const op_lower *c)
{
    const op_value *arg = c->node->arg;
    tn_tensor *near = distance(c->in[0], c->in[1], arg), *far = distance(c->in[0], c->in[2], arg);
    far = arg[SWAP].i ? tn_minimum(far, distance(c->in[1], c->in[2], arg)) : far;
    c->out[0] = op_reduce_loss(tn_clamp(tn_add_f(tn_sub(near, far), arg[MARGIN].f), 0, (double)INFINITY),
                               c->node->arg[REDUCTION].i);
    return TN_OK;
}

static double loss_of(const op_ref *c, int64_t i, double *magnitude)
{
    double near = length(c, 0, 1, i), far = length(c, 0, 2, i), other = length(c, 1, 2, i);
    if (c->arg[SWAP].i && (other < far || isnan(other)))
        far = other;
    double z = near - far + c->arg[MARGIN].f;
    *magnitude = near + far + fabs(c->arg[MARGIN].f);
    return z < 0 ? 0 : z;
}

static void triplet_margin_ref(const op_ref *c)
{
    op_ref_losses(c, REDUCTION, op_outer(c->in[0], c->in[0]->rank - 1), loss_of);
}

const op_def op_triplet_margin = {
    .name = "triplet_margin",
    .doc = "max(0, distance to positive - distance to negative + margin), of rows.",
    .torch = "torch.nn.functional.triplet_margin_loss",
    .in = {{"anchor", OP_FLOATS, 'T'}, {"positive", OP_FLOATS, 'T'}, {"negative", OP_FLOATS, 'T'}},
    .out = {{"loss", 0, 'T'}},
    .arg = {[MARGIN] = OP_ARG_FLOAT("margin", 1),
            [P] = OP_ARG_FLOAT_IN("p", 2, 1, (double)INFINITY),
            [EPS] = OP_ARG_FLOAT_IN("eps", 1e-6, 0, 1),
            [SWAP] = OP_ARG_BOOL("swap", false),
            [REDUCTION] = OP_ARG_REDUCTION},
    .infer = triplet_margin_infer,
    .lower = triplet_margin_lower,
    .ref = triplet_margin_ref,
    .flops_each = 8,
    .cases = (const char *const[]){"anchor=x[5] positive=x[5] negative=x[5]",
                                   "anchor=x[6x3] positive=x[6x3] negative=x[6x3] swap=true margin=2",
                                   "anchor=x[2x3x4] positive=x[2x3x4] negative=x[2x3x4] p=3 reduction=none",
                                   "anchor=x[3x4] positive=x[3x4] negative=x[3x4] p=1 margin=3 reduction=sum",
                                   "anchor=x[0x3] positive=x[0x3] negative=x[0x3] reduction=sum", NULL},
    .bad =
        (const op_bad[]){{"anchor=x[] positive=x[] negative=x[]", "single numbers are no rows"},
                         {"anchor=x[2x3] positive=x[3] negative=x[2x3]", "'positive' must have the shape of 'anchor'"},
                         {"anchor=x[2x3] positive=x[2x3] negative=x[3]", "'negative' must have the shape of 'anchor'"},
                         {"anchor=x[3] positive=x[3] negative=x[3] p=0.5", "p is 0.5"},
                         {0}},
    .tol = {[TN_F64] = OP_TOL(1e-12, 1e-15),
            [TN_F32] = OP_TOL(5e-6, 1e-7),
            [TN_F16] = OP_TOL(1e-2, 5e-3),
            [TN_BF16] = OP_TOL(5e-2, 5e-2)},
};

tn_tensor *tn_triplet_margin(tn_tensor *anchor, tn_tensor *positive, tn_tensor *negative, double margin,
                             const tn_triplet_opt *opt)
{
    static const tn_triplet_opt plain = {0};
    const tn_triplet_opt *o = opt ? opt : &plain;
    return OP_MAKE(&op_triplet_margin,
                   OP_ARGS([MARGIN] = OP_F(margin), [P] = OP_F(o->p.set ? o->p.value : 2),
                           [EPS] = OP_F(o->eps.set ? o->eps.value : 1e-6), [SWAP] = OP_I(o->swap),
                           [REDUCTION] = OP_I(o->reduction)),
                   anchor, positive, negative);
}
