/* pool.c: speed of the pooling kernels alone, in GB/s of what they must read and write. Usage: bench_pool [threads]. */
#include "cpu/core/pool.h"
#include "cpu/core/par.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct shape {
    const char *name;
    int n, c, size, k, stride, pad;
} shape;

static const shape shapes[] = {
    {"64, 64, 24, 2x2/2", 64, 64, 24, 2, 2, 0},   {"16, 64, 112, 3x3/2", 16, 64, 112, 3, 2, 1},
    {"64, 32, 30, 2x2/2", 64, 32, 30, 2, 2, 0},   {"16, 2048, 7, 7x7", 16, 2048, 7, 7, 7, 0},
    {"8, 128, 64, 2x2/2", 8, 128, 64, 2, 2, 0},   {"1, 64, 24, 2x2/2", 1, 64, 24, 2, 2, 0},
    {"128, 256, 8, 2x2/2", 128, 256, 8, 2, 2, 0},
};

/* Alone, a thread's own time is the better measure on a machine with other users. */
static double seconds(int threads)
{
    struct timespec t;
    clock_gettime(threads > 1 ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static float *floats(int64_t n)
{
    float *p = aligned_alloc(64, ((size_t)n * sizeof *p + 63) / 64 * 64);
    if (!p)
        exit(1);
    for (int64_t i = 0; i < n; i++)
        p[i] = (float)(i * 7919 % 1009) * 1e-3f - 0.5f;
    return p;
}

static void run(const cpu_pool *p, int what, float *x, float *y, float *dx)
{
    if (what == 0)
        cpu_max_pool(p, x, y);
    else if (what == 1)
        cpu_max_pool_grad(p, x, y, dx);
    else if (what == 2)
        cpu_avg_pool(p, x, y);
    else
        cpu_avg_pool_grad(p, y, dx);
}

int main(int argc, char **argv)
{
    const int threads = argc > 1 ? atoi(argv[1]) : cpu_thread_count();
    (void)cpu_team_enter(cpu_team_new(threads));
    printf("GB/s, %d threads, %s\n%-30s  %-20s  %-20s  %-20s  %-20s\n", threads, cpu_isa_name(cpu_isa_best()),
           "batch, channels, size, window", "maximum", "its gradient", "average", "its gradient");
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const shape *s = &shapes[i];
        cpu_pool p = {.n = s->n,
                      .c = s->c,
                      .h = s->size,
                      .w = s->size,
                      .kh = s->k,
                      .kw = s->k,
                      .stride = {s->stride, s->stride},
                      .dilation = {1, 1},
                      .pad = {s->pad, s->pad, s->pad, s->pad},
                      .threads = threads,
                      .isa = cpu_isa_best()};
        cpu_pool_shape(&p);
        const int64_t in = p.n * p.h * p.w * p.c, out = p.n * p.oh * p.ow * p.c;
        float *x = floats(in), *y = floats(out), *dx = floats(in);
        printf("%-30s", s->name);
        for (int what = 0; what < 4; what++) {
            double least = 1e9, begin = seconds(threads);
            while (seconds(threads) - begin < 0.2) {
                double t = seconds(threads);
                run(&p, what, x, y, dx);
                t = seconds(threads) - t;
                least = t < least ? t : least;
            }
            double bytes = 4.0 * (double)(what == 1 ? 2 * in + out : in + out);
            printf("  %6.1f (%8.3f ms)", bytes / least * 1e-9, least * 1e3);
        }
        printf("\n");
        free(x);
        free(y);
        free(dx);
    }
    return 0;
}
