/* norm.c: see norm.h. */
#include "op/scheme/norm.h"

#include <math.h>

tn_dtype op_norm_dtype(tn_dtype x)
{
    return x == TN_F64 ? TN_F64 : TN_F32;
}

tn_status op_norm_check(const op_infer *c, const graph_type *x, int first)
{
    int axes = (int)c->arg[OP_NORM_AXES].i;
    if (x->rank < axes)
        return op_fail(c, TN_SHAPE, "axes is %d, and x has %d", axes, x->rank);
    for (int i = first; i < c->n_in; i++) {
        const graph_type *w = c->in[i];
        if (w && w->rank != axes)
            return op_fail(c, TN_SHAPE, "'%s' has %d axes; it needs the last %d of x", c->def->in[i].name, w->rank,
                           axes);
        for (int k = 0; w && k < axes; k++)
            BASE_TRY(op_want_same(c, w->dims[k], x->dims[x->rank - axes + k], "the sizes of a weight and of x's rows"));
    }
    return TN_OK;
}

tn_status op_norm_infer(const op_infer *c)
{
    BASE_TRY(op_norm_check(c, c->in[0], 1));
    return op_like(c, 0, c->in[0]);
}

tn_status op_norm_grad_infer(const op_infer *c)
{
    const graph_type *x = c->in[1], *w = c->in[2];
    int axes = (int)c->arg[OP_NORM_AXES].i;
    if (!graph_same_dims(c->dims, x, c->in[0], c->def->name))
        return op_fail(c, TN_SHAPE, "dy must have the shape of x");
    BASE_TRY(op_norm_check(c, x, 2));
    BASE_TRY(op_like(c, 0, x));
    for (int i = 1; i < *c->n_out; i++) {
        c->out[i].dtype = w ? w->dtype : x->dtype;
        c->out[i].rank = axes;
        for (int k = 0; k < axes; k++)
            c->out[i].dims[k] = x->dims[x->rank - axes + k];
    }
    return TN_OK;
}

/* The axes of a row. */
static int row_axes(const op_lower *c, int rank, int64_t *axes)
{
    int n = (int)c->node->arg[OP_NORM_AXES].i;
    for (int k = 0; k < n; k++)
        axes[k] = rank - n + k;
    return n;
}

/* xhat, and 1 / the deviation in *rstd. */
static tn_tensor *normalised(const op_lower *c, tn_tensor *x, bool center, tn_tensor **rstd)
{
    int64_t axes[TN_MAX_RANK];
    int n = row_axes(c, x->type.rank, axes);
    x = op_cast_to(x, op_norm_dtype(x->type.dtype));
    tn_tensor *away = center ? tn_sub(x, tn_mean_axes(x, n, axes, true)) : x;
    *rstd = tn_rsqrt(tn_add_f(tn_mean_axes(tn_square(away), n, axes, true), c->node->arg[OP_NORM_EPS].f));
    return tn_mul(away, *rstd);
}

void op_norm_lower(const op_lower *c, bool center)
{
    tn_tensor *x = c->in[0], *rstd, *y = normalised(c, x, center, &rstd);
    tn_dtype dtype = y->type.dtype;
    if (c->in[1])
        y = tn_mul(y, op_cast_to(c->in[1], dtype));
    if (c->node->n_in > 2 && c->in[2])
        y = tn_add(y, op_cast_to(c->in[2], dtype));
    c->out[0] = op_cast_to(y, x->type.dtype);
}

/* The sum over all rows. */
static tn_tensor *over_rows(tn_tensor *x, int row, tn_dtype dtype)
{
    int64_t axes[TN_MAX_RANK] = {0};
    int n = graph_poisoned(x) ? 0 : x->type.rank - row;
    for (int k = 0; k < n; k++)
        axes[k] = k;
    return op_cast_to(n ? tn_sum_axes(x, n, axes, false) : x, dtype);
}

