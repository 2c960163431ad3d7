/* fft.h: Fourier transforms of f32 and f64 on one thread, a unit of them at a time.
 *
 * The core is Stockham's mixed-radix algorithm on vectors, so that every lane transforms numbers of its own. It is used in three ways,
 * which the length decides, and whether numbers of one transform are neighbours:
 *   LANES   lengths of small prime factors: the lanes are neighbouring transforms, a vector's width of them in a unit;
 *   WITHIN  along the last axis, long multiples of the vector's width w: the lanes are n / w numbers of one transform each, w apart;
 *           what they gave is turned by the twiddle factors, and transforms of w numbers across the lanes follow (Bailey's four
 *           steps);
 *   CHIRP   lengths with a large prime factor, and long ones that are no multiple of w: a convolution with a chirp (Bluestein), by two
 *           transforms WITHIN whose length is a power of two.
 * Real numbers of even length are the real and imaginary parts of half as many complex ones, and what they gave is taken apart;
 * of odd length they are complex numbers without imaginary parts. Everything is planned, and tables are made, before running. */
#ifndef CPU_FFT_H
#define CPU_FFT_H

#include "base/arena.h"
#include "cpu/core/isa.h"

#include <stdint.h>

enum { CPU_FFT_STAGES = 44, CPU_FFT_LARGEST = 61 /* radix */, CPU_FFT_LONG = 1 << 14 };

/* One pass: m groups of `radix` numbers m apart become neighbours, each s vectors wide. */
typedef struct cpu_fft_stage {
    int64_t radix, m, s;
    const void *turn;  /* [m][radix - 1] complex factors; NULL where all are 1 */
    const void *roots; /* of unity, [radix] complex, for a radix that has no code of its own */
} cpu_fft_stage;

typedef struct cpu_fft_line {
    int stages;
    cpu_fft_stage stage[CPU_FFT_STAGES];
} cpu_fft_line;

typedef enum cpu_fft_way { CPU_FFT_LANES, CPU_FFT_WITHIN, CPU_FFT_CHIRP } cpu_fft_way;

/* The transform of n complex numbers. */
typedef struct cpu_fft {
    int64_t n;
    cpu_fft_way way;
    cpu_fft_line line;      /* of n or, WITHIN, of n / w numbers */
    const void *turn;       /* WITHIN: [n / w] pairs of vectors */
    struct cpu_fft *longer; /* CHIRP: the transform of the convolution */
    const void *chirp;      /* its [n] real parts, then the imaginary ones */
    const void
        *spectrum; /* [longer->n] real parts of the chirp's transform divided by its length, then the imaginary ones */
} cpu_fft;

typedef enum cpu_fft_kind { CPU_FFT_COMPLEX, CPU_FFT_FROM_REAL, CPU_FFT_TO_REAL } cpu_fft_kind;

/* Transforms of n numbers along the middle axis of [outer, n, inner], complex ones as pairs; half spectra have n / 2 + 1. */
typedef struct cpu_fft_plan {
    cpu_fft_kind kind;
    bool inverse; /* of complex ones */
    int64_t n, outer, inner;
    double scale, edge; /* all is multiplied by scale; what has no conjugate twin in a half spectrum by edge too */
    cpu_fft core;
    const void *turn;       /* n even: exp(-2 pi i k / n), [n / 4 + 1] real parts, then the imaginary ones */
    int64_t units, scratch; /* scratch: numbers that a unit needs */
    int64_t array;          /* numbers in each of the four arrays that one transform needs; not of LANES */
} cpu_fft_plan;

typedef struct cpu_fft_fns {
    int lanes;
    /* Unit 0 <= `unit` < units; scratch is aligned to 64 bytes. */
    void (*run)(const cpu_fft_plan *p, const void *x, void *y, int64_t unit, void *scratch);
} cpu_fft_fns;

const cpu_fft_fns *cpu_fft_fns_of(cpu_isa isa, bool f64);
/* kind, inverse, n, outer, inner, scale and edge are set; the rest is filled in, with tables in the arena. False: no memory. */
bool cpu_fft_prepare(cpu_fft_plan *p, cpu_isa isa, bool f64, base_arena *arena);

#endif
