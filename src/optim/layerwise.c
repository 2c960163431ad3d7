/* layerwise.c: update rules that look at a parameter as a whole: its length, its rows and columns, or the matrix that it is. */
#include "optim/rule.h"

#include <float.h>
#include <math.h>

#include "op/internal.h"

enum { MOST_ROWS = 512 /* of matrices whose roots are taken */ };

/* L1 alone: weight decay has its own place in the rules below. */
static double add_l1(optim_step *s)
{
    double decay = s->decay;
    s->decay = 0;
    optim_decay(s, false);
    return s->decay = decay;
}

static tn_tensor *number(optim_step *s, double value)
{
    return tn_scalar(s->m->g, TN_F64, value);
}

/* a / b where both are above 0, else 1. */
static tn_tensor *trust(optim_step *s, tn_tensor *a, tn_tensor *b)
{
    tn_tensor *zero = number(s, 0), *one = number(s, 1);
    tn_tensor *both = tn_logical_and(tn_gt(a, zero), tn_gt(b, zero));
    return tn_where(both, tn_div(a, tn_where(both, b, one)), one);
}

/* ---- ratios of lengths ------------------------------------------------------------------------------------------- */

tn_tensor *optim_lamb(optim_step *s)
{
    double beta1 = s->o->beta1.value, beta2 = s->o->beta2.value, decay = add_l1(s);
    tn_tensor *m = optim_slot(s, "m", 0), *v = optim_slot(s, "v", 0);
    m = optim_keep(s, m, optim_towards(m, s->g, 1 - beta1));
    v = optim_keep(s, v, optim_squares(v, s->g, beta2));
    tn_tensor *way = optim_over_root(s, optim_over(m, optim_correction(s, beta1)), v, optim_correction(s, beta2));
    if (decay > 0)
        way = tn_add(way, tn_mul_f(s->w, decay));
    tn_tensor *size = tn_mul(s->lr, trust(s, optim_norm(s->w), optim_norm(way)));
    return tn_sub(s->w, optim_times(way, size));
}

tn_tensor *optim_lars(optim_step *s)
{
    double decay = add_l1(s);
    tn_tensor *buffer = optim_slot(s, "momentum", 0), *w = optim_norm(s->w), *g = optim_norm(s->g), *way = s->g;
    tn_tensor *ratio = trust(s, tn_mul_f(w, s->o->trust_coefficient.value), tn_add(g, tn_mul_f(w, decay)));
    if (decay > 0)
        way = tn_add(way, tn_mul_f(s->w, decay));
    way = optim_times(way, tn_mul(s->lr, ratio));
    buffer = optim_keep(s, buffer, tn_add(tn_mul_f(buffer, s->o->momentum), way));
    return tn_sub(s->w, buffer);
}

/* ---- Adafactor --------------------------------------------------------------------------------------------------- */

/* old moved towards x by a part of rank 0. */
static tn_tensor *towards(tn_tensor *old, tn_tensor *x, tn_tensor *part)
{
    return tn_add(old, optim_times(tn_sub(x, old), part));
}

/* The running mean of squares along an axis, which stays with size 1. */
static tn_tensor *factor(optim_step *s, const char *kind, int64_t axis, tn_tensor *part)
{
    tn_shape shape = tn_tensor_shape(s->w);
    shape.dims[shape.rank + axis] = 1;
    tn_tensor *slot = optim_slot_of(s, kind, s->dtype, shape);
    return optim_keep(s, slot, towards(slot, tn_mean_axes(tn_square(s->g), 1, &axis, true), part));
}

static double count(const optim_step *s)
{
    tn_shape shape = tn_tensor_shape(s->w);
    double n = 1;
    for (int i = 0; i < shape.rank; i++)
        n *= (double)shape.dims[i];
    return n > 0 ? n : 1;
}

static double epsilon(tn_dtype dtype)
{
    return dtype == TN_F64 ? DBL_EPSILON : dtype == TN_F16 ? 0x1p-10 : dtype == TN_BF16 ? 0x1p-7 : (double)FLT_EPSILON;
}

tn_tensor *optim_adafactor(optim_step *s)
{
    double eps = s->o->eps.value < 0 ? epsilon(s->dtype) : s->o->eps.value, root = sqrt(count(s)), decay = add_l1(s);
    tn_tensor *part = tn_pow(s->t, number(s, s->o->beta2_decay.value)), *spread;
    tn_tensor *rate = tn_minimum(s->lr, tn_rsqrt(s->t));
    tn_tensor *size = tn_maximum(tn_div_f(optim_norm(s->w), root), number(s, s->o->eps2.value));
    if (tn_tensor_rank(s->w) > 1) {
        tn_tensor *row = factor(s, "row_var", -1, part), *column = factor(s, "col_var", -2, part);
        tn_tensor *mean = tn_mean_axes(row, 1, (const int64_t[]){-2}, true);
        spread = tn_div(tn_mul(row, column), tn_clamp(mean, eps, (double)INFINITY));
    } else {
        spread = optim_slot(s, "variance", 0);
        spread = optim_keep(s, spread, towards(spread, tn_square(s->g), part));
    }
    tn_tensor *way = tn_mul(tn_rsqrt(tn_clamp(spread, eps * eps, (double)INFINITY)), s->g);
    tn_tensor *cut = tn_maximum(tn_div_f(optim_norm(way), root * s->o->d.value), number(s, 1));
    tn_tensor *w = s->w;
    if (decay > 0)
        w = optim_times(w, tn_add_f(tn_mul_f(s->lr, -decay), 1));
    return tn_sub(w, optim_times(way, tn_div(tn_mul(rate, size), cut)));
}

