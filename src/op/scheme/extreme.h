/* extreme.h: what the reductions to a largest or smallest element share: their first arguments are the axes and whether they
 * are kept. NaN wins over every number. */
#ifndef OP_EXTREME_H
#define OP_EXTREME_H

#include "op/scheme/op.h"

/* As op_infer_reduced; an axis of size 0 is refused, as nothing has no largest element. */
tn_status op_infer_extreme(const op_infer *c);
/* The same for places: one axis, or none for all elements. */
tn_status op_infer_where_extreme(const op_infer *c);
/* Output 0: the extreme values. */
void op_ref_extreme(const op_ref *c, bool largest);
/* The same into another array of output 0's shape. */
void op_ref_extreme_of(const op_ref *c, bool largest, op_array *y);
/* Output 0: where the first extreme value is along the one axis, or among all elements. */
void op_ref_where_extreme(const op_ref *c, bool largest);
/* The gradient of such a value, split evenly over the elements that have it. */
tn_status op_grad_extreme(const op_grad *c);

#endif
