/* squeezenet: SqueezeNet 1.1 (Iandola et al. 2016, "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size"; 1.1
 * is its authors' later form). Parameters are named as in torchvision. */
#include <stdio.h>

#include "model/core/zoo.h"

/* Narrowed by 1x1, then widened by 1x1 and by 3x3, side by side. */
static tn_tensor *fire(tn_tensor *x, int number, int64_t narrow, int64_t wide)
{
    tn_graph *g = tn_tensor_graph(x);
    char name[32];
    (void)snprintf(name, sizeof name, "features.%d", number);
    tn_scope_push(g, name);
    x = tn_relu(tn_layer_conv2d(x, "squeeze", narrow, 1, NULL));
    tn_tensor *both[] = {tn_relu(tn_layer_conv2d(x, "expand1x1", wide, 1, NULL)),
                         tn_relu(tn_layer_conv2d(x, "expand3x3", wide, 3, TN_OPT(tn_conv_opt, .padding = 1)))};
    tn_scope_pop(g);
    return tn_concat(2, both, 1);
}

static tn_tensor *build(tn_tensor *x, int64_t classes)
{
    static const struct {
        int number, narrow, wide; /* wide 0: a pooling */
    } part[] = {{2, 0, 0}, {3, 16, 64},  {4, 16, 64},   {5, 0, 0},     {6, 32, 128}, {7, 32, 128},
                {8, 0, 0}, {9, 48, 192}, {10, 48, 192}, {11, 64, 256}, {12, 64, 256}};
    const tn_init small = {TN_INIT_NORMAL, 0, 0.01};
    x = tn_relu(tn_layer_conv2d(x, "features.0", 64, 3, TN_OPT(tn_conv_opt, .stride = 2)));
    for (size_t i = 0; i < sizeof part / sizeof *part; i++)
        if (part[i].wide)
            x = fire(x, part[i].number, part[i].narrow, part[i].wide);
        else
            x = tn_max_pool2d(x, 3, TN_OPT(tn_pool_opt, .stride = 2, .ceil_mode = true));
    x = tn_layer_conv2d(tn_dropout(x, 0.5), "classifier.1", classes, 1, TN_OPT(tn_conv_opt, .weight_init = &small));
    return tn_mean_axes(tn_relu(x), 2, (const int64_t[]){2, 3}, false);
}

const zoo_model model_squeezenet = {"squeezenet", "SqueezeNet 1.1 (1.2 M parameters with 1000 classes)", build};
