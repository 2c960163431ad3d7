/* dense.tile.c: the innermost blocks of dense.h, built once per instruction set. */
#include "cpu/core/dense.h"
#include "cpu/core/vec.h"

#include <math.h>

#define T float
#define NAME(name) name##_f32
#define SIZE fabsf
#define ROOT sqrtf
#include "cpu/core/dense_body.h"
#undef T
#undef NAME
#undef SIZE
#undef ROOT
#define T double
#define NAME(name) name##_f64
#define SIZE fabs
#define ROOT sqrt
#include "cpu/core/dense_body.h"

extern const cpu_dense_loops CPU_NAME(cpu_dense_f32), CPU_NAME(cpu_dense_f64);
const cpu_dense_loops CPU_NAME(cpu_dense_f32) = {panel_f32, cholesky_f32, solve_f32, reflect_f32, unpack_f32, join_f32};
const cpu_dense_loops CPU_NAME(cpu_dense_f64) = {panel_f64, cholesky_f64, solve_f64, reflect_f64, unpack_f64, join_f64};
