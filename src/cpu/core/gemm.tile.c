/* gemm.tile.c: the pieces of a matrix product for one instruction set; the code itself is gemm_body.h, read twice. */
#include "cpu/core/gemm_kernels.h"
#include "cpu/core/vec.h"

/* MR x NR sums stay in registers: 14 x 2 of 32 vectors, 6 x 2 of 16; the rest hold two of B and one or two of A. */
#if CPU_VF == 16
#define GEMM_MR 14
#else
#define GEMM_MR 6
#endif
#if CPU_VF > 4
#define GEMM_MASKED true
#else
#define GEMM_MASKED false
#endif

#define T float
#define V cpu_vf
#define LANES CPU_VF
#define OP(name) cpu_vf_##name
#define NAME(name) name##_f32
#define HALVES 1
#include "cpu/core/gemm_body.h"
#undef T
#undef V
#undef LANES
#undef OP
#undef NAME
#undef HALVES

#define T double
#define V cpu_vd
#define LANES CPU_VD
#define OP(name) cpu_vd_##name
#define NAME(name) name##_f64
#define HALVES 0
#include "cpu/core/gemm_body.h"
