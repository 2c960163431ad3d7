/* sgd_rows_update, adagrad_rows_update and adam_rows_update on f32: work and memory in proportion to the rows that are named, whatever the size of the table, where the state
 * allows it to be written in place. The places that name a row are chained in their order, so that sums have the same bits on any
 * number of threads. */
#include "cpu/core/adam.h"
#include "cpu/core/kernels.h"
#include "cpu/core/par.h"

#include <math.h>
#include <string.h>

enum { PARAM, DY, INDEX, STATE }; /* behind them the state, Adam's step, and last the rate */
enum { CHUNK = 64 /* rows */, COPY = 1 << 20 /* bytes */ };

typedef struct plan {
    cpu_adam_fn sweep; /* of Adam */
    int threads;
    int tables, lr; /* the parameter and its state: 1 of SGD, 2 of Adagrad, 3 of Adam; the place of the rate */
    int64_t rows, width, n, slots; /* n places; slots of the table of rows, a power of two */
    double beta1, beta2, eps;
    int64_t padding;
    bool wide;
} plan;

/* What lies in the scratch: the rows that are named, each with its first and last place; places' followers; a hash table of
 * numbers of rows, counted from 1; sums of gradients. */
typedef struct job {
    const plan *p;
    cpu_adam a;
    float lr;
    const float *dy;
    int64_t *row;
    int32_t *first, *last, *next, *slot;
    float *sum;
    int64_t used;
    const float *from[3];
    float *to[3];
} job;

static size_t padded(size_t bytes)
{
    return (bytes + 63) & ~(size_t)63;
}

static tn_status prepare(kernel_bind *b)
{
    plan *p = BASE_NEW(b->arena, plan);
    if (!p)
        return base_no_memory(b->error, "preparing a kernel");
    *p = (plan){.sweep = cpu_adam_of((cpu_isa)b->isa),
                .threads = b->threads,
                .tables = b->n_out,
                .lr = b->n_in - 1,
                .rows = b->in[PARAM].dims[0],
                .width = b->in[PARAM].dims[1],
                .n = kernel_count(&b->in[INDEX]),
                .slots = 1,
                .padding = cpu_arg_int(b->node, "padding_index"),
                .wide = b->in[INDEX].dtype == TN_I64};
    if (p->tables > 1)
        p->eps = cpu_arg_float(b->node, "eps");
    if (p->tables > 2) {
        p->beta1 = cpu_arg_float(b->node, "beta1");
        p->beta2 = cpu_arg_float(b->node, "beta2");
    }
    while (p->slots < 2 * p->n)
        p->slots *= 2;
    const size_t n = (size_t)p->n;
    b->scratch = padded(n * sizeof(int64_t)) + 3 * padded(n * sizeof(int32_t)) +
                 padded((size_t)p->slots * sizeof(int32_t)) + padded(n * (size_t)p->width * sizeof(float));
    b->plan = p;
    b->path = "rows";
    return TN_OK;
}

static void *cut(char **at, size_t bytes)
{
    void *part = *at;
    *at += padded(bytes);
    return part;
}

static void lay_out(job *j, char *scratch)
{
    const plan *p = j->p;
    const size_t n = (size_t)p->n;
    j->row = cut(&scratch, n * sizeof *j->row);
    j->first = cut(&scratch, n * sizeof *j->first);
    j->last = cut(&scratch, n * sizeof *j->last);
    j->next = cut(&scratch, n * sizeof *j->next);
    j->slot = cut(&scratch, (size_t)p->slots * sizeof *j->slot);
    j->sum = cut(&scratch, n * (size_t)p->width * sizeof *j->sum);
}

/* The places of each row that is named, as chains. */
static void chain(job *j, const void *index)
{
    const plan *p = j->p;
    memset(j->slot, 0, (size_t)p->slots * sizeof *j->slot);
    for (int32_t i = 0; i < (int32_t)p->n; i++) {
        const int64_t row = p->wide ? ((const int64_t *)index)[i] : ((const int32_t *)index)[i];
        if ((uint64_t)row >= (uint64_t)p->rows || row == p->padding)
            continue;
        uint64_t at = ((uint64_t)row * 0x9E3779B97F4A7C15U >> 20) & (uint64_t)(p->slots - 1);
        while (j->slot[at] && j->row[j->slot[at] - 1] != row)
            at = (at + 1) & (uint64_t)(p->slots - 1);
        j->next[i] = -1;
        if (j->slot[at]) {
            int32_t u = j->slot[at] - 1;
            j->next[j->last[u]] = i;
            j->last[u] = i;
            continue;
        }
        j->row[j->used] = row;
        j->first[j->used] = j->last[j->used] = i;
        j->slot[at] = (int32_t)++j->used;
    }
}

static int64_t end_of(const job *j, int64_t chunk)
{
    return (chunk + 1) * CHUNK < j->used ? (chunk + 1) * CHUNK : j->used;
}

