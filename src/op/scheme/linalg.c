/* linalg.c: see linalg.h. */
#include "op/scheme/linalg.h"

#include <float.h>
#include <math.h>
#include <string.h>

const char *const op_triangles[] = {"both", "lower", "upper", NULL};

/* ---- inference ---------------------------------------------------------------------------------------------------- */

tn_status op_want_matrix(const op_infer *c, int i)
{
    if (c->in[i]->rank >= 2)
        return TN_OK;
    return op_fail(c, TN_SHAPE, "'%s' has no matrices: it needs two axes or more, and has %d", c->def->in[i].name,
                   c->in[i]->rank);
}

tn_status op_want_square(const op_infer *c, int i)
{
    const graph_type *x = c->in[i];
    BASE_TRY(op_want_matrix(c, i));
    if (dim_same(c->dims, x->dims[x->rank - 2], x->dims[x->rank - 1], c->def->name))
        return TN_OK;
    return op_fail(c, TN_SHAPE, "the matrices of '%s' are not square", c->def->in[i].name);
}

tn_status op_infer_solve(const op_infer *c)
{
    const graph_type *a = c->in[0], *b = c->in[1];
    BASE_TRY(op_want_square(c, 0));
    BASE_TRY(op_want_matrix(c, 1));
    if (!dim_same(c->dims, a->dims[a->rank - 1], b->dims[b->rank - 2], c->def->name))
        return op_fail(c, TN_SHAPE, "the matrices of 'b' must have as many rows as those of 'a'");
    BASE_TRY(op_infer_broadcast_lead(c, 2));
    c->out[0].dims[c->out[0].rank - 2] = b->dims[b->rank - 2];
    c->out[0].dims[c->out[0].rank - 1] = b->dims[b->rank - 1];
    return TN_OK;
}

tn_status op_infer_when(const op_infer *c)
{
    BASE_TRY(op_want_square(c, 0));
    BASE_TRY(op_want_shape(c, 1, c->in[0]));
    if (!c->in[1] != !c->in[2] || (c->in[2] && c->in[2]->rank != 0))
        return op_fail(c, TN_SHAPE, "'old' and 'due' belong together, and due has no axes");
    return op_infer_same(c);
}

tn_dim op_least(dim_table *t, tn_dim a, tn_dim b)
{
    return dim_sub(t, dim_add(t, a, b), dim_max(t, a, b));
}

/* ---- gradients ---------------------------------------------------------------------------------------------------- */

tn_tensor *op_turned(tn_tensor *x)
{
    return tn_transpose(x, -1, -2);
}

tn_tensor *op_as_matrix(tn_tensor *x)
{
    return tn_unsqueeze(tn_unsqueeze(x, -1), -1);
}

tn_tensor *op_on_triangle(tn_tensor *dx, int64_t triangle)
{
    tn_tensor *even = tn_mul_f(tn_add(dx, op_turned(dx)), 0.5);
    if (triangle == OP_LOWER)
        return tn_add(tn_tril(even, 0), tn_tril(even, -1));
    if (triangle == OP_UPPER)
        return tn_add(tn_triu(even, 0), tn_triu(even, 1));
    return even;
}

/* ---- matrices of references ----------------------------------------------------------------------------------------- */

int64_t op_matrices(const op_array *x)
{
    int64_t n = op_rows(x) * op_cols(x);
    return n ? x->count / n : 0;
}

int64_t op_matrix_at(const op_array *y, const op_array *x, int64_t b)
{
    int64_t at = 0, step = 1;
    for (int k = x->rank - 3, j = y->rank - 3; k >= 0; k--, j--) {
        at += x->dims[k] == 1 ? 0 : b % y->dims[j] * step;
        b /= y->dims[j];
        step *= x->dims[k];
    }
    return at;
}

bool op_finite(const double *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return false;
    return true;
}

void op_fill_nan(double *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = (double)NAN;
}

double op_largest(const double *x, int64_t n)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++)
        most = fmax(most, fabs(x[i]));
    return most;
}

