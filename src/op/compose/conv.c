/* conv.c: convolutions of lines x[N, C, L] and bodies x[N, C, D, H, W], by those of pictures.
 *
 * A line is a picture of one row. A body is a batch of pictures, one for each depth; what a window sees of other depths are further
 * channels, so that the whole sum is one conv2d. They are put side by side channels last, as conv2d takes them, and in an order
 * (group, depth of the window, channel) that makes rows of channels move as blocks. */
#include "op/compose/compose.h"
#include "op/scheme/window.h"

static bool takes(tn_tensor *x, tn_tensor *w, int rank, const char *builder, const char *what)
{
    if (op_unusable(x) || op_unusable(w))
        return false;
    if (x->type.rank == rank && w->type.rank == rank)
        return true;
    graph_fail(x->graph, TN_SHAPE, "%s of '%s' takes %s and a weight of as many axes; they have %d and %d", builder,
               tn_tensor_name(x), what, x->type.rank, w->type.rank);
    return false;
}

/* ---- lines ------------------------------------------------------------------------------------------------------- */

typedef tn_tensor *conv_fn(tn_tensor *x, tn_tensor *w, tn_tensor *bias, const tn_conv_opt *opt);

static tn_tensor *by_rows(tn_tensor *x, tn_tensor *w, tn_tensor *bias, const tn_conv_opt *opt, const char *builder,
                          conv_fn *pictures)
{
    op_conv_numbers o;
    if (!takes(x, w, 3, builder, "lines [N, C, L]"))
        return op_failure_of(x, w);
    x = op_conv_options(x, builder, 1, &w->type.dims[2], pictures == tn_conv_transpose2d, opt, &o);
    tn_conv_opt across = {.groups = (int)o.groups,
                          .strides = {1, (int)o.stride[0]},
                          .dilations = {1, (int)o.dilation[0]},
                          .paddings = {0, (int)o.padding[0], 0, (int)o.padding[1]},
                          .output_paddings = {0, (int)o.extra[0]}};
    return tn_squeeze(pictures(tn_unsqueeze(x, 2), tn_unsqueeze(w, 2), bias, &across), 2);
}

tn_tensor *tn_conv1d(tn_tensor *x, tn_tensor *w, tn_tensor *bias, const tn_conv_opt *opt)
{
    return by_rows(x, w, bias, opt, "conv1d", tn_conv2d);
}

tn_tensor *tn_conv_transpose1d(tn_tensor *x, tn_tensor *w, tn_tensor *bias, const tn_conv_opt *opt)
{
    return by_rows(x, w, bias, opt, "conv_transpose1d", tn_conv_transpose2d);
}

/* ---- bodies ------------------------------------------------------------------------------------------------------ */

enum { MOST_DEPTH = 1024 };

/* The numbers of the two directions within a picture. */
static tn_conv_opt in_picture(const op_conv_numbers *o)
{
    tn_conv_opt p = {.groups = (int)o->groups};
    for (int d = 0; d < 2; d++) {
        p.strides[d] = (int)o->stride[d + 1];
        p.dilations[d] = (int)o->dilation[d + 1];
        p.paddings[d] = (int)o->padding[d + 1];
        p.paddings[d + 2] = (int)o->padding[d + 4];
        p.output_paddings[d] = (int)o->extra[d + 1];
    }
    return p;
}

static bool check_body(tn_tensor *x, tn_tensor *w, const op_conv_numbers *o, int64_t channels, const char *builder)
{
    int64_t k = w->type.dims[2];
    const char *wrong = k < 1 || k > MOST_DEPTH ? "the depth of the weight must be a number from 1 to 1024"
                        : o->groups < 1 || !dim_literal(channels) || channels % o->groups
                            ? "the channels cannot be divided into the groups"
                        : o->stride[0] < 1 || o->dilation[0] < 1 ? "stride and dilation must be 1 or more"
                        : o->padding[0] < 0 || o->padding[3] < 0 ? "the border must not be below 0"
                                                                 : NULL;
    if (wrong)
        graph_fail(x->graph, TN_SHAPE, "%s of '%s': %s", builder, tn_tensor_name(x), wrong);
    return !wrong;
}

/* The depths that place k of the window meets, the others of its places beside them as further channels. */
static tn_tensor *gather_depths(tn_tensor *last, const op_conv_numbers *o, int64_t places, tn_dim depth)
{
    dim_table *t = last->graph->dims;
    tn_shape s = tn_tensor_shape(last);
    tn_shape grouped = TN_SHAPE(s.dims[0], s.dims[1], s.dims[2], s.dims[3], o->groups, s.dims[4] / o->groups);
    tn_tensor *x = tn_reshape(last, grouped), *parts[MOST_DEPTH];
    tn_dim span = dim_add(t, dim_mul(t, dim_sub(t, depth, 1), o->stride[0]), 1);
    for (int64_t k = 0; k < places; k++) {
        int64_t from = k * o->dilation[0];
        parts[k] = tn_slice_axes(x, 1, (const int64_t[]){1}, (const tn_dim[]){from},
                                 (const tn_dim[]){dim_add(t, span, from)}, &o->stride[0]);
    }
    return tn_reshape(tn_stack((int)places, parts, 5),
                      TN_SHAPE(s.dims[0], depth, s.dims[2], s.dims[3], s.dims[4] * places));
}

