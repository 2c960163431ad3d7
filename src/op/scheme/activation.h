/* activation.h: operators that apply an activation where they write their result. Builders leave it at none; the epilogue pass
 * sets it when the only reader of a result is that activation. */
#ifndef OP_ACTIVATION_H
#define OP_ACTIVATION_H

#include "op/scheme/op.h"

enum { OP_ACT_NONE, OP_ACT_RELU, OP_ACT_RELU6, OP_ACT_LEAKY_RELU };
extern const char *const op_activations[]; /* up to relu6 */
#define OP_ARG_ACTIVATION OP_ARG_ENUM("activation", OP_ACT_NONE, op_activations)

/* The gradient for what was before the activation that gave y, from that of output 0. */
tn_tensor *op_before_activation(const op_grad *c, tn_tensor *y, int64_t activation);
/* Output 0 of the reference, activated. */
void op_ref_activate(const op_ref *c, int64_t activation);

#endif
