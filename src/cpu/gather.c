/* gather.c: gather and index_select of any dtype: elements are picked, or whole rows copied. */
#include "cpu/core/index.h"
#include "cpu/core/par.h"

#include <string.h>

/* ---- gather ------------------------------------------------------------------------------------------------------ */

#define PICK(bits)                                                                                                     \
    static void pick##bits(const cpu_index *p, int64_t first, int64_t base, int64_t from, int64_t to)                  \
    {                                                                                                                  \
        const uint##bits##_t *x = p->from;                                                                             \
        uint##bits##_t *y = p->to;                                                                                     \
        for (int64_t c = from; c < to; c++) {                                                                          \
            int64_t at = cpu_index_place(p, first + c, base, c);                                                       \
            y[first + c] = at < 0 ? 0 : x[at];                                                                         \
        }                                                                                                              \
    }
PICK(8)
PICK(16)
PICK(32)
PICK(64)

static tn_status gather_prepare(kernel_bind *b)
{
    size_t size = tn_dtype_size(b->in[0].dtype);
    b->plan = cpu_index_new(b, 1, &b->in[0], false,
                            size == 8   ? pick64
                            : size == 4 ? pick32
                            : size == 2 ? pick16
                                        : pick8,
                            "an index of gather is out of range");
    return b->plan ? TN_OK : b->error->status;
}

static void gather_run(const kernel_call *c)
{
    cpu_index_run(c->plan, c->in[1], c->in[0], c->out[0], c->fault);
}

/* ---- index_select -------------------------------------------------------------------------------------------------- */

typedef struct rows {
    int64_t outer, size, n, bytes; /* x is [outer, size] rows of so many bytes, y [outer, n] */
    int64_t chunks, per_chunk;
    int threads;
    bool wide;
} rows;

typedef struct copying {
    const rows *p;
    const char *x;
    const void *index;
    char *y;
} copying;

static int64_t number(const rows *p, const void *index, int64_t i)
{
    return p->wide ? ((const int64_t *)index)[i] : ((const int32_t *)index)[i];
}

static void copy_chunk(void *arg, int64_t chunk, int thread)
{
    const copying *j = arg;
    const rows *p = j->p;
    int64_t end = (chunk + 1) * p->per_chunk, all = p->outer * p->n;
    (void)thread;
    for (int64_t r = chunk * p->per_chunk; r < end && r < all; r++) {
        int64_t i = number(p, j->index, r % p->n);
        if ((uint64_t)i < (uint64_t)p->size)
            memcpy(j->y + r * p->bytes, j->x + (r / p->n * p->size + i) * p->bytes, (size_t)p->bytes);
        else
            memset(j->y + r * p->bytes, 0, (size_t)p->bytes);
    }
}

/* Pictures lie as they come, channels last too where rows are still rows. */
static kernel_layout index_select_want(const kernel_bind *b, int i)
{
    int64_t axis = cpu_arg_int(b->node, "axis");
    bool whole = i || b->in[0].rank < 3 || axis == 1 || axis == 1 - b->in[0].rank || kernel_is_row_major(&b->in[0]);
    return whole ? KERNEL_ROW_MAJOR : KERNEL_CHANNELS_LAST;
}

static tn_status index_select_prepare(kernel_bind *b)
{
    enum { CHUNK = 1 << 16 /* bytes, about */ };
    const kernel_operand *x = &b->in[0];
    int64_t axis = cpu_arg_int(b->node, "axis");
    rows *p = BASE_NEW(b->arena, rows);
    if (!p)
        return base_no_memory(b->error, "preparing a kernel");
    axis = axis < 0 ? axis + x->rank : axis;
    *p = (rows){.outer = 1, .size = x->dims[axis], .n = b->in[1].dims[0], .threads = b->threads};
    p->wide = b->in[1].dtype == TN_I64;
    p->bytes = (int64_t)tn_dtype_size(x->dtype);
    const bool last = !kernel_is_row_major(x);
    if (last)
        kernel_set_layout(&b->out[0], KERNEL_CHANNELS_LAST);
    for (int k = 0; k < x->rank; k++)
        *(k < axis && !(last && k == 1) ? &p->outer : &p->bytes) *= k == axis ? 1 : x->dims[k];
    p->per_chunk = CHUNK / (p->bytes + 8) + 1;
    p->chunks = (p->outer * p->n + p->per_chunk - 1) / p->per_chunk;
    b->plan = p;
    return TN_OK;
}

static void index_select_run(const kernel_call *c)
{
    const rows *p = c->plan;
    copying j = {p, c->in[0], c->in[1], c->out[0]};
    for (int64_t i = 0; i < p->n && !c->fault->what; i++) {
        int64_t v = number(p, j.index, i);
        if ((uint64_t)v >= (uint64_t)p->size)
            *c->fault = (kernel_fault){"an index of index_select is out of range", i, (double)v};
    }
    if (p->bytes)
        cpu_parallel(p->threads, p->chunks, copy_chunk, &j);
}

#define ROW(text, layouts)                                                                                             \
    {                                                                                                                  \
        .op = #text, .name = #text "/rows", .want = layouts, .prepare = text##_prepare, .run = text##_run              \
    }
const kernel cpu_kernels_gather[] = {ROW(gather, NULL), ROW(index_select, index_select_want), {0}};
