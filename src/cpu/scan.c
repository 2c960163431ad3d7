/* scan.c: what goes along one axis in order, on f32, f64 and i64: cumsum, scan, prod, argmax, argmin. Tensors are seen as [outer,
 * n, inner]; up to WIDTH neighbouring columns go together, each with an accumulator of its own, floats in double. */
#include "cpu/core/kernels.h"
#include "cpu/core/par.h"

#include <string.h>

enum { WIDTH = 128, LANES = 32, CHUNK = 1 << 13 /* elements, about */ };

typedef struct scan_plan scan_plan;
/* Columns at a (and b, y) to a + width; elements of a column are p->inner apart. */
typedef void (*scan_fn)(const scan_plan *p, const void *a, const void *b, void *y, int64_t width);
struct scan_plan {
    int64_t outer, n, inner, blocks, per_chunk;
    size_t in_bytes, out_bytes; /* of an element */
    int64_t out_n;              /* n, or 1 where the axis is reduced */
    int threads;
    bool reverse, exclusive, two; /* two: there is a second input */
    double initial;
    scan_fn fn;
};

/* ---- columns ----------------------------------------------------------------------------------------------------- */

#define EACH_STEP                                                                                                      \
    for (int64_t k = 0, i = p->reverse ? (p->n - 1) * p->inner : 0; k < p->n;                                          \
         k++, i += p->reverse ? -p->inner : p->inner)

#define SUM(suffix, type, wide)                                                                                        \
    static void sum_##suffix(const scan_plan *p, const void *a, const void *b, void *y, int64_t width)                 \
    {                                                                                                                  \
        const type *x = a;                                                                                             \
        type *to = y;                                                                                                  \
        wide sum[WIDTH] = {0};                                                                                         \
        (void)b;                                                                                                       \
        EACH_STEP for (int64_t c = 0; c < width; c++)                                                                  \
        {                                                                                                              \
            const wide before = sum[c];                                                                                \
            sum[c] += (wide)x[i + c];                                                                                  \
            to[i + c] = (type)(p->exclusive ? before : sum[c]);                                                        \
        }                                                                                                              \
    }
#define RECUR(suffix, type, wide)                                                                                      \
    static void recur_##suffix(const scan_plan *p, const void *a, const void *b, void *y, int64_t width)               \
    {                                                                                                                  \
        const type *x = a, *more = b;                                                                                  \
        type *to = y;                                                                                                  \
        wide last[WIDTH];                                                                                              \
        for (int64_t c = 0; c < width; c++)                                                                            \
            last[c] = (wide)(type)p->initial;                                                                          \
        EACH_STEP for (int64_t c = 0; c < width; c++)                                                                  \
        {                                                                                                              \
            last[c] = (wide)x[i + c] * last[c] + (more ? (wide)more[i + c] : 0);                                       \
            to[i + c] = (type)last[c];                                                                                 \
        }                                                                                                              \
    }
#define PRODUCT(suffix, type, wide)                                                                                    \
    static void product_##suffix(const scan_plan *p, const void *a, const void *b, void *y, int64_t width)             \
    {                                                                                                                  \
        const type *x = a;                                                                                             \
        type *to = y;                                                                                                  \
        wide all[WIDTH];                                                                                               \
        (void)b;                                                                                                       \
        for (int64_t c = 0; c < width; c++)                                                                            \
            all[c] = 1;                                                                                                \
        EACH_STEP for (int64_t c = 0; c < width; c++) all[c] *= (wide)x[i + c];                                        \
        for (int64_t c = 0; c < width; c++)                                                                            \
            to[c] = (type)all[c];                                                                                      \
    }
/* The first of the best; the first NaN if there is one. A single column is gone through as LANES of them; `count` is an
 * integer as wide as the type, for both to fit into one vector. */
