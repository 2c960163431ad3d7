/* scatter.c: scatter_add, scatter, scatter_mul, scatter_max, scatter_min and index_add on f64, f32, i64 and i32 (scatter: any dtype). The
 * output begins as a copy of x; elements of source come to it in their order, whatever the number of threads: work is cut
 * where they cannot meet. */
#include "cpu/core/index.h"
#include "cpu/core/par.h"
#include "cpu/core/pieces.h"

#include <string.h>

typedef struct scatter_plan {
    cpu_pieces *copy;
    cpu_index *index;
} scatter_plan;

/* `old` is what is there, `new` what comes. */
#define COME(name, type, expression)                                                                                   \
    static void name(const cpu_index *p, int64_t first, int64_t base, int64_t from, int64_t to)                        \
    {                                                                                                                  \
        const type *source = p->from;                                                                                  \
        type *y = p->to;                                                                                               \
        for (int64_t c = from; c < to; c++) {                                                                          \
            int64_t at = cpu_index_place(p, first + c, base, c);                                                       \
            if (at < 0)                                                                                                \
                continue;                                                                                              \
            const type old = y[at], new = source[first + c];                                                           \
            (void)old;                                                                                                 \
            y[at] = (expression);                                                                                      \
        }                                                                                                              \
    }
#define COME_FLOAT(suffix, type)                                                                                       \
    COME(add_##suffix, type, old + new)                                                                                \
    COME(mul_##suffix, type, old *new)                                                                                 \
    COME(max_##suffix, type, new != new || new > old ? new : old)                                                      \
    COME(min_##suffix, type, new != new || new < old ? new : old)
#define COME_INT(suffix, type)                                                                                         \
    COME(add_##suffix, type, (type)((uint64_t)old + (uint64_t) new))                                                   \
    COME(mul_##suffix, type, (type)((uint64_t)old * (uint64_t) new))                                                   \
    COME(max_##suffix, type, new > old ? new : old)                                                                    \
    COME(min_##suffix, type, new < old ? new : old)
COME_FLOAT(f64, double)
COME_FLOAT(f32, float)
COME_INT(i64, int64_t)
COME_INT(i32, int32_t)
COME(set_8, uint8_t, new)
COME(set_16, uint16_t, new)
COME(set_32, uint32_t, new)
COME(set_64, uint64_t, new)

static bool keeps(const graph_node *node, bool training)
{
    tn_dtype d = node->out[0].type.dtype;
    (void)training;
    return d == TN_F64 || d == TN_F32 || d == TN_I64 || d == TN_I32;
}

static tn_status prepare(kernel_bind *b, cpu_index_row row, const char *fault)
{
    scatter_plan *p = BASE_NEW(b->arena, scatter_plan);
    if (!p)
        return base_no_memory(b->error, "preparing a kernel");
    p->copy = cpu_pieces_new(b, 1);
    p->index = cpu_index_new(b, 1, &b->out[0], true, row, fault);
    if (!p->copy || !p->index)
        return b->error->status;
    b->plan = p;
    return cpu_pieces_copy(b, p->copy, 0, 0, b->out[0].strides);
}

#define PREPARE(op, how)                                                                                               \
    static tn_status op##_prepare(kernel_bind *b)                                                                      \
    {                                                                                                                  \
        static const cpu_index_row rows[TN_DTYPE_END] = {                                                              \
            [TN_F64] = how##_f64, [TN_F32] = how##_f32, [TN_I64] = how##_i64, [TN_I32] = how##_i32};                   \
        return prepare(b, rows[b->out[0].dtype], "an index of " #op " is out of range");                               \
    }
PREPARE(scatter_add, add)
PREPARE(scatter_mul, mul)
PREPARE(scatter_max, max)
PREPARE(scatter_min, min)

static tn_status scatter_prepare(kernel_bind *b)
{
    size_t size = tn_dtype_size(b->out[0].dtype);
    return prepare(b,
                   size == 8   ? set_64
                   : size == 4 ? set_32
                   : size == 2 ? set_16
                               : set_8,
                   "an index of scatter is out of range");
}

static void copy_x(const kernel_call *c, const cpu_pieces *copy)
{
    kernel_call call = *c;
    call.plan = copy;
    cpu_pieces_run(&call);
}

static void run(const kernel_call *c)
{
    const scatter_plan *p = c->plan;
    copy_x(c, p->copy);
    cpu_index_run(p->index, c->in[1], c->in[2], c->out[0], c->fault);
}

/* x in whatever order, as it is copied: it is often one 0 expanded. */
static kernel_layout want(const kernel_bind *b, int i)
{
    (void)b;
    return i == 0 ? KERNEL_ANY : KERNEL_ROW_MAJOR;
}

/* ---- index_add ----------------------------------------------------------------------------------------------------- */

typedef struct add_plan {
    cpu_pieces *copy;
    void (*add)(void *y, const void *source, int64_t n);
    int64_t outer, size, n, inner, width; /* y is [outer, size, inner], source [outer, n, inner]; columns of a chunk */
    int64_t blocks, bytes;
    int64_t
        parts; /* of y's rows, each the work of one thread: as many as there are threads where columns are too few to share */
    int threads;
    bool wide;
} add_plan;

typedef struct adding {
    const add_plan *p;
    const void *index;
    const char *source;
    char *y;
} adding;

#define ADD(suffix, type, sum)                                                                                         \
    static void add_row_##suffix(void *to, const void *from, int64_t n)                                                \
    {                                                                                                                  \
        type *y = to;                                                                                                  \
        const type *x = from;                                                                                          \
        for (int64_t i = 0; i < n; i++)                                                                                \
            y[i] = (type)((sum)y[i] + (sum)x[i]);                                                                      \
    }
ADD(f64, double, double)
ADD(f32, float, float)
ADD(i64, int64_t, uint64_t)
ADD(i32, int32_t, uint32_t)

static int64_t number(const add_plan *p, const void *index, int64_t i)
{
    return p->wide ? ((const int64_t *)index)[i] : ((const int32_t *)index)[i];
}

/* Where sources [from, to) that go to rows [first, first + rows) are: without a branch, as nobody can foresee them. */
static int64_t pick(const add_plan *p, const void *index, int64_t from, int64_t to, int64_t first, int64_t rows,
                    int64_t *picked)
{
    int64_t n = 0;
    for (int64_t i = from; i < to; i++) {
        picked[n] = i;
        n += (uint64_t)(number(p, index, i) - first) < (uint64_t)rows;
    }
    return n;
}

static void add_chunk(void *arg, int64_t chunk, int thread)
{
    enum { STRETCH = 256 };
    const adding *j = arg;
    const add_plan *p = j->p;
    int64_t part = chunk % p->parts, first = part * p->size / p->parts, picked[STRETCH];
    int64_t rows = (part + 1) * p->size / p->parts - first;
    int64_t o = chunk / p->parts / p->blocks, from = chunk / p->parts % p->blocks * p->width, left = p->inner - from;
    (void)thread;
    left = left < p->width ? left : p->width;
    for (int64_t start = 0; start < p->n; start += STRETCH) {
        int64_t end = start + STRETCH < p->n ? start + STRETCH : p->n;
        int64_t n = pick(p, j->index, start, end, first, rows, picked);
        for (int64_t k = 0; k < n; k++) {
            int64_t i = picked[k], v = number(p, j->index, i);
            p->add(j->y + ((o * p->size + v) * p->inner + from) * p->bytes,
                   j->source + ((o * p->n + i) * p->inner + from) * p->bytes, left);
        }
    }
}

static tn_status index_add_prepare(kernel_bind *b)
{
    enum { WIDTH = 64, NARROW = 4, SMALL = 1 << 14 };
    const kernel_operand *y = &b->out[0];
    int64_t axis = cpu_arg_int(b->node, "axis");
    add_plan *p = BASE_NEW(b->arena, add_plan);
    if (!p)
        return base_no_memory(b->error, "preparing a kernel");
    axis = axis < 0 ? axis + y->rank : axis;
    *p = (add_plan){.outer = 1, .inner = 1, .size = y->dims[axis], .n = b->in[1].dims[0], .threads = b->threads};
    p->wide = b->in[1].dtype == TN_I64;
    p->bytes = (int64_t)tn_dtype_size(y->dtype);
    for (int k = 0; k < y->rank; k++)
        *(k < axis ? &p->outer : &p->inner) *= k == axis ? 1 : y->dims[k];
    p->width = p->inner > WIDTH ? WIDTH : p->inner;
    p->blocks = p->width ? (p->inner + p->width - 1) / p->width : 0;
    p->parts = p->outer * p->blocks < b->threads && p->inner >= NARROW && p->n * p->inner >= SMALL ? b->threads : 1;
    p->add = y->dtype == TN_F64   ? add_row_f64
             : y->dtype == TN_F32 ? add_row_f32
             : y->dtype == TN_I64 ? add_row_i64
                                  : add_row_i32;
    p->copy = cpu_pieces_new(b, 1);
    b->plan = p;
    return p->copy ? cpu_pieces_copy(b, p->copy, 0, 0, y->strides) : b->error->status;
}

static void index_add_run(const kernel_call *c)
{
    const add_plan *p = c->plan;
    adding j = {p, c->in[1], c->in[2], c->out[0]};
    copy_x(c, p->copy);
    for (int64_t i = 0; i < p->n && !c->fault->what; i++) {
        int64_t v = number(p, j.index, i);
        if ((uint64_t)v >= (uint64_t)p->size)
            *c->fault = (kernel_fault){"an index of index_add is out of range", i, (double)v};
    }
    cpu_parallel(p->threads, p->outer * p->blocks * p->parts, add_chunk, &j);
}

#define ROW(text, way)                                                                                                 \
    {                                                                                                                  \
        .op = #text, .name = #text "/rows", .keeps = keeps, .want = want, .prepare = text##_prepare, .run = way        \
    }
const kernel cpu_kernels_scatter[] = {
    ROW(scatter_add, run),
    ROW(scatter_mul, run),
    ROW(scatter_max, run),
    ROW(scatter_min, run),
    ROW(index_add, index_add_run),
    {.op = "scatter", .name = "scatter/rows", .want = want, .prepare = scatter_prepare, .run = run},
    {0}};
