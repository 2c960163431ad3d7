/* tarn/ops.h: operators. One line each; the file src/op/NAME.c says what it means, its gradient, dtypes and tolerances, and
 * docs/operators.md lists them all. Inputs are broadcast where operators take two values (NumPy's rule: sizes match from the
 * right, a literal 1 stretches) and promoted to a common dtype (PyTorch's table). Axes count from 0, negative ones from the
 * end. A wrong shape, dtype or argument sticks a sentence to the graph; see tarn/graph.h. */
#ifndef TARN_OPS_H
#define TARN_OPS_H

#include <tarn/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- element-wise ------------------------------------------------------------------------------------------------ */

/* Arithmetic; integers wrap. */
TN_API tn_tensor *tn_add(tn_tensor *a, tn_tensor *b); /* a + b; f i */
TN_API tn_tensor *tn_sub(tn_tensor *a, tn_tensor *b); /* a - b; f i */
TN_API tn_tensor *tn_mul(tn_tensor *a, tn_tensor *b); /* a * b; f i */
TN_API tn_tensor *tn_div(tn_tensor *a, tn_tensor *b); /* a / b; f i; integers cut towards zero, fault where b is 0 */
TN_API tn_tensor *tn_pow(tn_tensor *a, tn_tensor *b); /* a to the power b; f i */
/* The same with a number, which is taken as a constant of a's dtype. */
TN_API tn_tensor *tn_add_f(tn_tensor *a, double b);
TN_API tn_tensor *tn_sub_f(tn_tensor *a, double b);
TN_API tn_tensor *tn_mul_f(tn_tensor *a, double b);
TN_API tn_tensor *tn_div_f(tn_tensor *a, double b);
TN_API tn_tensor *tn_pow_f(tn_tensor *a, double b);
TN_API tn_tensor *tn_minimum(tn_tensor *a, tn_tensor *b); /* NaN if either is NaN; f i */
TN_API tn_tensor *tn_maximum(tn_tensor *a, tn_tensor *b);
/* What a / b leaves, with the sign of a, of b; a / b rounded down. An integer b = 0 is a fault; f i */
TN_API tn_tensor *tn_fmod(tn_tensor *a, tn_tensor *b);
TN_API tn_tensor *tn_remainder(tn_tensor *a, tn_tensor *b);
TN_API tn_tensor *tn_floor_div(tn_tensor *a, tn_tensor *b);
TN_API tn_tensor *tn_neg(tn_tensor *x);                                   /* f i */
TN_API tn_tensor *tn_abs(tn_tensor *x);                                   /* f i */
TN_API tn_tensor *tn_sign(tn_tensor *x);                                  /* -1, 0 or 1; f i */
TN_API tn_tensor *tn_square(tn_tensor *x);                                /* x * x; f i */
TN_API tn_tensor *tn_reciprocal(tn_tensor *x);                            /* 1 / x; f */
TN_API tn_tensor *tn_sqrt(tn_tensor *x);                                  /* f */
TN_API tn_tensor *tn_rsqrt(tn_tensor *x);                                 /* 1 / sqrt(x); f */
TN_API tn_tensor *tn_hypot(tn_tensor *a, tn_tensor *b);                   /* sqrt(a^2 + b^2) without overflow; f */
TN_API tn_tensor *tn_lerp(tn_tensor *a, tn_tensor *b, tn_tensor *weight); /* a + weight * (b - a); f */
TN_API tn_tensor *tn_clamp(tn_tensor *x, double min, double max);         /* limits may be infinite; f i */
/* To a whole number: below, above, towards zero, nearest (halves to even); f */
TN_API tn_tensor *tn_floor(tn_tensor *x);
TN_API tn_tensor *tn_ceil(tn_tensor *x);
TN_API tn_tensor *tn_trunc(tn_tensor *x);
TN_API tn_tensor *tn_round(tn_tensor *x);

/* Functions; f */
TN_API tn_tensor *tn_exp(tn_tensor *x);
TN_API tn_tensor *tn_expm1(tn_tensor *x); /* exp(x) - 1, exact for small x */
TN_API tn_tensor *tn_log(tn_tensor *x);
TN_API tn_tensor *tn_exp2(tn_tensor *x); /* 2^x */
TN_API tn_tensor *tn_log2(tn_tensor *x);
TN_API tn_tensor *tn_log10(tn_tensor *x);
TN_API tn_tensor *tn_log1p(tn_tensor *x); /* log(1 + x), exact for small x */
TN_API tn_tensor *tn_sin(tn_tensor *x);
TN_API tn_tensor *tn_cos(tn_tensor *x);
TN_API tn_tensor *tn_tan(tn_tensor *x);
TN_API tn_tensor *tn_asin(tn_tensor *x);
TN_API tn_tensor *tn_acos(tn_tensor *x);
TN_API tn_tensor *tn_atan(tn_tensor *x);
TN_API tn_tensor *tn_atan2(tn_tensor *a, tn_tensor *b); /* the angle of the point (b, a) */
TN_API tn_tensor *tn_sinh(tn_tensor *x);
TN_API tn_tensor *tn_cosh(tn_tensor *x);
TN_API tn_tensor *tn_asinh(tn_tensor *x);
TN_API tn_tensor *tn_acosh(tn_tensor *x);
TN_API tn_tensor *tn_atanh(tn_tensor *x);
TN_API tn_tensor *tn_erf(tn_tensor *x);
TN_API tn_tensor *tn_erfc(tn_tensor *x); /* 1 - erf(x), exact in the tail */
TN_API tn_tensor *tn_erfinv(tn_tensor *x);
TN_API tn_tensor *tn_lgamma(tn_tensor *x); /* log(|gamma(x)|) */
TN_API tn_tensor *tn_digamma(tn_tensor *x);
TN_API tn_tensor *tn_polygamma(tn_tensor *x, int64_t n); /* derivative number n of digamma, 0 to 100 */
TN_API tn_tensor *tn_sinc(tn_tensor *x);                 /* sin(pi x) / (pi x) */
TN_API tn_tensor *tn_copysign(tn_tensor *a,
                              tn_tensor *b);          /* |a| with the sign of b, which -0 has too; that of a NaN is + */
TN_API tn_tensor *tn_logit(tn_tensor *x, double eps); /* log(x / (1 - x)); eps > 0: x kept within [eps, 1 - eps] */
TN_API tn_tensor *tn_xlogy(tn_tensor *a, tn_tensor *b);           /* a * log(b), 0 where a is 0 */
TN_API tn_tensor *tn_logaddexp(tn_tensor *a, tn_tensor *b);       /* log(exp(a) + exp(b)) without overflow */
TN_API tn_tensor *tn_logaddexp2(tn_tensor *a, tn_tensor *b);      /* log2(2^a + 2^b) */
TN_API tn_tensor *tn_frac(tn_tensor *x);                          /* what follows the point, with x's sign */
TN_API tn_tensor *tn_heaviside(tn_tensor *x, tn_tensor *at_zero); /* 0, at_zero or 1 for x below, at and above 0 */
/* The larger, the smaller one; a number if one of them is NaN. */
TN_API tn_tensor *tn_fmax(tn_tensor *a, tn_tensor *b);
TN_API tn_tensor *tn_fmin(tn_tensor *a, tn_tensor *b);
/* Whether |a - b| <= absolute + relative |b|; PyTorch: 1e-5, 1e-8. x + value a b; x + value a / b. */
TN_API tn_tensor *tn_isclose(tn_tensor *a, tn_tensor *b, double relative, double absolute);
TN_API tn_tensor *tn_addcmul(tn_tensor *x, tn_tensor *a, tn_tensor *b, double value);
TN_API tn_tensor *tn_addcdiv(tn_tensor *x, tn_tensor *a, tn_tensor *b, double value);
/* NaN, infinity and minus infinity as these numbers, which have no gradient. */
TN_API tn_tensor *tn_nan_to_num(tn_tensor *x, double nan, double positive, double negative);

/* Comparisons and logic; any dtype in, bool out. NaN is equal to nothing, not even to itself. */
TN_API tn_tensor *tn_eq(tn_tensor *a, tn_tensor *b);
TN_API tn_tensor *tn_ne(tn_tensor *a, tn_tensor *b);
TN_API tn_tensor *tn_lt(tn_tensor *a, tn_tensor *b);
TN_API tn_tensor *tn_le(tn_tensor *a, tn_tensor *b);
TN_API tn_tensor *tn_gt(tn_tensor *a, tn_tensor *b);
TN_API tn_tensor *tn_ge(tn_tensor *a, tn_tensor *b);
TN_API tn_tensor *tn_logical_and(tn_tensor *a, tn_tensor *b);
TN_API tn_tensor *tn_logical_or(tn_tensor *a, tn_tensor *b);
TN_API tn_tensor *tn_logical_xor(tn_tensor *a, tn_tensor *b);
TN_API tn_tensor *tn_logical_not(tn_tensor *x);
TN_API tn_tensor *tn_isfinite(tn_tensor *x);                          /* f i */
TN_API tn_tensor *tn_isnan(tn_tensor *x);                             /* f i */
TN_API tn_tensor *tn_isinf(tn_tensor *x);                             /* f i */
TN_API tn_tensor *tn_where(tn_tensor *c, tn_tensor *a, tn_tensor *b); /* c ? a : b; c is bool */
TN_API tn_tensor *tn_cast(tn_tensor *x, tn_dtype dtype); /* float to integer cuts towards zero, saturates, NaN is 0 */

