/* window.h: windows that move over pictures x[N, C, H, W]: convolutions and pooling. Direction 0 is down, 1 is across.
 * Lists of numbers are given short: one for both directions, two for down and across; a border may have four: top, left,
 * bottom, right. */
#ifndef OP_WINDOW_H
#define OP_WINDOW_H

#include "op/scheme/op.h"

typedef struct op_window {
    int64_t kernel[2], stride[2], dilation[2];
    int64_t pad[4]; /* top, left, bottom, right */
    bool ceil;      /* the last window may reach beyond the border, but starts before it */
} op_window;

/* The window of these arguments; absent lists (NULL or empty) are stride 1, no border, dilation 1. `kernel` is set by
 * convolutions from the weight's shape, so that it may be NULL. */
op_window op_window_of(const op_value *kernel, const op_value *stride, const op_value *padding,
                       const op_value *dilation);
/* Whether argument `arg` has 1 or 2 numbers (or 4, or none where that is allowed). */
tn_status op_window_list(const op_infer *c, int arg, bool needed, bool four);
/* How many places a window has in direction d over `size` elements. */
tn_status op_window_size(const op_infer *c, const op_window *w, int d, tn_dim size, tn_dim *places);

/* ---- convolutions ------------------------------------------------------------------------------------------------ */

/* The first arguments of conv2d and its gradients. */
enum {
    OP_CONV_STRIDE,
    OP_CONV_PADDING,
    OP_CONV_DILATION,
    OP_CONV_GROUPS,
    OP_CONV_SHAPE,
    OP_CONV_ACTIVATION = OP_CONV_SHAPE,
    OP_CONV_SLOPE,
    OP_CONV_ADD_LAST
};
#define OP_CONV_ARGS                                                                                                   \
    [OP_CONV_STRIDE] = OP_ARG_WINDOW("stride", 1), [OP_CONV_PADDING] = OP_ARG_WINDOW("padding", 0),                    \
    [OP_CONV_DILATION] = OP_ARG_WINDOW("dilation", 1), [OP_CONV_GROUPS] = OP_ARG_INT_IN("groups", 1, 1, 0x1p30)
#define OP_ARG_WINDOW(text, least)                                                                                     \
    {                                                                                                                  \
        .name = text, .kind = OP_INTS_LIST, .bounded = true, .min = least, .max = 0x1p30                               \
    }

/* The shape of conv2d(x, w) under the arguments. */
tn_status op_conv_infer(const op_infer *c, const graph_type *x, const graph_type *w, graph_type *y);
op_window op_conv_window(const op_value *arg, int64_t kernel_h, int64_t kernel_w);
/* The options of a convolution in n directions, windows being `kernel` wide; the border is near sides first, then far sides. */
typedef struct op_conv_numbers {
    int64_t stride[3], dilation[3], padding[6], extra[3], groups;
} op_conv_numbers;
/* x with its border where that is not made of zeros, which the convolution adds by itself; poison and a sentence on x's graph if the
 * options cannot be. */
tn_tensor *op_conv_options(tn_tensor *x, const char *builder, int n, const tn_dim *kernel, bool transposed,
                           const tn_conv_opt *opt, op_conv_numbers *c);
/* Calls f for every product of the convolution y = x * w: its places in x, w and y. */
typedef void (*op_conv_fn)(const op_ref *c, int64_t x, int64_t w, int64_t y);
void op_conv_each(const op_ref *c, const op_array *x, const op_array *w, const op_array *y, op_conv_fn f);
/* 2 operations for each product. */
double op_conv_flops(const graph_type *w, const graph_type *y);

/* ---- pooling ----------------------------------------------------------------------------------------------------- */

