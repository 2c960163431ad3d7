/* resnet50: ResNet of bottlenecks, 3, 4, 6 and 3 of them (core/blocks.h). Parameters are named as in torchvision. */
#include "model/core/blocks.h"

static tn_tensor *build(tn_tensor *x, int64_t classes)
{
    return zoo_resnet(x, classes, (const int[]){3, 4, 6, 3}, true);
}

const zoo_model model_resnet50 = {"resnet50", "ResNet-50 (25.6 M parameters with 1000 classes)", build};
