/* boxes_loss.c: the loss of places that propose boxes. A place answers for things whose middle is near, of overlapping ones for the
 * smallest (Tian et al. 2019); of several maps those answer whose steps suit the thing's size. */
#include "graph/graph.h"
#include "op/compose/compose.h"

enum { DUE = 5 }; /* of a target: class, left, top, right, bottom */

static const int64_t LAST[] = {-1};

static tn_tensor *column(tn_tensor *x, int from, int to)
{
    return tn_slice(x, -1, from, to);
}

/* Proposals' places as columns [batch, places, 1], targets as rows [batch, 1, boxes]. */
typedef struct matching {
    tn_tensor *x, *y, *step;
    tn_tensor *of_class, *left, *top, *right, *bottom;
} matching;

static tn_tensor *row(tn_tensor *target, int i)
{
    return tn_unsqueeze(tn_squeeze(column(target, i, i + 1), -1), 1);
}

static tn_tensor *all_of(int n, tn_tensor *const *parts)
{
    tn_tensor *all = parts[0];
    for (int i = 1; i < n; i++)
        all = tn_logical_and(all, parts[i]);
    return all;
}

/* Is the place so many steps from the middle of the box, at most? */
static tn_tensor *near(const matching *m, double steps)
{
    tn_tensor *reach = tn_mul_f(m->step, steps);
    tn_tensor *dx = tn_abs(tn_sub(m->x, tn_mul_f(tn_add(m->left, m->right), 0.5)));
    tn_tensor *dy = tn_abs(tn_sub(m->y, tn_mul_f(tn_add(m->top, m->bottom), 0.5)));
    return tn_logical_and(tn_le(dx, reach), tn_le(dy, reach));
}

/* Which places answer for which boxes, bool [batch, places, boxes]. */
static tn_tensor *answering(const matching *m)
{
    static const double SMALLEST = 4, LARGEST = 8, AROUND = 1.5; /* steps */
    static const int64_t places[] = {1};
    tn_graph *g = tn_tensor_graph(m->x);
    tn_tensor *side = tn_maximum(tn_sub(m->right, m->left), tn_sub(m->bottom, m->top));
    tn_tensor *finest = tn_eq(m->step, tn_min_axes(m->step, 1, places, true));
    tn_tensor *coarsest = tn_eq(m->step, tn_max_axes(m->step, 1, places, true));
    tn_tensor *within[] = {near(m, AROUND), tn_gt(m->x, m->left), tn_lt(m->x, m->right), tn_gt(m->y, m->top),
                           tn_lt(m->y, m->bottom)};
    tn_tensor *due[] = {tn_ge(m->of_class, tn_scalar(g, TN_F32, 0)),
                        tn_logical_or(finest, tn_gt(side, tn_mul_f(m->step, SMALLEST))),
                        tn_logical_or(coarsest, tn_le(side, tn_mul_f(m->step, LARGEST))),
                        tn_logical_or(near(m, 0.5), all_of(5, within))};
    return all_of(4, due);
}

static tn_tensor *weighed_sum(tn_tensor *x, tn_tensor *weight)
{
    return tn_sum(tn_mul(x, weight));
}

static bool unfit(tn_tensor *x, tn_tensor *target)
{
    return x->type.rank != 3 || target->type.rank != 3 || target->type.dims[2] != DUE ||
           x->type.dims[2] <= TN_BOX_COLUMNS || x->type.dtype != TN_F32 || target->type.dtype != TN_F32;
}

tn_tensor *tn_boxes_loss(tn_tensor *x, tn_tensor *target)
{
    static const double BOXES = 5; /* what a place's box counts beside whether there is a thing, and of which class */
    static const double FAR = 1e30;
    if (op_unusable(x) || op_unusable(target))
        return op_unusable(x) ? x : target;
    if (unfit(x, target))
        return OP_REFUSE(
            x, TN_SHAPE,
            "boxes_loss: f32 proposals [batch, places, %d + classes] as the layer boxes gives them are due, and "
            "targets f32 [batch, boxes, %d]",
            (int)TN_BOX_COLUMNS, (int)DUE);
    tn_graph *g = tn_tensor_graph(x);
    const int classes = (int)x->type.dims[2] - TN_BOX_COLUMNS;
    const tn_loss_opt each = {.reduction = TN_REDUCE_NONE};
    tn_tensor *at = tn_detach(column(x, DUE, TN_BOX_COLUMNS));
    const matching m = {column(at, 0, 1), column(at, 1, 2), column(at, 2, 3), row(target, 0),
                        row(target, 1),   row(target, 2),   row(target, 3),   row(target, 4)};
    tn_tensor *answers = answering(&m);
    tn_tensor *area = tn_mul(tn_sub(m.right, m.left), tn_sub(m.bottom, m.top));
    tn_tensor *which = tn_argmin(tn_where(answers, area, tn_scalar(g, TN_F32, FAR)), -1, false);
    tn_tensor *found = tn_cast(tn_any(answers, 1, LAST, false), TN_F32);
    tn_tensor *own = tn_matmul(tn_one_hot(which, tn_dim_of(target, 1), TN_F32), target);
    tn_tensor *boxes = column(x, 0, 4), *due = column(own, 1, DUE);
    tn_tensor *apart = tn_box_loss(boxes, due, TN_BOX_CIOU, TN_REDUCE_NONE);
    tn_tensor *common = tn_add_f(tn_neg(tn_detach(tn_box_loss(boxes, due, TN_BOX_IOU, TN_REDUCE_NONE))), 1);
    tn_tensor *is =
        tn_one_hot(tn_cast(tn_clamp(tn_squeeze(column(own, 0, 1), -1), 0, classes - 1), TN_I64), classes, TN_F32);
    tn_tensor *kind = tn_bce_with_logits(column(x, TN_BOX_COLUMNS, TN_BOX_COLUMNS + classes),
                                         tn_mul(is, tn_unsqueeze(common, -1)), &each);
    tn_tensor *thing = tn_bce_with_logits(tn_squeeze(column(x, 4, DUE), -1), found, &each);
    tn_tensor *sum = tn_add(tn_mul_f(weighed_sum(apart, found), BOXES),
                            tn_add(tn_sum(thing), weighed_sum(kind, tn_unsqueeze(found, -1))));
    return tn_div(sum, tn_maximum(tn_sum(found), tn_scalar(g, TN_F32, 1)));
}
