/* draw.c: see draw.h. */
#include "cpu/core/draw.h"

#include "cpu/core/isa.h"
#include "cpu/core/par.h"

enum { CHUNK = 1 << 15 };

void cpu_draw_portable(const cpu_draw *d, int64_t from, int64_t to, float *data);
#ifdef CPU_X86
void cpu_draw_avx2(const cpu_draw *d, int64_t from, int64_t to, float *data);
void cpu_draw_avx512(const cpu_draw *d, int64_t from, int64_t to, float *data);
#endif

typedef struct job {
    cpu_draw_fn draw;
    const cpu_draw *d;
    float value, *data;
    int64_t count;
} job;

static void fill_chunk(void *arg, int64_t chunk, int thread)
{
    const job *j = arg;
    int64_t from = chunk * CHUNK, to = from + CHUNK < j->count ? from + CHUNK : j->count;
    (void)thread;
    if (j->d)
        j->draw(j->d, from, to, j->data + from);
    for (int64_t i = from; !j->d && i < to; i++)
        j->data[i] = j->value;
}

static void fill(tn_context *context, job *j)
{
    if (j->count <= CHUNK) { /* not worth a team, which may not be there yet */
        fill_chunk(j, 0, 0);
        return;
    }
    cpu_team *before = cpu_team_enter(cpu_team_of(context));
    cpu_parallel(tn_context_threads(context), (j->count + CHUNK - 1) / CHUNK, fill_chunk, j);
    (void)cpu_team_enter(before);
}

void cpu_draw_numbers(tn_context *context, uint64_t key, uint64_t stream, bool normal, double low, double width,
                      float *data, int64_t count)
{
    const cpu_draw d = {key, stream, normal, low, width};
    cpu_isa isa = CPU_PORTABLE;
    (void)cpu_isa_from_name(tn_context_isa(context), &isa);
    fill(context, &(job){.draw = CPU_OF_ISA(isa, cpu_draw), .d = &d, .data = data, .count = count});
}

void cpu_draw_value(tn_context *context, float value, float *data, int64_t count)
{
    fill(context, &(job){.value = value, .data = data, .count = count});
}