/* Bits; i, all but the shifts also bool. Shifts by less than 0 or more than 63 places leave nothing but the sign. */
TN_API tn_tensor *tn_bit_and(tn_tensor *a, tn_tensor *b);
TN_API tn_tensor *tn_bit_or(tn_tensor *a, tn_tensor *b);
TN_API tn_tensor *tn_bit_xor(tn_tensor *a, tn_tensor *b);
TN_API tn_tensor *tn_bit_not(tn_tensor *x);
TN_API tn_tensor *tn_shift_left(tn_tensor *a, tn_tensor *b);
TN_API tn_tensor *tn_shift_right(tn_tensor *a, tn_tensor *b);

/* Activations; f */
TN_API tn_tensor *tn_relu(tn_tensor *x);                     /* max(x, 0); also i */
TN_API tn_tensor *tn_leaky_relu(tn_tensor *x, double slope); /* x > 0 ? x : slope * x */
TN_API tn_tensor *tn_sigmoid(tn_tensor *x);                  /* 1 / (1 + exp(-x)) */
TN_API tn_tensor *tn_tanh(tn_tensor *x);
TN_API tn_tensor *tn_gelu(tn_tensor *x);              /* with erf */
TN_API tn_tensor *tn_gelu_tanh(tn_tensor *x);         /* its approximation with tanh */
TN_API tn_tensor *tn_silu(tn_tensor *x);              /* x * sigmoid(x) */
TN_API tn_tensor *tn_elu(tn_tensor *x, double alpha); /* x > 0 ? x : alpha * (exp(x) - 1) */
TN_API tn_tensor *tn_softplus(tn_tensor *x, double beta,
                              double threshold); /* log(1 + exp(beta x)) / beta; PyTorch: 1, 20 */
TN_API tn_tensor *tn_log_sigmoid(tn_tensor *x);
TN_API tn_tensor *tn_relu6(tn_tensor *x);                            /* min(max(x, 0), 6) */
TN_API tn_tensor *tn_hardtanh(tn_tensor *x, double min, double max); /* as clamp, no gradient at the limits */
TN_API tn_tensor *tn_hardsigmoid(tn_tensor *x);                      /* relu6(x + 3) / 6 */
TN_API tn_tensor *tn_hardswish(tn_tensor *x);                        /* x * relu6(x + 3) / 6 */
TN_API tn_tensor *tn_prelu(tn_tensor *x, tn_tensor *slope);          /* x > 0 ? x : slope * x; slope[1] or [channels] */
TN_API tn_tensor *tn_selu(tn_tensor *x);                             /* 1.0507 * elu(x, 1.6733) */
TN_API tn_tensor *tn_celu(tn_tensor *x, double alpha);               /* x > 0 ? x : alpha * (exp(x / alpha) - 1) */
TN_API tn_tensor *tn_mish(tn_tensor *x);                             /* x * tanh(softplus(x)) */
TN_API tn_tensor *tn_softsign(tn_tensor *x);                         /* x / (1 + |x|) */
TN_API tn_tensor *tn_softshrink(tn_tensor *x, double lambda);        /* x moved towards 0 by lambda */
TN_API tn_tensor *tn_hardshrink(tn_tensor *x, double lambda);        /* |x| <= lambda ? 0 : x */
TN_API tn_tensor *tn_tanhshrink(tn_tensor *x);                       /* x - tanh(x) */
TN_API tn_tensor *tn_threshold(tn_tensor *x, double threshold, double value); /* x > threshold ? x : value */
/* x > 0 ? x : slope * x, the slope of each element drawn from [lower, upper) in entries that train, their mean in others. */
TN_API tn_tensor *tn_rrelu(tn_tensor *x, double lower, double upper);
/* The halves a, b of x along an axis: a * sigmoid(b), a * silu(b), a * gelu(b). */
TN_API tn_tensor *tn_glu(tn_tensor *x, int axis);
TN_API tn_tensor *tn_swiglu(tn_tensor *x, int axis);
TN_API tn_tensor *tn_geglu(tn_tensor *x, int axis);

/* ---- reductions -------------------------------------------------------------------------------------------------- */

/* Sum over the axes (n = 0: all); with keepdim they stay as size 1. f; integers give i64. */
TN_API tn_tensor *tn_sum(tn_tensor *x);        /* over all axes */
TN_API tn_tensor *tn_sum_square(tn_tensor *x); /* of the squares, over all axes; f */
TN_API tn_tensor *tn_sum_axes(tn_tensor *x, int n, const int64_t *axes, bool keepdim);
TN_API tn_tensor *tn_mean(tn_tensor *x); /* f */
TN_API tn_tensor *tn_mean_axes(tn_tensor *x, int n, const int64_t *axes, bool keepdim);
/* Squared distances from the mean, summed and divided by the count less `correction` (1: unbiased). f */
TN_API tn_tensor *tn_var_axes(tn_tensor *x, int n, const int64_t *axes, double correction, bool keepdim);
/* The largest and smallest element; NaN wins; equal ones share the gradient. Any dtype. */
TN_API tn_tensor *tn_max(tn_tensor *x);
TN_API tn_tensor *tn_min(tn_tensor *x);
TN_API tn_tensor *tn_max_axes(tn_tensor *x, int n, const int64_t *axes, bool keepdim);
TN_API tn_tensor *tn_min_axes(tn_tensor *x, int n, const int64_t *axes, bool keepdim);
TN_API tn_tensor *tn_std_axes(tn_tensor *x, int n, const int64_t *axes, double correction,
                              bool keepdim);                                            /* its root; f */
TN_API tn_tensor *tn_prod_axes(tn_tensor *x, int n, const int64_t *axes, bool keepdim); /* f; integers give i64 */
/* (sum |x|^p)^(1/p), p from 0 to INFINITY; log(sum(e^x)) without overflow. f */
TN_API tn_tensor *tn_norm_axes(tn_tensor *x, double p, int n, const int64_t *axes, bool keepdim);
TN_API tn_tensor *tn_logsumexp(tn_tensor *x, int n, const int64_t *axes, bool keepdim);
/* Whether any element, all elements, are other than 0; any dtype in, bool out. */
TN_API tn_tensor *tn_any(tn_tensor *x, int n, const int64_t *axes, bool keepdim);
TN_API tn_tensor *tn_all(tn_tensor *x, int n, const int64_t *axes, bool keepdim);
/* Where it is along the axis, or in the whole tensor read row by row; the first of equal ones. i64 */
TN_API tn_tensor *tn_argmax(tn_tensor *x, int axis, bool keepdim);
TN_API tn_tensor *tn_argmin(tn_tensor *x, int axis, bool keepdim);
TN_API tn_tensor *tn_argmax_all(tn_tensor *x);
TN_API tn_tensor *tn_argmin_all(tn_tensor *x);

/* Values and where they were along an axis (i64). */
typedef struct tn_sorted {
    tn_tensor *values, *index;
} tn_sorted;

/* The largest, the smallest element along an axis, the first of equal ones, which takes the whole gradient. Any dtype. */
TN_API tn_sorted tn_max_along(tn_tensor *x, int axis, bool keepdim);
TN_API tn_sorted tn_min_along(tn_tensor *x, int axis, bool keepdim);
/* All in order, equal ones in theirs, NaN largest; the k largest or smallest of them. Any dtype. */
TN_API tn_sorted tn_sort(tn_tensor *x, int axis, bool descending);
TN_API tn_tensor *tn_argsort(tn_tensor *x, int axis, bool descending);
TN_API tn_sorted tn_topk(tn_tensor *x, int64_t k, int axis, bool largest);
/* The middle element along an axis, the lower of two; NaN where there is one. As torch.median. Any dtype but bool. */
TN_API tn_sorted tn_median(tn_tensor *x, int axis, bool keepdim);
/* What a quantile between two elements is. */
typedef enum tn_quantile_by {
    TN_QUANTILE_LINEAR = 0, /* on the line between them */
    TN_QUANTILE_LOWER = 1,
    TN_QUANTILE_HIGHER = 2,
    TN_QUANTILE_MIDPOINT = 3,
    TN_QUANTILE_NEAREST = 4 /* of two that are as near, that of even number */
} tn_quantile_by;
/* What the part q, 0 to 1, of the elements along an axis is not above; NaN where there is one. f */
TN_API tn_tensor *tn_quantile(tn_tensor *x, double q, int axis, bool keepdim, tn_quantile_by how);
/* Running sum and product along an axis; f, integers give i64. y[i] = a[i] * y[i - 1] + b[i]; b may be NULL; f i */
TN_API tn_tensor *tn_cumsum(tn_tensor *x, int axis);
TN_API tn_tensor *tn_cumprod(tn_tensor *x, int axis);
TN_API tn_tensor *tn_scan(tn_tensor *a, tn_tensor *b, int axis);

/* ---- shape ------------------------------------------------------------------------------------------------------- */

