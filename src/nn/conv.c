/* conv.c: convolutions and transposed ones as layers, in one, two and three directions. */
#include "graph/graph.h"
#include "nn/parts.h"

typedef tn_tensor *conv_fn(tn_tensor *x, tn_tensor *w, tn_tensor *bias, const tn_conv_opt *opt);

/* PyTorch counts the fan of a transposed convolution along axis 1 of its weight too, which are its outputs. */
static tn_tensor *layer(tn_tensor *x, const char *name, int64_t channels, int n, const int64_t *kernel, bool transposed,
                        const tn_conv_opt *opt)
{
    static conv_fn *const run[2][3] = {{tn_conv1d, tn_conv2d, tn_conv3d},
                                       {tn_conv_transpose1d, tn_conv_transpose2d, tn_conv_transpose3d}};
    tn_graph *g = tn_tensor_graph(x);
    if (tn_graph_status(g) != TN_OK)
        return x;
    tn_scope_push(g, name);
    int64_t groups = opt && opt->groups > 0 ? opt->groups : 1, in = nn_features(x, 1, name);
    tn_shape shape = {n + 2, {transposed ? in : channels, (transposed ? channels : in) / groups}};
    int64_t fan = shape.dims[1];
    if (transposed && channels % groups)
        graph_fail(g, TN_SHAPE, "layer '%s': %lld output channels cannot be divided into %lld groups", name,
                   (long long)channels, (long long)groups);
    for (int d = 0; d < n; d++)
        fan *= shape.dims[2 + d] = kernel[d];
    tn_tensor *w =
        nn_weight_by(x, shape, opt ? opt->weight_init : NULL, opt ? opt->weight_by : TN_WEIGHT_PLAIN, transposed);
    tn_tensor *b = nn_bias(x, channels, (double)fan, opt && opt->no_bias, NULL);
    tn_tensor *y = run[transposed][n - 1](x, w, b, opt);
    tn_scope_pop(g);
    return y;
}

#define SAME(kernel) ((const int64_t[]){kernel, kernel, kernel})

tn_tensor *tn_layer_conv2d_rect(tn_tensor *x, const char *name, int64_t channels, int64_t kernel_h, int64_t kernel_w,
                                const tn_conv_opt *opt)
{
    return layer(x, name, channels, 2, (const int64_t[]){kernel_h, kernel_w}, false, opt);
}

tn_tensor *tn_layer_conv1d(tn_tensor *x, const char *name, int64_t channels, int64_t kernel, const tn_conv_opt *opt)
{
    return layer(x, name, channels, 1, SAME(kernel), false, opt);
}

tn_tensor *tn_layer_conv2d(tn_tensor *x, const char *name, int64_t channels, int64_t kernel, const tn_conv_opt *opt)
{
    return layer(x, name, channels, 2, SAME(kernel), false, opt);
}

tn_tensor *tn_layer_conv3d(tn_tensor *x, const char *name, int64_t channels, int64_t kernel, const tn_conv_opt *opt)
{
    return layer(x, name, channels, 3, SAME(kernel), false, opt);
}

tn_tensor *tn_layer_conv_transpose1d(tn_tensor *x, const char *name, int64_t channels, int64_t kernel,
                                     const tn_conv_opt *opt)
{
    return layer(x, name, channels, 1, SAME(kernel), true, opt);
}

tn_tensor *tn_layer_conv_transpose2d(tn_tensor *x, const char *name, int64_t channels, int64_t kernel,
                                     const tn_conv_opt *opt)
{
    return layer(x, name, channels, 2, SAME(kernel), true, opt);
}

tn_tensor *tn_layer_conv_transpose3d(tn_tensor *x, const char *name, int64_t channels, int64_t kernel,
                                     const tn_conv_opt *opt)
{
    return layer(x, name, channels, 3, SAME(kernel), true, opt);
}

tn_tensor *tn_layer_conv_rect(tn_tensor *x, const char *name, int64_t channels, int directions, const int64_t *kernel,
                              bool transposed, const tn_conv_opt *opt)
{
    tn_graph *g = tn_tensor_graph(x);
    if (directions < 1 || directions > 3) {
        graph_fail(g, TN_SHAPE, "layer '%s': a convolution has 1, 2 or 3 directions, not %d", name, directions);
        return x;
    }
    return layer(x, name, channels, directions, kernel, transposed, opt);
}
