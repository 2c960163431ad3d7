/* moments.c: see moments.h. */
#include "cpu/core/moments.h"
#include "cpu/core/half.h"
#include "cpu/core/par.h"

#include <math.h>
#include <string.h>

extern const cpu_moments_fns cpu_moments_fns_portable, cpu_moments_fns_avx2, cpu_moments_fns_avx512;

enum {
    RUN = 32,          /* long rows that are added in f32 */
    LONG = 256,        /* numbers that a long row has at least, if there are enough */
    BLOCK = 16 * 1024, /* numbers of a block at least */
    MOST_BLOCKS = 64,
    JOIN = 256 /* channels that are joined by one thread */
};

typedef struct job {
    const cpu_moments *m;
    const cpu_moments_fns *f;
    const void *x;
    const float *dy, *mean; /* dy NULL: moments */
    float *out[2];
    double *part; /* [blocks][2][channels] */
    char *threads;
} job;

/* A thread's memory: of each kind as many as a long row has. */
typedef struct lanes {
    double *a, *b;
    float *fa, *fb, *shift;
} lanes;

static const cpu_moments_fns *fns_of(cpu_isa isa)
{
    return CPU_OF_ISA(isa, &cpu_moments_fns);
}

static int64_t ceil_of(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static size_t align(size_t n)
{
    return (n + 63) / 64 * 64;
}

void cpu_moments_plan(cpu_moments *m)
{
    m->group = m->channels >= LONG ? 1 : LONG / m->channels;
    const int64_t smallest = m->group * RUN, fills = ceil_of(BLOCK, m->channels);
    const int64_t even = ceil_of(m->rows, MOST_BLOCKS), want = even > fills ? even : fills;
    m->block = ceil_of(want, smallest) * smallest;
    m->blocks = ceil_of(m->rows, m->block);
    m->part = align((size_t)(m->blocks * 2 * m->channels) * sizeof(double));
    m->thread_bytes = align((size_t)(m->group * m->channels) * (2 * sizeof(double) + 3 * sizeof(float)));
}

size_t cpu_moments_scratch(const cpu_moments *m)
{
    return m->part + (size_t)m->threads * m->thread_bytes;
}

/* Number `at` of x and those behind it. */
static const void *behind(const job *j, int64_t at)
{
    return (const char *)j->x + at * (j->m->half ? 2 : 4);
}

static float number(const job *j, int64_t at)
{
    return j->m->half ? cpu_f32_of_bf16(((const uint16_t *)j->x)[at]) : ((const float *)j->x)[at];
}

/* `rows` rows of n numbers in runs, into l->a and l->b. */
static void add_runs(const job *j, const lanes *l, int64_t from, int64_t rows, int64_t n)
{
    for (int64_t r = 0; r < rows; r += RUN) {
        const int64_t count = least(RUN, rows - r), at = from + r * n;
        if (j->dy)
            j->f->sums[j->m->half](j->dy + at, behind(j, at), count, n, l->shift, l->fa, l->fb);
        else
            j->f->moments[j->m->half](behind(j, at), count, n, l->shift, l->fa, l->fb);
        for (int64_t i = 0; i < n; i++) {
            l->a[i] += (double)l->fa[i];
            l->b[i] += (double)l->fb[i];
        }
    }
}

static lanes lanes_of(const job *j, int thread)
{
    const int64_t n = j->m->group * j->m->channels;
    lanes l = {.a = (double *)(void *)(j->threads + (size_t)thread * j->m->thread_bytes)};
    l.b = l.a + n;
    l.fa = (float *)(void *)(l.b + n);
    l.fb = l.fa + n;
    l.shift = l.fb + n;
    return l;
}

static void block_chunk(void *arg, int64_t chunk, int thread)
{
    const job *j = arg;
    const cpu_moments *m = j->m;
    const int64_t c = m->channels, first = chunk * m->block, rows = least(m->block, m->rows - first);
    const int64_t longs = rows / m->group, rest = rows - longs * m->group;
    const lanes l = lanes_of(j, thread);
    memset(l.a, 0, (size_t)(2 * m->group * c) * sizeof *l.a);
    for (int64_t i = 0; i < c; i++) {
        const float k = j->dy ? j->mean[i] : number(j, first * c + i);
        l.shift[i] = j->dy || isfinite(k) ? k : 0;
    }
    for (int64_t g = 1; g < m->group; g++)
        memcpy(l.shift + g * c, l.shift, (size_t)c * sizeof *l.shift);
    add_runs(j, &l, first * c, longs, m->group * c);
    add_runs(j, &l, (first + longs * m->group) * c, rest, c);
    for (int64_t g = 1; g < m->group; g++)
        for (int64_t i = 0; i < c; i++) {
            l.a[i] += l.a[g * c + i];
            l.b[i] += l.b[g * c + i];
        }
    double *a = j->part + chunk * 2 * c, *b = a + c;
    for (int64_t i = 0; i < c; i++) { /* moments: the block's mean, and the squares of what is away from it */
        a[i] = j->dy ? l.a[i] : (double)l.shift[i] + l.a[i] / (double)rows;
        b[i] = j->dy ? l.b[i] : l.b[i] - l.a[i] * l.a[i] / (double)rows;
    }
}

static void join_moments(const job *j, int64_t i)
{
    const cpu_moments *m = j->m;
    const double *a = j->part + i, *b = a + m->channels;
    double mean = a[0], squares = b[0], n = (double)least(m->block, m->rows);
    for (int64_t k = 1; k < m->blocks; k++) {
        const double more = (double)least(m->block, m->rows - k * m->block), away = a[k * 2 * m->channels] - mean;
        squares += b[k * 2 * m->channels] + away * away * n * more / (n + more);
        mean += away * more / (n + more);
        n += more;
    }
    j->out[0][i] = (float)mean;
    j->out[1][i] = squares < 0 ? 0 : (float)(squares / n);
}

static void join_sums(const job *j, int64_t i)
{
    const cpu_moments *m = j->m;
    double a = 0, b = 0;
    for (int64_t k = 0; k < m->blocks; k++) {
        a += j->part[k * 2 * m->channels + i];
        b += j->part[(k * 2 + 1) * m->channels + i];
    }
    j->out[0][i] = (float)a;
    j->out[1][i] = (float)b;
}

static void join_chunk(void *arg, int64_t chunk, int thread)
{
    const job *j = arg;
    const int64_t end = least(j->m->channels, (chunk + 1) * JOIN);
    (void)thread;
    for (int64_t i = chunk * JOIN; i < end; i++)
        if (j->dy)
            join_sums(j, i);
        else
            join_moments(j, i);
}

static void run(job *j, void *scratch)
{
    const cpu_moments *m = j->m;
    j->f = fns_of(m->isa);
    j->part = scratch;
    j->threads = (char *)scratch + m->part;
    cpu_parallel(m->threads, m->blocks, block_chunk, j);
    const int64_t work = m->blocks * m->channels;
    cpu_parallel(work < BLOCK ? 1 : m->threads, ceil_of(m->channels, JOIN), join_chunk, j);
}

void cpu_moments_run(const cpu_moments *m, const void *x, float *mean, float *var, void *scratch)
{
    job j = {.m = m, .x = x, .out = {mean, var}};
    run(&j, scratch);
}

void cpu_moments_sums(const cpu_moments *m, const float *dy, const void *x, const float *mean, float *sum, float *dot,
                      void *scratch)
{
    job j = {.m = m, .x = x, .dy = dy, .mean = mean, .out = {sum, dot}};
    run(&j, scratch);
}
