/* eigen.c: see eigen.h. The matrix becomes an upper triangle t with x = q t q^H, whose diagonal has the values; vectors of t follow by
 * substitution. */
#include "op/scheme/eigen.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>

/* ---- rotations ---------------------------------------------------------------------------------------------------- */

/* The unitary {{c, s}, {-conj(s), c}} that takes (a, b) to (r, 0). */
typedef struct turn {
    double c;
    op_complex s;
} turn;

static turn turn_of(op_complex a, op_complex b)
{
    double size = hypot(cabs(a), cabs(b));
    if (cabs(b) == 0)
        return (turn){1, 0};
    if (cabs(a) == 0)
        return (turn){0, conj(b) / cabs(b)};
    return (turn){cabs(a) / size, a / cabs(a) * conj(b) / size};
}

static void turn_rows(op_complex *x, int64_t n, int64_t i, turn t, int64_t from)
{
    for (int64_t j = from; j < n; j++) {
        op_complex a = x[i * n + j], b = x[(i + 1) * n + j];
        x[i * n + j] = t.c * a + t.s * b;
        x[(i + 1) * n + j] = t.c * b - conj(t.s) * a;
    }
}

/* The inverse from the right: columns j and j + 1 of the rows before `to`. */
static void turn_columns(op_complex *x, int64_t n, int64_t j, turn t, int64_t to)
{
    for (int64_t i = 0; i < to; i++) {
        op_complex a = x[i * n + j], b = x[i * n + j + 1];
        x[i * n + j] = t.c * a + conj(t.s) * b;
        x[i * n + j + 1] = t.c * b - t.s * a;
    }
}

/* ---- to a triangle -------------------------------------------------------------------------------------------------- */

/* Zeros below the first diagonal under the main one. */
static void reduce(op_complex *x, int64_t n, op_complex *q)
{
    for (int64_t i = 0; i < n * n; i++)
        q[i] = i % (n + 1) == 0;
    for (int64_t c = 0; c + 2 < n; c++)
        for (int64_t i = n - 1; i > c + 1; i--) {
            turn t = turn_of(x[(i - 1) * n + c], x[i * n + c]);
            turn_rows(x, n, i - 1, t, c);
            x[i * n + c] = 0;
            turn_columns(x, n, i - 1, t, n);
            turn_columns(q, n, i - 1, t, n);
        }
}

/* The value of the last two by two block that is nearer to its last element. */
static op_complex shift_of(const op_complex *x, int64_t n, int64_t last)
{
    op_complex a = x[(last - 1) * n + last - 1], b = x[(last - 1) * n + last], c = x[last * n + last - 1],
               d = x[last * n + last];
    op_complex half = (a - d) / 2, root = csqrt(half * half + b * c);
    op_complex away = cabs(half + root) > cabs(half - root) ? half + root : half - root;
    return cabs(away) > 0 ? d - b * c / away : d;
}

/* One step on rows and columns first .. last. */
static void step(op_complex *x, int64_t n, op_complex *q, int64_t first, int64_t last, op_complex shift)
{
    turn before = {1, 0};
    for (int64_t i = first; i <= last; i++)
        x[i * n + i] -= shift;
    for (int64_t k = first; k <= last; k++) {
        turn t = k < last ? turn_of(x[k * n + k], x[(k + 1) * n + k]) : before;
        if (k < last) {
            turn_rows(x, n, k, t, k);
            x[(k + 1) * n + k] = 0;
        }
        if (k > first) { /* the columns of the last step: later rows are not turned by it any more */
            turn_columns(x, n, k - 1, before, k + 1);
            turn_columns(q, n, k - 1, before, n);
        }
        before = t;
    }
    for (int64_t i = first; i <= last; i++)
        x[i * n + i] += shift;
}

/* An element under the diagonal that rounding cannot tell from 0. */
static bool is_small(const op_complex *x, int64_t n, int64_t i)
{
    double beside = cabs(x[(i - 1) * n + i - 1]) + cabs(x[i * n + i]);
    return cabs(x[i * n + i - 1]) <= DBL_EPSILON * (beside > 0 ? beside : DBL_MIN);
}

static void to_triangle(op_complex *x, int64_t n, op_complex *q)
{
    reduce(x, n, q);
    int rounds = 0;
    for (int64_t last = n - 1; last > 0 && rounds < 100;) {
        int64_t first = last;
        while (first > 0 && !is_small(x, n, first))
            first--;
        if (first > 0)
            x[first * n + first - 1] = 0;
        if (first == last) {
            last--;
            rounds = 0;
            continue;
        }
        bool stuck = ++rounds % 10 == 0; /* some other shift */
        step(x, n, q, first, last, stuck ? cabs(x[last * n + last - 1]) + x[last * n + last] : shift_of(x, n, last));
    }
}

/* ---- vectors ------------------------------------------------------------------------------------------------------ */

/* Length 1, and the first of the largest elements, up to a thousandth, real and above 0. */
static void upright(op_complex *v, int64_t n, int64_t j)
{
    double most = 0, sum = 0;
    for (int64_t i = 0; i < n; i++)
        most = fmax(most, cabs(v[i * n + j]));
    int64_t at = 0;
    while (at + 1 < n && !(cabs(v[at * n + j]) >= 0.999 * most))
        at++;
    for (int64_t i = 0; i < n; i++)
        sum += pow(cabs(v[i * n + j]) / most, 2);
    op_complex by = conj(v[at * n + j]) / cabs(v[at * n + j]) / (most * sqrt(sum));
    for (int64_t i = 0; i < n; i++)
        v[i * n + j] *= by;
}

