/* internal.h: builders of operators that gradients and lowerings use and no user calls. Each is explained in its file. */
#ifndef OP_INTERNAL_H
#define OP_INTERNAL_H

#include "base/philox.h"
#include "op/scheme/op.h"

/* ---- gradients of activations: dx from dy and the result y or the argument x -------------------------------------- */

tn_tensor *op_relu_grad_of(tn_tensor *dy, tn_tensor *y);
tn_tensor *op_hardtanh_grad_of(tn_tensor *dy, tn_tensor *y, double min, double max);
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

/* ---- windows: arguments are those of the node that the operator belongs to (op_arg(c, 0)) -------------------------- */

tn_tensor *op_conv2d_of(tn_tensor *x, tn_tensor *w, const op_value *conv);
tn_tensor *op_conv2d_grad_data_of(tn_tensor *dy, tn_tensor *w, tn_shape shape, const op_value *conv);
tn_tensor *op_conv2d_grad_weight_of(tn_tensor *x, tn_tensor *dy, tn_shape shape, const op_value *conv);
tn_tensor *op_max_pool2d_of(tn_tensor *x, const op_value *pool);
tn_tensor *op_max_pool2d_grad_of(tn_tensor *dy, tn_tensor *x, const op_value *pool);
/* What dx was spread from if it is the gradient of a max_pool2d of x (NULL: of anything); *pool gets the arguments. Else NULL. */
tn_tensor *op_max_pool2d_spread(tn_tensor *dx, const tn_tensor *x, const op_value **pool);
tn_tensor *op_max_pool2d_select_of(tn_tensor *d, tn_tensor *x, const op_value *pool);
tn_tensor *op_max_pool2d_index_of(tn_tensor *x, const op_value *pool);
tn_tensor *op_avg_pool2d_of(tn_tensor *x, const op_value *pool);
tn_tensor *op_avg_pool2d_grad_of(tn_tensor *dy, tn_shape shape, const op_value *pool);
/* Kernel, stride, border and rounding from the options into pool[]; numbers[8] holds the lists. */
void op_pool_options(int kernel, const tn_pool_opt *opt, op_value *pool, int64_t *numbers);
/* The window of element i of the averaged y: rows from[0] to to[0], columns from[1] to to[1], from[2] is where its plane
 * starts in x. Returns 1 / the number of elements that count. */
double op_pool_average(const op_ref *c, const op_array *x, const op_array *y, int64_t i, int64_t from[3],
                       int64_t to[3]);

/* `arg`: those of the resize or resize_grad that it belongs to; size: of the axis of the result. */
tn_tensor *op_resize_of(tn_tensor *x, tn_dim size, const op_value *arg);
tn_tensor *op_resize_grad_of(tn_tensor *dy, tn_dim size, const op_value *arg);

/* ---- signals ------------------------------------------------------------------------------------------------------ */

/* Frames of `size` elements, `step` apart, that `length` elements have. */
tn_status op_frames_check(const op_infer *c, tn_dim length, int64_t size, int64_t step, tn_dim *count);
tn_tensor *op_frames_of(tn_tensor *x, int64_t size, int64_t step);
tn_tensor *op_overlap_add_of(tn_tensor *x, int64_t step, tn_dim length);

/* ---- operators from outside --------------------------------------------------------------------------------------- */

struct tn_operator;
extern const op_def op_custom;
const struct tn_operator *op_custom_of(const graph_node *node);
/* Output 0 of the operator, in a node of that path (NULL: one after its kind). */
tn_tensor *op_custom_apply(tn_graph *g, const struct tn_operator *op, const char *path, int n, tn_tensor *const in[]);
/* What the context has registered; version -1: any. NULL: nothing. */
const struct tn_operator *op_custom_find(tn_context *context, const char *domain, const char *name, int64_t version);

/* ---- embedding ---------------------------------------------------------------------------------------------------- */

tn_tensor *op_embedding_grad_of(tn_tensor *dy, tn_tensor *index, tn_dim rows, int64_t padding_index);

