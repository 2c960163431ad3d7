/* csr_order: a stable counting sort. Blocks of elements count their rows each for itself; where the elements of a block begin in each
 * row follows from all counts, and the blocks deal theirs out. What comes of it does not depend on the number of blocks. */
#include "cpu/core/index.h"
#include "cpu/core/par.h"

#include <string.h>

enum { LEAST = 1 << 12 /* elements of a block */, MOST_BLOCKS = 8 };

typedef struct plan {
    cpu_index index; /* only what reads it and notes faults is used */
    int64_t n, rows, blocks;
} plan;

typedef struct job {
    const plan *p;
    cpu_index index;
    int64_t *indptr, *order, *next; /* next[blocks][rows] */
} job;

static tn_status prepare(kernel_bind *b)
{
    plan *p = BASE_NEW(b->arena, plan);
    if (!p)
        return base_no_memory(b->error, "preparing a kernel");
    p->n = b->in[0].dims[0];
    p->rows = b->out[0].dims[0] - 1;
    p->index = (cpu_index){.wide = b->in[0].dtype == TN_I64, .threads = b->threads};
    p->blocks = p->n / LEAST < b->threads ? p->n / LEAST : b->threads;
    p->blocks = p->blocks < 1 ? 1 : p->blocks > MOST_BLOCKS ? MOST_BLOCKS : p->blocks;
    b->scratch = (size_t)(p->blocks * p->rows) * sizeof(int64_t);
    b->plan = p;
    return TN_OK;
}

static void range(const plan *p, int64_t block, int64_t *from, int64_t *to)
{
    *from = block * p->n / p->blocks;
    *to = (block + 1) * p->n / p->blocks;
}

static void count(void *arg, int64_t block, int thread)
{
    const job *j = arg;
    int64_t *next = j->next + block * j->p->rows, from, to;
    (void)thread;
    range(j->p, block, &from, &to);
    memset(next, 0, (size_t)j->p->rows * sizeof *next);
    for (int64_t i = from; i < to; i++) {
        int64_t row = cpu_index_value(&j->index, i);
        if ((uint64_t)row < (uint64_t)j->p->rows)
            next[row]++;
        else
            cpu_index_bad(&j->index, i);
    }
}

static void deal(void *arg, int64_t block, int thread)
{
    const job *j = arg;
    int64_t *next = j->next + block * j->p->rows, from, to;
    (void)thread;
    range(j->p, block, &from, &to);
    for (int64_t i = from; i < to; i++) {
        int64_t row = cpu_index_value(&j->index, i);
        if ((uint64_t)row < (uint64_t)j->p->rows)
            j->order[next[row]++] = i;
    }
}

static void run(const kernel_call *c)
{
    const plan *p = c->plan;
    int64_t bad = -1, sum = 0;
    job j = {p, p->index, c->out[0], c->out[1], c->scratch};
    j.index.index = c->in[0];
    j.index.bad = &bad;
    cpu_parallel(p->index.threads, p->blocks, count, &j);
    for (int64_t r = 0; r < p->rows; r++) {
        j.indptr[r] = sum;
        for (int64_t b = 0; b < p->blocks; b++) {
            int64_t n = j.next[b * p->rows + r];
            j.next[b * p->rows + r] = sum;
            sum += n;
        }
    }
    j.indptr[p->rows] = sum;
    memset(j.order + sum, 0, (size_t)(p->n - sum) * sizeof *j.order);
    cpu_parallel(p->index.threads, p->blocks, deal, &j);
    if (bad >= 0 && !c->fault->what)
        *c->fault =
            (kernel_fault){"an index of csr_order is out of range", bad, (double)cpu_index_value(&j.index, bad)};
}

const kernel cpu_kernels_csr_order[] = {{.op = "csr_order", .name = "csr_order/count", .prepare = prepare, .run = run},
                                        {0}};
