/* internal.h: builders of operators that gradients and lowerings use and no user calls. Each is explained in its file. */
#ifndef OP_INTERNAL_H
#define OP_INTERNAL_H

#include "op/scheme/op.h"

/* ---- gradients of activations: dx from dy and the result y or the argument x -------------------------------------- */

tn_tensor *op_relu_grad_of(tn_tensor *dy, tn_tensor *y);
tn_tensor *op_sigmoid_grad_of(tn_tensor *dy, tn_tensor *y);
tn_tensor *op_tanh_grad_of(tn_tensor *dy, tn_tensor *y);
tn_tensor *op_leaky_relu_grad_of(tn_tensor *dy, tn_tensor *x, double slope);
tn_tensor *op_elu_grad_of(tn_tensor *dy, tn_tensor *x, double alpha);
tn_tensor *op_softplus_grad_of(tn_tensor *dy, tn_tensor *x, double beta, double threshold);
tn_tensor *op_silu_grad_of(tn_tensor *dy, tn_tensor *x);
tn_tensor *op_gelu_grad_of(tn_tensor *dy, tn_tensor *x);
tn_tensor *op_gelu_tanh_grad_of(tn_tensor *dy, tn_tensor *x);

#endif
