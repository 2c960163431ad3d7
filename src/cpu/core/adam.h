/* adam.h: the update of Adam and AdamW on f32, one pass over memory: every number is read once and written once. */
#ifndef CPU_ADAM_H
#define CPU_ADAM_H

#include "cpu/core/isa.h"

#include <stdint.h>

/* g = scale * grad + l1 * sign(p) + decay * p;  m += rate1 * (g - m);  v = beta2 * v + rate2 * g^2;
 * p = keep * p - size * m / (sqrt(v) * spread + eps) */
typedef struct cpu_adam {
    float scale, l1, decay, keep, rate1, beta2, rate2, size, spread, eps;
} cpu_adam;

/* n elements; outputs may be their inputs. */
typedef struct cpu_adam_data {
    const float *p, *g, *m, *v;
    float *to_p, *to_m, *to_v;
} cpu_adam_data;

typedef void (*cpu_adam_fn)(const cpu_adam *a, const cpu_adam_data *d, int64_t from, int64_t to);
cpu_adam_fn cpu_adam_of(cpu_isa isa);

#endif
