/* adam_update on f32: the whole update as one sweep, in place where the state allows it. The corrections for the number of
 * the step are computed in double, once. */
#include "cpu/core/adam.h"
#include "cpu/core/kernels.h"
#include "cpu/core/par.h"

#include <math.h>

enum { PARAM, GRAD, M, V, STEP, LR, SCALE };
enum { CHUNK = 1 << 13 };

extern const cpu_adam_fn cpu_adam_sweep_portable, cpu_adam_sweep_avx2, cpu_adam_sweep_avx512;

cpu_adam_fn cpu_adam_of(cpu_isa isa)
{
    return CPU_OF_ISA(isa, cpu_adam_sweep);
}

typedef struct plan {
    cpu_adam_fn sweep;
    int threads;
    int64_t count;
    double beta1, beta2, eps, decay, l1;
    bool decoupled;
} plan;

typedef struct job {
    const plan *p;
    cpu_adam a;
    cpu_adam_data d;
} job;

static tn_status prepare(kernel_bind *b)
{
    plan *p = BASE_NEW(b->arena, plan);
    if (!p)
        return base_no_memory(b->error, "preparing a kernel");
    *p = (plan){.sweep = cpu_adam_of((cpu_isa)b->isa),
                .threads = b->threads,
                .count = kernel_count(&b->in[PARAM]),
                .beta1 = cpu_arg_float(b->node, "beta1"),
                .beta2 = cpu_arg_float(b->node, "beta2"),
                .eps = cpu_arg_float(b->node, "eps"),
                .decay = cpu_arg_float(b->node, "weight_decay"),
                .l1 = cpu_arg_float(b->node, "l1"),
                .decoupled = cpu_arg_int(b->node, "decoupled") != 0};
    b->plan = p;
    b->path = "adam";
    return TN_OK;
}

static cpu_adam numbers(const plan *p, double step, double lr)
{
    return (cpu_adam){.scale = 1,
                      .l1 = (float)p->l1,
                      .decay = p->decoupled ? 0 : (float)p->decay,
                      .keep = p->decoupled ? (float)(1 - lr * p->decay) : 1,
                      .rate1 = (float)(1 - p->beta1),
                      .beta2 = (float)p->beta2,
                      .rate2 = (float)(1 - p->beta2),
                      .size = (float)(lr / (1 - pow(p->beta1, step))),
                      .spread = (float)(1 / sqrt(1 - pow(p->beta2, step))),
                      .eps = (float)p->eps};
}

static void run_chunk(void *arg, int64_t chunk, int thread)
{
    const job *j = arg;
    int64_t to = (chunk + 1) * CHUNK < j->p->count ? (chunk + 1) * CHUNK : j->p->count;
    (void)thread;
    j->p->sweep(&j->a, &j->d, chunk * CHUNK, to);
}

static void run(const kernel_call *c)
{
    const plan *p = c->plan;
    job j = {.p = p, .d = {c->in[PARAM], c->in[GRAD], c->in[M], c->in[V], c->out[0], c->out[1], c->out[2]}};
    j.a = numbers(p, (double)*(const int64_t *)c->in[STEP], (double)*(const float *)c->in[LR]);
    if (c->in[SCALE])
        j.a.scale = *(const float *)c->in[SCALE];
    cpu_parallel(p->threads, (p->count + CHUNK - 1) / CHUNK, run_chunk, &j);
}

const kernel cpu_kernels_adam_update[] = {{.op = "adam_update",
                                           .name = "adam_update/sweep",
                                           .keeps = cpu_node_is_f32,
                                           .prepare = prepare,
                                           .run = run,
                                           .in_place = true},
                                          {0}};
