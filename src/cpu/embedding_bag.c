/* embedding_bag of f32 without offsets: bag after bag, rows read where they lie (core/bag.h). */
#include "cpu/core/bag.h"
#include "cpu/core/kernels.h"
#include "cpu/core/par.h"

enum { WEIGHT, INDEX, OFFSETS, WEIGHTS };
enum { SUM, MEAN, MAX };
enum { MOST = 64 /* rows of a bag that are put together at once */ };

extern const cpu_bag cpu_bag_loops_portable, cpu_bag_loops_avx2, cpu_bag_loops_avx512;

const cpu_bag *cpu_bag_of(cpu_isa isa)
{
    return CPU_OF_ISA(isa, &cpu_bag_loops);
}

typedef struct plan {
    const cpu_bag *loops;
    int64_t rows, features, bags, n, padding, mode, per_chunk;
    bool wide;
    int threads;
} plan;

typedef struct job {
    const plan *p;
    const kernel_call *c;
} job;

static bool keeps(const graph_node *node, bool training)
{
    (void)training;
    return node->in[WEIGHT]->type.dtype == TN_F32 && !node->in[OFFSETS];
}

static tn_status prepare(kernel_bind *b)
{
    plan *p = BASE_NEW(b->arena, plan);
    if (!p)
        return base_no_memory(b->error, "preparing a kernel");
    *p = (plan){.loops = cpu_bag_of((cpu_isa)b->isa),
                .rows = b->in[WEIGHT].dims[0],
                .features = b->in[WEIGHT].dims[1],
                .bags = b->in[INDEX].dims[0],
                .n = b->in[INDEX].dims[1],
                .padding = cpu_arg_int(b->node, "padding_index"),
                .mode = cpu_arg_int(b->node, "mode"),
                .wide = b->in[INDEX].dtype == TN_I64,
                .threads = b->threads};
    p->per_chunk = (1 << 14) / (p->n * p->features + 16) + 1;
    b->plan = p;
    return TN_OK;
}

static int64_t number(const plan *p, const kernel_call *c, int64_t i)
{
    return p->wide ? ((const int64_t *)c->in[INDEX])[i] : ((const int32_t *)c->in[INDEX])[i];
}

/* Bag b: its rows, MOST of them at a time, and what there is so far as one more. */
static void put_together(const job *j, int64_t b)
{
    const plan *p = j->p;
    const float *table = j->c->in[WEIGHT], *weights = j->c->in[WEIGHTS];
    float *y = (float *)j->c->out[0] + b * p->features;
    const void *row[MOST + 1];
    float by[MOST + 1];
    int64_t count = 0, i = b * p->n, end = i + p->n;
    bool first = true;
    do {
        int64_t n = 0;
        if (!first) {
            row[n] = y;
            by[n++] = 1;
        }
        for (; i < end && n < MOST + !first; i++) {
            int64_t at = number(p, j->c, i);
            if (at == p->padding || (uint64_t)at >= (uint64_t)p->rows)
                continue;
            row[n] = table + at * p->features;
            by[n++] = weights ? weights[i] : 1;
            count++;
        }
        (p->mode == MAX ? p->loops->max : p->loops->sum)(row, 0, weights ? by : NULL, n, p->features, y);
        first = count == 0;
    } while (i < end);
    for (int64_t k = 0; k < p->features && p->mode == MEAN && count; k++)
        y[k] /= (float)count;
}

static void run_chunk(void *arg, int64_t chunk, int thread)
{
    const job *j = arg;
    int64_t end = (chunk + 1) * j->p->per_chunk;
    (void)thread;
    for (int64_t b = chunk * j->p->per_chunk; b < end && b < j->p->bags; b++)
        put_together(j, b);
}

static void run(const kernel_call *c)
{
    const plan *p = c->plan;
    job j = {p, c};
    for (int64_t i = 0; i < p->bags * p->n && !c->fault->what; i++) {
        int64_t at = number(p, c, i);
        if (at != p->padding && (uint64_t)at >= (uint64_t)p->rows)
            *c->fault = (kernel_fault){"an index of embedding is out of range", i, (double)at};
    }
    cpu_parallel(p->threads, (p->bags + p->per_chunk - 1) / p->per_chunk, run_chunk, &j);
}

const kernel cpu_kernels_embedding_bag[] = {
    {.op = "embedding_bag", .name = "embedding_bag/rows", .keeps = keeps, .prepare = prepare, .run = run}, {0}};