/* Axes a and b change places. */
TN_API tn_tensor *tn_transpose(tn_tensor *x, int a, int b);
/* Same elements in row-major order under another shape; one size may be TN_INFER. */
TN_API tn_tensor *tn_reshape(tn_tensor *x, tn_shape shape);
/* Axes of size 1, and missing leading axes, are repeated to the shape. */
TN_API tn_tensor *tn_expand(tn_tensor *x, tn_shape shape);
/* y's axis i is x's axis axes[i]; n is x's rank. */
TN_API tn_tensor *tn_permute(tn_tensor *x, int n, const int64_t *axes);
/* The axes from `from` on as one; an axis of size 1 put in, taken away. */
TN_API tn_tensor *tn_flatten(tn_tensor *x, int from);
TN_API tn_tensor *tn_unsqueeze(tn_tensor *x, int axis);
TN_API tn_tensor *tn_squeeze(tn_tensor *x, int axis);
/* Elements from start up to but not including end (TN_INFER: the end of the axis) along an axis, or n axes with steps
 * (NULL: 1). Limits must lie within the axis; they may be expressions of sizes. A step below 0 runs from start down to, but
 * not including, end (TN_INFER: from the last, to the first). */
TN_API tn_tensor *tn_slice(tn_tensor *x, int axis, tn_dim start, tn_dim end);
TN_API tn_tensor *tn_slice_axes(tn_tensor *x, int n, const int64_t *axes, const tn_dim *start, const tn_dim *end,
                                const int64_t *step);
/* n tensors one behind the other. */
TN_API tn_tensor *tn_concat(int n, tn_tensor *const x[], int axis);
/* n parts along an axis, of these sizes (NULL: equal ones); n tensors along a new axis. */
TN_API tn_status tn_split(tn_tensor *x, int axis, int n, const tn_dim *sizes, tn_tensor **parts);
TN_API tn_tensor *tn_stack(int n, tn_tensor *const x[], int axis);
/* The whole again and again, a number for each of the last n axes; each element along an axis. */
TN_API tn_tensor *tn_tile(tn_tensor *x, int n, const int64_t *times);
TN_API tn_tensor *tn_repeat_interleave(tn_tensor *x, int axis, int64_t times);
/* In reverse order along n axes; moved on along an axis, round the end; an axis moved to another place. */
TN_API tn_tensor *tn_flip(tn_tensor *x, int n, const int64_t *axes);
TN_API tn_tensor *tn_roll(tn_tensor *x, int axis, int64_t by);
TN_API tn_tensor *tn_move_axis(tn_tensor *x, int from, int to);
/* Along time_axis the first lengths[i] elements (i64, i32) of row i of batch_axis in reverse order, the rest as it is; a length beyond
 * the axis is a fault. */
TN_API tn_tensor *tn_reverse_sequence(tn_tensor *x, tn_tensor *lengths, int time_axis, int batch_axis);
/* The elements whose place on axis b is `offset` more than on axis a, as the last axis. */
TN_API tn_tensor *tn_diagonal(tn_tensor *x, int64_t offset, int axis_a, int axis_b);
/* Each x[i] of one axis along axis i of a grid of n axes. */
TN_API tn_status tn_meshgrid(int n, tn_tensor *const x[], tn_tensor **grids);
/* `low` elements of a value before and `high` behind; a number for each axis, below 0: so many are cut off. */
TN_API tn_tensor *tn_pad(tn_tensor *x, const int64_t *low, const int64_t *high, double value);
/* An axis cut, or filled with zeros behind, to a size, which may be a symbol. */
TN_API tn_tensor *tn_fit_axis(tn_tensor *x, int axis, tn_dim size);
typedef enum tn_border {
    TN_BORDER_REFLECT,   /* mirrored without the edge */
    TN_BORDER_REPLICATE, /* the edge again and again */
    TN_BORDER_CIRCULAR   /* what stands at the other end */
} tn_border;
TN_API tn_tensor *tn_pad_border(tn_tensor *x, const int64_t *low, const int64_t *high, tn_border how);
/* y[.., i, ..] = x[.., index[.., i, ..], ..]; index is i64 or i32 and has x's rank. An index out of range is a fault. */
TN_API tn_tensor *tn_gather(tn_tensor *x, int axis, tn_tensor *index);
/* x with y[.., index[.., i, ..], ..] += source[.., i, ..]. */
TN_API tn_tensor *tn_scatter_add(tn_tensor *x, int axis, tn_tensor *index, tn_tensor *source);
/* source put there (the last stays), the product, the largest or smallest of both, their mean (of source alone where not
 * include_self). */
TN_API tn_tensor *tn_scatter(tn_tensor *x, int axis, tn_tensor *index, tn_tensor *source);
TN_API tn_tensor *tn_scatter_mul(tn_tensor *x, int axis, tn_tensor *index, tn_tensor *source);
TN_API tn_tensor *tn_scatter_max(tn_tensor *x, int axis, tn_tensor *index, tn_tensor *source);
TN_API tn_tensor *tn_scatter_min(tn_tensor *x, int axis, tn_tensor *index, tn_tensor *source);
TN_API tn_tensor *tn_scatter_mean(tn_tensor *x, int axis, tn_tensor *index, tn_tensor *source, bool include_self);
/* By whole coordinates, those below 0 counted from the end: index[..., k] names places in k axes of x, those behind the first `batch`
 * ones, which both have: y[..., rest of x's axes]. As ONNX's GatherND. A place that does not exist is a fault. */
TN_API tn_tensor *tn_gather_nd(tn_tensor *x, tn_tensor *index, int64_t batch);
typedef enum tn_scatter_how {
    TN_SCATTER_SET = 0, /* the last stays */
    TN_SCATTER_ADD = 1,
    TN_SCATTER_MUL = 2,
    TN_SCATTER_MAX = 3,
    TN_SCATTER_MIN = 4
} tn_scatter_how;
/* x with source[..., rest of x's axes] put at such places, or combined with what is there. As ONNX's ScatterND. f i */
TN_API tn_tensor *tn_scatter_nd(tn_tensor *x, tn_tensor *index, tn_tensor *source, tn_scatter_how how);
/* gather with x and index broadcast on the other axes. */
TN_API tn_tensor *tn_take_along(tn_tensor *x, int axis, tn_tensor *index);
/* By whole rows; index has one axis. */
TN_API tn_tensor *tn_index_select(tn_tensor *x, int axis, tn_tensor *index);
TN_API tn_tensor *tn_index_add(tn_tensor *x, int axis, tn_tensor *index, tn_tensor *source);
/* x with source put along an axis from `start` on, one number at run time; what would lie outside of x is left out. Written to the
 * state that x is, it moves source alone: a cache that grows (jax.lax.dynamic_update_slice_in_dim). */
TN_API tn_tensor *tn_update_slice(tn_tensor *x, tn_tensor *source, tn_tensor *start, int axis);
/* Up to `bound` values, the rest 0 (of nonzero: -1), and how many there are; more than bound are a fault. The coordinates
 * [bound, rank] of what is not 0; the elements where the mask is true. */
typedef struct tn_found {
    tn_tensor *values, *count;
} tn_found;
TN_API tn_found tn_nonzero(tn_tensor *x, tn_dim bound);
TN_API tn_found tn_masked_select(tn_tensor *x, tn_tensor *mask, tn_dim bound);
TN_API tn_tensor *tn_masked_fill(tn_tensor *x, tn_tensor *mask, double value); /* mask ? value : x */
/* x below and on a diagonal of its last two axes, above and on it, the rest 0; a vector as a diagonal, or a matrix's one. */
TN_API tn_tensor *tn_tril(tn_tensor *x, int64_t diagonal);
TN_API tn_tensor *tn_triu(tn_tensor *x, int64_t diagonal);
TN_API tn_tensor *tn_diag(tn_tensor *x, int64_t offset);
/* 1 at the place that index names along a new last axis; a number that is no class gives zeros. */
TN_API tn_tensor *tn_one_hot(tn_tensor *index, tn_dim classes, tn_dtype dtype);
/* One value throughout; start, start + step, ...; n numbers from start to end; 1 on the diagonal. */
TN_API tn_tensor *tn_full(tn_graph *graph, tn_dtype dtype, tn_shape shape, double value);
TN_API tn_tensor *tn_arange(tn_graph *graph, tn_dtype dtype, double start, double step, tn_dim size);
TN_API tn_tensor *tn_linspace(tn_graph *graph, tn_dtype dtype, double start, double end, int64_t n);
TN_API tn_tensor *tn_eye(tn_graph *graph, tn_dtype dtype, tn_dim rows, tn_dim cols);
/* A size as a rank-0 i64 value. */
TN_API tn_tensor *tn_size_value(tn_graph *graph, tn_dim size);

/* ---- graphs ------------------------------------------------------------------------------------------------------ */

/* Rows of x[N, ...] put together by the segment that index[N] (i64 or i32, in any order) names for each: [segments, ...]; a segment
 * without rows is 0. An index out of range is a fault. These pool graphs too, index naming the graph of each node. */
TN_API tn_tensor *tn_segment_sum(tn_tensor *x, tn_tensor *index, tn_dim segments);  /* f i */
TN_API tn_tensor *tn_segment_mean(tn_tensor *x, tn_tensor *index, tn_dim segments); /* f */
TN_API tn_tensor *tn_segment_max(tn_tensor *x, tn_tensor *index,
                                 tn_dim segments); /* rows that are equal share a gradient; f i */
