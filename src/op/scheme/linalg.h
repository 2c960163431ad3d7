/* linalg.h: what operators on matrices share: the last two axes are the matrix, those before them count the matrices.
 *
 * A matrix that is read and has an element that is not finite gives NaN throughout, whatever the algorithm. References are
 * textbook algorithms in double; the scale of the rounding error of a result is told by the condition of its matrix. */
#ifndef OP_LINALG_H
#define OP_LINALG_H

#include "op/internal.h"

/* As tn_triangle. */
enum { OP_BOTH, OP_LOWER, OP_UPPER };
extern const char *const op_triangles[];
#define OP_ARG_TRIANGLE OP_ARG_ENUM("triangle", OP_BOTH, op_triangles)

/* ---- inference ---------------------------------------------------------------------------------------------------- */

/* Input i has two axes or more; its last two have the same size. */
tn_status op_want_matrix(const op_infer *c, int i);
tn_status op_want_square(const op_infer *c, int i);
/* x for a x = b: inputs a and b, leading axes are broadcast. */
tn_status op_infer_solve(const op_infer *c);
/* A matrix like x that is computed where `due` is true and else `old`: inputs x, old and due, the last two or neither. */
tn_status op_infer_when(const op_infer *c);
/* The smaller of two sizes. */
tn_dim op_least(dim_table *t, tn_dim a, tn_dim b);

/* ---- gradients ---------------------------------------------------------------------------------------------------- */

/* x^T; x with axes of size 1 behind it, to multiply matrices by. */
tn_tensor *op_turned(tn_tensor *x);
tn_tensor *op_as_matrix(tn_tensor *x);
/* The gradient of what the triangle stands for, given that of a symmetric matrix. */
tn_tensor *op_on_triangle(tn_tensor *dx, int64_t triangle);
/* The inverse, NaN where there is none; the cofactors, which there always are. */
tn_tensor *op_inverse_of(tn_tensor *x);
tn_tensor *op_cofactors_of(tn_tensor *x);
/* The gradient of the cofactors, which is also how they move along dy. */
tn_tensor *op_cofactors_grad_of(tn_tensor *x, tn_tensor *dy);

/* ---- references --------------------------------------------------------------------------------------------------- */

static inline int64_t op_rows(const op_array *x)
{
    return x->dims[x->rank - 2];
}
static inline int64_t op_cols(const op_array *x)
{
    return x->dims[x->rank - 1];
}
/* How many matrices; 0 where they have no elements. */
int64_t op_matrices(const op_array *x);
/* The number of x's matrix that is broadcast to matrix b of y. */
int64_t op_matrix_at(const op_array *y, const op_array *x, int64_t b);
bool op_finite(const double *x, int64_t n);
void op_fill_nan(double *x, int64_t n);
double op_largest(const double *x, int64_t n);
/* The symmetric matrix that a triangle of x stands for; false, and NaN in y, where it is not finite. */
bool op_read_symmetric(const double *x, double *y, int64_t n, int64_t triangle);
/* b[n, k] becomes a^-1 b by elimination with the largest pivots; a is used up: an upper triangle stays. The sign of the
 * permutation; 0 and *minor (from 1) where a has no inverse. */
int op_eliminate(double *a, int64_t n, double *b, int64_t k, int64_t *minor);
/* The same for the inverse of finite x; used[n, n] is left with the triangle. */
int op_invert(const double *x, int64_t n, double *used, double *inverse, int64_t *minor);
/* The cofactors of finite x into y[n, n]; room for n * (n + 2) numbers. */
void op_find_cofactors(const double *x, int64_t n, double *y, double *room);
/* How they move when x moves along e; room for n * (2 n + 3) + 1 numbers. */
void op_move_cofactors(const double *x, const double *e, int64_t n, double *y, double *room);
/* The sum of |x[i, j] inverse[j, i]|: how far the determinant moves, in parts of it, when x is rounded. */
double op_condition(const double *x, const double *inverse, int64_t n);
/* |inverse| |a| |x|: how far x[n, k] with a x = b moves when a is rounded. Columns of NaN are left out; column[n] is room. */
void op_solve_magnitude(const double *a, const double *inverse, int64_t n, const double *x, int64_t k,
                        double *magnitude, double *column);
/* op_def.flops of elimination alone. */
double op_eliminate_flops(const op_value *arg, const graph_type *const *in, const graph_type *out);
/* t x = b for a triangle, in b's place; element (i, j) of t is t[i * row + j * col]. */
typedef struct op_triangle {
    const double *t;
    int64_t n, row, col;
    bool lower, unit;
} op_triangle;
void op_triangle_solve(const op_triangle *t, double *b, int64_t k);
/* Values in rising order and vectors as columns v[n, n]; a is used up. Jacobi's rotations (Golub, Van Loan, Matrix Computations,
 * 8.5). */
void op_jacobi(double *a, int64_t n, double *value, double *v);
/* u[m, n] comes as a matrix, m >= n, and becomes its left vectors; s falls; v[n, n] has the right vectors as columns. Rotations
 * from one side (Hestenes 1958). */
void op_jacobi_svd(double *u, int64_t m, int64_t n, double *s, double *v);
/* Column j of x[n, k], by its largest element, gets that one positive: 1, or -1 when it is turned round. */
double op_upright(double *x, int64_t n, int64_t k, int64_t j);

#endif