#define PLACE(name, type, count, better)                                                                               \
    static void name(const scan_plan *p, const void *a, const void *b, void *y, int64_t width)                         \
    {                                                                                                                  \
        const type *x = a;                                                                                             \
        int64_t *to = y;                                                                                               \
        type best[WIDTH];                                                                                              \
        count place[WIDTH] = {0};                                                                                      \
        (void)b;                                                                                                       \
        memcpy(best, x, (size_t)width * sizeof *best);                                                                 \
        EACH_STEP for (int64_t c = 0; c < width; c++)                                                                  \
        {                                                                                                              \
            const type v = x[i + c], old = best[c];                                                                    \
            const bool wins = v better old || (v != v && old == old);                                                  \
            best[c] = wins ? v : old;                                                                                  \
            place[c] = wins ? (count)k : place[c];                                                                     \
        }                                                                                                              \
        for (int64_t c = 0; c < width; c++)                                                                            \
            to[c] = place[c];                                                                                          \
    }                                                                                                                  \
    static void name##_row(const scan_plan *p, const void *a, const void *b, void *y, int64_t width)                   \
    {                                                                                                                  \
        const type *x = a;                                                                                             \
        int64_t at[LANES], rest = p->n / LANES * LANES, *won = y;                                                      \
        scan_plan lanes = {.n = p->n / LANES, .inner = LANES};                                                         \
        (void)width;                                                                                                   \
        name(&lanes, a, b, at, LANES);                                                                                 \
        *won = at[0] * LANES;                                                                                          \
        for (int64_t c = 1; c < LANES + p->n - rest; c++) {                                                            \
            const int64_t i = c < LANES ? at[c] * LANES + c : rest + c - LANES;                                        \
            const type v = x[i], old = x[*won];                                                                        \
            const bool equal = v == old || (v != v && old != old);                                                     \
            if (v better old || (v != v && old == old) || (equal && i < *won))                                         \
                *won = i;                                                                                              \
        }                                                                                                              \
    }
