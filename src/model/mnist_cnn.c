/* mnist_cnn: the network of PyTorch's classic MNIST example: two convolutions, pooling, two linear layers, dropout. */
#include "model/core/zoo.h"

static tn_tensor *build(tn_tensor *x, int64_t classes)
{
    x = tn_relu(tn_layer_conv2d(x, "conv1", 32, 3, NULL));
    x = tn_relu(tn_layer_conv2d(x, "conv2", 64, 3, NULL));
    x = tn_dropout(tn_max_pool2d(x, 2, NULL), 0.25);
    x = tn_relu(tn_layer_linear(tn_flatten(x, 1), "fc1", 128, NULL));
    return tn_layer_linear(tn_dropout(x, 0.5), "fc2", classes, NULL);
}

const zoo_model model_mnist_cnn = {
    "mnist_cnn", "conv 32, conv 64, pool, dropout, linear 128, dropout, linear (1.2 M parameters at 28x28)", build};