TN_API tn_tensor *tn_segment_min(tn_tensor *x, tn_tensor *index, tn_dim segments);
/* x[N, ...] softmax within each segment. f */
TN_API tn_tensor *tn_segment_softmax(tn_tensor *x, tn_tensor *index, tn_dim segments);
typedef enum tn_aggregate {
    TN_AGGREGATE_SUM = 0,
    TN_AGGREGATE_MEAN = 1,
    TN_AGGREGATE_MAX = 2,
    TN_AGGREGATE_MIN = 3
} tn_aggregate;
TN_API tn_tensor *tn_segment_reduce(tn_tensor *x, tn_tensor *index, tn_dim segments, tn_aggregate how);
/* Edge e goes from node source[e] to node target[e]: rows 0 and 1 of PyTorch Geometric's edge_index. */
typedef struct tn_edges {
    tn_tensor *source, *target; /* [E], i64 or i32 */
    tn_tensor *weight;          /* [E]; NULL: 1 each */
    tn_tensor *features;        /* [E, D]; NULL: none */
    tn_tensor
        *indptr; /* [targets + 1]: where the edges of each target begin, if they stand in this order; NULL: in any */
    void *reserved[3];
} tn_edges;
/* Rows of x[N, ...] go along the edges, times their weights, and are put together at the targets: [targets, ...]. With SUM it is
 * the product of a sparse matrix and x, of as many rows as targets; its element (target, source) is the weight. */
TN_API tn_tensor *tn_propagate(tn_tensor *x, const tn_edges *edges, tn_dim targets, tn_aggregate how);
/* A matrix in CSR as edges: indptr[rows + 1], indices[E] and values[E] (NULL: 1 each), indptr and indices i64 or i32. */
TN_API tn_edges tn_csr_edges(tn_tensor *indptr, tn_tensor *indices, tn_tensor *values);
/* Edges in any order (a matrix in COO) brought into that of CSR: those of a target keep theirs. `order` (NULL: not asked for) is where
 * each was. */
TN_API tn_edges tn_sort_edges(const tn_edges *edges, tn_dim targets, tn_tensor **order);
/* The product of a sparse matrix in CSR and x[N, ...]: [rows, ...]; values[E], or [E, ...] with axes of x after the first, each for all
 * that the others hold (NULL: 1 each). With MAX and MIN the largest and smallest product of each feature, 0 in a row without any. f */
TN_API tn_tensor *tn_spmm(tn_tensor *indptr, tn_tensor *indices, tn_tensor *values, tn_tensor *x, tn_aggregate how);
/* Weights divided by the roots of the degrees at both ends (Kipf, Welling 2017, eq. 2), after each node that lacks an edge to itself
 * got one of weight 1; dtype: that of the weights where edges has none. */
TN_API tn_edges tn_gcn_norm(const tn_edges *edges, tn_dim nodes, tn_dtype dtype, bool no_self_loops);

/* ---- products ---------------------------------------------------------------------------------------------------- */

/* Matrix product [..., m, k] x [..., k, n]; leading axes are broadcast; rank-1 operands as PyTorch's matmul. f */
/* x[..., k] w[n, k]^T + b[n], b may be NULL. f */
TN_API tn_tensor *tn_linear(tn_tensor *x, tn_tensor *w, tn_tensor *b);
TN_API tn_tensor *tn_matmul(tn_tensor *a, tn_tensor *b);
/* The sum over i and j of a[..., i] w[o, i, j] b[..., j], plus bias[o] (NULL: none): y[..., o]. f */
TN_API tn_tensor *tn_bilinear(tn_tensor *a, tn_tensor *b, tn_tensor *w, tn_tensor *bias);
/* "bij,bjk->bik" and the like, with "..."; f, without a sum over a common letter also i */
TN_API tn_tensor *tn_einsum(const char *equation, int n, tn_tensor *const x[]);

/* x / max(norm, eps), norms of degree p (see tn_norm_axes) along an axis; PyTorch: 2, 1e-12. The cosines of a and b along an axis, no
 * length taken as less than eps (1e-8). The norms of a - b + eps (1e-6) along the last axis. f */
TN_API tn_tensor *tn_normalize(tn_tensor *x, double p, int axis, double eps);
TN_API tn_tensor *tn_cosine_similarity(tn_tensor *a, tn_tensor *b, int axis, double eps);
TN_API tn_tensor *tn_pairwise_distance(tn_tensor *a, tn_tensor *b, double p, double eps, bool keepdim);

/* The norms of degree p of a[..., i, :] - b[..., j, :]: [..., i, j]; leading axes are broadcast. f */
TN_API tn_tensor *tn_cdist(tn_tensor *a, tn_tensor *b, double p);

/* ---- matrices: the last two axes of x[..., n, n], f64 and f32 --------------------------------------------------------- */

/* A matrix with an element that is not finite gives NaN. One that is singular, or not positive definite, is a fault where it is said. */
typedef enum tn_triangle {
    TN_TRIANGLE_BOTH = 0, /* half the sum of a matrix and its transpose */
    TN_TRIANGLE_LOWER = 1,
    TN_TRIANGLE_UPPER = 2
} tn_triangle;
TN_API tn_tensor *tn_inverse(tn_tensor *x); /* singular: a fault */
TN_API tn_tensor *tn_det(tn_tensor *x);     /* the gradient of its gradient where it is 0 is NaN */
typedef struct tn_log_det {
    tn_tensor *sign, *log_size;
} tn_log_det;
TN_API tn_log_det tn_slogdet(tn_tensor *x);
/* a x = b for b[..., n, k], or a vector b[n]; leading axes are broadcast. A singular matrix is a fault. */
TN_API tn_tensor *tn_solve(tn_tensor *a, tn_tensor *b);
/* l with l l^T = x, or l^T; what is read of x says the last argument. Not positive definite: a fault. And y with x y = b, given it. */
TN_API tn_tensor *tn_cholesky(tn_tensor *x, bool upper, tn_triangle triangle);
TN_API tn_tensor *tn_cholesky_solve(tn_tensor *b, tn_tensor *l, bool upper);
typedef struct tn_triangular_opt {
    bool upper, transpose; /* which triangle of a it is, and whether it is transposed */
    bool unit;             /* its diagonal is not read and stands for ones */
    bool right;            /* x t = b */
    void *reserved[4];
} tn_triangular_opt;
/* t x = b for a triangle t of a[..., n, n]. A 0 on its diagonal gives infinities. */
TN_API tn_tensor *tn_triangular_solve(tn_tensor *a, tn_tensor *b, const tn_triangular_opt *opt);
/* x = q r: q has orthogonal columns of length 1, r is an upper triangle; q[..., m, k], r[..., k, n], k = min(m, n), or complete: m. */
typedef struct tn_qr_result {
    tn_tensor *q, *r;
} tn_qr_result;
TN_API tn_qr_result tn_qr(tn_tensor *x, bool complete);
/* x[..., order, :] = l u, by elimination with the largest pivots: l[..., m, k] a lower triangle with ones on its diagonal, u[..., k, n]
 * an upper one, k = min(m, n); order[..., m] names rows of x; in step i rows i and pivots[..., i] changed places (i64, from 0). */
typedef struct tn_lu_result {
    tn_tensor *l, *u, *order, *pivots;
} tn_lu_result;
TN_API tn_lu_result tn_lu(tn_tensor *x);
/* Symmetric x: values[..., n] in rising order, vectors as columns, each with its largest element above 0. Gradients of vectors are
 * not bounded where values meet. */
typedef struct tn_eigh_result {
    tn_tensor *values, *vectors;
} tn_eigh_result;
TN_API tn_eigh_result tn_eigh(tn_tensor *x, tn_triangle triangle);
/* Any x: complex values[..., n, 2] by real, then imaginary part, and vectors[..., n, n, 2] as columns of length 1, the first of the
 * largest elements of each (up to a thousandth) real and above 0. Gradients are not bounded where values meet. */
typedef struct tn_eig_result {
    tn_tensor *values, *vectors;
} tn_eig_result;
TN_API tn_eig_result tn_eig(tn_tensor *x);
/* x = u diag(s) vt: u[..., m, k], s falling, vt[..., k, n], k = min(m, n); columns of u as tn_eigh's, and so their gradients. */
typedef struct tn_svd_result {
    tn_tensor *u, *s, *vt;
} tn_svd_result;
TN_API tn_svd_result tn_svd(tn_tensor *x);
/* The pseudo-inverse: singular values up to rcond times the largest count as 0; rcond 0: the rounding of the dtype. x of the smallest
 * |a x - b|, a of full rank, and of these the smallest. */
TN_API tn_tensor *tn_pinv(tn_tensor *x, double rcond);
TN_API tn_tensor *tn_lstsq(tn_tensor *a, tn_tensor *b);
/* x x ... x, power times; below 0: of the inverse. The sum of the diagonal. f */
TN_API tn_tensor *tn_matrix_power(tn_tensor *x, int64_t power);
TN_API tn_tensor *tn_trace(tn_tensor *x);
/* a[i] b[j] of vectors a[..., m], b[..., n]; a[i, j] b of matrices as blocks. f i */
TN_API tn_tensor *tn_outer(tn_tensor *a, tn_tensor *b);
TN_API tn_tensor *tn_kron(tn_tensor *a, tn_tensor *b);

/* ---- pictures: x[N, C, H, W], lines x[N, C, L], bodies x[N, C, D, H, W] --------------------------------------------- */

/* How layers make a weight from its parameters: as it is, as a direction times a length, or divided by its largest singular value
 * (tn_weight_norm, tn_spectral_norm). */
typedef enum tn_weight_by { TN_WEIGHT_PLAIN = 0, TN_WEIGHT_NORM = 1, TN_WEIGHT_SPECTRAL = 2 } tn_weight_by;