/* ---- sparse matrices --------------------------------------------------------------------------------------------- */

/* Elements sorted by row (csr_order), and the row of each element of such a matrix. */
typedef struct op_csr {
    tn_tensor *indptr, *order;
} op_csr;
op_csr op_csr_order_of(tn_tensor *index, tn_dim rows);
tn_tensor *op_csr_rows(tn_tensor *indptr, tn_dim edges);
/* The inputs of spmm after x; the last three may be NULL. Mode: 0 sum, 1 the largest, 2 the smallest. */
typedef struct op_sparse {
    tn_tensor *indptr, *indices, *order, *weight, *rows;
} op_sparse;
tn_tensor *op_spmm_of(tn_tensor *x, const op_sparse *a, int mode);
tn_tensor *op_edge_dot_of(tn_tensor *a, tn_tensor *b, tn_tensor *i, tn_tensor *j, int groups);

/* ---- normalisation, dropout -------------------------------------------------------------------------------------- */

tn_tensor *op_training_of(tn_graph *g);
/* A batch_norm of running values, by the inputs of its node: y = x * scale + shift for each channel. */
void op_batch_norm_line(const graph_node *node, tn_tensor *const *in, tn_tensor **scale, tn_tensor **shift);
tn_tensor *op_batch_norm_grad_of(tn_tensor *dy, tn_tensor *x, tn_tensor *weight, tn_tensor *mean, tn_tensor *rstd,
                                 tn_tensor *dmean, tn_tensor *drstd);
/* Siblings: dweight and, of layer_norm, dbias. `arg`: the arguments of the forward operator. */
tn_tensor *op_layer_norm_grad_of(tn_tensor *dy, tn_tensor *x, tn_tensor *weight, const op_value *arg);
tn_tensor *op_rms_norm_grad_of(tn_tensor *dy, tn_tensor *x, tn_tensor *weight, const op_value *arg);
/* Mean and variance (sibling 1) of each channel of x[N, C, ...]; sums over all axes but the channels of dy and (sibling 1) of
 * dy * (x - mean). */
tn_tensor *op_channel_moments_of(tn_tensor *x);
tn_tensor *op_channel_sums_of(tn_tensor *dy, tn_tensor *x, tn_tensor *mean);
/* All axes of a tensor of this rank but the channels, into axes; returns how many. */
int op_axes_but_channels(int rank, int64_t *axes);
/* v[C] so shaped that it is broadcast along axis 1 of a tensor of this rank. */
tn_tensor *op_along_channels(tn_tensor *v, int rank);
/* Elements between one channel (axis 1) and the next. */
int64_t op_channel_inner(const op_array *x);
tn_tensor *op_dropout_of(tn_tensor *x, double p, int64_t stream);
tn_tensor *op_dropout_mask_of(tn_graph *g, tn_shape shape, double p, int64_t stream, tn_dtype dtype);
/* The number that random operators give element i: row by row, channels fastest from rank 4 on. */
uint64_t op_random_index(const op_array *x, int64_t i);
/* The mask's value for element i of x. */
double op_dropout_factor(const op_ref *c, const op_array *x, double p, int64_t stream, int64_t i);

/* ---- recurrences ------------------------------------------------------------------------------------------------- */

/* b may be NULL. */
tn_tensor *op_scan_of(tn_tensor *a, tn_tensor *b, int64_t axis, bool reverse, double initial);
/* Every element of x moved on by one along an axis (or back), a value in the place that becomes free. */
tn_tensor *op_shifted(tn_tensor *x, int64_t axis, bool back, double value);

/* ---- softmax ----------------------------------------------------------------------------------------------------- */