bool op_read_symmetric(const double *x, double *y, int64_t n, int64_t triangle)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) {
            double here = x[i * n + j], there = x[j * n + i];
            bool read = triangle == OP_LOWER ? i >= j : i <= j;
            y[i * n + j] = triangle == OP_BOTH ? 0.5 * here + 0.5 * there : read ? here : there;
        }
    if (op_finite(y, n * n))
        return true;
    op_fill_nan(y, n * n);
    return false;
}

/* ---- elimination ------------------------------------------------------------------------------------------------- */

static void swap_rows(double *x, int64_t columns, int64_t a, int64_t b)
{
    for (int64_t j = 0; j < columns && a != b; j++) {
        double t = x[a * columns + j];
        x[a * columns + j] = x[b * columns + j];
        x[b * columns + j] = t;
    }
}

static void swap_columns(double *x, int64_t n, int64_t width, int64_t p, int64_t q)
{
    for (int64_t i = 0; i < n && p != q; i++) {
        double t = x[i * width + p];
        x[i * width + p] = x[i * width + q];
        x[i * width + q] = t;
    }
}

int op_eliminate(double *a, int64_t n, double *b, int64_t k, int64_t *minor)
{
    int sign = 1;
    for (int64_t c = 0; c < n; c++) {
        int64_t best = c;
        for (int64_t i = c + 1; i < n; i++)
            if (fabs(a[i * n + c]) > fabs(a[best * n + c]))
                best = i;
        if (a[best * n + c] == 0) {
            *minor = c + 1;
            return 0;
        }
        sign = best == c ? sign : -sign;
        swap_rows(a, n, c, best);
        swap_rows(b, k, c, best);
        for (int64_t i = c + 1; i < n; i++) {
            double part = a[i * n + c] / a[c * n + c];
            for (int64_t j = c; j < n; j++)
                a[i * n + j] -= part * a[c * n + j];
            for (int64_t j = 0; j < k; j++)
                b[i * k + j] -= part * b[c * k + j];
        }
    }
    op_triangle_solve(&(op_triangle){.t = a, .n = n, .row = n, .col = 1}, b, k);
    return sign;
}

int op_invert(const double *x, int64_t n, double *used, double *inverse, int64_t *minor)
{
    for (int64_t i = 0; i < n * n; i++) {
        used[i] = x[i];
        inverse[i] = i % (n + 1) == 0;
    }
    return op_eliminate(used, n, inverse, n, minor);
}

/* x[row, ...] and x[..., column] change places with row and column c; whether the sign of a determinant stays. */
static bool bring(double *x, int64_t n, int64_t c, double *row, double *column)
{
    int64_t r = c, k = c;
    for (int64_t i = c; i < n; i++)
        for (int64_t j = c; j < n; j++)
            if (fabs(x[i * n + j]) > fabs(x[r * n + k])) {
                r = i;
                k = j;
            }
    swap_rows(x, n, c, r);
    swap_rows(row, 1, c, r);
    swap_columns(x, n, n, c, k);
    swap_rows(column, 1, c, k);
    return (r == c) == (k == c);
}

/* y = the cofactors of the triangle u above the diagonal of x, a lower triangle. But for its last row, which never divides by the last
 * pivot, row k is that pivot times what follows from the others. */
static void triangle_cofactors(const double *u, int64_t n, double *y)
{
    double first = 1, last = u[n * n - 1];
    for (int64_t i = 0; i + 1 < n; i++)
        first *= u[i * (n + 1)];
    memset(y, 0, (size_t)(n * n) * sizeof *y);
    for (int64_t k = 0; k < n; k++) {
        double right = k + 1 < n ? last * first : -first; /* u11 v = right e_k, or right u12 */
        for (int64_t i = k + 1 < n ? k : n - 2; i >= 0; i--) {
            double sum = k + 1 < n ? (i == k) * right : right * u[i * n + n - 1];
            for (int64_t j = i + 1; j + 1 < n; j++)
                sum -= u[i * n + j] * y[k * n + j];
            y[k * n + i] = sum / u[i * (n + 1)];
        }
    }
    y[n * n - 1] = first;
}

