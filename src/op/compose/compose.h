/* compose.h: what builders that make several nodes share. They are no operators: the graph holds the ones that they are made of. */
#ifndef OP_COMPOSE_H
#define OP_COMPOSE_H

#include "op/internal.h"

/* The axis counted from 0, or -1 and a sentence on x's graph that begins with the builder's name. */
int op_axis_of(tn_tensor *x, int axis, const char *builder);
/* Distances beyond it are refused, so that sums with them do not overflow. */
#define OP_FAR ((int64_t)1 << 40)
/* x or its graph's failure, for a builder that found something wrong. */
#define OP_REFUSE(x, status, ...) graph_fail((x)->graph, status, __VA_ARGS__)
/* What a builder gives when x or y is absent or has failed: its graph's failure. */
static inline tn_tensor *op_failure_of(tn_tensor *x, tn_tensor *y)
{
    return x ? &x->graph->poison : y;
}
/* A size as a number of that dtype on x's graph. */
tn_tensor *op_size_as(tn_tensor *x, tn_dim size, tn_dtype dtype);
/* Each node's edge to itself behind the others; *loop says which of those that were there are such edges. Weights and features stay. */
tn_edges op_with_loops(const tn_edges *edges, tn_dim nodes, tn_tensor **loop);
/* tn_propagate of floats where weights may have axes of x after the first: one for all that the others hold. */
tn_tensor *op_propagate(tn_tensor *x, const tn_edges *edges, tn_dim targets, tn_aggregate how);
/* x[N, C, D, H, W] as [N, D, H, W, C], and back. */
tn_tensor *op_channels_last(tn_tensor *x);
tn_tensor *op_channels_second(tn_tensor *x);
/* [N, D, H, W, C] as pictures [N * D, C, H, W]; pictures [N * depth, C, H, W] as [N, depth, H, W, C]. */
tn_tensor *op_as_pictures(tn_tensor *x);
tn_tensor *op_as_bodies(tn_tensor *y, tn_dim n, tn_dim depth);

/* |stft|^power of a signal as rows of frames: [..., frames, numbers]. */
tn_tensor *op_spectrogram_of(tn_tensor *x, int64_t n_fft, double power, const tn_stft_opt *opt);

#endif
