/* fft.tile.c: Fourier transforms (fft.h), built once per instruction set: the same text for f32 and f64. */
#include "cpu/core/fft.h"
#include "cpu/core/transpose.h"

/* Lane l of vectors of n: of the pairs in two vectors the first or second parts, and back. */
#define FIRST(l, d, n) (2 * (l))
#define SECOND(l, d, n) (2 * (l) + 1)
#define PAIRS(l, d, n) ((l) / 2 + (l) % 2 * (n))
#define MORE_PAIRS(l, d, n) ((l) / 2 + (n) / 2 + (l) % 2 * (n))

#define T float
#define V cpu_vf
#define W CPU_VF
#define VEC(name) cpu_vf_##name
#define FN(name) name##_f32
#if CPU_VF == 16
#define LIST CPU_LIST16
#define LANE_DFT FN(dft16)
#elif CPU_VF == 8
#define LIST CPU_LIST8
#define LANE_DFT FN(dft8)
#else
#define LIST CPU_LIST4
#define LANE_DFT FN(dft4)
#endif
#include "cpu/core/fft_body.h"
#undef T
#undef V
#undef W
#undef VEC
#undef FN
#undef LIST
#undef LANE_DFT

#define T double
#define V cpu_vd
#define W CPU_VD
#define VEC(name) cpu_vd_##name
#define FN(name) name##_f64
#if CPU_VF == 16
#define LIST CPU_LIST8
#define LANE_DFT FN(dft8)
#elif CPU_VF == 8
#define LIST CPU_LIST4
#define LANE_DFT FN(dft4)
#else
#define LIST CPU_LIST2
#define LANE_DFT FN(dft2)
#endif
#include "cpu/core/fft_body.h"

extern const cpu_fft_fns CPU_NAME(cpu_fft_fns)[2];
const cpu_fft_fns CPU_NAME(cpu_fft_fns)[2] = {{CPU_VF, run_f32}, {CPU_VD, run_f64}};