/* A vector that grows out of bounds, as those of a matrix without enough of them do: what counts is its direction. */
static void keep_small(op_complex *v, int64_t n, int64_t j, int64_t from)
{
    if (cabs(v[from * n + j]) < 1e100)
        return;
    for (int64_t i = from; i < n; i++)
        v[i * n + j] *= 1e-100;
}

/* The vectors of the triangle t as columns of v, by substitution from the diagonal up. */
static void solve_triangle(const op_complex *t, int64_t n, op_complex *v)
{
    double size = DBL_MIN;
    for (int64_t i = 0; i < n * n; i++)
        size = fmax(size, cabs(t[i]));
    for (int64_t j = 0; j < n; j++)
        for (int64_t i = n - 1; i >= 0; i--) {
            op_complex sum = 0, gap = t[i * n + i] - t[j * n + j];
            for (int64_t k = i + 1; k <= j; k++)
                sum += t[i * n + k] * v[k * n + j];
            v[i * n + j] = i > j ? 0 : i == j ? 1 : -sum / (cabs(gap) > DBL_EPSILON * size ? gap : DBL_EPSILON * size);
            keep_small(v, n, j, i);
        }
}

static void multiply(const op_complex *a, const op_complex *b, int64_t n, op_complex *y)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) {
            y[i * n + j] = 0;
            for (int64_t k = 0; k < n; k++)
                y[i * n + j] += a[i * n + k] * b[k * n + j];
        }
}

/* ---- real matrices -------------------------------------------------------------------------------------------------- */

/* The value that is nearest to the conjugate of value j: j itself if that is real but for rounding. */
static int64_t partner_of(const op_complex *value, int64_t n, int64_t j)
{
    int64_t best = j;
    for (int64_t k = 0; k < n; k++)
        if (cabs(value[k] - conj(value[j])) < cabs(value[best] - conj(value[j])))
            best = k;
    return best;
}

static void make_pairs(op_complex *value, op_complex *v, int64_t n)
{
    for (int64_t j = 0; j < n; j++) {
        int64_t k = partner_of(value, n, j);
        if (k == j) {
            value[j] = creal(value[j]);
            for (int64_t i = 0; i < n; i++)
                v[i * n + j] = creal(v[i * n + j]);
        } else if (cimag(value[j]) > 0) {
            value[k] = conj(value[j]);
            for (int64_t i = 0; i < n; i++)
                v[i * n + k] = conj(v[i * n + j]);
        }
    }
}

static void exchange(op_complex *a, op_complex *b)
{
    op_complex t = *a;
    *a = *b;
    *b = t;
}

static void sort(op_complex *value, op_complex *v, int64_t n)
{
    for (int64_t j = 0; j < n; j++) {
        int64_t least = j;
        for (int64_t k = j + 1; k < n; k++)
            if (creal(value[k]) < creal(value[least]) ||
                (creal(value[k]) == creal(value[least]) && cimag(value[k]) < cimag(value[least])))
                least = k;
        exchange(&value[j], &value[least]);
        for (int64_t i = 0; i < n; i++)
            exchange(&v[i * n + j], &v[i * n + least]);
    }
}

void op_eigen(op_complex *x, int64_t n, op_complex *value, op_complex *v, op_complex *q)
{
    to_triangle(x, n, q);
    for (int64_t i = 0; i < n; i++)
        value[i] = x[i * n + i];
    solve_triangle(x, n, v);
    multiply(q, v, n, x);
    for (int64_t i = 0; i < n * n; i++)
        v[i] = x[i];
    for (int64_t j = 0; j < n; j++)
        upright(v, n, j);
    make_pairs(value, v, n);
    sort(value, v, n);
}

/* ---- conditions --------------------------------------------------------------------------------------------------- */

static void take_away(op_complex *x, int64_t n, int64_t to, int64_t from, op_complex part)
{
    for (int64_t j = 0; j < n; j++)
        x[to * n + j] -= part * x[from * n + j];
}

void op_eigen_conditions(const op_complex *v, int64_t n, double *condition, op_complex *a, op_complex *inverse)
{
    for (int64_t i = 0; i < n * n; i++) {
        a[i] = v[i];
        inverse[i] = i % (n + 1) == 0;
    }
    for (int64_t c = 0; c < n; c++) {
        int64_t best = c;
        for (int64_t i = c + 1; i < n; i++)
            best = cabs(a[i * n + c]) > cabs(a[best * n + c]) ? i : best;
        for (int64_t j = 0; j < n; j++) {
            exchange(&a[c * n + j], &a[best * n + j]);
            exchange(&inverse[c * n + j], &inverse[best * n + j]);
        }
        op_complex pivot = cabs(a[c * n + c]) > 0 ? a[c * n + c] : DBL_EPSILON;
        for (int64_t j = 0; j < n; j++) {
            a[c * n + j] /= pivot;
            inverse[c * n + j] /= pivot;
        }
        for (int64_t i = 0; i < n; i++) {
            op_complex part = a[i * n + c];
            if (i != c) {
                take_away(a, n, i, c, part);
                take_away(inverse, n, i, c, part);
            }
        }
    }
    for (int64_t i = 0; i < n; i++) {
        condition[i] = 0;
        for (int64_t j = 0; j < n; j++)
            condition[i] = hypot(condition[i], cabs(inverse[i * n + j]));
    }
}
