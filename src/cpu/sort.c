/* sort.c: sort of any dtype: an element and its number become an item whose key orders as unsigned numbers do; items are sorted by
 * the bytes of their keys, least first, which keeps equal ones in their order (LSD radix sort; Knuth, The Art of Computer
 * Programming 3, 5.2.5), and short rows by insertion. */
#include "cpu/core/kernels.h"
#include "cpu/core/par.h"

#include <string.h>

enum { SHORT = 48 /* items that insertion sorts sooner */, CHUNK = 1 << 12 /* elements, about */ };

typedef struct item {
    uint64_t key;
    int64_t place;
} item;

typedef struct sort_plan {
    int64_t outer, n, inner, per_chunk, chunks; /* rows are columns of [outer, n, inner] */
    tn_dtype dtype;
    int bytes; /* of an element, and so of a key */
    int threads;
    bool descending;
} sort_plan;

typedef struct job {
    const sort_plan *p;
    const char *x;
    char *y;
    int64_t *index;
    item *scratch; /* two rows for each thread */
} job;

/* ---- keys ---------------------------------------------------------------------------------------------------------- */

/* Bits of a float of `digits` bits as a number that orders as the float does: a set sign turns all others over, and sets itself
 * otherwise. -0 is 0, and every NaN the largest. */
static uint64_t float_key(uint64_t bits, int digits, uint64_t infinity)
{
    const uint64_t sign = (uint64_t)1 << (digits - 1), all = sign | (sign - 1), size = bits & ~sign;
    if (size > infinity)
        return all;
    if (size == 0)
        return sign;
    return bits & sign ? ~bits & all : bits | sign;
}

static uint64_t key_of(tn_dtype dtype, const char *at)
{
    uint64_t v64;
    uint32_t v32;
    uint16_t v16;
    const uint8_t v8 = (uint8_t)*at;
    switch (dtype) {
    case TN_F64: memcpy(&v64, at, 8); return float_key(v64, 64, (uint64_t)0x7ff << 52);
    case TN_I64: memcpy(&v64, at, 8); return v64 ^ (uint64_t)1 << 63;
    case TN_F32: memcpy(&v32, at, 4); return float_key(v32, 32, 0x7f800000);
    case TN_I32: memcpy(&v32, at, 4); return v32 ^ 0x80000000U;
    case TN_F16: memcpy(&v16, at, 2); return float_key(v16, 16, 0x7c00);
    case TN_BF16: memcpy(&v16, at, 2); return float_key(v16, 16, 0x7f80);
    case TN_I16: memcpy(&v16, at, 2); return v16 ^ 0x8000U;
    case TN_I8: return v8 ^ 0x80U;
    default: return v8; /* u8, bool */
    }
}

/* ---- one row ------------------------------------------------------------------------------------------------------- */

static void insert_all(item *a, int64_t n)
{
    for (int64_t i = 1; i < n; i++) {
        const item v = a[i];
        int64_t k = i;
        for (; k > 0 && a[k - 1].key > v.key; k--)
            a[k] = a[k - 1];
        a[k] = v;
    }
}

/* By one byte of the keys, from a to b; false when all have the same there, and nothing was done. */
static bool deal(const item *a, item *b, int64_t n, int shift)
{
    int64_t start[256] = {0}, sum = 0;
    for (int64_t i = 0; i < n; i++)
        start[a[i].key >> shift & 255]++;
    if (start[a[0].key >> shift & 255] == n)
        return false;
    for (int d = 0; d < 256; d++) {
        int64_t count = start[d];
        start[d] = sum;
        sum += count;
    }
    for (int64_t i = 0; i < n; i++)
        b[start[a[i].key >> shift & 255]++] = a[i];
    return true;
}

static const item *sorted(item *a, item *b, int64_t n, int bytes)
{
    if (n <= SHORT) {
        insert_all(a, n);
        return a;
    }
    for (int shift = 0; shift < 8 * bytes; shift += 8)
        if (deal(a, b, n, shift)) {
            item *t = a;
            a = b;
            b = t;
        }
    return a;
}

static void sort_row(const job *j, int64_t r, item *room)
{
    const sort_plan *p = j->p;
    int64_t first = r / p->inner * p->n * p->inner + r % p->inner;
    const uint64_t turn = p->descending ? UINT64_MAX >> (64 - 8 * p->bytes) : 0;
    for (int64_t i = 0; i < p->n; i++)
        room[i] = (item){key_of(p->dtype, j->x + (first + i * p->inner) * p->bytes) ^ turn, i};
    const item *order = sorted(room, room + p->n, p->n, p->bytes);
    for (int64_t i = 0; i < p->n; i++) {
        int64_t to = first + i * p->inner, from = first + order[i].place * p->inner;
        j->index[to] = order[i].place;
        memcpy(j->y + to * p->bytes, j->x + from * p->bytes, (size_t)p->bytes);
    }
}

/* ---- kernel ------------------------------------------------------------------------------------------------------ */

static void run_chunk(void *arg, int64_t chunk, int thread)
{
    const job *j = arg;
    int64_t end = (chunk + 1) * j->p->per_chunk, rows = j->p->outer * j->p->inner;
    for (int64_t r = chunk * j->p->per_chunk; r < end && r < rows; r++)
        sort_row(j, r, j->scratch + 2 * j->p->n * thread);
}

static tn_status prepare(kernel_bind *b)
{
    const kernel_operand *x = &b->in[0];
    int64_t axis = cpu_arg_int(b->node, "axis");
    sort_plan *p = BASE_NEW(b->arena, sort_plan);
    if (!p)
        return base_no_memory(b->error, "preparing a kernel");
    axis = axis < 0 ? axis + x->rank : axis;
    *p = (sort_plan){.outer = 1, .inner = 1, .n = x->dims[axis], .dtype = x->dtype, .threads = b->threads};
    for (int i = 0; i < x->rank; i++)
        *(i < axis ? &p->outer : &p->inner) *= i == axis ? 1 : x->dims[i];
    p->bytes = (int)tn_dtype_size(x->dtype);
    p->descending = cpu_arg_int(b->node, "descending");
    p->per_chunk = CHUNK / (p->n + 1) + 1;
    p->chunks = (p->outer * p->inner + p->per_chunk - 1) / p->per_chunk;
    b->scratch = (size_t)(p->chunks > 1 ? b->threads : 1) * 2 * (size_t)p->n * sizeof(item);
    b->plan = p;
    b->path = p->n <= SHORT ? "insertion" : "radix";
    return TN_OK;
}

static void run(const kernel_call *c)
{
    const sort_plan *p = c->plan;
    job j = {p, c->in[0], c->out[0], c->out[1], c->scratch};
    if (p->n > 0)
        cpu_parallel(p->threads, p->chunks, run_chunk, &j);
}

const kernel cpu_kernels_sort[] = {{.op = "sort", .name = "sort/radix", .prepare = prepare, .run = run}, {0}};
