/* unet: Ronneberger, Fischer, Brox 2015, "U-Net: Convolutional Networks for Biomedical Image Segmentation", in the form of PyTorch Hub's
 * brain segmentation, whose names it has: 32 to 512 channels, batch norm, pictures with sides that are multiples of 16. A value for each
 * class and pixel. */
#include <stdio.h>

#include "model/core/blocks.h"

enum { LEVELS = 4, FIRST = 32, NAME = 48 };

/* Two convolutions, each with batch norm and relu: SCOPE.PARTconv1, SCOPE.PARTnorm1, ... */
static tn_tensor *pair(tn_tensor *x, const char *scope, const char *part, int64_t channels)
{
    char conv[NAME], norm[NAME];
    for (int i = 1; i <= 2; i++) {
        (void)snprintf(conv, sizeof conv, "%s.%sconv%d", scope, part, i);
        (void)snprintf(norm, sizeof norm, "%s.%snorm%d", scope, part, i);
        x = tn_relu(zoo_conv_norm(x, conv, norm, channels, 3, 1, 1));
    }
    return x;
}

static tn_tensor *build(tn_tensor *x, int64_t classes)
{
    tn_tensor *kept[LEVELS];
    const tn_conv_opt twice = {.stride = 2};
    char scope[NAME], part[NAME];
    for (int i = 0; i < LEVELS; i++) {
        (void)snprintf(scope, sizeof scope, "encoder%d", i + 1);
        (void)snprintf(part, sizeof part, "enc%d", i + 1);
        kept[i] = pair(x, scope, part, (int64_t)FIRST << i);
        x = tn_max_pool2d(kept[i], 2, NULL);
    }
    x = pair(x, "bottleneck", "bottleneck", (int64_t)FIRST << LEVELS);
    for (int i = LEVELS - 1; i >= 0; i--) {
        (void)snprintf(scope, sizeof scope, "upconv%d", i + 1);
        tn_tensor *both[] = {tn_layer_conv_transpose2d(x, scope, (int64_t)FIRST << i, 2, &twice), kept[i]};
        (void)snprintf(scope, sizeof scope, "decoder%d", i + 1);
        (void)snprintf(part, sizeof part, "dec%d", i + 1);
        x = pair(tn_concat(2, both, 1), scope, part, (int64_t)FIRST << i);
    }
    return tn_layer_conv2d(x, "conv", classes, 1, NULL);
}

const zoo_model model_unet = {
    "unet", "U-Net of 32 to 512 channels (7.8 M parameters): a value for each class and pixel", build};
