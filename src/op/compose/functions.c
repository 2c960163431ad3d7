/* functions.c: functions of single numbers that are put together from operators. */
#include "op/compose/compose.h"

/* log(base^a + base^b) / log(base): the larger one less log(sigmoid(its lead)), which is smooth where both are equal, so right to any
 * order of gradient. Where the larger one is infinite or NaN it is the result, and the rest is computed of zeros, so that no NaN comes
 * back by the gradient. */
static tn_tensor *sum_of_powers(tn_tensor *a, tn_tensor *b, double log_base)
{
    if (op_unusable(a) || op_unusable(b))
        return op_unusable(a) ? a : b;
    tn_tensor *most = tn_maximum(a, b), *finite = tn_isfinite(most), *first = tn_ge(a, b);
    tn_tensor *large = tn_where(finite, tn_where(first, a, b), op_like_scalar(most, 0));
    tn_tensor *small = tn_where(finite, tn_where(first, b, a), op_like_scalar(most, 0)), *lead = tn_sub(large, small);
    tn_tensor *more = log_base == 1 ? tn_log_sigmoid(lead) /* NOLINT */
                                    : tn_mul_f(tn_log_sigmoid(tn_mul_f(lead, log_base)), 1 / log_base);
    return tn_where(finite, tn_sub(large, more), most);
}

tn_tensor *tn_logaddexp(tn_tensor *a, tn_tensor *b)
{
    return sum_of_powers(a, b, 1);
}

tn_tensor *tn_logaddexp2(tn_tensor *a, tn_tensor *b)
{
    return sum_of_powers(a, b, 0.69314718055994530942);
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

tn_tensor *tn_frac(tn_tensor *x)
{
    return op_unusable(x) ? x : tn_sub(x, tn_trunc(x));
}

tn_tensor *tn_heaviside(tn_tensor *x, tn_tensor *at_zero)
{
    if (op_unusable(x) || op_unusable(at_zero))
        return op_unusable(x) ? x : at_zero;
    tn_tensor *zero = op_like_scalar(x, 0);
    return tn_where(tn_eq(x, zero), at_zero, op_cast_to(tn_gt(x, zero), at_zero->type.dtype));
}

/* Comparisons with NaN are false: a NaN never wins against a number. */
tn_tensor *tn_fmax(tn_tensor *a, tn_tensor *b)
{
    if (op_unusable(a) || op_unusable(b))
        return op_unusable(a) ? a : b;
    return tn_where(tn_logical_or(tn_ge(a, b), tn_isnan(b)), a, b);
}

tn_tensor *tn_fmin(tn_tensor *a, tn_tensor *b)
{
    if (op_unusable(a) || op_unusable(b))
        return op_unusable(a) ? a : b;
    return tn_where(tn_logical_or(tn_le(a, b), tn_isnan(b)), a, b);
}

/* Infinities are only close to themselves: their difference is NaN, or no less than any bound. */
tn_tensor *tn_isclose(tn_tensor *a, tn_tensor *b, double relative, double absolute)
{
    if (op_unusable(a) || op_unusable(b))
        return op_unusable(a) ? a : b;
    tn_tensor *bound = tn_add_f(tn_mul_f(tn_abs(b), relative), absolute), *finite = tn_isfinite(b);
    tn_tensor *near = tn_logical_and(finite, tn_le(tn_abs(tn_sub(a, b)), bound));
    return tn_logical_or(tn_eq(a, b), near);
}

tn_tensor *tn_addcmul(tn_tensor *x, tn_tensor *a, tn_tensor *b, double value)
{
    return tn_add(x, tn_mul_f(tn_mul(a, b), value));
}

tn_tensor *tn_addcdiv(tn_tensor *x, tn_tensor *a, tn_tensor *b, double value)
{
    return tn_add(x, tn_mul_f(tn_div(a, b), value));
}
