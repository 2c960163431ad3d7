/* index.h: what kernels share whose places come from an index, as gather's and scatter's do: element (row, column) of the index
 * names the place along one axis, the others are its own. The indexed tensor, x of gather and y of scatter, is row-major. */
#ifndef CPU_INDEX_H
#define CPU_INDEX_H

#include "cpu/core/kernels.h"

typedef struct cpu_index cpu_index;

/* A row of the index or a part of it: elements `first` + c for columns c from `from` to `to`; `base` is where the row lies. */
typedef void (*cpu_index_row)(const cpu_index *p, int64_t first, int64_t base, int64_t from, int64_t to);

struct cpu_index {
    int rank, axis, threads;
    bool wide;                    /* the index is i64, not i32 */
    bool by_columns;              /* chunks are columns, not rows: rows may meet in one place, columns do not */
    int64_t dims[TN_MAX_RANK];    /* of the index */
    int64_t strides[TN_MAX_RANK]; /* of the indexed tensor */
    int64_t rows, cols, size;     /* size: places along the axis */
    int64_t chunks, per_chunk;
    cpu_index_row row;
    const char *fault; /* the sentence for an index out of range */
    /* of a run: */
    const void *index, *from;
    void *to;
    int64_t *bad; /* the first element out of range, -1: none yet; changed by several threads */
};

/* For index input `index` of the node and the indexed operand x; columns: see by_columns. */
cpu_index *cpu_index_new(kernel_bind *b, int index, const kernel_operand *x, bool by_columns, cpu_index_row row,
                         const char *fault);
/* Runs all rows and reports the first fault. */
void cpu_index_run(const cpu_index *plan, const void *index, const void *from, void *to, kernel_fault *fault);
/* Notes that element `at` of the index is out of range. */
void cpu_index_bad(const cpu_index *p, int64_t at);

static inline int64_t cpu_index_value(const cpu_index *p, int64_t at)
{
    return p->wide ? ((const int64_t *)p->index)[at] : ((const int32_t *)p->index)[at];
}

/* Where element `at` of the index, in column c of the row at `base`, points to; -1: nowhere, and noted. */
static inline int64_t cpu_index_place(const cpu_index *p, int64_t at, int64_t base, int64_t c)
{
    int64_t i = cpu_index_value(p, at);
    if ((uint64_t)i < (uint64_t)p->size)
        return base + i * p->strides[p->axis] + (p->axis == p->rank - 1 ? 0 : c);
    cpu_index_bad(p, at);
    return -1;
}

#endif
