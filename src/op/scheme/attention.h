/* attention.h: what attention and attention_grad share.
 *
 * q[..., H, L, E], k[..., Hk, S, E], v[..., Hk, S, F]: H is a multiple of Hk, query head h reads key head h / (H / Hk). With position
 * p of query i = i, or i + S - L (from_end), key j is seen if j <= p (causal) and |p - j| < window (0: any). A mask is broadcast to
 * [..., H, L, S]: bool, true is seen; or added to the scores. */
#ifndef OP_ATTENTION_H
#define OP_ATTENTION_H

#include "op/internal.h"

enum { OP_ATT_SCALE, OP_ATT_CAUSAL, OP_ATT_WINDOW, OP_ATT_FROM_END, OP_ATT_P, OP_ATT_STREAM };
#define OP_ATT_ARGS                                                                                                    \
    {                                                                                                                  \
        [OP_ATT_SCALE] = OP_ARG_FLOAT("scale", 0), [OP_ATT_CAUSAL] = OP_ARG_BOOL("causal", false),                     \
        [OP_ATT_WINDOW] = OP_ARG_INT_IN("window", 0, 0, 0x1p53), [OP_ATT_FROM_END] = OP_ARG_BOOL("from_end", false),   \
        [OP_ATT_P] = OP_ARG_FLOAT_IN("p", 0, 0, 1), [OP_ATT_STREAM] = OP_ARG_INT("stream", 0)                          \
    }
#define OP_ATT_TOL                                                                                                     \
    {                                                                                                                  \
        [TN_F64] = OP_TOL(1e-12, 1e-15), [TN_F32] = OP_TOL(1e-5, 1e-6), [TN_F16] = OP_TOL(5e-3, 1e-4),                 \
        [TN_BF16] = OP_TOL(4e-2, 1e-3)                                                                                 \
    }

/* Shapes of q, k, v and mask. */
tn_status op_attention_check(const op_infer *c, const graph_type *q, const graph_type *k, const graph_type *v,
                             const graph_type *mask);

/* The parts of a lowered form: q, k and v as they are computed with, k and v with a head for each of q. */
typedef struct op_attention_parts {
    tn_graph *graph;
    const op_value *arg;
    tn_tensor *q, *k, *v, *mask;
    int64_t groups; /* heads of q for one of k */
    double scale;
} op_attention_parts;
op_attention_parts op_attention_of(tn_graph *g, const op_value *arg, tn_tensor *q, tn_tensor *k, tn_tensor *v,
                                   tn_tensor *mask);
/* [..., H, L, S], -infinity where nothing is seen. */
tn_tensor *op_attention_scores(const op_attention_parts *a);
/* e^(scores - lse), 0 in rows that see nothing. */
tn_tensor *op_attention_weights(tn_tensor *scores, tn_tensor *lse);
/* x[..., H, L, S] with the node's dropout. */
tn_tensor *op_attention_dropped(const op_attention_parts *a, tn_tensor *x);
/* The gradient of the scores. */
tn_tensor *op_attention_slopes(const op_attention_parts *a, tn_tensor *weights, tn_tensor *dy, tn_tensor *y,
                               tn_tensor *dlse);

/* Sizes of a reference; heads are counted through all leading axes. */
typedef struct op_attention_sizes {
    int64_t heads, groups, l, s, e, f, shift;
    double scale;
    op_array grid; /* sizes of the scores */
} op_attention_sizes;
op_attention_sizes op_attention_sizes_of(const op_value *arg, const op_array *q, const op_array *k, const op_array *v);
/* The score of query row `row` (counted through all heads) and key j, -infinity if it is not seen; its terms' sizes in *size. */
double op_attention_score(const op_attention_sizes *z, const op_value *arg, const op_array *q, const op_array *k,
                          const op_array *mask, int64_t row, int64_t j, double *size);
/* Dropout's factor of a weight. */
double op_attention_factor(const op_ref *c, const op_attention_sizes *z, int64_t row, int64_t j);

tn_tensor *op_attention_grad_of(tn_tensor *dy, tn_tensor *q, tn_tensor *k, tn_tensor *v, tn_tensor *mask, tn_tensor *y,
                                tn_tensor *lse, tn_tensor *dlse, const op_value *arg);

#endif
