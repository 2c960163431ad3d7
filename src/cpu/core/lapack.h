/* lapack.h: what is used of LAPACK, which is opened when a program first needs it and then stays: it brings BLAS and Fortran's library
 * along. Matrices are stored by columns: ours, read so, are transposed. */
#ifndef CPU_LAPACK_H
#define CPU_LAPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <tarn/core.h>

/* X(field, name without its first letter, arguments): s or d, arrays are of float or double. Behind the arguments go the lengths of
 * the texts, as Fortran has it. */
#define LAPACK_FUNCTIONS(X)                                                                                            \
    X(eigh, "syevd_",                                                                                                  \
      (const char *vectors, const char *triangle, const int *n, void *a, const int *a_step, void *value, void *work,   \
       const int *n_work, int *iwork, const int *n_iwork, int *info, size_t, size_t))                                  \
    X(eig, "geev_",                                                                                                    \
      (const char *left, const char *right, const int *n, void *a, const int *a_step, void *re, void *im, void *vl,    \
       const int *vl_step, void *vr, const int *vr_step, void *work, const int *n_work, int *info, size_t, size_t))    \
    X(svd, "gesdd_",                                                                                                   \
      (const char *form, const int *m, const int *n, void *a, const int *a_step, void *s, void *u, const int *u_step,  \
       void *vt, const int *vt_step, void *work, const int *n_work, int *iwork, int *info, size_t))

typedef struct cpu_lapack {
#define FIELD(name, symbol, arguments) void(*name) arguments;
    LAPACK_FUNCTIONS(FIELD)
#undef FIELD
} cpu_lapack;

/* False where there is no such library, or Tarn was built without it. */
bool cpu_lapack_open(tn_dtype dtype, cpu_lapack *l);

#endif
