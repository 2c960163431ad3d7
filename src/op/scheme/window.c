/* window.c: see window.h. */
#include "op/scheme/window.h"

#include <math.h>

/* Number i of a list of 1, 2 or 4, repeated where it is shorter. */
static int64_t pick(const op_value *list, int i, int64_t absent)
{
    return !list || list->n == 0 ? absent : list->list[i % list->n];
}

op_window op_window_of(const op_value *kernel, const op_value *stride, const op_value *padding,
                       const op_value *dilation)
{
    op_window w = {0};
    for (int d = 0; d < 2; d++) {
        w.kernel[d] = pick(kernel, d, 1);
        w.stride[d] = pick(stride, d, 1);
        w.dilation[d] = pick(dilation, d, 1);
    }
    for (int side = 0; side < 4; side++)
        w.pad[side] = pick(padding, side, 0);
    return w;
}

tn_status op_window_list(const op_infer *c, int arg, bool needed, bool four)
{
    int n = c->arg[arg].n;
    if (n == 1 || n == 2 || (n == 4 && four) || (n == 0 && !needed))
        return TN_OK;
    return op_fail(c, TN_INVALID, "%s takes %s, not %d", c->def->arg[arg].name,
                   four ? "1, 2 or 4 numbers" : "1 or 2 numbers", n);
}

tn_status op_window_size(const op_infer *c, const op_window *w, int d, tn_dim size, tn_dim *places)
{
    dim_table *t = c->dims;
    int64_t reach = w->dilation[d] * (w->kernel[d] - 1) + 1, stride = w->stride[d];
    tn_dim padded = dim_add(t, size, w->pad[d] + w->pad[d + 2]);
    if (dim_literal(padded) && padded < reach)
        return op_fail(
            c, TN_SHAPE,
            "a window that reaches over %lld elements does not fit into %lld (size %lld and its border) on axis %d",
            (long long)reach, (long long)padded, (long long)size, d + 2);
    tn_dim free = dim_sub(t, padded, reach);
    *places = dim_add(t, dim_div(t, w->ceil ? dim_add(t, free, stride - 1) : free, stride), 1);
    if (w->ceil) { /* no window starts in the far border: at most ceil((size + near border) / stride) */
        tn_dim most = dim_div(t, dim_add(t, size, w->pad[d] + stride - 1), stride);
        *places = dim_sub(t, dim_add(t, *places, most), dim_max(t, *places, most));
    }
    return TN_OK;
}

/* ---- convolutions ------------------------------------------------------------------------------------------------ */

op_window op_conv_window(const op_value *arg, int64_t kernel_h, int64_t kernel_w)
{
    op_window w = op_window_of(NULL, &arg[OP_CONV_STRIDE], &arg[OP_CONV_PADDING], &arg[OP_CONV_DILATION]);
    w.kernel[0] = kernel_h;
    w.kernel[1] = kernel_w;
    return w;
}

static tn_status check_channels(const op_infer *c, const graph_type *x, const graph_type *w)
{
    int64_t groups = op_int(c, OP_CONV_GROUPS);
    tn_dim needed = dim_mul(c->dims, w->dims[1], groups);
    if (dim_literal(w->dims[0]) && w->dims[0] % groups != 0)
        return op_fail(c, TN_SHAPE, "%lld output channels cannot be divided into %lld groups", (long long)w->dims[0],
                       (long long)groups);
    if (!dim_same(c->dims, x->dims[1], needed, "conv2d"))
        return op_fail(c, TN_SHAPE,
                       "the picture has %lld channels; the weight takes %lld (%lld in each of %lld groups)",
                       (long long)x->dims[1], (long long)needed, (long long)w->dims[1], (long long)groups);
    return TN_OK;
}

