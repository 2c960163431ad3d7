/* parts.h: what layers with weights share. */
#ifndef NN_PARTS_H
#define NN_PARTS_H

#include <tarn/nn.h>

/* The number of features on an axis, which layers need to make their weights; 0 and the error stuck if it is a symbol. */
int64_t nn_features(tn_tensor *x, int axis, const char *layer);
/* The parameter "weight" of x's dtype; init NULL: kaiming uniform with a = sqrt(5). */
tn_tensor *nn_weight(tn_tensor *x, tn_shape shape, const tn_init *init);
/* The weight made of other parameters and buffers, which have the names of torch.nn.utils.parametrizations; `axis` counts the rows
 * of a spectral norm. */
tn_tensor *nn_weight_by(tn_tensor *x, tn_shape shape, const tn_init *init, tn_weight_by how, int axis);
/* The parameter "bias" [n]; init NULL: uniform in +-1/sqrt(fan_in). NULL if there is none. */
tn_tensor *nn_bias(tn_tensor *x, int64_t n, double fan_in, bool none, const tn_init *init);

#endif
