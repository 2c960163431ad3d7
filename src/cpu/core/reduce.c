/* reduce.c: see reduce.h. */
#include "cpu/core/reduce.h"

#include <math.h>
#include <string.h>

#include "cpu/core/par.h"

extern const cpu_reduce_fns cpu_reduce_fns_portable, cpu_reduce_fns_avx2, cpu_reduce_fns_avx512;

const cpu_reduce_fns *cpu_reduce_fns_of(cpu_isa isa)
{
    return CPU_OF_ISA(isa, &cpu_reduce_fns);
}

enum { PART = 1 << 16, COLUMN_TILE = 512, ROWS_A_CHUNK = 1 << 15, MOST_CHUNKS = 64 };

/* Adds an axis inside of the last one, merged with it where it continues it. */
static void add_axis(int *n, int64_t *size, int64_t *stride, int64_t d, int64_t s)
{
    if (d == 1)
        return;
    if (*n && stride[*n - 1] == d * s) {
        size[*n - 1] *= d;
        stride[*n - 1] = s;
        return;
    }
    size[*n] = d;
    stride[(*n)++] = s;
}

void cpu_reduce_plan(cpu_reduce *r, int rank, const int64_t *dims, const int64_t *strides, int64_t mask)
{
    r->n_kept = r->n_reduced = 0;
    r->count = r->length = 1;
    for (int i = 0; i < rank; i++) {
        if (mask >> i & 1) {
            add_axis(&r->n_reduced, r->reduced, r->reduced_stride, dims[i], strides[i]);
            r->length *= dims[i];
        } else {
            add_axis(&r->n_kept, r->kept, r->kept_stride, dims[i], strides[i]);
            r->count *= dims[i];
        }
    }
    /* The reduced axes may be walked in any order: fastest last. */
    for (int i = 0; i < r->n_reduced; i++)
        for (int k = i + 1; k < r->n_reduced; k++)
            if (r->reduced_stride[k] > r->reduced_stride[i]) {
                int64_t d = r->reduced[i], s = r->reduced_stride[i];
                r->reduced[i] = r->reduced[k];
                r->reduced_stride[i] = r->reduced_stride[k];
                r->reduced[k] = d;
                r->reduced_stride[k] = s;
            }
    r->columns =
        r->n_kept && r->kept_stride[r->n_kept - 1] == 1 && !(r->n_reduced && r->reduced_stride[r->n_reduced - 1] == 1);
    r->chunks = 1;
    if (r->columns) {
        int64_t width = r->kept[r->n_kept - 1], outer = r->count / (width ? width : 1);
        r->chunks = outer > 1 ? 1 : r->length * width / ROWS_A_CHUNK;
        r->chunks = r->chunks < 1 ? 1 : r->chunks > MOST_CHUNKS ? MOST_CHUNKS : r->chunks;
    }
    r->parts = 1;
    if (r->count == 1 && r->n_reduced == 1 && r->reduced_stride[0] == 1)
        r->parts = (r->length + PART - 1) / PART;
    r->scale = 1;
}

size_t cpu_reduce_scratch(const cpu_reduce *r)
{
    if (r->parts > 1)
        return (size_t)r->parts * sizeof(double);
    return r->columns && r->chunks > 1 ? (size_t)(r->chunks * r->count) * sizeof(double) : 0;
}

static int64_t offset(int n, const int64_t *size, const int64_t *stride, int64_t at)
{
    int64_t o = 0;
    for (int i = n - 1; i >= 0; i--) {
        o += at % size[i] * stride[i];
        at /= size[i];
    }
    return o;
}

typedef struct job {
    const cpu_reduce *r;
    const cpu_reduce_fns *f;
    const void *x; /* f32 or, half, bf16 */
    float *y;
    double *partial;
    int64_t per_chunk;
} job;

static bool adds(cpu_reduce_kind kind)
{
    return kind == CPU_REDUCE_SUM || kind == CPU_REDUCE_SQUARES;
}

static double neutral(cpu_reduce_kind kind)
{
    return adds(kind) ? 0 : kind == CPU_REDUCE_MAX ? -(double)INFINITY : (double)INFINITY;
}

static double combine(cpu_reduce_kind kind, double a, double b)
{
    if (adds(kind))
        return a + b;
    return isnan(a) || (kind == CPU_REDUCE_MAX ? a > b : a < b) ? a : b;
}

static double element(cpu_reduce_kind kind, float x)
{
    return kind == CPU_REDUCE_SQUARES ? (double)x * (double)x : (double)x;
}

/* One kept position whose reduced elements are rows, or single elements far apart. */
static double reduce_one(const job *j, const float *x)
{
    const cpu_reduce *r = j->r;
    int inner = r->n_reduced - 1;
    double value = neutral(r->kind);
    if (r->n_reduced && r->reduced_stride[inner] == 1) {
        for (int64_t i = 0; i < r->length; i += r->reduced[inner])
            value = combine(
                r->kind, value,
                j->f->row(r->kind, x + offset(r->n_reduced, r->reduced, r->reduced_stride, i), r->reduced[inner]));
        return value;
    }
    for (int64_t i = 0; i < r->length; i++)
        value = combine(r->kind, value, element(r->kind, x[offset(r->n_reduced, r->reduced, r->reduced_stride, i)]));
    return value;
}

