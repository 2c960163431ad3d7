/* index.c: see index.h. */
#include "cpu/core/index.h"

#include "cpu/core/par.h"

#include <string.h>

enum { CHUNK = 1 << 13 /* elements, about */, MOST_COLUMN_CHUNKS = 16, LINE = 16 };

cpu_index *cpu_index_new(kernel_bind *b, int index, const kernel_operand *x, bool by_columns, cpu_index_row row,
                         const char *fault)
{
    const kernel_operand *i = &b->in[index];
    int64_t axis = cpu_arg_int(b->node, "axis"), stride = 1;
    cpu_index *p = BASE_NEW(b->arena, cpu_index);
    if (!p) {
        base_no_memory(b->error, "preparing a kernel");
        return NULL;
    }
    *p = (cpu_index){.rank = i->rank, .threads = b->threads, .wide = i->dtype == TN_I64, .row = row, .fault = fault};
    p->axis = (int)(axis < 0 ? axis + i->rank : axis);
    p->rows = 1;
    for (int k = i->rank - 1; k >= 0; k--) {
        p->dims[k] = i->dims[k];
        p->strides[k] = stride;
        stride *= x->dims[k];
        p->rows *= k < i->rank - 1 ? i->dims[k] : 1;
    }
    p->cols = i->dims[i->rank - 1];
    p->size = x->dims[p->axis];
    p->by_columns = by_columns && p->axis != p->rank - 1;
    int64_t n = p->by_columns ? p->cols : p->rows, least = CHUNK / ((p->by_columns ? p->rows : p->cols) + 1) + 1;
    if (p->by_columns && least < LINE)
        least = LINE;
    if (p->by_columns && least < n / MOST_COLUMN_CHUNKS)
        least = n / MOST_COLUMN_CHUNKS; /* each of them reads the whole index */
    p->per_chunk = least;
    p->chunks = (n + least - 1) / least;
    return p;
}

void cpu_index_bad(const cpu_index *p, int64_t at)
{
    int64_t first = __atomic_load_n(p->bad, __ATOMIC_RELAXED);
    while (first < 0 || at < first)
        if (__atomic_compare_exchange_n(p->bad, &first, at, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            return;
}

/* Where row r of the index lies in the indexed tensor, the axis left out. */
static int64_t base_of(const cpu_index *p, int64_t r)
{
    int64_t base = 0;
    for (int k = p->rank - 2; k >= 0; k--) {
        base += k == p->axis ? 0 : r % p->dims[k] * p->strides[k];
        r /= p->dims[k];
    }
    return base;
}

static void run_chunk(void *arg, int64_t chunk, int thread)
{
    const cpu_index *p = arg;
    int64_t from = chunk * p->per_chunk, to = from + p->per_chunk, n = p->by_columns ? p->cols : p->rows;
    (void)thread;
    to = to < n ? to : n;
    if (p->by_columns)
        for (int64_t r = 0; r < p->rows; r++)
            p->row(p, r * p->cols, base_of(p, r), from, to);
    else
        for (int64_t r = from; r < to; r++)
            p->row(p, r * p->cols, base_of(p, r), 0, p->cols);
}

void cpu_index_run(const cpu_index *plan, const void *index, const void *from, void *to, kernel_fault *fault)
{
    cpu_index run = *plan;
    int64_t bad = -1;
    run.index = index;
    run.from = from;
    run.to = to;
    run.bad = &bad;
    if (run.rows * run.cols > 0)
        cpu_parallel(run.threads, run.chunks, run_chunk, &run);
    if (bad >= 0 && !fault->what)
        *fault = (kernel_fault){run.fault, bad, (double)cpu_index_value(&run, bad)};
}