/* What stands around a picture: see tn_border. */
typedef enum tn_conv_border {
    TN_CONV_ZEROS = 0,
    TN_CONV_REFLECT = 1,
    TN_CONV_REPLICATE = 2,
    TN_CONV_CIRCULAR = 3
} tn_conv_border;

/* All directions together, or each: down and across (of a body: deep, down, across; of a line: along); sides in the order top,
 * left, bottom, right (front, top, left, back, bottom, right; left, right). */
typedef struct tn_conv_opt {
    int stride;                 /* 0: 1 */
    int padding;                /* elements on every side */
    int dilation;               /* 0: 1 */
    int groups;                 /* 0: 1 */
    int strides[3];             /* where not 0: in place of stride */
    int paddings[6];            /* added to padding */
    int dilations[3];           /* where not 0: in place of dilation */
    int output_padding;         /* transposed: the result is so much longer at its far side */
    int output_paddings[3];     /* added to it */
    bool same;                  /* in place of paddings: as many as keep the size; stride 1 */
    bool no_bias;               /* for layers; tn_conv2d looks at its bias */
    tn_conv_border border;      /* what paddings are made of; transposed: zeros only */
    tn_weight_by weight_by;     /* for layers */
    const tn_init *weight_init; /* for layers; NULL: kaiming uniform with a = sqrt(5) */
    void *reserved[3];
} tn_conv_opt;

/* Convolution with w[O, C / groups, kh, kw] and bias[O] (NULL: none): y[N, O, H', W'],
 * H' = (H + top + bottom - dilation * (kh - 1) - 1) / stride + 1. And of lines, w[O, C / groups, k], and bodies. f */
TN_API tn_tensor *tn_conv2d(tn_tensor *x, tn_tensor *w, tn_tensor *bias, const tn_conv_opt *opt);
TN_API tn_tensor *tn_conv1d(tn_tensor *x, tn_tensor *w, tn_tensor *bias, const tn_conv_opt *opt);
TN_API tn_tensor *tn_conv3d(tn_tensor *x, tn_tensor *w, tn_tensor *bias, const tn_conv_opt *opt);
/* The other way round, w[C, O / groups, kh, kw]: each pixel puts a window into y[N, O, H', W'],
 * H' = (H - 1) * stride - top - bottom + dilation * (kh - 1) + output_padding + 1. f */
TN_API tn_tensor *tn_conv_transpose2d(tn_tensor *x, tn_tensor *w, tn_tensor *bias, const tn_conv_opt *opt);
TN_API tn_tensor *tn_conv_transpose1d(tn_tensor *x, tn_tensor *w, tn_tensor *bias, const tn_conv_opt *opt);
TN_API tn_tensor *tn_conv_transpose3d(tn_tensor *x, tn_tensor *w, tn_tensor *bias, const tn_conv_opt *opt);

/* tn_conv2d that reads x where each window says, between pixels, zeros around it: offset[N, 2 g kh kw, H', W'] has steps down and across
 * for each place of the window, for each of g groups of channels; mask[N, g kh kw, H', W'] (NULL: none) multiplies what is read. As
 * torchvision's deform_conv2d, and ONNX's DeformConv. f */
TN_API tn_tensor *tn_deform_conv2d(tn_tensor *x, tn_tensor *offset, tn_tensor *mask, tn_tensor *w, tn_tensor *bias,
                                   const tn_conv_opt *opt);

/* Windows as columns: [N, C * kh * kw, windows], C slowest; opt has stride, padding and dilation. And columns added up. f */
TN_API tn_tensor *tn_unfold(tn_tensor *x, const int kernel[2], const tn_conv_opt *opt);
TN_API tn_tensor *tn_fold(tn_tensor *x, tn_dim height, tn_dim width, const int kernel[2], const tn_conv_opt *opt);

typedef struct tn_pool_opt {
    int stride;           /* 0: the kernel's size */
    int padding;          /* on every side; at most half of the window */
    int dilation;         /* 0: 1; largest elements only */
    bool ceil_mode;       /* sizes are rounded up */
    bool exclude_padding; /* means: the border does not count */
    int divisor;          /* means: sums are divided by it; 0: by what counts */
    int kernels[3];       /* where not 0: in place of kernel */
    int strides[3];       /* where not 0: in place of stride */
    int paddings[6];      /* added to padding */
    void *reserved[4];
} tn_pool_opt;

/* The largest, or the mean, of each window of kernel x kernel elements. f */
TN_API tn_tensor *tn_max_pool2d(tn_tensor *x, int kernel, const tn_pool_opt *opt);
TN_API tn_tensor *tn_avg_pool2d(tn_tensor *x, int kernel, const tn_pool_opt *opt);
TN_API tn_tensor *tn_max_pool1d(tn_tensor *x, int kernel, const tn_pool_opt *opt);
TN_API tn_tensor *tn_avg_pool1d(tn_tensor *x, int kernel, const tn_pool_opt *opt);
TN_API tn_tensor *tn_max_pool3d(tn_tensor *x, int kernel, const tn_pool_opt *opt);
TN_API tn_tensor *tn_avg_pool3d(tn_tensor *x, int kernel, const tn_pool_opt *opt);
/* Of lines, pictures or bodies: the root of the sum of the powers p; the largest with their places (i64, counted through all further
 * axes), and back to them, zeros elsewhere, in [N, C, sizes ...]; the largest of what each element of [N, C, sizes ...] covers. f */
TN_API tn_tensor *tn_lp_pool(tn_tensor *x, double p, int kernel, const tn_pool_opt *opt);
TN_API tn_sorted tn_max_pool_index(tn_tensor *x, int kernel, const tn_pool_opt *opt);
TN_API tn_tensor *tn_max_unpool(tn_tensor *x, tn_tensor *index, const tn_dim *sizes);
TN_API tn_tensor *tn_adaptive_max_pool(tn_tensor *x, const tn_dim *sizes);
/* The largest of windows of kernel[] elements of pictures or bodies, `sizes` of them, whose distances are drawn by samples[N, C, 2 or 3]
 * in [0, 1) (NULL: new ones in every step; of pictures across comes first, as in PyTorch), and their places. f */
TN_API tn_sorted tn_fractional_max_pool(tn_tensor *x, const int *kernel, const tn_dim *sizes, tn_tensor *samples);

/* How elements of another size are made: from the nearest one (as PyTorch rounds, or by its middle), by lines or cubic curves
 * through neighbours, as the mean of what they cover. */
typedef enum tn_resize_mode {
    TN_RESIZE_NEAREST = 0,
    TN_RESIZE_NEAREST_EXACT = 1,
    TN_RESIZE_LINEAR = 2, /* of pictures: bilinear, of bodies: trilinear */
    TN_RESIZE_CUBIC = 3,  /* bicubic */
    TN_RESIZE_AREA = 4
} tn_resize_mode;
typedef struct tn_interpolate_opt {
    tn_resize_mode mode;
    bool align_corners; /* linear, cubic: first and last elements stay where they are */
    bool antialias;     /* linear, cubic: filters are stretched over what is left out */
    double scale;       /* of all directions; sizes are rounded down */
    double scales[3];   /* where not 0: in place of scale */
    tn_dim sizes[3];    /* where not 0: in place of a scale */
    void *reserved[4];
} tn_interpolate_opt;
/* x[N, C, ...] of one to three directions brought to another size. f */
TN_API tn_tensor *tn_interpolate(tn_tensor *x, const tn_interpolate_opt *opt);
/* The mean of what each element of x[N, C, sizes ...] covers; sizes 1: global. f */
TN_API tn_tensor *tn_adaptive_avg_pool(tn_tensor *x, const tn_dim *sizes);
/* x[N, C f f, H, W] as [N, C, H f, W f], and back. f i */
TN_API tn_tensor *tn_pixel_shuffle(tn_tensor *x, int64_t factor);
TN_API tn_tensor *tn_pixel_unshuffle(tn_tensor *x, int64_t factor);
/* x[N, C, ...] with channel g (C / groups) + i at i groups + g. f i */
TN_API tn_tensor *tn_channel_shuffle(tn_tensor *x, int64_t groups);

typedef enum tn_grid_border {
    TN_GRID_ZEROS = 0,  /* zeros beyond the edges */
    TN_GRID_BORDER = 1, /* the edge again and again */
    TN_GRID_REFLECT = 2 /* mirrored */
} tn_grid_border;
typedef struct tn_grid_opt {
    bool nearest; /* the pixel that is nearest, not a mixture of four (of a body: eight) */
    bool cubic;   /* of pictures: a mixture of sixteen */
    tn_grid_border border;
    bool align_corners; /* -1 and 1 are the middles of the first and last pixels, not their outer edges */
    void *reserved[4];
} tn_grid_opt;
/* x[N, C, H, W] read at grid[N, H', W', 2], which has across and down from -1 to 1: y[N, C, H', W']. Of bodies grid[N, D', H', W', 3],
 * across, down and deep. f */
TN_API tn_tensor *tn_grid_sample(tn_tensor *x, tn_tensor *grid, const tn_grid_opt *opt);
/* The grid [N, sizes ..., 2 or 3] that theta[N, 2, 3] or [N, 3, 4] moves the plain one to. f */
TN_API tn_tensor *tn_affine_grid(tn_tensor *theta, const tn_dim *sizes, bool align_corners);
typedef struct tn_roi_opt {
    int height, width; /* of what is read from each region */
    double scale;      /* of the regions' coordinates; 0: 1 */
    int samples;       /* roi_align: in each part, down and across; 0: as many as it has pixels */
    bool aligned;      /* roi_align: pixels are areas: half a pixel less */
    void *reserved[4];
} tn_roi_opt;
/* Regions rois[R, 5] (number of the picture, left, top, right, bottom) of x[N, C, H, W] as y[R, C, height, width]: means of
 * samples between pixels; the largest pixels. A region should not be larger than the picture. A picture out of range is a fault. f */