/* The rows of an array along an axis. */
typedef struct op_row {
    int64_t count, size, stride;
} op_row;
op_row op_row_of(const op_array *x, int64_t axis);
/* The first element of row r. */
static inline int64_t op_row_first(const op_row *row, int64_t r)
{
    return r / row->stride * row->stride * row->size + r % row->stride;
}
/* The largest element of a row; NaN if there is one. */
double op_row_max(const op_array *x, const op_row *row, int64_t first);
/* The largest element over the axes, which are kept; -infinity where they have none. */
tn_tensor *op_max_or_none(tn_tensor *x, int n, const int64_t *axes);
tn_tensor *op_softmax_grad_of(tn_tensor *dy, tn_tensor *y, int64_t axis);
tn_tensor *op_log_softmax_grad_of(tn_tensor *dy, tn_tensor *y, int64_t axis);

/* ---- losses ------------------------------------------------------------------------------------------------------- */

/* `arg`: the arguments of the cross_entropy. */
tn_tensor *op_cross_entropy_grad_of(tn_tensor *dloss, tn_tensor *x, tn_tensor *target, tn_tensor *weight,
                                    const op_value *arg);
/* `in` and `arg`: those of the ctc. */
tn_tensor *op_ctc_grad_of(tn_tensor *dloss, tn_tensor *const *in, const op_value *arg);
tn_tensor *op_cross_entropy_soft_of(tn_tensor *x, tn_tensor *target, tn_tensor *weight, int64_t reduction,
                                    double smoothing);

/* ---- arithmetic of optimizers, element by element -------------------------------------------------------------------- */

/* a / (sqrt(b) * s + eps); a + rate * (b - a); keep * a + (1 - keep) * b^2. */
tn_tensor *op_over_root_of(tn_tensor *a, tn_tensor *b, tn_tensor *s, double eps);
tn_tensor *op_approach_of(tn_tensor *a, tn_tensor *b, double rate);
tn_tensor *op_mix_square_of(tn_tensor *a, tn_tensor *b, double keep);

/* ---- updates of optimizers: the new parameter is returned ---------------------------------------------------------- */

/* `lr` is a rank-0 f32, `step` a rank-0 i64: 1 in the first update. */
typedef struct op_sgd {
    tn_tensor *param, *grad, *buffer, *lr, *step; /* buffer: NULL without momentum */
    double momentum, dampening, weight_decay, l1;
    bool nesterov;
} op_sgd;
tn_tensor *op_sgd_update_of(const op_sgd *s, tn_tensor **new_buffer);

typedef struct op_adam {
    tn_tensor *param, *grad, *m, *v, *step, *lr;
    tn_tensor *scale; /* the gradient is multiplied by it; a rank-0 f32, or NULL */
    double beta1, beta2, eps, weight_decay, l1;
    bool decoupled; /* AdamW */
} op_adam;
tn_tensor *op_adam_update_of(const op_adam *a, tn_tensor **new_m, tn_tensor **new_v);

/* The same on used rows alone: `grad` has the gradients of the rows that index picked. Without scale, decay and l1. */
tn_tensor *op_adam_rows_update_of(const op_adam *a, tn_tensor *index, int64_t padding_index, tn_tensor **new_m,
                                  tn_tensor **new_v);

/* SGD without momentum, and Adagrad, the same way. */
tn_tensor *op_sgd_rows_update_of(tn_tensor *param, tn_tensor *dy, tn_tensor *index, int64_t padding_index,
                                 tn_tensor *lr);
typedef struct op_adagrad_rows {
    tn_tensor *param, *grad, *index, *sum, *lr;
    int64_t padding_index;
    double eps;
} op_adagrad_rows;
tn_tensor *op_adagrad_rows_update_of(const op_adagrad_rows *a, tn_tensor **new_sum);

/* The inverse where due (rank-0 bool) is true, NaN where there is none; else old. */
tn_tensor *op_inverse_when(tn_tensor *x, tn_tensor *old, tn_tensor *due);
/* The same for x^(-1 / degree), x symmetric with eigenvalues above 0. */
tn_tensor *op_inverse_root_when(tn_tensor *x, int degree, tn_tensor *old, tn_tensor *due);

#endif
