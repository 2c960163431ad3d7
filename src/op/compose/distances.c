/* distances.c: rows of length 1, cosines and distances of pairs; and numbers from the normal distribution. */
#include "op/compose/compose.h"

#include <math.h>

enum { MOST_EPS = 1000 };

static bool eps_is_good(tn_tensor *x, double eps, const char *builder)
{
    if (eps >= 0 && eps <= MOST_EPS)
        return true;
    (void)OP_REFUSE(x, TN_INVALID, "%s of '%s': eps is %g; it must be from 0 to %d", builder, tn_tensor_name(x), eps,
                    MOST_EPS);
    return false;
}

static tn_tensor *at_least(tn_tensor *x, double eps)
{
    return tn_clamp(x, eps, (double)INFINITY);
}

tn_tensor *tn_normalize(tn_tensor *x, double p, int axis, double eps)
{
    if (op_unusable(x))
        return x;
    int at = op_axis_of(x, axis, "normalize");
    if (at < 0 || !eps_is_good(x, eps, "normalize"))
        return &x->graph->poison;
    return tn_div(x, at_least(tn_norm_axes(x, p, 1, (const int64_t[]){at}, true), eps));
}

/* x with axes of size 1 before its own, and its axis `at` as wide as y's if it is 1. */
static tn_tensor *as_wide(tn_tensor *x, const tn_tensor *y, int at)
{
    tn_shape shape = tn_tensor_shape(x);
    if (shape.dims[at] != 1 || y->type.dims[at] == 1)
        return x;
    shape.dims[at] = y->type.dims[at];
    return tn_expand(x, shape);
}

/* Each side is brought to length 1 by itself: the product of the lengths may overflow where they do not. */
tn_tensor *tn_cosine_similarity(tn_tensor *a, tn_tensor *b, int axis, double eps)
{
    if (op_unusable(a) || op_unusable(b))
        return op_unusable(a) ? a : b;
    while (a->type.rank < b->type.rank)
        a = tn_unsqueeze(a, 0);
    while (b->type.rank < a->type.rank)
        b = tn_unsqueeze(b, 0);
    int at = op_axis_of(a, axis, "cosine_similarity");
    if (at < 0 || !eps_is_good(a, eps, "cosine_similarity"))
        return &a->graph->poison;
    tn_tensor *x = tn_normalize(as_wide(a, b, at), 2, at, eps), *y = tn_normalize(as_wide(b, a, at), 2, at, eps);
    return tn_sum_axes(tn_mul(x, y), 1, (const int64_t[]){at}, false);
}

tn_tensor *tn_pairwise_distance(tn_tensor *a, tn_tensor *b, double p, double eps, bool keepdim)
{
    if (op_unusable(a) || op_unusable(b))
        return op_unusable(a) ? a : b;
    if (!eps_is_good(a, eps, "pairwise_distance"))
        return &a->graph->poison;
    tn_tensor *away = tn_sub(a, b);
    if (!op_unusable(away) && away->type.rank < 1)
        return OP_REFUSE(away, TN_SHAPE, "pairwise_distance: rows [..., features] are due; a and b have no axis");
    return tn_norm_axes(tn_add_f(away, eps), p, 1, (const int64_t[]){-1}, keepdim);
}

/* Box, Muller 1958. 1 - u is above 0, so that the logarithm is finite; halves are too coarse to begin with. */
tn_tensor *tn_normal(tn_graph *g, tn_dtype dtype, tn_shape shape)
{
    const double turn = 6.283185307179586;
    tn_dtype wide = dtype == TN_F16 || dtype == TN_BF16 ? TN_F32 : dtype;
    tn_tensor *u = tn_uniform(g, wide, shape), *angle = tn_mul_f(tn_uniform(g, wide, shape), turn);
    tn_tensor *far = tn_sqrt(tn_mul_f(tn_log(tn_add_f(tn_neg(u), 1)), -2));
    tn_tensor *y = tn_mul(far, tn_cos(angle));
    return wide == dtype ? y : tn_cast(y, dtype);
}
