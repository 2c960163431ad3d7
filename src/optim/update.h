/* update.h: the formulas of optimizers as graphs. They are element-wise, so that the fuse pass makes one sweep of each:
 * every parameter, gradient and slot passes through memory once. */
#ifndef OPTIM_UPDATE_H
#define OPTIM_UPDATE_H

#include <tarn/ops.h>

typedef struct optim_sgd {
    double momentum, dampening, weight_decay, l1;
    bool nesterov;
} optim_sgd;
/* torch.optim.SGD: the new parameter; *buffer (NULL without momentum) becomes the new buffer. `step` counts updates from 0. */
tn_tensor *optim_sgd_update(tn_tensor *w, tn_tensor *grad, tn_tensor **buffer, tn_tensor *step, tn_tensor *lr,
                            const optim_sgd *o);

typedef struct optim_adam {
    double beta1, beta2, eps, weight_decay, l1;
    bool decoupled; /* AdamW */
} optim_adam;
/* Kingma and Ba 2015, algorithm 1, as torch.optim.Adam writes it; *mean and *var become the new moments. `step` counts from 1. */
tn_tensor *optim_adam_update(tn_tensor *w, tn_tensor *grad, tn_tensor **mean, tn_tensor **var, tn_tensor *step,
                             tn_tensor *lr, const optim_adam *o);

#endif
