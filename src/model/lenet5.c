/* lenet5: after LeCun, Bottou, Bengio, Haffner, "Gradient-Based Learning Applied to Document Recognition", 1998, figure 2, in
 * the form usual today: every map sees every map, average pooling, tanh, a linear output layer. */
#include "model/core/zoo.h"

static tn_tensor *build(tn_tensor *x, int64_t classes)
{
    x = tn_avg_pool2d(tn_tanh(tn_layer_conv2d(x, "conv1", 6, 5, TN_OPT(tn_conv_opt, .padding = 2))), 2, NULL);
    x = tn_avg_pool2d(tn_tanh(tn_layer_conv2d(x, "conv2", 16, 5, NULL)), 2, NULL);
    x = tn_tanh(tn_layer_linear(tn_flatten(x, 1), "fc1", 120, NULL));
    x = tn_tanh(tn_layer_linear(x, "fc2", 84, NULL));
    return tn_layer_linear(x, "fc3", classes, NULL);
}

const zoo_model model_lenet5 = {"lenet5", "LeNet-5: conv 6, pool, conv 16, pool, linear 120, 84 (tanh)", build};
