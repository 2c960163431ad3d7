/* softmax_regression: one linear layer. */
#include "model/core/zoo.h"

static tn_tensor *build(tn_tensor *x, int64_t classes)
{
    return tn_layer_linear(tn_flatten(x, 1), "fc", classes, NULL);
}

const zoo_model model_softmax_regression = {"softmax_regression", "one linear layer", build};
