/* dcgan: the generator of Radford, Metz, Chintala 2015, "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
 * Networks", in the form of PyTorch's example, whose names it has: noise [N, n] to pictures [N, colours, 64, 64] in -1..1. */
#include <stdio.h>

#include "model/core/zoo.h"

static tn_tensor *build(tn_tensor *x, int64_t classes)
{
    const tn_init normal = {TN_INIT_NORMAL, 0, 0.02};
    const tn_conv_opt whole = {.no_bias = true, .weight_init = &normal},
                      half = {.stride = 2, .padding = 1, .no_bias = true, .weight_init = &normal};
    const int64_t channels[] = {512, 256, 128, 64, classes};
    enum { LAYERS = sizeof channels / sizeof *channels };
    if (tn_tensor_rank(x) == 2)
        x = tn_unsqueeze(tn_unsqueeze(x, 2), 3);
    for (int i = 0; i < LAYERS; i++) {
        char layer[32], norm[32];
        (void)snprintf(layer, sizeof layer, "main.%d", 3 * i);
        (void)snprintf(norm, sizeof norm, "main.%d", 3 * i + 1);
        x = tn_layer_conv_transpose2d(x, layer, channels[i], 4, i ? &half : &whole);
        x = i + 1 < LAYERS ? tn_relu(tn_layer_batch_norm(x, norm, NULL)) : tn_tanh(x);
    }
    return x;
}

const zoo_model model_dcgan = {"dcgan",
                               "DCGAN's generator: numbers to pictures of 64x64; classes are its colours (3.6 M "
                               "parameters)",
                               build};
