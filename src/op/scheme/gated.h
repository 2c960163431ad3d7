/* gated.h: what glu, swiglu and geglu share: x cut into halves a, b along an axis, y = a * f(b). */
#ifndef OP_GATED_H
#define OP_GATED_H

#include "op/scheme/op.h"

tn_status op_infer_gated(const op_infer *c, int axis);
tn_status op_lower_gated(const op_lower *c, int axis, tn_tensor *(*f)(tn_tensor *));
void op_ref_gated(const op_ref *c, int axis, double (*f)(double));

#define OP_GATED_CASES "x=x[6]", "x=x[2x3x4]", "x=x[3x4x5] axis=1", "x=x[4x3] axis=-2", "x=x[0x2]"
#define OP_GATED_BAD                                                                                                   \
    {"x=x[2x3]", "axis 1 has size 3, which has no halves"},                                                            \
    {                                                                                                                  \
        "x=x[2x3] axis=2", "axis 2 of a 2-d tensor"                                                                    \
    }
#define OP_GATED_TOL                                                                                                   \
    [TN_F64] = OP_TOL(1e-13, 1e-15), [TN_F32] = OP_TOL(4e-6, 1e-7), [TN_F16] = OP_TOL(3e-3, 1e-6),                     \
    [TN_BF16] = OP_TOL(2.4e-2, 1e-6)

#endif
