/* noise.c: dropout of more than single elements (Tompson et al. 2015; Huang et al. 2016), one that keeps mean and variance of what selu
 * gives (Klambauer et al. 2017), and a relu whose slope is drawn (Xu et al. 2015). */
#include "op/compose/compose.h"

#include <math.h>

/* Ones of x's shape up to axis n, the further axes 1, some of them dropped where the entry trains. */
static tn_tensor *dropped_ones(tn_tensor *x, double p, int n)
{
    tn_shape shape = tn_tensor_shape(x);
    for (int i = n; i < shape.rank; i++)
        shape.dims[i] = 1;
    return tn_dropout(tn_full(x->graph, x->type.dtype, shape, 1), p);
}

tn_tensor *tn_dropout_channels(tn_tensor *x, double p)
{
    if (op_unusable(x))
        return x;
    if (x->type.rank < 2)
        return OP_REFUSE(x, TN_SHAPE, "dropout_channels of '%s' takes [N, C, ...]; it has %d axes", tn_tensor_name(x),
                         x->type.rank);
    return tn_mul(x, dropped_ones(x, p, 2));
}

tn_tensor *tn_drop_path(tn_tensor *x, double p)
{
    if (op_unusable(x))
        return x;
    if (x->type.rank < 1)
        return OP_REFUSE(x, TN_SHAPE, "drop_path of '%s' takes [N, ...]; it has no axis", tn_tensor_name(x));
    return tn_mul(x, dropped_ones(x, p, 1));
}

tn_tensor *tn_alpha_dropout(tn_tensor *x, double p)
{
    const double low = -1.7580993408473766; /* what selu tends to, -scale * alpha */
    if (op_unusable(x))
        return x;
    if (!(p >= 0 && p < 1))
        return OP_REFUSE(x, TN_INVALID, "alpha_dropout of '%s': p is %g; it must be from 0 to below 1",
                         tn_tensor_name(x), p);
    double a = 1 / sqrt((1 - p) * (1 + p * low * low)), b = -a * low * p;
    tn_tensor *kept = tn_gt(dropped_ones(x, p, x->type.rank), op_like_scalar(x, 0));
    tn_tensor *y = tn_add_f(tn_mul_f(tn_where(kept, x, op_like_scalar(x, low)), a), b);
    return tn_where(op_training_of(x->graph), y, x);
}

tn_tensor *tn_rrelu(tn_tensor *x, double lower, double upper)
{
    if (op_unusable(x))
        return x;
    if (!(lower <= upper) || !isfinite(lower) || !isfinite(upper))
        return OP_REFUSE(x, TN_INVALID, "rrelu of '%s': the slopes from %g to %g are no range", tn_tensor_name(x),
                         lower, upper);
    tn_tensor *part = tn_uniform(x->graph, x->type.dtype, tn_tensor_shape(x));
    tn_tensor *drawn = tn_add_f(tn_mul_f(part, upper - lower), lower);
    tn_tensor *slope = tn_where(op_training_of(x->graph), drawn, op_like_scalar(x, (lower + upper) / 2));
    return tn_where(tn_gt(x, op_like_scalar(x, 0)), x, tn_mul(x, slope));
}
