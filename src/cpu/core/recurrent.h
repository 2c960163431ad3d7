/* recurrent.h: the gates of recurrent layers: rows of n adjacent f32 numbers, those of a row's gates one behind the other. */
#ifndef CPU_RECURRENT_H
#define CPU_RECURRENT_H

#include "cpu/core/isa.h"

#include <stdint.h>

typedef struct cpu_recurrent_fns {
    /* y = f(y) */
    void (*act)(int64_t n, bool relu, float *y);
    /* gates[4 n] from sums to i, f, g, o, in place; the new cell and state. c may be c0. peep[3 n] may be NULL. */
    void (*lstm)(int64_t n, const float *peep, float *gates, const float *c0, float *c, float *h);
    /* gates[4 n] are r, z, n, u from x[3 n] and u[3 n]; h may be h0. */
    void (*gru)(int64_t n, const float *x, const float *u, const float *h0, float *gates, float *h);
    /* dx = d f' */
    void (*act_grad)(int64_t n, bool relu, const float *y, const float *d, float *dx);
    /* dc becomes what goes on; dx[4 n]. peep[3 n] and dgates[4 n] may be NULL. */
    void (*lstm_grad)(int64_t n, const float *peep, const float *gates, const float *c0, const float *c, const float *d,
                      const float *dgates, float *dc, float *dx);
    /* d becomes what goes on past the gates; dx[3 n], du[3 n]. */
    void (*gru_grad)(int64_t n, const float *gates, const float *h0, const float *dgates, float *d, float *dx,
                     float *du);
} cpu_recurrent_fns;
const cpu_recurrent_fns *cpu_recurrent_fns_of(cpu_isa isa);

#endif
