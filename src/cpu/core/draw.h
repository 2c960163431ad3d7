/* draw.h: random numbers for tensors to begin with: f32, by Philox (base/philox.h), each a function of key, stream and its place. */
#ifndef CPU_DRAW_H
#define CPU_DRAW_H

#include <stdint.h>
#include <tarn/core.h>

/* Number i of the tensor: uniform ones low + width * u of words 2i and 2i + 1, normal ones low + width * z of words 4i .. 4i + 3, just as
 * base_random_f64 and base_random_normal draw them one after the other. */
typedef struct cpu_draw {
    uint64_t key, stream;
    bool normal;
    double low, width;
} cpu_draw;

/* Numbers from..to-1, put at data. */
typedef void (*cpu_draw_fn)(const cpu_draw *d, int64_t from, int64_t to, float *data);

/* Fills data with `count` numbers by the context's threads. */
void cpu_draw_numbers(tn_context *context, uint64_t key, uint64_t stream, bool normal, double low, double width,
                      float *data, int64_t count);
void cpu_draw_value(tn_context *context, float value, float *data, int64_t count);

#endif
