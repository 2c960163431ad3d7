/* fft.c: fft, rfft and irfft on f32 and f64 by core/fft.h. Tables are made when sizes are known; transforms go to threads in chunks cut
 * by shape alone. */
#include "cpu/core/fft.h"
#include "cpu/core/kernels.h"
#include "cpu/core/par.h"
#include "op/scheme/fft.h"

typedef struct plan {
    cpu_fft_plan p;
    const cpu_fft_fns *fns;
    int threads;
    int64_t per_chunk;
    size_t room; /* bytes of scratch for each thread */
} plan;

static tn_status prepare_kind(kernel_bind *b, cpu_fft_kind kind)
{
    enum { CHUNK = 1 << 13 /* numbers, about */ };
    const kernel_operand *real = kind == CPU_FFT_TO_REAL ? &b->out[0] : &b->in[0];
    const int rank = kind == CPU_FFT_COMPLEX ? real->rank - 1 : real->rank;
    const bool f64 = real->dtype == TN_F64;
    const op_value *inverse = cpu_arg(b->node, "inverse"), *twice = cpu_arg(b->node, "twice"),
                   *once = cpu_arg(b->node, "once");
    plan *p = BASE_NEW(b->arena, plan);
    if (!p)
        return base_no_memory(b->error, "preparing a kernel");
    int64_t axis = cpu_arg_int(b->node, "axis");
    axis = axis < 0 ? axis + b->in[0].rank : axis;
    p->p = (cpu_fft_plan){.kind = kind, .inverse = inverse && inverse->i, .outer = 1, .inner = 1, .edge = 1};
    p->p.n = real->dims[axis];
    for (int k = 0; k < rank; k++)
        if (k != axis)
            *(k < axis ? &p->p.outer : &p->p.inner) *= real->dims[k];
    p->p.scale = op_fft_factor(cpu_arg_int(b->node, "norm"), p->p.inverse || kind == CPU_FFT_TO_REAL, p->p.n);
    if (twice && twice->i) {
        p->p.scale *= 2;
        p->p.edge = 0.5;
    }
    if (once && once->i) {
        p->p.scale *= 0.5;
        p->p.edge = 2;
    }
    b->plan = p;
    if (p->p.outer * p->p.inner == 0)
        return TN_OK;
    p->fns = cpu_fft_fns_of((cpu_isa)b->isa, f64);
    if (!cpu_fft_prepare(&p->p, (cpu_isa)b->isa, f64, b->arena))
        return base_no_memory(b->error, "preparing a kernel");
    int64_t each = p->p.n * (p->p.core.way == CPU_FFT_LANES || p->p.inner > 1 ? p->fns->lanes : 1);
    p->per_chunk = CHUNK / each + 1;
    p->threads = b->threads;
    p->room = ((size_t)p->p.scratch * tn_dtype_size(real->dtype) + 63) / 64 * 64;
    b->scratch = p->room * (size_t)(b->threads > 1 ? b->threads : 1);
    static const char *const ways[] = {"fft/lanes", "fft/within", "fft/chirp"};
    b->path = ways[p->p.core.way];
    return TN_OK;
}

static tn_status prepare_complex(kernel_bind *b)
{
    return prepare_kind(b, CPU_FFT_COMPLEX);
}
static tn_status prepare_from_real(kernel_bind *b)
{
    return prepare_kind(b, CPU_FFT_FROM_REAL);
}
static tn_status prepare_to_real(kernel_bind *b)
{
    return prepare_kind(b, CPU_FFT_TO_REAL);
}

typedef struct job {
    const plan *p;
    const kernel_call *c;
} job;

static void run_chunk(void *arg, int64_t chunk, int thread)
{
    const job *j = arg;
    const plan *p = j->p;
    int64_t end = (chunk + 1) * p->per_chunk;
    for (int64_t unit = chunk * p->per_chunk; unit < end && unit < p->p.units; unit++)
        p->fns->run(&p->p, j->c->in[0], j->c->out[0], unit, (char *)j->c->scratch + (size_t)thread * p->room);
}

static void run(const kernel_call *c)
{
    const plan *p = c->plan;
    job j = {p, c};
    if (p->p.units)
        cpu_parallel(p->threads, (p->p.units + p->per_chunk - 1) / p->per_chunk, run_chunk, &j);
}

const kernel cpu_kernels_fft[] = {{.op = "fft", .name = "fft/complex", .prepare = prepare_complex, .run = run},
                                  {.op = "rfft", .name = "fft/from_real", .prepare = prepare_from_real, .run = run},
                                  {.op = "irfft", .name = "fft/to_real", .prepare = prepare_to_real, .run = run},
                                  {0}};
