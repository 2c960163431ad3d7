/* blocks.c: see blocks.h. */
#include "model/core/blocks.h"

#include <math.h>
#include <stdio.h>

tn_tensor *zoo_conv_norm(tn_tensor *x, const char *conv, const char *norm, int64_t channels, int kernel, int stride,
                         int groups)
{
    const tn_init init = {TN_INIT_NORMAL, 0, sqrt(2.0 / (double)(channels * kernel * kernel))};
    tn_conv_opt opt = {
        .stride = stride, .padding = kernel / 2, .groups = groups, .no_bias = true, .weight_init = &init};
    return tn_layer_batch_norm(tn_layer_conv2d(x, conv, channels, kernel, &opt), norm, NULL);
}

tn_tensor *zoo_global_mean(tn_tensor *x)
{
    return tn_mean_axes(x, 2, (const int64_t[]){2, 3}, false);
}

static tn_tensor *block(tn_tensor *x, int64_t width, int stride, bool bottleneck)
{
    const int64_t channels = bottleneck ? 4 * width : width;
    tn_tensor *skip = x, *y;
    if (stride != 1 || tn_dim_of(x, 1) != channels)
        skip = zoo_conv_norm(x, "downsample.0", "downsample.1", channels, 1, stride, 1);
    if (bottleneck) {
        y = tn_relu(zoo_conv_norm(x, "conv1", "bn1", width, 1, 1, 1));
        y = tn_relu(zoo_conv_norm(y, "conv2", "bn2", width, 3, stride, 1));
        y = zoo_conv_norm(y, "conv3", "bn3", channels, 1, 1, 1);
    } else {
        y = tn_relu(zoo_conv_norm(x, "conv1", "bn1", width, 3, stride, 1));
        y = zoo_conv_norm(y, "conv2", "bn2", channels, 3, 1, 1);
    }
    return tn_relu(tn_add(y, skip));
}

tn_tensor *zoo_resnet(tn_tensor *x, int64_t classes, const int blocks[4], bool bottleneck)
{
    enum { WIDTH = 64, SMALL = 64 };
    const tn_dim h = tn_dim_of(x, 2), w = tn_dim_of(x, 3);
    const bool small = h >= 0 && h <= SMALL && w >= 0 && w <= SMALL;
    tn_graph *g = tn_tensor_graph(x);
    x = tn_relu(zoo_conv_norm(x, "conv1", "bn1", WIDTH, small ? 3 : 7, small ? 1 : 2, 1));
    if (!small)
        x = tn_max_pool2d(x, 3, TN_OPT(tn_pool_opt, .stride = 2, .padding = 1));
    for (int level = 0; level < 4; level++)
        for (int i = 0; i < blocks[level]; i++) {
            char name[32];
            (void)snprintf(name, sizeof name, "layer%d.%d", level + 1, i);
            tn_scope_push(g, name);
            x = block(x, (int64_t)WIDTH << level, level && !i ? 2 : 1, bottleneck);
            tn_scope_pop(g);
        }
    return tn_layer_linear(zoo_global_mean(x), "fc", classes, NULL);
}

tn_tensor *zoo_bert(tn_tensor *x, int64_t classes, const tn_bert_opt *opt)
{
    const tn_init normal = {TN_INIT_NORMAL, 0, 0.02}, zeros = {TN_INIT_ZEROS, 0, 0};
    tn_bert_opt o = *opt;
    tn_tensor *tokens = tn_tensor_dtype(x) == TN_I64 ? x : tn_cast(x, TN_I64);
    o.key_mask = tn_ne(tokens, tn_scalar(tn_tensor_graph(x), TN_I64, 0));
    o.pooled = true;
    x = tn_dropout(tn_bert(tokens, "bert", &o), 0.1);
    return tn_layer_linear(x, "classifier", classes,
                           TN_OPT(tn_linear_opt, .weight_init = &normal, .bias_init = &zeros));
}
