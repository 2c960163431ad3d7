/* gemm.tile.c: the pieces of a matrix product for one instruction set; the code itself is gemm_body.h, read twice. */
#include "cpu/core/gemm_kernels.h"
#include "cpu/core/transpose.h"
#include "cpu/core/vec.h"

#define GEMM_DEPTH 2 /* k's per turn of the innermost loop */
#if CPU_VF > 4
#define GEMM_MASKED true
#else
#define GEMM_MASKED false
#endif

/* MR x 2 vectors of sums stay in registers: 14 x 2 of 32 vectors, 6 x 2 of 16; the rest hold two of B and one or two of
 * A. Double has smaller tiles, which cost little speed and save much code. */
#define T float
#define MR (CPU_VF == 16 ? 14 : 6)
#define V cpu_vf
#define LANES CPU_VF
#define OP(name) cpu_vf_##name
#define NAME(name) name##_f32
#define HALVES 1
#include "cpu/core/gemm_body.h"
#undef T
#undef MR
#undef V
#undef LANES
#undef OP
#undef NAME
#undef HALVES

#define T double
#define MR (CPU_VF == 16 ? 8 : 6)
#define V cpu_vd
#define LANES CPU_VD
#define OP(name) cpu_vd_##name
#define NAME(name) name##_f64
#define HALVES 0
#include "cpu/core/gemm_body.h"
