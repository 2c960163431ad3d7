/* norm.h: what layer_norm, rms_norm and their gradients share. The last `axes` axes of x are the row that is normalised; weight
 * and bias have its shape and may have another float dtype. f16 and bf16 are computed in f32.
 *     y = xhat * weight + bias,   xhat = (x - m) / sqrt(mean((x - m)^2) + eps)
 * with m the mean of the row for layer_norm and 0 for rms_norm. */
#ifndef OP_NORM_H
#define OP_NORM_H

#include "op/scheme/op.h"

enum { OP_NORM_AXES, OP_NORM_EPS };
#define OP_NORM_ARGS                                                                                                   \
    {                                                                                                                  \
        [OP_NORM_AXES] = OP_ARG_INT_IN("axes", 1, 1, TN_MAX_RANK), [OP_NORM_EPS] =                                     \
                                                                       OP_ARG_FLOAT_IN("eps", 1e-5, 0, 1e9)            \
    }
#define OP_NORM_TOL                                                                                                    \
    {                                                                                                                  \
        [TN_F64] = OP_TOL(1e-12, 1e-300), [TN_F32] = OP_TOL(1e-5, 1e-7), [TN_F16] = OP_TOL(5e-3, 1e-4),                \
        [TN_BF16] = OP_TOL(4e-2, 1e-3)                                                                                 \
    }

/* The dtype that sums are computed in. */
tn_dtype op_norm_dtype(tn_dtype x);
/* Inputs from `first` on are weights of x's row, or absent. */
tn_status op_norm_check(const op_infer *c, const graph_type *x, int first);
/* Forward: inputs x, weight, bias (where there is one). */
tn_status op_norm_infer(const op_infer *c);
void op_norm_lower(const op_lower *c, bool center);
void op_norm_ref(const op_ref *c, bool center);
/* Gradients: inputs dy, x, weight; outputs dx, dweight, dbias (where there is one). */
tn_status op_norm_grad_infer(const op_infer *c);
void op_norm_grad_lower(const op_lower *c, bool center);
void op_norm_grad_ref(const op_ref *c, bool center);
double op_norm_flops(const op_value *arg, const graph_type *const *in, const graph_type *out);

#endif
