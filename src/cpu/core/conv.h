/* conv.h: two-dimensional convolution of f32 pictures and its gradients (cross-correlation, as in every framework).
 *
 * Pictures lie channels last: x[n][h][w][c_in], y[n][oh][ow][c_out]. Weights and their gradient lie as PyTorch has them,
 * w[c_out][c_in / groups][kh][kw]; they are packed for the kernels in the call, or once with cpu_conv_pack.
 *
 *   y[n][oh][ow][o] = bias[o] + sum over i, r, c of w[o][i][r][c] * x[n][oh * stride + r * dilation - pad][...][i]
 *
 * where x is zero outside the picture. Every output is written, none is added to. Nothing is allocated: scratch is the
 * caller's, of cpu_conv_scratch bytes, aligned to 64. Results have the same bits for any number of threads. */
#ifndef CPU_CONV_H
#define CPU_CONV_H

#include "cpu/core/isa.h"

#include <stddef.h>
#include <stdint.h>

typedef struct cpu_conv {
    int64_t n, c_in, h, w;      /* the batch and its pictures */
    int64_t c_out, kh, kw;      /* the window */
    int64_t oh, ow;             /* set by cpu_conv_shape, or by who knows better */
    int64_t groups;             /* divides c_in and c_out */
    int stride[2], dilation[2]; /* down, across; at least 1 */
    int pad[4];                 /* top, left, bottom, right; at least 0 */
    int threads;
    cpu_isa isa;
    bool relu;     /* forward: y = max(y, 0), NaN kept */
    float most;    /* and then y = min(y, most); 0: no such limit */
    float slope;   /* with relu: below 0 it is slope * y instead; at most 1 */
    bool add_last; /* what is added is added behind relu, not before */
    /* All three may go by Winograd's F(4x4, 3x3), two to three times as fast where it applies (3x3, step
     * 1, one group, a vector of channels at least). Rounding errors grow from some 1e-7 of the sum of magnitudes to some
     * 1e-6, and a NaN or infinity spreads over the 4x4 tile it is in. */
    bool winograd;
    /* All three may go by products split into bf16 where there is AMX.
     * Numbers keep 17 of their 24 bits, sums are added up in f32: errors of at most 3.1e-5 of the sum of magnitudes; where those
     * of the terms are independent, some 5e-6 of it divided by the square root of the number of terms. What meets a NaN or an
     * infinity becomes NaN. */
    bool split;
    /* The same with one product: operands are rounded to bf16 where there is AMX; or, where there are pairs in vector registers,
     * unless `winograd` is allowed and applies. */
    bool narrow;
    /* Forward, where cpu_conv_takes_half or cpu_conv_moves_half: x, `add` and y are bf16 in memory. Gradient of weights, where
     * cpu_conv_weight_takes_half: x and dy (half_y). Gradient of data, where cpu_conv_data_takes_half: dy. */
    bool half_x, half_add, half_y;
    /* Forward, where cpu_conv_pools allows it: y[n][oh / 2][ow / 2][c_out] is the largest of each 2 x 2 numbers, NaN before all. */
    bool pool;
} cpu_conv;

typedef enum cpu_conv_job { CPU_CONV_FORWARD, CPU_CONV_GRAD_DATA, CPU_CONV_GRAD_WEIGHT } cpu_conv_job;

/* Sets oh and ow from the rest; false if the window does not fit into the padded picture. */
bool cpu_conv_shape(cpu_conv *c);
/* Sets winograd, split and narrow, of which everything that is asked below depends: the way that is expected to be fastest of those that
 * may be taken, plain sums among them. packed: the weights of the forward computation are packed once. Sizes, threads and isa are set. */
enum { CPU_CONV_MAY_WINOGRAD = 1, CPU_CONV_MAY_SPLIT = 2, CPU_CONV_MAY_NARROW = 4 };
void cpu_conv_choose(cpu_conv *c, cpu_conv_job job, int may, bool packed);
/* Whether the forward computation can pool; nothing can be added then. */
bool cpu_conv_pools(const cpu_conv *c);
/* Whether the gradient of weights goes by split products where they are allowed. */
bool cpu_conv_weight_by_split(const cpu_conv *c);
/* Whether the forward computation, narrow as c says, may read and write pictures of bf16. */
bool cpu_conv_takes_half(const cpu_conv *c);
/* Whether the gradient of weights may read x, if half_x says so, and dy as bf16. */
bool cpu_conv_weight_takes_half(const cpu_conv *c);
/* Whether the gradient of data may read dy as bf16. */
bool cpu_conv_data_takes_half(const cpu_conv *c);
/* Whether the forward computation may, but x and y only together, and nothing is added: one channel a group. */
bool cpu_conv_moves_half(const cpu_conv *c);
/* Bytes of scratch that the call with the same job (and the same threads and isa) needs. */
size_t cpu_conv_scratch(const cpu_conv *c, cpu_conv_job job);

/* bias may be NULL, and so may `add`, which lies as y does and is added before relu (or behind it: add_last). */
void cpu_conv_forward(const cpu_conv *c, const void *x, const float *w, const float *bias, const void *add, void *y,
                      void *scratch);
/* dx from dy = dloss/dy (of the output before relu). */
void cpu_conv_grad_data(const cpu_conv *c, const void *dy, const float *w, float *dx, void *scratch);
/* dw and, unless NULL, db[c_out] from x and dy. */
void cpu_conv_grad_weight(const cpu_conv *c, const void *x, const void *dy, float *dw, float *db, void *scratch);

/* The transposed convolution is the gradient of data with a bias (c_in of them, or NULL) and relu: x[n][oh][ow][c_out] to
 * y[n][h][w][c_in] with the weights of c, w[c_out][c_in / groups][kh][kw], as PyTorch's conv_transpose2d has them. Its own
 * gradients are cpu_conv_forward (of data) and cpu_conv_grad_weight with x and dy exchanged. Scratch and packed weights
 * are those of CPU_CONV_GRAD_DATA. */
void cpu_conv_transposed(const cpu_conv *c, const float *x, const float *w, const float *bias, float *y, void *scratch);

/* Weights that do not change: bytes of the packed form, the packing, and the calls that take it. The form depends on the
 * job, the instruction set, the window and the channels, not on the size of the pictures. */
size_t cpu_conv_packed(const cpu_conv *c, cpu_conv_job job);
void cpu_conv_pack(const cpu_conv *c, cpu_conv_job job, const float *w, float *packed);
void cpu_conv_forward_packed(const cpu_conv *c, const void *x, const float *packed, const float *bias, const void *add,
                             void *y, void *scratch);
void cpu_conv_transposed_packed(const cpu_conv *c, const void *x, const float *packed, const float *bias, float *y,
                                void *scratch);
void cpu_conv_grad_data_packed(const cpu_conv *c, const void *dy, const float *packed, float *dx, void *scratch);

#endif
