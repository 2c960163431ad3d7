/* recurrent_one.h: recurrent layers on one sequence. A step is a product of one row, too short to be cut once for the sums and once for the
 * gates: here a chunk of units has its sums and then its gates, and a step is one loop over the threads. */
#ifndef CPU_RECURRENT_ONE_H
#define CPU_RECURRENT_ONE_H

#include "cpu/core/recurrent.h"

#include <stddef.h>

enum { CPU_ONE_UNITS = 64 }; /* in a chunk, and columns in a panel of weights */

typedef struct cpu_one {
    cpu_isa isa;
    int threads, kind, gates; /* OP_REC_...; sums of a unit */
    bool reverse;
    int64_t steps, n;
} cpu_one;

/* Bytes of the weights as steps read them, w[gates n][n] from memory: forward, a panel for each gate of each chunk, backward one for each
 * chunk. 64-aligned. */
size_t cpu_one_packed(const cpu_one *o, bool backward);
void cpu_one_pack(const cpu_one *o, bool backward, const float *w, float *packed);

/* x[steps][gates n], b[gates n] or NULL, h0[n] to y[steps][n] and the last state h[n]; of lstm c[n] in place, gates[steps][4 n] and
 * cells[steps][n], of gru gates alone. */
typedef struct cpu_one_forward {
    const float *packed, *x, *b, *h0;
    float *y, *h, *c, *gates, *cells;
} cpu_one_forward;
void cpu_one_run(const cpu_one *o, const cpu_one_forward *f);

/* From what arrives at the outputs (dy, dgates, dcells, each or NULL) and at the last state, in h and c, to dx[steps][gates n] and what arrives
 * at the first state, in h and c. u[2][gates n] is scratch, of gru alone. */
typedef struct cpu_one_backward {
    const float *packed, *h0, *c0, *y, *gates, *cells, *dy, *dgates, *dcells;
    float *dx, *h, *c, *u;
} cpu_one_backward;
void cpu_one_grad(const cpu_one *o, const cpu_one_backward *b);

#endif
