/* unfold.c: the windows of a picture as columns (im2col), and columns added up to a picture. */
#include "op/compose/compose.h"

/* A direction of the windows: so many places of a kernel, and so many windows over `padded` elements. */
typedef struct side {
    int kernel, stride, dilation;
    int64_t before, after;
    tn_dim padded, count;
} side;

static bool read_sides(tn_graph *g, const char *builder, const int kernel[2], const tn_conv_opt *opt,
                       const tn_dim size[2], side s[2])
{
    static const tn_conv_opt plain = {0};
    const tn_conv_opt *o = opt ? opt : &plain;
    for (int i = 0; i < 2; i++) {
        int stride = o->strides[i] ? o->strides[i] : o->stride,
            dilation = o->dilations[i] ? o->dilations[i] : o->dilation;
        s[i] = (side){.kernel = kernel[i], .stride = stride ? stride : 1, .dilation = dilation ? dilation : 1};
        s[i].before = o->padding + o->paddings[i];
        s[i].after = o->padding + o->paddings[i + 2];
        s[i].padded = dim_add(g->dims, size[i], s[i].before + s[i].after);
        int64_t reach = (int64_t)s[i].dilation * (s[i].kernel - 1) + 1;
        bool fits = !dim_literal(s[i].padded) || s[i].padded >= reach;
        if (s[i].kernel < 1 || s[i].stride < 1 || s[i].dilation < 1 || s[i].before < 0 || s[i].after < 0 || !fits) {
            graph_fail(g, TN_SHAPE, "%s: windows of %d elements, %d apart, at every %d do not fit into %lld", builder,
                       s[i].kernel, s[i].dilation, s[i].stride, (long long)s[i].padded);
            return false;
        }
        s[i].count = dim_add(g->dims, dim_div(g->dims, dim_sub(g->dims, s[i].padded, reach), s[i].stride), 1);
    }
    return true;
}

/* The slice of the padded picture that place (i, j) of the kernel meets: axes, start, end and step as slice has them. */
typedef struct window {
    int64_t axes[2], step[2];
    tn_dim start[2], end[2];
} window;

static window window_at(dim_table *t, const side s[2], int i, int j)
{
    window w = {.axes = {2, 3}};
    for (int k = 0; k < 2; k++) {
        w.start[k] = (int64_t)(k ? j : i) * s[k].dilation;
        w.step[k] = s[k].stride;
        tn_dim span = dim_mul(t, dim_sub(t, s[k].count, 1), s[k].stride);
        w.end[k] = dim_add(t, dim_add(t, span, w.start[k]), 1);
    }
    return w;
}

tn_tensor *tn_unfold(tn_tensor *x, const int kernel[2], const tn_conv_opt *opt)
{
    side s[2];
    if (op_unusable(x))
        return x;
    if (x->type.rank != 4)
        return OP_REFUSE(x, TN_SHAPE, "unfold of '%s' takes pictures [N, C, H, W]; it has %d axes", tn_tensor_name(x),
                         x->type.rank);
    if (!read_sides(x->graph, "unfold", kernel, opt, &x->type.dims[2], s))
        return &x->graph->poison;
    dim_table *t = x->graph->dims;
    int64_t low[4] = {0, 0, s[0].before, s[1].before}, high[4] = {0, 0, s[0].after, s[1].after};
    int64_t n = (int64_t)s[0].kernel * s[1].kernel;
    if (n > 4096)
        return OP_REFUSE(x, TN_LIMIT, "unfold of '%s': a kernel of %lld places is too large", tn_tensor_name(x),
                         (long long)n);
    tn_tensor *padded = tn_pad(x, low, high, 0), *parts[n];
    for (int k = 0; k < n; k++) {
        window w = window_at(t, s, k / s[1].kernel, k % s[1].kernel);
        parts[k] = tn_slice_axes(padded, 2, w.axes, w.start, w.end, w.step);
    }
    tn_shape flat = {3, {x->type.dims[0], dim_mul(t, x->type.dims[1], n), dim_mul(t, s[0].count, s[1].count)}};
    return tn_reshape(tn_stack((int)n, parts, 2), flat);
}

tn_tensor *tn_fold(tn_tensor *x, tn_dim height, tn_dim width, const int kernel[2], const tn_conv_opt *opt)
{
    side s[2];
    if (op_unusable(x))
        return x;
    int64_t n = (int64_t)kernel[0] * kernel[1];
    if (x->type.rank != 3 || n < 1 || n > 4096)
        return OP_REFUSE(
            x, TN_SHAPE,
            "fold of '%s' takes columns [N, C * places, windows] and up to 4096 places; it has %d axes and %lld places",
            tn_tensor_name(x), x->type.rank, (long long)n);
    tn_graph *g = x->graph;
    dim_table *t = g->dims;
    if (!read_sides(g, "fold", kernel, opt, (tn_dim[]){height, width}, s))
        return &g->poison;
    tn_dim channels = dim_div(t, x->type.dims[1], n);
    tn_shape apart = {5, {x->type.dims[0], channels, n, s[0].count, s[1].count}},
             own = {4, {apart.dims[0], channels, s[0].count, s[1].count}};
    tn_shape padded = {4, {apart.dims[0], channels, s[0].padded, s[1].padded}};
    tn_tensor *places = tn_reshape(x, apart), *sum = NULL;
    for (int k = 0; k < n; k++) {
        window w = window_at(t, s, k / kernel[1], k % kernel[1]);
        op_value slice[4] = {
            {.n = 2, .list = w.axes}, {.n = 2, .list = w.start}, {.n = 2, .list = w.end}, {.n = 2, .list = w.step}};
        tn_tensor *part = op_slice_grad_of(tn_reshape(tn_slice(places, 2, k, k + 1), own), padded, slice);
        sum = sum ? tn_add(sum, part) : part;
    }
    tn_dim end[2] = {dim_add(t, s[0].before, height), dim_add(t, s[1].before, width)};
    return tn_slice_axes(sum, 2, (int64_t[]){2, 3}, (tn_dim[]){s[0].before, s[1].before}, end, NULL);
}
