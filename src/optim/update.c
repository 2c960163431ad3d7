/* update.c: see update.h. Numbers that are the same for all elements (bias corrections) are computed in f64 from the step. */
#include "optim/update.h"

#include <stddef.h>

static tn_tensor *times(tn_tensor *x, double factor)
{
    return tn_mul(x, tn_scalar(tn_tensor_graph(x), tn_tensor_dtype(x), factor));
}

/* The gradient of the loss with the penalties: + decay * w + l1 * sign(w). */
static tn_tensor *penalised(tn_tensor *grad, tn_tensor *w, double decay, double l1)
{
    if (decay != 0.0)
        grad = tn_add(grad, times(w, decay));
    if (l1 != 0.0)
        grad = tn_add(grad, times(tn_sign(w), l1));
    return grad;
}

tn_tensor *optim_sgd_update(tn_tensor *w, tn_tensor *grad, tn_tensor **buffer, tn_tensor *step, tn_tensor *lr,
                            const optim_sgd *o)
{
    tn_dtype dtype = tn_tensor_dtype(w);
    tn_tensor *d = penalised(grad, w, o->weight_decay, o->l1);
    if (buffer) {
        tn_tensor *next = tn_add(times(*buffer, o->momentum), times(d, 1 - o->dampening));
        if (o->dampening != 0.0) /* the first step is not dampened */
            next = tn_where(tn_eq(step, tn_scalar(tn_tensor_graph(w), TN_I64, 0)), d, next);
        d = o->nesterov ? tn_add(d, times(next, o->momentum)) : next;
        *buffer = next;
    }
    return tn_sub(w, tn_mul(tn_cast(lr, dtype), d));
}

/* 1 - beta^step, rank 0, f64. */
static tn_tensor *correction(tn_tensor *step, double beta)
{
    tn_graph *g = tn_tensor_graph(step);
    return tn_sub(tn_scalar(g, TN_F64, 1), tn_pow(tn_scalar(g, TN_F64, beta), tn_cast(step, TN_F64)));
}

tn_tensor *optim_adam_update(tn_tensor *w, tn_tensor *grad, tn_tensor **mean, tn_tensor **var, tn_tensor *step,
                             tn_tensor *lr, const optim_adam *o)
{
    tn_dtype dtype = tn_tensor_dtype(w);
    tn_graph *g = tn_tensor_graph(w);
    tn_tensor *d = penalised(grad, w, o->decoupled ? 0 : o->weight_decay, o->l1);
    tn_tensor *rate = tn_cast(tn_div(tn_cast(lr, TN_F64), correction(step, o->beta1)), dtype);
    tn_tensor *unbias = tn_cast(tn_rsqrt(correction(step, o->beta2)), dtype);
    *mean = tn_add(times(*mean, o->beta1), times(d, 1 - o->beta1));
    *var = tn_add(times(*var, o->beta2), times(tn_mul(d, d), 1 - o->beta2));
    if (o->decoupled && o->weight_decay != 0.0)
        w = tn_mul(w, tn_cast(tn_sub(tn_scalar(g, TN_F64, 1), times(tn_cast(lr, TN_F64), o->weight_decay)), dtype));
    tn_tensor *size = tn_add(tn_mul(tn_sqrt(*var), unbias), tn_scalar(g, dtype, o->eps));
    return tn_sub(w, tn_div(tn_mul(rate, *mean), size));
}