/* With rows and columns in the order of the pivots x = l u, and cofactors of products are products of cofactors. */
void op_find_cofactors(const double *x, int64_t n, double *y, double *room)
{
    double *u = room, *row = u + n * n, *column = row + n, sign = 1;
    memcpy(u, x, (size_t)(n * n) * sizeof *u);
    for (int64_t i = 0; i < n; i++)
        row[i] = column[i] = (double)i;
    for (int64_t c = 0; c < n; c++) {
        sign = bring(u, n, c, row, column) ? sign : -sign;
        double pivot = u[c * (n + 1)];
        if (pivot == 0 && c + 1 < n) { /* the rank is less by two or more */
            memset(y, 0, (size_t)(n * n) * sizeof *y);
            return;
        }
        for (int64_t i = c + 1; i < n; i++) {
            u[i * n + c] /= pivot;
            for (int64_t j = c + 1; j < n; j++)
                u[i * n + j] -= u[i * n + c] * u[c * n + j];
        }
    }
    triangle_cofactors(u, n, y);
    op_triangle_solve(&(op_triangle){.t = u, .n = n, .row = 1, .col = n, .unit = true}, y, n);
    for (int64_t i = 0; i < n; i++) /* back in order, by way of u, which is used up */
        for (int64_t j = 0; j < n; j++)
            u[(int64_t)row[i] * n + (int64_t)column[j]] = sign * y[i * n + j];
    memcpy(y, u, (size_t)(n * n) * sizeof *y);
}

/* x with rows and columns in the order of the pivots as l d u, l and u with ones on their diagonals, in one matrix; where a pivot is 0 all that
 * is left is, and l and u go on as the identity. Gives the sign of the permutations. */
static double eliminate_fully(double *u, int64_t n, double *row, double *column)
{
    double sign = 1;
    for (int64_t i = 0; i < n; i++)
        row[i] = column[i] = (double)i;
    for (int64_t c = 0; c < n; c++) {
        sign = bring(u, n, c, row, column) ? sign : -sign;
        const double pivot = u[c * (n + 1)];
        for (int64_t i = c + 1; i < n && pivot != 0; i++) {
            u[i * n + c] /= pivot;
            for (int64_t j = c + 1; j < n; j++)
                u[i * n + j] -= u[i * n + c] * u[c * n + j];
        }
        for (int64_t j = c + 1; j < n && pivot != 0; j++)
            u[c * n + j] /= pivot;
    }
    return sign;
}

/* How the cofactors of a diagonal matrix move along f, into m: both have products of the diagonal but for two places. */
static void move_diagonal(const double *u, int64_t n, const double *f, double *m, double *after)
{
    double before = 1;
    memset(m, 0, (size_t)(n * n) * sizeof *m);
    after[n] = 1;
    for (int64_t i = n; i-- > 0;)
        after[i] = after[i + 1] * u[i * (n + 1)];
    for (int64_t i = 0; i < n; before *= u[i * (n + 1)], i++) {
        double between = 1;
        for (int64_t j = i + 1; j < n; between *= u[j * (n + 1)], j++) {
            const double rest = before * between * after[j + 1];
            m[i * (n + 1)] += f[j * (n + 1)] * rest;
            m[j * (n + 1)] += f[i * (n + 1)] * rest;
            m[i * n + j] = -f[j * n + i] * rest;
            m[j * n + i] = -f[i * n + j] * rest;
        }
    }
}

/* With x = a d b, cofactors of products being products of cofactors, they move along e as those of d along a^-1 e b^-1. */
void op_move_cofactors(const double *x, const double *e, int64_t n, double *y, double *room)
{
    double *u = room, *f = u + n * n, *row = f + n * n, *column = row + n, *after = column + n;
    memcpy(u, x, (size_t)(n * n) * sizeof *u);
    const double sign = eliminate_fully(u, n, row, column);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++)
            y[i * n + j] = e[(int64_t)row[i] * n + (int64_t)column[j]];
    for (int64_t i = 0; i < n; i++) /* l^-1 e u^-1 */
        for (int64_t k = 0; k < i; k++)
            for (int64_t j = 0; j < n; j++)
                y[i * n + j] -= u[i * n + k] * y[k * n + j];
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < n; k++)
            for (int64_t j = k + 1; j < n; j++)
                y[i * n + j] -= y[i * n + k] * u[k * n + j];
    move_diagonal(u, n, y, f, after);
    for (int64_t i = n; i-- > 0;) /* l^-T m u^-T */
        for (int64_t k = i + 1; k < n; k++)
            for (int64_t j = 0; j < n; j++)
                f[i * n + j] -= u[k * n + i] * f[k * n + j];
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = n; j-- > 0;)
            for (int64_t k = j + 1; k < n; k++)
                f[i * n + j] -= f[i * n + k] * u[j * n + k];
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++)
            y[(int64_t)row[i] * n + (int64_t)column[j]] = sign * f[i * n + j];
}