#define ALL(suffix, type, wide, count)                                                                                 \
    SUM(suffix, type, wide)                                                                                            \
    RECUR(suffix, type, wide)                                                                                          \
    PRODUCT(suffix, type, wide)                                                                                        \
    PLACE(largest_##suffix, type, count, >)                                                                            \
    PLACE(smallest_##suffix, type, count, <)
ALL(f32, float, double, int32_t)
ALL(f64, double, double, int64_t)
ALL(i64, int64_t, uint64_t, int64_t)

static const struct {
    const char *op;
    scan_fn f32, f64, i64;
    bool reduces, row; /* row: for a single column, of LANES elements at least */
} ways[] = {{"cumsum", sum_f32, sum_f64, sum_i64, false, false},
            {"scan", recur_f32, recur_f64, recur_i64, false, false},
            {"prod", product_f32, product_f64, product_i64, true, false},
            {"argmax", largest_f32_row, largest_f64_row, largest_i64_row, true, true},
            {"argmin", smallest_f32_row, smallest_f64_row, smallest_i64_row, true, true},
            {"argmax", largest_f32, largest_f64, largest_i64, true, false},
            {"argmin", smallest_f32, smallest_f64, smallest_i64, true, false}};

/* ---- kernel ------------------------------------------------------------------------------------------------------ */

/* The axes that are gone through, as a mask. */
static int64_t axes_of(const graph_node *node, int rank)
{
    const op_value *axes = cpu_arg(node, "axes"), *axis = cpu_arg(node, "axis");
    return axes ? op_axes_mask(axes, rank) : (int64_t)1 << (axis->i < 0 ? axis->i + rank : axis->i);
}

static bool keeps(const graph_node *node, bool training)
{
    tn_dtype d = node->in[0]->type.dtype;
    (void)training;
    return d == TN_F32 || d == TN_F64 || d == TN_I64;
}

/* Axes that are neighbours are one. Of nothing there is no largest element; that has been said before. Places among f32 are
 * counted by 32 bits. */
static bool accepts(const kernel_bind *b)
{
    int64_t mask = axes_of(b->node, b->in[0].rank), n = 1;
    for (int i = 0; i < b->in[0].rank; i++)
        n *= mask >> i & 1 ? b->in[0].dims[i] : 1;
    if (n > INT32_MAX)
        return false;
    while (mask && !(mask & 1))
        mask >>= 1;
    return (mask & (mask + 1)) == 0 && kernel_count(&b->in[0]) > 0;
}

static tn_status prepare(kernel_bind *b)
{
    const kernel_operand *x = &b->in[0];
    int64_t mask = axes_of(b->node, x->rank);
    scan_plan *p = BASE_NEW(b->arena, scan_plan);
    if (!p)
        return base_no_memory(b->error, "preparing a kernel");
    *p = (scan_plan){.outer = 1, .n = 1, .inner = 1, .threads = b->threads};
    for (int i = 0; i < x->rank; i++) {
        bool before = mask >> i > 1 && !(mask >> i & 1);
        *(mask >> i & 1 ? &p->n : before ? &p->outer : &p->inner) *= x->dims[i];
    }
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (strcmp(ways[i].op, b->node->def->name) == 0 && (!ways[i].row || (p->inner == 1 && p->n >= LANES))) {
            p->fn = x->dtype == TN_F32 ? ways[i].f32 : x->dtype == TN_F64 ? ways[i].f64 : ways[i].i64;
            p->out_n = ways[i].reduces ? 1 : p->n;
            break;
        }
    p->in_bytes = tn_dtype_size(x->dtype);
    p->out_bytes = tn_dtype_size(b->out[0].dtype);
    p->reverse = cpu_arg(b->node, "reverse") && cpu_arg_int(b->node, "reverse");
    p->exclusive = cpu_arg(b->node, "exclusive") && cpu_arg_int(b->node, "exclusive");
    p->initial = cpu_arg(b->node, "initial") ? cpu_arg_float(b->node, "initial") : 0;
    p->two = b->n_in > 1 && b->in[1].dtype;
    p->blocks = (p->inner + WIDTH - 1) / WIDTH;
    int64_t columns = p->inner < WIDTH ? p->inner : WIDTH;
    p->per_chunk = CHUNK / (p->n * columns) + 1;
    b->plan = p;
    return TN_OK;
}

typedef struct job {
    const scan_plan *p;
    const char *a, *b;
    char *y;
} job;

static void run_chunk(void *arg, int64_t chunk, int thread)
{
    const job *j = arg;
    const scan_plan *p = j->p;
    int64_t all = p->outer * p->blocks, end = (chunk + 1) * p->per_chunk;
    (void)thread;
    for (int64_t i = chunk * p->per_chunk; i < end && i < all; i++) {
        int64_t o = i / p->blocks, from = i % p->blocks * WIDTH, left = p->inner - from;
        int64_t at = o * p->n * p->inner + from, to = o * p->out_n * p->inner + from;
        p->fn(p, j->a + at * (int64_t)p->in_bytes, j->b ? j->b + at * (int64_t)p->in_bytes : NULL,
              j->y + to * (int64_t)p->out_bytes, left < WIDTH ? left : WIDTH);
    }
}

static void run(const kernel_call *c)
{
    const scan_plan *p = c->plan;
    job j = {p, c->in[0], p->two ? c->in[1] : NULL, c->out[0]};
    cpu_parallel(p->threads, (p->outer * p->blocks + p->per_chunk - 1) / p->per_chunk, run_chunk, &j);
}

#define ROW(text)                                                                                                      \
    {                                                                                                                  \
        .op = text, .name = text "/columns", .keeps = keeps, .accepts = accepts, .prepare = prepare, .run = run        \
    }
const kernel cpu_kernels_scan[] = {ROW("cumsum"), ROW("scan"), ROW("prod"), ROW("argmax"), ROW("argmin"), {0}};