static void sum_chunk(void *arg, int64_t chunk, int thread)
{
    const job *j = arg;
    const int64_t width = j->p->width;
    (void)thread;
    for (int64_t u = chunk * CHUNK; u < end_of(j, chunk); u++) {
        float *sum = j->sum + u * width;
        memcpy(sum, j->dy + j->first[u] * width, (size_t)width * sizeof *sum);
        for (int32_t i = j->next[j->first[u]]; i >= 0; i = j->next[i])
            for (int64_t k = 0; k < width; k++)
                sum[k] += j->dy[i * width + k];
    }
}

static void sgd_row(float *w, const float *g, int64_t width, float lr)
{
    for (int64_t k = 0; k < width; k++)
        w[k] -= lr * g[k];
}

static void adagrad_row(float *w, float *sum, const float *g, int64_t width, float lr, float eps)
{
    for (int64_t k = 0; k < width; k++) {
        sum[k] += g[k] * g[k];
        w[k] -= g[k] == 0 ? 0 : lr * (g[k] / (sqrtf(sum[k]) + eps)); /* NOLINT: 0 / 0, where eps is 0 */
    }
}

static void adam_row(const job *j, const float *g, int64_t at)
{
    const cpu_adam_data d = {j->to[0] + at, g, j->to[1] + at, j->to[2] + at, j->to[0] + at, j->to[1] + at,
                             j->to[2] + at};
    j->p->sweep(&j->a, &d, 0, j->p->width);
}

static void update_chunk(void *arg, int64_t chunk, int thread)
{
    const job *j = arg;
    const int64_t width = j->p->width;
    (void)thread;
    for (int64_t u = chunk * CHUNK; u < end_of(j, chunk); u++) {
        const int64_t at = j->row[u] * width;
        const float *g = j->sum + u * width;
        if (j->p->tables == 1)
            sgd_row(j->to[0] + at, g, width, j->lr);
        else if (j->p->tables == 2)
            adagrad_row(j->to[0] + at, j->to[1] + at, g, width, j->lr, (float)j->p->eps);
        else
            adam_row(j, g, at);
    }
}

static void copy_chunk(void *arg, int64_t chunk, int thread)
{
    const job *j = arg;
    const size_t bytes = (size_t)(j->p->rows * j->p->width) * sizeof(float), from = (size_t)chunk * COPY;
    (void)thread;
    for (int k = 0; k < j->p->tables; k++)
        if (j->to[k] != j->from[k])
            memcpy((char *)j->to[k] + from, (const char *)j->from[k] + from, bytes - from < COPY ? bytes - from : COPY);
}

/* With its corrections multiplied out: eps is added before the root of v is corrected. */
static cpu_adam numbers(const plan *p, double step, double lr)
{
    const double spread = sqrt(1 - pow(p->beta2, step));
    return (cpu_adam){.scale = 1,
                      .keep = 1,
                      .rate1 = (float)(1 - p->beta1),
                      .beta2 = (float)p->beta2,
                      .rate2 = (float)(1 - p->beta2),
                      .size = (float)(lr * spread / (1 - pow(p->beta1, step))),
                      .spread = 1,
                      .eps = (float)p->eps};
}

/* All gradients are read before anything is written: a result may lie where they lay. */
static void run(const kernel_call *c)
{
    const plan *p = c->plan;
    job j = {.p = p, .dy = c->in[DY], .lr = *(const float *)c->in[p->lr]};
    bool moved = false;
    for (int k = 0; k < p->tables; k++) {
        j.from[k] = c->in[k ? STATE + k - 1 : PARAM];
        j.to[k] = c->out[k];
        moved = moved || j.to[k] != j.from[k];
    }
    if (p->tables > 2)
        j.a = numbers(p, (double)*(const int64_t *)c->in[p->lr - 1], (double)j.lr);
    lay_out(&j, c->scratch);
    chain(&j, c->in[INDEX]);
    cpu_parallel(p->threads, (j.used + CHUNK - 1) / CHUNK, sum_chunk, &j);
    if (moved)
        cpu_parallel(p->threads, (p->rows * p->width * (int64_t)sizeof(float) + COPY - 1) / COPY, copy_chunk, &j);
    cpu_parallel(p->threads, (j.used + CHUNK - 1) / CHUNK, update_chunk, &j);
}

static bool accepts(const kernel_bind *b)
{
    return kernel_count(&b->in[INDEX]) < INT32_MAX / 4;
}

#define ROWS(text)                                                                                                     \
    {                                                                                                                  \
        .op = text, .name = text "/rows", .keeps = cpu_node_is_f32, .accepts = accepts, .prepare = prepare,            \
        .run = run, .in_place = true                                                                                   \
    }
const kernel cpu_kernels_rows_update[] = {
    ROWS("sgd_rows_update"), ROWS("adagrad_rows_update"), ROWS("adam_rows_update"), {0}};
