/* eigen.h: eigenvalues and vectors of matrices that are not symmetric, in complex numbers. */
#ifndef OP_EIGEN_H
#define OP_EIGEN_H

#include <complex.h>
#include <stdint.h>

typedef double complex op_complex;

/* x[n, n], which came from real numbers, is used up. Values by real, then imaginary part; vectors are the columns of v[n, n], of
 * length 1, the first of the largest elements (up to a thousandth) real and above 0; pairs of conjugate values have conjugate vectors. q[n, n] is room. The QR algorithm with Wilkinson's shifts
 * (Golub, Van Loan, Matrix Computations, 7.5 and 7.6). */
void op_eigen(op_complex *x, int64_t n, op_complex *value, op_complex *v, op_complex *q);
/* How much each value moves for a change of x of size 1: the lengths of the rows of v's inverse. a[n, n] and inverse[n, n] are room. */
void op_eigen_conditions(const op_complex *v, int64_t n, double *condition, op_complex *a, op_complex *inverse);

#endif
