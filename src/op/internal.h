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

/* ---- shapes ------------------------------------------------------------------------------------------------------ */

/* Elements from start to end with a step. */
tn_dim op_slice_size(dim_table *t, tn_dim start, tn_dim end, int64_t step);
/* The arguments axes, start, end, step (in this order, first) for a slice of x. */
tn_status op_slice_check(const op_infer *c, const graph_type *x);
/* Where element `at` of the slice comes from. */
void op_slice_from(const op_array *slice, const op_value *arg, int64_t at, int64_t *from);
/* `slice` are the four arguments of the slice. */
tn_tensor *op_slice_grad_of(tn_tensor *dy, tn_shape shape, const op_value *slice);

/* Shapes of x and index, axis being the first argument. */
tn_status op_gather_check(const op_infer *c, const graph_type *x, const graph_type *index);
/* Where element i of index points to in x; -1 when that is nowhere. The same for rows: element i of y. */
int64_t op_gather_at(const op_array *x, const op_array *index, int64_t axis, int64_t i);
int64_t op_index_at(const op_array *x, const op_array *y, const op_array *index, int64_t axis, int64_t i);

#endif