TN_API tn_tensor *tn_roi_align(tn_tensor *x, tn_tensor *rois, const tn_roi_opt *opt);
TN_API tn_tensor *tn_roi_pool(tn_tensor *x, tn_tensor *rois, const tn_roi_opt *opt);
/* Numbers of the boxes [n, 4] (left, top, right, bottom) of highest scores[n], at most bound, that share no more than iou of their
 * union with one of higher score; the rest is -1. f */
TN_API tn_found tn_nms(tn_tensor *boxes, tn_tensor *scores, double iou, tn_dim bound);

/* ---- normalisation, probabilities, noise ------------------------------------------------------------------------- */

typedef struct tn_batch_norm_result {
    tn_tensor *y;
    tn_tensor *new_running_mean, *new_running_var; /* for tn_graph_update; the old ones when an entry does not train */
} tn_batch_norm_result;

/* Each channel (axis 1) of x[N, C, ...] brought to mean 0 and variance 1, then times weight[C] plus bias[C] (NULL: not).
 * Entries that train use the batch's statistics and move the running ones [C] towards them by momentum; others use the
 * running ones. A channel of one value has no variance and is refused when an entry trains. f */
TN_API tn_batch_norm_result tn_batch_norm(tn_tensor *x, tn_tensor *weight, tn_tensor *bias, tn_tensor *running_mean,
                                          tn_tensor *running_var, double eps, double momentum);
/* The last `axes` axes of x brought to mean 0 and variance 1, or divided by the root of their mean square; then times weight plus
 * bias (NULL: not), which have the shape of these axes. f */
TN_API tn_tensor *tn_layer_norm(tn_tensor *x, int axes, tn_tensor *weight, tn_tensor *bias, double eps);
TN_API tn_tensor *tn_rms_norm(tn_tensor *x, int axes, tn_tensor *weight, double eps);
/* Groups of channels (axis 1) of x[N, C, ...], or single ones, normalised in each sample; weight[C], bias[C] or NULL. f */
TN_API tn_tensor *tn_group_norm(tn_tensor *x, int64_t groups, tn_tensor *weight, tn_tensor *bias, double eps);
TN_API tn_tensor *tn_instance_norm(tn_tensor *x, tn_tensor *weight, tn_tensor *bias, double eps);
/* In entries that train, 0 with probability p, else x / (1 - p); in others x. f */
TN_API tn_tensor *tn_dropout(tn_tensor *x, double p);
/* The same for whole channels of x[N, C, ...], for whole samples; as selu likes it: dropped to where selu tends to, mean and variance
 * kept. f */
TN_API tn_tensor *tn_dropout_channels(tn_tensor *x, double p);
TN_API tn_tensor *tn_drop_path(tn_tensor *x, double p);
TN_API tn_tensor *tn_alpha_dropout(tn_tensor *x, double p);
/* x / (k + alpha m)^beta, m being the mean square of `size` channels (axis 1) around. f */
TN_API tn_tensor *tn_local_response_norm(tn_tensor *x, int64_t size, double alpha, double beta, double k);
/* v times g / (the norm of v over all axes but one). f */
TN_API tn_tensor *tn_weight_norm(tn_tensor *v, tn_tensor *g, int axis);
typedef struct tn_spectral_result {
    tn_tensor *w;
    tn_tensor *new_u, *new_v; /* for tn_graph_update; the old ones when an entry does not train */
} tn_spectral_result;
/* w divided by its largest singular value as u[rows] and v[columns] see it, an axis being rows and the others columns (Miyato et al.
 * 2018). Entries that train take one step of the power method. f */
TN_API tn_spectral_result tn_spectral_norm(tn_tensor *w, tn_tensor *u, tn_tensor *v, int axis);
/* x, through which no gradient flows. f */
TN_API tn_tensor *tn_detach(tn_tensor *x);
/* Random numbers, new ones in every step: in [0, 1); normal ones, of mean 0 and variance 1. f */
TN_API tn_tensor *tn_uniform(tn_graph *graph, tn_dtype dtype, tn_shape shape);
TN_API tn_tensor *tn_normal(tn_graph *graph, tn_dtype dtype, tn_shape shape);
/* exp(x) / sum(exp(x)) along an axis, and its logarithm; f */
TN_API tn_tensor *tn_softmax(tn_tensor *x, int axis);
TN_API tn_tensor *tn_log_softmax(tn_tensor *x, int axis);
/* 1 at the first of the largest along an axis, the rest 0. f i
 * softmax((x + noise) / tau), the noise new in every step, so that the largest is a draw from softmax(x) (Jang et al. 2017); hard: 1 at
 * the largest and 0 elsewhere, with the gradient of what is not hard. f */
TN_API tn_tensor *tn_hardmax(tn_tensor *x, int axis);
TN_API tn_tensor *tn_gumbel_softmax(tn_tensor *x, double tau, bool hard, int axis);
/* 1 with probability p, else 0, new ones in every step; no gradient. f */
TN_API tn_tensor *tn_bernoulli(tn_tensor *p);
/* Classes drawn in proportion to weights[..., classes], which need not sum to 1: i64 [..., draws], each put back or (not replace) all
 * different; one of weight 0 is drawn only where there is no other. */
TN_API tn_tensor *tn_multinomial(tn_tensor *weights, int64_t draws, bool replace);

/* ---- sequences --------------------------------------------------------------------------------------------------- */

/* The rows weight[index] of weight[rows, features], index i64 or i32 of any shape; one out of range is a fault. The row
 * padding_index gets no gradient (below 0: all do). f */
TN_API tn_tensor *tn_embedding(tn_tensor *weight, tn_tensor *index, int64_t padding_index);
typedef enum tn_bag_mode { TN_BAG_MEAN = 0, TN_BAG_SUM = 1, TN_BAG_MAX = 2 } tn_bag_mode;
typedef struct tn_bag_opt {
    tn_bag_mode mode;
    tn_tensor *weights; /* with TN_BAG_SUM: rows are multiplied by them; of index's shape */
    bool padding;       /* places with padding_index do not count */
    int64_t padding_index;
    void *reserved[4];
} tn_bag_opt;
/* Rows put together: index[bags, n], or index[n] cut where offsets[bags] says (they ascend from 0); y[bags, features]. f */
TN_API tn_tensor *tn_embedding_bag(tn_tensor *weight, tn_tensor *index, tn_tensor *offsets, const tn_bag_opt *opt);

typedef struct tn_attention_opt {
    tn_tensor *mask; /* broadcast to [..., H, L, S]: bool, true is seen; or added to the scores; NULL: none */
    bool causal;     /* query i sees keys up to i */
    bool from_end;   /* positions of queries are counted from the last key: i + S - L in place of i */
    int64_t window;  /* keys less than so far away are seen; 0: any */
    double scale;    /* 0: 1 / sqrt(E) */
    double dropout;  /* of the weights, in entries that train */
    void *reserved[4];
} tn_attention_opt;
/* softmax(scale q k^T + mask) v of q[..., H, L, E], k[..., Hk, S, E], v[..., Hk, S, F], H a multiple of Hk: y[..., H, L, F]. Memory
 * grows with L + S, not with L * S. Rows that see nothing give 0. f */
TN_API tn_tensor *tn_attention(tn_tensor *q, tn_tensor *k, tn_tensor *v, const tn_attention_opt *opt);
typedef struct tn_attended {
    tn_tensor *y, *weights;
} tn_attended;
/* The same with the weights [..., H, L, S], which are a matrix then. f */
TN_API tn_attended tn_attention_weights(tn_tensor *q, tn_tensor *k, tn_tensor *v, const tn_attention_opt *opt);

typedef enum tn_recurrent_kind { TN_RNN_TANH = 0, TN_RNN_RELU = 1, TN_LSTM = 2, TN_GRU = 3 } tn_recurrent_kind;
typedef struct tn_recurrent_result {
    tn_tensor *y, *h, *c; /* all steps; the state after the last one, c of lstm alone */
} tn_recurrent_result;
/* One layer in one direction. x[T, B, G H] are the inputs' products of all steps (tn_linear with the input weight), G 4 of lstm, 3 of
 * gru, else 1; h[B, H], c[B, H] (lstm, else NULL) the state before; w[G H, H], b[G H] or NULL; lengths[B] (i64, i32) or NULL: steps of
 * each row, beyond which y is 0 and the state stays. reverse: from the last step to the first. f */
TN_API tn_recurrent_result tn_recurrent(tn_recurrent_kind kind, tn_tensor *x, tn_tensor *h, tn_tensor *c, tn_tensor *w,
                                        tn_tensor *b, tn_tensor *lengths, bool reverse);
/* Where things stand: [n, features] of sines and cosines in turn; x[..., L, features] turned by the position of its rows, which
 * count from `at` (rank 0, integer; NULL: 0), halves of the features being pairs, base 0: 10000. f */