tn_status op_conv_infer(const op_infer *c, const graph_type *x, const graph_type *w, graph_type *y)
{
    BASE_TRY(op_window_list(c, OP_CONV_STRIDE, false, false));
    BASE_TRY(op_window_list(c, OP_CONV_PADDING, false, true));
    BASE_TRY(op_window_list(c, OP_CONV_DILATION, false, false));
    if (x->rank != 4)
        return op_fail(c, TN_SHAPE, "the picture has %d axes; it needs 4: batch, channels, height, width", x->rank);
    if (w->rank != 4)
        return op_fail(c, TN_SHAPE,
                       "the weight has %d axes; it needs 4: output channels, input channels / groups, height, width",
                       w->rank);
    if (w->dims[2] < 1 || w->dims[3] < 1)
        return op_fail(c, TN_SHAPE, "the weight's height and width must be numbers above 0");
    BASE_TRY(check_channels(c, x, w));
    op_window window = op_conv_window(c->arg, w->dims[2], w->dims[3]);
    y->rank = 4;
    y->dims[0] = x->dims[0];
    y->dims[1] = w->dims[0];
    BASE_TRY(op_window_size(c, &window, 0, x->dims[2], &y->dims[2]));
    return op_window_size(c, &window, 1, x->dims[3], &y->dims[3]);
}

/* The paddings made of x's own elements; they are 0 then. */
static tn_tensor *bordered(tn_tensor *x, int n, tn_conv_border border, op_conv_numbers *c)
{
    static const tn_border how[] = {TN_BORDER_REFLECT, TN_BORDER_REFLECT, TN_BORDER_REPLICATE, TN_BORDER_CIRCULAR};
    int64_t low[TN_MAX_RANK] = {0}, high[TN_MAX_RANK] = {0};
    if (border == TN_CONV_ZEROS || op_unusable(x) || x->type.rank != n + 2)
        return x;
    for (int d = 0; d < n; d++) {
        low[d + 2] = c->padding[d];
        high[d + 2] = c->padding[d + n];
        c->padding[d] = c->padding[d + n] = 0;
    }
    return tn_pad_border(x, low, high, how[border]);
}

/* Numbers of the options: the one of a direction, else the common one. */
tn_tensor *op_conv_options(tn_tensor *x, const char *builder, int n, const tn_dim *kernel, bool transposed,
                           const tn_conv_opt *opt, op_conv_numbers *c)
{
    static const tn_conv_opt none = {0};
    const tn_conv_opt *o = opt ? opt : &none;
    *c = (op_conv_numbers){.groups = o->groups ? o->groups : 1};
    for (int d = 0; d < n; d++) {
        c->stride[d] = o->strides[d] ? o->strides[d] : o->stride ? o->stride : 1;
        c->dilation[d] = o->dilations[d] ? o->dilations[d] : o->dilation ? o->dilation : 1;
        c->extra[d] = (int64_t)o->output_padding + o->output_paddings[d];
        int64_t all = c->dilation[d] * (kernel[d] - 1);
        c->padding[d] = o->same ? all / 2 : (int64_t)o->padding + o->paddings[d];
        c->padding[d + n] = o->same ? all - all / 2 : (int64_t)o->padding + o->paddings[d + n];
        if (o->same && c->stride[d] != 1 && !op_unusable(x))
            return graph_fail(x->graph, TN_INVALID,
                              "%s of '%s': a border that keeps the size goes with stride 1, not %lld", builder,
                              tn_tensor_name(x), (long long)c->stride[d]);
    }
    if ((unsigned)o->border > (transposed ? TN_CONV_ZEROS : TN_CONV_CIRCULAR) && !op_unusable(x))
        return graph_fail(x->graph, TN_INVALID, "%s of '%s': there is no border %d%s", builder, tn_tensor_name(x),
                          (int)o->border, transposed ? " where a border is cut off" : "");
    return bordered(x, n, o->border, c);
}

/* The window of one element of y, which belongs to one picture and one output channel. */
static void each_in_window(const op_ref *c, const op_array *x, const op_array *w, const op_window *window,
                           const int64_t *at, int64_t y, op_conv_fn f)
{
    int64_t per_group = w->dims[1], group = at[1] / (w->dims[0] / c->arg[OP_CONV_GROUPS].i);
    for (int64_t i = 0; i < per_group; i++)
        for (int64_t r = 0; r < window->kernel[0]; r++)
            for (int64_t s = 0; s < window->kernel[1]; s++) {
                int64_t row = at[2] * window->stride[0] + r * window->dilation[0] - window->pad[0];
                int64_t column = at[3] * window->stride[1] + s * window->dilation[1] - window->pad[1];
                if (row < 0 || row >= x->dims[2] || column < 0 || column >= x->dims[3])
                    continue;
                int64_t px = ((at[0] * x->dims[1] + group * per_group + i) * x->dims[2] + row) * x->dims[3] + column;
                int64_t pw = ((at[1] * per_group + i) * window->kernel[0] + r) * window->kernel[1] + s;
                f(c, px, pw, y);
            }
}

