/* activation.c: see activation.h. */
#include "op/scheme/activation.h"

#include "op/internal.h"

const char *const op_activations[] = {"none", "relu", "relu6", NULL};

tn_tensor *op_before_activation(const op_grad *c, tn_tensor *y, int64_t activation)
{
    tn_tensor *dy = op_dout(c, 0);
    if (activation == OP_ACT_RELU6)
        return op_hardtanh_grad_of(dy, y, 0, 6);
    return activation == OP_ACT_RELU ? op_relu_grad_of(dy, y) : dy;
}

void op_ref_activate(const op_ref *c, int64_t activation)
{
    op_array *y = c->out[0];
    for (int64_t i = 0; activation != OP_ACT_NONE && i < y->count; i++) /* NaN stays */
        y->f[i] = y->f[i] <= 0 ? 0 : activation == OP_ACT_RELU6 && y->f[i] > 6 ? 6 : y->f[i];
}