TN_API tn_tensor *tn_sinusoids(tn_graph *graph, tn_dtype dtype, tn_dim n, int64_t features);
TN_API tn_tensor *tn_rotary(tn_tensor *x, tn_tensor *at, double base);
/* A mask [heads, 1, keys] to be added (ALiBi), for causal attention; the numbers i64 [queries, keys] of T5's buckets of distances. */
TN_API tn_tensor *tn_alibi(tn_graph *graph, tn_dtype dtype, int64_t heads, tn_dim keys);
TN_API tn_tensor *tn_relative_buckets(tn_graph *graph, tn_dim queries, tn_dim keys, int64_t buckets, int64_t most,
                                      bool causal);

/* ---- signals ----------------------------------------------------------------------------------------------------- */

/* There is no complex dtype: a complex tensor has a last axis of 2, real and imaginary part, as torch.view_as_real shows it. Axes of
 * complex tensors count that axis too, so that -2 is the last that holds numbers. */

/* What transforms of n numbers are multiplied by, as PyTorch's "backward", "ortho" and "forward". */
typedef enum tn_fft_norm {
    TN_FFT_BACKWARD = 0, /* inverse ones by 1 / n */
    TN_FFT_ORTHO = 1,    /* both by 1 / sqrt(n) */
    TN_FFT_FORWARD = 2   /* the others by 1 / n */
} tn_fft_norm;
/* Discrete Fourier transforms of any length along an axis: of complex x; of real x, half the spectrum, n / 2 + 1 complex numbers on the
 * axis; n real numbers (TN_INFER: an even number) from half their spectrum, which is cut or filled with zeros. Of the others tn_fit_axis
 * cuts or fills the axis beforehand, as PyTorch's n does. Sizes may be symbols. f32 f64 */
TN_API tn_tensor *tn_fft(tn_tensor *x, int axis, tn_fft_norm norm);
TN_API tn_tensor *tn_ifft(tn_tensor *x, int axis, tn_fft_norm norm);
TN_API tn_tensor *tn_rfft(tn_tensor *x, int axis, tn_fft_norm norm);
TN_API tn_tensor *tn_irfft(tn_tensor *x, tn_dim n, int axis, tn_fft_norm norm);
/* Along several axes; of real numbers the last one named is halved, and is of n numbers again. */
TN_API tn_tensor *tn_fft_axes(tn_tensor *x, int n_axes, const int64_t *axes, tn_fft_norm norm);
TN_API tn_tensor *tn_ifft_axes(tn_tensor *x, int n_axes, const int64_t *axes, tn_fft_norm norm);
TN_API tn_tensor *tn_rfft_axes(tn_tensor *x, int n_axes, const int64_t *axes, tn_fft_norm norm);
TN_API tn_tensor *tn_irfft_axes(tn_tensor *x, tn_dim n, int n_axes, const int64_t *axes, tn_fft_norm norm);
/* Real and imaginary parts as a complex tensor; |x|, whose gradient is 0 at 0; a * b of complex numbers, broadcast. */
TN_API tn_tensor *tn_complex(tn_tensor *re, tn_tensor *im);
TN_API tn_tensor *tn_complex_abs(tn_tensor *x);
TN_API tn_tensor *tn_complex_mul(tn_tensor *a, tn_tensor *b);

/* Windows of the last axis, `size` long and `step` apart: [..., frames, size]; and such frames added up: [..., L]. */
TN_API tn_tensor *tn_frames(tn_tensor *x, int64_t size, int64_t step); /* any dtype; no copy */
TN_API tn_tensor *tn_overlap_add(tn_tensor *x, int64_t step);          /* f */

typedef enum tn_window_kind {
    TN_WINDOW_HANN = 0,
    TN_WINDOW_HAMMING = 1,
    TN_WINDOW_BLACKMAN = 2,
    TN_WINDOW_BARTLETT = 3,
    TN_WINDOW_KAISER = 4, /* of beta 12 */
    TN_WINDOW_ONES = 5
} tn_window_kind;
/* A window of n numbers: periodic (for spectra) or symmetric (for filters). f */
TN_API tn_tensor *tn_window(tn_graph *graph, tn_dtype dtype, tn_window_kind kind, int64_t n, bool symmetric);

typedef struct tn_stft_opt {
    int64_t hop;       /* from one frame to the next; 0: n_fft / 4 */
    tn_tensor *window; /* [up to n_fft], zeros on both sides; NULL: ones */
    bool
        no_center; /* frames begin at the first element; else it is the middle of the first one, and n_fft / 2 are added on each side */
    bool zeros;      /* what is added is 0; else the signal, mirrored */
    bool normalized; /* times 1 / sqrt(n_fft) */
    bool two_sided;  /* whole spectra, not halves */
    tn_dim length;   /* istft: of the signal; 0: what the frames cover */
    void *reserved[4];
} tn_stft_opt;
/* Spectra of the frames of x[..., L]: complex [..., n_fft / 2 + 1, frames, 2]; and the signal again, places without any window being 0.
 * As torch.stft and torch.istft. f32 f64 */
TN_API tn_tensor *tn_stft(tn_tensor *x, int64_t n_fft, const tn_stft_opt *opt);
TN_API tn_tensor *tn_istft(tn_tensor *x, int64_t n_fft, const tn_stft_opt *opt);
/* |stft|^power: [..., n_fft / 2 + 1, frames]. f32 f64 */
TN_API tn_tensor *tn_spectrogram(tn_tensor *x, int64_t n_fft, double power, const tn_stft_opt *opt);

typedef enum tn_mel_log {
    TN_MEL_LN = 0,     /* log(x + 1e-6) */
    TN_MEL_DECIBEL = 1 /* 10 log10(max(x, 1e-10)), and no more than 80 below the largest of each spectrogram */
} tn_mel_log;
typedef struct tn_mel_opt {
    double rate;           /* samples a second; 0: 16000 */
    int64_t n_fft;         /* 0: 400 */
    int64_t window_length; /* 0: n_fft */
    int64_t hop;           /* 0: half the window's length */
    tn_window_kind window;
    int64_t mels;          /* 0: 80 */
    double low, high;      /* Hz; high 0: rate / 2 */
    bool slaney;           /* Slaney's scale, linear up to 1000 Hz; else HTK's */
    bool slaney_norm;      /* filters of area 1 in place of height 1 */
    double power;          /* of the spectrogram; 0: 2 */
    bool no_center, zeros; /* as of tn_stft_opt */
    tn_mel_log log;        /* of log_mel and mfcc */
    void *reserved[4];
} tn_mel_opt;
/* Triangular filters [n_fft / 2 + 1, mels]. f */
TN_API tn_tensor *tn_mel_bank(tn_graph *graph, tn_dtype dtype, const tn_mel_opt *opt);
/* Of a signal x[..., L]: the spectrogram through these filters [..., mels, frames]; its logarithm; the first `coefficients` of the
 * logarithm's cosine transform [..., coefficients, frames]. f32 f64 */
TN_API tn_tensor *tn_mel_spectrogram(tn_tensor *x, const tn_mel_opt *opt);
TN_API tn_tensor *tn_log_mel(tn_tensor *x, const tn_mel_opt *opt);
TN_API tn_tensor *tn_mfcc(tn_tensor *x, int64_t coefficients, const tn_mel_opt *opt);
/* In entries that train, spectrograms x[..., bands, frames] lose `masks` stripes of bands and as many of frames, up to `bands` and
 * `frames` wide, widths and places drawn evenly for each; their mean stands there (D. Park et al., "SpecAugment", Interspeech
 * 2019, section 2, without warping). f32 f64 */
TN_API tn_tensor *tn_spec_augment(tn_tensor *x, int masks, double bands, double frames);
/* The cosine transform (DCT-II, orthogonal) of n numbers, its first m, as a matrix [n, m] to multiply by. f */
TN_API tn_tensor *tn_dct_matrix(tn_graph *graph, tn_dtype dtype, int64_t n, int64_t m);

typedef struct tn_resample_opt {
    int64_t width;  /* zero crossings of the filter on each side; 0: 6 */
    double rolloff; /* where it cuts, of half the lower rate; 0: 0.99 */
    bool kaiser;    /* Kaiser's window, in place of a squared cosine */
    double beta;    /* of Kaiser's; 0: 14.769656459379492 */
    void *reserved[4];
} tn_resample_opt;
/* x[..., L] of `from` samples a second as one of `to` samples: [..., ceil(L to / from)], by a sinc filter. As torchaudio. f */
TN_API tn_tensor *tn_resample(tn_tensor *x, int64_t from, int64_t to, const tn_resample_opt *opt);

/* ---- losses ------------------------------------------------------------------------------------------------------ */

typedef enum tn_reduction {
    TN_REDUCE_MEAN = 0, /* of all elements; of classes: divided by the sum of their weights */
    TN_REDUCE_SUM = 1,
    TN_REDUCE_NONE = 2 /* the losses themselves */
} tn_reduction;

typedef struct tn_loss_opt {
    tn_reduction reduction;
    tn_tensor *weight;     /* of each class [C]; bce, bce_with_logits: of each element, broadcast */
    tn_tensor *pos_weight; /* bce_with_logits: of targets of 1, broadcast */
    bool ignore;           /* targets equal to ignore_index do not count; false: -100 is that number */
    int64_t ignore_index;
    double label_smoothing; /* cross_entropy: this part of the target is spread over all classes */
    void *reserved[4];
} tn_loss_opt;