/* The first arguments of pooling operators and their gradients. `dilation` of average pooling is not there. */
enum {
    OP_POOL_KERNEL,
    OP_POOL_STRIDE,
    OP_POOL_PADDING,
    OP_POOL_CEIL,
    OP_POOL_MORE,
    OP_POOL_DILATION = OP_POOL_MORE /* of maximum pooling */
};
#define OP_POOL_ARGS                                                                                                   \
    [OP_POOL_KERNEL] = OP_ARG_WINDOW("kernel", 1), [OP_POOL_STRIDE] = OP_ARG_WINDOW("stride", 1),                      \
    [OP_POOL_PADDING] = OP_ARG_WINDOW("padding", 0), [OP_POOL_CEIL] = OP_ARG_BOOL("ceil_mode", false)

#define OP_MAX_POOL_ARGS OP_POOL_ARGS, [OP_POOL_DILATION] = OP_ARG_WINDOW("dilation", 1)
/* The same arguments for another node. */
#define OP_POOL_SAME(pool)                                                                                             \
    [OP_POOL_KERNEL] = {true, (pool)[OP_POOL_KERNEL]}, [OP_POOL_STRIDE] = {true, (pool)[OP_POOL_STRIDE]},              \
    [OP_POOL_PADDING] = {true, (pool)[OP_POOL_PADDING]}, [OP_POOL_CEIL] = {true, (pool)[OP_POOL_CEIL]}
#define OP_MAX_POOL_SAME(pool) OP_POOL_SAME(pool), [OP_POOL_DILATION] = {true, (pool)[OP_POOL_DILATION]}
/* What operators that look for the largest element try and refuse. */
#define OP_MAX_POOL_CASES                                                                                              \
    "x=x[2x3x6x4] kernel=2", "x=x[1x2x7x5] kernel=3,2 stride=2,1 padding=1", "x=x[2x3x5x5]:ties kernel=3 stride=1",    \
        "x=x[1x1x7x8] kernel=2 stride=2 ceil_mode=true", "x=x[1x2x8x9] kernel=2,3 dilation=2 stride=1",                \
        "x=x[1x1x5x6] kernel=3 padding=0,1,1,0 stride=2 ceil_mode=true", "x=x[0x2x4x4] kernel=2"
#define OP_MAX_POOL_BAD                                                                                                \
    {"x=x[3x5x5] kernel=2", "the picture has 3 axes"}, {"x=x[1x3x5x5] kernel=6", "does not fit into 5"},               \
        {"x=x[1x3x5x5]", "kernel takes 1 or 2 numbers, not 0"},                                                        \
        {"x=x[1x3x5x5] kernel=2 stride=1,1,1", "stride takes 1 or 2 numbers"},                                         \
        {"x=x[1x3x5x5] kernel=2 padding=1,1,1", "padding takes 1, 2 or 4 numbers"},                                    \
        {"x=x[1x3x5x5] kernel=2 padding=2", "more than half of the window's reach"},                                   \
        {"x=x[1x3x5x5] kernel=0", "kernel is 0"}, {"x=x[1x3x5x5] kernel=2 stride=0", "stride is 0"},                   \
        {"x=x[1x3x5x5] kernel=2 padding=-1", "padding is -1"},                                                         \
        {"x=x[1x3x5x5] kernel=2 dilation=1,1,1", "dilation takes 1 or 2 numbers"},                                     \
    {                                                                                                                  \
        "x=x[1x3x5x5] kernel=2 dilation=0", "dilation is 0"                                                            \
    }
/* One operation for each element of a window. */
double op_pool_flops(const op_value *arg, const graph_type *const *in, const graph_type *out);

/* The window of the arguments; dilation: NULL, or that argument. No stride is the kernel's size. */
op_window op_pool_window(const op_value *arg, const op_value *dilation);
/* The shape of the pooled x; dilation: the number of that argument, or -1. */
tn_status op_pool_infer(const op_infer *c, const graph_type *x, int dilation, graph_type *y);
/* Where the largest element of the window of y's element `at` is in x: the first one row by row, NaN before all; -1 if
 * the window has no element. */
int64_t op_pool_largest(const op_array *x, const op_array *y, const op_window *w, int64_t at);

#endif