/* ---- matrices ---------------------------------------------------------------------------------------------------- */

/* What matrices are computed in: f32 where parameters are narrower. */
static tn_dtype wide(const optim_step *s)
{
    return s->dtype == TN_F64 ? TN_F64 : TN_F32;
}

/* x as [first, rest]. */
static tn_tensor *as_matrix(const optim_step *s, tn_tensor *x)
{
    return tn_cast(tn_flatten(x, 1), wide(s));
}

static tn_tensor *turned(tn_tensor *x)
{
    return tn_transpose(x, 0, 1);
}

/* Newton and Schulz's iteration of fifth degree, by which the singular values of a matrix come near to 1. */
static tn_tensor *orthogonal(optim_step *s, tn_tensor *g, bool tall)
{
    static const double a = 3.4445, b = -4.775, c = 2.0315;
    tn_tensor *x = as_matrix(s, g);
    x = tall ? turned(x) : x;
    x = optim_over(x, tn_maximum(optim_norm(x), number(s, s->o->eps.value)));
    for (int i = 0; i < s->o->ns_steps; i++) {
        tn_tensor *gram = tn_matmul(x, turned(x));
        tn_tensor *update = tn_add(tn_mul_f(gram, b), tn_mul_f(tn_matmul(gram, gram), c));
        x = tn_add(tn_mul_f(x, a), tn_matmul(update, x));
    }
    return tn_cast(tn_reshape(tall ? turned(x) : x, tn_tensor_shape(g)), tn_tensor_dtype(g));
}

tn_tensor *optim_muon(optim_step *s)
{
    tn_shape shape = tn_tensor_shape(s->w);
    if (shape.rank < 2)
        return optim_adam(s);
    tn_tensor *buffer = optim_slot(s, "momentum", 0);
    double rows = (double)shape.dims[0], columns = rows > 0 ? count(s) / rows : 1, scale = 1;
    buffer = optim_keep(s, buffer, optim_towards(buffer, s->g, 1 - s->o->momentum));
    tn_tensor *way = s->o->no_nesterov ? buffer : optim_towards(s->g, buffer, s->o->momentum);
    if (s->o->adjust_lr == TN_MUON_ORIGINAL)
        scale = sqrt(fmax(1, rows / columns));
    else if (s->o->adjust_lr == TN_MUON_MATCH_ADAMW)
        scale = 0.2 * sqrt(fmax(rows, columns));
    return tn_sub(s->w, optim_times(orthogonal(s, way, rows > columns), tn_mul_f(s->lr, scale)));
}

/* The inverse root of a sum of squares with a ridge on its diagonal, every so many steps anew. */
static tn_tensor *inverse_root(optim_step *s, const char *kind, tn_tensor *sum, int degree)
{
    tn_dim n = tn_tensor_shape(sum).dims[0];
    tn_tensor *ridge = tn_add_f(tn_mul_f(optim_norm(sum), 1e-6), s->o->eps.value);
    tn_tensor *x = tn_add(sum, optim_times(tn_eye(s->m->g, wide(s), n, n), ridge));
    if (s->o->refresh == 1)
        return op_inverse_root_when(x, degree, NULL, NULL);
    tn_tensor *slot = optim_slot_of(s, kind, wide(s), TN_SHAPE(n, n));
    return optim_keep(s, slot, op_inverse_root_when(x, degree, slot, optim_due(s)));
}

/* The sum of squares on one side of g, so far; in f32 at least: rounded to less, it may have eigenvalues below 0. */
static tn_tensor *squares(optim_step *s, const char *kind, int64_t n, tn_tensor *g, tn_tensor *other)
{
    tn_tensor *slot = optim_slot_of(s, kind, wide(s), TN_SHAPE(n, n));
    return optim_keep(s, slot, tn_add(slot, tn_matmul(g, other)));
}

tn_tensor *optim_shampoo(optim_step *s)
{
    tn_shape shape = tn_tensor_shape(s->w);
    int64_t rows = shape.rank > 1 ? shape.dims[0] : 0, columns = rows > 0 ? (int64_t)count(s) / rows : 0;
    bool left = rows > 0 && rows <= MOST_ROWS, right = columns > 0 && columns <= MOST_ROWS;
    if (!left && !right)
        return optim_adagrad(s);
    int degree = left && right ? 4 : 2;
    tn_tensor *g = as_matrix(s, s->g), *way = g;
    if (left)
        way = tn_matmul(inverse_root(s, "left_root", squares(s, "left", rows, g, turned(g)), degree), way);
    if (right)
        way = tn_matmul(way, inverse_root(s, "right_root", squares(s, "right", columns, turned(g), g), degree));
    return tn_sub(s->w, optim_times(tn_cast(tn_reshape(way, shape), s->dtype), s->lr));
}
