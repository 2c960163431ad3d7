/* mobilenet_v2: Sandler et al. 2018, "MobileNetV2: Inverted Residuals and Linear Bottlenecks", table 2. Parameters are named
 * as in torchvision. */
#include <stdio.h>

#include "model/core/blocks.h"

/* A block: widened `widen` times by 1x1, a depthwise 3x3, narrowed by 1x1 without activation. */
static tn_tensor *inverted_residual(tn_tensor *x, int64_t widen, int64_t channels, int stride)
{
    const int64_t in = tn_dim_of(x, 1), wide = in * widen;
    tn_tensor *y = x;
    int part = 0; /* torchvision counts the parts that are there */
    char conv[16], norm[16];
    if (widen != 1) {
        y = tn_relu6(zoo_conv_norm(y, "conv.0.0", "conv.0.1", wide, 1, 1, 1));
        part = 1;
    }
    (void)snprintf(conv, sizeof conv, "conv.%d.0", part);
    (void)snprintf(norm, sizeof norm, "conv.%d.1", part);
    y = tn_relu6(zoo_conv_norm(y, conv, norm, wide, 3, stride, (int)wide));
    (void)snprintf(conv, sizeof conv, "conv.%d", part + 1);
    (void)snprintf(norm, sizeof norm, "conv.%d", part + 2);
    y = zoo_conv_norm(y, conv, norm, channels, 1, 1, 1);
    return stride == 1 && in == channels ? tn_add(x, y) : y;
}

static tn_tensor *build(tn_tensor *x, int64_t classes)
{
    static const struct {
        int widen, channels, blocks, stride;
    } level[] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                 {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
    const tn_init init = {TN_INIT_NORMAL, 0, 0.01}, zero = {TN_INIT_ZEROS, 0, 0};
    tn_graph *g = tn_tensor_graph(x);
    int number = 1;
    if (tn_graph_status(g) != TN_OK)
        return x;
    x = tn_relu6(zoo_conv_norm(x, "features.0.0", "features.0.1", 32, 3, 2, 1));
    for (size_t l = 0; l < sizeof level / sizeof *level; l++)
        for (int i = 0; i < level[l].blocks; i++) {
            char name[32];
            (void)snprintf(name, sizeof name, "features.%d", number++);
            tn_scope_push(g, name);
            x = inverted_residual(x, level[l].widen, level[l].channels, i ? 1 : level[l].stride);
            tn_scope_pop(g);
        }
    x = tn_relu6(zoo_conv_norm(x, "features.18.0", "features.18.1", 1280, 1, 1, 1));
    x = tn_dropout(zoo_global_mean(x), 0.2);
    return tn_layer_linear(x, "classifier.1", classes, TN_OPT(tn_linear_opt, .weight_init = &init, .bias_init = &zero));
}

const zoo_model model_mobilenet_v2 = {"mobilenet_v2", "MobileNetV2 (3.5 M parameters with 1000 classes)", build};