double op_condition(const double *x, const double *inverse, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++)
            sum += fabs(x[i * n + j] * inverse[j * n + i]);
    return sum;
}

void op_solve_magnitude(const double *a, const double *inverse, int64_t n, const double *x, int64_t k,
                        double *magnitude, double *column)
{
    for (int64_t j = 0; j < k; j++) {
        if (n && isnan(x[j]))
            continue;
        for (int64_t i = 0; i < n; i++) {
            column[i] = 0;
            for (int64_t l = 0; l < n; l++)
                column[i] += fabs(a[i * n + l] * x[l * k + j]);
        }
        for (int64_t i = 0; i < n; i++)
            for (int64_t l = 0; l < n; l++)
                magnitude[i * k + j] += fabs(inverse[i * n + l]) * column[l];
    }
}

double op_eliminate_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)arg, (void)out;
    return 2 * op_elements(in[0]) * (double)in[0]->dims[in[0]->rank - 1] / 3;
}

void op_triangle_solve(const op_triangle *t, double *b, int64_t k)
{
    for (int64_t s = 0; s < t->n; s++) {
        int64_t i = t->lower ? s : t->n - 1 - s;
        double *row = b + i * k;
        for (int64_t q = 0; q < s; q++) {
            int64_t l = t->lower ? q : t->n - 1 - q;
            for (int64_t j = 0; j < k; j++)
                row[j] -= t->t[i * t->row + l * t->col] * b[l * k + j];
        }
        for (int64_t j = 0; j < k && !t->unit; j++)
            row[j] /= t->t[i * (t->row + t->col)];
    }
}

/* ---- rotations ---------------------------------------------------------------------------------------------------- */

/* The smaller rotation that takes the off-diagonal `off` of {{a, off}, {off, b}} to 0. */
static void rotation(double a, double b, double off, double *cosine, double *sine)
{
    double theta = (b - a) / (2 * off), t = copysign(1, theta) / (fabs(theta) + hypot(theta, 1));
    *cosine = 1 / hypot(t, 1);
    *sine = t * *cosine;
}

/* Columns p and q of x[n, width]. */
static void rotate(double *x, int64_t n, int64_t width, int64_t p, int64_t q, double c, double s)
{
    for (int64_t i = 0; i < n; i++) {
        double a = x[i * width + p], b = x[i * width + q];
        x[i * width + p] = c * a - s * b;
        x[i * width + q] = s * a + c * b;
    }
}

static void set_identity(double *x, int64_t n)
{
    memset(x, 0, (size_t)(n * n) * sizeof *x);
    for (int64_t i = 0; i < n; i++)
        x[i * n + i] = 1;
}

double op_upright(double *x, int64_t n, int64_t k, int64_t j)
{
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++)
        if (fabs(x[i * k + j]) > fabs(x[best * k + j]))
            best = i;
    if (n == 0 || x[best * k + j] >= 0)
        return 1;
    for (int64_t i = 0; i < n; i++)
        x[i * k + j] = -x[i * k + j];
    return -1;
}

