/* cifar_cnn: the network of Keras's introduction to convolutions: three of them without padding, two poolings. */
#include "model/core/zoo.h"

static tn_tensor *build(tn_tensor *x, int64_t classes)
{
    x = tn_max_pool2d(tn_relu(tn_layer_conv2d(x, "conv1", 32, 3, NULL)), 2, NULL);
    x = tn_max_pool2d(tn_relu(tn_layer_conv2d(x, "conv2", 64, 3, NULL)), 2, NULL);
    x = tn_relu(tn_layer_conv2d(x, "conv3", 64, 3, NULL));
    x = tn_relu(tn_layer_linear(tn_flatten(x, 1), "fc1", 64, NULL));
    return tn_layer_linear(x, "fc2", classes, NULL);
}

const zoo_model model_cifar_cnn = {
    "cifar_cnn", "conv 32, pool, conv 64, pool, conv 64, linear 64, linear (0.12 M parameters at 3x32x32)", build};