void op_norm_grad_lower(const op_lower *c, bool center)
{
    int64_t axes[TN_MAX_RANK];
    tn_tensor *x = c->in[1], *w = c->in[2], *rstd, *xhat = normalised(c, x, center, &rstd);
    tn_dtype dtype = xhat->type.dtype, outer = w ? w->type.dtype : x->type.dtype;
    int n = row_axes(c, x->type.rank, axes);
    tn_tensor *dy = op_cast_to(c->in[0], dtype), *g = w ? tn_mul(dy, op_cast_to(w, dtype)) : dy;
    tn_tensor *dx = tn_mul(xhat, tn_mean_axes(tn_mul(g, xhat), n, axes, true));
    dx = tn_sub(center ? tn_sub(g, tn_mean_axes(g, n, axes, true)) : g, dx);
    c->out[0] = op_cast_to(tn_mul(dx, rstd), x->type.dtype);
    c->out[1] = over_rows(tn_mul(dy, xhat), n, outer);
    if (c->node->n_out > 2)
        c->out[2] = over_rows(dy, n, outer);
}

/* ---- references ---------------------------------------------------------------------------------------------------- */

typedef struct row {
    int64_t size, count;
    double mean, away, rstd; /* away: the mean of |x| */
} row;

static row rows_of(const op_ref *c, const op_array *x)
{
    row r = {.size = 1};
    for (int k = x->rank - (int)c->arg[OP_NORM_AXES].i; k < x->rank; k++)
        r.size *= x->dims[k];
    r.count = r.size ? x->count / r.size : 0;
    return r;
}

static void measure(const op_ref *c, const double *x, bool center, row *r)
{
    double n = (double)r->size, square = 0;
    r->mean = r->away = 0;
    for (int64_t i = 0; i < r->size && center; i++) {
        r->mean += x[i] / n;
        r->away += fabs(x[i]) / n;
    }
    for (int64_t i = 0; i < r->size; i++)
        square += (x[i] - r->mean) * (x[i] - r->mean) / n;
    r->rstd = 1 / sqrt(square + c->arg[OP_NORM_EPS].f);
}

void op_norm_ref(const op_ref *c, bool center)
{
    const op_array *x = c->in[0], *w = c->in[1], *b = c->n_in > 2 ? c->in[2] : NULL;
    op_array *y = c->out[0];
    row r = rows_of(c, x);
    for (int64_t k = 0; k < r.count; k++) {
        const double *from = x->f + k * r.size;
        measure(c, from, center, &r);
        for (int64_t i = 0; i < r.size; i++) {
            double scale = r.rstd * (w ? w->f[i] : 1), add = b ? b->f[i] : 0;
            y->f[k * r.size + i] = (from[i] - r.mean) * scale + add;
            y->magnitude[k * r.size + i] = (fabs(from[i]) + r.away) * fabs(scale) + fabs(add);
        }
    }
}

static void row_gradient(const op_ref *c, const row *r, const double *dy, const double *x, bool center, int64_t at)
{
    const op_array *w = c->in[2];
    double *dx = c->out[0]->f + at, *size = c->out[0]->magnitude + at, n = (double)r->size;
    double sum = 0, dot = 0, sums = 0, dots = 0;
    for (int64_t i = 0; i < r->size; i++) {
        double g = dy[i] * (w ? w->f[i] : 1), xhat = (x[i] - r->mean) * r->rstd;
        double wide = (fabs(x[i]) + r->away) * r->rstd;
        sum += center ? g / n : 0;
        sums += center ? fabs(g) / n : 0;
        dot += g * xhat / n;
        dots += fabs(g) * wide / n;
        c->out[1]->f[i] += dy[i] * xhat;
        c->out[1]->magnitude[i] += fabs(dy[i]) * wide;
        if (c->n_out > 2) {
            c->out[2]->f[i] += dy[i];
            c->out[2]->magnitude[i] += fabs(dy[i]);
        }
    }
    for (int64_t i = 0; i < r->size; i++) {
        double g = dy[i] * (w ? w->f[i] : 1), away = x[i] - r->mean, wide = (fabs(x[i]) + r->away) * r->rstd;
        dx[i] = r->rstd * (g - sum - away * r->rstd * dot);
        size[i] = r->rstd * (fabs(g) + sums + wide * dots);
    }
}

void op_norm_grad_ref(const op_ref *c, bool center)
{
    const op_array *dy = c->in[0], *x = c->in[1];
    row r = rows_of(c, x);
    for (int64_t k = 0; k < r.count; k++) {
        measure(c, x->f + k * r.size, center, &r);
        row_gradient(c, &r, dy->f + k * r.size, x->f + k * r.size, center, k * r.size);
    }
}

double op_norm_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)arg, (void)out;
    return 8 * op_elements(in[0]);
}