tn_tensor *tn_conv3d(tn_tensor *x, tn_tensor *w, tn_tensor *bias, const tn_conv_opt *opt)
{
    op_conv_numbers o;
    if (!takes(x, w, 5, "conv3d", "bodies [N, C, D, H, W]"))
        return op_failure_of(x, w);
    x = op_conv_options(x, "conv3d", 3, &w->type.dims[2], false, opt, &o);
    if (op_unusable(x) || !check_body(x, w, &o, x->type.dims[1], "conv3d"))
        return op_failure_of(x, w);
    dim_table *t = x->graph->dims;
    tn_shape ws = tn_tensor_shape(w);
    int64_t k = ws.dims[2], reach = o.dilation[0] * (k - 1) + 1;
    tn_dim padded = dim_add(t, x->type.dims[2], o.padding[0] + o.padding[3]);
    if (dim_literal(padded) && padded < reach)
        return OP_REFUSE(x, TN_SHAPE, "conv3d of '%s': a window %lld deep does not fit into %lld (its border counted)",
                         tn_tensor_name(x), (long long)reach, (long long)padded);
    tn_dim depth = dim_add(t, dim_div(t, dim_sub(t, padded, reach), o.stride[0]), 1);
    tn_tensor *last = tn_pad(op_channels_last(x), (const int64_t[]){0, o.padding[0], 0, 0, 0},
                             (const int64_t[]){0, o.padding[3], 0, 0, 0}, 0);
    tn_tensor *pictures = op_as_pictures(gather_depths(last, &o, k, depth));
    tn_tensor *flat = tn_reshape(tn_permute(w, 5, (const int64_t[]){0, 2, 1, 3, 4}),
                                 TN_SHAPE(ws.dims[0], dim_mul(t, ws.dims[1], k), ws.dims[3], ws.dims[4]));
    tn_conv_opt p = in_picture(&o);
    tn_tensor *y = op_as_bodies(tn_conv2d(pictures, flat, bias, &p), x->type.dims[0], depth);
    return op_channels_second(y);
}

/* y[N, D, H, W, groups * places * C] where the depths of place k go to k * dilation + d * stride, of `all` depths. */
static tn_tensor *spread_depths(tn_tensor *y, const op_conv_numbers *o, int64_t places, tn_dim channels, tn_dim all)
{
    dim_table *t = y->graph->dims;
    tn_shape s = tn_tensor_shape(y);
    tn_shape apart = TN_SHAPE(s.dims[0], s.dims[1], s.dims[2], s.dims[3], o->groups, places, channels);
    tn_shape own = TN_SHAPE(s.dims[0], s.dims[1], s.dims[2], s.dims[3], dim_mul(t, channels, o->groups)), whole = own;
    tn_dim span = dim_add(t, dim_mul(t, dim_sub(t, s.dims[1], 1), o->stride[0]), 1);
    tn_tensor *split = tn_reshape(y, apart), *sum = NULL;
    whole.dims[1] = all;
    for (int64_t k = 0; k < places; k++) {
        tn_dim start = k * o->dilation[0], end = dim_add(t, span, start);
        op_value slice[4] = {{.n = 1, .list = (const int64_t[]){1}},
                             {.n = 1, .list = &start},
                             {.n = 1, .list = &end},
                             {.n = 1, .list = &o->stride[0]}};
        tn_tensor *part = op_slice_grad_of(tn_reshape(tn_slice(split, 5, k, k + 1), own), whole, slice);
        sum = sum ? tn_add(sum, part) : part;
    }
    return sum;
}

tn_tensor *tn_conv_transpose3d(tn_tensor *x, tn_tensor *w, tn_tensor *bias, const tn_conv_opt *opt)
{
    op_conv_numbers o;
    if (!takes(x, w, 5, "conv_transpose3d", "bodies [N, C, D, H, W]"))
        return op_failure_of(x, w);
    x = op_conv_options(x, "conv_transpose3d", 3, &w->type.dims[2], true, opt, &o);
    if (op_unusable(x) || !check_body(x, w, &o, w->type.dims[0], "conv_transpose3d"))
        return op_failure_of(x, w);
    dim_table *t = x->graph->dims;
    tn_shape ws = tn_tensor_shape(w);
    int64_t k = ws.dims[2], reach = o.dilation[0] * (k - 1) + 1, cut = o.padding[0] + o.padding[3];
    tn_dim depth = x->type.dims[2];
    if (o.extra[0] < 0 || (o.extra[0] >= o.stride[0] && o.extra[0] >= o.dilation[0]))
        return OP_REFUSE(
            x, TN_INVALID,
            "conv_transpose3d of '%s': output_padding is %lld; it must be below the stride or the dilation",
            tn_tensor_name(x), (long long)o.extra[0]);
    if (dim_literal(depth) && (depth < 1 || (depth - 1) * o.stride[0] + reach + o.extra[0] <= cut))
        return OP_REFUSE(x, TN_SHAPE, "conv_transpose3d of '%s': nothing is left of a depth of %lld", tn_tensor_name(x),
                         (long long)depth);
    tn_tensor *flat = tn_reshape(tn_permute(w, 5, (const int64_t[]){0, 2, 1, 3, 4}),
                                 TN_SHAPE(ws.dims[0], dim_mul(t, ws.dims[1], k), ws.dims[3], ws.dims[4]));
    tn_conv_opt p = in_picture(&o);
    tn_tensor *y = tn_conv_transpose2d(op_as_pictures(op_channels_last(x)), flat, NULL, &p);
    tn_dim all = dim_add(t, dim_mul(t, dim_sub(t, depth, 1), o.stride[0]), reach + o.extra[0]);
    if (op_unusable(y))
        return y;
    y = spread_depths(op_as_bodies(y, x->type.dims[0], depth), &o, k, ws.dims[1], all);
    if (cut)
        y = tn_slice(y, 1, o.padding[0], dim_sub(t, all, o.padding[3]));
    y = bias ? tn_add(y, bias) : y;
    return op_channels_second(y);
}
