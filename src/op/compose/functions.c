/* functions.c: functions of single numbers that are put together from operators. */
#include "op/compose/compose.h"

/* The larger one less log(sigmoid(its lead)): smooth where both are equal, so right to any order of gradient. Where the larger one is
 * infinite or NaN it is the result, and the rest is computed of zeros, so that no NaN comes back by the gradient. */
tn_tensor *tn_logaddexp(tn_tensor *a, tn_tensor *b)
{
    if (op_unusable(a) || op_unusable(b))
        return op_unusable(a) ? a : b;
    tn_tensor *most = tn_maximum(a, b), *finite = tn_isfinite(most), *first = tn_ge(a, b);
    tn_tensor *large = tn_where(finite, tn_where(first, a, b), op_like_scalar(most, 0));
    tn_tensor *small = tn_where(finite, tn_where(first, b, a), op_like_scalar(most, 0));
    return tn_where(finite, tn_sub(large, tn_log_sigmoid(tn_sub(large, small))), most);
}

tn_tensor *tn_nan_to_num(tn_tensor *x, double nan, double positive, double negative)
{
    if (op_unusable(x))
        return x;
    tn_tensor *far = tn_where(tn_gt(x, op_like_scalar(x, 0)), op_like_scalar(x, positive), op_like_scalar(x, negative));
    return tn_where(tn_isfinite(x), x, tn_where(tn_isnan(x), op_like_scalar(x, nan), far));
}

/* 1 / b tells -0 from 0; what has no gradient is cut off, so that 1 / 0 gives none. */
tn_tensor *tn_copysign(tn_tensor *a, tn_tensor *b)
{
    if (op_unusable(a) || op_unusable(b))
        return op_unusable(a) ? a : b;
    tn_tensor *sign = tn_detach(b), *zero = op_like_scalar(sign, 0), *size = tn_abs(a);
    tn_tensor *minus = tn_lt(tn_where(tn_eq(sign, zero), tn_reciprocal(sign), sign), zero);
    return tn_where(minus, tn_neg(size), size);
}
