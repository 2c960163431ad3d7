/* limits.c: what this machine can do at most, measured: multiply-adds in registers, and copying between arrays that no cache
 * holds. The best of several rounds counts, because a limit is what is asked for. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/context.h"
#include "cpu/core/isa.h"
#include "cpu/core/kernels.h"
#include "cpu/core/par.h"

enum { ROUNDS = 5, CHAINS = 12, MADD_ROUNDS = 1 << 20, COPY_BYTES = 64 << 20 };

float cpu_limits_madd_portable(int64_t rounds);
int cpu_limits_width_portable(void);
#ifdef CPU_X86
float cpu_limits_madd_avx2(int64_t rounds), cpu_limits_madd_avx512(int64_t rounds);
int cpu_limits_width_avx2(void), cpu_limits_width_avx512(void);
#endif

typedef struct job {
    float (*madd)(int64_t rounds);
    float *sums; /* one a thread: what is computed must be used */
    char *from, *to;
    size_t part;
} job;

static void madd_chunk(void *arg, int64_t chunk, int thread)
{
    const job *j = arg;
    (void)thread;
    j->sums[chunk] = j->madd(MADD_ROUNDS);
}

static void copy_chunk(void *arg, int64_t chunk, int thread)
{
    const job *j = arg;
    (void)thread;
    memcpy(j->to + (size_t)chunk * j->part, j->from + (size_t)chunk * j->part, j->part);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double best_of(int threads, int64_t chunks, cpu_chunk_fn fn, job *j)
{
    double best = 1e30;
    for (int i = 0; i < ROUNDS; i++) {
        double start = seconds();
        cpu_parallel(threads, chunks, fn, j);
        double took = seconds() - start;
        best = took < best ? took : best;
    }
    return best;
}

static int choose(const tn_context *context, job *j)
{
    cpu_isa isa = CPU_PORTABLE;
    (void)cpu_isa_from_name(tn_context_isa(context), &isa);
    j->madd = CPU_OF_ISA(isa, cpu_limits_madd);
    return CPU_OF_ISA(isa, cpu_limits_width)();
}

tn_status cpu_limits(tn_context *context, double *flops, double *bytes, base_error *e)
{
    int threads = tn_context_threads(context);
    job j = {.sums = calloc((size_t)threads, sizeof *j.sums),
             .from = malloc(COPY_BYTES),
             .to = malloc(COPY_BYTES),
             .part = COPY_BYTES / (size_t)threads};
    tn_status status = TN_OK;
    cpu_team *before = cpu_team_enter(cpu_team_of(context));
    if (j.sums && j.from && j.to) {
        int width = choose(context, &j);
        memset(j.from, 1, COPY_BYTES);
        memset(j.to, 2, COPY_BYTES);
        *flops = 2.0 * width * CHAINS * (double)MADD_ROUNDS * threads / best_of(threads, threads, madd_chunk, &j);
        *bytes = 2.0 * (double)j.part * threads / best_of(threads, threads, copy_chunk, &j);
    } else {
        status = base_no_memory(e, "measuring the machine");
    }
    (void)cpu_team_enter(before);
    free(j.sums);
    free(j.from);
    free(j.to);
    return status;
}