static void rows_chunk(void *arg, int64_t chunk, int thread)
{
    const job *j = arg;
    const cpu_reduce *r = j->r;
    int64_t to = (chunk + 1) * j->per_chunk;
    (void)thread;
    for (int64_t i = chunk * j->per_chunk; i < to && i < r->count; i++)
        j->y[i] =
            (float)(r->scale * reduce_one(j, (const float *)j->x + offset(r->n_kept, r->kept, r->kept_stride, i)));
}

/* The first row of a run, or one more, `at` elements from x. */
static void begin_row(const job *j, float *run, int64_t at, int64_t width)
{
    if (j->r->half)
        j->f->half(run, (const uint16_t *)j->x + at, width, false);
    else
        memcpy(run, (const float *)j->x + at, (size_t)width * sizeof *run);
}

static void into_row(const job *j, float *run, int64_t at, int64_t width)
{
    if (j->r->half)
        j->f->half(run, (const uint16_t *)j->x + at, width, true);
    else
        j->f->into(j->r->kind, run, (const float *)j->x + at, width);
}

/* Reduced positions from .. to of one tile of columns, which begins at element x, into acc. */
static void add_columns(const job *j, int64_t x, int64_t width, int64_t from, int64_t to, double *acc)
{
    const cpu_reduce *r = j->r;
    float run[COLUMN_TILE];
    for (int64_t c = 0; c < width; c++)
        acc[c] = neutral(r->kind);
    for (int64_t i = from; i < to; i += CPU_REDUCE_RUN) {
        int64_t end = i + CPU_REDUCE_RUN < to ? i + CPU_REDUCE_RUN : to;
        begin_row(j, run, x + offset(r->n_reduced, r->reduced, r->reduced_stride, i), width);
        for (int64_t k = i + 1; k < end; k++)
            into_row(j, run, x + offset(r->n_reduced, r->reduced, r->reduced_stride, k), width);
        if (r->kind == CPU_REDUCE_SUM)
            j->f->widen(acc, run, width);
        else
            for (int64_t c = 0; c < width; c++)
                acc[c] = combine(r->kind, acc[c], (double)run[c]);
    }
}

/* Chunk = (outer kept position, tile of columns) when there is one part, else (part, tile). */
static void columns_chunk(void *arg, int64_t chunk, int thread)
{
    const job *j = arg;
    const cpu_reduce *r = j->r;
    int64_t width = r->kept[r->n_kept - 1], tiles = (width + COLUMN_TILE - 1) / COLUMN_TILE;
    int64_t tile = chunk % tiles, row = chunk / tiles, first = tile * COLUMN_TILE;
    int64_t n = width - first < COLUMN_TILE ? width - first : COLUMN_TILE;
    double acc[COLUMN_TILE];
    (void)thread;
    if (r->chunks == 1) {
        add_columns(j, offset(r->n_kept, r->kept, r->kept_stride, row * width + first), n, 0, r->length, acc);
        for (int64_t c = 0; c < n; c++)
            j->y[row * width + first + c] = (float)(r->scale * acc[c]);
        return;
    }
    int64_t per = (r->length + r->chunks - 1) / r->chunks,
            to = (row + 1) * per < r->length ? (row + 1) * per : r->length;
    add_columns(j, first, n, row * per < to ? row * per : to, to, acc);
    memcpy(j->partial + row * width + first, acc, (size_t)n * sizeof *acc);
}

static void run_columns(job *j)
{
    const cpu_reduce *r = j->r;
    int64_t width = r->kept[r->n_kept - 1], tiles = (width + COLUMN_TILE - 1) / COLUMN_TILE, outer = r->count / width;
    int threads = r->count * r->length < ROWS_A_CHUNK ? 1 : r->threads;
    cpu_parallel(threads, (r->chunks == 1 ? outer : r->chunks) * tiles, columns_chunk, j);
    for (int64_t c = 0; r->chunks > 1 && c < width; c++) {
        double sum = j->partial[c];
        for (int64_t k = 1; k < r->chunks; k++)
            sum = combine(r->kind, sum, j->partial[k * width + c]);
        j->y[c] = (float)(r->scale * sum);
    }
}

/* A whole tensor in parts of fixed size, joined in order. */
static void part_chunk(void *arg, int64_t chunk, int thread)
{
    const job *j = arg;
    int64_t from = chunk * PART, n = j->r->length - from < PART ? j->r->length - from : PART;
    (void)thread;
    j->partial[chunk] = j->f->row(j->r->kind, (const float *)j->x + from, n);
}

static void run_parts(job *j)
{
    const cpu_reduce *r = j->r;
    cpu_parallel(r->threads, r->parts, part_chunk, j);
    double value = j->partial[0];
    for (int64_t i = 1; i < r->parts; i++)
        value = combine(r->kind, value, j->partial[i]);
    j->y[0] = (float)(r->scale * value);
}

void cpu_reduce_run(const cpu_reduce *r, const void *x, float *y, void *scratch)
{
    job j = {r, cpu_reduce_fns_of(r->isa), x, y, scratch, 1};
    if (r->count == 0)
        return;
    if (r->parts > 1) {
        run_parts(&j);
        return;
    }
    if (r->columns) {
        run_columns(&j);
        return;
    }
    j.per_chunk = ROWS_A_CHUNK / (r->length ? r->length : 1) + 1;
    cpu_parallel(r->threads, (r->count + j.per_chunk - 1) / j.per_chunk, rows_chunk, &j);
}