void op_conv_each(const op_ref *c, const op_array *x, const op_array *w, const op_array *y, op_conv_fn f)
{
    op_window window = op_conv_window(c->arg, w->dims[2], w->dims[3]);
    int64_t at[TN_MAX_RANK] = {0};
    for (int64_t i = 0; i < y->count; i++) {
        op_ref_coordinates(y, i, at);
        each_in_window(c, x, w, &window, at, i, f);
    }
}

double op_conv_flops(const graph_type *w, const graph_type *y)
{
    return 2 * op_elements(y) * (double)(w->dims[1] * w->dims[2] * w->dims[3]);
}

/* ---- pooling ----------------------------------------------------------------------------------------------------- */

op_window op_pool_window(const op_value *arg, const op_value *dilation)
{
    const op_value *stride = arg[OP_POOL_STRIDE].n ? &arg[OP_POOL_STRIDE] : &arg[OP_POOL_KERNEL];
    op_window w = op_window_of(&arg[OP_POOL_KERNEL], stride, &arg[OP_POOL_PADDING], dilation);
    w.ceil = arg[OP_POOL_CEIL].i;
    return w;
}

tn_status op_pool_infer(const op_infer *c, const graph_type *x, int dilation, graph_type *y)
{
    BASE_TRY(op_window_list(c, OP_POOL_KERNEL, true, false));
    BASE_TRY(op_window_list(c, OP_POOL_STRIDE, false, false));
    BASE_TRY(op_window_list(c, OP_POOL_PADDING, false, true));
    if (dilation >= 0)
        BASE_TRY(op_window_list(c, dilation, false, false));
    if (x->rank != 4)
        return op_fail(c, TN_SHAPE, "the picture has %d axes; it needs 4: batch, channels, height, width", x->rank);
    op_window w = op_pool_window(c->arg, dilation < 0 ? NULL : &c->arg[dilation]);
    for (int side = 0; side < 4; side++) {
        int64_t reach = w.dilation[side % 2] * (w.kernel[side % 2] - 1) + 1;
        if (w.pad[side] > reach / 2)
            return op_fail(c, TN_INVALID, "a border of %lld is more than half of the window's reach, %lld",
                           (long long)w.pad[side], (long long)reach);
    }
    y->rank = 4;
    y->dims[0] = x->dims[0];
    y->dims[1] = x->dims[1];
    BASE_TRY(op_window_size(c, &w, 0, x->dims[2], &y->dims[2]));
    return op_window_size(c, &w, 1, x->dims[3], &y->dims[3]);
}

int64_t op_pool_largest(const op_array *x, const op_array *y, const op_window *w, int64_t at)
{
    int64_t p[TN_MAX_RANK] = {0}, best = -1;
    op_ref_coordinates(y, at, p);
    int64_t plane = (p[0] * x->dims[1] + p[1]) * x->dims[2] * x->dims[3];
    for (int64_t r = 0; r < w->kernel[0]; r++)
        for (int64_t s = 0; s < w->kernel[1]; s++) {
            int64_t row = p[2] * w->stride[0] + r * w->dilation[0] - w->pad[0];
            int64_t column = p[3] * w->stride[1] + s * w->dilation[1] - w->pad[1];
            if (row < 0 || row >= x->dims[2] || column < 0 || column >= x->dims[3])
                continue;
            int64_t here = plane + row * x->dims[3] + column;
            if (best < 0 || x->f[here] > x->f[best] || isnan(x->f[here])) /* of NaNs the last, as in PyTorch */
                best = here;
        }
    return best;
}

double op_pool_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)in;
    op_window w = op_pool_window(arg, NULL);
    return op_elements(&out[0]) * (double)(w.kernel[0] * w.kernel[1]);
}