/* (x - target)^2, |x - target|; x and target have one shape. f */
TN_API tn_tensor *tn_mse(tn_tensor *x, tn_tensor *target, tn_reduction reduction);
TN_API tn_tensor *tn_l1(tn_tensor *x, tn_tensor *target, tn_reduction reduction);
/* Squares near 0, distances beyond beta (or delta). f */
TN_API tn_tensor *tn_smooth_l1(tn_tensor *x, tn_tensor *target, double beta, tn_reduction reduction);
TN_API tn_tensor *tn_huber(tn_tensor *x, tn_tensor *target, double delta, tn_reduction reduction);
/* Binary cross entropy of probabilities x, and of sigmoid(x). f */
TN_API tn_tensor *tn_bce(tn_tensor *x, tn_tensor *target, const tn_loss_opt *opt);
TN_API tn_tensor *tn_bce_with_logits(tn_tensor *x, tn_tensor *target, const tn_loss_opt *opt);
/* Classes are axis 1 of x[N, C, ...], axis 0 of x[C]; target[N, ...] has their numbers (i64, i32); one that is no class is a
 * fault. nll takes log-probabilities; cross_entropy is nll of log_softmax(x), and takes probabilities of x's shape too. f */
TN_API tn_tensor *tn_nll(tn_tensor *x, tn_tensor *target, const tn_loss_opt *opt);
TN_API tn_tensor *tn_cross_entropy(tn_tensor *x, tn_tensor *target, const tn_loss_opt *opt);
/* Hinge loss of classes: max(0, margin - x[target] + x)^p of the others, p 1 or 2; x[N, C], target[N]; opt: reduction, weight. f */
TN_API tn_tensor *tn_multi_margin(tn_tensor *x, tn_tensor *target, int p, double margin, const tn_loss_opt *opt);
/* Samples of several classes: target[N, C] has their numbers and -1 behind the last, or is 1 and 0 for each class; opt: reduction,
 * weight[C]. f */
TN_API tn_tensor *tn_multilabel_margin(tn_tensor *x, tn_tensor *target, tn_reduction reduction);
TN_API tn_tensor *tn_multilabel_soft_margin(tn_tensor *x, tn_tensor *target, const tn_loss_opt *opt);
/* Targets of 1 and -1: x or max(margin - x, 0); log(1 + exp(-target x)); max(0, margin - target (x - other)). f */
TN_API tn_tensor *tn_hinge_embedding(tn_tensor *x, tn_tensor *target, double margin, tn_reduction reduction);
TN_API tn_tensor *tn_soft_margin(tn_tensor *x, tn_tensor *target, tn_reduction reduction);
TN_API tn_tensor *tn_margin_ranking(tn_tensor *x, tn_tensor *other, tn_tensor *target, double margin,
                                    tn_reduction reduction);
/* Of rows of the last axis, target[...] 1 or -1: 1 - cos, or max(0, cos - margin). f */
TN_API tn_tensor *tn_cosine_embedding(tn_tensor *x, tn_tensor *other, tn_tensor *target, double margin,
                                      tn_reduction reduction);

typedef struct tn_triplet_opt {
    tn_reduction reduction;
    tn_opt_f64 p;   /* 2: of the norm */
    tn_opt_f64 eps; /* 1e-6: added to differences */
    bool swap;      /* the negative is the nearer of the anchor's and the positive's */
    void *reserved[4];
} tn_triplet_opt;
/* Of rows: max(0, |anchor - positive| - |anchor - negative| + margin). f */
TN_API tn_tensor *tn_triplet_margin(tn_tensor *anchor, tn_tensor *positive, tn_tensor *negative, double margin,
                                    const tn_triplet_opt *opt);
/* target (log(target) - x) of log-probabilities x, and targets if log_target; summed and divided by the batch it is the
 * divergence. f */
TN_API tn_tensor *tn_kl_div(tn_tensor *x, tn_tensor *target, bool log_target, tn_reduction reduction);
/* Negative log-likelihoods: of counts, x the logarithm of the rate or (not log_input) the rate; of normal numbers of mean x and
 * variance var, which is broadcast. `full` keeps what does not depend on x. f */
TN_API tn_tensor *tn_poisson_nll(tn_tensor *x, tn_tensor *target, bool log_input, bool full, double eps,
                                 tn_reduction reduction);
TN_API tn_tensor *tn_gaussian_nll(tn_tensor *x, tn_tensor *target, tn_tensor *var, bool full, double eps,
                                  tn_reduction reduction);
/* q * d or (q - 1) * d, d = target - x; x is then the targets' q-quantile. Numbers of at least 0 with many zeros, of mean x and variance
 * x^p, 1 < p < 2; x the logarithm of the mean if log_input. f */
TN_API tn_tensor *tn_quantile_loss(tn_tensor *x, tn_tensor *target, double q, tn_reduction reduction);
TN_API tn_tensor *tn_tweedie_nll(tn_tensor *x, tn_tensor *target, double p, bool log_input, tn_reduction reduction);
typedef struct tn_ctc_opt {
    tn_reduction reduction; /* the mean is over samples, each divided by its number of labels */
    int64_t blank;          /* its class */
    bool zero_infinity;     /* samples that no alignment fits have the loss 0, not infinity */
    void *reserved[4];
} tn_ctc_opt;
/* Connectionist temporal classification of log-probabilities log_p[N, T, C] and labels target[N, S]; lengths[N] say how many steps and
 * labels of each sample count (NULL: all). Beyond the range, or a label that is no class: a fault. f */
TN_API tn_tensor *tn_ctc(tn_tensor *log_p, tn_tensor *target, tn_tensor *input_lengths, tn_tensor *target_lengths,
                         const tn_ctc_opt *opt);
/* bce_with_logits times (1 - p)^gamma, p the share given to the target; alpha weighs targets of 1, below 0: nothing does. f */
TN_API tn_tensor *tn_focal(tn_tensor *x, tn_tensor *target, double alpha, double gamma, tn_reduction reduction);
/* 1 - (2 sum(x target) + smooth) / (sum(x) + sum(target) + smooth) over the axes from `from` on, of probabilities x. f */
TN_API tn_tensor *tn_dice(tn_tensor *x, tn_tensor *target, double smooth, int from, tn_reduction reduction);
/* Of pairs of rows, same[...] 1 or 0: half the squared distance, or half of max(0, margin - distance)^2. f */
TN_API tn_tensor *tn_contrastive(tn_tensor *a, tn_tensor *b, tn_tensor *same, double margin, tn_reduction reduction);
/* Cross entropy of the cosines of query[N, F] with key[M, F], M >= N, divided by the temperature: key i belongs to query i, the others
 * do not. `both`: and of the keys with the queries, averaged. f */
TN_API tn_tensor *tn_info_nce(tn_tensor *query, tn_tensor *key, double temperature, bool both);
typedef enum tn_box_kind {
    TN_BOX_IOU = 0,  /* 1 - what is common of what both cover */
    TN_BOX_GIOU = 1, /* and the part of the box around both that neither covers */
    TN_BOX_DIOU = 2, /* and the distance of the middles */
    TN_BOX_CIOU = 3  /* and the difference of the shapes */
} tn_box_kind;
/* Of boxes [..., 4]: left, top, right, bottom. f */
TN_API tn_tensor *tn_box_loss(tn_tensor *x, tn_tensor *target, tn_box_kind kind, tn_reduction reduction);
enum { TN_BOX_COLUMNS = 8 };
/* Of places that propose boxes, x[N, places, 8 + classes] as tn_layer_boxes gives them, beside targets f32 [N, boxes, 5] (class,
 * negative: none; left, top, right, bottom): of places that answer for a box 5 times the complete IoU loss and the cross entropy of the
 * class, of all places the cross entropy of whether there is a thing; by the number of the former. */
TN_API tn_tensor *tn_boxes_loss(tn_tensor *x, tn_tensor *target);
/* Divergence of the student's classes from the teacher's, the last axis, both softened by the temperature; times its square. No gradient
 * goes to the teacher. f */
TN_API tn_tensor *tn_distillation(tn_tensor *student, tn_tensor *teacher, double temperature);
/* Scores of a critic, for what is real and what a generator made: logits, but for WASSERSTEIN and HINGE. f */
typedef enum tn_gan {
    TN_GAN_MINIMAX = 0,
    TN_GAN_NON_SATURATING = 1, /* the generator's other loss, the critic's is the same */
    TN_GAN_LEAST_SQUARES = 2,
    TN_GAN_WASSERSTEIN = 3, /* with tn_gradient_penalty */
    TN_GAN_HINGE = 4
} tn_gan;
TN_API tn_tensor *tn_gan_critic_loss(tn_tensor *real, tn_tensor *fake, tn_gan kind);
TN_API tn_tensor *tn_gan_generator_loss(tn_tensor *fake, tn_gan kind);
/* The mean over the samples x[N, ...] of (|d score / d x| - length)^2; length is 1. f */
TN_API tn_tensor *tn_gradient_penalty(tn_tensor *score, tn_tensor *x, double length);
/* Divergence of normal numbers of this mean and logarithm of the variance from standard ones, summed over the last axis; the mean of
 * nll[...] + beta times it. f */
TN_API tn_tensor *tn_normal_kl(tn_tensor *mean, tn_tensor *log_var);
TN_API tn_tensor *tn_negative_elbo(tn_tensor *nll, tn_tensor *mean, tn_tensor *log_var, double beta);

#ifdef __cplusplus
}
#endif
#endif
