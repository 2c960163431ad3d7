/* tarn/ops.h: operators. One line each; the file src/op/NAME.c says what it means, its gradient, dtypes and tolerances, and
 * docs/operators.md lists them all. Inputs are broadcast where operators take two values (NumPy's rule: sizes match from the
 * right, a literal 1 stretches) and promoted to a common dtype (PyTorch's table). Axes count from 0, negative ones from the
 * end. A wrong shape, dtype or argument sticks a sentence to the graph; see tarn/graph.h. */
#ifndef TARN_OPS_H
#define TARN_OPS_H

#include <tarn/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- element-wise ------------------------------------------------------------------------------------------------ */

TN_API tn_tensor *tn_add(tn_tensor *a, tn_tensor *b);       /* a + b; f i */
TN_API tn_tensor *tn_gt(tn_tensor *a, tn_tensor *b);        /* a > b; bool */
TN_API tn_tensor *tn_where(tn_tensor *c, tn_tensor *a, tn_tensor *b); /* c ? a : b; c is bool */
TN_API tn_tensor *tn_mul(tn_tensor *a, tn_tensor *b);       /* a * b; f i */
TN_API tn_tensor *tn_cast(tn_tensor *x, tn_dtype dtype);    /* converts; float to integer cuts towards zero, saturates, NaN is 0 */
TN_API tn_tensor *tn_relu(tn_tensor *x);                    /* max(x, 0); f i */

/* ---- reductions -------------------------------------------------------------------------------------------------- */

/* Sum over the axes (n = 0: all); with keepdim they stay as size 1. f; integers give i64. */
TN_API tn_tensor *tn_sum(tn_tensor *x); /* over all axes */
TN_API tn_tensor *tn_sum_axes(tn_tensor *x, int n, const int64_t *axes, bool keepdim);

/* ---- shape ------------------------------------------------------------------------------------------------------- */

/* Axes a and b change places. */
TN_API tn_tensor *tn_transpose(tn_tensor *x, int a, int b);
/* Same elements in row-major order under another shape; one size may be TN_INFER. */
TN_API tn_tensor *tn_reshape(tn_tensor *x, tn_shape shape);
/* Axes of size 1, and missing leading axes, are repeated to the shape. */
TN_API tn_tensor *tn_expand(tn_tensor *x, tn_shape shape);
/* y's axis i is x's axis axes[i]; n is x's rank. */
TN_API tn_tensor *tn_permute(tn_tensor *x, int n, const int64_t *axes);
/* A size as a rank-0 i64 value. */
TN_API tn_tensor *tn_size_value(tn_graph *graph, tn_dim size);

/* ---- products ---------------------------------------------------------------------------------------------------- */

/* Matrix product [..., m, k] x [..., k, n]; leading axes are broadcast; rank-1 operands as PyTorch's matmul. f */
TN_API tn_tensor *tn_matmul(tn_tensor *a, tn_tensor *b);

#ifdef __cplusplus
}
#endif
#endif
