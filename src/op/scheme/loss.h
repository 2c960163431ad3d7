/* loss.h: what losses share: reduction to one number, and the treatment of class indices. */
#ifndef OP_LOSS_H
#define OP_LOSS_H

#include "op/scheme/op.h"

/* As tn_reduction. */
enum { OP_REDUCE_MEAN, OP_REDUCE_SUM, OP_REDUCE_NONE };
extern const char *const op_reductions[];
#define OP_ARG_REDUCTION OP_ARG_ENUM("reduction", OP_REDUCE_MEAN, op_reductions)

/* Output 0: one number, or the shape of `each` when nothing is reduced. */
tn_status op_infer_loss(const op_infer *c, int reduction, const graph_type *each);
/* `weight` (an input, or absent) must be broadcastable to the shape of x. */
tn_status op_want_weight(const op_infer *c, int weight, const graph_type *x);
tn_tensor *op_reduce_loss(tn_tensor *each, int64_t reduction);
/* What one element of `each` gets of the gradient that arrives at the loss: of that shape, or rank 0 where all get the same. */
tn_tensor *op_loss_share(tn_tensor *dloss, tn_tensor *each, int64_t reduction);
/* The reference: f gives the loss of element i of input 0, and the magnitude that it was rounded from. */
typedef double (*op_loss_fn)(const op_ref *c, int64_t i, double *magnitude);
void op_ref_loss(const op_ref *c, int reduction, op_loss_fn f);
/* The same for n losses that are not one for each element. */
void op_ref_losses(const op_ref *c, int reduction, int64_t n, op_loss_fn f);
/* The product of the sizes of the axes before `from`. */
int64_t op_outer(const op_array *x, int from);

/* ---- class indices: x[N, C, ...] or x[C], target[N, ...] or a single one, weight[C] --------------------------------- */

/* The axis of the classes. */
static inline int op_class_axis(int rank)
{
    return rank > 1 ? 1 : 0;
}
/* Inputs x, target, weight (or absent) have shapes that fit, and x axes. */
tn_status op_class_check(const op_infer *c, const graph_type *x, const graph_type *target, const graph_type *weight);
typedef struct op_classes {
    tn_tensor *valid;  /* target is not ignored */
    tn_tensor *safe;   /* target, 0 where ignored */
    tn_tensor *weight; /* of the target's class, 0 where ignored */
} op_classes;
op_classes op_classes_of(tn_tensor *target, tn_tensor *weight, double ignore, tn_dtype dtype);
/* -weight * log_p of the target's class, 0 where ignored. */
tn_tensor *op_class_losses(tn_tensor *log_p, const op_classes *k);
/* Sums divided by the sum of weights, or as told. */
tn_tensor *op_reduce_classes(tn_tensor *each, const op_classes *k, int64_t reduction);

/* References: the weight of row r's class; 0 where ignored; a class out of range is a fault and counts as ignored. */
double op_ref_class_weight(const op_ref *c, const op_array *x, const op_array *target, const op_array *weight,
                           int64_t ignore, int64_t r);
/* Sum of these weights over all rows if losses are averaged, else 1. */
double op_ref_class_total(const op_ref *c, const op_array *x, const op_array *target, const op_array *weight,
                          int64_t ignore, int64_t reduction);

#endif
