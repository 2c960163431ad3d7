/* gated.h: what glu, swiglu and geglu share: x cut into halves a, b along an axis, y = a * f(b). */
#ifndef OP_GATED_H
#define OP_GATED_H

#include "op/scheme/op.h"

tn_status op_infer_gated(const op_infer *c, int axis);
tn_status op_lower_gated(const op_lower *c, int axis, tn_tensor *(*f)(tn_tensor *));
void op_ref_gated(const op_ref *c, int axis, double (*f)(double));

#endif