/* One round over all pairs; whether something was turned. */
static bool jacobi_sweep(double *a, int64_t n, double *v)
{
    bool turned = false;
    for (int64_t p = 0; p < n; p++)
        for (int64_t q = p + 1; q < n; q++) {
            double off = a[p * n + q], c, s;
            if (fabs(off) <= 1e-17 * sqrt(fabs(a[p * n + p] * a[q * n + q])) || fabs(off) < DBL_MIN)
                continue;
            rotation(a[p * n + p], a[q * n + q], off, &c, &s);
            rotate(a, n, n, p, q, c, s);
            for (int64_t j = 0; j < n; j++) { /* and the rows */
                double x = a[p * n + j], y = a[q * n + j];
                a[p * n + j] = c * x - s * y;
                a[q * n + j] = s * x + c * y;
            }
            a[p * n + q] = a[q * n + p] = 0;
            rotate(v, n, n, p, q, c, s);
            turned = true;
        }
    return turned;
}

void op_jacobi(double *a, int64_t n, double *value, double *v)
{
    set_identity(v, n);
    for (int round = 0; round < 60 && jacobi_sweep(a, n, v); round++) {
    }
    for (int64_t i = 0; i < n; i++)
        value[i] = a[i * n + i];
    for (int64_t i = 0; i < n; i++) {
        int64_t least = i;
        for (int64_t j = i + 1; j < n; j++)
            least = value[j] < value[least] ? j : least;
        double t = value[i];
        value[i] = value[least];
        value[least] = t;
        swap_columns(v, n, n, i, least);
        (void)op_upright(v, n, n, i);
    }
}

static double column_dot(const double *u, int64_t m, int64_t n, int64_t p, int64_t q)
{
    double sum = 0;
    for (int64_t i = 0; i < m; i++)
        sum += u[i * n + p] * u[i * n + q];
    return sum;
}

static bool svd_sweep(double *u, int64_t m, int64_t n, double *v)
{
    bool turned = false;
    for (int64_t p = 0; p < n; p++)
        for (int64_t q = p + 1; q < n; q++) {
            double a = column_dot(u, m, n, p, p), b = column_dot(u, m, n, q, q), off = column_dot(u, m, n, p, q), c, s;
            if (fabs(off) <= 1e-16 * sqrt(a * b) || fabs(off) < DBL_MIN)
                continue;
            rotation(a, b, off, &c, &s);
            rotate(u, m, n, p, q, c, s);
            rotate(v, n, n, p, q, c, s);
            turned = true;
        }
    return turned;
}

/* Column j of u, which is 0, becomes one of length 1 that is orthogonal to those before it. */
static void complete_column(double *u, int64_t m, int64_t n, int64_t j)
{
    for (int64_t axis = 0; axis < m; axis++) {
        for (int64_t i = 0; i < m; i++)
            u[i * n + j] = i == axis;
        for (int twice = 0; twice < 2; twice++)
            for (int64_t k = 0; k < j; k++) {
                double part = column_dot(u, m, n, k, j);
                for (int64_t i = 0; i < m; i++)
                    u[i * n + j] -= part * u[i * n + k];
            }
        double length = sqrt(column_dot(u, m, n, j, j));
        for (int64_t i = 0; i < m && length > 0.5 / sqrt((double)m); i++)
            u[i * n + j] /= length;
        if (length > 0.5 / sqrt((double)m))
            return;
    }
}

void op_jacobi_svd(double *u, int64_t m, int64_t n, double *s, double *v)
{
    set_identity(v, n);
    for (int round = 0; round < 60 && svd_sweep(u, m, n, v); round++) {
    }
    for (int64_t j = 0; j < n; j++)
        s[j] = sqrt(column_dot(u, m, n, j, j));
    double most = op_largest(s, n);
    for (int64_t j = 0; j < n; j++) {
        int64_t best = j;
        for (int64_t k = j + 1; k < n; k++)
            best = s[k] > s[best] ? k : best;
        double t = s[j];
        s[j] = s[best];
        s[best] = t;
        swap_columns(u, m, n, j, best);
        swap_columns(v, n, n, j, best);
        if (s[j] > 1e-15 * most)
            for (int64_t i = 0; i < m; i++)
                u[i * n + j] /= s[j];
        else
            complete_column(u, m, n, j);
        if (op_upright(u, m, n, j) < 0)
            for (int64_t i = 0; i < n; i++)
                v[i * n + j] = -v[i * n + j];
    }
}
