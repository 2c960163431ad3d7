/* ref.c: what references share. They state the meaning of operators in double and 64-bit integers: slow on purpose. */
#include "op/scheme/op.h"

#include <math.h>
#include <string.h>

void op_ref_fault(const op_ref *c, const char *sentence)
{
    if (c->fault && !*c->fault)
        *c->fault = sentence;
}

void op_ref_coordinates(const op_array *x, int64_t at, int64_t *coordinate)
{
    for (int k = x->rank - 1; k >= 0; k--) {
        coordinate[k] = at % x->dims[k];
        at /= x->dims[k];
    }
}

int64_t op_ref_at(const op_array *x, const int64_t *coordinate)
{
    int64_t at = 0;
    for (int k = 0; k < x->rank; k++)
        at = at * x->dims[k] + coordinate[k];
    return at;
}

int64_t op_ref_index(const op_array *y, const op_array *x, int64_t at)
{
    int64_t where = 0, stride = 1;
    for (int k = x->rank - 1, j = y->rank - 1; k >= 0; k--, j--) {
        int64_t coordinate = at % y->dims[j];
        at /= y->dims[j];
        where += (x->dims[k] == 1 ? 0 : coordinate) * stride;
        stride *= x->dims[k];
    }
    return where;
}

int64_t op_ref_wrap(tn_dtype dtype, int64_t v)
{
    switch (dtype) {
    case TN_I32: return (int32_t)v;
    case TN_I16: return (int16_t)v;
    case TN_I8: return (int8_t)v;
    case TN_U8: return (uint8_t)v;
    case TN_BOOL: return v != 0;
    default: return v;
    }
}

/* Rounds to `digits` binary digits (nearest, ties to even) with the given range of exponents, without passing through
 * another float format, so that nothing is rounded twice. */
static double round_to(double v, int digits, int lowest, double largest)
{
    int exponent;
    if (v == 0 || !isfinite(v))
        return v;
    (void)frexp(v, &exponent);
    int unit = exponent - digits;
    if (unit < lowest)
        unit = lowest;
    double r = ldexp(nearbyint(ldexp(v, -unit)), unit);
    return fabs(r) > largest ? copysign((double)INFINITY, v) : r;
}

double op_ref_round(tn_dtype dtype, double v)
{
    switch (dtype) {
    case TN_F32: return (double)(float)v;
    case TN_F16: return round_to(v, 11, -24, 65504.0);
    case TN_BF16: return round_to(v, 8, -133, 3.3895313892515355e38);
    default: return v;
    }
}

int op_ref_order(const op_array *x, int64_t a, int64_t b)
{
    if (x->i)
        return (x->i[a] > x->i[b]) - (x->i[a] < x->i[b]);
    if (isnan(x->f[a]) || isnan(x->f[b]))
        return (isnan(x->f[a]) != 0) - (isnan(x->f[b]) != 0);
    return (x->f[a] > x->f[b]) - (x->f[a] < x->f[b]);
}

void op_ref_unary(const op_ref *c, double (*f)(double), int64_t (*g)(int64_t))
{
    const op_array *x = c->in[0];
    op_array *y = c->out[0];
    for (int64_t i = 0; i < y->count; i++) {
        if (y->f)
            y->f[i] = f(x->f[i]);
        else
            y->i[i] = op_ref_wrap(y->dtype, g(x->i[i]));
    }
}

void op_ref_binary(const op_ref *c, double (*f)(double, double), int64_t (*g)(int64_t, int64_t))
{
    const op_array *a = c->in[0], *b = c->in[1];
    op_array *y = c->out[0];
    for (int64_t i = 0; i < y->count; i++) {
        int64_t p = op_ref_index(y, a, i), q = op_ref_index(y, b, i);
        if (y->f)
            y->f[i] = f(a->f[p], b->f[q]);
        else
            y->i[i] = op_ref_wrap(y->dtype, g(a->i[p], b->i[q]));
    }
}

void op_ref_division(const op_ref *c, double (*f)(double, double), int64_t (*g)(int64_t, int64_t))
{
    const op_array *a = c->in[0], *b = c->in[1];
    op_array *y = c->out[0];
    for (int64_t i = 0; i < y->count; i++) {
        int64_t p = op_ref_index(y, a, i), q = op_ref_index(y, b, i);
        if (y->f)
            y->f[i] = f(a->f[p], b->f[q]);
        else if (b->i[q] == 0)
            op_ref_fault(c, "division of an integer by zero");
        else
            y->i[i] = op_ref_wrap(y->dtype, g(a->i[p], b->i[q]));
    }
}

void op_ref_compare(const op_ref *c, bool (*f)(double, double), bool (*g)(int64_t, int64_t))
{
    const op_array *a = c->in[0], *b = c->in[1];
    op_array *y = c->out[0];
    for (int64_t i = 0; i < y->count; i++) {
        int64_t p = op_ref_index(y, a, i), q = op_ref_index(y, b, i);
        y->i[i] = a->f ? f(a->f[p], b->f[q]) : g(a->i[p], b->i[q]);
    }
}
