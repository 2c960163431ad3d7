/* nms: non-maximum suppression: boxes (left, top, right, bottom) from the highest score down, but for those that share more than
 * `iou` of their union with one that was taken; at most `bound` of them. Of equal scores the first comes first; NaN is highest. */
#include "op/scheme/op.h"

#include <math.h>

enum { BOUND, IOU };

static tn_status nms_infer(const op_infer *c)
{
    const graph_type *boxes = c->in[0], *scores = c->in[1];
    if (c->arg[BOUND].n != 1 || c->arg[BOUND].list[0] == TN_INFER)
        return op_fail(c, TN_INVALID, "takes one bound, which must be given");
    if (boxes->rank != 2)
        return op_fail(c, TN_SHAPE, "boxes has %d axes; it needs two: boxes, and 4 numbers of each", boxes->rank);
    if (scores->rank != 1)
        return op_fail(c, TN_SHAPE, "scores has %d axes; it needs one", scores->rank);
    BASE_TRY(op_want_same(c, boxes->dims[1], 4, "the numbers of a box and 4"));
    BASE_TRY(op_want_same(c, boxes->dims[0], scores->dims[0], "the numbers of boxes and of scores"));
    c->out[0].rank = 1;
    c->out[0].dims[0] = c->arg[BOUND].list[0];
    c->out[1].rank = 0;
    return TN_OK;
}

/* What two boxes share of their union. */
static double overlap(const double *a, const double *b)
{
    double width = fmin(a[2], b[2]) - fmax(a[0], b[0]), height = fmin(a[3], b[3]) - fmax(a[1], b[1]);
    double both = fmax(width, 0) * fmax(height, 0);
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both);
}

/* The best box below number `last` in the order of scores; -1: none. */
static int64_t next_of(const op_array *scores, int64_t last)
{
    int64_t best = -1;
    for (int64_t i = 0; i < scores->count; i++) {
        int order = last < 0 ? -1 : op_ref_order(scores, i, last);
        bool behind = order < 0 || (order == 0 && i > last);
        if (behind && (best < 0 || op_ref_order(scores, i, best) > 0))
            best = i;
    }
    return best;
}

static void nms_ref(const op_ref *c)
{
    const op_array *boxes = c->in[0], *scores = c->in[1];
    op_array *y = c->out[0];
    int64_t n = 0;
    for (int64_t i = next_of(scores, -1); i >= 0 && n < y->count; i = next_of(scores, i)) {
        bool hidden = false;
        for (int64_t k = 0; k < n && !hidden; k++)
            hidden = overlap(&boxes->f[4 * y->i[k]], &boxes->f[4 * i]) > c->arg[IOU].f;
        if (!hidden)
            y->i[n++] = i;
    }
    c->out[1]->i[0] = n;
    for (; n < y->count; n++)
        y->i[n] = -1;
}

const op_def op_nms = {
    .name = "nms",
    .doc = "The boxes of highest score that do not overlap too much, at most `bound`, and their number.",
    .onnx = "NonMaxSuppression",
    .in = {{"boxes", OP_FLOATS, 'T'}, {"scores", OP_FLOATS, 'S'}},
    .out = {{"index", OP_BIT(TN_I64)}, {"count", OP_BIT(TN_I64)}},
    .arg = {[BOUND] = OP_ARG_DIMS("bound"), [IOU] = OP_ARG_FLOAT_IN("iou", 0.5, 0, 1)},
    .infer = nms_infer,
    .grad = op_grad_zero,
    .ref = nms_ref,
    .flops = op_no_flops,
    .cases = (const char *const[]){"boxes=x[6x4] scores=x[6] bound=4",
                                   "boxes=x[9x4]:positive scores=x[9]:ties bound=9 iou=0.1",
                                   "boxes=x[3x4] scores=x[3] bound=5 iou=1", "boxes=x[0x4] scores=x[0] bound=2",
                                   "boxes=x[2x4] scores=x[2] bound=0", NULL},
    .bad = (const op_bad[]){{"boxes=x[6x4] scores=x[6] bound=-1", "which must be given"},
                            {"boxes=x[6x4x1] scores=x[6] bound=2", "boxes has 3 axes"},
                            {"boxes=x[6x4] scores=x[6x1] bound=2", "scores has 2 axes"},
                            {"boxes=x[6x5] scores=x[6] bound=2", "5 and 4 differ"},
                            {"boxes=x[6x4] scores=x[5] bound=2", "6 and 5 differ"},
                            {"boxes=x[6x4] scores=x[6] bound=2 iou=2", "iou is 2"},
                            {0}},
    .tol = {OP_TOL_EXACT},
};

tn_found tn_nms(tn_tensor *boxes, tn_tensor *scores, double iou, tn_dim bound)
{
    tn_tensor *index = OP_MAKE(&op_nms, OP_ARGS([BOUND] = OP_L(1, &bound), [IOU] = OP_F(iou)), boxes, scores);
    return (tn_found){index, op_sibling(index, 1)};
}
