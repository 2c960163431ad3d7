/* resnet18: the smallest ResNet, two basic blocks on each level (core/blocks.h). Parameters are named as in torchvision. */
#include "model/core/blocks.h"

static tn_tensor *build(tn_tensor *x, int64_t classes)
{
    return zoo_resnet(x, classes, (const int[]){2, 2, 2, 2}, false);
}

const zoo_model model_resnet18 = {
    "resnet18", "ResNet-18 (11.7 M parameters with 1000 classes; up to 64x64 pixels: the form for CIFAR)", build};
