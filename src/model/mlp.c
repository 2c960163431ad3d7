/* mlp: one hidden layer of 128 with relu. */
#include "model/core/zoo.h"

static tn_tensor *build(tn_tensor *x, int64_t classes)
{
    return tn_layer_linear(tn_relu(tn_layer_linear(tn_flatten(x, 1), "fc1", 128, NULL)), "fc2", classes, NULL);
}

const zoo_model model_mlp = {"mlp", "linear 128, relu, linear", build};
